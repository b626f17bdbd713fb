"""An agent's git commands in a worktree whose report is rewritten all the time: how many fail because of that."""

from __future__ import annotations

import contextlib
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from agentsync.base import config, git
from agentsync.base.errors import AgentsyncError
from agentsync.observe.request import Request
from agentsync.sync import sync
from bench.clones import watched
from bench.harness import Benchmark, Contestant, Sample, Step
from bench.lab import UNWATCHED, WATCHED, Lab, text

PACE = 0.1  # seconds from the start of one command to that of the next
PAUSE = 0.5  # seconds from the end of one consolidation to the next
REPORT = "AGENT_SYNC.md"


class Agent:
    """Works in one worktree as agents do; somebody else pushes to its remote meanwhile."""

    def __init__(self, lab: Lab, root: Path) -> None:
        self.lab = lab
        self.root = root
        self.edits = 0
        self.commands = 0
        self.failures: list[str] = []
        self.other = root.with_name(f"{root.name}-other")
        remote = root.with_name(f"{root.name}.git")
        lab.git(root, "clone", "-q", "--bare", ".", str(remote))
        lab.git(root, "clone", "-q", str(remote), str(self.other))
        lab.git(root, "remote", "add", "origin", str(remote))
        lab.git(root, "fetch", "-q")
        lab.git(root, "branch", "-q", "-u", "origin/main")
        lab.git(root, "branch", "-q", "side")

    def work(self, commands: int) -> Sample:
        """So many commands; the percentage of those that failed."""
        self.commands, self.failures = 0, []
        due = time.monotonic()
        while self.commands < commands:
            for args in self._round():
                time.sleep(max(0.0, due - time.monotonic()))
                due = max(due + PACE, time.monotonic())
                self._run(args)
        for failure in self.failures:
            print(f"  {self.root.name}: {failure}", file=sys.stderr)
        return Sample(100.0 * len(self.failures) / self.commands)

    def _round(self) -> Iterator[list[str]]:
        self._edit(UNWATCHED)
        self._edit(REPORT)
        yield ["status", "--porcelain"]
        yield ["diff"]
        yield ["add", "-A"]
        yield ["commit", "-q", "-m", "work"]
        yield ["switch", "-q", "side"]
        yield ["switch", "-q", "main"]
        self._push_elsewhere()
        yield ["pull", "-q", "--rebase"]
        yield ["push", "-q"]
        self._edit(WATCHED)
        yield ["stash", "-q"]
        yield ["stash", "pop", "-q"]
        yield ["commit", "-q", "-a", "-m", "more work"]

    def _edit(self, path: str) -> None:
        """A line at the top, as an editor that writes in place does it."""
        self.edits += 1
        file = self.root / path
        file.write_text(f"edit {self.edits}\n{file.read_text()}")

    def _push_elsewhere(self) -> None:
        self.edits += 1
        path = f"theirs{self.edits}.py"
        (self.other / path).write_text("theirs\n")
        for args in (["pull", "-q"], ["add", path], ["commit", "-q", "-m", "theirs"], ["push", "-q"]):
            self.lab.git(self.other, *args)

    def _run(self, args: list[str]) -> None:
        self.commands += 1
        try:
            self.lab.git(self.root, *args)
        except subprocess.CalledProcessError as error:
            said = (error.stderr or error.stdout).decode(errors="replace").strip()
            self.failures.append(f"git {' '.join(args)}: {said}")
            self._begin_again()

    def _begin_again(self) -> None:
        """What a failed command has left must not make the following ones fail."""
        for args in (["rebase", "--abort"], ["reset", "-q", "--hard"], ["stash", "clear"], ["switch", "-q", "main"]):
            with contextlib.suppress(subprocess.CalledProcessError):
                self.lab.git(self.root, *args)


def alone(lab: Lab) -> Step:
    agent = Agent(lab, lab.repository("alone"))
    return lambda: agent.work(lab.commands)


def beside(lab: Lab) -> Step:
    """Consolidations are written into the agent's worktree: of edits in another worktree, whose desk is never clean."""
    root = watched(lab, "beside")
    desk = root.with_name("desk")
    lab.git(root, "worktree", "add", "-q", "-b", "desk", str(desk))
    agent = Agent(lab, root)

    def step() -> Sample:
        argv = lab.module("bench.beside", str(root), str(desk))
        process = subprocess.Popen(
            argv, cwd=lab.folder, env=lab.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout and process.stdout.readline() == "ready\n"
        failed = agent.work(lab.commands)
        said, _ = process.communicate()  # the end of its input ends it
        print(f"  beside {agent.commands} commands: {said.strip()}", file=sys.stderr)
        # A short run may never find a moment without a git command at work.
        if process.returncode or ("reports written: " not in said and not lab.quick):
            raise RuntimeError("no report was written")
        return failed

    return step


def consolidate(root: str, desk: str) -> None:
    """Edit a document on the desk and consolidate, again and again, until there is no more input."""
    clone = git.locate(root)
    settings = config.in_force(clone, clone.here).settings
    print("ready", flush=True)
    counts: dict[str, int] = {}
    number = 0
    while not select.select([sys.stdin], [], [], PAUSE)[0]:
        number += 1
        Path(desk, WATCHED).write_text(text(number, 20))
        try:
            done = sync(Request(clone, settings, "scan", git.worktrees(clone), time.time(), asked=True))
        except AgentsyncError as error:  # looked too often at what never came to rest: the next one does it
            counts[error.message] = counts.get(error.message, 0) + 1
            continue
        if report := done.reports.get("main"):
            what = f"reports {report.kind.value}{report.why and f' ({report.why})'}"
            counts[what] = counts.get(what, 0) + 1
    print(", ".join(f"{what}: {counts[what]}" for what in sorted(counts, reverse=True)))


BENCHMARK = Benchmark(
    name="beside",
    title="git commands that fail beside consolidations",
    about="status, diff, add, commit, switch, pull --rebase, push and stash in one worktree, ten a second, while about "
    "two reports a second are written there. 3,000 commands on each side, or as many as `--commands` says; counted is "
    "how many fail.",
    contestants=(
        Contestant("git alone", alone),
        Contestant("git, agentsync beside it", beside, most=0.1),
    ),
    rounds=1,
    warm_up=0,
    unit="%",
)

if __name__ == "__main__":
    consolidate(sys.argv[1], sys.argv[2])
