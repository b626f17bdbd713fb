"""Replay the whole ledger and check each record: chain, sequence, clock, schema, and that no id stands twice.

Whoever can write the file can forge a ledger in which all this is right; what is found here is damage, not malice.
"""

import os
from array import array
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from agentsync.ledger import index, watermark
from agentsync.ledger.cache import NAME, Cache
from agentsync.ledger.events import CLOCK_ZERO, DamagedError, Event, Stamp, decode
from agentsync.ledger.log import NO_LINE, Ledger, line_hash
from agentsync.ledger.state import Fold, State
from agentsync.ledger.view import Cursor, Tally, load, records

KEPT = 1000  # findings; of more, the number is told


@dataclass(frozen=True)
class Finding:
    """What is wrong with a line: its number (from 1; 0 for the file as a whole), its byte offset, and what it is."""

    line: int
    offset: int
    what: str


@dataclass
class Verified:
    """What a ledger holds. `unknown`: records of kinds that this version does not know. `more`: findings left out."""

    path: str
    records: int = 0
    lines: int = 0
    size: int = 0
    unknown: int = 0
    writers: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    more: int = 0

    def found(self, line: int, offset: int, what: str) -> None:
        """One more finding."""
        if len(self.findings) < KEPT:
            self.findings.append(Finding(line, offset, what))
        else:
            self.more += 1


def verify(ledger: Ledger) -> Verified:
    """Check every line. Raises LedgerError if the file cannot be read."""
    audit = _Audit(Verified(ledger.path))
    for offset, line in ledger.lines():
        audit.take(offset, line)
    if audit.doubled():
        _name_doubled(ledger, audit.verified)
    _look_at_end(ledger, audit.verified)
    for notice in watermark.notices(ledger):
        audit.verified.found(0, notice.offset, watermark.explain(notice))
    if what := _wrong_cache(ledger):
        audit.verified.found(0, 0, f"cache: {what} is not what a replay gives; delete {NAME} beside the ledger")
    return audit.verified


class _Audit:
    """What the lines so far lead one to expect of the next."""

    def __init__(self, verified: Verified) -> None:
        self.verified = verified
        self.prev = NO_LINE
        self.clocks: dict[str, str] = {}
        self.ids = array("q")  # hashes of all ids: a million texts would be 100 MB

    def take(self, offset: int, line: bytes) -> None:
        """Check one line."""
        self.verified.lines += 1
        try:
            stamp, event = decode(line)
        except DamagedError as error:
            self.verified.found(self.verified.lines, offset, f"damaged: {error}")
        else:
            self._record(offset, stamp)
            if event:
                self.ids.append(hash(event.id))
            self.verified.unknown += event is None
        self.prev = line_hash(line)

    def _record(self, offset: int, stamp: Stamp) -> None:
        verified, writer = self.verified, stamp.writer
        verified.records += 1
        for what in (
            _wrong_chain(stamp, self.prev),
            _wrong_sequence(stamp, verified.writers.get(writer, 0)),
            _wrong_clock(stamp, self.clocks.get(writer, CLOCK_ZERO)),
        ):
            if what:
                verified.found(verified.lines, offset, what)
        verified.writers[writer] = max(stamp.seq, verified.writers.get(writer, 0))
        self.clocks[writer] = max(stamp.clock, self.clocks.get(writer, CLOCK_ZERO))

    def doubled(self) -> bool:
        """Whether two ids seem to be the same."""
        return len(set(self.ids)) != len(self.ids)


def _wrong_cache(ledger: Ledger) -> str:
    """What of the cache a replay up to the same line does not give; what is not believed is as good as missing."""
    cache = Cache(ledger.store)
    saved = load(ledger, cache)
    fold, tally, entries = Fold(State()), Tally(Cursor()), index.Buckets()
    for offset, event in records(ledger, tally, saved.cursor.offset):
        fold.add(event)
        index.add(entries, event, offset)
    if (tally.cursor(), fold.state()) != (saved.cursor, saved.state):
        return "the state"
    with suppress(index.LostError):
        if index.differs(entries, index.root_of(saved.root, cache), cache):
            return "the index"
    return ""


def _wrong_chain(stamp: Stamp, prev: str) -> str:
    if stamp.prev == prev:
        return ""
    return "chain: the line before is not the one that was there when this was written"


def _wrong_sequence(stamp: Stamp, last: int) -> str:
    if stamp.seq == last + 1:
        return ""
    if stamp.seq <= last:
        return f"sequence: record {stamp.seq} of {stamp.writer} after {last}; it is not counted again"
    missing = stamp.seq - last - 1
    return f"sequence: {missing} record{'s' * (missing > 1)} of {stamp.writer} missing before {stamp.seq}"


def _wrong_clock(stamp: Stamp, last: str) -> str:
    return "" if stamp.clock > last else f"clock: {stamp.clock} is not after {last}"


def _name_doubled(ledger: Ledger, verified: Verified) -> None:
    """Which ids stand twice: rare, so the ledger is read again."""
    seen: dict[str, int] = {}
    for number, offset, event in _events(ledger):
        if event.id in seen:
            verified.found(number, offset, f"id: {event.id} stands in line {seen[event.id]} already")
        seen.setdefault(event.id, number)


def _events(ledger: Ledger) -> Iterator[tuple[int, int, Event]]:
    for number, (offset, line) in enumerate(ledger.lines(), 1):
        try:
            event = decode(line)[1]
        except DamagedError:
            continue
        if event:
            yield number, offset, event


def _look_at_end(ledger: Ledger, verified: Verified) -> None:
    """Say of what follows the last newline that it is no record."""
    verified.size = ledger.size()
    if not verified.size:
        return
    with open(ledger.path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) == b"\n":
            return
        end = sum(len(block) for _, block in ledger.blocks())
    what = f"torn: {verified.size - end} bytes without an end; the next append cuts them and keeps them in torn/"
    verified.found(verified.lines + 1, end, what)
