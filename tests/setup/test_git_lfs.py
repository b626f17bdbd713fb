"""Beside the real git-lfs, whose `install` fails where a hook does not begin with its own text."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from lab.hooks import WATCHED, Lab, make_lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    if not shutil.which("git-lfs"):
        missing = "git-lfs is not installed: Debian's package git-lfs"
        if os.environ.get("AGENTSYNC_REQUIRE_GIT_LFS", "0") != "0":
            pytest.fail(missing)
        pytest.skip(missing)
    return make_lab(tmp_path)


def lfs(lab: Lab, *args: str, status: int = 0) -> str:
    done = lab.git("lfs", *args, status=status)
    return done.stdout + done.stderr


def states(lab: Lab) -> list[str]:
    return [state.state for state in lab.states()]


def hooks(lab: Lab) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in lab.hooks.iterdir()}


def test_git_lfs_before_us_takes_our_hooks_for_its_own(lab: Lab) -> None:
    """Both run at a commit, git-lfs may install itself again, and `uninstall` gives its hooks back byte for byte."""
    lfs(lab, "install", "--local")
    before = hooks(lab)
    lab.install()
    assert states(lab) == ["chained"] * 3 + ["ours"] * 2
    after = hooks(lab)
    lfs(lab, "install", "--local")
    lfs(lab, "update")
    assert hooks(lab) == after
    assert lab.install() == []
    assert "git-lfs post-commit" in lab.commit(WATCHED, "1", GIT_TRACE="1")
    assert lab.names() == ["post-commit"]
    lab.uninstall()
    assert hooks(lab) == before


def test_git_lfs_after_us_fails_once_and_init_makes_room_for_it(lab: Lab) -> None:
    """It has written `pre-push` before it failed; by that `doctor` and `init` know it."""
    lab.install()
    assert "Run `agentsync init`, then `git lfs install` again" in lfs(lab, "install", "--local", status=2)
    assert len(lab.install()) == 3
    lfs(lab, "install", "--local")
    lab.commit(WATCHED, "1")
    assert lab.names() == ["post-commit"]
    assert states(lab) == ["chained"] * 3 + ["ours"] * 2


def test_git_lfs_that_overwrote_us_is_seen(lab: Lab) -> None:
    """`git lfs update --force` is what it tells people to type."""
    lab.install()
    lfs(lab, "install", "--local", "--force")
    assert states(lab) == ["foreign"] * 3 + ["ours"] * 2
    lab.install()
    assert states(lab) == ["chained"] * 3 + ["ours"] * 2
    lfs(lab, "install", "--local")
    lab.commit(WATCHED, "1")
    assert lab.names() == ["post-commit"]


def test_a_hook_that_somebody_added_to_is_saved_as_any_other(lab: Lab) -> None:
    """git-lfs would not take it for its own either."""
    lfs(lab, "install", "--local")
    hook = lab.hooks / "post-commit"
    hook.write_bytes(hook.read_bytes() + b"echo mine\n")
    before = hooks(lab)
    lab.install()
    assert (lab.hooks / "post-commit.agentsync-saved").read_bytes() == before["post-commit"]
    lab.uninstall()
    assert hooks(lab) == before


def test_git_lfs_keeps_its_exit_status(lab: Lab) -> None:
    """git passes on that of `post-checkout`."""
    lfs(lab, "install", "--local")
    lab.install()
    failing = lab.folder / "failing"
    failing.mkdir()
    (failing / "git").write_text(f'#!/bin/sh\n[ "$1" != lfs ] || exit 3\nexec {shutil.which("git")} "$@"\n')
    (failing / "git").chmod(0o755)
    lab.env["PATH"] = f"{failing}:{lab.env['PATH']}"
    lab.run(".git/hooks/post-commit", status=3)
