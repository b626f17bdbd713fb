"""What keeps the report region from git: a clean filter and its attribute, both in the common dir, nothing tracked.

A merge driver stands beside it, for branches that carry reports in their commits. git runs `hidden.py` and
`merge_regions.py`.
"""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import suppress
from dataclasses import dataclass

from agentsync.base import files, git
from agentsync.base.settings import Settings
from agentsync.report import git_index, region
from agentsync.setup.local_files import block_lines, with_block, without_block

FILTER = "filter.agentsync.clean"
DRIVER = "merge.agentsync.driver"
UNENDED = "filter.agentsync.unended"  # the configuration had no newline at its end
SECTIONS = ("filter.agentsync", "merge.agentsync")
HIDDEN, PLAIN, OWED = "hidden", "plain", "owed"
NOT_INSTALLED = "the filter that keeps reports from git is not installed; `agentsync init` does that"
_NONE = ("unspecified", "unset")


@dataclass(frozen=True)
class Way:
    """How a worktree's report is written: "hidden" from git, "plain" as any text, or "owed"; and why not hidden."""

    kind: str
    why: str = ""


def way(clone: git.Clone, worktree: git.Worktree, settings: Settings) -> Way:
    """How the report is to be written now; git's attributes are made to fit."""
    found, attributes = _judge(clone, worktree, settings, is_installed(clone))
    if found.kind != OWED:
        _attribute(clone, settings.report.path, attributes)
    return found


def fits(clone: git.Clone, worktree: git.Worktree, settings: Settings) -> bool:
    """Whether git's attributes are those that `way` makes once the filter is installed."""
    attributes = _judge(clone, worktree, settings, True)[1]
    return _with_attribute(_attributes(clone), settings.report.path, attributes) == _attributes(clone)


def _judge(clone: git.Clone, worktree: git.Worktree, settings: Settings, installed: bool) -> tuple[Way, str]:
    """The way, and the attributes that go with it."""
    path = settings.report.path
    if settings.report.commit == "agentsync" and not installed:
        return Way(OWED, NOT_INSTALLED), ""
    others = _others(clone, worktree, path)
    merge = "" if others["merge"] or not installed else "merge=agentsync"
    if settings.report.commit != "agentsync":
        return Way(PLAIN), merge
    if others["filter"]:
        return Way(PLAIN, f"{path} has filter={others['filter']} in .gitattributes, and git allows for one"), merge
    return Way(HIDDEN), f"filter=agentsync {merge}".strip()


def is_installed(clone: git.Clone) -> bool:
    """Whether the clone's configuration has the filter."""
    return bool(_configured(clone, FILTER))


def commands(python: str) -> dict[str, str]:
    """What `init` puts into the clone's configuration: what git runs, by its own shell."""
    return {
        FILTER: _script("clean.sh", python, "agentsync_path=%f"),
        DRIVER: _script("merge.sh", python, "set -- %O %A %B %L"),
        "merge.agentsync.name": "unites the report regions of agentsync",
    }


def is_current(clone: git.Clone, python: str) -> bool:
    """Whether the configuration has exactly these commands."""
    return all(_configured(clone, name) == text for name, text in commands(python).items())


def program(clone: git.Clone) -> str:
    """The interpreter that the filter starts; "" if there is no filter."""
    for line in _configured(clone, FILTER).split("\n"):
        if line.startswith("agentsync_python="):
            return "".join(shlex.split(line.partition("=")[2])).replace("%%", "%")
    return ""


def install(clone: git.Clone, python: str = sys.executable) -> None:
    """Put filter and merge driver into the clone's configuration. Raises git.GitError."""
    wanted = commands(python)
    if not is_there(clone) and not _ends_in_newline(f"{clone.common_dir}/config"):
        wanted[UNENDED] = "true"  # git ends the line; `remove` gives the file back as it was
    for name, text in wanted.items():
        if _configured(clone, name) != text:
            git.run(["config", "--local", name, text], cwd=clone.common_dir)


