"""What is measured inside a running process: `python -m bench.inside NAME ROOT`, a line in, a number of seconds out."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

from agentsync.base import config, git
from agentsync.observe.request import Request
from agentsync.poller import Watcher
from agentsync.sync import sync
from bench.harness import Sample, Step
from bench.lab import Lab


def steps(lab: Lab, name: str, root: str) -> Step:
    """A step that asks such a process."""
    process = subprocess.Popen(
        lab.module("bench.inside", name, root),
        cwd=lab.folder,
        env=lab.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    lab.at_end(process)

    def step() -> Sample:
        assert process.stdin and process.stdout
        process.stdin.write(b"\n")
        return Sample(float(process.stdout.readline()))

    return step


def look(root: str) -> Callable[[], object]:
    """One look at a clone, as the poller does it."""
    clone = git.locate(root)
    assert clone.here

    def once() -> object:
        settings = config.in_force(clone, clone.here).settings
        return sync(Request(clone, settings, "poller", [clone.here] if clone.here else [], time.time()))

    return once


def glance(root: str) -> Callable[[], object]:
    """What the poller does between its looks: has anything changed since the last one?"""
    clone = git.locate(root)
    watcher = Watcher(clone, lambda _: None, lambda _: None)

    def is_quiet() -> bool:
        return all(watcher._is_as_seen(worktree) for worktree in git.worktrees(clone))

    watcher.look_at_all()
    while not is_quiet():  # another contestant begins in the same repository, and had git's index locked
        watcher.look_at_all()

    def once() -> object:
        assert is_quiet()
        return None

    return once


def stats(root: str) -> Callable[[], object]:
    """The stat of every tracked file."""
    paths = [f"{root}/{path}" for path in git.run(["ls-files", "-z"], cwd=root).decode().split("\0")[:-1]]
    return lambda: [os.stat(path, follow_symlinks=False) for path in paths]


def git_log(root: str) -> Callable[[], object]:
    """git's own walk over the watched paths, started as agentsync starts git."""
    from agentsync.base.settings import Settings, pathspecs

    args = ["log", "--raw", "-z", "--no-abbrev", "--no-renames", "--format=%H", "--", *pathspecs(Settings())]
    return lambda: git.run(args, cwd=root)


DOORS = {door.__name__: door for door in (look, glance, stats, git_log)}


def _main(name: str, root: str) -> None:
    once = DOORS[name](root)
    for _ in sys.stdin:
        began = time.perf_counter()
        once()
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
