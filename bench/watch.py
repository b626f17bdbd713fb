"""The poller: from an edit to its record, and what it costs while nothing happens."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from bench.clones import watched
from bench.harness import Benchmark, Contestant, MissingError, Sample, Step
from bench.lab import WATCHED, Lab, text

PATIENCE = 60.0  # seconds
GLANCE = 0.002  # seconds between two questions whether the record is there
WATCHFILES = "import sys, watchfiles\nfor changes in watchfiles.watch(sys.argv[1]): print(len(changes), flush=True)"


def edit_to_record(lab: Lab) -> Step:
    """From the moment an editor has closed the file until the ledger has grown."""
    root = watched(lab, "watch", 100)
    ledger = root / ".git" / "agentsync" / "ledger.jsonl"
    _watching(lab, root)
    dice = random.Random(1)

    def step() -> Sample:
        time.sleep(0.4 + dice.random())  # anywhere between two glances
        size = ledger.stat().st_size
        (root / WATCHED).write_text(text(dice.randrange(1 << 30)))
        began = time.perf_counter()
        while ledger.stat().st_size == size:
            if time.perf_counter() - began > PATIENCE:
                raise MissingError(f"no record within {PATIENCE:g} s")
            time.sleep(GLANCE)
        return Sample(time.perf_counter() - began)

    return step


def edit_to_event(lab: Lab) -> Step:
    """The same for watchfiles, until its event has been printed."""
    python = lab.peer("watchfiles")
    root = lab.repository("watchfiles")
    out = lab.folder / "watchfiles.txt"
    with out.open("wb") as sink:
        process = subprocess.Popen([python, "-c", WATCHFILES, str(root)], env=lab.env, stdout=sink)
    lab.at_end(process)
    time.sleep(1.0)
    dice = random.Random(1)

    def step() -> Sample:
        time.sleep(0.4 + dice.random())
        size = out.stat().st_size
        (root / WATCHED).write_text(text(dice.randrange(1 << 30)))
        began = time.perf_counter()
        while out.stat().st_size == size:
            if time.perf_counter() - began > PATIENCE:
                raise MissingError(f"no event within {PATIENCE:g} s")
            time.sleep(GLANCE)
        return Sample(time.perf_counter() - began)

    return step


def _watching(lab: Lab, root: Path) -> None:
    """Start the poller and wait until it has seen an edit."""
    process = subprocess.Popen(
        [lab.agentsync, "watch", "--interval", "30"],
        cwd=root,
        env=lab.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    lab.at_end(process)
    deadline = time.monotonic() + PATIENCE
    lock = root / ".git" / "agentsync" / "watch.lock"
    while not lock.exists() or not lock.stat().st_size:
        if process.poll() is not None or time.monotonic() > deadline:
            raise MissingError("failed: `agentsync watch` does not run")
        time.sleep(0.05)


def idle_agentsync(lab: Lab) -> Step:
    root = watched(lab, "idle", 100)
    argv = [lab.agentsync, "watch", "--interval", "30"]
    return lambda: _idle(lab, argv, root)


def idle_watchfiles(lab: Lab) -> Step:
    root = lab.repository("watchfiles-idle")
    argv = [lab.peer("watchfiles"), "-c", WATCHFILES, str(root)]
    return lambda: _idle(lab, argv, root)


def _idle(lab: Lab, argv: Sequence[str], root: Path) -> Sample:
    """Percent of a core in a minute, children included: a long run less a short one, so that the start is left out."""
    short, long = lab.size(3, 1), lab.size(63, 2)
    took = [_cpu(lab, argv, root, seconds) for seconds in (short, long)]
    return Sample(max(0.0, took[1] - took[0]) / (long - short) * 100)


def _cpu(lab: Lab, argv: Sequence[str], root: Path, seconds: float) -> float:
    process = subprocess.Popen(argv, cwd=root, env=lab.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    if process.poll() is not None:
        raise MissingError(f"failed: ended with status {process.returncode}")
    process.terminate()
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return usage.ru_utime + usage.ru_stime


EDIT = Benchmark(
    name="watch",
    title="`agentsync watch`: from an edit to its durable record",
    about="The edit comes at a random moment; measured until the ledger has grown. watchfiles at its defaults, on all "
    "of the repository, until it has printed its event; it records nothing. The seed's poller looked every 30 s.",
    contestants=(
        Contestant("watchfiles, edit to event", edit_to_event),
        Contestant("agentsync, edit to record", edit_to_record, most=0.3, most_99=0.6),
    ),
    rounds=100,
    warm_up=2,
)
IDLE = Benchmark(
    name="idle",
    title="`agentsync watch`, nothing happens",
    about="Percent of one core, child processes included, over a minute with two whole looks.",
    contestants=(
        Contestant("watchfiles", idle_watchfiles),
        Contestant("agentsync", idle_agentsync, most=0.15),
    ),
    rounds=3,
    warm_up=0,
    unit="%",
)
