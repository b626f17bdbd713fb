"""git's clean filter for the report's file: what each `git add` or look at that file waits for."""

from __future__ import annotations

import shlex
from functools import lru_cache
from pathlib import Path

from bench.clones import watched
from bench.harness import Benchmark, Contestant, Step
from bench.lab import WATCHED, Lab, text
from bench.startup import isolated

REPORT = "AGENT_SYNC.md"


@lru_cache(maxsize=1)
def reported(lab: Lab) -> Path:
    """A clone whose report has a consolidation in it, which git does not see."""
    root = watched(lab, "filter")
    (root / WATCHED).write_text(text(1))
    lab.run(root, lab.agentsync, "consolidate")
    if lab.git(root, "status", "--porcelain", REPORT) or b"agentsync:report" not in (root / REPORT).read_bytes():
        raise RuntimeError("the report is not hidden from git")
    return root


def command(lab: Lab, root: Path) -> str:
    """What git gives to its shell for the report's file."""
    return lab.git(root, "config", "filter.agentsync.clean").replace("%f", f"'{REPORT}'").replace("%%", "%")


def with_report(lab: Lab) -> Step:
    root = reported(lab)
    return _filtering(lab, root, command(lab, root), root / REPORT)


def without_report(lab: Lab) -> Step:
    root = reported(lab)
    content = lab.folder / "without-report.md"
    content.write_text(text(1))
    return _filtering(lab, root, command(lab, root), content)


def without_python(lab: Lab) -> Step:
    root = reported(lab)
    gone = command(lab, root).replace(f" {shlex.quote(lab.python)} ", " /gone ")
    return _filtering(lab, root, gone, root / REPORT)


def _filtering(lab: Lab, root: Path, script: str, content: Path) -> Step:
    return lambda: lab.timed_with(root, content, "sh", "-c", script)


BENCHMARK = Benchmark(
    name="filter",
    title="git's filter for the report's file, once",
    about="The whole command that git runs when it has to compare or store AGENT_SYNC.md, with sh. "
    "Where the interpreter is gone, awk does it.",
    contestants=(
        Contestant("`python -I -S -c pass`", isolated),
        Contestant("agentsync, a file with a report", with_report, target=3.5),
        Contestant("agentsync, a file without one", without_report, target=3.5),
        Contestant("agentsync, its interpreter gone", without_python),
    ),
    rounds=40,
    warm_up=2,
)
