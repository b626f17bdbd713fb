"""What replaces something of a user's is on the disk before it takes the name, and then the name is.

`make torture` cuts the power for real, on an image of a file system; here the order of the calls is looked at.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from lab import strace
from lab.repo import Repo

# A later look makes it anew; of the index an older one is as good; what a change keeps beside a file until its end; and
# what `rescue` has of a text, which stands in its file as well.
LOSABLE = re.compile(
    r"[.]git/(agentsync/due\b|agentsync/contents/|agentsync-report\b|index([.]lock)?: |index[.]agentsync)|\S+[.]old"
)


@pytest.fixture(autouse=True)
def traced() -> None:
    strace.require()


def lost(repo: Repo, tmp_path: Path, *command: str) -> list[str]:
    """What a power cut could take after a command."""
    argv = [sys.executable, "-m", "agentsync", *command] if command[0] != "git" else list(command)
    calls = strace.ours(strace.trace(argv, repo.root, tmp_path / "calls"))
    assert calls
    found = [line for line in strace.unsynced(calls, repo.root) if line.startswith(f"{repo.root}/")]
    return [line for line in found if not LOSABLE.match(line.removeprefix(f"{repo.root}/"))]


def test_init_and_uninstall(repo: Repo, tmp_path: Path) -> None:
    repo.write("#!/bin/sh\nexit 0\n", ".git/hooks/post-commit")
    (repo.root / ".git/hooks/post-commit").chmod(0o755)
    assert lost(repo, tmp_path, "init") == []
    assert lost(repo, tmp_path, "uninstall") == []


@pytest.mark.parametrize("commit", ["agentsync", "with-work"])
def test_a_report_that_git_sees_or_does_not_see(repo: Repo, tmp_path: Path, commit: str) -> None:
    repo.settings = repo.settings._replace(report=repo.settings.report._replace(commit=commit))
    repo.configure()
    assert lost(repo, tmp_path, "init") == []
    repo.write("edited\n")
    assert lost(repo, tmp_path, "consolidate") == []
    assert "modified" in repo.read("AGENT_SYNC.md")
    repo.write("again\n")
    assert lost(repo, tmp_path, "git", "commit", "-qam", "edit") == []
    assert lost(repo, tmp_path, "consolidate") == []


def test_what_a_person_sets(repo: Repo, tmp_path: Path) -> None:
    repo.begin()
    repo.hooks()
    assert lost(repo, tmp_path, "agent", "claude-code") == []
