"""What is done while a call fails. Each action has a repository of its own, made once and copied for each run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from lab.commands import agentsync

TEXT = "# How we work\n\nWhat a person has written here for weeks.\n"
DOCUMENTS = {"AGENT_SYNC.md": TEXT, "docs/passation.md": "one\n", "ROADMAP.md": "one\n"}
TWO = "two\n"
# The report after two changes instead of five, in English whatever the locale says.
CONFIGURATION = 'consolidation_threshold = 2\n[report]\nlanguage = "en"\ncommit = "{commit}"\n'


class Action(NamedTuple):
    """What is done: `prepare` makes the repository, `command` is what fails there.

    `mode`: None where the command itself is ours (as `forked` takes it); else the mode in which a git hook starts our
    interpreter. `shell`: the hook's sh is what fails. `edited`: the documents whose edit has to be in the ledger in the
    end, once. `settle`: what comes afterwards without a fault, before one looks; all of these exit with 0.
    """

    name: str
    prepare: Callable[[Path], None]
    command: Sequence[str]
    mode: str | None = None
    shell: bool = False
    edited: tuple[str, ...] = ()
    settle: tuple[tuple[str, ...], ...] = ()
    gone: bool = False


def git(root: Path, *args: str, **env: str) -> str:
    """Run git; our hooks are silent."""
    done = subprocess.run(
        ["git", "-C", str(root), *args],
        env={**os.environ, "AGENTSYNC": "0", **env},
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise AssertionError(f"git {args}: {done.stderr}")
    return done.stdout


def bare_repository(root: Path) -> None:
    """Documents under version control, and a hook of somebody's."""
    root.mkdir(parents=True)
    git(root, "init", "-q", "-b", "main", "--template=", ".")
    (root / "docs").mkdir()
    for path, text in DOCUMENTS.items():
        (root / path).write_text(text)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    (root / ".git/hooks").mkdir(exist_ok=True)
    hook = root / ".git/hooks/post-merge"
    hook.write_text("#!/bin/sh\nexit 0\n")
    hook.chmod(0o755)


def set_up(root: Path, commit: str = "agentsync") -> None:
    """The same with agentsync."""
    bare_repository(root)
    (root / ".agentsync").mkdir()
    (root / ".agentsync/config.toml").write_text(CONFIGURATION.format(commit=commit))
    agentsync(root, "init")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "set up")
    agentsync(root, "scan")


def edited(*paths: str, commit: str = "agentsync") -> Callable[[Path], None]:
    """The same with edits that nobody has looked at."""

    def prepare(root: Path) -> None:
        set_up(root, commit)
        for path in paths:
            (root / path).write_text(TWO)
        git(root, "add", "--", *paths)

    return prepare


def noted(root: Path) -> None:
    """A commit whose note waits."""
    edited(ONE)(root)
    git(root, "commit", "-q", "-m", "edit")
    head = git(root, "rev-parse", "HEAD").strip()
    flat = f'{{"v":1,"kind":"commit","hook":"post-commit","commit":"{head}","worktree":"main","variables":{{}}'
    folder = root / ".git/agentsync/notes"
    folder.mkdir(exist_ok=True)
    (folder / f"{head}.1.json").write_text(flat + ',"tty":false,"devin":false,"picked":false}\n')


def reported(commit: str) -> Callable[[Path], None]:
    """With a report in the file, and a further edit."""

    def prepare(root: Path) -> None:
        edited(ONE, commit=commit)(root)
        git(root, "commit", "-q", "-m", "edit")
        agentsync(root, "consolidate")
        (root / TWO_).write_text(TWO)

    return prepare


ONE, TWO_ = "docs/passation.md", "ROADMAP.md"
COMMIT = ("git", "commit", "-q", "-m", "edit")
LOOK = ("look", ".git/agentsync")
INIT = (("init",),)

ACTIONS = (
    Action("a commit's note (sh)", edited(ONE), COMMIT, mode="none", shell=True, edited=(ONE,)),
    Action("hook: a commit", edited(ONE), COMMIT, mode="hook", edited=(ONE,)),
    Action("hook: a commit with a report", edited(ONE, TWO_), COMMIT, mode="hook", edited=(ONE, TWO_)),
    Action(
        "hook: the same, git sees the report",
        edited(ONE, TWO_, commit="with-work"),
        COMMIT,
        mode="hook",
        edited=(ONE, TWO_),
    ),
    Action("look in the background", noted, LOOK, edited=(ONE,)),
    Action("scan", edited(ONE), ("agentsync", "scan"), edited=(ONE,)),
    Action("consolidate", reported("agentsync"), ("agentsync", "consolidate"), edited=(ONE, TWO_)),
    Action("consolidate, git sees the report", reported("with-work"), ("agentsync", "consolidate"), edited=(ONE, TWO_)),
    Action("publish", reported("agentsync"), ("agentsync", "publish"), edited=(ONE, TWO_)),
    Action("init", bare_repository, ("agentsync", "init"), settle=INIT),
    Action("uninstall", reported("agentsync"), ("agentsync", "uninstall"), settle=(("uninstall",),), gone=True),
)
