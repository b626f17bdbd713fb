"""The ledger seen from its newest line: folded state, the cursor it is valid for, and an index of what is not state.

The checkpoint (`checkpoint.json`: cursor and state; `index`: where a record lies) saves the replay of old lines.
It may be deleted at any time. It is never what makes the program correct: a checkpoint that does not fit the ledger is
thrown away and made anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from agentsync.base import files, strict_json
from agentsync.base.crash import crash
from agentsync.base.errors import LockedError
from agentsync.ledger.events import CLOCK_ZERO, Attribution, Change, Consolidation, DamagedError, Event, decode
from agentsync.ledger.log import NO_LINE, Ledger, line_hash
from agentsync.ledger.positions import Positions, SpoiltError, add, hash_of, reach_of
from agentsync.ledger.state import Consolidated, Fold, Known, Latest, Pending, Shelved, State

FORMAT = 4  # another one is thrown away
INDEX = "index"
RECENT = 64  # consolidations that are found without reading the ledger
LOCK = "checkpoint.lock"
STRIDE = 32  # records after which a checkpoint is worth writing
CHUNK = 50_000  # records between two checkpoints of a long catching up
PROBLEMS = 20  # damaged lines kept by offset; `verify` lists them all


@dataclass(frozen=True)
class Cursor:
    """How far the ledger is folded: bytes, the last line's hash and length, and what the next record's stamp needs."""

    offset: int = 0
    prev: str = NO_LINE
    length: int = 0
    clock: str = CLOCK_ZERO
    writers: dict[str, int] = field(default_factory=dict)  # the last `seq` of each
    records: int = 0
    damaged: tuple[int, ...] = ()  # offsets of lines that are no records
    unknown: int = 0  # records of kinds that this version does not know
    consolidations: tuple[int, ...] = ()  # offsets of the newest


class IndexLostError(Exception):
    """The index on disk is gone, damaged, or knows less than the checkpoint says."""


class View:
    """State and index after every line up to `cursor.offset`. `with_index=False` for those who only show the state."""

    def __init__(self, ledger: Ledger, *, with_index: bool = True) -> None:
        self.ledger = ledger
        self.inode = ledger.inode()
        self.cursor, self.state = _load(ledger, self.inode) or (Cursor(), State())
        self.saved = self.cursor
        self.index = Index(ledger, self.cursor.offset) if with_index else None

    def catch_up(self) -> View:
        """Fold what has been appended since. Long stretches are checkpointed on the way."""
        inode = self.ledger.inode()
        if inode != self.inode or self.ledger.size() < self.cursor.offset:
            self.inode = inode
            self._begin_anew()
        while self._fold(self.ledger.lines(self.cursor.offset)) == CHUNK:
            self.save()
        return self

    def _begin_anew(self) -> None:
        self.cursor, self.state, self.saved = Cursor(), State(), Cursor()
        if self.index:
            self.index = Index(self.ledger, 0)

    def _fold(self, lines: Iterable[tuple[int, bytes]]) -> int:
        fold, tally = Fold(self.state), Tally(self.cursor)
        taken = 0
        for offset, line in lines:
            event = tally.add(offset, line)
            if event:
                fold.add(event)
                if self.index:
                    self.index.add(event, offset)
            taken += 1
            if taken == CHUNK and self.index:
                break
        self.cursor, self.state = tally.cursor(), fold.state()
        return taken

    def save_if_worth(self) -> None:
        """Write it if so much has come since the last checkpoint that the next reader would feel it."""
        if self.cursor.records - self.saved.records >= STRIDE:
            self.save()

    def save(self) -> None:
        """Write the checkpoint; index first, so that it is never behind. Failing costs time, nothing else."""
        if self.index is None:
            return
        try:
            # Two at once would pull the index from under each other. Whoever comes second leaves it to the first.
            with files.Locked(f"{self.ledger.store}/{LOCK}", 0, "the checkpoint"):
                self._save(self.index)
        except (OSError, LockedError):
            return

    def _save(self, index: Index) -> None:
        if not index.save(self.saved.offset, self.cursor.offset):
            return
        crash("checkpoint")
        flat = {"format": FORMAT, "inode": self.inode, "cursor": vars(self.cursor), "state": vars(self.state)}
        files.replace_file(
            _path(self.ledger), json.dumps(flat, default=_values, separators=(",", ":"), ensure_ascii=False).encode()
        )
        self.saved = self.cursor

    def consolidations(self, newest: int) -> list[Consolidation]:
        """The newest consolidations (0: all), newest first."""
        every = sum(self.state.consolidations.values())
        offsets: Iterable[int] = self.cursor.consolidations[-newest:]
        if newest == 0 or min(newest, every) > len(self.cursor.consolidations):
            offsets = [at for at, line in self.ledger.lines() if MARK in line and at < self.cursor.offset][-newest:]
        events = (self.event_at(offset) for offset in offsets)
        return [event for event in events if isinstance(event, Consolidation)][::-1]

    def event_at(self, offset: int) -> Event | None:
        """The event of the record that begins at an offset, if one does."""
        try:
            return decode(self.ledger.line_at(offset))[1]
        except (DamagedError, StopIteration):
            return None

    def events(self, *key: str) -> list[Event]:
        """The events under an index key (see `keys`), newest first."""
        if self.index is None:
            raise ValueError("this view has no index")
        try:
            return self._events(self.index, key)
        except IndexLostError:
            self.index = self._reindexed()
            return self._events(self.index, key)

    def _events(self, index: Index, key: tuple[str, ...]) -> list[Event]:
        found = []
        for offset in index.offsets(key):
            try:
                event = decode(self.ledger.line_at(offset))[1]
            except (DamagedError, StopIteration):
                raise IndexLostError from None  # no record begins where the index says
            if event and key in keys(event):  # the index holds hashes of keys
                found.append(event)
        return found

    def _reindexed(self) -> Index:
        """An index made from the ledger alone, up to where the state is; the next `save` replaces the one on disk."""
        index, tally = Index(self.ledger, 0), Tally(Cursor())
        for offset, line in self.ledger.lines():
            if offset >= self.cursor.offset:
                break
            event = tally.add(offset, line)
            if event:
                index.add(event, offset)
        self.saved = Cursor()
        return index


class Tally:
    """A cursor under construction."""

    def __init__(self, cursor: Cursor) -> None:
        self.start = cursor
        self.offset, self.last, self.clock = cursor.offset, b"", cursor.clock
        self.writers, self.damaged = dict(cursor.writers), list(cursor.damaged)
        self.records, self.unknown = cursor.records, cursor.unknown
        self.consolidations = cursor.consolidations

    def add(self, offset: int, line: bytes) -> Event | None:
        """Take a line in; its event, if it is one that has not been there and that this version knows."""
        self.offset, self.last = offset + len(line) + 1, line
        try:
            stamp, event = decode(line)
        except DamagedError:
            self.damaged = [*self.damaged, offset][:PROBLEMS]
            return None
        self.clock = max(self.clock, stamp.clock)
        if stamp.seq <= self.writers.get(stamp.writer, 0):
            return None  # stands twice: a writer counts upwards
        self.writers[stamp.writer] = stamp.seq
        self.records += 1
        self.unknown += event is None
        if isinstance(event, Consolidation):
            self.consolidations = (*self.consolidations, offset)[-RECENT:]
        return event

    def cursor(self) -> Cursor:
        """How far it has come."""
        if self.offset == self.start.offset:
            return self.start
        return Cursor(
            self.offset,
            line_hash(self.last),
            len(self.last),
            self.clock,
            self.writers,
            self.records,
            tuple(self.damaged),
            self.unknown,
            self.consolidations,
        )


MARK = b'"kind":"consolidation"'


def keys(event: Event) -> list[tuple[str, ...]]:
    """Under which keys an event can be found again. A new question to the ledger's past is one line here."""
    found: list[tuple[str, ...]] = [("id", event.id)]
    if isinstance(event, Attribution) and event.reason == "noted":
        found.append(("noted", event.commit, event.file_path))
    elif isinstance(event, (Change, Attribution)) and event.commit is not None:
        found.append(("commit", event.commit, event.file_path))
        found.append(("from", event.file_path, event.old_blob or ""))
        found.append(("at", event.file_path, event.timestamp))
    if isinstance(event, Attribution):
        found.extend(("attributed", id_) for id_ in event.event_ids)
        found.extend(("carried", commit, event.file_path) for commit in event.carried_from)
    return found


