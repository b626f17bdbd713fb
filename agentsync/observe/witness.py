"""Who may speak for a change: a commit's note for the commit, a setting for its worktree."""

import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agentsync.base import files, git
from agentsync.ledger.events import is_agent
from agentsync.ledger.notes import CommitNote
from agentsync.observe.agents import Clues, parse_trailers
from agentsync.observe.history import Commit
from agentsync.observe.tool_calls import ToolCall, who_wrote


class Witness(NamedTuple):
    """The circumstances of one look.

    `source` says who looks. `said`: what AGENTSYNC_AGENT says of the files in `here`, where somebody asked explicitly.
    `wrote`: for which edits in `here` who looks can speak, by path. `tools`: the calls of which agents' own hooks have
    told. `notes`: by commit. `settings`: worktree to the name that `agentsync agent` has set. `branches`: by worktree.
    """

    source: str
    here: str | None
    said: str | None = None
    wrote: Mapping[str, Clues] = {}
    tools: Sequence[ToolCall] = ()
    notes: Mapping[str, CommitNote] = {}
    settings: Mapping[str, str | None] = {}
    branches: Mapping[str, str | None] = {}

    def note_of(self, commit: Commit) -> CommitNote | None:
        """The note that speaks for a commit: its own author made it here, it was not picked or applied for another."""
        note = self.notes.get(commit.sha)
        return note if note and not note.picked and commit.author == commit.committer else None

    def of_commit(self, commit: Commit, worktree: str | None, *, carried: bool = False) -> Clues:
        """What speaks for a commit. `carried`: it repeats known edits, and who carries has not made them.

        Then its process, committer and branch say nothing, nor does the message, if an agent's process wrote it.
        """
        note = self.note_of(commit)
        clues = of_itself(commit)._replace(
            said=note.variables.get("AGENTSYNC_AGENT") if note else None,
            setting=self.settings.get(note.worktree) if note else None,
            environ=note.variables if note else None,
            branch=self.branches.get(worktree) if worktree else None,
            tty=note.tty if note else None,
            has_devin_dir=note is not None and note.has_devin_dir,
        )
        if not carried:
            return clues
        if note and note.variables:
            return Clues(author=commit.author)
        return Clues(trailers=clues.trailers, subject=clues.subject, body=clues.body, author=clues.author)

    def of_file(self, worktree: git.Worktree, path: str, written: float | None) -> Clues:
        """What speaks for an uncommitted edit: who sees it is hardly ever who made it. `written`: None: it is gone."""
        name = worktree.name
        if name == self.here and path in self.wrote:
            return self.wrote[path]
        call = who_wrote(self.tools, f"{worktree.root}/{path}", written)
        return Clues(
            said=self.said if name == self.here else None,
            setting=self.settings.get(name),
            payload=dict(call.payload) if call else None,
        )


def of_itself(commit: Commit) -> Clues:
    """What a commit says of itself."""
    return Clues(
        trailers=parse_trailers(commit.trailers),
        subject=commit.subject,
        body=commit.body,
        author=commit.author,
        committer=commit.committer,
    )


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
    if name is not None:
        files.replace_file(_path(worktree), f"{name}\n".encode(), durable=True)
    elif os.path.exists(_path(worktree)):
        os.unlink(_path(worktree))
