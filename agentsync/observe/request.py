"""What to look at, and for whom: one function for each door through which somebody asks."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agentsync.base import git
from agentsync.base.settings import Settings
from agentsync.ledger.log import LOCK_TIMEOUT
from agentsync.observe.agents import Clues


class Request(NamedTuple):
    """What to look at, for whom.

    `worktrees`: those whose files are read (history is walked from all of them). `ending`: the operations whose last
    hook is running. `said`: what AGENTSYNC_AGENT says of the files
    here, where somebody asked explicitly. `wrote`: what speaks for edits that the one who asks has just made here, by
    path. `asked`: consolidate by the manual rule. `begin`: the first look of all, which takes the baseline.
    """

    clone: git.Clone
    settings: Settings
    source: str
    worktrees: Sequence[git.Worktree]
    now: float
    ending: tuple[str, ...] = ()
    said: str | None = None
    wrote: Mapping[str, Clues] = {}
    asked: bool = False
    begin: bool = False
    timeout: float = LOCK_TIMEOUT
