"""A real git repository in a sealed-off home, and what a test does with it."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from agentsync.base import config, config_text, git
from agentsync.base.git import Clone
from agentsync.base.settings import Report, Settings, Watch
from agentsync.ledger import history, notes
from agentsync.ledger.events import Event, from_rfc3339
from agentsync.ledger.log import Ledger
from agentsync.ledger.view import View
from agentsync.observe.request import Request
from agentsync.setup import hooks, local_files
from agentsync.setup.changes import carry_out
from agentsync.sync import Synced, sync
from lab.templates import copied

NOON = 1_760_097_600  # 2025-10-10T12:00:00Z
DOCS = ("AGENT_SYNC.md", "doc.md", "docs/other.md")
# No consolidation unless a test asks for one.
QUIET = Settings(
    consolidation_threshold=1000,
    consolidation_interval_minutes=525_600,
    report=Report(language="en", commit="with-work"),
    watch=tuple(Watch(path, "docs") for path in DOCS),
)


def read_only(monkeypatch: pytest.MonkeyPatch, store: str) -> None:
    """Nothing below the store can be opened for writing, as in an agent's sandbox."""
    real = os.open

    def refuse(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        folder = os.readlink(f"/proc/self/fd/{dir_fd}") if dir_fd is not None else ""
        if os.path.join(folder, path).startswith(store) and flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)


