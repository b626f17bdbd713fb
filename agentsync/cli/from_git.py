"""What git says of changes and commits: what came and went, line by line, and what commits are called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from agentsync.base import git
from agentsync.cli.terminal import clean
from agentsync.ledger.events import Change


class Diff(NamedTuple):
    """The lines of a unified diff from its first hunk on, or none and `why`. `added`, `removed`: how many lines."""

    lines: tuple[str, ...] = ()
    added: int = 0
    removed: int = 0
    why: str = ""

    @property
    def size(self) -> str:
        """`+12 -3`, or why nobody knows."""
        return self.why or f"+{self.added} -{self.removed}"


def diff(change: Change, folder: str) -> Diff:
    """What lies between the two contents, in the words of git; asked in a folder of the clone. Raises GitError."""
    old, new = change.old_blob, change.new_blob
    for which, blob in (("before", old), ("after", new)):
        if blob and git.answer(["cat-file", "-e", blob], cwd=folder)[0]:
            return Diff(why=f"git does not have the content {which} it: that was never committed")
    if old and new:
        said = git.run(["diff", "--no-ext-diff", "--no-textconv", "--no-color", old, new], cwd=folder)
        return _hunks(said)
    return _whole(git.blob(new or old or "", cwd=folder), "+" if new else "-")


def subjects(commits: Iterable[str], folder: str) -> dict[str, str]:
    """`332c06a the subject` by commit, clean, of those that git still has."""
    wanted = dict.fromkeys(commits)
    if not wanted:
        return {}
    argv = ["log", "--no-walk=unsorted", "--stdin", "--ignore-missing", "--no-show-signature", "--format=%H %h %s"]
    status, said = git.answer(argv, cwd=folder, stdin="\n".join(wanted).encode())
    lines = said.decode(errors="replace").split("\n") if status == 0 else []
    return {commit: clean(rest) for commit, _, rest in (line.partition(" ") for line in lines) if commit in wanted}


def _hunks(said: bytes) -> Diff:
    lines = said.decode(errors="replace").split("\n")[:-1]
    if any(line.startswith("Binary files ") for line in lines[:4]):
        return Diff(why="not text")
    first = next((n for n, line in enumerate(lines) if line.startswith("@@ ")), len(lines))
    return _counted(lines[first:])


def _whole(content: bytes, sign: str) -> Diff:
    """A document that was created or deleted."""
    if b"\0" in content:
        return Diff(why="not text")
    lines = content.decode(errors="replace").removesuffix("\n").split("\n") if content else []
    span = f"@@ -0,0 +1,{len(lines)} @@" if sign == "+" else f"@@ -1,{len(lines)} +0,0 @@"
    return _counted([span, *(sign + line for line in lines)])


def _counted(lines: list[str]) -> Diff:
    added, removed = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    return Diff(tuple(lines), added, removed)
