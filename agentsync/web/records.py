"""What is told of records: pages of the ledger, the newest report, what a change did to its document."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator
from typing import TYPE_CHECKING, Any, TypedDict

from agentsync.agents.active import Actor, active
from agentsync.ledger import history, timeline
from agentsync.ledger.events import Change, is_past, to_rfc3339
from agentsync.ledger.log import Ledger
from agentsync.ledger.notes import Observations
from agentsync.ledger.view import View
from agentsync.observe import diffs
from agentsync.report import pages, render

if TYPE_CHECKING:
    from agentsync.web.service import AutoSyncService

FACTS = 500  # changes of a report that are told
EXAMINED = 20_000  # records looked at for one page: a filter that hardly anything passes must not cost more


class UnknownRecordError(Exception):
    """Neither the ledger nor a note has such a record of that id."""


def shown(entry: history.Entry, pending: Container[str]) -> dict[str, Any]:
    """A record of the ledger, or of a note, with what is known of it today."""
    waiting = entry.line is None
    return {**entry.record, "waiting": waiting, "pending": entry.kind == "change" and (waiting or entry.id in pending)}


def page(
    ledger: Ledger,
    waiting: tuple[Observations, ...],
    pending: Container[str],
    asked: history.Filter,
    before: str | None,
    limit: int,
) -> dict[str, Any]:
    """At most `limit` records older than the record `before`, or the newest. Raises UnknownRecordError, LedgerError.

    `pending`: the ids of the changes that no report covers yet.
    """
    every = history.newest(ledger, waiting, asked.since)
    if before in {event.id for one in waiting for event in one.events}:
        every = itertools.dropwhile(lambda entry: entry.id != before, every)
        next(every)
    elif before:
        every = _older(ledger, before, asked.since)
    records: list[dict[str, Any]] = []
    last: history.Entry | None = None
    for entry in itertools.islice(every, EXAMINED):
        last = entry
        if asked.takes(entry):
            records.append(shown(entry, pending))
            if len(records) == limit:
                break
    more = last is not None and next(every, None) is not None
    return {"count": len(records), "records": records, "next": last.id if more and last else None}


def report(ledger: Ledger) -> dict[str, Any]:
    """The newest report with its first changes; null where there is none. Raises LedgerError."""
    found = [render.to_json(one) for one in pages.newest(View(ledger).catch_up(), 1)]
    return {"report": {**found[0], "facts": found[0]["facts"][:FACTS]} if found else None}


class AtWork(TypedDict):
    """Somebody who has changed something in the last two hours, where, and when they did last."""

    agent_owner: str | None
    author: str | None
    worktree: str | None
    branch: str | None
    timestamp: str
    changes: int


class Timeline(timeline.Shown):
    """`GET /api/sync/timeline`: thirty days, from `since` to `until`, by agent, and who is at work now."""

    at_work: list[AtWork]


def told_of_agents(days: timeline.Shown, ledger: Ledger, waiting: tuple[Observations, ...], now: float) -> Timeline:
    """What the timeline says, and who is at work at `now` (seconds since 1970). Raises LedgerError."""
    return Timeline(**days, at_work=[_at_work(one) for one in active(View(ledger).catch_up(), waiting, now)])


def _at_work(one: Actor) -> AtWork:
    return AtWork(
        agent_owner=one.agent_owner,
        author=one.author,
        worktree=one.worktree,
        branch=one.branch,
        timestamp=to_rfc3339(one.last),
        changes=one.changes,
    )


def diff(service: AutoSyncService, waiting: tuple[Observations, ...], id_: str) -> dict[str, Any]:
    """What came and went with a change. Raises UnknownRecordError, LedgerError, GitError."""
    told = [*View(service.ledger).catch_up().events("id", id_), *(event for one in waiting for event in one.events)]
    change = next((event for event in told if isinstance(event, Change) and event.id == id_), None)
    if change is None:
        raise UnknownRecordError
    found = diffs.of_change(change, service.clone, service.settings.report.path)
    return {"id": id_, "file_path": change.file_path, **found._asdict()}


def _older(ledger: Ledger, before: str, since: float | None) -> Iterator[history.Entry]:
    """The records before one, newest first, each with its owner and its commit as they are known today."""
    view = View(ledger).catch_up()
    placed = view.placed("id", before)
    if not placed:
        raise UnknownRecordError
    end, event = placed[-1]
    every = history.newest(ledger, (), since, end=end)
    if is_past(event):
        every = itertools.dropwhile(lambda entry: entry.id != before, history.past(ledger, since))
        next(every, None)
    for entry in every:
        if entry.kind == "change" and not (entry.agent_owner and entry.commit):
            commits = history.commits_of(view, entry.id)
            told = next((one for one in commits if one.agent_owner), commits[0] if commits else None)
            owner, commit = (told.agent_owner, told.commit) if told else (None, None)
            yield entry._replace(agent_owner=entry.agent_owner or owner, commit=entry.commit or commit)
        else:
            yield entry
