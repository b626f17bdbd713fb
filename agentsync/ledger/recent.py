"""The timeline of a ledger, kept up to date: what is older than it shows is not read, and each record once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agentsync.ledger import timeline
from agentsync.ledger.events import DamagedError, decode
from agentsync.ledger.log import Ledger
from agentsync.ledger.view import Cursor, Tally

STEP = 1 << 16  # bytes that are read through rather than halved


class Recent:
    """The timeline after every line up to `cursor.offset`. Not for two threads at once."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.inode = -1
        self.cursor = Cursor()
        self.timeline = timeline.Timeline()

    def catch_up(self, now: float) -> Recent:
        """Take in what has been appended since; `now` is in seconds since 1970. Raises LedgerError."""
        inode = self.ledger.inode()
        if inode != self.inode or self.ledger.size() < self.cursor.offset:
            self.inode, self.timeline = inode, timeline.Timeline()
            self.cursor = replace(Cursor(), offset=offset_at(self.ledger, now - timeline.HOURS * timeline.HOUR))
        tally = Tally(self.cursor)
        for at, line in self.ledger.lines(self.cursor.offset):
            event = tally.add(at, line)
            if event:
                self.timeline.add(event)
        self.cursor = tally.cursor()
        return self

    def to_json(self, now: float) -> dict[str, Any]:
        """The timeline as it is shown at `now`."""
        return timeline.to_json(self.timeline, now)


def offset_at(ledger: Ledger, since: float) -> int:
    """An offset of a line that no record of `since` (seconds since 1970) or later stands before.

    Found by halving, as the clock of the records never goes back.
    """
    low, high = 0, ledger.size()
    while high - low > STEP:
        middle = (low + high) // 2
        lines = ledger.lines(middle)
        next(lines, None)  # the end of a line
        at, line = next(lines, (high, b""))
        recorded = _recorded(line)
        if recorded is None or at >= high:
            break
        low, high = (at, high) if recorded < since else (low, middle)
    return low


def _recorded(line: bytes) -> float | None:
    try:
        return int(decode(line)[0].clock[:12], 16) / 1000
    except DamagedError:
        return None
