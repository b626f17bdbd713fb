"""How many lines came and went between two contents: the fewest, where `git diff --minimal` may find some more."""

from collections.abc import Callable, Sequence
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
    before, after = map(_lines, _apart(old, new))
    kept = _in_common(before, after)
    return UNKNOWN if kept is None else Size(len(after) - kept, len(before) - kept)


def is_binary(content: bytes) -> bool:
    """Whether git would not take it for text."""
    return b"\0" in content[:BINARY]


def _apart(old: bytes, new: bytes) -> tuple[bytes, bytes]:
    """Both without the lines that they begin with alike, and end with alike."""
    most = min(len(old), len(new))
    head = old.rfind(b"\n", 0, _equal(most, lambda size: old[:size] == new[:size])) + 1
    tail = _equal(most - head, lambda size: old[len(old) - size :] == new[len(new) - size :])
    begin = old.find(b"\n", len(old) - tail)  # before it the lines may be others
    tail = len(old) - begin - 1 if begin >= 0 else 0
    return old[head : len(old) - tail], new[head : len(new) - tail]


def _equal(most: int, fits: Callable[[int], bool]) -> int:
    """The greatest size up to `most` that fits, found by halving."""
    least = 0
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if fits(middle) else (least, middle - 1)
    return least


def _lines(content: bytes) -> list[bytes]:
    """Without their newlines; a last line that has none is another line than one that has."""
    lines = content.split(b"\n")
    last = lines.pop()
    return [*lines, last + b"\n"] if last else lines


def _in_common(before: Sequence[bytes], after: Sequence[bytes]) -> int | None:
    """The length of the longest common subsequence; None if that would take too long."""
    # A line that only one side has cannot be in common, and of most edits nothing is left without them.
    there, here = set(before), set(after)
    before, after = [line for line in before if line in here], [line for line in after if line in there]
    return None if len(before) * len(after) > LARGEST else _longest(before, after)


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
