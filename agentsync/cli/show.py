"""`show`: one record with all that is known of it."""

from __future__ import annotations

import click

from agentsync import git, past, spool
from agentsync.cli.context import Session
from agentsync.cli.options import json_option
from agentsync.cli.output import Table, clean, print_json, say, show
from agentsync.cli.patience import patience
from agentsync.cli.words import count, who
from agentsync.errors import OK, AgentsyncError
from agentsync.events import Attribution, Baseline, Change, Consolidation, Event, decode, flatten
from agentsync.ledger import Ledger
from agentsync.views import record


@click.command("show")
@click.argument("id_", metavar="ID")
@json_option
def show_record(id_: str, as_json: bool) -> int:
    """Show one record with its evidence, its commits and the report that covered it.

    ID is the beginning or the end of a record's id, as long as it fits one record only; `agentsync log` shows the ends.

    \b
    Examples:
      agentsync show 4f2a91c3
      agentsync log -n 1 --json | jq -r .id | xargs agentsync show --json
    """
    session = Session()
    with patience("reading the ledger"):
        view = session.view(with_index=True)
        event, spooled = _find(session, id_.lower())
        commits = past.commits_of(view, event.id) if isinstance(event, Change) else []
        covered = past.covering(view, event.id) if isinstance(event, Change) else None
    owner = getattr(event, "agent_owner", None) or next((one.agent_owner for one in commits if one.agent_owner), None)
    if as_json:
        print_json({**record(event, spooled=spooled, commits=commits, covered_by=covered), "owner_today": owner})
        return OK
    show(Table(("", ""), _facts(event, owner, spooled), folds=1))
    if isinstance(event, Change):
        _tell_later(commits, covered)
    return OK


def _find(session: Session, part: str) -> tuple[Event, bool]:
    """The one record with such an id, and whether it is only spooled. Raises AgentsyncError."""
    waiting = [event for one in spool.waiting(git.worktrees(session.clone)) for event in one.events]
    if not part or set(part) - set("0123456789abcdef-"):
        raise click.UsageError(f"{clean(part)!r} is no id: it has the digits 0-9, a-f and '-'")
    found = past.matching(Ledger(session.clone.store), part)
    spooled = {event.id: event for event in waiting if event.id.startswith(part) or event.id.endswith(part)}
    ids = [*found, *(id_ for id_ in spooled if id_ not in found)]
    if not ids:
        raise AgentsyncError(f"no record has the id {part}", hint="agentsync log --all shows ids")
    if len(ids) > 1:
        some = ", ".join(ids[:3]) + (", ..." if len(ids) > 3 else "")
        raise AgentsyncError(f"{len(ids)} records have such an id", cause=some, hint="give more of the id")
    if ids[0] in spooled and ids[0] not in found:
        return spooled[ids[0]], True
    event = decode(found[ids[0]])[1]
    if event is None:
        raise AgentsyncError(
            "this record is of a kind that this version does not know", hint="agentsync log --all --json"
        )
    return event, False


LONG = ("event_ids", "files", "tips", "watch", "evidence", "conditions_met")


def _facts(event: Event, owner: str | None, spooled: bool) -> list[tuple[str, str]]:
    rows = [("kind", event.kind + (" (spooled: not yet in the ledger)" if spooled else ""))]
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


def _tell_later(commits: list[Attribution], covered: Consolidation | None) -> None:
    say("")
    for one in commits:
        say(f"commit {clean(one.commit)} ({clean(one.reason)}) at {clean(one.timestamp)} by {_committers(one)}")
    if covered:
        changes = count(len(covered.event_ids), "change")
        say(f"reported {clean(covered.timestamp)} ({clean(covered.trigger_type)}, {changes}), id {clean(covered.id)}")
    else:
        say("pending: no report covers it yet")


def _committers(commit: Attribution) -> str:
    by = f", committed by {clean(commit.committed_by)}" if commit.committed_by else ""
    return who(commit.agent_owner, commit.author) + by
