"""`init` and `uninstall`: what lies in a clone, put in and taken out."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence

import click

from agentsync.base.errors import FINDINGS, OK
from agentsync.base.settings import CONFIG_PATH
from agentsync.cli.options import json_option
from agentsync.cli.session import Session
from agentsync.cli.tables import Table, plain
from agentsync.cli.terminal import clean, print_json, say
from agentsync.cli.words import count
from agentsync.ledger.log import Ledger
from agentsync.ledger.view import View
from agentsync.setup import hooks
from agentsync.setup import init as setup
from agentsync.setup.changes import Change
from agentsync.status import names

ACTIONS = {"write": "writes", "save": "saves", "restore": "restores", "remove": "removes", "keep": "keeps"}
REPORTS = {
    "agentsync": "git does not see them; `agentsync publish` commits them",
    "with-work": "committed by whoever commits next, with their own work",
}
NAMED = 6  # documents that are named; of more, how many they are


@click.command()
@click.option("--language", type=click.Choice(["fr", "en"]), help="Of the reports; else as in AGENT_SYNC.md or locale.")
@click.option("--no-hooks", is_flag=True, help="Install no git hooks: `agentsync watch` or `scan` have to look.")
@click.option("--local", is_flag=True, help="Nothing that git would track: for you alone, in this clone.")
@click.option("--dry-run", is_flag=True, help="Only say what would be touched.")
@click.option("--verbose", "-v", is_flag=True, help="Name each file that is touched.")
@json_option
def init(language: str | None, no_hooks: bool, local: bool, dry_run: bool, verbose: bool, as_json: bool) -> int:
    """Set agentsync up in this clone: configuration, hooks, and what the documents hold now.

    What git tracks of the documents that agents and people share (AGENTS.md, CLAUDE.md, docs/adr, ...) is written into
    the configuration, and watched.

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
        return FINDINGS if _by_hand(plan) else OK
    if verbose or dry_run:
        _tell([change for change in plan.changes if change.action != "advise"], dry_run, _root(session))
        say("")
    if not plan.changes:
        say("everything is there already; nothing was changed", "")
    say(*plain(Table(("", ""), [*_watching(session, plan), *_installed(session, plan)])))
    if not (advised := _by_hand(plan)):
        return OK
    say("", "NOT RECORDING BY HOOKS: somebody else holds them; add what stands here")
    _tell(advised, False, _root(session))
    return FINDINGS


def _watching(session: Session, plan: setup.Plan) -> Iterator[tuple[str, str]]:
    """Which documents, in three lines."""
    state = View(Ledger(session.clone.store)).catch_up().state
    known = state.known.get(session.here.name if session.here else "", {})
    there = sorted(path for path, one in known.items() if one.blob is not None)
    later = [path for path in names(plan.settings) if path not in (*there, plan.settings.report.path)]
    yield "watching", f"{count(len(there), 'document')}{': ' if there else ''}{_some(there)}"
    if later:
        yield "", f"once they are there: {_some(later)}"
    yield "", f"the list is in {CONFIG_PATH}"


def _installed(session: Session, plan: setup.Plan) -> Iterator[tuple[str, str]]:
    """What will see changes, where it is kept, what comes of it; and what is left to do."""
    here, settings = session.here, plan.settings
    working = [hook.name for hook in hooks.inspect(session.clone, here) if hook.works] if here else []
    yield (
        "recording",
        f"git's hooks {', '.join(working)}" if working else "no git hooks; `agentsync watch` and commands",
    )
    yield "", f"the ledger: {clean(os.path.relpath(session.clone.store))}/ledger.jsonl"
    when = f"after {settings.consolidation_threshold} changes or {settings.consolidation_interval_minutes} minutes"
    yield "reports", f"in {clean(settings.report.path)}, {when}; {REPORTS[settings.report.commit]}"
    yield "", f"language: {settings.report.language}, from {clean(plan.language_from)}"
    if plan.local:
        yield "local", f"git sees nothing of this; {CONFIG_PATH} is yours alone"
    if plan.commit:
        paths = (os.path.relpath(f"{_root(session)}/{path}") for path in plan.commit)
        yield "to commit", f"git add {' '.join(shlex.quote(clean(path)) for path in paths)}"


def _some(paths: list[str]) -> str:
    """The first of them by name, and how many more there are."""
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return f"{', '.join(map(clean, paths[:NAMED]))}{more}"


def _by_hand(plan: setup.Plan) -> list[Change]:
    """What only a person can do, since somebody else holds the hooks."""
    return [change for change in plan.changes if change.action == "advise"]


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
