"""Pages of the ledger, newest first, and the newest report."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator
from typing import Any

from agentsync.ledger import history
from agentsync.ledger.log import Ledger
from agentsync.ledger.notes import Observations
from agentsync.ledger.view import View
from agentsync.report import pages, render

FACTS = 500  # changes of a report that are told
EXAMINED = 20_000  # records looked at for one page: a filter that hardly anything passes must not cost more


class UnknownRecordError(Exception):
    """The ledger has no record of that id."""


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


def _older(ledger: Ledger, before: str, since: float | None) -> Iterator[history.Entry]:
    """The records before one, newest first, each with its owner and its commit as they are known today."""
    view = View(ledger).catch_up()
    placed = view.placed("id", before)
    if not placed:
        raise UnknownRecordError
    end = placed[-1][0]
    for entry in history.newest(ledger, (), since, end=end):
        if entry.kind == "change" and not (entry.agent_owner and entry.commit):
            commits = history.commits_of(view, entry.id)
            told = next((one for one in commits if one.agent_owner), commits[0] if commits else None)
            entry.agent_owner = entry.agent_owner or (told and told.agent_owner)
            entry.commit = entry.commit or (told and told.commit)
        yield entry
