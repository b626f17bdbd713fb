"""One writer among several: `python -m bench.appenders KIND FOLDER COUNT`, begins when a line comes on stdin."""

from __future__ import annotations

import os
import random
import sqlite3
import sys
import time
from collections.abc import Iterator

from agentsync.base.settings import Settings
from agentsync.ledger.events import Change, Consolidation, Event, new_id, to_rfc3339
from agentsync.ledger.log import Ledger
from agentsync.ledger.view import View
from agentsync.observe.look import record
from agentsync.report.decide import Trigger, decide
from bench.ledgers import events, lines

PACE = 0.75  # seconds between two changes of a process that edits beside a server
SCHEMA = "CREATE TABLE IF NOT EXISTS records (seq INTEGER PRIMARY KEY, line BLOB)"


def agentsync(folder: str, count: int) -> Iterator[None]:
    """As a look does it: lock, see what the others appended, stamp, chain, append, fdatasync."""
    ledger = Ledger(folder)
    view = View(ledger)
    mine: list[Event] = [event for _, event in events(count + 1)][1:]
    yield
    for event in mine:
        with ledger.transaction(60.0) as transaction:
            record(transaction, view.catch_up(), [event], time.time())
    yield


def changes(folder: str, count: int) -> Iterator[None]:
    """Edits beside a server, paced, each with an id of its own, and consolidations by whoever reaches the threshold."""
    ledger = Ledger(folder)
    view = View(ledger).catch_up()
    settings = Settings()
    mine = [event for _, event in events(2 * count + 10, os.getpid()) if isinstance(event, Change)][:count]
    yield
    for event in mine:
        time.sleep(2 * PACE * random.random())
        now = time.time()
        edit = event._replace(id=new_id(now), timestamp=to_rfc3339(now))
        with ledger.transaction(60.0) as transaction:
            record(transaction, view.catch_up(), [edit], now)
            trigger = decide(view.state, now, settings)
            if trigger:
                record(transaction, view, [_consolidation(trigger, list(view.state.pending), now)], now)
    yield


def _consolidation(trigger: Trigger, ids: list[str], now: float) -> Consolidation:
    when = to_rfc3339(now)
    return Consolidation(new_id(now), when, when, trigger.trigger_type, trigger.conditions_met, ids, "hook")


def line_only(folder: str, count: int) -> Iterator[None]:
    """The ledger's file alone: a finished line under the lock, fdatasync."""
    ledger = Ledger(folder)
    mine = list(lines(count))
    yield
    for line in mine:
        with ledger.transaction(60.0) as transaction:
            transaction.append(line)
    yield


def sqlite(folder: str, count: int) -> Iterator[None]:
    """SQLite, write-ahead log, synchronous FULL: a transaction each."""
    database = sqlite3.connect(f"{folder}/records.sqlite", timeout=60.0, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute(SCHEMA)
    mine = list(lines(count))
    yield
    for line in mine:
        database.execute("INSERT INTO records (line) VALUES (?)", (line,))
    yield


KINDS = {kind.__name__: kind for kind in (agentsync, changes, line_only, sqlite)}


def _main(kind: str, folder: str, count: int) -> None:
    writer = KINDS[kind](folder, count)
    next(writer)
    print("ready", flush=True)
    sys.stdin.readline()
    next(writer)
    print("done", flush=True)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
