"""What agents ask before they edit: who else is there, and where two lines of work change the same document."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from bench.clones import prepare, settle
from bench.harness import Benchmark, Contestant, Sample, Step
from bench.lab import Lab, text

FILES, BRANCHES, EACH = 5_000, 20, 25  # files, branches, and files that each of these changes beside the document
DOCUMENT = "ROADMAP.md"


@lru_cache(maxsize=1)
def branched(lab: Lab) -> Path:
    """Twenty branches of twenty people: all change one document, so that each two of them overlap."""
    root = lab.repository("branched")
    shutil.rmtree(root / "src")
    files = lab.size(FILES, 100)
    for number in range(files):
        path = root / "src" / f"part{number % 50:02}" / f"file{number:04}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(number, 8))
    (root / DOCUMENT).write_text(text(1, 400))
    prepare(lab, root, records=1000)
    lab.git(root, "add", "-A")
    lab.git(root, "commit", "-q", "-m", "begin")
    main = lab.git(root, "rev-parse", "--abbrev-ref", "HEAD").strip()
    for branch in range(lab.size(BRANCHES, 4)):
        lab.git(root, "checkout", "-q", "-b", f"branch-{branch}", main)
        lines = (root / DOCUMENT).read_text().splitlines(keepends=True)
        lines[branch * 15 + 3] = f"line of {branch}\n"
        (root / DOCUMENT).write_text("".join(lines))
        for number in range(EACH):
            chosen = (branch * EACH + number) % files
            (root / "src" / f"part{chosen % 50:02}" / f"file{chosen:04}.py").write_text(text(chosen + branch, 9))
        lab.git(root, "commit", "-q", "-a", "-m", "work", f"--author=Person {branch} <p{branch}@example.org>")
    lab.git(root, "checkout", "-q", main)
    settle(root)
    lab.run(root, lab.agentsync, "scan")
    return root


def git_status(lab: Lab) -> Step:
    root = branched(lab)
    return lambda: lab.timed(root, "git", "status", "--porcelain")


def command(*args: str) -> Callable[[Lab], Step]:
    """A contestant: `agentsync ARGS`, nothing new since the last time."""

    def prepare_(lab: Lab) -> Step:
        root = branched(lab)
        return lambda: lab.timed(root, lab.agentsync, *args)

    return prepare_


def anew(lab: Lab) -> Step:
    """After a branch has moved."""
    root, number = branched(lab), iter(range(1_000_000))

    def step() -> Sample:
        lab.git(root, "branch", "-f", "moving", f"HEAD~{next(number) % 2}")
        return lab.timed(root, lab.agentsync, "overlaps", "--json")

    return step


VERSION, STATUS = "`agentsync --version`", "`git status --porcelain`"
BENCHMARK = Benchmark(
    name="agents",
    title="What agents ask, in a repository of 5,000 files with 20 branches",
    about="Whole processes. All branches have changed one document, so there are 190 overlaps.",
    contestants=(
        Contestant(STATUS, git_status),
        Contestant(VERSION, command("--version")),
        Contestant(f"`agentsync who {DOCUMENT}`", command("who", DOCUMENT), target=1.6, against=VERSION),
        Contestant("`agentsync overlaps`, a branch has moved", anew, target=3.0, most=1.0),
        Contestant("`agentsync overlaps`, nothing new", command("overlaps", "--json")),
    ),
    rounds=10,
    warm_up=1,
)