def _ends_in_newline(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read()[-1:] in (b"\n", b"")


def remove(clone: git.Clone) -> None:
    """Take filter, merge driver and attributes out of the common dir. Raises git.GitError, OSError."""
    if block_lines(data := _attributes(clone)):
        _write(_attributes_path(clone), without_block(data or b""))
    path = f"{clone.common_dir}/config"
    unended = _configured(clone, UNENDED)
    for section in SECTIONS:
        if git.answer(["config", "--local", "--get-regexp", f"^{section}\\."], cwd=clone.common_dir)[1]:
            git.run(["config", "--local", "--remove-section", section], cwd=clone.common_dir)
    if unended and _ends_in_newline(path):
        os.truncate(path, os.stat(path).st_size - 1)


def is_there(clone: git.Clone) -> bool:
    """Whether there is anything to remove."""
    return bool(block_lines(_attributes(clone))) or any(_configured(clone, name) for name in (FILTER, DRIVER))


def obstacle(worktree: git.Worktree, path: str) -> str:
    """Why `uncover` must not touch the worktree now; "" if it may."""
    operation = git.operation(worktree.git_dir)
    return f"a {operation.name} is going on" if operation else git_index.obstacle(worktree, path)


def uncover(worktree: git.Worktree, path: str, *, dry_run: bool) -> bool:
    """Give a tracked file, and its index entry, the region that HEAD has, or none. Whether the file changes."""
    entry = git_index.find(worktree, path)
    if entry is None:
        return False
    try:
        content = files.read_document(worktree.root, path)
        indexed = git.run(["cat-file", "blob", entry.oid], cwd=worktree.root)
        stored = region.as_stored(indexed, git.blob(f"HEAD:{path}", cwd=worktree.root))
        shown = region.as_stored(content or b"", stored)
    except (region.BrokenRegionError, files.UnreadableError):
        return False
    if dry_run or (shown == (content or b"") and stored == indexed):
        return shown != (content or b"")
    oid = entry.oid if stored == indexed else git.store_blob(stored, cwd=worktree.root)
    git_index.put(worktree, path, entry, oid)
    if content is not None and shown != content:
        files.exchange(worktree.root, path, content, shown)
    git_index.note_stat(worktree, path)
    return True


def foreign_filter(clone: git.Clone, worktree: git.Worktree, path: str) -> str:
    """The filter that somebody else's attributes give the file; "" for none."""
    return _others(clone, worktree, path)["filter"]


def _others(clone: git.Clone, worktree: git.Worktree, path: str) -> dict[str, str]:
    """What is set without our own line, which overrides all others: asked of a repository that has no such line."""
    if os.path.isdir(clone.store):
        return _asked_of(f"{clone.store}/no-attributes", worktree, path)
    import tempfile  # late: only before the first `init` there is no such folder, and a dry run makes none

    with tempfile.TemporaryDirectory() as folder:
        return _asked_of(folder, worktree, path)


def _asked_of(empty: str, worktree: git.Worktree, path: str) -> dict[str, str]:
    for folder in ("objects", "refs"):
        os.makedirs(f"{empty}/{folder}", exist_ok=True)
    if not os.path.exists(f"{empty}/HEAD"):
        files.replace_file(f"{empty}/HEAD", b"ref: refs/heads/none\n")
    args = [f"--git-dir={empty}", f"--work-tree={worktree.root}", "check-attr", "-z", "filter", "merge", "--", path]
    words = git.run(args, cwd=worktree.root).decode(errors="replace").split("\0")
    return {name: "" if value in _NONE else value for name, value in zip(words[1::3], words[2::3], strict=False)}


def _attribute(clone: git.Clone, path: str, attributes: str) -> None:
    """Let our block in info/attributes give the path these attributes and no other; nothing is written in vain."""
    data = _attributes(clone)
    wanted = _with_attribute(data, path, attributes)
    if wanted == data:
        return
    _write(_attributes_path(clone), wanted)
    if b"filter=agentsync" in (data or b"") and "filter=" not in attributes:
        _show_again(clone, path)


def _with_attribute(data: bytes | None, path: str, attributes: str) -> bytes | None:
    """The file with the path's line in our block, or without it; None: no file."""
    lines = [line for line in block_lines(data) if not line.startswith(_quoted(path) + b" ")]
    if attributes:
        lines.append(_quoted(path) + b" " + attributes.encode())
    patterns = b"".join(line + b"\n" for line in lines).decode(errors="surrogateescape")
    if lines:
        return with_block(data, patterns)
    return None if data is None else without_block(data)


def _show_again(clone: git.Clone, path: str) -> None:
    """git believes what it has seen through the filter: let it look at the file anew, in every worktree."""
    for worktree in git.worktrees(clone):
        entry = git_index.find(worktree, path)
        if entry and entry.merged and entry.tag == "H":
            git_index.forget_stat(worktree, path)


def _quoted(path: str) -> bytes:
    """The path as a pattern for itself (gitattributes): from the root, no wildcards, in quotes where need be."""
    pattern = "/" + "".join(f"\\{char}" if char in "*?[\\" else char for char in path)
    data = pattern.encode(errors="surrogateescape")
    if not any(byte <= 0x20 or byte in b'"\x7f' for byte in data):
        return data
    escaped = (f"\\{byte:03o}" if byte < 0x20 or byte in b'"\\\x7f' else chr(byte) for byte in data)
    return b'"' + "".join(escaped).encode("latin-1") + b'"'


def _attributes_path(clone: git.Clone) -> str:
    return f"{clone.common_dir}/info/attributes"


def _attributes(clone: git.Clone) -> bytes | None:
    try:
        with open(_attributes_path(clone), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _write(path: str, data: bytes | None) -> None:
    """Put the file there, or take it away."""
    if data is not None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        files.replace_file(path, data)
    else:
        with suppress(FileNotFoundError):
            os.unlink(path)


def _configured(clone: git.Clone, name: str) -> str:
    status, out = git.answer(["config", "--local", "-z", "--get", name], cwd=clone.common_dir)
    return "" if status else os.fsdecode(out).removesuffix("\0")


def _script(name: str, python: str, first: str) -> str:
    """The text of a script in `hooks/` with what it needs to know; git replaces %f and the like, so % is doubled."""
    from agentsync.setup.hook_scripts import ENTRY, template  # late: only who installs needs it

    known = f"agentsync_python={shlex.quote(python)}\nagentsync_entry={shlex.quote(ENTRY)}\n"
    return f"{first}\n" + (known + template(name)).replace("%", "%%")
