"""git's filter and merge driver for the report's file in a clone's configuration: put in, and taken out again."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

from agentsync.base import files, git
from agentsync.base.blocks import block_lines, without_block
from agentsync.base.exchange import exchange
from agentsync.report import attributes, git_index, region
from agentsync.report.attributes import FILTER
from agentsync.setup.changes import Change, Edit, Write, carry_out
from agentsync.setup.hook_scripts import ENTRY, template

DRIVER = "merge.agentsync.driver"
UNENDED = "filter.agentsync.unended"  # the configuration had no newline at its end
SECTIONS = ("filter.agentsync", "merge.agentsync")
WHAT = "git's filter and merge driver for the reports"


# One program with plain arguments, on one line: not every client of git's configuration has a shell (dulwich splits the
# command into words) or knows values of many lines (git-filter-repo). It never fails: where Python or the package is
# gone, awk does it, and where the store is gone, too, the bytes pass through.
_CLEAN = """\
[ -x "$1" ] && [ -r "$2" ] && exec "$1" -I -S "$2" clean "$3"; \
store=$(git rev-parse --git-common-dir 2>/dev/null)/agentsync && [ -r "$store/clean.sh" ] && \
exec sh "$store/clean.sh" "$3"; exec cat"""
_MERGE = """\
[ -x "$1" ] && [ -r "$2" ] && exec "$1" -I -S "$2" merge "$3" "$4" "$5" "$6"; \
exec git merge-file --marker-size="$6" -L ours -L base -L theirs "$4" "$3" "$5\""""


def commands(python: str) -> dict[str, str]:
    """What `init` puts into the clone's configuration."""
    return {
        FILTER: _command(_CLEAN, python, "%f"),
        DRIVER: _command(_MERGE, python, "%O %A %B %L"),
        "merge.agentsync.name": "unites the report regions of agentsync",
    }


def _command(script: str, python: str, arguments: str) -> str:
    """git replaces %f and the like, so each other % is doubled."""
    words = shlex.join(["sh", "-c", script, "agentsync", python, ENTRY])
    return f"{words.replace('%', '%%')} {arguments}"


def is_current(clone: git.Clone, python: str) -> bool:
    """Whether the clone has exactly these commands, and what stands in for the program."""
    return _is_configured(clone, python) and _has_stand_in(clone)


def _is_configured(clone: git.Clone, python: str) -> bool:
    return all(_configured(clone, name) == text for name, text in commands(python).items())


def _has_stand_in(clone: git.Clone) -> bool:
    try:
        with open(_stand_in(clone), encoding="utf-8", errors="replace") as file:
            return file.read() == template("clean.sh")
    except OSError:
        return False


def program(clone: git.Clone) -> str:
    """The interpreter that the filter starts; "" if there is no filter, or that of an earlier version."""
    try:
        match shlex.split(_configured(clone, FILTER)):
            case ["sh", "-c", _, "agentsync", python, _, "%f"]:
                return python.replace("%%", "%")
    except ValueError:  # somebody has edited it
        pass
    return ""


def plan_install(clone: git.Clone, python: str) -> Iterator[Change]:
    """Put filter and merge driver into the clone's configuration, and into the store what does without Python."""
    configured = f"{clone.common_dir}/config"
    if not _has_stand_in(clone):
        yield Write(_stand_in(clone), data=template("clean.sh").encode())
    if not _is_configured(clone, python):
        yield Edit(configured, "write", WHAT, edit=partial(_configure, clone, python), paths=(configured,))


def install(clone: git.Clone, python: str = sys.executable) -> None:
    """Carry that plan out. Raises AgentsyncError."""
    carry_out(list(plan_install(clone, python)))


def _configure(clone: git.Clone, python: str) -> None:
    wanted = commands(python)
    if not is_there(clone) and not _ends_in_newline(f"{clone.common_dir}/config"):
        wanted[UNENDED] = "true"  # git ends the line; `remove` gives the file back as it was
    with _changed(clone) as copy:
        for name, text in wanted.items():
            if _configured(clone, name) != text:
                git.run(["config", "--file", copy, name, text], cwd=clone.folder)


@contextmanager
def _changed(clone: git.Clone) -> Iterator[str]:
    """A copy of the clone's configuration, for git to change; it takes the place when it is on the disk.

    git itself does not sync it, and after a power cut a clone with an empty configuration is none. Raises OSError.
    """
    path = os.path.realpath(f"{clone.common_dir}/config")
    copy, lock = f"{path}.{os.getpid()}.new", f"{path}.lock"
    before = git.signature(path)
    try:
        shutil.copy2(path, copy)
        yield copy
        files.sync(copy)
        os.link(copy, lock)  # as git locks it
        if git.signature(path) != before:
            raise OSError(errno.EAGAIN, "another program is changing it", path)
        os.rename(lock, path)
    finally:
        files.unlock(copy, lock)
        with suppress(OSError):
            os.unlink(copy)


def _stand_in(clone: git.Clone) -> str:
    return f"{clone.store}/clean.sh"


def _ends_in_newline(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read()[-1:] in (b"\n", b"")


def remove(clone: git.Clone) -> None:
    """Take filter, merge driver and attributes out of the common dir. Raises git.GitError, OSError."""
    if block_lines(data := attributes.read(clone)):
        attributes.write(clone, without_block(data or b""))
    unended = _configured(clone, UNENDED)
    with _changed(clone) as copy:
        for section in SECTIONS:
            if git.answer(["config", "--file", copy, "--get-regexp", f"^{section}\\."], cwd=clone.folder)[1]:
                git.run(["config", "--file", copy, "--remove-section", section], cwd=clone.folder)
        if unended and _ends_in_newline(copy):
            os.truncate(copy, os.stat(copy).st_size - 1)


def is_there(clone: git.Clone) -> bool:
    """Whether there is anything to remove."""
    return bool(block_lines(attributes.read(clone))) or any(_configured(clone, name) for name in (FILTER, DRIVER))


def uncover(worktree: git.Worktree, path: str, *, dry_run: bool) -> bool:
    """Give a tracked file, and its index entry, the region that HEAD has, or none. Whether the file changes.

    Raises UnreadableError, BrokenRegionError: then it stays as it is.
    """
    entry = git_index.find(worktree, path)
    if entry is None:
        return False
    content = files.read_document(worktree.root, path)
    indexed = git.run(["cat-file", "blob", entry.oid], cwd=worktree.root)
    stored = region.as_stored(indexed, git.blob(f"HEAD:{path}", cwd=worktree.root))
    shown = region.as_stored(content or b"", stored)
    if dry_run or (shown == (content or b"") and stored == indexed):
        return shown != (content or b"")
    oid = entry.oid if stored == indexed else git.store_blob(stored, cwd=worktree.root)
    git_index.put(worktree, path, entry, oid)
    if content is not None and shown != content:
        exchange(worktree.root, path, content, shown)
    git_index.note_stat(worktree, path)
    return True


def _configured(clone: git.Clone, name: str) -> str:
    status, out = git.answer(["config", "--local", "-z", "--get", name], cwd=clone.folder)
    return "" if status else os.fsdecode(out).removesuffix("\0")
