"""Whether git can merge contents, of however many pairs, from one diff of each side: what `git merge-file` would say.

A process for each pair would take seconds where twenty branches change one document.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from agentsync.base import git

# The changes as `merge-file` finds them.
_DIFF = (
    "-c core.autocrlf=false -c core.safecrlf=false -c core.attributesFile=/dev/null -c diff.indentHeuristic=false "
    "diff --no-index --no-color --no-ext-diff --no-textconv --no-renames --text --diff-algorithm=myers --unified=0 "
    "old new"
).split()
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
    numbers = {side: str(number) for number, side in enumerate(sides)}
    found = _hunks({number: side for side, number in numbers.items()}) if numbers else {}
    changes = {side: found.get(number, []) for side, number in numbers.items()}
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


def _hunks(pairs: Mapping[str, tuple[bytes, bytes]]) -> dict[str, list[Hunk]]:
    """The changes between contents, by name, in one process."""
    with tempfile.TemporaryDirectory() as folder:
        for at, side in enumerate(("old", "new")):
            os.mkdir(f"{folder}/{side}")
            for name, contents in pairs.items():
                with open(f"{folder}/{side}/{name}", "wb") as file:
                    file.write(contents[at])
        _, out = git.answer(_DIFF, cwd=folder)
    return dict(_parsed(out.split(b"\n")))


def _parsed(lines: Iterable[bytes]) -> Iterator[tuple[str, list[Hunk]]]:
    name, head = "", True
    hunks: list[Hunk] = []
    for line in lines:
        if line.startswith(b"diff --git "):
            if name:
                yield name, hunks
            name, hunks, head = line.rpartition(b"/")[2].decode(), [], True
        elif found := _HUNK.match(line):
            begin, removed = int(found[1]), int(found[2] or 1)
            hunks.append(Hunk(begin - 1 if removed else begin, removed, ()))
            head = False
        elif not head and line[:1] == b"+":
            hunks[-1] = hunks[-1]._replace(lines=(*hunks[-1].lines, line[1:] + b"\n"))
        elif not head and line[:1] == b"\\" and hunks[-1].lines:
            *others, last = hunks[-1].lines
            hunks[-1] = hunks[-1]._replace(lines=(*others, last[:-1]))
    if name:
        yield name, hunks
