"""Zones of work: what somebody says to be working on. Claims warn, block nothing, and end by themselves."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from agentsync.agents.caller import Caller
from agentsync.base import globs
from agentsync.base.times import SECONDS
from agentsync.ledger.events import Claim, Release, new_id, to_rfc3339
from agentsync.ledger.state import Claimed, State

TTL = 2 * 3600  # seconds
LONGEST = 7 * 86_400  # seconds
PATHS = 20  # of one claim
NOTE = 200  # characters
WHOLE = "**"  # the whole repository
_TTL = re.compile(r"(\d{1,6})\s*(s|min|m|h|d)")


class Meeting(NamedTuple):
    """Somebody else's claim (`id`), and what of it (its own paths) lies in one's way."""

    id: str
    claimed: Claimed
    paths: tuple[str, ...]


def seconds(text: str) -> int:
    """How long `90m`, `2h` or `1d` is. Raises ValueError."""
    found = _TTL.fullmatch(text.strip())
    if not found or not 60 <= (length := int(found[1]) * SECONDS[found[2]]) <= LONGEST:
        raise ValueError(f"{text!r} is not a time from 1m to 7d: write 90m, 2h or 1d")
    return length


def problem(paths: Sequence[str]) -> str:
    """What is wrong with the paths of a claim (from the root); "" if nothing is."""
    if len(paths) > PATHS:
        return f"more than {PATHS} paths: claim their folder"
    found = ((path, globs.path_problem(path)) for path in paths if path != WHOLE)
    return next((f"{path!r:.80}: {why[0]}" for path, why in found if why), "")


def claim(caller: Caller, paths: Sequence[str], note: str | None, ttl: int, now: float) -> Claim:
    """The record of a claim from `now` on, for `ttl` seconds."""
    return Claim(
        id=new_id(now),
        timestamp=to_rfc3339(now),
        recorded="",
        paths=list(dict.fromkeys(paths)),
        expires=to_rfc3339(now + ttl),
        note=note[:NOTE] if note else None,
        **caller._asdict(),
    )


def release(caller: Caller, ids: Iterable[str], reason: str, now: float) -> Release:
    """The record of claims that are over."""
    said = caller.without("process", "branch")
    return Release(new_id(now), to_rfc3339(now), "", claims=list(ids), reason=reason, **said)


def active(state: State, now: float, has_ended: Callable[[str], bool]) -> dict[str, Claimed]:
    """The claims that hold at `now`, oldest first, by id. `has_ended` tells of their processes."""
    moment = to_rfc3339(now)
    return {
        id_: one
        for id_, one in state.claims.items()
        if one.expires > moment and not (one.process and has_ended(one.process)) and not _handed_over(one, state)
    }


def over(state: State, now: float, has_ended: Callable[[str], bool]) -> list[str]:
    """The claims that have ended before they expired, and nobody has said so yet."""
    holding, moment = active(state, now, has_ended), to_rfc3339(now)
    return [id_ for id_, one in state.claims.items() if id_ not in holding and one.expires > moment]


def _handed_over(one: Claimed, state: State) -> bool:
    return one.session is not None and state.handoffs.get(one.session, "") > one.timestamp


def is_own(one: Claimed, caller: Caller) -> bool:
    """Whether the caller made a claim. A person of whom nobody says anything has those of others like that, here."""
    nobody = one.agent_owner is None and caller.agent_owner is None and one.worktree == caller.worktree
    return nobody or caller.made(one.agent_owner, one.session, one.worktree)


def covers(pattern: str, path: str) -> bool:
    """Whether a claim's path means this one: the same, a folder above it, or a glob that fits it or a folder above."""
    if not globs.is_glob(pattern):
        return path == pattern or path.startswith(f"{pattern}/")
    parts = path.split("/")
    fits = globs.compiled(pattern).match
    return any(fits("/".join(parts[:n]).encode(errors="surrogateescape")) for n in range(1, len(parts) + 1))


def meetings(
    paths: Sequence[str], claims: dict[str, Claimed], caller: Caller, files: Sequence[str] = ()
) -> list[Meeting]:
    """The claims of others that meet these paths, as their words or by one of the `files` that both mean."""
    found = []
    for id_, one in claims.items():
        met = [theirs for theirs in one.paths if any(_meet(theirs, ours, files) for ours in paths)]
        if met and not is_own(one, caller):
            found.append(Meeting(id_, one, tuple(met)))
    return found


def _meet(one: str, other: str, files: Sequence[str]) -> bool:
    if covers(one, other) or covers(other, one):
        return True
    both_globs = globs.is_glob(one) and globs.is_glob(other)
    return both_globs and any(covers(one, file) and covers(other, file) for file in files)
