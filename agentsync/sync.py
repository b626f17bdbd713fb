"""What every door does: look once, then write the reports that are owed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agentsync.observe.look import Request, Seen, look
from agentsync.report import consolidate, due, paid
from agentsync.report.consolidate import Payment


@dataclass(frozen=True)
class Synced:
    """What was seen, and what became of each worktree's report; no payments where none was owed."""

    seen: Seen
    payments: tuple[Payment, ...] = ()


def sync(request: Request, *, pay: bool = True) -> Synced:
    """Look, decide, append, and render into the worktrees of the request. Raises LockedError, LedgerError."""
    seen = look(request)
    payments = tuple(_pay(request, seen)) if pay else ()
    tried = any(payment.status == "owed" for payment in payments)
    due.tell(request.clone.store, seen.view.state, request.settings, tried=tried)
    return Synced(seen, payments)


def _pay(request: Request, seen: Seen) -> Iterator[Payment]:
    """Write the reports that are owed in the worktrees of the request."""
    state = seen.view.state
    if not request.asked and not any(paid.is_owed(one, state, request.settings) for one in request.worktrees):
        return
    for worktree in request.worktrees:
        yield consolidate.pay(
            request.clone,
            worktree,
            seen.view,
            request.settings,
            asked=request.asked,
            ending=request.ending if worktree == request.clone.here else (),
            within=request.source == "hook",
        )
