"""`scan`: look now, and tell what came of it."""

from __future__ import annotations

import os
import time

import click

from agentsync import status
from agentsync.base import git
from agentsync.base.errors import OK
from agentsync.cli.options import json_option
from agentsync.cli.session import Session
from agentsync.cli.tables import Table, show
from agentsync.cli.terminal import clean, patience, print_json, say
from agentsync.cli.words import count, moment, who
from agentsync.ledger.events import Change, flatten
from agentsync.observe.request import Request
from agentsync.report.outcome import Kind, Outcome
from agentsync.sync import Synced, sync


@click.command()
@json_option
def scan(as_json: bool) -> int:
    """Look once, now: at the commits of all branches and the files of all worktrees of this clone.

    AGENTSYNC_AGENT=NAME says who made the edits in this worktree.

    \b
    Examples:
      agentsync scan
      AGENTSYNC_AGENT=aider agentsync scan
    """
    session = Session()
    session.view()
    done = look(session, git.worktrees(session.clone), asked=False)
    found = [event for event in done.seen.events if isinstance(event, Change)]
    if as_json:
        print_json({"count": len(found), "changes": [flatten(one) for one in found], **status.outcome(done)})
        return OK
    tell_changes(found)
    tell_consolidation(done)
    tell_reports(session, done.reports)
    for name, scene in done.seen.scenes.items():
        if scene.paused:
            say(f"paused: {clean(name)}: a {scene.paused.name} is in progress, so its files were not looked at")
        for path, why in scene.problems.items():
            say(f"problem: {clean(path)}: {clean(why)}")
    return OK


def look(session: Session, worktrees: list[git.Worktree], *, asked: bool) -> Synced:
    """Look and pay, by what a command was told."""
    request = Request(
        clone=session.clone,
        settings=session.valid_settings(),
        source="scan",
        worktrees=worktrees,
        now=time.time(),
        said=os.environ.get("AGENTSYNC_AGENT"),
        asked=asked,
    )
    with patience("looking"):
        return sync(request)


def tell_changes(found: list[Change]) -> None:
    """How many there are, and a table."""
    say(count(len(found), "new change") if found else "no new changes")
    rows = [
        (moment(one.timestamp), one.event_type, clean(one.file_path), who(one.agent_owner, one.author)) for one in found
    ]
    show(Table(("TIME (UTC)", "CHANGE", "FILE", "BY"), rows, path=2, drops=(0, 1, 3)))


def tell_consolidation(done: Synced, nothing: str = "") -> None:
    """What was consolidated; where nothing was, `nothing` says so."""
    made = done.seen.consolidation
    if made:
        say(f"{count(len(made.event_ids), 'change')} consolidated ({made.trigger_type})")
    elif nothing:
        say(nothing)


def tell_reports(session: Session, reports: dict[str, Outcome]) -> None:
    """What became of the reports, by worktree."""
    path = clean(session.settings.report.path)
    for worktree, report in reports.items():
        if report.kind is Kind.WRITTEN:
            say(f"report written: {path} in {clean(worktree)}")
        elif report.kind is Kind.OWED:
            say(f"report not yet written: {path} in {clean(worktree)}: {clean(report.why)}")
