"""A ledger without a repository, and records to append to it."""

from __future__ import annotations

from agentsync.ledger.events import Change, Event, new_id, to_rfc3339
from agentsync.ledger.log import Ledger
from agentsync.ledger.view import View
from agentsync.observe.look import record
from lab.repo import NOON


def change(number: int, now: float = NOON) -> Change:
    """A change of doc.md from content `number` to the next."""
    return Change(
        id=new_id(now),
        timestamp=to_rfc3339(now),
        recorded="",
        file_path="doc.md",
        file_type="docs",
        event_type="modified",
        old_checksum=None,
        new_checksum=None,
        agent_owner=None,
        evidence=[],
        confidence=0.0,
        also=[],
        author=None,
        source="scan",
        worktree="main",
        branch="main",
        commit=f"{number:040x}",
        old_blob=f"{number:040x}",
        new_blob=f"{number + 1:040x}",
    )


def append(ledger: Ledger, *events: Event, now: float = NOON) -> View:
    """Append as a look does."""
    view = View(ledger)
    with ledger.transaction() as transaction:
        record(transaction, view.catch_up(), events, now)
    return view
