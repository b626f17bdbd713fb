"""`init` and `uninstall`: what lies in a clone, put in and taken out."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterator, Sequence

import click

from agentsync.base.errors import FINDINGS, OK, AgentsyncError
from agentsync.base.globs import is_glob
from agentsync.base.settings import CONFIG_PATH
from agentsync.cli.options import json_option, since_when
from agentsync.cli.past import taken, told
from agentsync.cli.session import Session
from agentsync.cli.tables import Table, show
from agentsync.cli.terminal import clean, print_json, say
from agentsync.cli.words import count, some
from agentsync.ledger.log import Ledger
from agentsync.ledger.view import View
from agentsync.setup import documents, hooks, manager_lines
from agentsync.setup import init as setup
from agentsync.setup.changes import Change, Edit
from agentsync.status import names

ACTIONS = {
    "write": "writes",
    "add": "adds lines to",
    "save": "saves",
    "restore": "restores",
    "remove": "removes",
    "keep": "keeps",
    "advise": "leaves to you",
}
REPORTS = {
    "agentsync": "git does not see them; `agentsync publish` commits them",
    "with-work": "committed by whoever commits next, with their own work",
}
LANGUAGES = {"en": "English", "fr": "French"}
NAMED, NAMED_LATER = 6, 3  # documents that are named; of more, how many they are


@click.command()
@click.option("--language", type=click.Choice(["fr", "en"]), help="Of the reports; else as in AGENT_SYNC.md or locale.")
@click.option("--no-hooks", is_flag=True, help="Install no git hooks: `agentsync watch` or `scan` have to look.")
@click.option("--husky", "manager", flag_value="husky", help="Add the lines that call agentsync to .husky/.")
@click.option("--lefthook", "manager", flag_value="lefthook", help="Add them to lefthook.yml.")
@click.option("--local", is_flag=True, help="Nothing that git would track: for you alone, in this clone.")
@click.option("--since", metavar="T", callback=since_when, help="History from then on. [default: 90 days ago]")
@click.option("--no-history", is_flag=True, help="Take in nothing from before now; `agentsync import` does it later.")
@click.option("--dry-run", is_flag=True, help="Only say what would be touched.")
@click.option("--verbose", "-v", is_flag=True, help="Name each file that is touched.")
@json_option
def init(
    language: str | None,
    no_hooks: bool,
    manager: str | None,
    local: bool,
    since: float | None,
    no_history: bool,
    dry_run: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    """Set agentsync up in this clone: configuration, hooks, and what the documents hold now and were before.

    What git tracks of the documents that agents and people share (AGENTS.md, CLAUDE.md, docs/adr, ...) is written into
    the configuration, and watched.

    In a clone of a repository that has its configuration already, this adds what the clone lacks. A second time it
    changes nothing. An existing hook is kept and still runs.

    \b
    Examples:
      agentsync init
      agentsync init --dry-run
      agentsync init --local            in a repository that others need not know of it
      agentsync init --husky            where husky holds git's hooks
    """
    if manager and (no_hooks or local):
        raise click.UsageError(f"--{manager} does not go with {'--no-hooks' if no_hooks else '--local'}")
    session = Session()
    wish = setup.Wish(language, not no_hooks, local, manager or "")
    plan = setup.plan_init(session.clone, wish, python=sys.executable, environ=os.environ)
    if not dry_run:
        setup.begin(session.clone, plan, now=time.time())
    history = "" if dry_run else _history(session, since, wanted=not no_history)
    unreached = [] if dry_run else _unreached(session, plan, manager or "")
    if as_json:
        print_json({**_as_json(plan, dry_run), "history": history or None})
        return FINDINGS if unreached else OK
    if verbose or dry_run:
        _tell(plan.changes, dry_run, _root(session))
        say("")
    if not plan.changes:
        say("everything is set up already; nothing was changed", "")
    show(Table(("", ""), [*_watching(session, plan), *_installed(session, plan), *_taken_in(history)], folds=1))
    if plan.commit:  # below the table: a terminal that folds it would break what is to be pasted
        say("", "to commit:", f"  git add {' '.join(_typed(session, path) for path in plan.commit)}")
    say(*unreached)
    return FINDINGS if unreached else OK


def _history(session: Session, since: float | None, *, wanted: bool) -> str:
    """Take the history in, also where an `init` was killed before it had; what came of it. It can be had later, too."""
    said = ""
    try:
        if wanted and setup.history_is_due(session.clone):
            said = told(taken(session, since), since)
    except AgentsyncError as error:
        return f"not taken in: {clean(error.message)}; try `agentsync import`"
    setup.history_is_done(session.clone)
    return said


def _taken_in(history: str) -> list[tuple[str, str]]:
    return [("taken in", history)] if history else []


def _as_json(plan: setup.Plan, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "steps": [_flat(change) for change in plan.changes],
        "commit": list(plan.commit),
        "language": plan.settings.report.language,
        "language_from": plan.language_from,
        "report_commit": plan.settings.report.commit,
        "watching_began": plan.begins,
    }


def _watching(session: Session, plan: setup.Plan) -> Iterator[tuple[str, str]]:
    """Which documents, in three lines."""
    state = View(Ledger(session.clone.store)).catch_up().state
    known = state.known.get(session.here.name if session.here else "", {})
    there = {path for path, one in known.items() if one.blob is not None}
    by_line = [(watch.path, documents.matched(watch, there)) for watch in plan.settings.watch]
    now = [f"{path} ({len(found)})" if is_glob(path) else path for path, found in by_line if found]
    later = [path for path in names(plan.settings) if path not in (*there, plan.settings.report.path)]
    yield "watching", f"{count(len(there), 'document')}: {some(now, NAMED)}" if there else "nothing that exists yet"
    if later:
        yield "", f"once they are there: {some(later, NAMED_LATER)}"
    yield "", f"`agentsync documents` shows and changes the list; it is in {_typed(session, CONFIG_PATH)}"


def _installed(session: Session, plan: setup.Plan) -> Iterator[tuple[str, str]]:
    """What will see changes, where it is kept, and what comes of it."""
    here, settings = session.here, plan.settings
    working = [hook.name for hook in hooks.inspect(session.clone, here) if hook.works] if here else []
    yield (
        "recording",
        f"by git's hooks {', '.join(working)}" if working else "by no hook; by `agentsync watch` and by commands",
    )
    yield "", f"into the ledger, {clean(os.path.relpath(session.clone.store))}/ledger.jsonl"
    when = f"after {settings.consolidation_threshold} changes or {settings.consolidation_interval_minutes} minutes"
    yield "reports", f"in {clean(settings.report.path)}, {when}; {REPORTS[settings.report.commit]}"
    yield "", f"in {LANGUAGES[settings.report.language]}, from {clean(plan.language_from)}"
    if plan.local:
        yield "local", f"git sees nothing of this; {CONFIG_PATH} is yours alone"


def _typed(session: Session, path: str) -> str:
    """A path of the repository as it is typed in the current folder."""
    return shlex.quote(clean(os.path.relpath(os.path.join(_root(session), path))))


def _unreached(session: Session, plan: setup.Plan, asked: str) -> list[str]:
    """Why git does not reach agentsync by each hook, and what only a person can do about it. `asked`: a manager."""
    said = []
    for change in plan.changes:
        if change.action == "advise" and not isinstance(change, manager_lines.Advise):
            said += ["", f"NOT RECORDING by {os.path.basename(change.path)}: {clean(change.note)}"]
    advised = [change for change in plan.changes if isinstance(change, manager_lines.Advise)]
    if advised:
        said += _lines_to_add(session, advised, asked)
    called = session.here and any(hook.state == "called" for hook in hooks.inspect(session.clone, session.here))
    if called and not advised and not shutil.which("agentsync"):
        said += ["", "NOT RECORDING: the hooks call agentsync, which is not on the PATH; `pipx install` puts it there"]
    return said


def _lines_to_add(session: Session, advised: list[manager_lines.Advise], asked: str) -> list[str]:
    """Each of them below the file that it belongs to; as they are, so that they can be pasted."""
    name, insertion = advised[0].manager.name, advised[0].manager.insertion
    held = "git's hooks" if len(advised) > 1 else os.path.basename(advised[0].path)
    said = ["", f"NOT RECORDING: {name} holds {held}, and does not call agentsync yet."]
    if insertion and name != asked:
        said.append(f"`agentsync init --{name}` adds these lines; or add them yourself:")
    else:
        said.append("Only a person can do it here; add these lines:" if asked else "Add these lines:")
    for file, lines in dict.fromkeys((one.file, one.lines) for one in advised):
        said += ["", f"{_typed(session, file)}:", *(f"  {clean(line)}" for line in lines.split("\n"))]
    return said


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
        action = "edits" if isinstance(change, Edit) else ACTIONS[change.action]
        say(f"{'would: ' if dry_run else ''}{action} {path}{note}")
