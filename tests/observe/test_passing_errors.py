"""A call that fails once is told; nothing comes of it that stays."""

from __future__ import annotations

import builtins
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab.commands import agentsync
from lab.repo import Repo, describe

from agentsync.base.errors import AgentsyncError

ERRORS = [errno.EIO, errno.EACCES, errno.EMFILE]
PLACES = [
    ".git/agentsync/ledger.jsonl",
    ".git/agentsync/writer.json",
    ".git/agentsync/settings.json",
    ".git/agentsync/cache.sqlite",
    ".git/agentsync/notes",
    ".git/shallow",
    ".git/rebase-merge",
    ".git/HEAD",
    ".agentsync/config.toml",
    "docs",
    "doc.md",
]


def fail(patch: pytest.MonkeyPatch, place: Path, number: int) -> list[str]:
    """Let everything that is asked of a place fail; what was asked."""
    asked: list[str] = []

    def failing(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *args: Any, **named: Any) -> Any:
            folder = named.get("dir_fd")
            at = os.readlink(f"/proc/self/fd/{folder}") if folder is not None else ""
            if isinstance(path, (str, os.PathLike)):
                full = os.path.join(at, path)
                if full == str(place) or full.startswith(f"{place}/"):
                    asked.append(full)
                    raise OSError(number, os.strerror(number), full)
            return real(path, *args, **named)

        return call

    for name in ("open", "stat", "lstat", "listdir"):
        patch.setattr(os, name, failing(getattr(os, name)))
    patch.setattr(builtins, "open", failing(builtins.open))
    return asked


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("place", PLACES)
def test_what_fails_once_leaves_nothing_behind(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, place: str, number: int
) -> None:
    repo.begin()
    repo.hooks()
    repo.write("edited\n")
    repo.look()
    repo.write("edited again\n")
    with monkeypatch.context() as patch:
        asked = fail(patch, repo.root / place, number)
        agentsync(repo.root, "scan", code=None)
    assert asked
    repo.look()
    assert repo.count() == 2, describe(repo)
    assert len({line["writer"] for line in repo.lines()}) == 1
    assert "all in order" in agentsync(repo.root, "verify").said


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
def test_a_folder_that_cannot_be_looked_into_is_a_problem_and_no_deletion(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    repo.begin()
    with monkeypatch.context() as patch:
        fail(patch, repo.root / "docs", number)
        scene = repo.look().seen.scenes["main"]
    assert scene.problems == {"docs/other.md": os.strerror(number)}
    assert repo.count() == 0


def test_a_git_that_was_killed_has_given_no_answer(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its silence would make a new edit of one that was carried."""
    repo.begin()
    repo.git("branch", "other")
    repo.commit("edited\n")
    repo.look()
    repo.git("switch", "-q", "other")
    repo.git("commit", "-q", "--allow-empty", "-m", "apart")
    repo.git("cherry-pick", "main")
    killed = tmp_path / "bin/git"
    killed.parent.mkdir()
    real = next(path for folder in os.environ["PATH"].split(":") if os.access(path := f"{folder}/git", os.X_OK))
    killed.write_text(f'#!/bin/sh\ncase "$*" in *merge-base*|*rev-list*) kill -9 $$ ;; esac\nexec {real} "$@"\n')
    killed.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{killed.parent}:{os.environ['PATH']}")
        with pytest.raises(AgentsyncError):
            repo.look()
    repo.look()
    assert repo.count() == 1, describe(repo)
