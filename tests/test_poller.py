"""The poller, as a process."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab.repo import Repo

from agentsync import poller
from agentsync.base import git
from agentsync.base.errors import AgentsyncError
from agentsync.base.git import Clone
from agentsync.ledger import notes
from agentsync.poller import Watcher
from agentsync.sync import Synced

PATIENCE = 30.0  # seconds after which a fact that does not come is a failure


@pytest.fixture
def watching(repo: Repo) -> Iterator[subprocess.Popen[str]]:
    """`agentsync watch`, once it has looked for the first time."""
    repo.begin()
    repo.hooks()
    process = start(repo.root)
    assert process.stdout
    assert "watching" in process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def start(root: Path, *args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "agentsync", "watch", *args]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def until(fact: Callable[[], bool]) -> None:
    """Wait for a fact."""
    deadline = time.monotonic() + PATIENCE
    while not fact():
        assert time.monotonic() < deadline, "it did not come"
        os.sched_yield()


def test_an_edit_that_no_hook_sees_is_recorded_once(repo: Repo, watching: subprocess.Popen[str]) -> None:
    """The poller sees it, says so, and does not see it again."""
    repo.write("edited\n")
    assert watching.stdout
    line = watching.stdout.readline()
    assert "modified" in line and "doc.md" in line
    assert [change["source"] for change in repo.changes()] == ["poller"]
    repo.write("other\n", "docs/other.md")
    until(lambda: repo.count() == 2)


def test_a_commit_where_no_hook_ran_is_recorded(repo: Repo, watching: subprocess.Popen[str]) -> None:
    """HEAD moved, so the poller looks."""
    repo.git("commit", "-q", "--allow-empty", "-m", "nothing", env={"AGENTSYNC": "0"})
    tree = repo.git("rev-parse", "HEAD~1^{tree}").strip()
    blob = repo.git("hash-object", "-w", "--stdin", stdin="by plumbing\n").strip()
    repo.git("update-index", "--cacheinfo", f"100644,{blob},doc.md")
    changed = repo.git("write-tree").strip()
    assert changed != tree
    commit = repo.git("commit-tree", "-p", "HEAD", "-m", "plumbed", changed).strip()
    repo.git("update-ref", "refs/heads/main", commit)
    until(lambda: any(change["commit"] == commit for change in repo.changes()))


def test_who_made_a_commit_is_known_however_late_its_hook_comes(repo: Repo) -> None:
    """Here another hook runs before it, and the poller sees HEAD move long before."""
    repo.begin()
    slow = repo.root / ".git/hooks/post-commit"
    slow.parent.mkdir(exist_ok=True)
    slow.write_text("#!/bin/sh\nsleep 0.7\n")
    slow.chmod(0o755)
    repo.hooks()
    process = start(repo.root)
    assert process.stdout
    assert "watching" in process.stdout.readline()
    try:
        for number in range(2):
            repo.commit(f"edit {number}\n", CLAUDECODE="1")
            until(lambda number=number: repo.owners() == ["claude-code"] * (number + 1))  # type: ignore[misc]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_every_worktree_is_watched_with_its_own_configuration(repo: Repo, watching: subprocess.Popen[str]) -> None:
    """One poller serves the clone, and takes in a worktree that comes later."""
    linked = repo.worktree("linked", "-b", "linked")
    until(lambda: "linked" in repo.view().state.known)
    linked.write("edited there\n")
    until(lambda: [change["worktree"] for change in repo.changes()] == ["linked"])


def test_a_second_poller_says_who_is_the_first(repo: Repo, watching: subprocess.Popen[str]) -> None:
    """One poller per clone; the exit status says that a lock was not to be had."""
    second = start(repo.root)
    said, _ = second.communicate(timeout=PATIENCE)
    assert second.returncode == 4
    assert str(watching.pid) in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly(repo: Repo, watching: subprocess.Popen[str], number: signal.Signals) -> None:
    """A signal ends it after the look that is going on, and the next one may begin."""
    watching.send_signal(number)
    assert watching.wait(PATIENCE) == 0
    again = start(repo.root, "--once")
    said, _ = again.communicate(timeout=PATIENCE)
    assert again.returncode == 0, said


def test_it_does_not_wait_for_a_look_that_hangs(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.begin()
    hanging = tmp_path / "bin/git"
    hanging.parent.mkdir()
    hanging.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\nexec sleep 1000\n")
    hanging.chmod(0o755)
    monkeypatch.setenv("PATH", f"{hanging.parent}:{os.environ['PATH']}")
    process = start(repo.root)
    until((tmp_path / "asked").exists)
    process.terminate()
    process.communicate(timeout=git.TIMEOUT / 2)
    assert process.returncode == 0


def test_once_looks_and_ends(repo: Repo) -> None:
    """For a cron job: one look at every worktree, and the rules."""
    repo.begin()
    repo.hooks()
    repo.write("edited\n")
    done = start(repo.root, "--once")
    said, _ = done.communicate(timeout=PATIENCE)
    assert done.returncode == 0, said
    assert repo.count() == 1


def test_a_note_is_taken_in_at_once(repo: Repo) -> None:
    """A glance sees it, long before the interval has passed."""
    repo.begin()
    clone = repo.clone()
    looks: list[Synced] = []

    def tell(done: Synced) -> None:
        looks.append(done)
        if len(looks) == 1:
            notes.put(clone, clone.here, [], time.time())
        else:
            watcher.stop()

    watcher = Watcher(clone, tell, lambda error: pytest.fail(str(error)), interval=600.0)
    watcher.run()
    assert len(looks) == 2
    assert notes.listed(clone, git.worktrees(clone)) == set()


def test_what_no_glance_shows_is_found_when_the_interval_has_passed(repo: Repo) -> None:
    """Here another branch moves."""
    repo.begin()
    repo.hooks()
    looks: list[Synced] = []

    def tell(done: Synced) -> None:
        looks.append(done)
        if len(looks) == 1:
            blob = repo.git("hash-object", "-w", "--stdin", stdin="plumbed\n").strip()
            repo.git("update-index", "--cacheinfo", f"100644,{blob},doc.md")
            tree = repo.git("write-tree").strip()
            commit = repo.git("commit-tree", "-p", repo.head(), "-m", "elsewhere", tree).strip()
            repo.git("update-ref", "refs/heads/elsewhere", commit)
        elif repo.count():
            watcher.stop()

    watcher = Watcher(repo.clone(), tell, lambda error: pytest.fail(str(error)), interval=0.5)
    watcher.run()
    assert repo.count() == 1


def test_a_look_that_fails_is_told_once_until_the_next_interval(repo: Repo) -> None:
    """A ledger that cannot be written must not fill the log four times a second."""
    repo.begin()
    repo.hooks()
    errors: list[AgentsyncError] = []
    watcher = Watcher(repo.clone(), lambda done: None, errors.append)
    watcher.look_at_all()
    ledger = Path(repo.clone().store) / "ledger.jsonl"
    ledger.rename(ledger.with_name("aside"))
    ledger.mkdir()
    repo.write("edited\n")
    watcher._glance_until(0.0, time.monotonic() + 1.5)
    assert len(errors) == 1
    ledger.rmdir()
    ledger.with_name("aside").rename(ledger)
    watcher.look_at_all()
    assert len(errors) == 1 and repo.count() == 1


class Impatient(Watcher):
    """Asked for another look in each, and stopped after four."""

    def __init__(self, clone: Clone) -> None:
        super().__init__(clone, lambda _: None, lambda error: pytest.fail(str(error)))
        self.begun: list[float] = []

    def look_at_all(self) -> None:
        self.begun.append(time.monotonic())
        self.look_soon()
        if len(self.begun) == 4:
            self.stop()
        super().look_at_all()


def test_a_look_that_is_asked_for_all_the_time_leaves_others_some(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """As beside very many who append, where each consolidation asks for one."""
    monkeypatch.setattr(poller, "SOON", 0.5)
    repo.begin()
    watcher = Impatient(repo.clone())
    watcher.run()
    # Half of it, as a process may be kept waiting before it looks at the clock; without a pause it is a tenth.
    assert all(later - earlier >= 0.25 for earlier, later in itertools.pairwise(watcher.begun))
    assert len(watcher.begun) == 4
