"""What `agentsync status` says: a row for each question that somebody has, and a line for each document."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterable
from contextlib import suppress

from agentsync import status as answers
from agentsync.agents import claims, overlaps, rescue
from agentsync.agents.active import LATELY, MOST
from agentsync.base.background import LOCK
from agentsync.base.git import HOOKS
from agentsync.base.processes import has_ended
from agentsync.base.settings import Settings, type_of
from agentsync.cli import words
from agentsync.cli.session import Session
from agentsync.cli.terminal import clean
from agentsync.cli.words import ago, count, duration, moment, not_recorded, some, who
from agentsync.ledger import history
from agentsync.ledger.events import from_rfc3339, parse, to_rfc3339
from agentsync.ledger.history import Entry
from agentsync.ledger.state import State
from agentsync.setup import hooks
from agentsync.setup.hook_managers import insertable
from agentsync.status import Shown, Status, Survey

NAMED = 3  # documents that a row names
TRIGGERS = {"manual": "asked for", "threshold": "enough changes", "time_based": "enough time had passed"}

Row = tuple[str, str]


def summary(session: Session, now: Shown, shown: Status, at: float) -> list[Row]:
    """Where one is, whether changes are recorded, who works here, what is not committed and not reported."""
    entries = list(itertools.islice(history.newest(now.view.ledger, now.survey.waiting, at - LATELY), MOST))
    state = now.view.state
    return [
        ("Repository", _place(session, shown)),
        ("Recording", _recording(session, now.survey, _last_run(session, entries), at)),
        *_at_work(entries, at),
        *_claimed(state, at),
        *_overlapping(session, now, at),
        *_uncommitted(state, now.survey),
        ("Unreported", _unreported(shown, now, at)),
        ("Last report", _last_report(state, at)),
        (
            "Watching",
            f"{count(shown['checksums_tracked'], 'document')} since {moment(shown['watching_since'] or '')} UTC",
        ),
    ]


def _place(session: Session, shown: Status) -> str:
    common = session.clone.common_dir
    name = os.path.basename(os.path.dirname(common) if os.path.basename(common) == ".git" else common)
    worktree = "" if shown["worktree"] in ("main", None) else f", worktree {shown['worktree']}"
    branch = f", branch {shown['branch']}" if shown["branch"] else ""
    return clean(f"{name}{worktree}{branch}{'' if shown['worktree'] else ' (bare)'}")


def _recording(session: Session, around: Survey, last_run: float | None, at: float) -> str:
    """Whether git reaches agentsync in this worktree, and when it last did."""
    poller = "; the poller" if around.running else ""
    if session.here is None:
        return f"commands only, in a bare repository{poller}"
    broken = [hook for hook in hooks.inspect(session.clone, session.here) if not hook.works]
    if not broken:
        ran = f"last ran {ago(at - last_run)}" if last_run else "have not run yet"
        return f"git's hooks, {ran}{poller}"
    all_broken = len(broken) == len(HOOKS)
    which = "git's hooks" if all_broken else ", ".join(hook.name for hook in broken)
    why = f"{broken[0].manager} holds {which}" if broken[0].manager else f"{which}: {hooks.STATES[broken[0].state]}"
    way = f"init --{broken[0].manager}" if insertable(broken[0].manager) else "doctor"
    what = "NOT RECORDING" if all_broken and not poller else "NOT RECORDING ALL"
    return f"{what}: {why}; `agentsync {way}` {'adds the lines' if way != 'doctor' else 'says what to do'}{poller}"


def _last_run(session: Session, entries: Iterable[Entry]) -> float | None:
    """When a hook was last seen at work: by its look in the background, or by what it has recorded."""
    seen = [entry.recorded_at for entry in entries if entry.line and parse(entry.line).get("source") == "hook"][:1]
    with suppress(OSError):
        seen.append(os.stat(f"{session.clone.store}/{LOCK}").st_mtime)
    return max(seen, default=None)


def _at_work(entries: Iterable[Entry], at: float) -> list[Row]:
    """Who has changed something in the last two hours, and where; the last one first."""
    seen: dict[tuple[str, str], float] = {}
    for entry in entries:
        if entry.kind == "change" and entry.happened_at > at - LATELY:
            by = who(entry.agent_owner, entry.author)
            seen.setdefault((by, clean(entry.worktree or "history")), entry.happened_at)
    words = [f"{by} in {place} {ago(at - when)}" for (by, place), when in seen.items()]
    return [("At work", ", ".join(words))] if words else []


def _claimed(state: State, at: float) -> list[Row]:
    """What somebody says to be working on."""
    claimed = [
        f"{who(one.agent_owner, None)}: {', '.join(map(clean, one.paths))} until {moment(one.expires)}"
        for one in claims.active(state, at, has_ended).values()
    ]
    return [("Claimed", "; ".join(claimed))] if claimed else []


def _overlapping(session: Session, now: Shown, at: float) -> list[Row]:
    """Documents that two lines of work change; those that git cannot merge come first."""
    found = overlaps.overlaps(session.clone, now.view, now.survey.settings, at)
    if not found:
        return []
    conflicts = sum(one.level == overlaps.CONFLICT for one in found)
    paths = some(list(dict.fromkeys(one.file_path for one in found)), NAMED)
    much = f"{count(len(found), 'pair')} of lines of work, {count(conflicts, 'conflict')}"
    return [("Overlaps", f"{paths}: {much}; `agentsync overlaps` lists them")]


def _uncommitted(state: State, around: Survey) -> list[Row]:
    """Documents that are edited and not committed; those of this worktree by name."""
    edited = {
        name: [path for path, one in known.items() if one.dirty and type_of(around.settings, path)]
        for name, known in state.known.items()
    }
    here = sorted(edited.pop(around.worktree or "", []))
    told = [some(here, NAMED)] if here else []
    told += [f"{count(len(paths), 'document')} in {clean(name)}" for name, paths in sorted(edited.items()) if paths]
    return [("Uncommitted", "; ".join(told))] if told else []


def _unreported(shown: Status, now: Shown, at: float) -> str:
    number = shown["pending_changes"]
    if not number:
        return "nothing"
    documents = count(len(answers.changed_paths(now.view.state, now.survey)), "document")
    return f"{count(number, 'change')} in {documents}; {_next(number, now.view.state, now.survey.settings, at)}"


def _next(number: int, state: State, settings: Settings, at: float) -> str:
    since = from_rfc3339(state.last.recorded if state.last else state.since or to_rfc3339(at))
    left = since + settings.consolidation_interval_minutes * 60 - at
    if left <= 0 or number >= settings.consolidation_threshold:
        return "the next git hook or command reports them"
    return f"reported when there are {settings.consolidation_threshold}, or in {duration(left)}"


def _last_report(state: State, at: float) -> str:
    last = state.last
    if last is None:
        return "none yet"
    why = TRIGGERS.get(last.trigger_type, clean(last.trigger_type))
    return f"{ago(at - from_rfc3339(last.timestamp))}, {count(last.changes, 'change')} ({why})"


def _there(shown: Status) -> str:
    return count(shown["watched_files"] - len(shown["missing"]), "document")


def files(shown: Status, now: Shown, most: int | None) -> list[tuple[str, ...]]:
    """The documents; where there are more than `most`, those with something new, then those that changed last."""
    latest = now.view.state.latest
    paths = [path for path in shown["files"] if path not in now.survey.missing]
    if most is not None and len(paths) > most:
        changed_at = {path: latest[path].timestamp if path in latest else "" for path in paths}
        calm = {path: _word(path, shown, now) == UP_TO_DATE for path in paths}
        paths = sorted(sorted(paths, key=changed_at.__getitem__, reverse=True), key=calm.__getitem__)[:most]
    return [_file(path, shown, now) for path in paths]


def _file(path: str, shown: Status, now: Shown) -> tuple[str, ...]:
    latest = now.view.state.latest.get(path)
    when, by = (moment(latest.timestamp), who(latest.agent_owner, latest.author)) if latest else ("", "")
    return clean(path), clean(shown["files"][path]["file_type"] or ""), _word(path, shown, now), when, by


UP_TO_DATE = "up to date"


def _word(path: str, shown: Status, now: Shown) -> str:
    around, sync_status = now.survey, shown["files"][path]["sync_status"]
    if sync_status == answers.IN_ERROR:
        return "unreadable"
    if any((one["worktree"], one["file_path"]) == (around.worktree, path) for one in around.not_recorded):
        return "not recorded yet"
    known = now.view.state.known.get(around.worktree or "", {}).get(path)
    words = ["uncommitted"] if known and known.dirty else []
    words += ["unreported"] if sync_status == answers.OUT_OF_SYNC else []
    return ", ".join(words) or UP_TO_DATE


def notes(shown: Status) -> list[str]:
    """A line for whatever somebody may have to see to."""
    lines = [
        f"paused: git is in the middle of a {one['operation']} in {clean(one['worktree'])} since {one['since']}"
        for one in shown["paused"]
    ]
    lines += [
        f"waiting: {count(one['observations'], 'observation')} in {clean(one['path'])}, for the ledger to be writable"
        for one in shown["waiting"]
    ]
    lines += not_recorded(shown["not_recorded"])
    for one in shown["owed"]:
        reason = one["reason"] or "the next git command there writes it"
        lines.append(f"report not yet written in worktree {clean(one['worktree'])}: {clean(reason)}")
    return lines + [f"problem: {clean(one['about'])}: {clean(one['problem'])}" for one in shown["problems"]]


def removed(session: Session, now: Shown) -> list[str]:
    """Uncommitted edits that are gone: each is told once."""
    at = time.time()
    found = rescue.tell_once(session.clone, now.view, now.survey.settings, at, "status")
    return [f"removed: {words.removed(one, at)}" for one in found]
