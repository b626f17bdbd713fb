"""A repository that several users share (core.sharedRepository): each one's commits, commands and reports work."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

GROUP = 54_321
ADA, BEN = 54_322, 54_323  # nobody has these ids
PACKAGE = Path(__file__).parent.parent.parent


class Shared:
    """A bare repository of a group, in which each user has a worktree and a tight umask."""

    def __init__(self, root: Path, python: str) -> None:
        self.root, self.python = root, python
        self.env = {
            **{name: value for name, value in os.environ.items() if name.startswith("GIT_")},
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(root.parent),
            "PYTHONPATH": os.pathsep.join(
                [str(root.parent / "package"), *(one for one in sys.path if "site-packages" in one)]
            ),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AGENTSYNC_FOREGROUND": "1",
            "GIT_CONFIG_GLOBAL": str(root.parent / "gitconfig"),
            "LC_ALL": "C.UTF-8",
        }

    def run(self, user: int, *argv: str) -> str:
        """What a program says that a user starts."""
        as_user = ["setpriv", f"--reuid={user}", f"--regid={GROUP}", "--clear-groups", "--inh-caps=-all"]
        done = subprocess.run(
            [*as_user, "sh", "-c", 'umask 077 && exec "$@"', "sh", *argv],
            cwd=self.worktree(user) if self.worktree(user).exists() else self.root,
            env=self.env,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (argv, done)
        assert "agentsync:" not in done.stderr
        return done.stdout

    def worktree(self, user: int) -> Path:
        """Where a user works."""
        return self.root / str(user)

    def agentsync(self, user: int, *args: str) -> str:
        return self.run(user, self.python, "-m", "agentsync", *args)

    def commit(self, user: int, text: str) -> None:
        """A user edits a document and commits."""
        self.run(user, "sh", "-c", f"echo {text} >>AGENT_SYNC.md")
        self.run(user, "git", "add", "AGENT_SYNC.md")
        self.run(user, "git", "commit", "-qm", text)


@pytest.fixture
def shared() -> Iterator[Shared]:
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv, to be several users; .ci/run runs it with sudo")
    folder = Path(tempfile.mkdtemp(prefix="agentsync-shared-"))
    try:
        folder.chmod(0o755)
        (folder / "gitconfig").write_text("[safe]\n\tdirectory = *\n[init]\n\tdefaultBranch = main")
        for part in ("agentsync", "hooks"):  # where the tests are, others may not read
            shutil.copytree(PACKAGE / part, folder / "package" / part, ignore=shutil.ignore_patterns("__pycache__"))
        root = folder / "repo"
        root.mkdir()
        os.chown(root, ADA, GROUP)
        root.chmod(0o2770)
        made = Shared(root, _python(folder))
        made.run(ADA, "git", "init", "-q", "--bare", "--shared=0660", "hub.git")
        empty = made.run(ADA, "git", "-C", "hub.git", "hash-object", "-w", "-t", "tree", "/dev/null").strip()
        first = made.run(ADA, "git", "-C", "hub.git", "commit-tree", "-m", "first", empty).strip()
        made.run(ADA, "git", "-C", "hub.git", "update-ref", "refs/heads/main", first)
        for user in (ADA, BEN):
            made.run(user, "git", "-C", "hub.git", "worktree", "add", "-q", "-b", f"of-{user}", f"../{user}", "main")
        yield made
    finally:
        shutil.rmtree(folder)


def _python(folder: Path) -> str:
    """An interpreter that every user may start."""
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            tried = Shared(folder, python).run(BEN, python, "-c", "import agentsync, click, rich")
            return python if not tried else ""
        except AssertionError:
            continue
    pytest.skip("no interpreter here that another user may start")


def test_a_second_user_works_as_the_first(shared: Shared) -> None:
    """What either has made, the other reads, appends to and replaces; nobody else gets more than git gives."""
    shared.agentsync(ADA, "init", "--language", "en")
    for user, text in ((ADA, "by Ada"), (BEN, "by Ben"), (ADA, "by Ada again")):
        shared.commit(user, text)
    log = shared.agentsync(BEN, "log", "--json").splitlines()
    assert len(log) == 3 and all('"source":"hook"' in line for line in log)
    shared.env["AGENTSYNC_FOREGROUND"] = "0"  # the note of one may be the other's to take in
    shared.commit(BEN, "by Ben again")
    for user in (ADA, BEN):
        shared.agentsync(user, "consolidate")
        assert shared.run(user, "git", "status", "--porcelain", "--", "AGENT_SYNC.md") == ""
    store = shared.root / "hub.git/agentsync"
    for path in (store, *store.rglob("*")):
        assert path.stat().st_mode & 0o067 == 0o060, path
