"""Documents behind somebody else's filter: git waits for a hook, and a filter may wait for what that git holds."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from lab.live import until
from lab.repo import Repo

from agentsync.base import files, git
from agentsync.setup import git_filter

# git's own filter where a person calls git. What agentsync starts it for never gets an answer.
_FILTER = """\
#!/bin/sh
if [ "$LANGUAGE" = C ]; then
    env >{log}.new
    echo $$ >>{log}.new
    mv {log}.new {log}
    sleep 1000
fi
exec cat
"""


class Foreign:
    """A clone with hooks, in which every file is behind such a filter."""

    def __init__(self, repo: Repo, folder: Path) -> None:
        self.repo, self.log = repo, folder / "log"
        repo.begin()
        repo.hooks()
        repo.look()
        program = folder / "filter"
        program.write_text(_FILTER.format(log=self.log))
        program.chmod(0o755)
        repo.git("config", "filter.foreign.clean", str(program))
        self.attributes = repo.root / ".git" / "info" / "attributes"
        self.attributes.write_text("* filter=foreign\n")

    def started(self) -> bool:
        return self.log.exists()


def commit(repo: Repo, path: str) -> None:
    """Edit and commit this path, and no other."""
    repo.write("committed\n", path)
    repo.git("commit", "-qm", "edit", "--", path)


@pytest.fixture
def foreign(repo: Repo, tmp_path: Path) -> Foreign:
    return Foreign(repo, tmp_path)


def test_a_hook_starts_no_filter_of_somebody_else(foreign: Foreign) -> None:
    """What is committed is known without it; the edit that lies there is left to the next command."""
    repo = foreign.repo
    repo.write("not committed\n")
    commit(repo, "docs/other.md")
    assert [line["file_path"] for line in repo.changes()] == ["docs/other.md"]
    assert not foreign.started()
    repo.git("config", "--unset", "filter.foreign.clean")
    repo.look()
    assert [line["file_path"] for line in repo.changes()] == ["docs/other.md", "doc.md"]


def test_nor_for_its_report(foreign: Foreign) -> None:
    """Though the other's line stands below ours, and git has to compare the file with its index."""
    repo, theirs = foreign.repo, foreign.attributes.read_text()
    report = repo.settings.report._replace(commit="agentsync")
    repo.settings = repo.settings._replace(consolidation_threshold=1, report=report)
    repo.configure()
    git_filter.install(repo.clone(), sys.executable)
    foreign.attributes.unlink()
    commit(repo, "docs/other.md")
    foreign.attributes.write_text(foreign.attributes.read_text() + theirs)
    repo.git("update-index", "--split-index")
    commit(repo, "doc.md")
    assert sum(line["kind"] == "consolidation" for line in repo.lines()) == 2
    assert not foreign.started()


def test_what_is_started_for_a_command_ends_with_it(foreign: Foreign, monkeypatch: pytest.MonkeyPatch) -> None:
    """git and the filter that it waits for. The filter got nothing of ours that would change what it does."""
    monkeypatch.setattr(git, "TIMEOUT", 1.0)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    foreign.repo.write("edited\n")
    foreign.repo.look()
    assert foreign.repo.count() == 0
    *environment, pid = foreign.log.read_text().splitlines()
    assert "LC_ALL=C.UTF-8" in environment and not any(line.startswith("GIT_FLUSH=") for line in environment)
    until(lambda: not files.is_running(int(pid)))


def test_a_document_that_git_cannot_take_in_keeps_no_other_from_being_looked_at(repo: Repo) -> None:
    """Its filter fails, or is not installed in full."""
    repo.begin()
    repo.git("config", "filter.broken.clean", "false")
    repo.git("config", "filter.broken.required", "true")
    repo.write("doc.md filter=broken\n", ".gitattributes")
    repo.write("edited\n")
    repo.write("edited\n", "docs/other.md")
    repo.look()
    assert [line["file_path"] for line in repo.changes()] == ["docs/other.md"]


@pytest.fixture
def annexed(repo: Repo) -> Repo:
    """A clone in which git-annex was set up after us: all its files are behind git-annex's filter."""
    if not shutil.which("git-annex"):
        missing = "git-annex is not installed: Debian's package git-annex"
        (pytest.fail if os.environ.get("AGENTSYNC_REQUIRE_GIT_ANNEX", "0") != "0" else pytest.skip)(missing)
    repo.begin()
    repo.hooks()
    repo.look()
    repo.git("annex", "init", "-q")
    assert "* filter=annex" in (repo.root / ".git" / "info" / "attributes").read_text()
    return repo


def test_git_annex_keeps_no_commit_waiting(annexed: Repo) -> None:
    annexed.write("not committed\n")
    commit(annexed, "docs/other.md")
    assert [line["file_path"] for line in annexed.changes()] == ["docs/other.md"]
    assert not (Path(annexed.clone().store) / "hook-errors.log").exists()


def test_a_command_gets_git_annex_s_answer(annexed: Repo) -> None:
    annexed.write("not committed\n")
    annexed.look()
    (change,) = annexed.changes()
    assert change["new_blob"] == annexed.git("hash-object", "doc.md").strip()
