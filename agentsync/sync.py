"""What every door does: look once, then write the reports that are owed."""

from __future__ import annotations

from typing import NamedTuple

from agentsync.base import git, watchdog
from agentsync.observe.look import Seen, look
from agentsync.observe.request import Request
from agentsync.report import consolidate, due, paid
from agentsync.report.outcome import Kind, Outcome


class Synced(NamedTuple):
    """What was seen, and what became of each worktree's report, by name; nothing where none was owed."""

    seen: Seen
    reports: dict[str, Outcome] = {}


def sync(request: Request, *, write: bool = True) -> Synced:
    """Look, decide, append, and render into the worktrees of the request. Raises LockedError, LedgerError."""
    seen = look(request)
    reports = _write(request, seen) if write else {}
    tried = any(report.kind is Kind.OWED for report in reports.values())
    if write:
        watchdog.forget_end(request.clone.store)
    due.tell(request.clone.store, seen.view.state, request.settings, tried=tried)
    return Synced(seen, reports)


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
    return consolidate.write(
        request.clone,
        worktree,
        seen.view,
        request.settings,
        asked=request.asked,
        ending=request.ending if worktree == request.clone.here else (),
        within=request.source == "hook",
    )
