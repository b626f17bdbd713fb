"""`status`, `pending`, `checksums`: what is, now."""

from __future__ import annotations

import itertools
import time

import click

from agentsync import status as answers
from agentsync.agents import claims
from agentsync.base.errors import OK
from agentsync.base.processes import has_ended
from agentsync.base.settings import Settings
from agentsync.cli import direct
from agentsync.cli.options import json_option
from agentsync.cli.session import Session
from agentsync.cli.tables import Table, show
from agentsync.cli.terminal import clean, say
from agentsync.cli.words import count, duration, moment, not_recorded, who
from agentsync.ledger import history
from agentsync.ledger.events import from_rfc3339, to_rfc3339
from agentsync.ledger.state import State
from agentsync.setup import hooks
from agentsync.status import Shown, Status, Survey

LATELY = 2 * 3600  # seconds in which who changed something is at work
MOST = 1000  # records that are looked through for them


@click.command()
@json_option
def status(as_json: bool) -> int:
    """Show whether changes are recorded, who works here, what no report covers yet, and what is watched.

    Says what is paused (git has begun a rebase, a merge, ...), waiting (seen, and not yet in the ledger), owed (a
    report that could not be written), missing or unreadable.

    \b
    Examples:
      agentsync status
      agentsync status --json
      agentsync -C ../other status
    """
    if as_json:
        return direct.status_json()
    session = Session()
    now = session.shown()
    shown = answers.status(now.view.state, now.view.cursor, now.survey)
    at = time.time()
    rows = _summary(shown, now.view.state, now.survey.settings, at)
    rows[1:1] = [("Recording", _recording(session, now.survey)), *_at_work(now, at), *_claimed(now.view.state, at)]
    show(Table(("", ""), rows, folds=1))
    say("")
    show(Table(("FILE", "TYPE", "STATE", "LAST CHANGE (UTC)", "BY"), _files(shown, now), path=0, drops=(1, 3, 4)))
    if now.survey.missing:
        say("", f"watched once they are there: {', '.join(map(clean, now.survey.missing))}")
    notes = _notes(shown)
    if notes:
        say("", *notes)
    session.check_config()
    return OK


def _recording(session: Session, around: Survey) -> str:
    """Whether git reaches agentsync, in this worktree."""
    if session.here is None:
        return "commands only (a bare repository)"
    broken = [hook for hook in hooks.inspect(session.clone, session.here) if not hook.works]
    if not broken:
        return "git's hooks, commands" + (", the poller" if around.running else "")
    more = f" and {count(len(broken) - 1, 'more hook')}" if broken[1:] else ""
    return f"NOT BY HOOKS: {broken[0].name}{more}: {hooks.STATES[broken[0].state]}; `agentsync doctor` says what to do"


def _at_work(now: Shown, at: float) -> list[tuple[str, str]]:
    """Who has changed something in the last two hours, and where; the last one first."""
    seen: dict[tuple[str, str], float] = {}
    entries = history.newest(now.view.ledger, now.survey.waiting, at - LATELY)
    for entry in itertools.islice(entries, MOST):
        if entry.kind == "change" and entry.happened_at > at - LATELY:
            seen.setdefault(
                (who(entry.agent_owner, entry.author), clean(entry.worktree or "history")), entry.happened_at
            )
    words = [f"{by} in {place} {duration(at - when)} ago" for (by, place), when in seen.items()]
    return [("At work", ", ".join(words))] if words else []


def _claimed(state: State, at: float) -> list[tuple[str, str]]:
    """What somebody says to be working on."""
    claimed = [
        f"{who(one.agent_owner, None)}: {', '.join(map(clean, one.paths))} until {moment(one.expires)}"
        for one in claims.active(state, at, has_ended).values()
    ]
    return [("Claimed", "; ".join(claimed))] if claimed else []


