"""A hash table on disk: where in the ledger the records under a key lie.

A header (what it is, how far into the ledger it reaches, how many entries its last part has, how many slots its first
part has), then parts, each GROWTH times as large as the one before. A part is slots of 12 bytes: six of a key's hash,
six of a position; a slot of zeros is empty, and an entry lies in the first free slot from its hash on. When the last
part is full the file is made longer by another one: nothing is ever moved, so no commit pays for a table that grows.

Entries are only ever added, the header is written last, so whoever reads meanwhile or after a crash misses nothing that
the header promises. SQLite would do the same; loading it costs a hook more than all that it asks here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import md5

MAGIC = b"agsync02"
HEADER, SLOT = 32, 12  # bytes
WINDOW = 20  # slots read at once
SMALLEST = 1 << 10  # slots of a first part
GROWTH = 4
FULL = 0.6  # of a part's slots; beyond it the table grows

Row = tuple[bytes, int]
Part = tuple[int, int]  # where in the file it begins, and its slots


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
            self.reach, _, self.parts = _header(self.fd)
        except BaseException:
            os.close(self.fd)
            raise

    def __enter__(self) -> Positions:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)

    def find(self, hash_: bytes) -> list[int]:
        """The positions under a hash, in no order. Raises SpoiltError."""
        return list({position for part in self.parts for position in self._find(hash_, *part)})

    def _find(self, hash_: bytes, begin: int, slots: int) -> list[int]:
        found = []
        at = int.from_bytes(hash_, "big") % slots
        for _ in range(slots // WINDOW + 2):
            window = os.pread(self.fd, min(WINDOW, slots - at) * SLOT, begin + at * SLOT)
            for start in range(0, len(window), SLOT):
                if window[start : start + 6] == hash_:
                    found.append(int.from_bytes(window[start + 6 : start + SLOT], "big"))
                elif not any(window[start : start + SLOT]):
                    return found
            at = (at + len(window) // SLOT) % slots
        raise SpoiltError("no free slot")


def add(path: str, rows: Iterable[Row], reach: int, *, anew: bool) -> int:
    """Add rows to the table, which reaches to `reach` then, or further if it did before; how far.

    `anew`: begin an empty one. Nobody else may be adding. Raises OSError, SpoiltError.
    """
    rows = list(rows)
    if anew:
        _build(path, rows, reach)
        return reach
    fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        before, count, parts = _header(fd)
        reach = max(before, reach)
        while count + len(rows) > parts[-1][1] * FULL:
            parts.append(_part_after(parts[-1]))
            count = 0
        os.ftruncate(fd, _end(parts[-1]))
        added = sum(_put(fd, parts[-1], row) for row in rows)
        os.fsync(fd)  # after a power cut the header must not promise what is not there
        os.pwrite(fd, _header_of(reach, count + added, parts[0][1]), 0)
        return reach
    finally:
        os.close(fd)


def reach_of(path: str) -> int:
    """How far into the ledger a table reaches. Raises OSError, SpoiltError."""
    with Positions(path) as table:
        return table.reach


def _part_after(part: Part) -> Part:
    return _end(part), part[1] * GROWTH


def _end(part: Part) -> int:
    begin, slots = part
    return begin + slots * SLOT


def _header_of(reach: int, count: int, first: int) -> bytes:
    return MAGIC + b"".join(number.to_bytes(8, "big") for number in (reach, count, first))


def _header(fd: int) -> tuple[int, int, list[Part]]:
    """How far the table reaches, the entries of its last part, and its parts. A crash may leave a part with none."""
    data = os.pread(fd, HEADER, 0)
    reach, count, first = (int.from_bytes(data[at : at + 8], "big") for at in (8, 16, 24))
    size = os.fstat(fd).st_size
    parts = [(HEADER, first)]
    while first and _end(parts[-1]) < size:
        parts.append(_part_after(parts[-1]))
    if data[:8] != MAGIC or not first or _end(parts[-1]) != size or not 0 <= count < parts[-1][1]:
        raise SpoiltError("not a whole table")
    return reach, count, parts


def _put(fd: int, part: Part, row: Row) -> bool:
    """Write a row into a part's first free slot; False if it is there already."""
    begin, slots = part
    entry = _entry(row)
    at = int.from_bytes(row[0], "big") % slots
    for _ in range(slots):
        there = os.pread(fd, SLOT, begin + at * SLOT)
        if there == entry:
            return False
        if not any(there):
            os.pwrite(fd, entry, begin + at * SLOT)
            return True
        at = (at + 1) % slots
    raise SpoiltError("no free slot")


def _entry(row: Row) -> bytes:
    return row[0] + row[1].to_bytes(6, "big")


def _build(path: str, rows: list[Row], reach: int) -> None:
    """A table of one part, made in memory, put in the place of the old one."""
    entries = {_entry(row) for row in rows}
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
