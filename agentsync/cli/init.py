"""`init` and `uninstall`: what lies in a clone, put in and taken out."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

import click

from agentsync.base.errors import OK
from agentsync.base.settings import CONFIG_PATH
from agentsync.cli.options import json_option
from agentsync.cli.session import Session
from agentsync.cli.terminal import clean, print_json, say
from agentsync.setup import init as setup
from agentsync.setup.changes import Change

ACTIONS = {"write": "writes", "save": "saves", "restore": "restores", "remove": "removes", "keep": "keeps"}
REPORTS = {
    "agentsync": "reports: git does not see them; `agentsync publish` commits them",
    "with-work": "reports: committed by whoever commits next, with their own work",
}


@click.command()
@click.option("--language", type=click.Choice(["fr", "en"]), help="Of the reports; else as in AGENT_SYNC.md or locale.")
@click.option("--no-hooks", is_flag=True, help="Install no git hooks: `agentsync watch` or `scan` have to look.")
@click.option("--local", is_flag=True, help="Nothing that git would track: for you alone, in this clone.")
@click.option("--dry-run", is_flag=True, help="Only say what would be touched.")
@json_option
def init(language: str | None, no_hooks: bool, local: bool, dry_run: bool, as_json: bool) -> int:
    """Set agentsync up in this clone: configuration, hooks, and what the documents hold now.

    In a clone of a repository that has its configuration already, this adds what the clone lacks. A second time it
    changes nothing. An existing hook is kept and still runs.

    \b
    Examples:
      agentsync init
      agentsync init --dry-run
      agentsync init --local            in a repository that others need not know of it
    """
    session = Session()
    wish = setup.Wish(language, not no_hooks, local)
    plan = setup.plan_init(session.clone, wish, python=sys.executable, environ=os.environ)
    if not dry_run:
        setup.begin(session.clone, plan, now=time.time())
    if as_json:
        print_json(
            {
                "dry_run": dry_run,
                "steps": [_flat(change) for change in plan.changes],
                "commit": list(plan.commit),
                "language": plan.settings.report.language,
                "language_from": plan.language_from,
                "report_commit": plan.settings.report.commit,
                "watching_began": plan.begins,
            }
        )
        return OK
    _tell(plan.changes, dry_run, _root(session))
    if not plan.changes:
        say("everything is there already; nothing was changed")
    say(f"language of reports: {plan.settings.report.language}, from {clean(plan.language_from)}")
    say(REPORTS[plan.settings.report.commit])
    if plan.commit:
        say(f"to commit: git add {' '.join(map(clean, plan.commit))}")
    if plan.local:
        say(f"local: git sees nothing of this; {CONFIG_PATH} is yours alone")
    return OK


@click.command()
@click.option("--purge", is_flag=True, help="The ledger too: everything that was recorded is lost.")
@click.option("--dry-run", is_flag=True, help="Only say what would be touched.")
@json_option
def uninstall(purge: bool, dry_run: bool, as_json: bool) -> int:
    """Take out of this clone what `agentsync init` put in; the ledger stays.

    A hook that was there before comes back as it was. What git tracks is left for you to remove.

    \b
    Examples:
      agentsync uninstall --dry-run
      agentsync uninstall --purge
    """
    session = Session()
    work = setup.plan_uninstall if dry_run else setup.uninstall
    changes = work(session.clone, purge=purge)
    if as_json:
        print_json({"dry_run": dry_run, "steps": [_flat(change) for change in changes]})
        return OK
    _tell(changes, dry_run, _root(session))
    if not changes:
        say("nothing of agentsync is here")
    return OK


def _root(session: Session) -> str:
    return session.here.root if session.here else session.clone.common_dir


def _flat(change: Change) -> dict[str, str]:
    return {"action": change.action, "path": change.path, "note": change.note}


def _tell(changes: Sequence[Change], dry_run: bool, root: str) -> None:
    for change in changes:
        path = clean(os.path.relpath(change.path, root) if change.path.startswith(f"{root}/") else change.path)
        note = f" ({clean(change.note)})" if change.note and change.action != "advise" else ""
        if change.action == "advise":
            say(f"{path} is somebody else's hook:", *(f"  {clean(line)}" for line in change.note.split("\n")))
        else:
            say(f"{'would: ' if dry_run else ''}{ACTIONS[change.action]} {path}{note}")
