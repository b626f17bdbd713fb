"""What `who` does, without click: agents ask before they edit, and often."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence

from agentsync.agents import who as asked
from agentsync.agents.caller import Caller, caller
from agentsync.agents.who import Answer, Around, Last, Presence
from agentsync.base.errors import OK, AgentsyncError
from agentsync.base.git import HOOKS
from agentsync.base.times import from_rfc3339
from agentsync.cli.session import Session
from agentsync.cli.terminal import clean, print_json, say
from agentsync.cli.words import because, count, duration, who
from agentsync.status import Shown

EDITS = {"created": "created", "modified": "edited", "deleted": "deleted"}


def as_text(paths: Sequence[str]) -> int:
    """`who PATH...`."""
    session = Session()
    now = time.time()
    by = caller(session.here, os.environ)
    for number, answer in enumerate(answers(session, session.shown(), paths, by, now)):
        say(*([""] if number else []), *lines(answer, now))
    session.check_config()
    return OK


def as_json(paths: Sequence[str]) -> int:
    """`who PATH... --json`: a list."""
    session = Session()
    by = caller(session.here, os.environ)
    print_json([asked.to_json(one) for one in answers(session, session.shown(), paths, by, time.time())])
    session.check_config()
    return OK


def answers(session: Session, now: Shown, paths: Iterable[str], by: Caller, at: float) -> list[Answer]:
    """What is known of each path, given from the current folder, for whoever asks. Raises AgentsyncError."""
    blind = {one["worktree"]: f"a {one['operation']} is going on" for one in now.survey.paused}
    blind |= {one["worktree"]: one["reason"] for one in now.survey.not_recorded if one["worktree"] not in blind}
    around = Around(now.survey.waiting, blind)
    return [
        asked.who(session.clone, now.view, session.settings, from_root(session, path), by, around, at) for path in paths
    ]


def from_root(session: Session, path: str) -> str:
    """The path as git has it. Raises AgentsyncError outside of the repository."""
    inside = session.inside(path)
    if not inside:
        raise AgentsyncError(f"{clean(path)} is no file of this repository", hint="name a file below its root")
    return inside


def lines(answer: Answer, now: float) -> Iterable[str]:
    """An answer for people."""
    yield clean(answer.file_path) + ("" if answer.watched else "  (not watched: from git's history and the files)")
    if answer.last:
        yield f"  last  {_last(answer.last, now)}"
        yield from (f"        {because(one)}" for one in answer.last.evidence)
    else:
        yield "  last  no change is known"
    yield from (f"  now   {_presence(one, now)}" for one in answer.now)
    yield from (f"  now   {word}" for word in _nobody(answer))
    yield f"  seen  {_seen(answer)}"


def _last(last: Last, now: float) -> str:
    by, ago = who(last.agent_owner, last.author), duration(now - from_rfc3339(last.timestamp))
    place = f" in {clean(last.worktree)}" if last.worktree else ""
    branch = f", branch {clean(last.branch)}" if last.branch else ""
    commit = f", commit {clean(last.commit[:7])}" if last.commit else ", not committed"
    sure = f" (sure to {last.confidence:.0%})" if last.agent_owner else ""
    return f"{EDITS.get(last.event_type, clean(last.event_type))} by {by}{sure} {ago} ago{place}{branch}{commit}"


def _presence(one: Presence, now: float) -> str:
    by = f"{who(one.agent_owner, one.author)}{' (you)' if one.you else ''}"
    ago = f", {duration(now - from_rfc3339(one.timestamp))} ago" if one.timestamp else ""
    if one.sign == "branch":
        where = f" on branch {clean(one.branch)}" if one.branch else " elsewhere"
        return f"{by}: {count(one.changes, 'commit')}{where} that this worktree has not{ago}"
    place = f" in {clean(one.worktree)}" if one.worktree else ""
    if one.sign == "uncommitted":
        return f"{by}: an uncommitted edit{place}{ago}"
    return f"{by}: {count(one.changes, 'change')}{place}{ago}"


def _nobody(answer: Answer) -> Iterable[str]:
    if answer.nobody_else:
        yield "nobody else"
    elif all(one.you for one in answer.now):
        yield "nobody else was seen"


def _seen(answer: Answer) -> str:
    """What was looked at, and what was not."""
    proof = answer.proof
    branches = "1 branch" if proof.branches == 1 else f"{proof.branches} branches"
    hooks = f"{proof.hooks} of git's {len(HOOKS)} hooks at work"
    blind = "".join(f"; NOT {clean(name)}: {clean(why)}" for name, why in proof.not_looked_at.items())
    return f"{count(len(proof.worktrees), 'worktree')} and {branches} of this clone, just now; {hooks}{blind}"
