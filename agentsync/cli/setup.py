"""`setup`: agentsync's hooks in the settings of an agent."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from agentsync.base.errors import OK
from agentsync.cli.options import json_option
from agentsync.cli.session import Session
from agentsync.cli.terminal import clean, print_json, say

if TYPE_CHECKING:
    from agentsync.setup.changes import Change

AGENTS = ("claude", "codex", "cursor", "copilot", "gemini")
AGENTS_MD = "agents-md"


@click.command()
@click.argument("agent", type=click.Choice((*AGENTS, AGENTS_MD)))
@click.option("--user", is_flag=True, help="For all of your sessions, in every clone that has agentsync.")
@click.option("--remove", is_flag=True, help="Take the hook out; a file that nobody has changed is as it was.")
@click.option("--dry-run", is_flag=True, help="Only say what would be touched.")
@json_option
def setup(agent: str, user: bool, remove: bool, dry_run: bool, as_json: bool) -> int:
    """Let an agent tell of its edits: put a hook into its settings, so that each is recorded under its name.

    The hook runs after the agent's tool calls, says nothing to it and blocks nothing. Every other byte of the settings
    stays. A file that cannot be changed safely is left alone, and the lines to paste are shown.

    `agents-md` puts six lines about agentsync into AGENTS.md and CLAUDE.md instead; without either, AGENTS.md is made.

    \b
    Examples:
      agentsync setup claude             in .claude/settings.local.json of this worktree
      agentsync setup codex --user       in ~/.codex/hooks.json
      agentsync setup claude --remove
    """
    from agentsync.setup import agent_hooks, agents_md
    from agentsync.setup.interpreter import check_interpreter

    session = Session()
    here = session.clone.worktree()
    if agent == AGENTS_MD:
        if user:
            raise click.UsageError("agents-md has no --user")
        changes = (agents_md.plan_remove if remove else agents_md.plan_install)(here.root)
        return _finish(changes, agent, remove, dry_run, as_json)
    if user:
        place = agent_hooks.of_user(os.path.expanduser("~"), agent, os.environ)
    else:
        place = agent_hooks.in_clone(session.clone, here, agent)
    if not remove:
        check_interpreter(here.root, sys.executable)
    changes = agent_hooks.plan_remove(place) if remove else agent_hooks.plan_install(place, sys.executable)
    return _finish(changes, agent, remove, dry_run, as_json)


def _finish(changes: list[Change], agent: str, remove: bool, dry_run: bool, as_json: bool) -> int:
    from agentsync.setup.changes import carry_out

    if not dry_run:
        carry_out(changes)
    if as_json:
        steps = [{"action": one.action, "path": one.path, "note": one.note} for one in changes]
        print_json({"dry_run": dry_run, "steps": steps})
        return OK
    for one in changes:
        say(f"{'would ' if dry_run else ''}{one.action} {clean(one.path)}{f' ({one.note})' if one.note else ''}")
    if not changes:
        say("nothing to do")
    elif agent == "codex" and not remove:
        say("Codex runs a hook only after you have trusted it: open /hooks in a session")
    return OK
