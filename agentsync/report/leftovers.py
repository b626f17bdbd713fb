"""What a process that was killed has left beside the files that it was writing: the next look takes it away.

A name says whose it is: `NAME.PID.new` was to become NAME, `NAME.PID-N.old` is what NAME was. An observation among them
becomes a note, and a report's file with text in it that stands nowhere else is left to a person.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from agentsync.base import files, git
from agentsync.ledger import kept, notes
from agentsync.report import git_index, region

_NAME = re.compile(r"(?P<name>.+)\.(?P<pid>\d+)(?:-\d+)?\.(?:new|old)")
# What we write, or git for us, where others have files, too.
_SHARED = re.compile(
    r"config|exclude|attributes|agentsync|agentsync-report|agentsync-agent|post-[a-z]+(\.agentsync-saved)?"
)


class Leftover(NamedTuple):
    """An entry of the folder `below` a folder that may be trusted; `name`: what it belongs to.

    `document`: the path of the report's file, where it may be that.
    """

    root: str
    below: str
    entry: str
    name: str
    document: str

    @property
    def path(self) -> str:
        """Where it lies."""
        return os.path.join(self.root, self.below, self.entry)

    @property
    def is_note(self) -> bool:
        """Whether it may hold an observation."""
        return os.path.basename(self.below) == notes.FOLDER

    def holds_an_edit(self) -> bool:
        """Whether it is a document that was exchanged half way, and has text that the one in its place has not."""
        if not self.document:
            return False
        try:
            left = region.strip(files.read_document(self.root, f"{self.below}/{self.entry}") or b"")
            return left not in (b"", region.strip(files.read_document(self.root, self.document) or b""))
        except (files.UnreadableError, region.BrokenRegionError):
            return True

    def remove(self) -> None:
        """Take it away, and the lock that is the same file. Raises OSError."""
        if self.name == "config":
            files.unlock(self.path, f"{self.root}/config.lock")
        with files.opened_folder(self.root, self.below) as fd:
            try:
                os.unlink(self.entry, dir_fd=fd)
            except IsADirectoryError:
                import shutil  # late: only a purge that was killed leaves a folder

                shutil.rmtree(self.entry, dir_fd=fd)


def clear(clone: git.Clone, worktrees: Sequence[git.Worktree], report: str) -> None:
    """Take away what nobody needs. What cannot be taken away now is met again."""
    for one in left(clone, worktrees, report):
        with suppress(OSError):
            if not (one.is_note and notes.keep(one.root, one.below, one.entry, one.name)) and not one.holds_an_edit():
                one.remove()
    for worktree in worktrees:
        with suppress(OSError):
            git_index.clear(worktree)


def left(clone: git.Clone, worktrees: Sequence[git.Worktree], report: str) -> Iterator[Leftover]:
    """What lies in the folders of a clone, and whose process is gone."""
    common, own = clone.common_dir, os.path.basename(clone.store)
    folder, _, name = report.rpartition("/")
    places: list[tuple[str, str, re.Pattern[str] | None]] = [
        (common, own, None),
        *((common, f"{own}/{below}", None) for below in (notes.FOLDER, kept.FOLDER, "torn", "no-attributes")),
        *((common, below, _SHARED) for below in ("", "hooks", "info")),
        *((one.git_dir, "", _SHARED) for one in worktrees if one.git_dir != common),
        *((one.root, below, None) for one in worktrees for below in (files.OWN, notes.IN_WORKTREE)),
        *((one.root, folder, re.compile(re.escape(name))) for one in worktrees),
    ]
    for root, below, names in places:
        for entry in _entries(root, below):
            found = _NAME.fullmatch(entry)
            if found and (names is None or names.fullmatch(found["name"])) and not files.is_running(int(found["pid"])):
                exchanged = below == files.OWN and found["name"] == name and entry.endswith(".new")
                yield Leftover(root, below, entry, found["name"], report if exchanged else "")


def _entries(root: str, below: str) -> list[str]:
    """What lies in a folder; nothing where there is none, or a link on the way."""
    try:
        with files.opened_folder(root, below) as fd:
            return [entry for entry in os.listdir(fd) if entry.endswith((".new", ".old"))]
    except OSError:
        return []
