"""`agent`: who works in this worktree."""

from __future__ import annotations

import os

import click

from agentsync.base.errors import OK
from agentsync.cli.options import agent_names, json_option
from agentsync.cli.session import Session
from agentsync.cli.terminal import clean, print_json, say


@click.command()
@click.argument("name", required=False, shell_complete=agent_names)
@click.option("--unset", is_flag=True, help="Take the worktree's setting away.")
@json_option
def agent(name: str | None, unset: bool, as_json: bool) -> int:
    """Show or set who works in this worktree.

    A setting speaks for the edits and commits of this worktree alone, and stays until it is taken away. For one command
    the environment says it: AGENTSYNC_AGENT=NAME.

    \b
    Examples:
      agentsync agent                    who, and how that is known
      agentsync agent claude-code        say it for this worktree
      agentsync agent --unset
    """
    from agentsync.ledger.events import is_agent
    from agentsync.observe.witness import set_agent

    if name and unset:
        raise click.UsageError("give a name or --unset, not both")
    if name and not is_agent(name):
        raise click.UsageError(f"{clean(name)!r} is not an agent's name: small letters, digits, '.', '_' and '-'")
    worktree = Session().clone.worktree()
    if name or unset:
        set_agent(worktree, name)
    return _tell(worktree, as_json)


def _tell(worktree: object, as_json: bool) -> int:
    from agentsync.observe.agents import Clues, attribute
    from agentsync.observe.witness import agent_setting

    setting = agent_setting(worktree)  # type: ignore[arg-type]
    said = os.environ.get("AGENTSYNC_AGENT")
    found = attribute(Clues(said=said, setting=setting, environ=os.environ, tty=os.isatty(2)))
    if as_json:
        print_json(
            {
                "agent_owner": found.agent_owner,
                "setting": setting,
                "evidence": found.evidence,
                "confidence": found.confidence,
            }
        )
    elif found.agent_owner is None:
        say("unknown: nothing says who works here", "set it: agentsync agent NAME")
    else:
        why = ", ".join(dict.fromkeys(f"{one['kind']}: {one['signal']}" for one in found.evidence))
        say(f"{found.agent_owner} ({clean(why)})")
    return OK
