"""`scan`, `consolidate`, `report`: look now, write the report now, print the reports."""

from __future__ import annotations

import os
import time

import click

from agentsync import status
from agentsync.base import git
from agentsync.base.errors import OK, AgentsyncError
from agentsync.cli.context import Session
from agentsync.cli.options import json_option
from agentsync.cli.output import clean, print_json, say
from agentsync.cli.patience import patience
from agentsync.cli.tables import Table, show
from agentsync.cli.words import count, moment, who
from agentsync.ledger.events import Change, flatten
from agentsync.observe.request import Request
from agentsync.report import paid
from agentsync.report.outcome import Kind, Outcome
from agentsync.report.publish import Published
from agentsync.sync import Synced, sync


@click.command()
@json_option
def scan(as_json: bool) -> int:
    """Look once, now: at the commits of all branches and the files of all worktrees of this clone.

    What an edit's author does not say himself, AGENTSYNC_AGENT=NAME may say for the files of this worktree.

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
        print_json({"count": len(found), "changes": [flatten(one) for one in found], **vars(status.outcome(done))})
        return OK
    _changes(found)
    _tell_consolidation(done)
    _tell_reports(session, done.reports)
    for name, scene in done.seen.scenes.items():
        if scene.paused:
            say(f"paused: {clean(name)}: a {scene.paused.name} is going on, so its files were not looked at")
        for path, why in scene.problems.items():
            say(f"problem: {clean(path)}: {clean(why)}")
    return OK


@click.command()
@click.option("--if-due", is_flag=True, help="Only if a rule fires: enough changes, or enough time.")
@click.option("--commit", is_flag=True, help="Then commit the report alone, as `agentsync publish` does.")
@json_option
def consolidate(if_due: bool, commit: bool, as_json: bool) -> int:
    """Look, cover all pending changes with a report, and write it into this worktree's AGENT_SYNC.md.

    Other worktrees get it with their next hook, command or poll. With nothing pending no report is added.

    \b
    Examples:
      agentsync consolidate
      agentsync consolidate --if-due         for a cron job
      agentsync consolidate --commit
      agentsync consolidate --json
    """
    session = Session()
    session.view()
    here = [session.here] if session.here else git.worktrees(session.clone)
    done = look(session, here, asked=not if_due)
    found = [event for event in done.seen.events if isinstance(event, Change)]
    published = _publish(session, done) if commit else None
    if as_json:
        told = {"published": vars(published)} if published else {}
        print_json({**vars(status.consolidated(done)), **told})
    else:
        if found:
            _changes(found)
        _tell_consolidation(done, nothing="no rule fires yet" if if_due else "nothing is pending")
    unpaid = {one.name for one in here if paid.is_owed(one, done.seen.view.state, session.settings)}
    owed = {name: one.why for name, one in done.reports.items() if name in unpaid and one.kind is Kind.OWED}
    if not as_json:
        _tell_reports(session, {name: one for name, one in done.reports.items() if one.kind is not Kind.OWED})
    if published and not as_json:
        tell_published(published)
    if owed:
        raise AgentsyncError(
            "the report is not yet written",
            cause="; ".join(f"{name}: {why}" for name, why in owed.items()),
            hint="nothing is lost: the next hook, command or poll after that is mended writes it",
        )
    return OK


@click.command()
@click.option("-n", "number", type=click.IntRange(min=0), help="The newest N; 0: all. [default: as the file keeps]")
@json_option
def report(number: int | None, as_json: bool) -> int:
    """Print the reports as Markdown, newest first, whatever the files hold.

    \b
    Examples:
      agentsync report -n 1
      agentsync report -n 0 > reports.md
      agentsync report --json
    """
    from agentsync.report.pages import newest
    from agentsync.report.render import render

    session = Session()
    settings = session.settings
    with patience("reading the ledger"):
        found = newest(session.view(), settings.report.keep if number is None else number)
    if as_json:
        print_json([{**vars(one), "facts": [vars(fact) for fact in one.facts]} for one in found])
    elif found:
        say(*(clean(line) for line in render(found, settings.report.language).rstrip("\n").split("\n")))
    else:
        say("no report yet")
    session.check_config()
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


def _publish(session: Session, done: Synced) -> Published:
    from agentsync.report.publish import publish

    return publish(session.clone, session.clone.worktree(), done.seen.view, session.settings)


def tell_published(published: Published) -> None:
    """Say which commit shows the newest report."""
    if published.commit:
        say(f"published on {clean(published.branch)}: {published.commit[:12]}")
    else:
        say(f"{clean(published.branch)} shows the newest report already")


def _changes(found: list[Change]) -> None:
    say(count(len(found), "new change") if found else "no new changes")
    rows = [
        (moment(one.timestamp), one.event_type, clean(one.file_path), who(one.agent_owner, one.author)) for one in found
    ]
    show(Table(("TIME (UTC)", "CHANGE", "FILE", "BY"), rows, folds=2))


def _tell_consolidation(done: Synced, nothing: str = "") -> None:
    made = done.seen.consolidation
    if made:
        say(f"{count(len(made.event_ids), 'change')} consolidated ({made.trigger_type})")
    elif nothing:
        say(nothing)


def _tell_reports(session: Session, reports: dict[str, Outcome]) -> None:
    path = clean(session.settings.report.path)
    for worktree, report in reports.items():
        if report.kind is Kind.WRITTEN:
            say(f"report written: {path} in {clean(worktree)}")
        elif report.kind is Kind.OWED:
            say(f"report not yet written: {path} in {clean(worktree)}: {clean(report.why)}")
