"""Which consolidation a worktree's report region shows; asking for it costs no import of what renders.

The note in the worktree's git directory has the consolidation's id and, where git does not see the region, in a second
line the stat of what was written: git rewrites the file whenever it likes, and the region is gone or an older one then.
"""

from __future__ import annotations

from agentsync import files, git
from agentsync.lean import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentsync.replay import State
    from agentsync.settings import Settings

_PLAIN = "seen by git: "


def is_owed(worktree: git.Worktree, state: State, settings: Settings) -> bool:
    """Whether the region may show anything but the newest consolidation.

    A report that git sees stays paid in a worktree that was switched to another branch.
    """
    if state.last is None:
        return False
    note, path = _note(worktree), settings.report.path
    if settings.report.commit != "agentsync":
        return note != state.last.id
    stamps = (stamp(worktree, path), stamp(worktree, path, hidden=False))
    return note not in (f"{state.last.id}\n{one}" for one in stamps)


def mark_paid(worktree: git.Worktree, consolidation: str, stamp: str | None = None) -> None:
    """Remember that the region shows this consolidation (its id); where that fails, it is rendered once more."""
    note = consolidation if stamp is None else f"{consolidation}\n{stamp}"
    with suppress(OSError):
        files.replace_file(_path(worktree), f"{note}\n".encode())


def shown(worktree: git.Worktree) -> str:
    """The id of the consolidation that was written last; "" for none."""
    return _note(worktree).partition("\n")[0]


def is_settled(worktree: git.Worktree) -> bool:
    """Whether git was told of the region that was written last, and that it should not see it."""
    return "\n" in _note(worktree) and f"\n{_PLAIN}" not in _note(worktree)


def stamp(worktree: git.Worktree, path: str, *, hidden: bool = True) -> str:
    """The stat of the report's file, if git does not see the region, and of all that may give it a filter."""
    parts = path.split("/")
    folders = ["/".join(parts[:n]) for n in range(len(parts))]
    attributes = [f"{folder}/.gitattributes".lstrip("/") for folder in folders]
    watched = [path, *attributes] if hidden else attributes
    stats = " ".join(str(git.signature(f"{worktree.root}/{one}")) for one in watched)
    return stats if hidden else f"{_PLAIN}{stats}"


def _note(worktree: git.Worktree) -> str:
    try:
        with open(_path(worktree), encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _path(worktree: git.Worktree) -> str:
    return f"{worktree.git_dir}/agentsync-report"
