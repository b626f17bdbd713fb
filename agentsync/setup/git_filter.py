"""git's filter and merge driver for the report's file in a clone's configuration: put in, and taken out again."""

from __future__ import annotations

import os
import shlex
import sys

from agentsync.base import files, git
from agentsync.base.blocks import block_lines, without_block
from agentsync.report import attributes, git_index, region
from agentsync.report.attributes import FILTER
from agentsync.setup.hook_scripts import ENTRY, template

DRIVER = "merge.agentsync.driver"
UNENDED = "filter.agentsync.unended"  # the configuration had no newline at its end
SECTIONS = ("filter.agentsync", "merge.agentsync")


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
    if block_lines(data := attributes.read(clone)):
        attributes.write(clone, without_block(data or b""))
    path = f"{clone.common_dir}/config"
    unended = _configured(clone, UNENDED)
    for section in SECTIONS:
        if git.answer(["config", "--local", "--get-regexp", f"^{section}\\."], cwd=clone.common_dir)[1]:
            git.run(["config", "--local", "--remove-section", section], cwd=clone.common_dir)
    if unended and _ends_in_newline(path):
        os.truncate(path, os.stat(path).st_size - 1)


def is_there(clone: git.Clone) -> bool:
    """Whether there is anything to remove."""
    return bool(block_lines(attributes.read(clone))) or any(_configured(clone, name) for name in (FILTER, DRIVER))


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


def _configured(clone: git.Clone, name: str) -> str:
    status, out = git.answer(["config", "--local", "-z", "--get", name], cwd=clone.common_dir)
    return "" if status else os.fsdecode(out).removesuffix("\0")


def _script(name: str, python: str, first: str) -> str:
    """The text of a script in `hooks/` with what it needs to know; git replaces %f and the like, so % is doubled."""
    known = f"agentsync_python={shlex.quote(python)}\nagentsync_entry={shlex.quote(ENTRY)}\n"
    return f"{first}\n" + (known + template(name)).replace("%", "%%")
