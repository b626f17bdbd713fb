"""A worktree that is added or removed while somebody looks: it is left out, and the others are looked at."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from lab.repo import Repo, describe

from agentsync.base import git
from agentsync.base.config import Configuration
from agentsync.poller import Watcher
from agentsync.status import survey


@pytest.fixture
def three(repo: Repo) -> Repo:
    """A clone with two more worktrees, each with an edit in it; git removes the first as soon as it is asked there."""
    repo.begin()
    for name in ("one", "two"):
        repo.worktree(name)
    repo.look()
    for root in (repo.root, repo.root.parent / "one", repo.root.parent / "two"):
        Repo(root).write(f"edited in {root.name}\n")
    return repo


def removes(repo: Repo, patch: pytest.MonkeyPatch, question: str) -> Path:
    """Let git remove the worktree `one`, once, before it answers a question."""
    real, folder = shutil.which("git"), repo.root.parent / "bin"
    folder.mkdir()
    script = folder / "git"
    script.write_text(
        f"""#!/bin/sh
        case "$*" in
        *{question}*) mkdir {folder}/done 2>/dev/null && {real} -C {repo.root} worktree remove --force one ;;
        esac
        exec {real} "$@"
        """
    )
    script.chmod(0o755)
    patch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder / "done"


QUESTIONS = ["for-each-ref", "ls-files", "ls-tree", "log", "cat-file"]


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_worktree_that_is_removed_during_a_look_is_left_out(
    three: Repo, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    three.commit("committed\n", "docs/other.md")  # so that each question is asked
    asked = removes(three, monkeypatch, question)
    three.look()
    edited = {(change["worktree"], change["file_path"]) for change in three.changes()}
    assert {("main", "docs/other.md"), ("two", "doc.md")} <= edited, describe(three)
    if asked.exists():
        assert three.look().seen.scenes.keys() == {"main", "two"}


def test_one_that_is_removed_between_the_list_and_the_look_is_left_out(three: Repo) -> None:
    listed = git.worktrees(three.clone())
    shutil.rmtree(three.root.parent / "one")
    done = three.look(worktrees=listed)
    assert done.seen.scenes.keys() == {"main", "two"}
    three.git("worktree", "prune")
    assert three.look(worktrees=listed).seen.scenes.keys() == {"main", "two"}


@pytest.mark.parametrize("missing", ["HEAD", "gitdir", "commondir", "index"])
def test_one_that_is_being_added_is_nobodys_edit(three: Repo, missing: str) -> None:
    """git makes the folder, its parts one by one, and checks the files out last."""
    three.look()
    count = three.count()
    three.git("worktree", "add", "-q", "--no-checkout", "../new")
    (three.root / ".git/worktrees/new" / missing).unlink(missing_ok=True)
    three.look()
    assert three.count() == count, describe(three)


def test_one_whose_head_is_not_set_yet_is_left_out(three: Repo) -> None:
    (three.root / ".git/worktrees/one/HEAD").write_text("0" * 40 + "\n")
    assert three.look().seen.scenes.keys() == {"main", "two"}


def test_what_is_shown_leaves_it_out_too(three: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    (three.root.parent / "one" / "doc.md").unlink()  # of what is missing, git is asked whether it is left out
    three.git("config", "core.hooksPath", "nowhere")
    removes(three, monkeypatch, "ls-files")
    found = survey(three.clone(), three.view().state, Configuration(three.settings))
    assert {one["worktree"] for one in found.not_recorded} == {"main", "two"}


def test_the_poller_goes_on_whatever_fails(three: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line for each failure, and the next attempt later each time."""
    told: list[str] = []
    waited: list[float] = []

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        if len(waited) == 8:
            watcher.stop()
        return False

    def fail(clone: git.Clone) -> list[git.Worktree]:
        raise OSError(5, "Input/output error", f"{clone.common_dir}/worktrees")

    watcher = Watcher(three.clone(), lambda done: None, lambda error: told.append(f"{error.message}: {error.cause}"))
    monkeypatch.setattr(watcher, "wait", wait)
    monkeypatch.setattr("agentsync.poller.git.worktrees", fail)
    watcher.watch()
    assert waited == [1, 2, 4, 8, 16, 32, 60, 60]
    assert len(told) == 8 and all("Input/output error" in line for line in told)


def test_a_look_that_fails_leaves_the_other_worktrees_theirs(three: Repo) -> None:
    told: list[str] = []

    def look(request):  # type: ignore[no-untyped-def]
        if request.worktrees[0].name == "one":
            raise RuntimeError("anything")
        return three.look(request.source, worktrees=request.worktrees)

    watcher = Watcher(three.clone(), lambda done: None, lambda error: told.append(error.cause), sync=look)
    watcher.look_at_all()
    assert {change["worktree"] for change in three.changes()} == {"main", "two"}
    assert told == ["RuntimeError('anything')"]
