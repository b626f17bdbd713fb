"""How far the ledger has reached: one that was shortened, replaced or changed is noticed, although hooks go on.

The cache says where the newest record ended and what it was; every append looks whether it is still there and moves the
mark. Only what is proven is noticed: a file that cannot be read for a moment is told, and forgotten.
"""

from contextlib import suppress
from typing import NamedTuple

from agentsync.base.errors import LedgerError
from agentsync.base.times import to_rfc3339
from agentsync.ledger.cache import Cache
from agentsync.ledger.events import CLOCK_ZERO
from agentsync.ledger.log import NO_LINE, End, Ledger
from agentsync.ledger.view import Cursor, View

PIECE = "watermark"  # of the cache
KEPT = 20  # notices


class Mark(NamedTuple):
    """The end of the ledger as it was known, how many records it had, and the last clock."""

    offset: int = 0
    length: int = 0
    prev: str = NO_LINE
    records: int = 0
    clock: str = CLOCK_ZERO

    @property
    def end(self) -> End:
        """Where its newest line ends."""
        return End(self.offset, self.length, self.prev)


class Notice(NamedTuple):
    """What was known and is not there any more. `what` is "shortened" or "replaced"; `clock` is of the last record."""

    what: str
    records: int
    offset: int
    clock: str


def notices(ledger: Ledger) -> list[Notice]:
    """What was noticed before, and what is to be noticed now. Raises LedgerError."""
    mark, found = _read(Cache(ledger.store))
    return [*found, *_compare(ledger, mark, ledger.size())]


def explain(notice: Notice) -> str:
    """A notice as a sentence."""
    until = to_rfc3339(int(notice.clock[:12], 16) / 1000) if notice.clock > CLOCK_ZERO else "then"
    return (
        f"the ledger was {notice.what}: it no longer holds what it held at {until} "
        f"({notice.records} records, {notice.offset} bytes)"
    )


def advance(view: View, size: int) -> None:
    """Move the mark to the view's cursor; `size` had the ledger before what was just appended, and it is locked."""
    mark, found = _read(view.cache)
    with suppress(LedgerError):  # what was appended stays so; the mark stays where it was
        _write(view.cache, view.cursor, [*found, *_compare(view.ledger, mark, size)])


def accept(view: View) -> None:
    """Forget what was noticed: from now on, what is there is what is known. The ledger has to be locked."""
    _write(view.cache, view.cursor, [])


def _compare(ledger: Ledger, mark: Mark, size: int) -> list[Notice]:
    if ledger.holds(mark.end):
        return []
    return [Notice("shortened" if size < mark.offset else "replaced", mark.records, mark.offset, mark.clock)]


def _read(cache: Cache) -> tuple[Mark, list[Notice]]:
    flat = cache.get(PIECE) or {"mark": [], "notices": []}
    return Mark(*flat["mark"]), [Notice(*one) for one in flat["notices"]]


def _write(cache: Cache, cursor: Cursor, found: list[Notice]) -> None:
    if cursor.offset:
        mark = [cursor.offset, cursor.length, cursor.prev, cursor.records, cursor.clock]
        cache.put({PIECE: {"mark": mark, "notices": found[-KEPT:]}})
