"""`import`: the history of the watched documents before watching began; `init` does the same for the last 90 days."""

from __future__ import annotations

import time

import click

from agentsync.base import git
from agentsync.base.errors import OK
from agentsync.cli.options import json_option, since_when
from agentsync.cli.session import Session
from agentsync.cli.terminal import patience, print_json, say
from agentsync.cli.words import count
from agentsync.observe.past import COMMITS, DAYS, Taken, take_in
from agentsync.observe.request import Request

DAY = 86_400  # seconds


@click.command("import")
@click.option("--since", metavar="T", callback=since_when, help="Commits since then. [default: 90 days ago]")
@click.option("--limit", type=click.IntRange(min=1), default=COMMITS, help=f"The newest N. [default: {COMMITS}]")
@json_option
def import_history(since: float | None, limit: int, as_json: bool) -> int:
    """Take in what commits from before watching began did to the documents.

    They are changes that no report is owed of: `log`, `who` and the page show them. What is in the ledger already is
    left as it is, so this may be asked for again, with more of the past. `agentsync init` takes in the last 90 days.

    \b
    Examples:
      agentsync import --since 1y
      agentsync import --since 2025-01-01 --limit 10000
    """
    session = Session()
    session.check_set_up()
    session.check_config()
    found = taken(session, since, limit)
    if as_json:
        print_json(found._asdict())
    else:
        say(f"taken in: {told(found, since)}")
    return OK


def taken(session: Session, since: float | None, limit: int = COMMITS) -> Taken:
    """Take in the commits since then (None: the last 90 days). Raises AgentsyncError, GitError."""
    now, shares = time.time(), [0.0]
    request = Request(session.clone, session.settings, "import", git.worktrees(session.clone), now)
    with patience("taking in the history", lambda: shares[-1]):
        return take_in(request, now - DAYS * DAY if since is None else since, limit, shares.append)


def told(found: Taken, since: float | None) -> str:
    """`214 changes of the last 90 days: 120 by 3 agents, the others by 2 authors with no agent known`."""
    span = f"of the last {DAYS} days" if since is None else f"since {time.strftime('%Y-%m-%d', time.gmtime(since))}"
    by_agents = sum(found.agents.values())
    agents = count(len(found.agents), "agent")
    authors = count(found.authors, "author") if found.authors else "authors that are not recorded"
    if not by_agents:
        by = f", by {authors}" if found.changes else ""
    elif by_agents == found.changes:
        by = f", by {agents}"
    else:
        by = f": {by_agents} by {agents}, the others by {authors} with no agent known"
    more = "; `agentsync import --limit N` takes in more" if found.limited else ""
    return f"{count(found.changes, 'change')} {span}{by}{more}"
