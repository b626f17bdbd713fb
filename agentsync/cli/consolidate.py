"""`consolidate` and `publish`: a report now, in the file or as a commit."""

from __future__ import annotations

import click

from agentsync import status
from agentsync.base import git
from agentsync.base.errors import OK, AgentsyncError
from agentsync.cli.options import json_option
from agentsync.cli.scan import look, tell_changes, tell_consolidation, tell_reports
from agentsync.cli.session import Session
from agentsync.cli.terminal import clean, print_json, say
from agentsync.ledger.events import Change
from agentsync.report import paid
from agentsync.report import publish as publishing
from agentsync.report.outcome import Kind
from agentsync.report.publish import Published
from agentsync.sync import Synced


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
        print_json({**status.consolidated(done), **told})
    else:
        if found:
            tell_changes(found)
        tell_consolidation(done, nothing="no report is due yet" if if_due else "nothing new to report")
    unpaid = {one.name for one in here if paid.is_owed(one, done.seen.view.state, session.settings)}
    owed = {name: one.why for name, one in done.reports.items() if name in unpaid and one.kind is Kind.OWED}
    if not as_json:
        tell_reports(session, {name: one for name, one in done.reports.items() if one.kind is not Kind.OWED})
    if published and not as_json:
        _tell_published(published)
    if owed:
        raise AgentsyncError(
            "the report could not be written",
            cause="; ".join(f"{name}: {why}" for name, why in owed.items()),
            hint="nothing is lost: once that is resolved, the next git hook or command writes it",
        )
    return OK


@click.command()
@json_option
def publish(as_json: bool) -> int:
    """Commit the newest report, alone, so that those without this ledger see it.

    Reports are in AGENT_SYNC.md here, but git does not see them until somebody publishes. The commit holds nothing
    but the report, whatever is staged or edited; no commit hooks run. It is made on one branch only
    (report.branch; else the remote's default branch, main or master), so reports never conflict.

    \b
    Examples:
      agentsync publish
      agentsync consolidate --commit         a new report, published at once
    """
    session = Session()
    session.view()
    here = session.clone.worktree()
    done = look(session, [here], asked=False)
    published = _publish(session, done)
    if as_json:
        print_json(vars(published))
    else:
        _tell_published(published)
    return OK


def _publish(session: Session, done: Synced) -> Published:
    return publishing.publish(session.clone, session.clone.worktree(), done.seen.view, session.settings)


def _tell_published(published: Published) -> None:
    """Say which commit shows the newest report."""
    if published.commit:
        say(f"published on {clean(published.branch)}: {published.commit[:12]}")
    else:
        say(f"{clean(published.branch)} shows the newest report already")
