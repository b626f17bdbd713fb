"""A ledger, read and folded from its first line, in a process of its own."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from agentsync.ledger.cache import NAME
from bench.harness import Benchmark, Contestant, Sample, Step, timed
from bench.lab import Lab

RECORDS = 100_000
DECODE = "import json, sys\nwith open(sys.argv[1], 'rb') as file:\n    for line in file: json.loads(line)"
REPLAY = (
    "import sys; from agentsync.ledger.view import View; from agentsync.ledger.log import Ledger;"
    " view = View(Ledger(sys.argv[1])).catch_up();"
    " print(view.cursor.records, len(view.state.pending))"
)


@lru_cache(maxsize=1)
def store(lab: Lab) -> Path:
    """The store of a clone with nothing in it but a ledger."""
    root = lab.folder / "cold"
    made = root / ".git" / "agentsync"
    root.mkdir(exist_ok=True)
    lab.git(root, "init", "-q", "-b", "main", ".")
    made.mkdir(exist_ok=True)
    lab.run(lab.folder, *lab.module("bench.ledgers", str(made / "ledger.jsonl"), str(lab.size(RECORDS, 500))))
    return made


def decode(lab: Lab) -> Step:
    """Each line decoded, and forgotten."""
    argv = [lab.python, "-I", "-c", DECODE, str(store(lab) / "ledger.jsonl")]
    return lambda: timed(argv, cwd=lab.folder, env=lab.env)


def cold_replay(lab: Lab) -> Step:
    """Without a cache, to all that `status` shows."""
    argv = [lab.python, "-I", "-c", REPLAY, str(store(lab))]
    out = lab.folder / "replay.txt"

    def step() -> Sample:
        for path in store(lab).glob(f"{NAME}*"):
            path.unlink()
        sample = timed(argv, cwd=lab.folder, env=lab.env, out=out)
        assert int(out.read_text().split()[0]) == lab.size(RECORDS, 500)
        return sample

    return step


def verify(lab: Lab) -> Step:
    """`agentsync verify`: chain, sequence and schema of every line, and the cache beside a replay."""
    command, root = lab.agentsync, store(lab).parents[1]
    return lambda: timed([command, "verify"], cwd=root, env=lab.env)


OURS = "agentsync, cold replay to full state"
BENCHMARK = Benchmark(
    name="replay",
    title="A ledger of 100,000 records, read and folded",
    about="Whole processes on one file. The floor decodes each line by Python's `json` and forgets it.",
    contestants=(
        Contestant("`json.loads` of each line", decode),
        Contestant(OURS, cold_replay, target=1.5, peak=100),
        Contestant("`agentsync verify`", verify, target=2.5, against=OURS),
    ),
    rounds=7,
)
