"""`metrics`: what Prometheus is told, without a server."""

from __future__ import annotations

import re
import time

import click

from agentsync.agents.overlaps import overlaps
from agentsync.base.errors import OK
from agentsync.base.text import clean
from agentsync.cli import named_file
from agentsync.cli.session import Session
from agentsync.cli.terminal import say, warn
from agentsync.web.metrics import LABELS, Reading, exposition

NAME = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")


def _labels(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not NAME.fullmatch(name):
            raise click.BadParameter(f"{clean(text)!r} is not NAME=VALUE with a name of letters, digits and '_'")
        if name in LABELS:
            raise click.BadParameter(f"the metrics already have a label {name}")
        found[name] = clean(value)
    return found


@click.command()
@click.option("--textfile", metavar="PATH", help="Write to a file, atomically, for the node exporter.")
@click.option(
    "--label",
    "labels",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_labels,
    help="Add a label to every sample: it tells several clones on one machine apart.",
)
def metrics(textfile: str | None, labels: dict[str, str]) -> int:
    """Print the metrics that `agentsync serve` offers at /api/metrics, in Prometheus' text format.

    The node exporter reads files that end in .prom from the folder of its option --collector.textfile.directory; write
    one every minute. Durations and failed callbacks are those of a service, so here they are 0.

    \b
    Examples:
      agentsync metrics
      agentsync metrics --label clone=notes
      agentsync metrics --textfile notes.prom        in a cron job
    """
    session = Session()
    now = session.shown()
    at = time.time()
    found = overlaps(session.clone, now.view, session.settings, at)
    text = exposition(Reading(now.view.state, now.view.cursor, now.survey, at, found), labels)
    if textfile is None:
        say(text.decode().removesuffix("\n"))
    else:
        if not textfile.endswith(".prom"):
            warn(f"{clean(textfile)}: the node exporter reads only files that end in .prom")
        named_file.write(textfile, text, "agentsync.prom")
    session.check_config()
    return OK
