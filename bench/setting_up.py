"""`agentsync init` in a large repository: somebody waits for it, once."""

from __future__ import annotations

import shutil
from functools import lru_cache
from pathlib import Path

from bench.harness import Benchmark, Contestant, Sample, Step
from bench.lab import Lab, text

FILES, DOCUMENTS = 50_000, 600


@lru_cache(maxsize=1)
def large(lab: Lab) -> Path:
    """A repository with that many files, of which so many are documents that `init` proposes; not set up."""
    root = lab.repository("setting-up")
    shutil.rmtree(root / "src")
    for number in range(lab.size(FILES, 300)):
        name = "AGENTS.md" if number < lab.size(DOCUMENTS, 3) else f"file{number:05}.py"
        path = root / "src" / f"part{number % 1000:03}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(number, 8))
    lab.git(root, "add", "-A")
    lab.git(root, "commit", "-q", "-m", "large")
    return root


def git_status(lab: Lab) -> Step:
    root = large(lab)
    return lambda: lab.timed(root, "git", "status", "--porcelain")


def init(lab: Lab) -> Step:
    root = large(lab)

    def step() -> Sample:
        sample = lab.timed(root, lab.agentsync, "init")
        lab.run(root, lab.agentsync, "uninstall", "--purge")
        return sample

    return step


BENCHMARK = Benchmark(
    name="setting_up",
    title="Setting up, in a repository of 50,000 files",
    about="`agentsync init`, whole process: 600 of the files are documents that it proposes and reads.",
    contestants=(
        Contestant("`git status --porcelain`", git_status),
        Contestant("`agentsync init`", init, most=3.0),
    ),
    rounds=5,
)
