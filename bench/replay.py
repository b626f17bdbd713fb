"""A long ledger, read and folded from its first line, in a process of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from bench.harness import Benchmark, Contestant, MissingError, Sample, Step, timed
from bench.lab import CHECKOUT, Lab

REPLAY = (
    "import sys; from agentsync.ledger.view import View; from agentsync.ledger.log import Ledger;"
    " view = View(Ledger(sys.argv[1]), with_index=False).catch_up();"
    " print(view.cursor.records, len(view.state.pending))"
)


@lru_cache(maxsize=1)
def long_ledger(lab: Lab) -> Path:
    """A clone with nothing in it but a ledger of `lab.records` records."""
    root = lab.folder / "cold"
    ledger = root / ".git" / "agentsync" / "ledger.jsonl"
    if not ledger.exists():
        root.mkdir(exist_ok=True)
        lab.git(root, "init", "-q", "-b", "main", ".")
        ledger.parent.mkdir()
    lab.run(lab.folder, *lab.module("bench.ledgers", str(ledger), str(lab.records)))
    return ledger


def fold(name: str) -> Callable[[Lab], Step]:
    """One of `folds.py`; its answer has to be the one that Python's json gives."""

    def prepare(lab: Lab) -> Step:
        module = {"duckdb_columns": "duckdb", "duckdb_guessed": "duckdb", "polars": "polars"}.get(name, "json")
        python = lab.peer(module)
        if name == "jq" and not shutil.which("jq"):
            raise MissingError("not installed")
        ledger = long_ledger(lab)
        script = [python, "-I", str(CHECKOUT / "bench" / "folds.py")]
        if name == "sqlite":
            lab.run(ledger.parent, *script, "fill", str(ledger))

        def step() -> Sample:
            out = lab.folder / f"fold-{name}.json"
            sample = timed([*script, name, str(ledger)], cwd=lab.folder, env=lab.env, out=out)
            if out.read_bytes() != _expected(lab):
                raise MissingError("failed: another answer")
            return sample

        return step

    return prepare


@lru_cache(maxsize=1)
def _expected(lab: Lab) -> bytes:
    script = str(CHECKOUT / "bench" / "folds.py")
    return lab.run(lab.folder, lab.python, "-I", script, "stdlib", str(long_ledger(lab)))


def cold_replay(lab: Lab) -> Step:
    """From the first line, without a checkpoint, to all that `status` shows."""
    store = long_ledger(lab).parent

    def step() -> Sample:
        for checkpoint in ("checkpoint.json", "index"):
            (store / checkpoint).unlink(missing_ok=True)
        out = lab.folder / "replay.txt"
        sample = timed([lab.python, "-I", "-c", REPLAY, str(store)], cwd=lab.folder, env=lab.env, out=out)
        assert int(out.read_text().split()[0]) == lab.records
        return sample

    return step


def verify(lab: Lab) -> Step:
    """`agentsync verify`: chain, sequence and schema of every line."""
    command, root = lab.agentsync, long_ledger(lab).parents[2]
    return lambda: timed([command, "verify"], cwd=root, env=lab.env)


OURS = "agentsync, cold replay to full state"
BENCHMARK = Benchmark(
    name="replay",
    title="A ledger of 1,000,000 records, read and folded",
    about="Whole processes on one file. The peers fold a part (newest change of each path, counts, newest "
    "consolidation), agentsync everything that it shows. SQLite's table was filled before.",
    contestants=(
        Contestant("DuckDB, columns given", fold("duckdb_columns")),
        Contestant("DuckDB, columns guessed", fold("duckdb_guessed")),
        Contestant("polars, columns given", fold("polars")),
        Contestant("SQLite, from a table", fold("sqlite")),
        Contestant("jq", fold("jq")),
        Contestant("Python's json, line by line", fold("stdlib")),
        Contestant(OURS, cold_replay, target=1.0, peak=100),
        Contestant("`agentsync verify`", verify, target=2.5, against=OURS),
    ),
    rounds=3,
    warm_up=0,
)
