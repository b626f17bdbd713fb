"""Observations that could not be appended (a read-only `.git`, a full disk, a held lock) wait in files of their own.

They lie in `.agentsync/spool/` of the worktree that made them. Whoever can write next takes them in, compares them with
what the ledger has come to know meanwhile, and only then gives them their place.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from agentsync.base import files, git, strict_json
from agentsync.ledger.events import Attribution, Baseline, Change, DamagedError, Event, event_of, flatten, new_id, parse
from agentsync.ledger.log import crash
from agentsync.observe.drafts import Drafts

FOLDER = ".agentsync/spool"


@dataclass(frozen=True)
class Spooled:
    """Events waiting in a file, in the order in which they were observed."""

    path: str
    events: tuple[Event, ...]


def put(worktree: git.Worktree, events: Sequence[Event], now: float) -> str:
    """Write the events where the next one that can append finds them; the file's path. Raises OSError."""
    folder = f"{worktree.root}/{FOLDER}"
    if os.path.islink(f"{worktree.root}/.agentsync") or os.path.islink(folder):
        raise OSError(0, "a symbolic link stands where observations are kept", folder)
    os.makedirs(folder, exist_ok=True)
    crash("spool")
    path = f"{folder}/{new_id(now)}.json"
    files.replace_file(path, strict_json.dumps({"events": [flatten(event) for event in events]}).encode())
    return path


def waiting(worktrees: Iterable[git.Worktree]) -> list[Spooled]:
    """What waits in these worktrees, oldest first. A file that git tracks is somebody's data, not an observation."""
    found = []
    for worktree in worktrees:
        folder = f"{worktree.root}/{FOLDER}"
        if os.path.islink(f"{worktree.root}/.agentsync") or os.path.islink(folder) or not os.path.isdir(folder):
            continue
        names = [name for name in os.listdir(folder) if name.endswith(".json")]
        tracked = (
            set(git.run(["ls-files", "-z", "--", FOLDER], cwd=worktree.root).decode().split("\0")) if names else ()
        )
        for name in names:
            if f"{FOLDER}/{name}" not in tracked:
                found.extend(_read(worktree, name))
    return sorted(found, key=lambda spooled: os.path.basename(spooled.path))


def _read(worktree: git.Worktree, name: str) -> list[Spooled]:
    """One file, or nothing if it is none of ours; `doctor` names those."""
    try:
        data = files.read_document(worktree.root, f"{FOLDER}/{name}")
        events = tuple(event_of(flat) for flat in parse(data or b"")["events"])
    except (files.UnreadableError, DamagedError, KeyError, TypeError):
        return []
    return [Spooled(f"{worktree.root}/{FOLDER}/{name}", events)]


def take_in(waiting: Iterable[Spooled], drafts: Drafts) -> None:
    """Draft what waits and is not known yet."""
    for spooled in waiting:
        for event in spooled.events:
            if not drafts.find("id", event.id):
                _take_in(event, drafts)


def _take_in(event: Event, drafts: Drafts) -> None:
    """An observation of a file is old by now: it may set what is known only if nothing has changed that meanwhile."""
    if isinstance(event, (Change, Attribution)) and event.commit is not None:
        if not drafts.find("commit", event.commit, event.file_path):
            drafts.add(event)
    elif isinstance(event, Baseline):
        if _newer(event, drafts):
            drafts.add(event)
    elif isinstance(event, Change):
        known = drafts.known(event.worktree or "", event.file_path)
        if known and known.dirty and known.blob == event.new_blob:
            return  # somebody else has seen the same
        drafts.add(event)
        if known and known.blob != event.old_blob:
            drafts.restore(event, known)


def _newer(event: Event, drafts: Drafts) -> bool:
    """Whether the ledger has nothing younger than the event; a UUIDv7 begins with its milliseconds."""
    return int(event.id.replace("-", "")[:12], 16) >= int(drafts.view.cursor.clock[:12], 16)


def remove(waiting: Iterable[Spooled]) -> None:
    """They are in the ledger; a file that cannot be removed is known by its ids next time."""
    for spooled in waiting:
        with suppress(OSError):
            os.unlink(spooled.path)
