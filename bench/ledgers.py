"""A ledger of any length, as several agents would write it: the same one each time.

`python -m bench.ledgers PATH COUNT [START]` writes the records of a year of work on the seed's eight documents, from
START on (seconds since 1970).
"""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from agentsync.base.settings import SEED_WATCH
from agentsync.ledger.events import (
    CLOCK_ZERO,
    Attribution,
    Baseline,
    Change,
    Consolidation,
    Event,
    Stamp,
    encode,
    event_type,
    tick,
    to_rfc3339,
)
from agentsync.ledger.log import NO_LINE, line_hash

AGENTS = ("claude-code", "codex-local", "codex-cloud", "cursor", None)
NAMES = ("Ada Lovelace", "Grace Hopper", "Émilie du Châtelet")
START = 1_760_097_600.0  # 2025-10-10T12:00:00Z
STEP = 30  # seconds between two records
THRESHOLD = 5  # changes that a consolidation covers
WRITER = "clone-0123456789"


def events(count: int, seed: int = 1, start: float = START) -> Iterator[tuple[float, Event]]:
    """`count` events and when they happened, in seconds: a baseline, then changes and their consolidations."""
    dice = random.Random(seed)
    blobs: dict[str, str | None] = {watch.path: _blob(watch.path, 0) for watch in SEED_WATCH}
    yield start, _baseline(_id(start, dice), blobs, start)
    pending: list[str] = []
    change: Change | None = None
    for number in range(1, count):
        now = start + number * STEP
        if change and change.commit is None:
            yield now, _attribution(_id(now, dice), change, now, dice)
            change = None
            continue
        if len(pending) == THRESHOLD:
            yield now, _consolidation(_id(now, dice), pending, now)
            pending = []
            continue
        watch = dice.choice(SEED_WATCH)
        after = _blob(watch.path, number)
        change = _change(_id(now, dice), watch.path, watch.type, blobs[watch.path], after, now, dice)
        blobs[watch.path] = after
        pending.append(change.id)
        yield now, change


def lines(count: int, seed: int = 1, start: float = START) -> Iterator[bytes]:
    """The same as lines of a ledger."""
    clock, prev = CLOCK_ZERO, NO_LINE
    for seq, (now, event) in enumerate(events(count, seed, start), 1):
        clock = tick(clock, now)
        line = encode(Stamp(WRITER, seq, prev, clock), event)
        prev = line_hash(line[:-1])
        yield line


def write(path: Path, count: int, start: float) -> None:
    """Write a ledger of `count` records to `path`."""
    with path.open("wb", buffering=1 << 20) as file:
        file.writelines(lines(count, start=start))


def _id(now: float, dice: random.Random) -> str:
    """A UUIDv7 out of these dice."""
    text = f"{int(now * 1000):012x}7{dice.getrandbits(12):03x}{8 + dice.getrandbits(2):x}{dice.getrandbits(60):015x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _blob(path: str, number: int) -> str:
    return hashlib.sha1(f"{path}{number}".encode()).hexdigest()


def _checksum(blob: str | None) -> str | None:
    return blob and hashlib.md5(blob.encode()).hexdigest()


def _baseline(id_: str, blobs: dict[str, str | None], start: float) -> Baseline:
    when = to_rfc3339(start)
    files = {path: {"blob": blob, "checksum": _checksum(blob), "dirty": False} for path, blob in blobs.items()}
    tip = _blob("commit", 0)
    return Baseline(id_, when, when, "main", "main", tip, "init", files, [tip], list(blobs))


def _consolidation(id_: str, pending: list[str], now: float) -> Consolidation:
    conditions = {"pending_changes": len(pending), "threshold": THRESHOLD}
    return Consolidation(id_, to_rfc3339(now), to_rfc3339(now), "threshold", conditions, pending, "hook")


def _attribution(id_: str, change: Change, now: float, dice: random.Random) -> Attribution:
    """The commit of an edit that the poller saw."""
    return Attribution(
        id=id_,
        timestamp=to_rfc3339(now - 2),
        recorded=to_rfc3339(now),
        file_path=change.file_path,
        event_ids=[change.id],
        reason="own",
        carried_from=[],
        agent_owner=None,
        evidence=[],
        confidence=0.0,
        also=[],
        author=_author(dice),
        committed_by=None,
        source="hook",
        worktree="main",
        branch="main",
        commit=_blob("commit", int(now)),
        old_blob=change.old_blob,
        new_blob=change.new_blob,
    )


def _author(dice: random.Random) -> str:
    name = dice.choice(NAMES)
    return f"{name} <{name.split()[0].lower()}@example.org>"


def _change(id_: str, path: str, file_type: str, old: str | None, new: str, now: float, dice: random.Random) -> Change:
    agent = dice.choice(AGENTS)
    committed = dice.random() < 0.75
    evidence = [{"kind": "trailer", "signal": "Co-Authored-By", "agent": agent}] if agent else []
    return Change(
        id=id_,
        timestamp=to_rfc3339(now - dice.randrange(10)),
        recorded=to_rfc3339(now),
        file_path=path,
        file_type=file_type,
        event_type=event_type(old, new),
        old_checksum=_checksum(old),
        new_checksum=_checksum(new),
        agent_owner=agent,
        evidence=evidence,
        confidence=0.9 if agent else 0.0,
        also=[],
        author=_author(dice) if committed else None,
        source="hook" if committed else "watch",
        worktree="main",
        branch="main",
        commit=_blob("commit", int(now)) if committed else None,
        old_blob=old,
        new_blob=new,
    )


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) if sys.argv[3:] else START)
