"""Killed at any moment: nothing acknowledged is lost, nothing stands twice, and what is shown is whole.

Acknowledged is what a process was told was done: a look that returned, a git command that came back.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab.audit import audit, replayed, well_formed
from lab.repo import QUIET, Repo

from agentsync.ledger import notes

EAGER = QUIET._replace(consolidation_threshold=5)
POINTS = ("append", "consolidate", "write", "cache", "note")


def in_child(act: Callable[[], Any], environ: dict[str, str] | None = None) -> tuple[int, Callable[[], Any]]:
    """Begin in a process of its own; its id, and what waits for it: the answer, None if it was killed before."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os.environ.update(environ or {})
        try:
            os.write(write, json.dumps(act()).encode())
        finally:
            os._exit(0)
    os.close(write)

    def answer() -> Any:
        with open(read, "rb") as file:
            said = file.read()
        os.waitpid(pid, 0)
        return json.loads(said) if said else None

    return pid, answer


class Victims:
    """Processes at work in one repository, killed at random."""

    def __init__(self, repo: Repo, seed: int) -> None:
        self.repo = repo
        self.random = random.Random(seed)
        self.edits = 0
        self.acknowledged: set[str] = set()
        self.commits: set[str] = set()
        self.seconds: dict[str, float] = {}
        self.killed = 0

    def edit(self, path: str = "doc.md") -> None:
        self.edits += 1
        self.repo.write(f"edit {self.edits}\n", path)

    def look(self, **request: Any) -> list[str]:
        """The ids that were acknowledged, and the consolidation's."""
        seen = self.repo.look("poller", **request).seen
        return [event.id for event in seen.events]

    def commit(self) -> str:
        self.repo.git("commit", "-qam", "edit")
        return self.repo.head()

    def save(self) -> list[str]:
        """The cache."""
        self.repo.view().save()
        return []

    def step(self) -> None:
        """One process that does something; most are killed in the middle of it."""
        name = self.random.choice(("commit", "commit", "scan", "scan", "consolidate", "save"))
        path = self.random.choice(("doc.md", "docs/other.md", "AGENT_SYNC.md"))
        self.repo.time += 2
        if name in ("commit", "scan"):
            self.edit(path) if path != "AGENT_SYNC.md" else self.write_around_the_report()
        acts: dict[str, Callable[[], Any]] = {
            "commit": self.commit,
            "scan": self.look,
            "consolidate": lambda: self.look(asked=True),
            "save": self.save,
        }
        said = self.killed_or_not(name, acts[name])
        if name == "commit" and said:
            self.commits.add(said)
        elif said:
            self.acknowledged.update(said)
        for lock in ("index.lock", "HEAD.lock", "refs/heads/main.lock"):
            (self.repo.root / ".git" / lock).unlink(missing_ok=True)  # as git tells people to do

    def write_around_the_report(self) -> None:
        """An agent's own line in the file that holds the report."""
        self.edits += 1
        text = self.repo.read("AGENT_SYNC.md")
        self.repo.write(f"edit {self.edits}\n{text}", "AGENT_SYNC.md")

    def killed_or_not(self, name: str, act: Callable[[], Any]) -> Any:
        began = time.monotonic()
        pid, answer = in_child(act)
        usual = self.seconds.get(name)
        if usual is not None:
            time.sleep(self.random.uniform(0, usual * 1.2))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        said = answer()
        self.killed += said is None
        if usual is None:
            self.seconds[name] = time.monotonic() - began
        elif said is not None:  # the first one may have come at a busy moment
            self.seconds[name] = usual * 0.8
        else:
            self.seconds[name] = usual * 1.1
        return said

    def check(self) -> None:
        """What must hold after each death, before anybody has mended anything."""
        store = Path(self.repo.clone().store)
        whole = (store / "ledger.jsonl").read_bytes().rpartition(b"\n")[0].split(b"\n")
        records = [json.loads(line) for line in whole]
        ids = [record["id"] for record in records]
        assert len(ids) == len(set(ids))
        lost = self.acknowledged - set(ids)
        assert not lost, f"acknowledged and gone: {lost}"
        commits = {record.get("commit") for record in records}
        assert not self.commits - commits, f"git came back, and the commit is not there: {self.commits - commits}"