def _summary(shown: Status, state: State, settings: Settings, now: float) -> list[tuple[str, str]]:
    place = shown["worktree"] or "no worktree (a bare repository)"
    branch = f", branch {clean(shown['branch'])}" if shown["branch"] else ""
    last = state.last
    report = f"{last.timestamp}, {last.trigger_type}, {count(last.changes, 'change')}" if last else "none yet"
    return [
        ("Worktree", f"{clean(place)}{branch}"),
        ("Pending", f"{count(shown['pending_changes'], 'change')}{_next_report(shown, state, settings, now)}"),
        ("Last report", report),
        ("Watching", f"{count(shown['checksums_tracked'], 'document')} since {shown['watching_since']}"),
    ]


def _next_report(shown: Status, state: State, settings: Settings, now: float) -> str:
    if not shown["pending_changes"]:
        return ""
    since = from_rfc3339(state.last.recorded if state.last else state.since or to_rfc3339(now))
    left = since + settings.consolidation_interval_minutes * 60 - now
    if left <= 0 or shown["pending_changes"] >= settings.consolidation_threshold:
        return "; the next hook, command or poll reports them"
    return f"; reported at {settings.consolidation_threshold}, or in {duration(left)}"


def _files(shown: Status, now: Shown) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for path, file in shown["files"].items():
        if path in now.survey.missing:
            continue
        latest = now.view.state.latest.get(path)
        when, by = (moment(latest.timestamp), who(latest.agent_owner, latest.author)) if latest else ("", "")
        rows.append(
            (clean(path), clean(file["file_type"] or ""), _word(path, file["sync_status"], now.survey), when, by)
        )
    return rows


def _word(path: str, sync_status: int, around: Survey) -> str:
    if sync_status == answers.IN_ERROR:
        return "unreadable"
    if any((one["worktree"], one["file_path"]) == (around.worktree, path) for one in around.not_recorded):
        return "not recorded yet"
    return "in sync" if sync_status == answers.SYNCED else "pending"


def _notes(shown: Status) -> list[str]:
    lines = [f"paused: {clean(one['worktree'])}: a {one['operation']} since {one['since']}" for one in shown["paused"]]
    lines += [
        f"waiting: {count(one['observations'], 'observation')} in {clean(one['path'])}" for one in shown["waiting"]
    ]
    lines += not_recorded(shown["not_recorded"])
    for one in shown["owed"]:
        reason = one["reason"] or "the next git command there writes it"
        lines.append(f"report not yet written in worktree {clean(one['worktree'])}: {clean(reason)}")
    lines += [f"problem: {clean(one['about'])}: {clean(one['problem'])}" for one in shown["problems"]]
    return lines


@click.command()
@json_option
def pending(as_json: bool) -> int:
    """List the changes that no report covers yet, of the whole clone, oldest first.

    \b
    Examples:
      agentsync pending
      agentsync pending --json
    """
    if as_json:
        return direct.pending_json()
    session = Session()
    now = session.shown()
    shown = answers.pending(now.view.state, now.survey)
    if not shown["count"]:
        say("no pending changes")
    rows = [
        (
            moment(one["timestamp"]),
            one["event_type"],
            clean(one["file_path"]),
            who(one["agent_owner"], one["author"]),
            "waiting" if one["waiting"] else "",
        )
        for one in shown["changes"]
    ]
    show(Table(("TIME (UTC)", "CHANGE", "FILE", "BY", ""), rows, path=2, drops=(4, 0, 1, 3)))
    say(*not_recorded(shown["not_recorded"]))
    session.check_config()
    return OK


@click.command()
@json_option
def checksums(as_json: bool) -> int:
    """Show what each watched document of this worktree is known to hold (MD5, without the report region).

    \b
    Examples:
      agentsync checksums
      agentsync checksums --json
    """
    if as_json:
        return direct.checksums_json()
    session = Session()
    now = session.shown()
    shown = answers.checksums(now.view.state, now.survey)["checksums"]
    if not shown:
        say("no watched document is there")
    rows = [
        (
            one["checksum"] or "unknown",
            clean(path),
            moment(one["last_modified"] or ""),
            who(one["agent_owner"], one["author"]) if one["last_modified"] else "",
        )
        for path, one in shown.items()
    ]
    show(Table(("CHECKSUM", "FILE", "LAST CHANGE (UTC)", "BY"), rows, path=1, drops=(3, 2)))
    say(*not_recorded(now.survey.not_recorded))
    session.check_config()
    return OK
