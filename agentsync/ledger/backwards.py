"""The ledger from its end: the newest lines of a million are there at once, without a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Iterator

from agentsync.ledger.log import Ledger, unreadable

FIRST, LARGEST = 1 << 15, 1 << 22  # bytes read at a time: a few lines are asked for most often


def newest_lines(ledger: Ledger, end: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Each whole line (before the offset `end`), without its newline, with its offset, newest first.

    Raises LedgerError.
    """
    try:
        fd = os.open(ledger.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except OSError as error:
        raise unreadable(ledger.path, error) from None
    try:
        yield from _lines(fd, os.fstat(fd).st_size if end is None else end)
    finally:
        os.close(fd)


def _lines(fd: int, end: int) -> Iterator[tuple[int, bytes]]:
    rest, size, whole = b"", FIRST, False
    while end > 0:
        begin = max(0, end - size)
        block = os.pread(fd, end - begin, begin) + rest
        end, size = begin, min(size * 2, LARGEST)
        head, *lines = block.split(b"\n")
        at = begin + len(block)
        for number, line in enumerate(reversed(lines)):
            at -= len(line)
            if whole or number:  # what follows the last newline is no line yet
                yield at, line
            at -= 1
        whole = whole or bool(lines)
        rest = head
    if whole:
        yield 0, rest
