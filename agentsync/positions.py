"""A hash table on disk: where in the ledger the records under a key lie.

A header (what it is, how far into the ledger it reaches, how many entries, how many slots), then slots of 12 bytes: six
of a key's hash, six of a position; a slot of zeros is empty, and an entry lies in the first free slot from its hash on.
Entries are only ever added, the header is written last, so whoever reads meanwhile or after a crash misses nothing that
the header promises. SQLite would do the same; loading it costs a hook more than all that it asks here.
"""

from __future__ import annotations

import os

from agentsync.digests import md5

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MAGIC = b"agsync01"
HEADER, SLOT = 32, 12  # bytes
WINDOW = 20  # slots read at once
SMALLEST = 1 << 10  # slots
FULL = 0.6  # of the slots; beyond it the table grows

Row = tuple[bytes, int]


class SpoiltError(Exception):
    """The file is not such a table, or not a whole one."""


def hash_of(key: tuple[str, ...]) -> bytes:
    """Six bytes, never all zero. Two keys may share them: whoever finds a record compares its key."""
    return md5("\0".join(key).encode(), usedforsecurity=False).digest()[:6].replace(bytes(6), b"\1" * 6)


class Positions:
    """A table, open for reading within `with`. Raises OSError, SpoiltError."""

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            self.reach, self.count, self.slots = _header(self.fd)
        except BaseException:
            os.close(self.fd)
            raise

    def __enter__(self) -> Positions:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)

    def find(self, hash_: bytes) -> list[int]:
        """The positions under a hash, in no order. Raises SpoiltError."""
        found = []
        at = int.from_bytes(hash_, "big") % self.slots
        for _ in range(self.slots // WINDOW + 2):
            window = os.pread(self.fd, min(WINDOW, self.slots - at) * SLOT, HEADER + at * SLOT)
            for start in range(0, len(window), SLOT):
                if window[start : start + 6] == hash_:
                    found.append(int.from_bytes(window[start + 6 : start + SLOT], "big"))
                elif not any(window[start : start + SLOT]):
                    return found
            at = (at + len(window) // SLOT) % self.slots
        raise SpoiltError("no free slot")


def add(path: str, rows: Iterable[Row], reach: int, *, anew: bool) -> int:
    """Add rows to the table, which reaches to `reach` then, or further if it did before; how far.

    `anew`: begin an empty one. Nobody else may be adding. Raises OSError, SpoiltError.
    """
    rows = list(rows)
    if anew:
        _rebuild(path, b"", rows, reach)
        return reach
    fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        before, count, slots = _header(fd)
        reach = max(before, reach)
        if count + len(rows) > slots * FULL:
            _rebuild(path, os.pread(fd, slots * SLOT, HEADER), rows, reach)
        else:
            added = sum(_put_on_disk(fd, slots, row) for row in rows)
            os.fsync(fd)  # after a power cut the header must not promise what is not there
            os.pwrite(fd, _header_of(reach, count + added, slots), 0)
        return reach
    finally:
        os.close(fd)


def reach_of(path: str) -> int:
    """How far into the ledger a table reaches. Raises OSError, SpoiltError."""
    with Positions(path) as table:
        return table.reach


def _header_of(reach: int, count: int, slots: int) -> bytes:
    return MAGIC + b"".join(number.to_bytes(8, "big") for number in (reach, count, slots))


def _header(fd: int) -> tuple[int, int, int]:
    data = os.pread(fd, HEADER, 0)
    reach, count, slots = (int.from_bytes(data[at : at + 8], "big") for at in (8, 16, 24))
    whole = len(data) == HEADER and os.fstat(fd).st_size == HEADER + slots * SLOT
    if data[:8] != MAGIC or not whole or not 0 <= count < slots:
        raise SpoiltError("not a whole table")
    return reach, count, slots


def _put_on_disk(fd: int, slots: int, row: Row) -> bool:
    """Write a row into the first free slot; False if it is there already."""
    entry = _entry(row)
    at = int.from_bytes(row[0], "big") % slots
    for _ in range(slots):
        there = os.pread(fd, SLOT, HEADER + at * SLOT)
        if there == entry:
            return False
        if not any(there):
            os.pwrite(fd, entry, HEADER + at * SLOT)
            return True
        at = (at + 1) % slots
    raise SpoiltError("no free slot")


def _entry(row: Row) -> bytes:
    return row[0] + row[1].to_bytes(6, "big")


def _rebuild(path: str, old: bytes, rows: list[Row], reach: int) -> None:
    """A larger table with the old slots and the rows, put in the place of the old one."""
    entries = {old[at : at + SLOT] for at in range(0, len(old), SLOT)} | {_entry(row) for row in rows}
    entries.discard(bytes(SLOT))
    slots = SMALLEST
    while slots * FULL < 2 * len(entries):
        slots *= 2
    table = bytearray(slots * SLOT)
    for entry in entries:
        at = int.from_bytes(entry[:6], "big") % slots * SLOT
        while any(table[at : at + SLOT]):
            at = (at + SLOT) % len(table)
        table[at : at + SLOT] = entry
    temporary = f"{path}.{os.getpid()}.new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(_header_of(reach, len(entries), slots))
            file.write(table)
            file.flush()
            os.fsync(fd)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
