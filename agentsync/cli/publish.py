"""`publish`: the newest report as a commit."""

from __future__ import annotations

import click

from agentsync.base.errors import OK
from agentsync.cli.act import look, tell_published
from agentsync.cli.context import Session
from agentsync.cli.options import json_option
from agentsync.cli.output import print_json


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
    from agentsync.report.publish import publish as publish_report

    session = Session()
    session.view()
    here = session.clone.worktree()
    done = look(session, [here], asked=False)
    published = publish_report(session.clone, here, done.seen.view, session.settings)
    if as_json:
        print_json(vars(published))
    else:
        tell_published(published)
    return OK
