"""As of which record a worktree's report region is: a consolidation, a claim or a release.

The note in the worktree's git directory has the record's id; where git does not see the region, in a second line
the stat of what was written (git rewrites the file whenever it likes, and the region is gone or an older one then); and
in a third the ids that were shown before.
"""

from contextlib import suppress
from typing import NamedTuple

from agentsync.base import files, git
from agentsync.base.settings import Settings
from agentsync.ledger.state import State
from agentsync.report import hidden

EARLIER = 15  # ids
_PLAIN = "seen by git: "


def is_owed(worktree: git.Worktree, state: State, settings: Settings) -> bool:
    """Whether the region may show anything but what the newest records say.

    A report that git sees counts as shown in a worktree that was switched to another branch.
    """
    if state.page is None:
        return False
    note, path = _note(worktree), settings.report.path
    if settings.report.commit != "agentsync":
        return (note.id, note.stamp) != (state.page.id, "")
    stamps = (stamp(worktree, path), stamp(worktree, path, hidden=False))
    return note.id != state.page.id or note.stamp not in stamps


def remember(worktree: git.Worktree, record: str, stamp: str = "") -> None:
    """Remember as of which record (its id) the region is; where that fails, it is rendered once more."""
    note = _note(worktree)
    earlier = [id_ for id_ in (note.id, *note.earlier) if id_ not in ("", record)][:EARLIER]
    with suppress(OSError):
        files.replace_file(f"{worktree.git_dir}/{hidden.NOTE}", f"{record}\n{stamp}\n{' '.join(earlier)}\n".encode())


def shown(worktree: git.Worktree) -> str:
    """The id of the record as of which the region was written last; "" for none."""
    return _note(worktree).id


def is_settled(worktree: git.Worktree) -> bool:
    """Whether git was told of the region that was written last, and that it should not see it."""
    return bool(stamp := _note(worktree).stamp) and not stamp.startswith(_PLAIN)


def stamp(worktree: git.Worktree, path: str, *, hidden: bool = True) -> str:
    """The stat of the report's file, if git does not see the region, and of all that may give it a filter."""
    parts = path.split("/")
    folders = ["/".join(parts[:n]) for n in range(len(parts))]
    attributes = [f"{folder}/.gitattributes".lstrip("/") for folder in folders]
    watched = [f"{worktree.root}/{one}" for one in ([path, *attributes] if hidden else attributes)]
    common_dir = worktree.git_dir if worktree.name == "main" else f"{worktree.git_dir}/../.."
    stats = " ".join(str(git.signature(one)) for one in (*watched, f"{common_dir}/info/attributes"))
    return stats if hidden else f"{_PLAIN}{stats}"


class _Note(NamedTuple):
    """What a worktree remembers of its reports."""

    id: str = ""
    stamp: str = ""
    earlier: tuple[str, ...] = ()


def _note(worktree: git.Worktree) -> _Note:
    id_, stamp, earlier = hidden.note(worktree.git_dir)
    return _Note(id_, stamp, tuple(earlier.split()))
