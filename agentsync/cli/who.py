"""`who` and `active`: who changed what last, and who is at work."""

from __future__ import annotations

import time

import click

from agentsync.agents.active import LATELY, MOST, Actor
from agentsync.agents.active import active as at_work
from agentsync.base.errors import OK
from agentsync.base.times import to_rfc3339
from agentsync.cli import presence
from agentsync.cli.options import json_option, since_when, watched_paths
from agentsync.cli.session import Session
from agentsync.cli.tables import Table, show
from agentsync.cli.terminal import clean, print_json, say
from agentsync.cli.words import because, duration, some
from agentsync.cli.words import who as by

PATHS = 3  # of one row
HEADS = ("BY", "WHERE", "LAST", "CHANGES", "DOCUMENTS", "BECAUSE")


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", shell_complete=watched_paths)
@json_option
def who(paths: tuple[str, ...], as_json: bool) -> int:
    """Say who changed a file last and how that is known, and who else works on it now.

    Any file, watched or not: where the ledger has nothing, git's history and the files are asked. "nobody else" is
    said only where all worktrees and branches of this clone were looked at; what could not be is named.

    \b
    Examples:
      agentsync who ROADMAP.md
      agentsync who --json docs/passation.md README.md
    """
    return presence.as_json(paths) if as_json else presence.as_text(paths)


@click.command()
@click.option("--since", metavar="T", callback=since_when, help="Since then: 2h, yesterday, RFC 3339. [default: 2h]")
@json_option
def active(since: float | None, as_json: bool) -> int:
    """List who has changed watched documents lately, where, and how that is known.

    \b
    Examples:
      agentsync active
      agentsync active --since 1d
    """
    session = Session()
    now = session.shown()
    at = time.time()
    found = at_work(now.view, now.survey.waiting, at, LATELY if since is None else at - since)
    if as_json:
        print_json([{**one._asdict(), "last": to_rfc3339(one.last)} for one in found])
    elif found:
        show(Table(HEADS, [_row(one, at) for one in found], path=4, drops=(5, 3, 1, 2)))
        if sum(one.changes for one in found) >= MOST:
            say("", f"of the newest {MOST} records")
    else:
        say("nobody was seen at work")
    session.check_config()
    return OK


def _row(one: Actor, at: float) -> tuple[str, ...]:
    why = because(one.evidence[0]) if one.evidence else ""
    place = clean(one.worktree or "history") + (f" ({clean(one.branch)})" if one.branch else "")
    ago = f"{duration(at - one.last)} ago"
    return by(one.agent_owner, one.author), place, ago, str(one.changes), some(one.paths, PATHS), why
