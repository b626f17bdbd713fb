"""Contestants in turn: A B C, B C A, ..., after a warm-up; what comes out is a median and its ratio to another's.

Machines differ and other programs run on them, so a time alone says little: each is compared with a floor or a peer
that was measured in the same rounds.
"""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.lab import Lab


class MissingError(Exception):
    """A contestant cannot take part; the text says why, as "not installed"."""


@dataclass(frozen=True)
class Sample:
    """One measurement: `value` in the benchmark's unit (seconds, mostly), `peak` memory in MiB where it was asked."""

    value: float
    peak: float | None = None


Step = Callable[[], Sample]


@dataclass(frozen=True)
class Contestant:
    """`prepare` makes ready once and returns the step that is measured again and again.

    `target`: the most that its ratio to the contestant `against` (the floor, if none is named) should be. Where there
    is no floor, `most` is what the median should be at the most, `most_99` the 99th percentile; `peak` is in MiB.
    """

    name: str
    prepare: Callable[[Lab], Step]
    target: float | None = None
    against: str | None = None
    most: float | None = None
    most_99: float | None = None
    peak: float | None = None


@dataclass(frozen=True)
class Row:
    """What came of a contestant; without samples, `note` says why. `ratio`: None where there is nothing to compare."""

    contestant: Contestant
    samples: tuple[Sample, ...] = ()
    ratio: float | None = None
    note: str = ""

    @property
    def values(self) -> list[float]:
        """What was measured, sorted."""
        return sorted(sample.value for sample in self.samples)

    @property
    def peak(self) -> float | None:
        """The most memory that any sample took, in MiB."""
        return max((sample.peak for sample in self.samples if sample.peak is not None), default=None)

    @property
    def middle(self) -> float:
        """The median."""
        return median(self.values)

    @property
    def last_99(self) -> float:
        """The 99th percentile; of fewer than 100 samples, the largest."""
        values = self.values
        return values[math.ceil(len(values) * 0.99) - 1]


@dataclass(frozen=True)
class Benchmark:
    """Contestants for one question. The first is the floor; `about` says what was measured, in a sentence or two.

    `unit` is "s", or "%" of one core.
    """

    name: str
    title: str
    about: str
    contestants: tuple[Contestant, ...]
    rounds: int
    warm_up: int = 1
    unit: str = "s"


def race(benchmark: Benchmark, lab: Lab) -> list[Row]:
    """Let the contestants run in turn. One that cannot take part keeps its row."""
    rounds, warm_up = (2, 0) if lab.quick else (benchmark.rounds, benchmark.warm_up)
    steps: dict[str, Step] = {}
    notes: dict[str, str] = {}
    for contestant in benchmark.contestants:
        with _missing(contestant, notes):
            steps[contestant.name] = contestant.prepare(lab)
    samples: dict[str, list[Sample]] = {name: [] for name in steps}
    for number in range(warm_up + rounds):
        for contestant in _rotated(benchmark.contestants, number):
            if contestant.name in notes:
                continue
            with _missing(contestant, notes):
                sample = steps[contestant.name]()
                if number >= warm_up:
                    samples[contestant.name].append(sample)
    taken = {name: tuple(found) for name, found in samples.items() if name not in notes}
    return [_row(contestant, benchmark.contestants[0].name, taken, notes) for contestant in benchmark.contestants]


def _rotated(contestants: Sequence[Contestant], by: int) -> list[Contestant]:
    by %= len(contestants)
    return [*contestants[by:], *contestants[:by]]


@contextlib.contextmanager
def _missing(contestant: Contestant, notes: dict[str, str]) -> Iterator[None]:
    try:
        yield
    except MissingError as error:
        notes[contestant.name] = str(error)
    except subprocess.CalledProcessError as error:
        said = (error.stderr or b"").decode(errors="replace").strip().splitlines()
        notes[contestant.name] = f"failed: {said[-1] if said else f'exit status {error.returncode}'}"


def _row(contestant: Contestant, floor: str, taken: Mapping[str, tuple[Sample, ...]], notes: dict[str, str]) -> Row:
    samples = taken.get(contestant.name, ())
    base = taken.get(contestant.against or floor)
    compared = ratio(base, samples) if base and samples else None
    return Row(contestant, samples, compared, notes.get(contestant.name, ""))


def ratio(floor: Sequence[Sample], samples: Sequence[Sample]) -> float | None:
    """How many times the floor: medians, so that a neighbour's burst of work in a few rounds changes nothing.

    None where the floor is nothing at all.
    """
    base = median(sample.value for sample in floor)
    return median(sample.value for sample in samples) / base if base else None


def timed(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], out: Path | None = None, content: Path | None = None
) -> Sample:
    """How long a process takes from start to end, and its peak memory; `out` gets what it prints, it reads `content`.

    Raises CalledProcessError.
    """
    with open(content or os.devnull, "rb") as source, open(out or os.devnull, "wb") as sink:
        began = time.perf_counter()
        process = subprocess.Popen(argv, cwd=cwd, env=env, stdin=source, stdout=sink, stderr=subprocess.PIPE)
        assert process.stderr
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - began
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(argv), stderr=said)
    return Sample(took, usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10))
