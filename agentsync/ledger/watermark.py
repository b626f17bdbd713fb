"""How far the ledger has reached: one that was shortened, replaced or changed is noticed, although hooks go on.

`watermark.json` in the store says where the newest record ended and what it was; every append looks whether it is still
there and moves the mark. It may be deleted at any time; what happened before is not noticed then.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from agentsync.base import files, strict_json
from agentsync.ledger.events import CLOCK_ZERO, to_rfc3339
from agentsync.ledger.log import Ledger, line_hash
from agentsync.ledger.view import Cursor

KEPT = 20  # notices


@dataclass(frozen=True)
class Mark:
    """The end of the ledger as it was known: bytes, the last line's length and hash, records, and the last clock."""

    offset: int
    length: int
    prev: str
    records: int
    clock: str


@dataclass(frozen=True)
class Notice:
    """What was known and is not there any more. `what` is "shortened" or "replaced"; `clock` is of the last record."""

    what: str
    records: int
    offset: int
    clock: str


def notices(ledger: Ledger) -> list[Notice]:
    """What was noticed before, and what is to be noticed now."""
    mark, found = _read(ledger)
    now = _compare(ledger, mark, ledger.size())
    return [*found, now] if now else found


def explain(notice: Notice) -> str:
    """A notice as a sentence."""
    until = to_rfc3339(int(notice.clock[:12], 16) / 1000) if notice.clock > CLOCK_ZERO else "then"
    return (
        f"the ledger was {notice.what}: it no longer holds what it held at {until} "
        f"({notice.records} records, {notice.offset} bytes)"
    )


def advance(ledger: Ledger, size: int, cursor: Cursor) -> None:
    """Move the mark to the cursor; `size` had the ledger before what was just appended. The ledger has to be locked."""
    mark, found = _read(ledger)
    now = _compare(ledger, mark, size)
    _write(ledger, cursor, [*found, now] if now else found)


def accept(ledger: Ledger, cursor: Cursor) -> None:
    """Forget what was noticed: from now on, what is there is what is known. The ledger has to be locked."""
    _write(ledger, cursor, [])


def _compare(ledger: Ledger, mark: Mark | None, size: int) -> Notice | None:
    if mark is None or _is_there(ledger, mark):
        return None
    return Notice("shortened" if size < mark.offset else "replaced", mark.records, mark.offset, mark.clock)


def _is_there(ledger: Ledger, mark: Mark) -> bool:
    try:
        with open(ledger.path, "rb") as file:
            file.seek(max(0, mark.offset - mark.length - 1))
            line = file.read(mark.length + 1)
    except OSError:
        return False
    return line[-1:] == b"\n" and line_hash(line[:-1]) == mark.prev


def _read(ledger: Ledger) -> tuple[Mark | None, list[Notice]]:
    try:
        flat = strict_json.load(_path(ledger))
        found = [Notice(str(what), int(n), int(size), str(at)) for what, n, size, at in flat["notices"]]
        offset, length, prev, records, clock = flat["mark"]
        return Mark(int(offset), int(length), str(prev), int(records), str(clock)), found
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, []


def _write(ledger: Ledger, cursor: Cursor, found: list[Notice]) -> None:
    if not cursor.offset:
        return
    mark = Mark(cursor.offset, cursor.length, cursor.prev, cursor.records, cursor.clock)
    with suppress(OSError):  # a full disk must not spoil what was appended
        files.rewrite_cache(
            _path(ledger),
            strict_json.dumps(
                {"mark": list(vars(mark).values()), "notices": [list(vars(one).values()) for one in found[-KEPT:]]}
            ).encode(),
        )


def _path(ledger: Ledger) -> str:
    return f"{ledger.store}/watermark.json"
