"""How a worktree's report is written: hidden from git, or as plain text; and the attributes in the common dir for that.

`info/attributes` gives the report's file agentsync's filter and merge driver. It overrides each `.gitattributes`, so
whether somebody else has set a filter there is asked beside it, and then ours steps back: git allows for one.
"""

import os
from contextlib import suppress
from typing import NamedTuple

from agentsync.base import files, git
from agentsync.base.blocks import below_block, block_lines, with_block, without_block
from agentsync.base.errors import AgentsyncError
from agentsync.base.settings import Settings
from agentsync.report import git_index

FILTER = "filter.agentsync.clean"
OURS = "agentsync"
_NONE = ("unspecified", "unset")


class Way(NamedTuple):
    """Whether git does not see a worktree's report; `why` it does, where it should not."""

    hidden: bool
    why: str = ""


def way(clone: git.Clone, worktree: git.Worktree, settings: Settings) -> Way:
    """How the report is to be written now; git's attributes are made to fit.

    Where git is not to see it, the filter is installed: `obstacle` has asked, and `init` has done it. git is asked what
    came of it: others write into the same file, or what we write is not what counts.
    """
    path = settings.report.path
    installed = settings.report.commit == "agentsync" or is_installed(clone.folder)
    found, wanted = _judge(clone, worktree, settings, installed)
    _attribute(clone, path, wanted)
    if found.hidden and (filter_ := in_force(worktree, path)) != OURS:
        return Way(hidden=False, why=f"git's attributes give {path} {filter_ or 'no'} filter")
    return found


def fit(clone: git.Clone, worktree: git.Worktree, settings: Settings) -> bool:
    """Whether git's attributes are those that `way` makes once the filter is installed."""
    wanted = _judge(clone, worktree, settings, True)[1]
    return _with_attribute(read(clone), settings.report.path, wanted) == read(clone)


def _judge(clone: git.Clone, worktree: git.Worktree, settings: Settings, installed: bool) -> tuple[Way, str]:
    """The way, and the attributes that go with it."""
    path = settings.report.path
    others = _others(clone, worktree, path)
    merge = "" if others["merge"] or not installed else "merge=agentsync"
    if settings.report.commit != "agentsync":
        return Way(hidden=False), merge
    if others["filter"]:
        why = f"{path} has filter={others['filter']} in .gitattributes, and git allows only one"
        return Way(hidden=False, why=why), merge
    return Way(hidden=True), f"filter=agentsync {merge}".strip()


def is_installed(folder: str) -> bool:
    """Whether the configuration of the clone, asked from any of its folders, has the filter."""
    return git.answer(["config", "--local", "--get", FILTER], cwd=folder)[0] == 0


def foreign_filter(clone: git.Clone, worktree: git.Worktree, path: str) -> str:
    """The filter that somebody else's attributes give the file; "" for none."""
    return _others(clone, worktree, path)["filter"]


def in_force(worktree: git.Worktree, path: str) -> str:
    """The filter that git would start for the file; "" for none."""
    said = git.run(["check-attr", "-z", "filter", "--", path], cwd=worktree.root).decode(errors="replace")
    value = said.split("\0")[2]
    return "" if value in _NONE else value


def _others(clone: git.Clone, worktree: git.Worktree, path: str) -> dict[str, str]:
    """What is set without our own line, which overrides all others: asked of a repository that has no such line."""
    if os.path.isdir(clone.store):
        return _asked_of(f"{clone.store}/no-attributes", worktree, path)
    import tempfile  # late: only before the first `init` there is no such folder, and a dry run makes none

    try:
        with tempfile.TemporaryDirectory() as folder:
            return _asked_of(folder, worktree, path)
    except OSError as error:
        hint = "free some space for temporary files, or name another folder in TMPDIR"
        raise AgentsyncError("a temporary folder cannot be created", cause=error.strerror or "", hint=hint) from None


def _asked_of(empty: str, worktree: git.Worktree, path: str) -> dict[str, str]:
    for folder in ("objects", "refs"):
        files.make_folder(f"{empty}/{folder}")
    if not os.path.exists(f"{empty}/HEAD"):
        files.replace_file(f"{empty}/HEAD", b"ref: refs/heads/none\n", durable=True)
    args = [f"--git-dir={empty}", f"--work-tree={worktree.root}", "check-attr", "-z", "filter", "merge", "--", path]
    words = git.run(args, cwd=worktree.root).decode(errors="replace").split("\0")
    return {name: "" if value in _NONE else value for name, value in zip(words[1::3], words[2::3], strict=False)}


def _attribute(clone: git.Clone, path: str, attributes: str) -> None:
    """Let our block in info/attributes give the path these attributes and no other; nothing is written in vain."""
    data = read(clone)
    wanted = _with_attribute(data, path, attributes)
    if wanted == data:
        return
    write(clone, wanted)
    if b"filter=agentsync" in (data or b"") and "filter=" not in attributes:
        _show_again(clone, path)


def _with_attribute(data: bytes | None, path: str, attributes: str) -> bytes | None:
    """The file with the path's line in our block, or without it; None: no file."""
    lines = [line for line in block_lines(data) if not line.startswith(_quoted(path) + b" ")]
    if attributes:
        lines.append(_quoted(path) + b" " + attributes.encode())
    patterns = b"".join(line + b"\n" for line in lines).decode(errors="surrogateescape")
    if lines:
        # The last line that fits wins: lines that others have added go before ours.
        return with_block(without_block(data) if data and below_block(data) else data, patterns)
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


def read(clone: git.Clone) -> bytes | None:
    """The clone's info/attributes; None if there is none."""
    try:
        with open(_path(clone), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def write(clone: git.Clone, data: bytes | None) -> None:
    """Put the file there, or take it away."""
    if data is None:
        with suppress(FileNotFoundError):
            os.unlink(_path(clone))
        return
    files.make_folder(os.path.dirname(_path(clone)))
    files.replace_file(_path(clone), data, durable=True)


def _path(clone: git.Clone) -> str:
    return f"{clone.common_dir}/info/attributes"
