"""Notes: files that the hook of a commit and whoever cannot append leave, and the next look takes in."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from lab.ledgers import change
from lab.repo import NOON, Repo

from agentsync.base.git import Worktree
from agentsync.ledger import notes
from agentsync.ledger.notes import CommitNote, Observations, Waiting

ONE, TWO, THREE = change(1), change(2), change(3)
COMMIT = "c" * 40
NOTED = {"v": 1, "kind": "commit", "hook": "post-commit", "commit": COMMIT, "worktree": "main"}
NOTED |= {"variables": {"CLAUDECODE": "1"}, "tty": False, "devin": False}


def here(repo: Repo) -> Worktree:
    """The worktree of a repository."""
    found = repo.clone().here
    assert found
    return found


def waiting(repo: Repo, now: float = NOON) -> Waiting:
    """The notes of a clone."""
    return notes.waiting(repo.clone(), [here(repo)], now)


def leave(folder: Path, data: bytes, name: str = "note.json", written: float = NOON) -> Path:
    """A file among the notes."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(data)
    os.utime(path, (written, written))
    return path


@pytest.fixture(params=[".git/agentsync/notes", ".agentsync/notes"])
def folder(request: pytest.FixtureRequest, repo: Repo) -> Path:
    """Either place of notes."""
    return repo.root / str(request.param)


def test_what_a_hook_writes_is_read(repo: Repo, folder: Path) -> None:
    path = leave(folder, json.dumps(NOTED).encode() + b"\n")
    expected = CommitNote(str(path), NOON, COMMIT, "main", {"CLAUDECODE": "1"}, tty=False, has_devin_dir=False)
    assert waiting(repo) == Waiting(commits=(expected,))
    notes.remove([str(path)])
    assert waiting(repo) == Waiting()


def test_observations_go_into_the_store_and_come_back_oldest_first(repo: Repo) -> None:
    late = notes.put(repo.clone(), here(repo), [TWO, THREE], NOON + 1)
    early = notes.put(repo.clone(), here(repo), [ONE], NOON)
    assert os.path.dirname(early) == f"{repo.clone().store}/notes"
    assert waiting(repo).observations == (
        Observations(early, (ONE,)),
        Observations(late, (TWO, THREE)),
    )


def test_where_the_store_cannot_be_written_they_go_into_the_worktree(repo: Repo) -> None:
    Path(repo.clone().store).write_text("in the way")
    path = notes.put(repo.clone(), here(repo), [ONE], NOON)
    assert os.path.dirname(path) == str(repo.root / notes.IN_WORKTREE)
    assert waiting(repo).observations == (Observations(path, (ONE,)),)
    with pytest.raises(OSError, match="directory"):
        notes.put(repo.clone(), None, [ONE], NOON)


NO_EVENTS: list[object] = [[1], "ab", [{"kind": []}], None, [{"kind": "change", **ONE._asdict(), "id": "../../x"}]]
NO_COMMIT: list[dict[str, object]] = [{"commit": "HEAD"}, {"worktree": 1}, {"variables": [1]}, {"variables": {"A": 1}}]
BROKEN = (
    b"",
    b"{",
    json.dumps(NOTED).encode(),
    b"[]\n",
    *(json.dumps({**NOTED, **wrong}).encode() + b"\n" for wrong in NO_COMMIT),
    *(json.dumps({"v": 1, "kind": "observations", "events": no}).encode() + b"\n" for no in NO_EVENTS),
)


@pytest.mark.parametrize("data", BROKEN)
def test_what_breaks_off_is_left_alone_while_young_then_set_aside(repo: Repo, folder: Path, data: bytes) -> None:
    path = leave(folder, data)
    assert waiting(repo, NOON + 59) == Waiting(young=(str(path),))
    assert notes.others(repo.clone(), [here(repo)], waiting(repo, NOON + 59)) == []
    old = waiting(repo, NOON + 61)
    assert old == Waiting(torn=(str(path),))
    notes.set_aside(old.torn)
    assert waiting(repo, NOON + 61) == Waiting()
    assert (folder / "torn" / "note.json").read_bytes() == data
    assert notes.others(repo.clone(), [here(repo)], Waiting()) == [str(folder / "torn" / "note.json")]


@pytest.mark.parametrize("other", [{"v": 2}, {"kind": "later"}])
def test_a_newer_version_s_note_stays(repo: Repo, folder: Path, other: dict[str, object]) -> None:
    path = leave(folder, json.dumps({**NOTED, **other}).encode() + b"\n")
    assert waiting(repo, NOON + 3600) == Waiting()
    assert notes.others(repo.clone(), [here(repo)], Waiting()) == [str(path)]


def test_what_git_tracks_is_somebody_s_data(repo: Repo) -> None:
    path = leave(repo.root / notes.IN_WORKTREE, json.dumps(NOTED).encode() + b"\n", "tracked.json")
    repo.git("add", "-f", str(path))
    assert waiting(repo) == Waiting()


@pytest.mark.parametrize("link", [".agentsync", ".agentsync/notes", ".git/agentsync", ".git/agentsync/notes"])
def test_no_link_is_followed(repo: Repo, tmp_path: Path, link: str) -> None:
    """Neither to read, nor to write, nor to remove: a branch may bring one."""
    away = tmp_path / "away"
    away.mkdir()
    below = (notes.IN_WORKTREE if link.startswith(".agentsync") else ".git/agentsync/notes").removeprefix(link)
    path = leave(Path(f"{away}{below}"), json.dumps(NOTED).encode() + b"\n")
    (repo.root / link).parent.mkdir(exist_ok=True)
    (repo.root / link).symlink_to(away)
    assert waiting(repo) == Waiting()
    notes.remove([f"{repo.root}/{link}{below}/note.json"])
    notes.set_aside([f"{repo.root}/{link}{below}/note.json"])
    assert list(path.parent.iterdir()) == [path]
    kept = notes.put(repo.clone(), here(repo), [ONE], NOON)
    assert not kept.startswith(f"{repo.root}/{link}/")


def test_one_look_reads_so_many_and_leaves_the_rest_to_the_next(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "MOST", 3)
    for number in range(5):
        notes.put(repo.clone(), here(repo), [change(number)], NOON)
    assert len(notes.listed(repo.clone(), [here(repo)])) == 5
    taken = waiting(repo).observations
    notes.remove(note.path for note in taken)
    assert (len(taken), len(waiting(repo).observations)) == (3, 2)
