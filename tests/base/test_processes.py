"""Real git commands at work: who sees them, and that a report waits for them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.repo import Repo
from lab.report import edited, hidden

from agentsync.base import processes
from agentsync.report.outcome import WRITTEN, Kind

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="no /proc: nobody can tell what is at work")
ASK = """\
#!/bin/sh
"{python}" -c "
import os, sys
sys.path.insert(0, '{package}')
from agentsync.base import processes
print([processes.at_work(os.getcwd(), within=within) for within in (False, True)])
" >{answer}
"""


def hook(repo: Repo, name: str, text: str) -> None:
    path = repo.root / ".git/hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def committing(repo: Repo, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`git commit` with a hook that runs until its input ends."""
    hook(repo, "pre-commit", f"#!/bin/sh\n: >{tmp_path}/begun\ncat <{tmp_path}/go\n")
    os.mkfifo(tmp_path / "go")
    command = ["git", "-C", str(repo.root), "commit", "-q", "--allow-empty", "-m", "slow"]
    process = subprocess.Popen(command, cwd=tmp_path)
    deadline = time.monotonic() + 30
    while not (tmp_path / "begun").exists():
        assert time.monotonic() < deadline
        os.sched_yield()
    yield process
    if process.poll() is None:
        (tmp_path / "go").write_text("")
    process.wait(30)


def test_a_command_is_seen_in_its_worktree_and_nowhere_else(
    repo: Repo, tmp_path: Path, committing: subprocess.Popen[bytes]
) -> None:
    """Also from a folder of it, and no longer than it works."""
    root = str(repo.root)
    assert processes.at_work(root, within=False) == processes.at_work(root, within=True) == "git commit"
    assert processes.at_work(f"{root}-other", within=False) == ""
    (tmp_path / "go").write_text("")
    assert committing.wait(30) == 0
    assert processes.at_work(root, within=False) == ""


def test_a_command_that_only_reads_does_not_count(repo: Repo) -> None:
    """Programs keep `git cat-file --batch` running for hours."""
    reader = subprocess.Popen(["git", "cat-file", "--batch"], cwd=repo.root, stdin=subprocess.PIPE)
    try:
        assert processes.at_work(str(repo.root), within=False) == ""
    finally:
        reader.communicate()


def test_the_command_in_whose_hook_somebody_asks_waits_for_him(repo: Repo, tmp_path: Path) -> None:
    package = Path(processes.__file__).parent.parent.parent
    hook(repo, "post-commit", ASK.format(python=sys.executable, package=package, answer=tmp_path / "answer"))
    repo.commit("edited\n")
    assert (tmp_path / "answer").read_text() == "['git commit', '']\n"


def test_a_report_waits_for_a_command_at_work(repo: Repo, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """It reads the index, then compares files: one that was exchanged meanwhile would make it refuse."""
    hidden(repo)
    edited(repo)
    before = repo.read("AGENT_SYNC.md")
    committing = request.getfixturevalue("committing")
    repo.write("another edit\n", "docs/other.md")
    report = repo.look(asked=True).reports["main"]
    assert (report.kind, report.why.partition(",")[0]) == (Kind.OWED, "another git command is at work here")
    assert repo.read("AGENT_SYNC.md") == before
    (tmp_path / "go").write_text("")
    assert committing.wait(30) == 0
    assert repo.look().reports["main"] == WRITTEN
    assert repo.git("status", "--porcelain") == " M docs/other.md\n"
