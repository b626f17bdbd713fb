"""`claim`, `release`, `claims`: who works on what, as seen and as said."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import Any, TypedDict

import click

from agentsync.agents import claims as zones
from agentsync.agents.active import Actor, active
from agentsync.agents.caller import Caller, caller
from agentsync.agents.claims import Meeting
from agentsync.agents.said import say as append
from agentsync.base import git
from agentsync.base.errors import OK, AgentsyncError
from agentsync.base.globs import is_glob
from agentsync.base.processes import has_ended
from agentsync.base.times import to_rfc3339
from agentsync.cli.options import from_root, json_option, watched_paths
from agentsync.cli.session import Session
from agentsync.cli.tables import Table, show
from agentsync.cli.terminal import clean, print_json, say
from agentsync.cli.words import duration, moment, short, who
from agentsync.ledger.events import Claim, Event
from agentsync.ledger.state import Claimed
from agentsync.status import Shown


class SeenThere(TypedDict):
    """Who has changed watched documents lately; `last` is the newest change (RFC 3339)."""

    agent_owner: str | None
    author: str | None
    session: str | None
    worktree: str | None
    branch: str | None
    last: str
    changes: int
    paths: list[str]


class ClaimShown(TypedDict):
    """A claim that holds."""

    id: str
    paths: list[str]
    expires: str
    timestamp: str
    agent_owner: str | None
    session: str | None
    process: str | None
    worktree: str | None
    branch: str | None


class Staked(TypedDict):
    """A claim that was just made, and who else is there. `recorded`: false where only a note could be left."""

    id: str
    paths: list[str]
    expires: str
    agent_owner: str | None
    recorded: bool
    seen: list[SeenThere]
    claimed: list[ClaimShown]


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATHSPEC...", shell_complete=watched_paths)
@click.option("--ttl", default="2h", show_default=True, help="How long at the most: 90m, 2h, 1d; up to 7d.")
@click.option("--note", metavar="TEXT", help="What for. `claims` shows it; no report and no hook repeats it.")
@json_option
def claim(paths: tuple[str, ...], ttl: str, note: str | None, as_json: bool) -> int:
    """Say that you work on these documents, folders or globs. It warns others, and blocks nobody.

    A claim ends after --ttl, with `release`, with the session's `handoff`, and with the process of the agent that made
    it where that is known. AGENT_SYNC.md shows it until then. Who has edited or claimed there already is named.

    \b
    Examples:
      agentsync claim docs/architecture
      agentsync claim ROADMAP.md 'docs/adr/*.md' --ttl 4h --note "the new plan"
    """
    session = Session()
    print_or_say(stake(session, session.shown(), paths, ttl, note, me(session)), as_json)
    return OK


def print_or_say(answer: dict[str, Any], as_json: bool) -> None:
    """An answer with its `lines` for people, or without them as JSON."""
    lines = answer.pop("lines")
    if as_json:
        print_json(answer)
    else:
        say(*lines)


def me(session: Session) -> Caller:
    """Who runs this command."""
    return caller(session.here, os.environ)


def stake(session: Session, now: Shown, paths: Iterable[str], ttl: str, note: str | None, by: Caller) -> dict[str, Any]:
    """Record a claim: what `Staked` has, and `lines` for people. Raises click.UsageError."""
    wanted = [path or zones.WHOLE for path in from_root(session, paths)]
    try:
        length = zones.seconds(ttl)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if why := zones.problem(wanted):
        raise click.UsageError(clean(why))
    at = time.time()
    made = zones.claim(by, wanted, note, length, at)
    state = now.view.state
    met = zones.meetings(wanted, zones.active(state, at, has_ended), by, _files(session, wanted))
    seen = [one for one in _others(now, by, at) if any(zones.covers(w, p) for w in wanted for p in one.paths)]
    over = zones.over(state, at, has_ended)
    events: list[Event] = [made, *([zones.release(by, over, "ended", at)] if over else [])]
    kept = append(session.clone, session.settings, now.view, events, at)
    return {
        "id": made.id,
        "paths": made.paths,
        "expires": made.expires,
        "agent_owner": made.agent_owner,
        "recorded": not kept,
        "seen": [_seen_json(one) for one in seen],
        "claimed": [_claim_json(one.id, one.claimed) for one in met],
        "lines": [
            f"claimed until {made.expires}: {', '.join(map(clean, made.paths))} ({short(made.id)})",
            *waits(session, kept),
            *(_seen_line(one, at) for one in seen),
            *(_met_line(one) for one in met),
        ],
    }


def waits(session: Session, kept: str) -> list[str]:
    """A line for people where the ledger could not be written."""
    if not kept:
        return []
    folder = os.path.relpath(kept, session.here.root if session.here else kept)
    return [f"kept as a note in {clean(folder)}: the ledger cannot be written here; the next look that can takes it in"]


def _files(session: Session, wanted: list[str]) -> list[str]:
    """The files that git tracks, where a glob asks for them."""
    if session.here is None or not any(map(is_glob, wanted)):
        return []
    out = git.run(["ls-files", "-z"], cwd=session.here.root)
    return out.decode("utf-8", "surrogateescape").split("\0")[:-1]


def _others(now: Shown, by: Caller, at: float) -> list[Actor]:
    """Who else has changed watched documents lately."""
    lately = active(now.view, now.survey.waiting, at)
    return [one for one in lately if not by.made(one.agent_owner, one.session, one.worktree)]


def _seen_line(one: Actor, at: float) -> str:
    place = f" in {clean(one.worktree)}" if one.worktree else ""
    paths = ", ".join(map(clean, one.paths[:5]))
    return f"seen there: {who(one.agent_owner, one.author)}{place} {duration(at - one.last)} ago: {paths}"


def _met_line(one: Meeting) -> str:
    paths = ", ".join(map(clean, one.paths))
    return f"claimed too: {who(one.claimed.agent_owner, None)} until {one.claimed.expires}: {paths} ({short(one.id)})"


@click.command()
@click.argument("what", nargs=-1, metavar="[ID|PATHSPEC]...")
@json_option
def release(what: tuple[str, ...], as_json: bool) -> int:
    """End claims before they expire: your own, or those named by the end of an id or by their path.

    Anybody may end any claim that they name; the ledger says who did.

    \b
    Examples:
      agentsync release docs/architecture
      agentsync release                    all claims of this session
    """
    session = Session()
    print_or_say(let_go(session, session.shown(), what, me(session)), as_json)
    return OK


def let_go(session: Session, now: Shown, what: Iterable[str], by: Caller) -> dict[str, Any]:
    """Record a release; the claims that it ends. Raises AgentsyncError where what is named is none."""
    at, state = time.time(), now.view.state
    over = zones.over(state, at, has_ended)
    claimed = zones.active(state, at, has_ended)
    named = [id_ for one in what for id_ in _named(one, session, claimed)]
    mine = [id_ for id_, one in claimed.items() if zones.is_own(one, by)]
    ids = list(dict.fromkeys(named if what else mine))
    events: list[Event] = [zones.release(by, ids, "asked", at)] if ids else []
    events += [zones.release(by, over, "ended", at)] if over else []
    kept = append(session.clone, session.settings, now.view, events, at) if events else ""
    lines = [f"released: {', '.join(map(clean, claimed[id_].paths))} ({short(id_)})" for id_ in ids]
    return {"released": ids, "recorded": not kept, "lines": [*(lines or ["nothing to release"]), *waits(session, kept)]}


def _named(word: str, session: Session, claimed: dict[str, Claimed]) -> list[str]:
    """The claims of this path, or with this end of an id."""
    path = from_root(session, [word])[0] or zones.WHOLE
    found = [id_ for id_, one in claimed.items() if path in one.paths] or [
        id_ for id_ in claimed if len(word) > 3 and id_.endswith(word.lower())
    ]
    if not found:
        raise AgentsyncError(f"no claim has the path or the id {clean(word)}", hint="agentsync claims")
    return found


@click.command()
@json_option
def claims(as_json: bool) -> int:
    """Show who works on what: first who was seen editing in the last two hours, then what was claimed.

    A claim is what somebody said; it may be wrong. The note is a quotation.

    \b
    Examples:
      agentsync claims
      agentsync claims --json
    """
    session = Session()
    now, at = session.shown(), time.time()
    seen = active(now.view, now.survey.waiting, at)
    claimed = zones.active(now.view.state, at, has_ended)
    notes = {id_: _note(now, id_) for id_ in claimed}
    if as_json:
        told = [{**_claim_json(id_, one), "note": notes[id_]} for id_, one in claimed.items()]
        print_json({"seen": [_seen_json(one) for one in seen], "claims": told})
        return OK
    if not seen and not claimed:
        say("nobody was seen editing in the last two hours, and nothing is claimed")
    rows = [_seen_row(one, at) for one in seen] + [_claim_row(id_, one, notes[id_]) for id_, one in claimed.items()]
    show(Table(("", "BY", "WHERE", "WHEN (UTC)", "PATHS", "NOTE", "ID"), rows, path=4, text=5, drops=(5, 2, 6, 3)))
    return OK


def _note(now: Shown, id_: str) -> str | None:
    return next((one.note for one in now.view.events("id", id_) if isinstance(one, Claim)), None)


def _seen_row(one: Actor, at: float) -> tuple[str, ...]:
    paths = ", ".join(map(clean, one.paths))
    by, place = who(one.agent_owner, one.author), clean(one.worktree or "history")
    return "seen", by, place, f"{duration(at - one.last)} ago", paths, "", ""


def _claim_row(id_: str, one: Claimed, note: str | None) -> tuple[str, ...]:
    quoted = f'"{clean(note)}"' if note else ""
    paths, by, place = ", ".join(map(clean, one.paths)), who(one.agent_owner, None), clean(one.worktree or "")
    return "claimed", by, place, f"until {moment(one.expires)}", paths, quoted, short(id_)


def _seen_json(one: Actor) -> SeenThere:
    return SeenThere(
        agent_owner=one.agent_owner,
        author=one.author,
        session=one.session,
        worktree=one.worktree,
        branch=one.branch,
        last=to_rfc3339(one.last),
        changes=one.changes,
        paths=list(one.paths),
    )


def _claim_json(id_: str, one: Claimed) -> ClaimShown:
    return ClaimShown(
        id=id_,
        paths=list(one.paths),
        expires=one.expires,
        timestamp=one.timestamp,
        agent_owner=one.agent_owner,
        session=one.session,
        process=one.process,
        worktree=one.worktree,
        branch=one.branch,
    )
