"""Where two lines of work change the same document, without anybody having said so.

Looked for by `observe/overlaps.py`. The answer is kept in the cache: while no record comes and no branch moves it is
the same, and no git is started.
"""

import os
import time
from collections.abc import Sequence
from typing import Any

from agentsync.agents.caller import Caller
from agentsync.base import git
from agentsync.base.errors import AgentsyncError
from agentsync.base.globs import escaped
from agentsync.base.settings import Settings, Watch, pathspecs, type_of
from agentsync.ledger.events import Dismissal, new_id, to_rfc3339
from agentsync.ledger.view import View
from agentsync.observe import overlaps as observed
from agentsync.observe.glance import FRESH
from agentsync.observe.lines import changed_by_several, lines
from agentsync.observe.overlaps import CONFLICT, SAME_DOCUMENT, Overlap, Side

__all__ = ["CONFLICT", "SAME_DOCUMENT", "Overlap", "Side", "counts", "dismissal", "in_files", "overlaps", "to_json"]

PIECE = "overlaps"  # of the cache
MOST = 2000  # files that are compared


def overlaps(clone: git.Clone, view: View, settings: Settings, now: float) -> Sequence[Overlap]:
    """The overlaps of watched documents, conflicts first, without the dismissed. Raises GitError, LedgerError."""
    return git.steadily(clone, lambda every: _overlaps(clone, every, view, settings, now))


def _overlaps(
    clone: git.Clone, every: Sequence[git.Worktree], view: View, settings: Settings, now: float
) -> Sequence[Overlap]:
    stands = _stands(clone, every, view, settings, now)
    kept = view.cache.get(PIECE)
    if kept and kept["stands"] == stands:
        found = [_decoded(one) for one in kept["overlaps"]]
    else:
        found = observed.find(clone, every, view, settings, now)
        if time.time_ns() - _newest(stands) > FRESH:
            view.cache.put({PIECE: {"stands": stands, "overlaps": found}})
    return [one for one in found if one.id not in view.state.dismissed]


def in_files(
    clone: git.Clone, view: View, settings: Settings, paths: Sequence[str] | None, now: float
) -> Sequence[Overlap]:
    """Those of these files, watched or not, or of all (None), by what is committed. Raises GitError, LedgerError.

    Of files that are not watched the ledger knows no edit: each commit of one counts as an edit of its own.
    """

    def found(every: Sequence[git.Worktree]) -> Sequence[Overlap]:
        wanted = paths if paths is not None else changed_by_several(clone.folder, lines(clone.folder, every, (), now))
        watch = tuple(Watch(escaped(path), type_of(settings, path) or "file") for path in wanted[:MOST])
        return observed.find(clone, every, view, settings._replace(watch=watch), now) if watch else []

    return [one for one in git.steadily(clone, found) if one.id not in view.state.dismissed]


def _stands(clone: git.Clone, every: Sequence[git.Worktree], view: View, settings: Settings, now: float) -> list[Any]:
    """What the answer hangs on: the ledger, where HEADs and branches are, what is watched, and the day."""
    heads = [[one.name, one.root, *map(_as_list, git.head_signature(one, clone.common_dir))] for one in every]
    folders = [[at, *(git.signature(at) or ())] for at, _, _ in os.walk(f"{clone.common_dir}/refs/heads")]
    rebasing = [git.rebasing(one.git_dir) for one in every]
    return [view.cursor.offset, view.cursor.prev, heads, folders, rebasing, pathspecs(settings), int(now // 86_400)]


def _as_list(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _newest(stands: list[Any]) -> int:
    """The newest time of a branch's folder, in nanoseconds: a younger change might leave the same one."""
    return max((folder[-1] for folder in stands[3] if len(folder) > 1), default=0)


def _decoded(flat: list[Any]) -> Overlap:
    id_, path, level, sides = flat
    one, other = (Side(tree, branch, dirty, tuple(by), tuple(ids), at) for tree, branch, dirty, by, ids, at in sides)
    return Overlap(id_, path, level, (one, other))


def counts(found: Sequence[Overlap]) -> dict[str, int]:
    """How many there are of each level."""
    return {level: sum(one.level == level for one in found) for level in (CONFLICT, SAME_DOCUMENT)}


def to_json(found: Sequence[Overlap]) -> dict[str, Any]:
    """Overlaps as a JSON object, with their `count`."""
    rows = [{**one._asdict(), "sides": [side._asdict() for side in one.sides]} for one in found]
    return {"count": len(rows), "overlaps": rows}


def found_by(every: Sequence[Overlap], part: str) -> Overlap:
    """The one whose id begins so. Raises AgentsyncError."""
    found = [one for one in every if one.id.startswith(part.lower())]
    if len(found) != 1:
        raise AgentsyncError(f"{len(found) or 'no'} overlaps have an id that begins so", hint="agentsync overlaps")
    return found[0]


def dismissal(caller: Caller, one: Overlap, now: float) -> Dismissal:
    """The record that somebody says: this one needs nobody's care."""
    said = caller.without("process", "branch")
    return Dismissal(new_id(now), to_rfc3339(now), "", overlap=one.id, file_path=one.file_path, **said)
