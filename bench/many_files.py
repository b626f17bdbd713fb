"""100,000 watched files, nothing changed."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from bench.clones import prepare
from bench.harness import Benchmark, Contestant, Step
from bench.inside import steps
from bench.lab import Lab, text

CONFIG = '[[watch]]\npath = "docs/**"\ntype = "docs"\n'


@lru_cache(maxsize=1)
def many(lab: Lab) -> Path:
    """A repository with that many documents under one glob, all of them known."""
    root = lab.folder / "repositories" / "many"
    for number in range(lab.size(100_000, 300)):
        path = root / "docs" / f"{number % 317:03}" / f"{number:06}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(number, 8))
    lab.git(root, "init", "-q", "-b", "main", ".")
    lab.git(root, "add", ".")
    lab.git(root, "commit", "-q", "-m", "first")
    prepare(lab, root, toml=CONFIG)
    return root


def stat_loop(lab: Lab) -> Step:
    return steps(lab, "stats", str(many(lab)))


def git_status(lab: Lab) -> Step:
    root = many(lab)
    return lambda: lab.timed(root, "git", "status", "--porcelain")


def glance(lab: Lab) -> Step:
    return steps(lab, "glance", str(many(lab)))


def look(lab: Lab) -> Step:
    return steps(lab, "look", str(many(lab)))


def scan(lab: Lab) -> Step:
    command, root = lab.agentsync, many(lab)
    return lambda: lab.timed(root, command, "scan")


BENCHMARK = Benchmark(
    name="many_files",
    title="100,000 watched files, nothing changed",
    about="The floor is a bare loop of `os.stat` over the same names in a running Python process. "
    "The poller glances some times a minute at so many files, and looks at everything every 30 s.",
    contestants=(
        Contestant("a bare stat loop", stat_loop),
        Contestant("`git status`", git_status),
        Contestant("agentsync, a poller's glance", glance, target=1.3),
        Contestant("agentsync, a poller's whole look", look, target=3.0),
        Contestant("`agentsync scan`, whole process", scan),
    ),
    rounds=5,
)
