"""`export`: what the dashboard shows now, as a file."""

from __future__ import annotations

import sys
import time

import click

from agentsync.base.errors import OK
from agentsync.base.text import clean
from agentsync.cli import named_file
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
        named_file.write(path, made, "dashboard.html")
        say(f"page written: {clean(path)} ({len(made) >> 10} KiB)")
    session.check_config()
    return OK
