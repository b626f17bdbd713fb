"""`demo`: see agentsync at work without touching a repository of yours."""

from __future__ import annotations

import click

from agentsync.base.errors import OK, AgentsyncError
from agentsync.cli.terminal import clean, say


@click.command()
@click.option("--keep", is_flag=True, help="Leave the scratch repository and say where it is.")
def demo(keep: bool) -> int:
    """Play a quarter of an hour of three agents in a scratch repository, with real git, hooks and reports.

    \b
    Example:
      agentsync demo
    """
    import subprocess

    from agentsync.setup.demo import demo as play

    try:
        for line in play(keep=keep):
            say(clean(line))
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise AgentsyncError("the demo could not go on", cause=f"{' '.join(error.cmd)}: {said}") from None
    return OK
