"""What every door does: look once, then write the reports that are owed."""

from contextlib import suppress
from typing import NamedTuple

from agentsync.base import git, watchdog
from agentsync.base.errors import AgentsyncError
from agentsync.ledger.log import ReplacedError
from agentsync.observe.look import Seen, look, record
from agentsync.observe.request import Request
from agentsync.report import due, paid
from agentsync.report.outcome import Kind, Outcome


class Synced(NamedTuple):
    """What was seen, and what became of each worktree's report, by name; nothing where none was owed."""

    seen: Seen
    reports: dict[str, Outcome] = {}


def sync(request: Request, *, write: bool = True) -> Synced:
    """Look, decide, append, and render into the worktrees of the request. Raises LockedError, LedgerError."""
    seen = look(request)
    if seen.consolidation or ((seen.events or seen.moved) and seen.view.state.overlaps):
        with suppress(AgentsyncError, OSError, ReplacedError):  # the next report shows them
            _record_overlaps(request, seen)
    reports = _write(request, seen) if write else {}
    tried = any(report.kind is Kind.OWED for report in reports.values())
    if write:
        watchdog.forget_end(request.clone.store)
    due.tell(request.clone.store, seen.view.state, request.settings, tried=tried)
    return Synced(seen, reports)


def _record_overlaps(request: Request, seen: Seen) -> None:
    """A report also shows the overlaps of its time, until they end; what it shows stands in the ledger."""
    from agentsync.observe import overlaps  # late: only a report asks for them

    view, clone = seen.view, request.clone
    found = git.steadily(clone, lambda every: overlaps.find(clone, every, view, request.settings, request.now))
    event = overlaps.recorded([one for one in found if one.id not in view.state.dismissed], request.source, request.now)
    if event.overlaps != [one._asdict() for one in view.state.overlaps]:
        with view.ledger.transaction(request.timeout) as transaction:
            record(transaction, view.catch_up(), [event], request.now)


def _write(request: Request, seen: Seen) -> dict[str, Outcome]:
    """Write the reports that are owed in the worktrees of the request."""
    state = seen.view.state
    if not request.asked and not any(paid.is_owed(one, state, request.settings) for one in request.worktrees):
        return {}
    written = {}
    for worktree in request.worktrees:
        try:
            written[worktree.name] = _write_into(worktree, request, seen)
        except (OSError, git.GitError):
            if git.is_there(worktree):  # else somebody removes it at this moment
                raise
    return written


def _write_into(worktree: git.Worktree, request: Request, seen: Seen) -> Outcome:
    from agentsync.report import consolidate  # late: most looks owe no report

    return consolidate.write(
        request.clone,
        worktree,
        seen.view,
        request.settings,
        asked=request.asked,
        ending=request.ending if worktree == request.clone.here else (),
        within=request.source == "hook",
    )
