"""What every door does: look once, then write the reports that are owed."""

from __future__ import annotations

from dataclasses import dataclass

from agentsync.observe.look import Request, Seen, look
from agentsync.report import paid
from agentsync.report.consolidate import Payment


@dataclass(frozen=True)
class Synced:
    """What was seen, and what became of each worktree's report; no payments where none was owed."""

    seen: Seen
    payments: tuple[Payment, ...] = ()


def sync(request: Request, *, pay: bool = True) -> Synced:
    """Look, decide, append, and render into the worktrees of the request. Raises LockedError, LedgerError."""
    seen = look(request)
    state = seen.view.state
    if not pay or not (request.asked or any(paid.is_owed(one, state, request.settings) for one in request.worktrees)):
        return Synced(seen)
    from agentsync.report import consolidate  # late: most commits do not consolidate

    payments = []
    for worktree in request.worktrees:
        ending = request.ending if worktree == request.clone.here else ()
        payments.append(
            consolidate.pay(
                request.clone,
                worktree,
                seen.view,
                request.settings,
                asked=request.asked,
                ending=ending,
                within=request.source == "hook",
            )
        )
    return Synced(seen, tuple(payments))
