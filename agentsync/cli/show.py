"""`show`: one record with all that is known of it."""

from __future__ import annotations

from collections.abc import Iterable

import click

from agentsync.base.errors import OK
from agentsync.cli.from_git import patch, subjects
from agentsync.cli.options import json_option, raw_option
from agentsync.cli.session import Session
from agentsync.cli.tables import Table, plain
from agentsync.cli.terminal import clean, escape_json, page, patience, print_json, say
from agentsync.cli.words import because, count, lines, moment, short, who
from agentsync.ledger import history
from agentsync.ledger.events import Attribution, Baseline, Change, Consolidation, Event, Overlaps, flatten, is_past
from agentsync.ledger.view import View
from agentsync.observe.diffs import Diff, of_change
from agentsync.status import record

Rows = list[tuple[str, str]]
ABBREVIATED = 10  # digits of a blob's name
GONE = "which git no longer has"
SOURCES = {
    "hook": "a hook",
    "poller": "the poller",
    "scan": "a command",
    "history": "the history",
    "import": "`import`, out of the history before watching began",
}


@click.command("show")
@click.argument("id_", metavar="ID")
@click.option("--stat", is_flag=True, help="How many lines came and went, without the lines.")
@json_option
@raw_option
def show_record(id_: str, stat: bool, as_json: bool, raw: bool) -> int:
    """Show one record: who made a change and how that is known, its commit, and what it did to the document.

    ID is the beginning or the end of a record's id, enough of it to be unique; `agentsync log` shows the ends. The
    owner is the one known today, whom a later commit may have named; --raw prints the record as it is in the ledger.

    \b
    Examples:
      agentsync show 4f2a91c3
      agentsync show 4f2a91c3 --stat
      agentsync log -n 1 --json | jq -r .id | xargs agentsync show --json
    """
    session = Session()
    with patience("reading the ledger"):
        now = session.shown()
        view = now.view
        event, line = history.find(view.ledger, now.survey.waiting, id_)
        commits = history.commits_of(view, event.id) if isinstance(event, Change) else []
        covered = history.covering(view, event.id) if isinstance(event, Change) else None
    owner = history.owner_today(event, commits)
    waiting = line is None
    if raw and line is not None:
        say(escape_json(line.decode()))
    elif as_json or raw:
        print_json(record(event, owner=owner, waiting=waiting, commits=commits, covered_by=covered))
    elif isinstance(event, Change):
        folder = session.clone.folder
        reported = _reported(event, covered, waiting)
        found = of_change(event, session.clone, session.settings.report.path)
        page(_change(event, owner, [*_commits(event, commits, folder), *reported], found, stat=stat))
    else:
        page([*_aligned(_facts(event)), *_changes(event, view)])
    return OK


def _change(event: Change, owner: str | None, told: Rows, found: Diff, *, stat: bool) -> Iterable[str]:
    """First what somebody wants to know, then the lines, then what only programs compare."""
    branch = f" on branch {clean(event.branch)}" if event.branch else ""
    where = f", in worktree {clean(event.worktree)}{branch}" if event.worktree else ""
    rows = [
        ("change", f"{clean(event.event_type)} {clean(event.file_path)} ({clean(event.file_type)})"),
        ("by", who(owner, event.author)),
        *(("because", because(one)) for one in event.evidence),
        *(("also", clean(name)) for name in event.also),
        ("when", f"{clean(event.timestamp)}{where}"),
        *told,
        ("size", _size(event, found)),
    ]
    yield from _aligned(rows)
    if found.lines and not stat:
        yield ""
        yield from patch(found)
    yield ""
    yield from _aligned(
        [
            ("id", event.id),
            ("recorded", f"{clean(event.recorded)} by {SOURCES.get(event.source, clean(event.source))}"),
            ("confidence", f"{event.confidence:g}"),
            ("MD5", f"{event.old_checksum or 'none'} -> {event.new_checksum or 'none'}"),
            ("blob", " -> ".join((one or "none")[:ABBREVIATED] for one in (event.old_blob, event.new_blob))),
        ]
    )


def _size(event: Change, found: Diff) -> str:
    """`+12 -3`, as it was recorded or as the lines are; and why there are none, if so."""
    known = lines(event.lines_added, event.lines_removed) or ("" if found.why else lines(found.added, found.removed))
    return f"{known} ({found.why})" if known and found.why else known or found.why


def _commits(event: Change, carried: list[Attribution], folder: str) -> Rows:
    """The commit that made it, or that it was committed with, and those that carry it elsewhere."""
    named = subjects([*filter(None, [event.commit]), *(one.commit for one in carried)], folder)
    rows = [("commit", named.get(event.commit) or f"{clean(event.commit)}, {GONE}")] if event.commit else []
    for one in carried:
        by = f", committed by {clean(one.committed_by)}" if one.committed_by else ""
        rows.append(("commit", f"{named.get(one.commit) or f'{clean(one.commit)}, {GONE}'} ({clean(one.reason)})"))
        rows.append(("", f"{clean(one.timestamp)} by {who(one.agent_owner, one.author)}{by}"))
    return rows or [("commit", "not committed yet")]


def _reported(event: Change, covered: Consolidation | None, waiting: bool) -> Rows:
    if is_past(event):
        return [("reported", "never: it is from before watching began")]
    if waiting:
        return [("reported", "not yet; it waits to be written into the ledger")]
    if covered is None:
        return [("reported", "not yet")]
    changes = count(len(covered.event_ids), "change")
    return [("reported", f"{clean(covered.timestamp)} ({clean(covered.trigger_type)}, {changes}), {short(covered.id)}")]


LONG = ("kind", "event_ids", "files", "tips", "watch", "evidence", "conditions_met", "agent_owner")


def _facts(event: Event) -> Rows:
    """Of a record that is no change: its fields, but for the long ones."""
    rows = [("kind", event.kind)]
    for name, value in flatten(event).items():
        if name not in LONG and value is not None and value != []:
            rows.append((name, clean(", ".join(value) if isinstance(value, list) else str(value))))
    if not isinstance(event, (Baseline, Consolidation, Overlaps)):
        rows.append(("by", who(event.agent_owner, getattr(event, "author", None))))
        rows += [("because", because(one)) for one in event.evidence]
    if isinstance(event, Consolidation):
        conditions = ", ".join(f"{name} {value}" for name, value in event.conditions_met.items())
        rows += [("conditions", clean(conditions)), ("changes", str(len(event.event_ids)))]
    if isinstance(event, Baseline):
        rows += [("file", clean(path)) for path in sorted(event.files)]
    return rows


def _changes(event: Event, view: View) -> Iterable[str]:
    """The changes that a consolidation covers, or a commit carries."""
    ids = event.event_ids if isinstance(event, (Consolidation, Attribution)) else []
    rows = [
        (
            moment(one.timestamp),
            clean(one.event_type),
            clean(one.file_path),
            who(history.owner_of(view, one), one.author),
            short(one.id),
        )
        for one in history.changes_of(view, ids)
    ]
    return ["", *plain(Table(("",) * 5, rows))] if rows else []


def _aligned(rows: Rows) -> list[str]:
    return plain(Table(("", ""), rows))