class Repo:
    """One worktree, and the ledger of its clone."""

    def __init__(self, root: Path, settings: Settings = QUIET) -> None:
        self.root = root
        self.settings = settings
        self.time = int(time.time()) - 86_400  # hooks look at the real clock, so git's dates are near it

    def git(self, *args: str, env: dict[str, str] | None = None, check: bool = True, stdin: str | None = None) -> str:
        """Run git, one second later than the last time."""
        self.time += 1
        date = {"GIT_AUTHOR_DATE": f"{self.time} +0000", "GIT_COMMITTER_DATE": f"{self.time} +0000"}
        done = subprocess.run(
            ["git", *args],
            cwd=self.root,
            env={**os.environ, **date, **(env or {})},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if check and done.returncode:
            raise AssertionError(f"git {' '.join(args)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def write(self, text: str, path: str = "doc.md") -> None:
        """Somebody edits a file."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())

    def read(self, path: str = "doc.md") -> str:
        """What a file holds."""
        return (self.root / path).read_bytes().decode()

    def commit(self, text: str | None = None, path: str = "doc.md", message: str = "edit", **env: str) -> str:
        """Edit, add and commit; the new commit."""
        if text is not None:
            self.write(text, path)
        self.git("add", "-A", "--", ".", ":!.agentsync")
        self.git("commit", "-q", "-m", message, env=env)
        return self.head()

    def head(self) -> str:
        """The commit of HEAD."""
        return self.git("rev-parse", "HEAD").strip()

    def clone(self) -> Clone:
        """The clone as agentsync finds it."""
        return git.locate(str(self.root))

    def look(self, source: str = "scan", **request: Any) -> Synced:
        """Look once at all worktrees, as the poller does."""
        clone = self.clone()
        self.time += 1
        fields = {"worktrees": git.worktrees(clone), "now": float(self.time), **request}
        return sync(Request(clone=clone, settings=self.settings, source=source, **fields))

    def note(
        self, variables: Mapping[str, str] = MappingProxyType({}), *, commit: str | None = None, picked: bool = False
    ) -> Path:
        """Leave the note of a commit (HEAD), as its hook does; the note's path."""
        commit, clone = commit or self.head(), self.clone()
        flat = {"v": 1, "kind": "commit", "hook": "post-commit", "commit": commit, "variables": dict(variables)}
        flat |= {"worktree": clone.here.name if clone.here else "", "tty": False, "devin": False, "picked": picked}
        path = Path(clone.store) / notes.FOLDER / f"{commit}.{os.getpid()}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(flat) + "\n")
        return path

    def wait_for_notes(self) -> None:
        """Until the look in the background has taken in what it can; a rebase's notes stay."""
        clone, deadline = self.clone(), time.monotonic() + 60
        while notes.listed(clone, git.worktrees(clone)):
            if clone.here and git.rebasing(clone.here.git_dir) is not None:
                return
            assert time.monotonic() < deadline, "nobody takes the notes in"
            time.sleep(0.01)

    def configure(self) -> Path:
        """Write the settings into the worktree's configuration; its path."""
        self.write(config_text.default_text(self.settings), ".agentsync/config.toml")
        return self.root / ".agentsync/config.toml"

    def begin(self) -> None:
        """Take the baseline."""
        self.look(begin=True)

    def hooks(self, python: str = sys.executable) -> None:
        """Install the hooks, with this interpreter."""
        clone = self.clone()
        here = clone.worktree()
        changes = [
            *local_files.plan_excludes(clone, local=False),
            *hooks.plan_install(clone, here, python),
            *local_files.plan_gitignore(here),
            *local_files.plan_doors(clone, here),
        ]
        carry_out(changes)
        self.configure()
        assert config.in_force(clone, clone.here) == config.Configuration(self.settings)

    def view(self) -> View:
        """The ledger, replayed."""
        return View(Ledger(self.clone().store)).catch_up()

    def lines(self) -> list[dict[str, Any]]:
        """The records as they stand in the file."""
        path = Path(self.clone().store) / "ledger.jsonl"
        return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []

    def changes(self) -> list[dict[str, Any]]:
        """The change records of what watching saw, without what was taken in of the time before."""
        return [line for line in self.lines() if line["kind"] == "change" and line["source"] != "import"]

    def owners(self) -> list[str | None]:
        """Who made each change, as is known today."""
        view = self.view()
        every = [
            (event, history.commits_of(view, line["id"]))
            for line in self.changes()
            for event in view.events("id", line["id"])
        ]
        return [history.owner_today(event, commits) for event, commits in every]

    def count(self) -> int:
        """How many changes watching saw."""
        return len(self.changes())

    def worktree(self, name: str, *args: str) -> Repo:
        """A linked worktree beside this one."""
        self.git("worktree", "add", "-q", *args, f"../{name}")
        other = Repo(self.root.parent / name, self.settings)
        other.time = self.time + 1000
        return other


def snapshot(root: Path) -> dict[str, tuple[int, bytes | str]]:
    """Every file with its mode and bytes, and every folder, without git's own index, logs and objects."""
    found: dict[str, tuple[int, bytes | str]] = {}
    for folder, names, files in os.walk(root):
        inside = Path(folder).relative_to(root)
        if str(inside) == ".git":
            names[:] = [name for name in names if name not in ("objects", "logs")]
        for name in [*names, *files]:
            path = Path(folder) / name
            if str(inside / name) == ".git/index":
                continue
            mode = stat.S_IMODE(path.lstat().st_mode)
            what = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else "folder"
            found[str(inside / name)] = (mode, what)
    return found


def cleaned(text: str) -> str:
    """Without the lines of conflict markers."""
    return "".join(line for line in text.splitlines(keepends=True) if line[:7] not in ("<<<<<<<", "=======", ">>>>>>>"))


def on_disk(root: Path, path: str) -> str | None:
    """The blob id of what a file holds now."""
    if not (root / path).exists():
        return None
    data = (root / path).read_bytes()
    return hashlib.sha1(b"blob %d\0%b" % (len(data), data)).hexdigest()


def describe(repo: Repo) -> str:
    """The ledger, for a person who reads a failure."""
    rows = []
    for line in repo.lines():
        about = [line["kind"], line.get("source"), line.get("worktree"), line.get("file_path"), line.get("reason")]
        blobs = [str(line.get(name))[:7] for name in ("commit", "old_blob", "new_blob")]
        files = {p: (str(f["blob"])[:7], f["dirty"]) for p, f in line.get("files", {}).items()}
        rows.append(" ".join(map(str, [*about, *blobs, files or ""])))
    return "\n" + "\n".join(rows) + "\n" + repo.git("log", "--all", "--graph", "--oneline")


def new_repo(root: Path) -> Repo:
    """A repository with one commit of the three watched documents, before agentsync."""
    return copied(root, first_commit)


def first_commit(root: Path) -> Repo:
    """The same, made by git."""
    root.mkdir()
    made = Repo(root)
    made.git("init", "-q", ".")
    for path in DOCS:
        made.write("".join(f"{path} line {n}\n" for n in range(12)), path)
    made.write("not watched\n", "code.py")
    made.commit(message="first")
    return made


__all__ = ["DOCS", "NOON", "QUIET", "Event", "Repo", "from_rfc3339", "new_repo"]