class Index:
    """Key to offsets: what is new in memory, what is old in a table on disk.

    `old`: every line before this offset is found in the table alone.
    """

    def __init__(self, ledger: Ledger, old: int) -> None:
        self.path = f"{ledger.store}/{INDEX}"
        self.old = old
        self.new: dict[tuple[str, ...], list[int]] = {}

    def add(self, event: Event, offset: int) -> None:
        """Remember where an event lies."""
        for key in keys(event):
            self.new.setdefault(key, []).append(offset)

    def offsets(self, key: tuple[str, ...]) -> list[int]:
        """Where events under the key may lie, newest first. Raises IndexLostError."""
        found = set(self.new.get(key, ()))
        if self.old:
            found.update(self._stored(hash_of(key)))
        return sorted(found, reverse=True)

    def _stored(self, hash_: bytes) -> list[int]:
        try:
            # Opened for each question: a program that runs for weeks makes many views and closes none.
            with Positions(self.path) as table:
                if table.reach < self.old:
                    raise IndexLostError
                return table.find(hash_)
        except (OSError, SpoiltError):
            raise IndexLostError from None

    def save(self, since: int, until: int) -> bool:
        """Move what is new, which begins at `since`, into the table. False if that was not possible.

        The table may reach beyond `since`: somebody was killed before the checkpoint was written.
        """
        rows = {(hash_of(key), offset) for key, offsets in self.new.items() for offset in offsets}
        try:
            if since and reach_of(self.path) < since:
                return False
            add(self.path, rows, until, anew=since == 0)
        except (OSError, SpoiltError):
            return False
        self.new.clear()
        self.old = until
        return True


