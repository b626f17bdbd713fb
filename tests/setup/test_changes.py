"""Planned changes: made all together, or everything is as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lab.repo import snapshot

from agentsync.base.errors import AgentsyncError
from agentsync.setup.changes import Change, Edit, Link, Move, Remove, Say, Write, carried_out, carry_out


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A file, one that is executable, a folder, a symlink, and one that leads nowhere."""
    root = tmp_path / "root"
    (root / "below").mkdir(parents=True)
    (root / "below" / "in").write_text("in")
    (root / "file").write_text("file")
    (root / "script").write_text("script")
    (root / "script").chmod(0o750)
    (root / "link").symlink_to("file")
    (root / "nowhere").symlink_to("gone")
    return root


def planned(root: Path) -> list[Change]:
    """One of each kind, on each kind of file."""

    def edit() -> None:
        (root / "edited").write_text("made")
        (root / "new").write_text("edited")
        (root / "new").replace(root / "script")

    return [
        Write(f"{root}/file", data=b"new"),
        Write(f"{root}/link", data=b"no link any more", mode=0o777),
        Write(f"{root}/fresh/deep/file", data=b"fresh", new=True),
        Link(f"{root}/nowhere", target="below"),
        Link(f"{root}/fresh/link", target="deep"),
        Move(f"{root}/moved", "save", source=f"{root}/below/in"),
        Remove(f"{root}/below"),
        Say(f"{root}/file", "keep", "only told"),
        Edit(f"{root}/script", "write", edit=edit, paths=(f"{root}/script", f"{root}/edited")),
    ]


def test_all_are_made_and_nothing_is_left_beside_them(folder: Path) -> None:
    """A file that is no script keeps its mode; one that is to be executable becomes so."""
    (folder / "file").chmod(0o640)
    carry_out(planned(folder))
    assert {name: what for name, (_, what) in snapshot(folder).items()} == {
        "edited": b"made",
        "file": b"new",
        "fresh": "folder",
        "fresh/deep": "folder",
        "fresh/deep/file": b"fresh",
        "fresh/link": "deep",
        "link": b"no link any more",
        "moved": b"in",
        "nowhere": "below",
        "script": b"edited",
    }
    assert (folder / "file").stat().st_mode & 0o777 == 0o640
    assert os.access(folder / "link", os.X_OK)


@pytest.mark.parametrize("number", range(len(planned(Path("/"))) + 1))
@pytest.mark.parametrize(
    "failure", [OSError(28, "No space left on device", "x"), KeyboardInterrupt(), AgentsyncError("")]
)
def test_whichever_fails_everything_is_as_it_was(folder: Path, number: int, failure: BaseException) -> None:
    """Also what had a second name for a moment, and what git wrote anew."""

    def fail() -> None:
        raise failure

    before = snapshot(folder)
    changes = planned(folder)
    changes.insert(number, Edit(f"{folder}/file", "write", edit=fail, paths=(f"{folder}/file",)))
    with pytest.raises(KeyboardInterrupt if isinstance(failure, KeyboardInterrupt) else AgentsyncError):
        carry_out(changes)
    assert snapshot(folder) == before


def test_what_fails_in_the_with_takes_the_changes_back(folder: Path) -> None:
    before = snapshot(folder)
    with pytest.raises(AgentsyncError, match="everything is as it was") as caught, carried_out(planned(folder)):
        assert (folder / "file").read_text() == "new"
        raise OSError(5, "Input/output error", "ledger")
    assert caught.value.cause == "Input/output error" and caught.value.hint
    assert snapshot(folder) == before


def test_a_file_that_came_in_the_meantime_stays(folder: Path) -> None:
    before = snapshot(folder)
    with pytest.raises(AgentsyncError, match="could not be changed"):
        carry_out([Remove(f"{folder}/script"), Write(f"{folder}/file", data=b"new", new=True)])
    assert snapshot(folder) == before


def test_a_file_in_a_folders_place_is_found_before_anything_is_touched(folder: Path) -> None:
    before = snapshot(folder)
    with pytest.raises(AgentsyncError, match="could not be changed"):
        carry_out([Remove(f"{folder}/script"), Write(f"{folder}/file/below", data=b"")])
    assert snapshot(folder) == before
