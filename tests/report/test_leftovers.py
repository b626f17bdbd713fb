"""What a killed process has left beside the files that it was writing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from lab.commands import agentsync
from lab.ledgers import change
from lab.repo import Repo

from agentsync.ledger import notes


@pytest.fixture
def dead() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


PLACES = [
    ".git/agentsync/due.{}.new",
    ".git/agentsync/torn/12-abc.{}.new",
    ".git/agentsync/contents/f719efd4.{}.new",
    ".git/agentsync-report.{}.new",
    ".git/config.{}-0.old",
    ".git/info/attributes.{}-1.old",
    ".git/hooks/post-commit.{}.new",
    ".git/hooks/post-commit.agentsync-saved.{}-3.old",
    ".git/index.agentsync.{}",
    ".agentsync/.gitignore.{}.new",
    ".agentsync/AGENT_SYNC.md.{}.new",
    "AGENT_SYNC.md.{}-2.old",
]


@pytest.mark.parametrize("place", PLACES)
def test_the_next_look_takes_it_away(repo: Repo, dead: int, place: str) -> None:
    repo.begin()
    path = repo.root / place.format(dead)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    repo.look()
    assert not path.exists()


def test_a_lock_that_is_the_same_file_goes_too_and_another_one_stays(repo: Repo, dead: int) -> None:
    repo.begin()
    copy, lock = repo.root / f".git/config.{dead}.new", repo.root / ".git/config.lock"
    for same in (True, False):
        copy.write_text("")
        if same:
            lock.hardlink_to(copy)
        else:
            lock.write_text("somebody else's")
        repo.look()
        assert not copy.exists() and lock.exists() != same


@pytest.mark.parametrize("ending", ["{}.new", "{}-10.old"])
def test_a_link_is_taken_away_as_well(repo: Repo, dead: int, ending: str) -> None:
    repo.begin()
    path = repo.root / f".agentsync/ledger.jsonl.{ending.format(dead)}"
    path.parent.mkdir(exist_ok=True)
    path.symlink_to("nowhere")
    repo.look()
    assert not path.is_symlink()


@pytest.mark.parametrize("name", ["notes.{}.new", "AGENT_SYNC.md.new", "doc.md.{}-0.old", ".git/mine.{}.new"])
def test_what_is_somebody_elses_stays(repo: Repo, dead: int, name: str) -> None:
    repo.begin()
    path = repo.root / name.format(dead)
    path.write_text("")
    repo.look()
    assert path.exists()


def test_what_is_being_written_stays(repo: Repo) -> None:
    repo.begin()
    living = subprocess.Popen(["sleep", "1000"])
    path = repo.root / f".git/agentsync/due.{living.pid}.new"
    path.write_text("")
    repo.look()
    assert path.exists()
    living.kill()
    living.wait()
    repo.look()
    assert not path.exists()


def test_nothing_is_taken_away_behind_a_link(repo: Repo, dead: int, tmp_path: Path) -> None:
    repo.begin()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / f"x.{dead}.new").write_text("somebody's")
    (repo.root / ".agentsync").symlink_to(outside)
    repo.look()
    assert (outside / f"x.{dead}.new").exists()


def test_an_edit_is_left_to_a_person(repo: Repo, dead: int) -> None:
    repo.begin()
    path = repo.root / f".agentsync/AGENT_SYNC.md.{dead}.new"
    path.parent.mkdir(exist_ok=True)
    path.write_text(repo.read("AGENT_SYNC.md") + "typed at the wrong moment\n")
    repo.look()
    assert path.exists()
    path.write_text(repo.read("AGENT_SYNC.md"))
    repo.look()
    assert not path.exists()


def test_an_observation_is_recorded(repo: Repo, dead: int) -> None:
    """Killed after it was written and before it had its name."""
    repo.begin()
    clone = repo.clone()
    path = Path(notes.put(clone, clone.here, [change(1)], 1_760_097_600.0))
    path.rename(f"{path}.{dead}.new")
    torn = path.with_name(f"{path.name}x.{dead}.new")
    torn.write_text('{"v": 1, "kind": "obs')
    repo.look()
    assert repo.count() == 1
    assert list(path.parent.iterdir()) == []


def test_init_and_uninstall_take_it_away_too(repo: Repo, dead: int) -> None:
    hook, old = repo.root / f".git/hooks/post-commit.{dead}.new", repo.root / f".git/config.{dead}-0.old"
    for command in ("init", "uninstall"):
        for path in (hook, old):
            path.parent.mkdir(exist_ok=True)
            path.write_text("")
        agentsync(repo.root, command)
        assert not hook.exists() and not old.exists()