def _values(value: object) -> list[object]:
    """A frozen value as an array."""
    return list(vars(value).values())


def _path(ledger: Ledger) -> str:
    return f"{ledger.store}/checkpoint.json"


def _load(ledger: Ledger, inode: int) -> tuple[Cursor, State] | None:
    """The checkpoint, if it fits the ledger: same file, and the line it ends with is still there."""
    try:
        flat = strict_json.load(_path(ledger))
        said = flat["cursor"]
        tuples = {name: tuple(said[name]) for name in ("damaged", "consolidations")}
        cursor = Cursor(**{**said, **tuples})
        if flat["format"] != FORMAT or flat["inode"] != inode or not _ends_there(ledger, cursor):
            return None
        return cursor, _state(flat["state"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _ends_there(ledger: Ledger, cursor: Cursor) -> bool:
    with open(ledger.path, "rb") as file:
        file.seek(max(0, cursor.offset - cursor.length - 1))
        line = file.read(cursor.length + 1)
    return line[-1:] == b"\n" and line_hash(line[:-1]) == cursor.prev


def _state(flat: dict[str, Any]) -> State:
    """A state out of JSON, where each frozen value is an array."""
    return State(
        **{
            **flat,
            "known": {w: {p: _known(k) for p, k in paths.items()} for w, paths in flat["known"].items()},
            "shelf": {w: {p: tuple(map(_shelved, s)) for p, s in paths.items()} for w, paths in flat["shelf"].items()},
            "pending": {id_: Pending(*values) for id_, values in flat["pending"].items()},
            "latest": {path: Latest(*values) for path, values in flat["latest"].items()},
            "last": Consolidated(*flat["last"]) if flat["last"] else None,
            "tips": tuple(flat["tips"]),
            "watch": tuple(flat["watch"]),
        }
    )


def _known(values: list[Any]) -> Known:
    blob, checksum, dirty, edits = values
    return Known(blob, checksum, dirty, tuple(edits))


def _shelved(values: list[Any]) -> Shelved:
    blob, edits = values
    return Shelved(blob, tuple(edits))
