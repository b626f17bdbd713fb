"""What is shown, as JSON objects: pure projections of the state and of what lies around the ledger.

Commands and HTTP answer with the same objects. They have all keys that the API promises, and more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from agentsync.base.globs import is_glob, literal
from agentsync.base.settings import Settings, type_of
from agentsync.ledger.events import Attribution, Change, Consolidation, Event, flatten
from agentsync.ledger.notes import Observations
from agentsync.ledger.state import Known, State
from agentsync.ledger.view import Cursor
from agentsync.sync import Synced

SYNCED, OUT_OF_SYNC, IN_ERROR = 1, 0, -1


@dataclass(frozen=True)
class Paused:
    """A worktree whose files are not looked at, because git has begun something there (`since` is RFC 3339)."""

    worktree: str
    operation: str
    since: str


@dataclass(frozen=True)
class Survey:
    """What lies around the ledger now, seen from one worktree (None: from none).

    `missing`, `gone` and `unreadable` are paths of that worktree: not there and not known, not there but known (a
    deletion that nobody has looked at yet), and not looked into, with the reason. `owed`: worktree to why its report is
    not written ("": its next hook, command or poll does it). `notices`: what the ledger has lost.
    """

    settings: Settings
    worktree: str | None = None
    branch: str | None = None
    running: bool = False
    paused: tuple[Paused, ...] = ()
    waiting: tuple[Observations, ...] = ()
    owed: dict[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    unreadable: dict[str, str] = field(default_factory=dict)
    config_problem: str | None = None
    notices: tuple[str, ...] = ()


def status(state: State, cursor: Cursor, survey: Survey) -> dict[str, Any]:
    """`GET /api/sync/status`."""
    settings = survey.settings
    paths = watched_paths(state, survey)
    changed = changed_paths(state, survey)
    return {
        "running": survey.running,
        "pending_changes": len(state.pending) + len(waiting_changes(state, survey.waiting)),
        "last_consolidation": state.last.timestamp if state.last else None,
        "watched_files": len(paths),
        "checksums_tracked": len(tracked(state, survey)),
        "consolidation_threshold": settings.consolidation_threshold,
        "check_interval_seconds": settings.check_interval_seconds,
        "consolidation_interval_minutes": settings.consolidation_interval_minutes,
        "watching_since": state.since,
        "worktree": survey.worktree,
        "branch": survey.branch,
        "records": cursor.records,
        "paused": [{"worktree": p.worktree, "operation": p.operation, "since": p.since} for p in survey.paused],
        "waiting": [{"path": one.path, "observations": len(one.events)} for one in survey.waiting],
        "owed": [{"worktree": name, "reason": reason} for name, reason in survey.owed.items()],
        "missing": list(survey.missing),
        "problems": problems(cursor, survey),
        "files": {
            path: {"file_type": type_of(settings, path), "sync_status": sync_status(path, survey, changed)}
            for path in paths
        },
    }


def problems(cursor: Cursor, survey: Survey) -> list[dict[str, str]]:
    """What somebody has to see to: about which thing, and what is wrong with it."""
    found = []
    if survey.config_problem:
        found.append({"about": "configuration", "problem": survey.config_problem})
    found += [{"about": "ledger", "problem": f"the line at byte {at} is damaged"} for at in cursor.damaged]
    found += [{"about": "ledger", "problem": notice} for notice in survey.notices]
    found += [{"about": path, "problem": why} for path, why in survey.unreadable.items()]
    return found


def pending(state: State, waiting: Iterable[Observations] = ()) -> dict[str, Any]:
    """`GET /api/sync/pending-changes`: oldest first; those that wait in a note come last and say so."""
    known = [{"id": id_, **{name: getattr(one, name) for name in _PENDING}} for id_, one in state.pending.items()]
    new = waiting_changes(state, waiting)
    noted = [{"id": one.id, **{name: getattr(one, name) for name in _PENDING}} for one in new]
    changes = [*({**one, "waiting": False} for one in known), *({**one, "waiting": True} for one in noted)]
    return {"count": len(changes), "changes": changes}


_PENDING = (
    "file_path",
    "file_type",
    "event_type",
    "timestamp",
    "old_checksum",
    "new_checksum",
    "agent_owner",
    "author",
)


def waiting_changes(state: State, waiting: Iterable[Observations]) -> list[Change]:
    """The changes in notes that the state does not show already."""
    found: dict[str, Change] = {}
    for note in waiting:
        for event in note.events:
            if isinstance(event, Change) and event.id not in state.pending and not _seen(event, state):
                found[event.id] = event
    return list(found.values())


def _seen(change: Change, state: State) -> bool:
    """Whether somebody else has recorded the same content of the same file since."""
    known = state.known.get(change.worktree or "", {}).get(change.file_path)
    return change.commit is None and known is not None and known.dirty and known.blob == change.new_blob


def checksums(state: State, survey: Survey) -> dict[str, Any]:
    """`GET /api/sync/checksums`: what each watched document of the worktree asked from is known to hold."""
    changed = changed_paths(state, survey)
    shown = {
        path: {**_checksum(path, known, state), "sync_status": sync_status(path, survey, changed)}
        for path, known in tracked(state, survey).items()
    }
    return {"count": len(shown), "worktree": survey.worktree, "checksums": shown}


def _checksum(path: str, known: Known, state: State) -> dict[str, Any]:
    latest = state.latest.get(path)
    return {
        "checksum": known.checksum,
        "last_modified": latest.timestamp if latest else None,
        "agent_owner": latest.agent_owner if latest else None,
        "author": latest.author if latest else None,
        "uncommitted": known.dirty,
        "blob": known.blob,
    }


def tracked(state: State, survey: Survey) -> dict[str, Known]:
    """The watched documents that the worktree is known to have."""
    known = state.known.get(survey.worktree or "", {})
    return {path: one for path, one in sorted(known.items()) if one.blob is not None and type_of(survey.settings, path)}


def watched_paths(state: State, survey: Survey) -> list[str]:
    """The documents that are configured by name, in that order, then those that a glob has brought in."""
    return list(dict.fromkeys((*names(survey.settings), *tracked(state, survey))))


def names(settings: Settings) -> list[str]:
    """The documents that the configuration names, without those that a glob may bring in."""
    return [literal(watch.path) for watch in settings.watch if not is_glob(watch.path)]


def changed_paths(state: State, survey: Survey) -> set[str]:
    """The documents with a change that no report covers yet, and those that have gone since somebody looked."""
    pending = {one.file_path for one in state.pending.values()}
    return {*pending, *(one.file_path for one in waiting_changes(state, survey.waiting)), *survey.gone}


def sync_status(path: str, survey: Survey, changed: set[str]) -> int:
    """1: as known and reported; 0: among the `changed_paths`; -1: missing or unreadable."""
    if path in survey.missing or path in survey.unreadable:
        return IN_ERROR
    return OUT_OF_SYNC if path in changed else SYNCED


def consolidated(event: Consolidation | None) -> dict[str, Any]:
    """`POST /api/sync/consolidate`; `trigger` is null where nothing was pending."""
    if event is None:
        return {"status": "success", "trigger": None, "changes_consolidated": 0}
    trigger = {
        "trigger_type": event.trigger_type,
        "conditions_met": event.conditions_met,
        "timestamp": event.timestamp,
    }
    return {"status": "success", "trigger": trigger, "changes_consolidated": len(event.event_ids)}


def outcome(done: Synced) -> dict[str, Any]:
    """What else came of a look that somebody asked for: the reports written or owed, and what was not looked at."""
    scenes = done.seen.scenes
    return {
        "consolidation": done.seen.consolidation.id if done.seen.consolidation else None,
        "reports": [
            {"worktree": name, "status": one.kind.value, "reason": one.why} for name, one in done.reports.items()
        ],
        "paused": [{"worktree": name, "operation": s.paused.name} for name, s in scenes.items() if s.paused],
        "problems": [{"about": path, "problem": why} for s in scenes.values() for path, why in s.problems.items()],
    }


def record(
    event: Event,
    *,
    owner: str | None,
    waiting: bool,
    commits: Iterable[Attribution] = (),
    covered_by: Consolidation | None = None,
) -> dict[str, Any]:
    """One event with all that later records say of it; `owner` is who did it as is known today."""
    return {
        **flatten(event),
        "known_owner": owner,
        "waiting": waiting,
        "commits": [flatten(one) for one in commits],
        "consolidated_by": covered_by.id if covered_by else None,
        "consolidated_at": covered_by.timestamp if covered_by else None,
    }
