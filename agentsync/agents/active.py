"""Who is at work: the changes of the last hours by who made them, and where."""

import itertools
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from agentsync.ledger import history
from agentsync.ledger.events import session_in
from agentsync.ledger.notes import Observations
from agentsync.ledger.view import View

LATELY = 2 * 3600.0  # seconds in which who changed something is at work
MOST = 1000  # records that are looked through


class Actor(NamedTuple):
    """Somebody who has changed watched documents lately, in one place.

    `agent_owner`: None where nobody knows; then `author` may. `session`: the agent's own word for its session, where
    its hook told. `last`: the newest change (seconds since 1970). `evidence`: why this agent, of the newest change.
    """

    agent_owner: str | None
    author: str | None
    session: str | None
    worktree: str | None
    branch: str | None
    last: float
    changes: int
    paths: tuple[str, ...]
    evidence: tuple[Mapping[str, str], ...]


def active(
    view: View, waiting: Iterable[Observations], now: float, since: float = LATELY, path: str | None = None
) -> list[Actor]:
    """Who changed something (or this one document) in the last `since` seconds, the last one first."""
    found: dict[tuple[str | None, ...], Actor] = {}
    for entry in itertools.islice(history.newest(view.ledger, waiting, now - since), MOST):
        if entry.kind == "change" and entry.happened_at > now - since and path in (None, entry.file_path):
            actor = _actor(entry)
            key = (actor.agent_owner, None if actor.agent_owner else actor.author, actor.session, actor.worktree)
            found[key] = _both(found[key], actor) if key in found else actor
    return sorted(found.values(), key=lambda actor: -actor.last)


def _actor(entry: history.Entry) -> Actor:
    record = entry.record
    evidence = tuple(record.get("evidence") or ())
    session = session_in(evidence)
    place = (entry.worktree, record.get("branch"))
    return Actor(
        entry.agent_owner, entry.author, session, *place, entry.happened_at, 1, (entry.file_path or "",), evidence
    )


def _both(one: Actor, other: Actor) -> Actor:
    newer = one if one.last >= other.last else other
    paths = tuple(dict.fromkeys((*one.paths, *other.paths)))
    return newer._replace(changes=one.changes + other.changes, paths=paths)
