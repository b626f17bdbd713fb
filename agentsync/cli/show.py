"""`show`: one record with all that is known of it."""

from __future__ import annotations

import click

from agentsync.base.errors import OK
from agentsync.cli.options import json_option, raw_option
from agentsync.cli.session import Session
from agentsync.cli.tables import Table, show
from agentsync.cli.terminal import clean, escape_json, patience, print_json, say
from agentsync.cli.words import count, who
from agentsync.ledger import history
from agentsync.ledger.events import Attribution, Baseline, Change, Consolidation, Event, flatten
from agentsync.status import record


@click.command("show")
@click.argument("id_", metavar="ID")
@json_option
@raw_option
def show_record(id_: str, as_json: bool, raw: bool) -> int:
    """Show one record with its evidence, its commits and the report that covered it.

    ID is the beginning or the end of a record's id, as long as it fits one record only; `agentsync log` shows the ends.
    The owner is who did it as is known today, where a later commit has told; --raw prints the record as it stands in
    the ledger.

    \b
    Examples:
      agentsync show 4f2a91c3
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
    if raw and line is not None:
        say(escape_json(line.decode()))
        return OK
    if as_json or raw:
        print_json(record(event, owner=owner, waiting=line is None, commits=commits, covered_by=covered))
        return OK
    later = _later(commits, covered) if isinstance(event, Change) and line is not None else []
    show(Table(("", ""), [*_facts(event, owner, line is None), *later], folds=1))
    return OK


LONG = ("event_ids", "files", "tips", "watch", "evidence", "conditions_met")


def _facts(event: Event, owner: str | None, waiting: bool) -> list[tuple[str, str]]:
    rows = [("kind", event.kind + (" (waiting: not yet in the ledger)" if waiting else ""))]
    for name, value in flatten(event).items():
        if name == "kind" or value is None or value == []:
            continue
        if name not in LONG:
            rows.append((name, clean(", ".join(value) if isinstance(value, list) else str(value))))
    if isinstance(event, (Change, Attribution)):
        rows = [row for row in rows if row[0] != "agent_owner"]
        rows.append(("agent_owner", who(owner, event.author)))
        for one in event.evidence:
            rows.append(("evidence", clean(" ".join(one.get(key, "") for key in ("kind", "signal", "agent")))))
    rows += _lengths(event)
    return rows


def _lengths(event: Event) -> list[tuple[str, str]]:
    if isinstance(event, Consolidation):
        conditions = ", ".join(f"{name} {value}" for name, value in event.conditions_met.items())
        return [("conditions_met", clean(conditions)), ("changes", str(len(event.event_ids)))]
    if isinstance(event, Baseline):
        return [("file", clean(path)) for path in sorted(event.files)]
    if isinstance(event, Attribution):
        return [("change", id_) for id_ in event.event_ids]
    return []


def _later(commits: list[Attribution], covered: Consolidation | None) -> list[tuple[str, str]]:
    """What later records say of a change."""
    rows = []
    for one in commits:
        rows.append(("commit", f"{clean(one.commit)} ({clean(one.reason)})"))
        rows.append(("", f"{clean(one.timestamp)} by {_committers(one)}"))
    if covered is None:
        return [*rows, ("reported", "not yet: pending")]
    changes = count(len(covered.event_ids), "change")
    reported = f"{clean(covered.timestamp)} ({clean(covered.trigger_type)}, {changes})"
    return [*rows, ("reported", reported), ("", clean(covered.id))]


def _committers(commit: Attribution) -> str:
    by = f", committed by {clean(commit.committed_by)}" if commit.committed_by else ""
    return who(commit.agent_owner, commit.author) + by
