"""`status`, `pending`, `checksums`: what is, now."""

from __future__ import annotations

import click

from agentsync import status as answers
from agentsync.base.errors import OK
from agentsync.cli import direct, status_page
from agentsync.cli.options import json_option
from agentsync.cli.session import Session
from agentsync.cli.status_page import MOST_FILES
from agentsync.cli.tables import Table, show
from agentsync.cli.terminal import clean, say
from agentsync.cli.words import moment, not_recorded, who


@click.command()
@click.option("--all", "every", is_flag=True, help=f"Every document, also where there are more than {MOST_FILES}.")
@json_option
def status(every: bool, as_json: bool) -> int:
    """Show whether changes are recorded, who works here, what no report covers yet, and what is watched.

    Of a document it says whether its last edit is uncommitted, and whether a report covers it. Below stands what
    somebody may have to see to: git in the middle of a merge, a report that could not be written, ...

    \b
    Examples:
      agentsync status
      agentsync status --json
      agentsync -C ../other status
    """
    if as_json:
        return direct.status_json()
    return status_page.show_all() if every else status_page.show_some()


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
        say("every change is in a report")
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
        say("none of the watched documents exists yet")
    rows = [
        (
            one["checksum"] or "unknown",
            clean(path),
            moment(one["last_modified"] or ""),
            who(one["agent_owner"], one["author"]) if one["last_modified"] else "",
        )
        for path, one in shown.items()
    ]
    show(Table(("CHECKSUM", "FILE", "LAST CHANGE (UTC)", "BY"), rows, path=1, text=0, drops=(3, 2, 0)))
    say(*not_recorded(now.survey.not_recorded))
    session.check_config()
    return OK
