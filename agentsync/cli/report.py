"""`report`: the reports on stdout."""

from __future__ import annotations

import click

from agentsync.base.errors import OK
from agentsync.cli.options import json_option
from agentsync.cli.session import Session
from agentsync.cli.terminal import clean, patience, print_json, say


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
    from agentsync.report.render import render, to_json

    session = Session()
    settings = session.settings
    with patience("reading the ledger"):
        found = newest(session.shown().view, settings.report.keep if number is None else number)
    if as_json:
        print_json([to_json(one) for one in found])
    elif found:
        say(*(clean(line) for line in render(found, settings.report.language).rstrip("\n").split("\n")))
    else:
        say("no report yet")
    session.check_config()
    return OK
