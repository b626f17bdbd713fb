"""`log`: what happened."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterable
from enum import Enum

import click

from agentsync.base.errors import OK
from agentsync.cli.from_git import subjects
from agentsync.cli.log_lines import FULL, ONELINE, Layout, laid_out
from agentsync.cli.options import agent_names, from_root, json_option, raw_option, since_when, watched_paths
from agentsync.cli.session import Session
from agentsync.cli.tables import Table, show
from agentsync.cli.terminal import clean, escape_json, page, print_json, say, say_styled, warn
from agentsync.cli.words import count, meant, moment, not_recorded, short, some, who
from agentsync.ledger import history
from agentsync.ledger.log import Follower, Ledger
from agentsync.observe.agent_signals import KNOWN_AGENTS
from agentsync.status import Shown
from agentsync.status import watched_paths as documents

PAGE = 500  # rows aligned with each other; a million are not kept in memory
PAUSE = 0.5  # seconds between two looks of --follow
EVENT_TYPES = ("created", "modified", "deleted")
HEADS = ("TIME (UTC)", "CHANGE", "FILE", "BY", "COMMIT", "ID")


class Style(Enum):
    """How records are printed: in a table, as JSON with what is known today, or as they stand in the ledger."""

    TABLE, JSON, RAW = range(3)


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...", shell_complete=watched_paths)
@click.option(
    "--agent", metavar="A", shell_complete=agent_names, help='By this agent only; "unknown": by nobody known.'
)
@click.option("--since", metavar="T", callback=since_when, help="Only since then: 2h, yesterday, 2025-10-10, RFC 3339.")
@click.option("--type", "type_", metavar="T", help="A file type (sync, docs, ...) or created, modified, deleted.")
@click.option("-n", "number", type=click.IntRange(min=0), default=20, help="The newest N; 0: all. [default: 20]")
@click.option("--follow", "-f", is_flag=True, help="Oldest first, and go on as changes come.")
@click.option("--patch", "-p", is_flag=True, help="With what came and went, line by line.")
@click.option("--stat", is_flag=True, help="With how many lines came and went.")
@click.option("--oneline", "head", flag_value=ONELINE, default=FULL, help="One line for each.")
@click.option("--format", "head", metavar="F", default=FULL, help="Lines of your own: %(field), %h, %s, %an, %aI, %n.")
@click.option("--all", "every_kind", is_flag=True, help="Every kind of record, not only changes.")
@json_option
@raw_option
def log(
    paths: tuple[str, ...],
    agent: str | None,
    since: float | None,
    type_: str | None,
    number: int,
    follow: bool,
    patch: bool,
    stat: bool,
    head: str,
    every_kind: bool,
    as_json: bool,
    raw: bool,
) -> int:
    """List the changes, newest first. PATH is a document or a folder.

    Changes that are seen but not yet in the ledger are shown as "waiting". With --json each line is one record; its
    agent_owner is the one known today, which a later commit may have told. With --raw it is the one recorded.

    \b
    Examples:
      agentsync log -n 5
      agentsync log docs --agent codex-local --since 3d
      agentsync log -p AGENTS.md
      agentsync log --format '%aI %(agent_owner) %(file_path) %s'
      agentsync log --follow
      agentsync log --all --json -n 0
    """
    layout, style = Layout(head, stat, patch), Style.RAW if raw else Style.JSON if as_json else Style.TABLE
    if style is not Style.TABLE and not layout.is_table:
        raise click.UsageError("--json and --raw print whole records: leave out -p, --stat, --oneline and --format")
    session = Session()
    now = session.shown()
    asked = history.Filter(from_root(session, paths), agent, since, type_, every_kind)
    found = filter(asked.takes, history.newest(now.view.ledger, now.survey.waiting, asked.since))
    entries = itertools.islice(found, number or None)
    printer = _Printer(session, style, layout, paged=not follow)
    shown = printer.show(reversed(list(entries)) if follow else entries)
    if not shown and not follow and style is Style.TABLE and layout.is_table:
        say("no changes" if paths or agent or since or type_ else "no changes yet")
    if not shown:
        for line in _never(asked, now):
            warn(line)
    for line in not_recorded(now.survey.not_recorded):
        warn(line)
    return _follow(now.view.ledger, asked, printer) if follow else OK


def _never(asked: history.Filter, now: Shown) -> Iterable[str]:
    """What in the question no change can match, and what may have been meant."""
    settings = now.survey.settings
    files = documents(now.view.state, now.survey)
    for path in asked.paths:
        if path and not any(one == path or one.startswith(f"{path}/") for one in (*files, *now.view.state.latest)):
            yield f"{clean(path)} is not watched{meant(path, files)}"
    state = now.view.state
    owners = {owner for one in (*state.changes.values(), *state.attributed.values()) for owner in one if owner}
    if asked.agent not in (None, "unknown", *owners, *KNOWN_AGENTS):
        yield f"no agent is called {clean(asked.agent or '')}{meant(asked.agent or '', (*owners, *KNOWN_AGENTS))}"
    types = {*EVENT_TYPES, *(watch.type for watch in settings.watch), *now.view.state.changes}
    if asked.type not in (None, *types):
        yield f"no document has the type {clean(asked.type or '')}{meant(asked.type or '', types)}"


class _Printer:
    """Prints entries in one style or layout, as often as there are more. `paged`: they are all that is asked for."""

    def __init__(self, session: Session, style: Style, layout: Layout, *, paged: bool) -> None:
        self.session = session
        self.style = style
        self.layout = layout
        self.paged = paged
        self.heads: tuple[str, ...] = HEADS  # of a table, once

    def show(self, entries: Iterable[history.Entry]) -> bool:
        """Whether there were any."""
        entries = iter(entries)
        first = next(entries, None)
        if first is None:
            return False
        every = itertools.chain((first,), entries)
        if self.style is not Style.TABLE:
            for entry in every:
                _print_record(entry, self.style)
        elif self.layout.is_table:
            while portion := list(itertools.islice(every, PAGE)):
                show(_table(self.heads, portion, self.session.clone.folder))
                self.heads = ("",) * len(HEADS)
        else:
            lines = laid_out(every, self.layout, self.session.clone, self.session.settings.report.path)
            (page if self.paged else say_styled)(lines)
        return True


def _print_record(entry: history.Entry, style: Style) -> None:
    if style is Style.RAW and entry.line is not None:
        say(escape_json(entry.line.decode()))
    else:
        print_json(entry.record)


def _table(heads: tuple[str, ...], entries: list[history.Entry], folder: str) -> Table:
    named = subjects([entry.commit for entry in entries if entry.commit], folder)
    rows = [_row(entry, named.get(entry.commit or "", "")) for entry in entries]
    return Table(heads, rows, path=2, text=4, drops=(4, 5, 0, 1, 3))


def _row(entry: history.Entry, commit: str) -> tuple[str, ...]:
    return (moment(entry.timestamp), *_words(entry), commit, "waiting" if entry.line is None else short(entry.id))


def _words(entry: history.Entry) -> tuple[str, str, str]:
    """The change, what it is about, and by whom."""
    by = who(entry.agent_owner, entry.author)
    if entry.kind == "change":
        return clean(entry.event_type or ""), clean(entry.file_path or ""), by
    if entry.kind == "attribution":
        return f"commit ({clean(entry.reason or '')})", clean(entry.file_path or ""), by
    if entry.kind == "baseline":
        return "baseline", count(len(entry.files), "file"), ""
    if entry.kind == "consolidation":
        return "consolidation", count(len(entry.event_ids), "change"), clean(entry.trigger_type or "")
    about = some(entry.record.get("paths") or (), 2) if entry.kind == "claim" else clean(entry.file_path or "")
    return clean(entry.kind), about, clean(entry.agent_owner or "")


def _follow(ledger: Ledger, asked: history.Filter, printer: _Printer) -> int:
    """Print what is appended, until somebody presses control-C or reads no more."""
    follower = Follower(ledger)
    while True:
        sys.stdout.flush()
        time.sleep(PAUSE)
        if follower.is_lost():
            follower = Follower(ledger, 0)
        entries = (history.entry_of(line) for _, line in follower.new())
        printer.show([entry for entry in entries if entry and asked.takes(entry)])
