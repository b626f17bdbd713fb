"""Nothing that is pulled costs a commit time, memory or a foreign folder: 174 configurations, documents and places."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lab import hostile, strace
from lab.repo import Repo, new_repo
from lab.sealing import seal_off

from agentsync.base import watchdog

pytestmark = pytest.mark.long
SECONDS = 5.0
OUTSIDE = {"/etc/passwd", "/etc/motd.md", "/dev/zero"}  # what some of them lead to; git itself asks who the user is


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with hooks, whose next commit has its report written before git returns."""
    with pytest.MonkeyPatch.context() as patch:
        seal_off(patch, tmp_path_factory.mktemp("home"))
        repo = new_repo(tmp_path_factory.mktemp("prepared") / "repo")
        report = repo.settings.report._replace(commit="agentsync")
        repo.settings = repo.settings._replace(consolidation_threshold=1, report=report)
        repo.configure()
        subprocess.run([sys.executable, "-m", "agentsync", "init"], cwd=repo.root, check=True, capture_output=True)
        repo.commit("edited\n")
        assert "agentsync:begin" in repo.read("AGENT_SYNC.md")
        return repo.root


@pytest.fixture
def pulled(prepared: Path, tmp_path: Path) -> Repo:
    """The same, before somebody pulls."""
    strace.require()
    shutil.copytree(prepared, tmp_path / "repo", symlinks=True)
    return Repo(tmp_path / "repo")


CASES = hostile.every()


@pytest.mark.parametrize("name", CASES)
def test_a_commit_costs_little_and_nothing_outside_is_opened(pulled: Repo, tmp_path: Path, name: str) -> None:
    CASES[name](pulled.root)
    pulled.git("add", "-A", check=False)
    pulled.git("add", "-f", ".agentsync", check=False)
    seconds, size = cost(["git", "commit", "-q", "--allow-empty", "-m", "pulled"], pulled.root)
    assert seconds < SECONDS and size < watchdog.MEMORY
    pulled.write("one more\n", "docs/other.md")
    quietly = ["sh", "-c", 'git add docs/other.md; git commit --allow-empty -qm "one more" || true']
    calls = strace.trace(quietly, pulled.root, tmp_path / "calls")
    inside = (f"{tmp_path}/repo", os.environ["HOME"])
    written = [call.opened for call in calls if "O_WRONLY" in call.arguments or "O_RDWR" in call.arguments]
    assert [path for path in written if not path.startswith((*inside, "/dev/null", "/dev/tty"))] == []
    read = {call.opened for call in strace.ours(calls) if call.name == "openat"}
    assert calls and not read & {*OUTSIDE, f"{tmp_path}/outside.md"}
    assert not (pulled.root / "boom").exists()


# A process of its own, because what is started begins with the memory of whoever starts it in its account.
MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL, check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
"""


def cost(command: list[str], cwd: Path) -> tuple[float, int]:
    """Seconds of the processor's time, and the bytes of the largest, of a command and all that it waits for."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *command], cwd=cwd, check=True, capture_output=True, text=True
    )
    seconds, size = done.stdout.split()[-2:]
    return float(seconds), int(size)


def test_a_file_that_goes_back_and_forth_is_judged_in_no_time(repo: Repo) -> None:
    """Each commit makes an earlier edit again; with a question to git for each pair of them it would take an hour."""
    repo.begin()
    who = f"A <a@example.org> {repo.time}"
    commits = (
        f"commit refs/heads/main\nauthor {who} +0000\ncommitter {who} +0000\ndata 5\nedit\n"
        f"{f'from {repo.head()}' if not number else ''}\nM 100644 inline doc.md\ndata 2\n{number % 2}\n\n"
        for number in range(800)
    )
    repo.git("fast-import", "--quiet", stdin="".join(commits))
    repo.git("reset", "-q", "--hard")
    repo.look()
    assert repo.count() == 800
