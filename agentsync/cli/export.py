"""`export`: what the dashboard shows now, as a file."""

from __future__ import annotations

import sys
import time

import click

from agentsync.base import files
from agentsync.base.errors import OK, AgentsyncError
from agentsync.base.text import clean
from agentsync.cli.session import Session
from agentsync.cli.terminal import patience, say
from agentsync.web.export import page, snapshot


@click.command()
@click.option("--html", "path", metavar="FILE", required=True, help="Where the page goes; - is stdout.")
def export(path: str) -> int:
    """Write the dashboard with its data as one HTML file, for those without a server.

    The file opens from a disk, an attachment or a CI artifact, and asks nothing of any server. It is a snapshot: it
    says when it was made and does not change. It has the paths and authors that `agentsync status` and `agentsync
    pending` show.

    \b
    Examples:
      agentsync export --html dashboard.html
      agentsync export --html - > dashboard.html
    """
    session = Session()
    now = session.shown()
    with patience("reading the ledger"):
        made = page(snapshot(now.view, now.survey, time.time()))
    if path == "-":
        sys.stdout.buffer.write(made)
    else:
        _write(path, made)
        say(f"page written: {clean(path)} ({len(made) >> 10} KiB)")
    session.check_config()
    return OK


def _write(path: str, made: bytes) -> None:
    try:
        files.replace_file(path, made, durable=True)
    except OSError as error:
        cause = error.strerror or ""
        raise AgentsyncError(
            f"cannot write {clean(path)}", cause=cause, hint="name a file in a folder of yours"
        ) from None
