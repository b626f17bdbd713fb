"""What is shown now: take in what waits, look where something differs, and project what the ledger says.

Commands and HTTP answer with the same values, in JSON with the names of their fields. They have all that the API
promises, and more.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict

from agentsync.base import files, git
from agentsync.base.config import Configuration
from agentsync.base.errors import AgentsyncError
from agentsync.base.globs import is_glob, literal
from agentsync.base.settings import Settings, type_of
from agentsync.base.times import to_rfc3339
from agentsync.ledger import notes, watermark
from agentsync.ledger.events import Attribution, Change, Consolidation, Event, flatten
from agentsync.ledger.log import Ledger
from agentsync.ledger.notes import Observations
from agentsync.ledger.state import Known, Pending, State
from agentsync.ledger.view import Cursor, View
from agentsync.observe.glance import Glance, Looks, glance, really_edited
from agentsync.report import paid
from agentsync.report.decide import decide

if TYPE_CHECKING:  # what looks is imported where something differs: it costs more than the rest of an answer
    from agentsync.observe.request import Request
    from agentsync.sync import Synced

Sync = Callable[["Request"], "Synced"]
Why = Callable[[git.Worktree, git.Worktree | None, Settings], str]

SyncStatus = Literal[1, 0, -1]
SYNCED: SyncStatus = 1
OUT_OF_SYNC: SyncStatus = 0
IN_ERROR: SyncStatus = -1
PATIENCE = 0.5  # seconds for the ledger's lock; what is shown is shown without it, too


class Paused(TypedDict):
    """A worktree whose files are not looked at, because git has begun something there (`since` is RFC 3339)."""

    worktree: str
    operation: str
    since: str


class NotRecorded(TypedDict):
    """A document that was seen to differ from what is known, and could not be looked at. `event_type`: as of a change.

    `reason`: what kept it from being recorded.
    """

    worktree: str
    file_path: str
    event_type: str
    reason: str


class Survey(NamedTuple):
    """What lies around the ledger now, seen from one worktree (None: from none).

    `repository`: its name. `waiting`: observations in notes. `not_recorded`: edits that are in no note either.
    `missing` and `unreadable`: paths of that worktree, not there and not known, and not looked into with the reason.
    `owed`: worktree to why its report is not written ("": its next hook, command or poll does it). `notices`: what the
    ledger has lost.
    """

    settings: Settings
    repository: str = ""
    worktree: str | None = None
    branch: str | None = None
    running: bool = False
    paused: tuple[Paused, ...] = ()
    waiting: tuple[Observations, ...] = ()
    not_recorded: tuple[NotRecorded, ...] = ()
    owed: dict[str, str] = {}
    missing: tuple[str, ...] = ()
    unreadable: Mapping[str, str] = {}
    config_problem: str | None = None
    notices: tuple[str, ...] = ()


class Shown(NamedTuple):
    """The ledger and what lies around it, after what waited was taken in."""

    view: View
    survey: Survey


class Looked(NamedTuple):
    """Whether somebody has just looked; if not, `why_not` says what kept them from it ("": nothing was to be seen)."""

    done: bool
    why_not: str = ""


NOT_YET = Looked(False, "not looked at yet")


def up_to_date(clone: git.Clone, configuration: Configuration, view: View) -> Shown:
    """Take in what waits; look at the worktrees if a file, HEAD or a rule says that there is something to see.

    Where nothing differs that costs a `stat` for each document, and no git is started. What cannot be taken in now is
    shown as not recorded. `view` is brought to the ledger's end.
    """
    looked = take_in(clone, configuration.settings, view.catch_up().state)
    view.catch_up()
    return Shown(view, survey(clone, view.state, configuration, looked))


def take_in(clone: git.Clone, settings: Settings, state: State, sync: Sync | None = None) -> Looked:
    """Look, if there is something to see."""
    every = git.worktrees(clone)
    if not _is_something_new(clone, every, settings, state):
        return Looked(False)
    try:
        _look(clone, every, settings, sync)
        return Looked(True)
    except (AgentsyncError, OSError) as error:
        return Looked(False, str(error))


def _is_something_new(clone: git.Clone, every: list[git.Worktree], settings: Settings, state: State) -> bool:
    if os.environ.get("PRE_COMMIT") == "1":
        return False  # unstaged edits are stashed away while it runs: what the files hold is nobody's edit
    if notes.listed(clone, every) or decide(state, time.time(), settings):
        return True
    looks = Looks(clone.store)
    seen = (glance(one, clone, settings, state, looks) for one in every if not git.operation(one.git_dir))
    return any(one.edited or one.moved for one in seen)


def _look(clone: git.Clone, every: list[git.Worktree], settings: Settings, sync: Sync | None) -> None:
    from agentsync.observe.request import Request  # late: what looks costs more than the rest of an answer
    from agentsync.sync import sync as look

    (sync or look)(Request(clone, settings, "scan", every, time.time(), timeout=PATIENCE))


def why_owed(worktree: git.Worktree, here: git.Worktree | None, settings: Settings) -> str:
    """The reason that a person can do something about; of other worktrees only what is seen from outside."""
    from agentsync.report import obstacle  # late: a report is hardly ever owed

    return obstacle.why_not_written(worktree, settings) if worktree == here else obstacle.in_progress(worktree)


def survey(
    clone: git.Clone, state: State, configuration: Configuration, looked: Looked = NOT_YET, why: Why = why_owed
) -> Survey:
    """Look around, without looking at any change. `why`: what says why a report is not written."""
    settings = configuration.settings

    def around(every: list[git.Worktree]) -> Survey:
        here = clone.here
        waiting = notes.waiting(clone, every, time.time()).observations
        looks = Looks(clone.store)
        seen = {one.name: glance(one, clone, settings, state, looks) for one in every}
        paused = tuple(_paused(every))
        mine = seen.get(here.name, Glance()) if here else Glance()
        edited = {
            one.name: really_edited(one, clone, settings, state, seen[one.name].edited)
            for one in every
            if seen[one.name].edited and (not looked.done or git.operation(one.git_dir))
        }
        return Survey(
            settings=settings,
            repository=clone.name,
            worktree=here.name if here else None,
            branch=git.branch_of(here.git_dir) if here else None,
            running=files.is_held(f"{clone.store}/{files.WATCH_LOCK}"),
            paused=paused,
            waiting=waiting,
            not_recorded=tuple(_not_recorded(edited, paused, waiting, looked.why_not)),
            owed={one.name: why(one, here, settings) for one in every if paid.is_owed(one, state, settings)},
            missing=mine.missing,
            unreadable=mine.problems,
            config_problem=configuration.problem,
            notices=tuple(map(watermark.explain, watermark.notices(Ledger(clone.store)))),
        )

    return git.steadily(clone, around)


def _not_recorded(
    edited: Mapping[str, Mapping[str, str]], paused: Iterable[Paused], waiting: Iterable[Observations], reason: str
) -> Iterable[NotRecorded]:
    """The edits that no look has come to, by worktree and path, without those in notes."""
    going_on = {one["worktree"]: f"a {one['operation']} is in progress" for one in paused}
    kept = {(event.worktree, event.file_path) for note in waiting for event in note.events if isinstance(event, Change)}
    for name, paths in edited.items():
        for path, event_type in paths.items():
            if (name, path) not in kept:
                why = going_on.get(name, reason)
                yield NotRecorded(worktree=name, file_path=path, event_type=event_type, reason=why)


def _paused(worktrees: Iterable[git.Worktree]) -> Iterable[Paused]:
    for one in worktrees:
        found = git.operation(one.git_dir)
        if found:
            yield Paused(worktree=one.name, operation=found.name, since=to_rfc3339(found.since))


class Waiting(TypedDict):
    """A note with observations that are not in the ledger yet."""

    path: str
    observations: int


class Owed(TypedDict):
    """A worktree whose report is not written, and why; "": its next hook, command or poll writes it."""

    worktree: str
    reason: str


class Problem(TypedDict):
    """What somebody has to see to: about which thing, and what is wrong with it."""

    about: str
    problem: str


class File(TypedDict):
    """A watched document. `sync_status`: 1 known and reported, 0 not reported yet, -1 missing or unreadable."""

    file_type: str | None
    sync_status: SyncStatus


class Status(TypedDict):
    """`GET /api/sync/status`."""

    running: bool
    pending_changes: int
    last_consolidation: str | None
    watched_files: int
    checksums_tracked: int
    consolidation_threshold: int
    check_interval_seconds: int
    consolidation_interval_minutes: int
    stale_after_days: int
    watching_since: str | None
    repository: str
    worktree: str | None
    branch: str | None
    records: int
    paused: list[Paused]
    waiting: list[Waiting]
    not_recorded: list[NotRecorded]
    owed: list[Owed]
    missing: list[str]
    problems: list[Problem]
    files: dict[str, File]


def status(state: State, cursor: Cursor, survey: Survey) -> Status:
    """What is pending, what is watched, and whether anything is wrong."""
    settings = survey.settings
    paths = watched_paths(state, survey)
    changed = changed_paths(state, survey)
    return Status(
        running=survey.running,
        pending_changes=len(state.pending) + len(waiting_changes(state, survey.waiting)),
        last_consolidation=state.last.timestamp if state.last else None,
        watched_files=len(paths),
        checksums_tracked=len(tracked(state, survey)),
        consolidation_threshold=settings.consolidation_threshold,
        check_interval_seconds=settings.check_interval_seconds,
        consolidation_interval_minutes=settings.consolidation_interval_minutes,
        stale_after_days=settings.stale_after_days,
        watching_since=state.since,
        repository=survey.repository,
        worktree=survey.worktree,
        branch=survey.branch,
        records=cursor.records,
        paused=list(survey.paused),
        waiting=[Waiting(path=one.path, observations=len(one.events)) for one in survey.waiting],
        not_recorded=list(survey.not_recorded),
        owed=[Owed(worktree=name, reason=reason) for name, reason in survey.owed.items()],
        missing=list(survey.missing),
        problems=problems(cursor, survey),
        files={path: _file(path, survey, changed) for path in paths},
    )


def _file(path: str, survey: Survey, changed: set[str]) -> File:
    return File(file_type=type_of(survey.settings, path), sync_status=sync_status(path, survey, changed))


def problems(cursor: Cursor, survey: Survey) -> list[Problem]:
    """What somebody has to see to."""
    found = [Problem(about="configuration", problem=survey.config_problem)] if survey.config_problem else []
    found += [Problem(about="ledger", problem=f"the line at byte {at} is damaged") for at in cursor.damaged]
    found += [Problem(about="ledger", problem=notice) for notice in survey.notices]
    found += [Problem(about=path, problem=why) for path, why in survey.unreadable.items()]
    return found


class PendingChange(TypedDict):
    """A change that no report covers yet. `waiting`: in a note, and not in the ledger yet."""

    id: str
    file_path: str
    file_type: str
    event_type: str
    timestamp: str
    old_checksum: str | None
    new_checksum: str | None
    agent_owner: str | None
    author: str | None
    waiting: bool


class PendingChanges(TypedDict):
    """`GET /api/sync/pending-changes`: oldest first; those that wait in a note come last and say so."""

    count: int
    changes: list[PendingChange]
    not_recorded: list[NotRecorded]


def pending(state: State, survey: Survey) -> PendingChanges:
    """The changes of the whole clone that no report covers yet."""
    known = [_pending_change(id_, one, waiting=False) for id_, one in state.pending.items()]
    new = [_pending_change(one.id, one, waiting=True) for one in waiting_changes(state, survey.waiting)]
    changes = [*known, *new]
    return PendingChanges(count=len(changes), changes=changes, not_recorded=list(survey.not_recorded))


def _pending_change(id_: str, one: Pending | Change, *, waiting: bool) -> PendingChange:
    return PendingChange(
        id=id_,
        file_path=one.file_path,
        file_type=one.file_type,
        event_type=one.event_type,
        timestamp=one.timestamp,
        old_checksum=one.old_checksum,
        new_checksum=one.new_checksum,
        agent_owner=one.agent_owner,
        author=one.author,
        waiting=waiting,
    )


def waiting_changes(state: State, waiting: Iterable[Observations]) -> list[Change]:
    """The changes that wait in notes, without those that the state shows already."""
    found: dict[str, Change] = {}
    for note in waiting:
        for event in note.events:
            if isinstance(event, Change) and event.id not in state.pending and not _is_known(event, state):
                found[event.id] = event
    return list(found.values())


def _is_known(change: Change, state: State) -> bool:
    """Whether somebody else has recorded the same content of the same file since."""
    known = state.known.get(change.worktree or "", {}).get(change.file_path)
    return change.commit is None and known is not None and known.dirty and known.blob == change.new_blob


class Checksum(TypedDict):
    """What a document is known to hold, and its newest change. MD5 without the report region."""

    checksum: str | None
    last_modified: str | None
    agent_owner: str | None
    author: str | None
    uncommitted: bool
    blob: str | None
    sync_status: SyncStatus


class Checksums(TypedDict):
    """`GET /api/sync/checksums`: by path, of the worktree asked from."""

    count: int
    worktree: str | None
    checksums: dict[str, Checksum]


def checksums(state: State, survey: Survey) -> Checksums:
    """What each watched document of the worktree asked from is known to hold."""
    changed = changed_paths(state, survey)
    found = {}
    for path, known in tracked(state, survey).items():
        latest = state.latest.get(path)
        found[path] = Checksum(
            checksum=known.checksum,
            last_modified=latest.timestamp if latest else None,
            agent_owner=latest.agent_owner if latest else None,
            author=latest.author if latest else None,
            uncommitted=known.dirty,
            blob=known.blob,
            sync_status=sync_status(path, survey, changed),
        )
    return Checksums(count=len(found), worktree=survey.worktree, checksums=found)


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
    """The documents with a change that no report covers yet, recorded or not."""
    pending = {one.file_path for one in state.pending.values()}
    waiting = {one.file_path for one in waiting_changes(state, survey.waiting)}
    return pending | waiting | {one["file_path"] for one in survey.not_recorded if one["worktree"] == survey.worktree}


def sync_status(path: str, survey: Survey, changed: set[str]) -> SyncStatus:
    """1: as known and reported; 0: among the `changed_paths`; -1: missing or unreadable."""
    if path in survey.missing or path in survey.unreadable:
        return IN_ERROR
    return OUT_OF_SYNC if path in changed else SYNCED


class Written(TypedDict):
    """What became of a worktree's report: `written`, `current`, or `owed` and why."""

    worktree: str
    status: str
    reason: str


