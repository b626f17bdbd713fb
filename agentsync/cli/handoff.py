"""`handoff`: an entry in the journal, from whoever ends a session."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import click

from agentsync.agents import claims as zones
from agentsync.agents import handoff as journal
from agentsync.agents.brief import journal_path
from agentsync.agents.caller import Caller, Client, caller, clues
from agentsync.agents.handoff import WORDS, Begin, Work
from agentsync.agents.said import say as append
from agentsync.base import exchange, files, times
from agentsync.base.errors import OK, AgentsyncError, LedgerError
from agentsync.base.processes import has_ended
from agentsync.cli.claims import print_or_say, waits
from agentsync.cli.options import json_option
from agentsync.cli.session import Session
from agentsync.cli.terminal import clean
from agentsync.cli.words import count
from agentsync.ledger.events import Change, Event
from agentsync.observe.agents import Clues
from agentsync.observe.request import Request
from agentsync.sync import sync

TRIES = 5  # against somebody who writes the journal at the same time
LONGEST = 64 << 10  # characters of an entry's text


class HandedOver(TypedDict):
    """An entry that was written. `released`: ids of claims. `recorded`: false where only a note could be left."""

    file_path: str
    agent_owner: str | None
    commits: list[str]
    files: list[str]
    released: list[str]
    recorded: bool


@click.command()
@click.option("-m", "messages", metavar="TEXT", multiple=True, help="What to hand over; each is a paragraph.")
@click.option(
    "-F", "file", metavar="FILE", type=click.File("r", encoding="utf-8"), help="The same from a file; - is stdin."
)
@click.option("--since", metavar="TIME", help="When the session's work began: 3h, 2025-10-10T15:30:00Z.")
@json_option
def handoff(messages: tuple[str, ...], file: Any, since: str | None, as_json: bool) -> int:
    """Write what you leave at the top of the journal (the document of type "passation").

    The entry has date, agent, branch, the commits made in this worktree and the files changed since your last handoff
    here (a day at most), and your text, from -m, -F or stdin. Nothing else in the file changes, nothing is committed.
    Your claims end with it.

    \b
    Examples:
      agentsync handoff -m "Memory module done; the contracts are next."
      agentsync handoff -F notes.md --since 3h
    """
    text = "\n\n".join(messages) or (file or sys.stdin).read(LONGEST + 1)
    session = Session()
    print_or_say(hand_over(session, text, since, None), as_json)
    return OK


def hand_over(session: Session, text: str, since: str | None, client: Client | None) -> dict[str, Any]:
    """Write and record an entry: what `HandedOver` has, and `lines` for people.

    Raises AgentsyncError, click.UsageError.
    """
    if not text.strip():
        raise click.UsageError("there is nothing to hand over: give a text by -m, -F or stdin")
    if len(text) > LONGEST:
        raise click.UsageError(f"the text is longer than {LONGEST} characters")
    here, settings = session.clone.worktree(), session.valid_settings()
    by, at = caller(here, os.environ, client), time.time()
    path = journal_path(settings)
    if path is None:
        raise AgentsyncError(
            "no journal is watched",
            hint='add to .agentsync/config.toml: [[watch]] path = "docs/passation.md", type = "passation"',
        )
    view = session.view()
    try:
        began = Begin(times.since(since, at)) if since else journal.began(view, by, at)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    work = journal.work(here, began, path)
    _write(session, path, journal.entry(by, work, text, settings.report.language, at))
    seen = _look(session, {path: clues(here, os.environ, client)})
    blob = next((one.new_blob for one in seen if isinstance(one, Change) and one.file_path == path), None)
    state = view.catch_up().state
    mine = [id_ for id_, one in zones.active(state, at, has_ended).items() if zones.is_own(one, by)]
    events: list[Event] = [journal.record(by, path, work, blob, at)]
    events += [zones.release(by, mine, "handoff", at)] if mine else []
    kept = append(session.clone, settings, view, events, at)
    return _answer(session, path, by, work, mine, kept)


def _write(session: Session, path: str, entry: str) -> None:
    """Put the entry into the journal as it is now. What others have written there is recorded before."""
    root = session.clone.worktree().root
    language = session.settings.report.language
    for _ in range(TRIES):
        try:
            before = files.read_document(root, path)
        except files.UnreadableError as error:
            raise AgentsyncError(f"cannot write {clean(path)}", cause=str(error)) from None
        if before is not None and journal.has_conflict(before):
            raise AgentsyncError(
                f"cannot write {clean(path)}", cause="git has left a conflict in it", hint="resolve it"
            )
        _look(session, {})
        title = f"{WORDS[language].title}\n\n".encode()
        after = journal.insert(title if before is None else before, entry)
        if exchange.create(root, path, after) if before is None else exchange.exchange(root, path, before, after):
            return
    raise AgentsyncError(
        f"cannot write {clean(path)}", cause="another program writes it", hint="save it there, try again"
    )


def _look(session: Session, wrote: Mapping[str, Clues]) -> Sequence[Event]:
    """Look here now; what was recorded. `wrote`: what speaks for what was just written, by path."""
    request = Request(session.clone, session.settings, "scan", [session.clone.worktree()], time.time(), wrote=wrote)
    try:
        return sync(request).seen.events
    except LedgerError:
        return ()  # in a sandbox: what was seen is kept as a note


def _answer(session: Session, path: str, by: Caller, work: Work, mine: list[str], kept: str) -> dict[str, Any]:
    facts = f"{count(len(work.commits), 'commit')}, {count(len(work.files), 'file')}"
    return {
        "file_path": path,
        "agent_owner": by.agent_owner,
        "commits": [one.id for one in work.commits],
        "files": list(work.files),
        "released": mine,
        "recorded": not kept,
        "lines": [
            f"entry written: {clean(path)} ({facts})",
            *([f"released: {count(len(mine), 'claim')}"] if mine else []),
            *waits(session, kept),
        ],
    }
