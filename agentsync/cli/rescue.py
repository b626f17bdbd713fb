"""`rescue`: what a document held, also where git or somebody else has removed it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import click

from agentsync.agents import rescue as saved
from agentsync.agents.rescue import Contained, Lost
from agentsync.base.errors import OK, AgentsyncError
from agentsync.cli import named_file
from agentsync.cli.options import from_root, json_option, watched_paths
from agentsync.cli.session import Session
from agentsync.cli.tables import Table, show
from agentsync.cli.terminal import clean, print_json, say, warn
from agentsync.cli.words import lines, moment, removed, short, who
from agentsync.ledger import history
from agentsync.ledger.events import Change
from agentsync.ledger.history import commits_of, owner_today
from agentsync.ledger.view import View

HINT = "agentsync rescue PATH --list shows what there is"


@click.command()
@click.argument("path", required=False, metavar="[PATH]", shell_complete=watched_paths)
@click.option("--at", "part", metavar="ID", help="As of this change; of a deletion, what it deleted.")
@click.option("--list", "list_", is_flag=True, help="List the recorded states of PATH; without PATH, what is lost.")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE instead of the standard output.")
@json_option
def rescue(path: str | None, part: str | None, list_: bool, output: str | None, as_json: bool) -> int:
    """Print what a watched document held, also if it was never committed and is gone.

    Each recorded state is kept for 30 days, 64 MiB of them at the most, and those in git's store as long as git keeps
    them. Without --at it is the uncommitted edit of PATH that was removed last; where none was, the newest state that
    this worktree's file has not. The file itself is not touched.

    \b
    Examples:
      agentsync rescue --list                          edits that were removed
      agentsync rescue docs/passation.md --list        what it held, and when
      agentsync rescue --at 4f2a91c3 -o saved.md       as of that change
    """
    if path is None and not list_ and part is None:
        raise click.UsageError("name a document, --at, or --list")
    session = Session()
    now = session.shown()
    contained = Contained(session.clone, session.settings)
    document = from_root(session, [path])[0] if path else None
    if list_ and document:
        return _show_states(now.view, document, contained, as_json)
    if list_:
        return _show_lost(saved.lost(session.clone, now.view, session.settings, time.time()), as_json)
    change = _asked(now.view, document, part) if part else _wanted(session, now.view, document or "")
    data = _content(contained, change)
    if output:
        named_file.write(output, data, change.file_path.rsplit("/", 1)[-1])
        warn(f"{clean(change.file_path)} as of {moment(change.timestamp)} UTC ({short(change.id)}): {clean(output)}")
    else:
        sys.stdout.buffer.write(data)
        warn(f"as of {moment(change.timestamp)} UTC, by {_by(now.view, change)} ({short(change.id)})")
    return OK


def _asked(view: View, document: str | None, part: str) -> Change:
    event, _ = history.find(view.ledger, (), part)
    if not isinstance(event, Change) or document not in (None, event.file_path):
        raise AgentsyncError(f"{clean(part)} is no change{f' of {clean(document)}' if document else ''}", hint=HINT)
    return event


def _wanted(session: Session, view: View, document: str) -> Change:
    """The edit that was removed last, else the newest state that is not in the file now."""
    name = session.here.name if session.here else ""
    for one in saved.lost(session.clone, view, session.settings, time.time()):
        if one.file_path == document and one.worktree == name:
            return _asked(view, document, one.change)
    known = view.state.known.get(name, {}).get(document)
    for change in saved.states(view, document):
        if change.new_blob and not (known and known.blob == change.new_blob):
            return change
    raise AgentsyncError(f"nothing else is recorded of {clean(document)}", hint=HINT)


def _content(contained: Contained, change: Change) -> bytes:
    data = contained.of(change.file_path, change.new_blob or change.old_blob or "")
    if data is None:
        raise AgentsyncError(
            f"nobody has what {clean(change.file_path)} held at {short(change.id)}",
            cause="it is not kept any more, and git's store has it not",
            hint=HINT,
        )
    return data


def _show_states(view: View, document: str, contained: Contained, as_json: bool) -> int:
    rows = list(_states(view, document, contained, as_json))
    if not rows and not as_json:
        say(f"no change of {clean(document)} is recorded; `agentsync documents` shows what is watched")
    show(Table(("TIME (UTC)", "CHANGE", "LINES", "BY", "WORKTREE", "CONTENT", "ID"), rows, drops=(4, 2, 0, 1, 3)))
    return OK


def _states(view: View, document: str, contained: Contained, as_json: bool) -> Iterator[tuple[str, ...]]:
    for change in saved.states(view, document):
        there = contained.of(document, change.new_blob or change.old_blob or "") is not None
        if as_json:
            print_json({**change._asdict(), "agent_owner": _owner(view, change), "available": there})
            continue
        yield (
            moment(change.timestamp),
            clean(change.event_type),
            lines(change.lines_added, change.lines_removed),
            _by(view, change),
            clean(change.worktree or ""),
            "there" if there else "gone",
            short(change.id),
        )


def _show_lost(found: list[Lost], as_json: bool) -> int:
    if as_json:
        print_json([one._asdict() for one in found])
    elif found:
        say(*(removed(one, time.time()) for one in found))
    else:
        say("no uncommitted edit was removed in the last 30 days")
    return OK


def _owner(view: View, change: Change) -> str | None:
    return owner_today(change, commits_of(view, change.id))


def _by(view: View, change: Change) -> str:
    return who(_owner(view, change), change.author)
