"""git as a child process, and where repositories lie."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from lab.repo import Repo

from agentsync.base import files, git
from agentsync.base.errors import AgentsyncError


def test_a_git_that_does_not_end_is_ended(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all that it has started, also in the background: nobody waits for ever because of us, and nothing stays."""
    monkeypatch.setattr(git, "TIMEOUT", 0.5)
    alias = f"alias.hang=!sleep 600 & echo $! >{tmp_path}/pid; sleep 600"
    with pytest.raises(git.GitError) as failed:
        git.run(["-c", alias, "hang"], cwd=str(repo.root))
    assert failed.value.status == -9
    deadline = time.monotonic() + 10
    while _sleeps(int((tmp_path / "pid").read_text())):
        assert time.monotonic() < deadline
        os.sched_yield()


def _sleeps(pid: int) -> bool:
    """Whether the process is there, and no mere zombie that nobody has waited for."""
    try:
        return "(sleep) Z" not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return os.path.isdir("/proc/self") is False and files.is_running(pid)


def test_a_git_cannot_ask_at_the_terminal(repo: Repo) -> None:
    """It has a session of its own, but where somebody may have to type the passphrase of a key."""
    args = ["-c", "alias.session=!ps -o sess= -p $$", "session"]
    own, shared = (git.run(args, cwd=str(repo.root), terminal=terminal) for terminal in (False, True))
    assert int(shared) == os.getsid(0) != int(own)


def test_what_git_told_a_hook_is_not_handed_on(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
    monkeypatch.setenv("GIT_TRACE", "2")
    assert git.run(["ls-files", "code.py"], cwd=str(repo.root)) == b"code.py\n"


def test_without_git_a_person_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(AgentsyncError, match="git is not on the PATH"):
        git.run(["version"], cwd="/")


@pytest.mark.parametrize("door", [".bare", ".git"])
def test_a_bare_repository_inside_a_folder_makes_that_folder_no_worktree(repo: Repo, door: str) -> None:
    """As people lay out several worktrees side by side: `proj/.bare`, with or without a `proj/.git` that names it."""
    proj = repo.root.parent / "proj"
    proj.mkdir()
    repo.git("clone", "-q", "--bare", str(repo.root), str(proj / door))
    if door == ".bare":
        (proj / ".git").write_text("gitdir: ./.bare\n")
    repo.git("-C", str(proj / door), "worktree", "add", "-q", "../one")
    for start in (proj, proj / door):
        clone = git.locate(str(start))
        assert (clone.common_dir, clone.here) == (str(proj / door), None)
    linked = git.locate(str(proj / "one"))
    assert linked.common_dir == str(proj / door)
    assert git.worktrees(linked) == git.worktrees(git.locate(str(proj))) == [linked.here]
    with pytest.raises(AgentsyncError, match="bare repository"):
        git.locate(str(proj)).worktree()


def test_a_separate_git_dir_is_no_bare_repository(tmp_path: Path, repo: Repo) -> None:
    repo.git("init", "-q", f"--separate-git-dir={tmp_path}/elsewhere", str(tmp_path / "tree"))
    repo.git("-C", str(tmp_path / "tree"), "config", "my.bare", "1")
    here = git.locate(str(tmp_path / "tree")).worktree()
    assert (here.root, here.git_dir) == (str(tmp_path / "tree"), str(tmp_path / "elsewhere"))


def test_a_worktree_that_is_half_there_is_no_error(repo: Repo) -> None:
    """git adds and removes its files one by one."""
    repo.worktree("linked", "-b", "linked")
    administrative = repo.root / ".git/worktrees/linked"
    for name in ("HEAD", "gitdir"):
        (administrative / name).unlink()
        [main, *_] = git.worktrees(repo.clone())
        assert git.branch_of(main.git_dir) == "main"
        assert git.branch_of(str(administrative)) is None
    shutil.rmtree(administrative.parent)
    assert [one.name for one in git.worktrees(repo.clone())] == ["main"]
