"""Who may speak for a change: an environment for the commit that its process makes now, a setting for its worktree."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from agentsync.base import git
from agentsync.ledger.events import is_agent
from agentsync.observe.agents import Clues, parse_trailers
from agentsync.observe.history import Commit


@dataclass(frozen=True)
class Witness:
    """The circumstances of one look.

    `source` says who looks. `made_now`: the commit that this process has just made, if any. `said`: what
    AGENTSYNC_AGENT says of the files in `here`, where somebody asked explicitly.
    """

    source: str
    here: str | None
    made_now: str | None = None
    said: str | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str | None] = field(
        default_factory=dict
    )  # worktree to the name that `agentsync agent` has set
    branches: Mapping[str, str | None] = field(default_factory=dict)  # worktree to branch

    def makes(self, commit: Commit) -> bool:
        """Whether the commit is made here and now, by its own author: not one picked or applied for somebody else."""
        return commit.sha == self.made_now and commit.author == commit.committer

    def of_commit(self, commit: Commit, worktree: str | None) -> Clues:
        """What speaks for a commit."""
        now = self.makes(commit)
        return Clues(
            said=self.environ.get("AGENTSYNC_AGENT") if now else None,
            setting=self.settings.get(worktree) if now and worktree else None,
            environ=self.environ if now else None,
            trailers=parse_trailers(commit.trailers),
            subject=commit.subject,
            body=commit.body,
            author=commit.author,
            committer=commit.committer,
            branch=self.branches.get(worktree) if worktree else None,
            tty=os.isatty(2) if now else None,
            has_devin_dir=now and os.path.isdir("/opt/.devin"),
        )

    def of_file(self, worktree: str) -> Clues:
        """What speaks for an uncommitted edit: who sees it is not who made it."""
        return Clues(said=self.said if worktree == self.here else None, setting=self.settings.get(worktree))


def _path(worktree: git.Worktree) -> str:
    return f"{worktree.git_dir}/agentsync-agent"


def agent_setting(worktree: git.Worktree) -> str | None:
    """The agent that `agentsync agent NAME` has set for a worktree."""
    try:
        with open(_path(worktree), encoding="utf-8") as file:
            name = file.read(80).strip()
    except (OSError, ValueError):
        return None
    return name if is_agent(name) else None


def set_agent(worktree: git.Worktree, name: str | None) -> None:
    """Set it; None takes the setting away."""
    from agentsync.base import files

    if name is None:
        if os.path.exists(_path(worktree)):
            os.unlink(_path(worktree))
    else:
        files.replace_file(_path(worktree), f"{name}\n".encode())
