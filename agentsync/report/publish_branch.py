"""The one branch on which reports are published: two branches with reports would conflict in them."""

from __future__ import annotations

from agentsync.base import git
from agentsync.base.errors import AgentsyncError
from agentsync.base.git import Clone, Worktree
from agentsync.base.settings import Settings

MAIN = ("main", "master")


def branch_of_reports(clone: Clone, settings: Settings) -> str:
    """The branch on which reports are published; "" where none can be told."""
    if settings.report.branch:
        return settings.report.branch
    remotes = git.run(["for-each-ref", "--format=%(refname) %(symref)", "refs/remotes/*/HEAD"], cwd=clone.common_dir)
    targets = dict(line.split(" ", 1) for line in remotes.decode(errors="surrogateescape").splitlines())
    origin = targets.get("refs/remotes/origin/HEAD") or next((one for one in targets.values() if one), "")
    if origin:
        return origin.split("/", 3)[3]
    listed = git.run(
        ["for-each-ref", "--format=%(refname:short)", *(f"refs/heads/{name}" for name in MAIN)], cwd=clone.common_dir
    )
    return next(iter(sorted(listed.decode().split(), key=MAIN.index)), "")


def require_branch(clone: Clone, worktree: Worktree, settings: Settings) -> str:
    """The branch of reports, which the worktree has checked out. Raises AgentsyncError if it has not."""
    branch, here = branch_of_reports(clone, settings), git.branch_of(worktree.git_dir)
    if not branch:
        raise AgentsyncError(
            "nothing says on which branch reports are published",
            cause="the remote has no default branch here, and there is neither main nor master",
            hint='write branch = "NAME" under [report] in .agentsync/config.toml',
        )
    if here != branch:
        elsewhere = next((one for one in git.worktrees(clone) if git.branch_of(one.git_dir) == branch), None)
        raise AgentsyncError(
            f"reports are published on {branch} only",
            cause=f"this worktree has {here or 'a detached HEAD'}; two branches with reports would conflict in them",
            hint=f"agentsync -C {elsewhere.root} publish" if elsewhere else f"git switch {branch}, then try again",
        )
    return branch
