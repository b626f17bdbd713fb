"""Whether git can merge two contents, told from one diff of each: `git merge-file` is the judge."""

from __future__ import annotations

import random

import pytest

from agentsync.observe.merges import three_way
from agentsync.observe.threeway import Three, conflicts


def drawn(seed: int) -> Three:
    """Two contents that come from one, with few different lines, so that diffs have a choice."""
    chance = random.Random(seed)
    words = "abcde"[: chance.randrange(2, 6)]
    base = [chance.choice(words) for _ in range(chance.randrange(0, 14))]
    return Three(_edited(base, chance, words), _text(base, chance), _edited(base, chance, words))


def _edited(base: list[str], chance: random.Random, words: str) -> bytes:
    lines = list(base)
    for _ in range(chance.randrange(0, 4)):
        at, end = sorted(chance.randrange(0, len(lines) + 1) for _ in range(2))
        lines[at : min(end, at + 3)] = [chance.choice(words + "xy") for _ in range(chance.randrange(0, 3))]
    return _text(lines, chance)


def _text(lines: list[str], chance: random.Random) -> bytes:
    text = "".join(f"{line}\n" for line in lines)
    return (text[:-1] if chance.random() < 0.1 else text).encode()


def check(seeds: range) -> None:
    wanted = [drawn(seed) for seed in seeds]
    for three, found in zip(wanted, conflicts(wanted), strict=True):
        assert found == three_way(*three)[0], three


def test_it_says_what_merge_file_says() -> None:
    check(range(150))


@pytest.mark.long
@pytest.mark.parametrize("begin", range(1000, 11_000, 1000))
def test_it_says_what_merge_file_says_of_many(begin: int) -> None:
    check(range(begin, begin + 1000))
