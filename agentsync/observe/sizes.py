"""How many lines came and went between two contents, as `git diff --minimal --numstat` counts them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

LARGEST = 400_000_000  # pairs of lines that are compared: a tenth of a second, 30 MB
BINARY = 8000  # bytes in which git looks for a NUL


class Size(NamedTuple):
    """Lines that an edit added and removed; None where they cannot be counted."""

    lines_added: int | None
    lines_removed: int | None


UNKNOWN = Size(None, None)


def between(old: bytes | None, new: bytes | None) -> Size:
    """The size of the edit that made the one content the other; None stands for a content that is not at hand."""
    if old is None or new is None or is_binary(old) or is_binary(new):
        return UNKNOWN
    before, after = _lines(old), _lines(new)
    kept = _in_common(before, after)
    return UNKNOWN if kept is None else Size(len(after) - kept, len(before) - kept)


def is_binary(content: bytes) -> bool:
    """Whether git would not take it for text."""
    return b"\0" in content[:BINARY]


def _lines(content: bytes) -> list[bytes]:
    """Without their newlines; a last line that has none is another line than one that has."""
    lines = content.split(b"\n")
    last = lines.pop()
    return [*lines, last + b"\n"] if last else lines


def _in_common(before: Sequence[bytes], after: Sequence[bytes]) -> int | None:
    """The length of the longest common subsequence; None if that would take too long."""
    head = _equal(before, after)
    before, after = before[head:], after[head:]
    tail = _equal(before[::-1], after[::-1])
    before, after = before[: len(before) - tail], after[: len(after) - tail]
    # A line that only one side has cannot be in common, and of most edits nothing is left without them.
    there, here = set(before), set(after)
    before, after = [line for line in before if line in here], [line for line in after if line in there]
    if len(before) * len(after) > LARGEST:
        return None
    return head + tail + _longest(before, after)


def _equal(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _longest(before: Sequence[bytes], after: Sequence[bytes]) -> int:
    """A row of the table of dynamic programming is one integer, a line of `before` one bit of it.

    Source: Hyyrö, "Bit-parallel LCS-length computation revisited", 2004.
    """
    places: dict[bytes, int] = {}
    for number, line in enumerate(before):
        places[line] = places.get(line, 0) | 1 << number
    every = (1 << len(before)) - 1
    row = every
    for line in after:
        matched = row & places[line]
        row = ((row + matched) | (row - matched)) & every
    return len(before) - bin(row).count("1")
