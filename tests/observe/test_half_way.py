"""A look in the middle of a git command: its files are written, its HEAD is not. None of that is anybody's edit."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from lab.repo import Repo, describe, on_disk


@pytest.fixture
def two(repo: Repo) -> Repo:
    """A clone with a branch `other`, older than the first baseline, in which the documents hold something else."""
    repo.git("switch", "-q", "-c", "other")
    repo.write("hello\n", "zz.slow")
    repo.commit("of the other branch\n")
    repo.git("switch", "-q", "main")
    repo.begin()
    return repo


def program(path: Path, text: str) -> Path:
    """An executable sh script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


LOOK = "agentsync.observe.look.time"  # of the waiting look alone: subprocess sleeps, too
WAIT = """echo >"{at}/reached"
while [ ! -e "{at}/go" ]; do sleep 0.01; done"""


@contextmanager
def stopped(repo: Repo, at: Path, *args: str) -> Iterator[None]:
    """git in the middle of a command, where one of its helpers waits; it goes on in the end."""
    running = subprocess.Popen(["git", *args], cwd=repo.root)
    try:
        wait_for((at / "reached").exists)
        yield
    finally:
        (at / "go").touch()
        assert running.wait(60) == 0


def wait_for(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def slow_file(repo: Repo, at: Path) -> None:
    """git waits in the middle of a checkout: it has written the documents, and comes to a file with a filter."""
    smudge = program(at / "smudge", f"cat\n{WAIT.format(at=at)}")
    repo.git("config", "filter.slow.smudge", str(smudge))
    (repo.root / ".git/info/attributes").write_text("*.slow filter=slow\n")


def slow_ref(repo: Repo, at: Path) -> None:
    """git waits when its index is written and before its HEAD is."""
    hook = f"if [ $1 = prepared ] && grep -q refs/heads/; then\n{WAIT.format(at=at)}\nfi"
    program(repo.root / ".git/hooks/reference-transaction", hook)


SWITCH, RESET, MERGE = ("switch", "-q", "other"), ("reset", "-q", "--hard", "other"), ("merge", "-q", "other")


@pytest.mark.parametrize(
    ("slow", "command"),
    [(slow_file, SWITCH), (slow_file, RESET), (slow_file, MERGE), (slow_ref, RESET), (slow_ref, MERGE)],
)
def test_files_that_git_has_written_before_its_head_are_no_edit(
    two: Repo, tmp_path: Path, slow: Callable[[Repo, Path], None], command: tuple[str, ...]
) -> None:
    at = tmp_path / "at"
    at.mkdir()
    slow(two, at)
    with stopped(two, at, *command):
        assert two.read() == "of the other branch\n"
        two.look()
    two.look()
    assert two.count() == 0, describe(two)


def test_an_edit_beside_it_is_counted_when_git_has_come_to_its_end(two: Repo, tmp_path: Path) -> None:
    at = tmp_path / "at"
    at.mkdir()
    slow_file(two, at)
    with stopped(two, at, "switch", "-q", "other"):
        two.write("edited\n", "docs/other.md")
        two.look()
        assert two.count() == 0
    two.look()
    assert [change["file_path"] for change in two.changes()] == ["docs/other.md"]


def test_head_that_moves_while_git_is_asked_is_asked_again(
    two: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    program(
        tmp_path / "bin/git",
        f"""{real} "$@" || exit
        case "$*" in
        *for-each-ref*) mkdir {tmp_path}/once 2>/dev/null && {real} -C {two.root} reset -q --hard other ;;
        esac
        exit 0""",
    )
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    two.look()
    assert (tmp_path / "once").is_dir()
    assert two.read() == "of the other branch\n"
    assert two.count() == 0, describe(two)


def test_a_lock_that_a_killed_git_has_left_stops_nothing(two: Repo) -> None:
    (two.root / ".git/index.lock").touch()
    two.write("edited\n")
    two.look()
    assert two.count() == 1


@pytest.mark.parametrize("first", ["emptied", "taken away"])
def test_a_file_that_is_saved_in_two_steps_is_one_edit(two: Repo, monkeypatch: pytest.MonkeyPatch, first: str) -> None:
    """The second step comes while the look waits for it."""
    monkeypatch.setattr("agentsync.observe.settling.AT_REST", 60.0)
    monkeypatch.setattr(LOOK, SimpleNamespace(sleep=lambda seconds: two.write("saved\n")))
    if first == "emptied":
        two.write("")
    else:
        (two.root / "doc.md").unlink()
    two.look()
    two.write("saved\n")
    assert [change["new_blob"] for change in two.changes()] == [on_disk(two.root, "doc.md")]


def test_a_file_that_was_just_emptied_or_taken_away_and_stays_so_is_an_edit(two: Repo) -> None:
    two.write("")
    (two.root / "docs/other.md").unlink()
    two.look()
    assert [change["event_type"] for change in two.changes()] == ["modified", "deleted"]


def test_what_git_has_just_written_into_index_and_files_waits_for_head(
    two: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between them git holds no lock, for a moment that is long on a busy machine; a branch has the content."""
    monkeypatch.setattr("agentsync.observe.settling.AT_REST", 0.0)
    monkeypatch.setattr("agentsync.observe.settling.BETWEEN", 60.0)
    two.commit("apart from the other branch\n")  # so that no known edit leads from here to there
    two.look()
    two.git("read-tree", "-u", "--reset", "other")
    monkeypatch.setattr(LOOK, SimpleNamespace(sleep=lambda seconds: two.git("reset", "-q", "--soft", "other")))
    two.look()
    assert two.count() == 1, describe(two)


def test_a_staged_edit_of_ones_own_waits_for_nothing(two: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentsync.observe.settling.AT_REST", 0.0)
    monkeypatch.setattr("agentsync.observe.settling.BETWEEN", 60.0)
    two.write("one's own\n")
    two.git("add", "doc.md")
    two.look()
    assert two.count() == 1
