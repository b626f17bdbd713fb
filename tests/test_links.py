"""Symbolic links that are pulled: whatever they lead to is neither read nor written, by no hook and no command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import strace
from lab.repo import Repo

from agentsync.base.settings import Watch
from agentsync.setup import git_filter

REPORT = "notes/AGENT_SYNC.md"
SECRET = "a text that is nobody's business here\n"


@pytest.fixture(autouse=True)
def traced() -> None:
    strace.require()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder with all that a link could want to find there."""
    folder = tmp_path / "outside"
    for path in ("config.toml", "doc.md", "other.md", "AGENT_SYNC.md", "ledger.jsonl", "notes/x.json", ".gitignore"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(SECRET)
    return folder


@pytest.fixture(params=["agentsync", "with-work"])
def clone(request: pytest.FixtureRequest, repo: Repo) -> Repo:
    """Hooks that look and write at each commit, and a report in a folder of its own."""
    report = repo.settings.report._replace(path=REPORT, commit=request.param)
    watch = (*repo.settings.watch, Watch(REPORT, "sync"))
    repo.settings = repo.settings._replace(consolidation_threshold=1, report=report, watch=watch)
    repo.commit("Our own words.\n", REPORT)
    repo.begin()
    repo.hooks()
    git_filter.install(repo.clone(), sys.executable)
    repo.commit("edited\n")
    assert "agentsync:begin" in repo.read(REPORT)
    return repo


def replace(path: Path, target: Path) -> None:
    """A link takes the place of whatever is there."""
    if path.is_dir() and not path.is_symlink():
        path.rename(path.with_name(f"{path.name}.aside"))
    path.unlink(missing_ok=True)
    path.symlink_to(target)


LINKS = {
    ".agentsync": "",  # the others are long
    ".agentsync/config.toml": "config.toml",
    ".agentsync/notes": "notes",
    ".agentsync/ledger.jsonl": "ledger.jsonl",
    "doc.md": "doc.md",
    "docs": "",
    "docs/other.md": "other.md",
    "notes": "",
    REPORT: "AGENT_SYNC.md",
    "notes/.gitattributes": "AGENT_SYNC.md",
}


@pytest.mark.parametrize(
    "link", [".agentsync", *(pytest.param(one, marks=pytest.mark.long) for one in list(LINKS)[1:])]
)
def test_nothing_outside_is_opened(clone: Repo, outside: Path, tmp_path: Path, link: str) -> None:
    """By a commit whose hook looks and writes, and by commands after it."""
    before = snapshot(outside)
    replace(clone.root / link, outside / LINKS[link])
    clone.write("edited again\n", "doc.md" if link != "doc.md" else "AGENT_SYNC.md")
    clone.git("add", "-A")
    agentsync = [sys.executable, "-m", "agentsync"]
    commands = (["git", "commit", "-qm", "pulled"], [*agentsync, "scan"], [*agentsync, "consolidate"])
    opened = [call for each in commands for call in opens(each, clone.root, tmp_path)]
    assert opened
    assert [call for call in opened if call.opened.startswith(str(outside))] == []
    home = Path(os.environ["HOME"])
    allowed = (f"{clone.root}/", str(home), "/dev/")
    written = [call.opened for call in opened if "O_WRONLY" in call.arguments or "O_RDWR" in call.arguments]
    assert [path for path in written if not path.startswith(allowed)] == []
    assert snapshot(outside) == before
    assert SECRET not in (clone.root / ".git/agentsync/ledger.jsonl").read_text()


def opens(command: list[str], root: Path, tmp_path: Path) -> Iterator[strace.Call]:
    """What is opened; a command may say that it cannot do something."""
    quietly = ["sh", "-c", '"$@" || true', "sh", *command]
    return (call for call in strace.trace(quietly, root, tmp_path / "calls") if call.name == "openat")


def snapshot(folder: Path) -> dict[str, str]:
    return {str(path): path.read_text() for path in folder.rglob("*") if path.is_file()}
