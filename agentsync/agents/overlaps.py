"""Where two lines of work change the same document, without anybody having said so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from agentsync.base import git
from agentsync.base.settings import Settings
from agentsync.ledger.view import View

CONFLICT, SAME_DOCUMENT = "conflict", "same document"


class Side(NamedTuple):
    """One of the two lines of work: a worktree with its uncommitted edits, or a branch that no worktree has.

    `changes`: the ids of the edits that the other side has not, oldest first; a commit's where the ledger has none.
    `owners`: who made them, "unknown" where nobody knows. `timestamp`: of the newest (RFC 3339).
    """

    worktree: str | None
    branch: str | None
    uncommitted: bool
    owners: tuple[str, ...]
    changes: tuple[str, ...]
    timestamp: str


class Overlap(NamedTuple):
    """A document of which each of two lines of work has edits that the other has not, by different owners.

    `level`: "conflict" where git cannot merge the two contents, else "same document". `id` stays the same until one
    of them edits it again.
    """

    id: str
    file_path: str
    level: str
    sides: tuple[Side, Side]


def overlaps(clone: git.Clone, view: View, settings: Settings, now: float) -> Sequence[Overlap]:
    """The overlaps of watched documents, conflicts first. Raises GitError, LedgerError."""
    return ()
