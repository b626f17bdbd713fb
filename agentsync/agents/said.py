"""What somebody says (a claim, a release, a handoff) goes into the ledger, and from there into the reports."""

import os
from collections.abc import Sequence

from agentsync.base import git
from agentsync.base.errors import LedgerError, LockedError
from agentsync.base.settings import Settings
from agentsync.ledger import notes
from agentsync.ledger.events import Event
from agentsync.ledger.log import LOCK_TIMEOUT, ReplacedError
from agentsync.ledger.view import View
from agentsync.observe.look import record
from agentsync.report import consolidate, due

TRIES = 5


def say(clone: git.Clone, settings: Settings, view: View, events: Sequence[Event], now: float) -> str:
    """Append, and bring the report of this worktree up to date. The others' come with their next hook or command.

    Where the ledger cannot be written (an agent's sandbox), a note is left, and its folder is the answer; else "".
    Raises OSError where that is not possible either, LedgerError.
    """
    if kept := _append(clone, view, events, now):
        return os.path.dirname(kept)
    if clone.here:
        consolidate.write(clone, clone.here, view, settings)
    due.tell(clone.store, view.state, settings)
    return ""


def _append(clone: git.Clone, view: View, events: Sequence[Event], now: float) -> str:
    """Append; the path of a note where that was not possible."""
    for _ in range(TRIES):
        try:
            with view.ledger.transaction(LOCK_TIMEOUT) as transaction:
                record(transaction, view.catch_up(), events, now)
                return ""
        except ReplacedError:
            continue
        except (LockedError, OSError):
            return notes.put(clone, clone.here, events, now)
    raise LedgerError("the ledger keeps being replaced", hint="try again")
