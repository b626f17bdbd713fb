"""Eight processes append to one ledger, each record durable before the next."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE, Popen

from bench.harness import Benchmark, Contestant, Sample, Step
from bench.lab import Lab

PROCESSES = 8
RECORDS = 100  # of each


def writers(kind: str, processes: int = PROCESSES) -> Callable[[Lab], Step]:
    """Contestants of `appenders.py`; measured is a thousand records, of all together."""

    def prepare(lab: Lab) -> Step:
        folder = lab.folder / f"append-{kind}-{processes}"
        each = lab.size(RECORDS, 20) * PROCESSES // processes

        def step() -> Sample:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            took = all_at_once(lab, lab.module("bench.appenders", kind, str(folder), str(each)), processes)
            _check(kind, folder, each * processes)
            return Sample(took / (each * processes) * 1000)

        return step

    return prepare


def all_at_once(lab: Lab, argv: list[str], processes: int) -> float:
    """How long these processes of `appenders.py` take together, in seconds, from the moment when all are ready."""
    return go(stand_ready(lab, argv, processes))


def stand_ready(lab: Lab, argv: list[str], processes: int) -> list[Popen[str]]:
    """Processes of `appenders.py`, once each of them could begin."""
    started = [Popen(argv, cwd=lab.folder, env=lab.env, stdin=PIPE, stdout=PIPE, text=True) for _ in range(processes)]
    for process in started:
        assert process.stdout and process.stdout.readline() == "ready\n"
    return started


def go(started: list[Popen[str]]) -> float:
    """Let them begin; how long it takes until the last is done, in seconds."""
    began = time.perf_counter()
    for process in started:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    for process in started:
        assert process.stdout and process.stdout.readline() == "done\n"
    took = time.perf_counter() - began
    for process in started:
        process.communicate()
    return took


def _check(kind: str, folder: Path, records: int) -> None:
    """Nothing was lost."""
    if kind != "sqlite":
        assert (folder / "ledger.jsonl").read_bytes().count(b"\n") == records


BENCHMARK = Benchmark(
    name="append",
    title="Durable append from eight processes",
    about="Time for 1,000 records, all processes together, each record synced before the next. "
    "agentsync also reads what the others appended and chains to it.",
    contestants=(
        Contestant("SQLite, WAL, synchronous FULL", writers("sqlite")),
        Contestant("agentsync", writers("agentsync"), target=3.0),
        Contestant("agentsync, finished lines", writers("line_only")),
        Contestant("SQLite, one process", writers("sqlite", 1)),
        Contestant("agentsync, one process", writers("agentsync", 1)),
    ),
    rounds=5,
)