class PausedNow(TypedDict):
    """A worktree whose files were not looked at."""

    worktree: str
    operation: str


class Outcome(TypedDict):
    """What came of a look that somebody asked for, beside the changes. `consolidation`: the id of the one it made."""

    consolidation: str | None
    reports: list[Written]
    paused: list[PausedNow]
    problems: list[Problem]


def outcome(done: "Synced") -> Outcome:
    """The reports written or owed, and what was not looked at."""
    scenes = done.seen.scenes
    return Outcome(
        consolidation=done.seen.consolidation.id if done.seen.consolidation else None,
        reports=[Written(worktree=name, status=one.kind.value, reason=one.why) for name, one in done.reports.items()],
        paused=[
            PausedNow(worktree=name, operation=scene.paused.name) for name, scene in scenes.items() if scene.paused
        ],
        problems=[
            Problem(about=path, problem=why) for scene in scenes.values() for path, why in scene.problems.items()
        ],
    )


class Trigger(TypedDict):
    """What made a consolidation."""

    trigger_type: str
    conditions_met: dict[str, int]
    timestamp: str


class Consolidated(Outcome):
    """`POST /api/sync/consolidate`; `trigger` is null where nothing was pending."""

    status: Literal["success"]
    trigger: Trigger | None
    changes_consolidated: int


def consolidated(done: "Synced") -> Consolidated:
    """What came of a consolidation that was asked for."""
    made = done.seen.consolidation
    return Consolidated(
        **outcome(done),
        status="success",
        trigger=made
        and Trigger(trigger_type=made.trigger_type, conditions_met=made.conditions_met, timestamp=made.timestamp),
        changes_consolidated=len(made.event_ids) if made else 0,
    )


def record(
    event: Event,
    *,
    owner: str | None,
    waiting: bool,
    commits: Iterable[Attribution] = (),
    covered_by: Consolidation | None = None,
) -> dict[str, Any]:
    """One event with all that later records say of it; `owner` is who did it as is known today."""
    told = {"agent_owner": owner} if isinstance(event, (Change, Attribution)) else {}
    return {
        **flatten(event),
        **told,
        "waiting": waiting,
        "commits": [flatten(one) for one in commits],
        "consolidated_by": covered_by.id if covered_by else None,
        "consolidated_at": covered_by.timestamp if covered_by else None,
    }
