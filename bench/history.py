"""Catching up: 500 commits that no hook has seen."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.clones import prepare
from bench.harness import Benchmark, Contestant, Sample, Step
from bench.inside import steps
from bench.lab import Lab


def git_log(lab: Lab) -> Step:
    return steps(lab, "git_log", str(lab.repository("git-log")))


def running(lab: Lab) -> Step:
    root = lab.repository("catching-up")
    last = lab.git(root, "rev-parse", "HEAD")
    ask = steps(lab, "look", str(root))

    def step() -> Sample:
        _behind(lab, root, last)
        return ask()

    return step


def hook(lab: Lab) -> Step:
    root = lab.repository("catching-up-hook")
    last = lab.git(root, "rev-parse", "HEAD")

    def step() -> Sample:
        _behind(lab, root, last)
        return lab.timed(root, str(root / ".git" / "hooks" / "post-checkout"), "0" * 40, "HEAD", "1")

    return step


def _behind(lab: Lab, root: Path, last: str) -> None:
    """Watch from the first commit on; all others come while nobody looks."""
    first = lab.git(root, "rev-list", "--max-parents=0", last)
    for folder in (".git/agentsync", ".agentsync"):
        shutil.rmtree(root / folder, ignore_errors=True)
    lab.run(root, "git", "reset", "-q", "--hard", first, AGENTSYNC="0")
    prepare(lab, root)
    lab.run(root, "git", "reset", "-q", "--hard", last, AGENTSYNC="0")


BENCHMARK = Benchmark(
    name="history",
    title="Catching up 500 commits",
    about="One commit in ten touches one of the eight watched documents; each becomes a durable record. "
    "The floor is `git log --raw` over the same paths.",
    contestants=(
        Contestant("`git log --raw -- paths`", git_log),
        Contestant("agentsync, a poller's look", running),
        Contestant("agentsync, a hook's whole process", hook, target=10.0),
    ),
    rounds=7,
)
