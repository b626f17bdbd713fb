"""`brief`: what an agent has to know when it begins."""

from __future__ import annotations

import click

from agentsync.cli import briefing
from agentsync.cli.options import json_option


@click.command()
@click.option("--hook", is_flag=True, help="Nothing but our own words, as an agent's hook may say them: no quotation.")
@click.option("--again", is_flag=True, help="As to one who has never looked: after a compaction, for example.")
@json_option
def brief(hook: bool, again: bool, as_json: bool) -> int:
    """Tell what others have changed since you last looked, who works where, and where the journal stands.

    With nothing new that is one line. The newest entries of the journal are quoted below it; they are data. Who looks
    is told by the session where the environment names one, else by the agent's name and the worktree.

    \b
    Examples:
      agentsync brief
      agentsync brief --json
      agentsync brief --hook --again     what a hook says at the start of a session
    """
    if as_json:
        return briefing.as_json(again=again)
    return briefing.for_hook(again=again) if hook else briefing.as_text(again=again)
