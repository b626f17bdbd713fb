"""Where two lines of work change the same document, without anybody having said so."""

from __future__ import annotations

from collections.abc import Sequence

from agentsync.base import git
from agentsync.base.settings import Settings
from agentsync.ledger.view import View
from agentsync.observe import overlaps as observed
from agentsync.observe.overlaps import CONFLICT, SAME_DOCUMENT, Overlap, Side

__all__ = ["CONFLICT", "SAME_DOCUMENT", "Overlap", "Side", "overlaps"]


def overlaps(clone: git.Clone, view: View, settings: Settings, now: float) -> Sequence[Overlap]:
    """The overlaps of watched documents, conflicts first. Raises GitError, LedgerError."""
    return git.steadily(clone, lambda every: observed.find(clone, every, view, settings, now))
