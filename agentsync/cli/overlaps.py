"""`overlaps`: where two lines of work change the same document."""

from __future__ import annotations

import os
import time

import click

from agentsync.agents import overlaps as found
from agentsync.agents.caller import caller
from agentsync.agents.overlaps import Overlap, Side
from agentsync.agents.said import say as append
from agentsync.base.errors import OK
from agentsync.cli.options import from_root, json_option
from agentsync.cli.session import Session
from agentsync.cli.tables import Table, show
from agentsync.cli.terminal import clean, print_json, say
from agentsync.status import Shown


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--all-files", is_flag=True, help="All files, watched or not, by what is committed.")
@click.option("--dismiss", "dismissed", metavar="ID", multiple=True, help="Say that this one needs nobody's care.")
@json_option
def overlaps(paths: tuple[str, ...], all_files: bool, dismissed: tuple[str, ...], as_json: bool) -> int:
    """List the documents of which two lines of work have edits each that the other has not.

    A line of work is a worktree with its uncommitted edits, or a branch of the last 30 days. Nobody has to declare
    anything. "conflict" says that git could not merge the two as they are now. An overlap ends when one side has the
    edits of the other, when a line of work ends, or when somebody dismisses it; a further edit makes it a new one.

    PATH is any file, watched or not. Of one that is not watched only what is committed counts, each commit as an edit.

    \b
    Examples:
      agentsync overlaps
      agentsync overlaps --json
      agentsync overlaps --all-files
    """
    session = Session()
    now = session.shown()
    if dismissed:
        return _dismiss(session, now, dismissed)
    about, at = (session.clone, now.view, session.settings), time.time()
    if paths or all_files:
        every = found.in_files(*about, from_root(session, paths) if paths else None, at)
    else:
        every = found.overlaps(*about, at)
    if as_json:
        print_json(found.to_json(every))
    elif every:
        show(Table(("FILE", "LEVEL", "ONE", "OTHER", "ID"), [_row(one) for one in every], path=0, drops=(4, 1, 3, 2)))
    else:
        say("no two lines of work change the same document")
    session.check_config()
    return OK


def _row(one: Overlap) -> tuple[str, ...]:
    return clean(one.file_path), one.level, *map(place, one.sides), one.id[:8]


def place(side: Side) -> str:
    """Who, and in which line of work."""
    where = f"worktree {side.worktree}" if side.worktree else f"branch {side.branch}"
    return f"{', '.join(map(clean, side.owners))} ({clean(where)}{', uncommitted' if side.uncommitted else ''})"


def _dismiss(session: Session, now: Shown, parts: tuple[str, ...]) -> int:
    at = time.time()
    every = found.overlaps(session.clone, now.view, session.settings, at)
    chosen = [found.found_by(every, part) for part in parts]
    by = caller(session.here, os.environ)
    kept = append(session.clone, session.settings, now.view, [found.dismissal(by, one, at) for one in chosen], at)
    for one in chosen:
        say(f"dismissed: {clean(one.file_path)} ({one.id[:8]}){f'; kept in {clean(kept)}' if kept else ''}")
    return OK
