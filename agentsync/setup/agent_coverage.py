"""How each agent's changes came to be known: by its own hook, by a commit, or by a look alone. A hook may be silent."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from agentsync.ledger import history
from agentsync.ledger.events import IMPORT
from agentsync.setup.agent_hooks import marker
from agentsync.setup.patient import Patient, Result

NEWEST = 1000  # changes that are counted
ENOUGH = 5  # uncommitted edits that a hook has to have missed before it is called silent
OWNERS = {
    "claude": "claude-code",
    "codex": "codex-local",
    "cursor": "cursor",
    "copilot": "copilot",
    "gemini": "gemini-cli",
}  # as `setup` calls them, and as the ledger does
SILENT = {
    "codex": "trust the hook: type /hooks in a session of Codex",
    "claude": "type /hooks in a session of Claude Code, and look whether agentsync's is there",
}


class Coverage(NamedTuple):
    """Changes of one agent: known by its own hook, by the commit that has them, by a look at the file alone."""

    hook: int = 0
    commit: int = 0
    look: int = 0


def agents(patient: Patient) -> Iterator[Result]:
    """What each agent's own hook has told of, and which one tells of nothing though it was set up."""
    newest = list(_newest(patient))
    for owner, seen in sorted(_counted(newest, since=0).items()):
        what = (
            f"{owner}: {seen.hook} change(s) told by its own hook, {seen.commit} by commits, {seen.look} by looks alone"
        )
        yield Result("agents", True, what)
    for name, owner in OWNERS.items():
        installed = marker(patient.clone.store, name)
        if not os.path.exists(installed):
            continue
        seen = _counted(newest, since=os.stat(installed).st_mtime).get(owner, Coverage())
        if not seen.hook and seen.look >= ENOUGH:
            what = f"{owner}'s hook is silent: none of {seen.look} edits since it was set up was told by it"
            yield Result("agents", False, what, SILENT.get(name, f"agentsync setup {name}"))


def _newest(patient: Patient) -> Iterator[tuple[float, str, str]]:
    """When each of the newest changes was recorded, whose it is, and how that came to be known.

    Those from before watching began are left out.
    """
    entries = (one for one in history.newest(patient.ledger) if one.kind == "change" and one.agent_owner)
    for entry in itertools.islice(entries, NEWEST):
        record = entry.record
        if record["source"] == IMPORT:
            break  # these come last
        told = any(one["kind"] == "payload" for one in record["evidence"])
        yield entry.recorded_at, record["agent_owner"], "hook" if told else "commit" if entry.commit else "look"


def _counted(newest: Iterable[tuple[float, str, str]], since: float) -> dict[str, Coverage]:
    """By owner, of those recorded since (seconds since 1970)."""
    ways: dict[str, Counter[str]] = {}
    for recorded, owner, way in newest:
        if recorded >= since:
            ways.setdefault(owner, Counter())[way] += 1
    return {owner: Coverage(**counted) for owner, counted in ways.items()}
