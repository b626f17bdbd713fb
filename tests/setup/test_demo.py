"""The demo tells the same story each time, with the seed's five changes, and leaves nothing behind."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from lab.commands import agentsync
from lab.sealing import seal_off


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the demo prints."""
    with pytest.MonkeyPatch.context() as patch:
        seal_off(patch, tmp_path_factory.mktemp("home"))
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("room")))
        patch.setattr(tempfile, "tempdir", None)
        said = agentsync(tmp_path_factory.getbasetemp(), "demo").said
        assert list(Path(tempfile.gettempdir()).iterdir()) == [], "something is left behind"
        return said


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which temporary folders are made."""
    (tmp_path / "room").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "room"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path / "room"


def test_the_story_is_the_seeds(played: str) -> None:
    """Five changes of two agents reach the threshold; two commits of a third come by a pull and are pending."""
    for line in (
        "15:00  Claude Code notes its work: AGENT_SYNC.md",
        "15:02  Claude Code hands over: docs/passation.md",
        "15:05  Codex adds a rule: AGENTS.md",
        "15:08  Claude Code notes that it is done: AGENT_SYNC.md",
        "15:10  Codex draws the overview: docs/architecture/00-Overview.md",
        "       recorded; the threshold is reached: 5 changes consolidated",
        "       recorded; 2 pending",
        '**Conditions**: {"pending_changes": 5, "threshold": 5}',
        "**Consolidated changes**: 5 events in 4 files",
        "  - `modified` at 2025-10-10T15:08:00Z (agent: claude-code) +1 -0",
        "  - `modified` at 2025-10-10T15:10:00Z (agent: codex-local) +1 -0",
    ):
        assert line in played.split("\n")
    assert "2025-10-10T15:04:00Z  modified  codex-cloud  ROADMAP.md" in played
    assert "unknown" not in played


def test_it_is_the_same_whoever_plays_it(room: Path, played: str) -> None:
    """No agent's variable, locale, clock's zone or git setting of theirs shows."""
    (room.parent / "gitconfig").write_text(
        "[core]\n\thooksPath = /nowhere\n[user]\n\tname = Eve\n[commit]\n\tgpgSign = true\n"
    )
    theirs: dict[str, Any] = {
        "GIT_CONFIG_GLOBAL": str(room.parent / "gitconfig"),
        "GIT_DIR": "/nowhere",
        "AGENTSYNC_AGENT": "aider",
        "AGENTSYNC": "0",
        "GEMINI_CLI": "1",
        "LANG": "fr_FR.UTF-8",
        "TZ": "Asia/Tokyo",
        "GIT_AUTHOR_NAME": "Eve",
    }
    assert agentsync(room, "demo", **theirs).said == played


def test_who_wants_to_keep_it_is_told_the_folder(room: Path) -> None:
    """A working clone; otherwise nothing is left behind, see `played`."""
    said = agentsync(room, "demo", "--keep").said
    folder = Path(said.rstrip("\n").rpartition(" ")[2])
    assert folder.parent.parent == room
    assert "2 changes" in agentsync(folder, "status").said


def test_a_demo_that_cannot_be_played_says_why(room: Path) -> None:
    """In git's own words, and leaves nothing behind either."""
    git = room.parent / "bin" / "git"
    git.parent.mkdir()
    git.write_text("#!/bin/sh\necho no room left >&2\nexit 128\n")
    git.chmod(0o755)
    said = agentsync(room, "demo", code=1, PATH=f"{git.parent}:{os.environ['PATH']}").said
    assert "error: the demo could not go on\ncause: git init" in said
    assert "no room left" in said
    assert list(room.iterdir()) == []


def test_readme_shows_what_the_demo_prints(played: str) -> None:
    """The block of README that shows a ledger and a report has the demo's own lines."""
    said = played.split("\n")
    readme = (Path(__file__).resolve().parent.parent.parent / "README.md").read_text(encoding="utf-8")
    block = readme.partition("```text\n")[2].partition("```")[0].split("\n")
    assert len(block) > 10
    assert [line for line in block if line not in said] == []
