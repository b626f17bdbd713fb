"""What shows something in a large repository: it looks first, as git does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from bench.clones import prepare
from bench.harness import Benchmark, Contestant, Step
from bench.lab import Lab, text

FILES = 20_000


@lru_cache(maxsize=1)
def large(lab: Lab) -> Path:
    """A repository with that many files, agentsync's eight documents among them."""
    root = lab.repository("large")
    shutil.rmtree(root / "src")
    for number in range(lab.size(FILES, 300)):
        path = root / "src" / f"part{number % 200:03}" / f"file{number:05}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(number, 8))
    lab.git(root, "add", "-A")
    lab.git(root, "commit", "-q", "-m", "large")
    prepare(lab, root, records=1000)
    lab.git(root, "add", "-A")
    lab.git(root, "commit", "-q", "-m", "agentsync")
    return root


def git_status(lab: Lab) -> Step:
    root = large(lab)
    return lambda: lab.timed(root, "git", "status", "--porcelain")


def command(*args: str) -> Callable[[Lab], Step]:
    """A contestant: `agentsync ARGS`."""

    def prepare_(lab: Lab) -> Step:
        root = large(lab)
        return lambda: lab.timed(root, lab.agentsync, *args)

    return prepare_


BENCHMARK = Benchmark(
    name="show",
    title="Showing, in a repository of 20,000 files",
    about="Whole processes, nothing changed since the last look. The ledger has 1,000 records.",
    contestants=(
        Contestant("`git status --porcelain`", git_status),
        Contestant("`agentsync status`", command("status"), target=2.5),
        Contestant("`agentsync status --json`", command("status", "--json"), target=2.5),
        Contestant("`agentsync log -n 20`", command("log", "-n", "20"), target=2.5),
    ),
    rounds=20,
    warm_up=2,
)
