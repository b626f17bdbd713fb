"""Which consolidation a worktree's report region shows; asking for it costs no import of what renders."""

from __future__ import annotations

from agentsync import files
from agentsync.lean import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentsync import git
    from agentsync.replay import State


def is_owed(worktree: git.Worktree, state: State) -> bool:
    """Whether the newest consolidation has not been written in this worktree. One switched away from it stays paid."""
    return state.last is not None and _paid(worktree) != state.last.id


def mark_paid(worktree: git.Worktree, consolidation: str) -> None:
    """Remember that the region shows this consolidation (its id); where that fails, it is rendered once more."""
    with suppress(OSError):
        files.replace_file(_path(worktree), f"{consolidation}\n".encode())


def _paid(worktree: git.Worktree) -> str:
    try:
        with open(_path(worktree), encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _path(worktree: git.Worktree) -> str:
    return f"{worktree.git_dir}/agentsync-report"