def drive(root: str, seed: int, kills: int) -> None:
    """Kill so many processes in a repository that is watched already."""
    repo = Repo(Path(root), EAGER)
    repo.time += 1000
    victims = Victims(repo, seed)
    while victims.killed < kills:
        victims.step()
        if victims.killed % 20 == 0:
            victims.check()
    repo.look()
    repo.look()
    victims.check()
    store = Path(repo.clone().store)
    records = audit(store)
    state = replayed(store)
    well_formed(repo.root / "AGENT_SYNC.md", state)
    changes = [record for record in records if record["kind"] == "change"]
    assert len(changes) <= victims.edits, f"{len(changes)} changes of {victims.edits} edits"
    for path in ("doc.md", "docs/other.md"):
        assert state.known["main"][path].blob == repo.git("hash-object", path).strip(), path
    repo.git("fsck", "--strict")
    left = [path.name for path in store.iterdir() if path.name.endswith(".lock") and path.stat().st_size]
    assert not left
    acknowledged = len(victims.acknowledged) + len(victims.commits)
    print(f"{victims.killed} killed, {acknowledged} acknowledged, {len(changes)} changes of {victims.edits} edits")


@pytest.mark.early
@pytest.mark.parametrize("kills", [20, pytest.param(300, marks=pytest.mark.long)])
def test_killed_at_random(repo: Repo, kills: int) -> None:
    """Commits with their hooks, scans, consolidations and caches, each killed somewhere on its way."""
    repo.settings = EAGER
    repo.begin()
    repo.hooks()
    seed = random.randrange(1 << 32)
    argv = [sys.executable, __file__, str(repo.root), str(seed), str(kills)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=600)
    print(f"seed {seed}: {done.stdout}")
    assert done.returncode == 0, f"seed {seed}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_named_point(repo: Repo, point: str) -> None:
    """The next look mends, counts the edit once, and writes the report."""
    repo.settings = EAGER._replace(consolidation_threshold=1)
    repo.begin()
    repo.write("x\n")
    store = Path(repo.clone().store)
    limit = (store / "ledger.jsonl").stat().st_size if point == "note" else -1  # nothing more can be appended
    script = (
        "import resource, sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))\n"
        "from lab.repo import QUIET, Repo\n"
        "repo = Repo(Path(sys.argv[1]), QUIET._replace(consolidation_threshold=1)); repo.time += 10; repo.look()\n"
        "repo.view().save()"
    )
    argv = [sys.executable, "-c", script, str(repo.root), str(Path(__file__).parent.parent), str(limit)]
    died = subprocess.run(argv, env={**os.environ, "AGENTSYNC_CRASH": point}, capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died
    if point == "note":
        assert not list((store / notes.FOLDER).glob("*.json"))
    repo.look()
    repo.look()
    records = audit(store)
    assert [r["kind"] for r in records] == ["baseline", "change", "consolidation"]
    well_formed(repo.root / "AGENT_SYNC.md", replayed(store))


@pytest.mark.parametrize("bytes_left", [1, 100, 700, 1500])
def test_a_power_cut_between_the_lines_of_one_write(repo: Repo, bytes_left: int) -> None:
    """Several records go in at once, and only some of them reach the disk: the rest is seen again."""
    repo.begin()
    size = len(Path(repo.clone().store, "ledger.jsonl").read_bytes())
    for path in ("doc.md", "docs/other.md", "AGENT_SYNC.md"):
        repo.write("x\n", path)
    repo.look()
    os.truncate(Path(repo.clone().store, "ledger.jsonl"), size + bytes_left)
    repo.look()
    repo.look()
    audit(Path(repo.clone().store))
    assert repo.count() == 3


if __name__ == "__main__":
    drive(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
