"""Repositories with hooks but without a ledger, and programs that record how they were called.

Apart from `lab.repo`: what hooks start is a false interpreter here, so that a test sees each call and nothing is looked
at.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from agentsync.base import git
from agentsync.setup import hooks, local_files
from agentsync.setup.changes import Change, carry_out
from agentsync.setup.hooks import HookState
from agentsync.setup.interpreter import check_interpreter
from lab.sealing import seal

# husky and lefthook, where `make managers` puts them.
MANAGERS = Path(__file__).parent.parent / "managers" / "node_modules" / ".bin"
WATCHED = "docs/watched file.md"
_RECORDER = """\
#!/bin/sh
{{
    for argument in {name} "$@"; do printf '%s\\0' "$argument"; done
    printf '\\035'
    env | grep '^\\(GIT_\\|PRE_COMMIT\\)' | sort
    printf '\\035'
    cat
    printf '\\036'
}} >>{log}
exit {status}
"""


@dataclass(frozen=True)
class Call:
    """How a recorder was called; `git_env` are the variables of git and pre-commit that it saw."""

    name: str
    args: tuple[str, ...]
    git_env: str
    stdin: str


def recorder(path: Path, log: Path, *, name: str = "", status: int = 0, mode: int = 0o755) -> Path:
    """An executable at `path` that appends each call to `log` and ends with `status`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_RECORDER.format(name=shlex.quote(name), log=shlex.quote(str(log)), status=status))
    path.chmod(mode)
    return path


def calls(log: Path) -> list[Call]:
    """What a recorder wrote, and forget it."""
    if not log.exists():
        return []
    text = log.read_text()
    log.unlink()
    found = []
    for entry in text.split("\036")[:-1]:
        argv, env, stdin = entry.split("\035")
        name, *args = argv.split("\0")[:-1]
        found.append(Call(name, tuple(args), env, stdin))
    return found


@dataclass
class Lab:
    """One repository (`root`), its sealed environment, and a false interpreter that records what hooks start."""

    folder: Path
    root: Path
    env: dict[str, str]
    python: Path = field(init=False)

    def __post_init__(self) -> None:
        self.python = recorder(self.folder / "python", self.folder / "python.log")

    @property
    def git_dir(self) -> Path:
        return self.root / ".git"

    @property
    def hooks(self) -> Path:
        return self.git_dir / "hooks"

    @property
    def watch_list(self) -> Path:
        return self.git_dir / "agentsync" / "pathspecs"

    def run(
        self, *argv: str, cwd: Path | None = None, status: int | None = 0, stdin: str | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program; `status` is what it must end with, None for whatever it likes."""
        done = subprocess.run(
            argv,
            cwd=cwd or self.root,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            check=False,
            **({"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}),
        )
        assert status is None or done.returncode == status, (argv, done.returncode, done.stdout, done.stderr)
        return done

    def git(
        self, *args: str, cwd: Path | None = None, status: int | None = 0, **env: str
    ) -> subprocess.CompletedProcess[str]:
        return self.run("git", *args, cwd=cwd, status=status, **env)

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self, path: str, text: str, **env: str) -> str:
        """Commit one file; returns what was said on stderr."""
        self.write(path, text)
        self.git("add", "--", path)
        return self.git("commit", "-qm", f"{path}: {text}", cwd=None, status=0, **env).stderr

    def install(self, *, local: bool = False, root: Path | None = None, into: str = "") -> list[Change]:
        changes = self.planned(local=local, root=root, into=into)
        carry_out(changes)
        self.prepare()
        return changes

    def planned(self, *, local: bool = False, root: Path | None = None, into: str = "") -> list[Change]:
        """What is missing of the exclude patterns and the hooks."""
        clone = git.locate(str(root or self.root))
        check_interpreter(clone.worktree().root, str(self.python))
        return [
            *local_files.plan_excludes(clone, local=local),
            *hooks.plan_install(clone, clone.worktree(), str(self.python), into),
        ]

    def uninstall(self, root: Path | None = None) -> list[Change]:
        """Take both out again."""
        clone = git.locate(str(root or self.root))
        changes = [*hooks.plan_uninstall(clone, clone.worktree()), *local_files.plan_no_excludes(clone)]
        carry_out(changes)
        return changes

    def states(self, root: Path | None = None) -> list[HookState]:
        """What became of each hook."""
        clone = git.locate(str(root or self.root))
        return hooks.inspect(clone, clone.worktree())

    def prepare(self, *pathspecs: str) -> None:
        """Write the list of watched paths that hooks ask git about."""
        self.watch_list.parent.mkdir(exist_ok=True)
        self.watch_list.write_text("".join(f"{one}\n" for one in pathspecs or (f":(top,literal){WATCHED}",)))

    def calls(self) -> list[Call]:
        """How hooks called Python since the last time one asked, the hook's name first."""
        found = []
        for call in calls(self.folder / "python.log"):
            flags, (mode, name, *args) = call.args[:3], call.args[3:]
            assert flags[:2] == ("-I", "-S") and flags[2].endswith("/agentsync/_entry.py") and mode == "hook"
            found.append(Call(name, tuple(args), call.git_env, call.stdin))
        return found

    def names(self) -> list[str]:
        return [call.name for call in self.calls()]


def make_lab(folder: Path, name: str = "repo") -> Lab:
    """A new repository with one commit that holds a watched and an unwatched file, no hooks yet."""
    home = folder / "home"
    home.mkdir(parents=True)
    when = {f"GIT_{role}_DATE": "2025-10-10T15:00:00Z" for role in ("AUTHOR", "COMMITTER")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**seal(home), **when, "PATH": path, "LC_ALL": "C"}
    lab = Lab(folder, folder / name, env)
    lab.git("init", "-q", "-b", "main", str(lab.root), cwd=folder)
    shutil.rmtree(lab.hooks, ignore_errors=True)
    lab.write("other", "0")
    lab.write(WATCHED, "0")
    lab.git("add", ".")
    lab.git("commit", "-qm", "first")
    return lab
