"""Whether git can merge contents, of however many pairs, from one diff of each side: what `git merge-file` would say.

A process for each pair would take seconds where twenty branches change one document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from agentsync.observe.diffs import compared

_AS_MERGE_FILE = ("--diff-algorithm=myers", "--no-indent-heuristic", "--unified=0")  # finds the changes
_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")


class Hunk(NamedTuple):
    """So many lines of the base, from `begin` on (0 is the first), are replaced by these."""

    begin: int
    removed: int
    lines: tuple[bytes, ...]

    @property
    def end(self) -> int:
        """The first line of the base after it."""
        return self.begin + self.removed


class Three(NamedTuple):
    """Two contents and the one that both come from."""

    ours: bytes
    base: bytes
    theirs: bytes


def conflicts(wanted: Sequence[Three]) -> list[bool]:
    """Of each, whether `git merge-file` would find a conflict."""
    sides = dict.fromkeys(side for one in wanted for side in ((one.base, one.ours), (one.base, one.theirs)))
    numbered = dict(enumerate(sides))
    found = dict(_parsed(compared(numbered, *_AS_MERGE_FILE).split(b"\n"))) if numbered else {}
    changes = {side: found.get(number, []) for number, side in numbered.items()}
    return [collide(_lines(one.base), changes[one.base, one.ours], changes[one.base, one.theirs]) for one in wanted]


def collide(base: Sequence[bytes], ours: Sequence[Hunk], theirs: Sequence[Hunk]) -> bool:
    """Whether the changes of two sides conflict, as xdiff's xdl_merge judges it.

    Those that touch neither the same nor neighbouring lines are merged. Others are one region, with all that meets it:
    a conflict unless both sides have the same text there.
    """
    mine, yours = list(ours), list(theirs)
    while mine and yours:
        if mine[0].end < yours[0].begin:
            mine.pop(0)
        elif yours[0].end < mine[0].begin:
            yours.pop(0)
        else:
            one, other = _region(mine, yours)
            begin = min(hunk.begin for hunk in (*one, *other))
            end = max(hunk.end for hunk in (*one, *other))
            if _text(base, one, begin, end) != _text(base, other, begin, end):
                return True
    return False


def _region(mine: list[Hunk], yours: list[Hunk]) -> tuple[list[Hunk], list[Hunk]]:
    """Take the first changes of both sides, which meet, and all that meet them."""
    one, other = [mine.pop(0)], [yours.pop(0)]
    while True:
        end = max(hunk.end for hunk in (*one, *other))
        if mine and mine[0].begin <= end:
            one.append(mine.pop(0))
        elif yours and yours[0].begin <= end:
            other.append(yours.pop(0))
        else:
            return one, other


def _text(base: Sequence[bytes], hunks: Sequence[Hunk], begin: int, end: int) -> list[bytes]:
    """What one side has in place of these lines of the base."""
    text: list[bytes] = []
    for hunk in hunks:
        text += [*base[begin : hunk.begin], *hunk.lines]
        begin = hunk.end
    return [*text, *base[begin:end]]


def _lines(content: bytes) -> list[bytes]:
    return [line for line in re.split(rb"(?<=\n)", content) if line]


def _parsed(lines: Iterable[bytes]) -> Iterator[tuple[int, list[Hunk]]]:
    """The changes of each pair, by its number."""
    number, head = -1, True
    hunks: list[Hunk] = []
    for line in lines:
        if line.startswith(b"diff --git "):
            if number >= 0:
                yield number, hunks
            number, hunks, head = int(line.rpartition(b"/")[2]), [], True
        elif found := _HUNK.match(line):
            begin, removed = int(found[1]), int(found[2] or 1)
            hunks.append(Hunk(begin - 1 if removed else begin, removed, ()))
            head = False
        elif not head and line[:1] == b"+":
            hunks[-1] = hunks[-1]._replace(lines=(*hunks[-1].lines, line[1:] + b"\n"))
        elif not head and line[:1] == b"\\" and hunks[-1].lines:
            *others, last = hunks[-1].lines
            hunks[-1] = hunks[-1]._replace(lines=(*others, last[:-1]))
    if number >= 0:
        yield number, hunks
