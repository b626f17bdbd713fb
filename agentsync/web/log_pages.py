"""Pages of the ledger, newest first, for `/api/sync/log`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from agentsync.ledger import events, history
from agentsync.ledger.log import Ledger
from agentsync.ledger.notes import Observations
from agentsync.ledger.view import View
from agentsync.report.pages import owner_of

EXAMINED = 20_000  # records looked at for one page: a filter that hardly anything passes must not cost more


class UnknownRecordError(Exception):
    """The ledger has no record of that id."""


def shown(entry: history.Entry) -> dict[str, Any]:
    """A record of the ledger, or of a note, with the owner who is known today."""
    return {**entry.record, "waiting": entry.line is None}


def page(
    ledger: Ledger, waiting: tuple[Observations, ...], asked: history.Filter, before: str | None, limit: int
) -> dict[str, Any]:
    """At most `limit` records older than the record `before`, or the newest. Raises UnknownRecordError, LedgerError."""
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
            records.append(shown(entry))
            if len(records) == limit:
                break
    more = last is not None and next(every, None) is not None
    return {"count": len(records), "records": records, "next": last.id if more and last else None}


def _older(ledger: Ledger, before: str, since: float | None) -> Iterator[history.Entry]:
    """The records before one, newest first, each with its owner as is known today."""
    view = View(ledger).catch_up()
    placed = view.placed("id", before)
    if not placed:
        raise UnknownRecordError
    end = placed[-1][0]
    for entry in history.newest(ledger, (), since, end=end):
        if entry.agent_owner is None and entry.kind == "change":
            entry.agent_owner = _told(view, entry.id)
        yield entry


def _told(view: View, id_: str) -> str | None:
    change = next((event for event in view.events("id", id_) if isinstance(event, events.Change)), None)
    return owner_of(view, change) if change else None
