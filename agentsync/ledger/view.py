"""The ledger seen from its newest line: folded state, the cursor it is valid for, and an index of what is not state.

The cache saves the replay of old lines. It is never what makes the program correct: what does not fit the ledger is
passed over and made anew.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from typing import Any, NamedTuple, Self

from agentsync.base import strict_json
from agentsync.base.crash import crash
from agentsync.ledger import index
from agentsync.ledger.cache import Cache, Reading, Update
from agentsync.ledger.events import CLOCK_ZERO, Consolidation, DamagedError, Event, decode
from agentsync.ledger.index import Buckets, LostError, keys
from agentsync.ledger.log import NO_LINE, End, Ledger, line_hash
from agentsync.ledger.state import Claimed, Consolidated, Fold, Known, Latest, Overlapped, Page, Pending, Shelved, State

PIECE = "state"  # of the cache
RECENT = 64  # consolidations that are found without reading the ledger
STRIDE = 32  # records after which the cache is worth writing
PROBLEMS = 20  # damaged lines kept by offset; `verify` lists them all


class Cursor(NamedTuple):
    """How far the ledger is folded, and what the next record's stamp needs."""

    offset: int = 0
    length: int = 0
    prev: str = NO_LINE
    clock: str = CLOCK_ZERO
    writers: dict[str, int] = {}  # the last `seq` of each
    records: int = 0
    damaged: tuple[int, ...] = ()  # offsets of lines that are no records
    unknown: int = 0  # records of kinds that this version does not know
    consolidations: tuple[int, ...] = ()  # offsets of the newest

    @property
    def end(self) -> End:
        """Where its newest line ends."""
        return End(self.offset, self.length, self.prev)


class Saved(NamedTuple):
    """What the cache has: a state, the cursor it is valid for, and the digest of the index's root; `digest` of all."""

    cursor: Cursor = Cursor()
    state: State = State()
    root: str = ""
    digest: str = ""


class View:
    """State and index after every line up to `cursor.offset`. Raises LedgerError where the ledger cannot be read."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.cache = Cache(ledger.store)
        self.inode = ledger.inode()
        self._spoilt = ""  # the digest of a cache whose index was lost
        self._root: bytes | None = None
        self._adopt(load(ledger, self.cache))
        self.cursor, self.state = self.saved.cursor, self.saved.state
        self.reached = self.cursor.offset  # while it catches up

    def catch_up(self) -> Self:
        """Fold what has been appended since."""
        inode = self.ledger.inode()
        if inode != self.inode or not self.ledger.holds(self.cursor.end):
            self.inode = inode
            self._adopt(Saved())
            self.cursor, self.state = Cursor(), State()
        fold, tally = Fold(self.state), Tally(self.cursor)
        for offset, event in records(self.ledger, tally):
            fold.add(event)
            self.reached = offset
        if tally.offset != self.cursor.offset:
            self.cursor, self.state = tally.cursor(), fold.state()
        return self

    def consolidations(self, newest: int) -> list[Consolidation]:
        """The newest consolidations (0: all), newest first."""
        every = sum(self.state.consolidations.values())
        offsets: Iterable[int] = self.cursor.consolidations[-newest:]
        if newest == 0 or min(newest, every) > len(self.cursor.consolidations):
            offsets = [at for at, line in self.ledger.lines() if _MARK in line and at < self.cursor.offset][-newest:]
        events = (self.event_at(offset) for offset in offsets)
        return [event for event in events if isinstance(event, Consolidation)][::-1]

    def event_at(self, offset: int) -> Event | None:
        """The event of the record that begins at an offset, if one does."""
        try:
            return decode(self.ledger.line_at(offset))[1]
        except (DamagedError, StopIteration):
            return None

    def events(self, *key: str) -> list[Event]:
        """The events under an index key (see `index.keys`), newest first."""
        return [event for _, event in self.placed(*key)]

    def placed(self, *key: str) -> list[tuple[int, Event]]:
        """The same with their offsets."""
        with suppress(LostError):
            return self._placed(key)
        found = load(self.ledger, self.cache)  # others may have saved meanwhile
        with suppress(LostError):
            self._adopt(found)
            return self._placed(key)
        self._spoilt = found.digest
        self._adopt(Saved())
        return self._placed(key)

    def _placed(self, key: tuple[str, ...]) -> list[tuple[int, Event]]:
        if self._root is None:
            self._root = index.root_of(self.saved.root, self.cache)
        for offset, event in records(self.ledger, self._indexed, self.cursor.offset):
            index.add(self._recent, event, offset)
        found = []
        for offset in sorted(index.find(key, self._root, self.cache, self._recent), reverse=True):
            if offset >= self.cursor.offset:
                continue  # of those who have saved more
            there = self.event_at(offset)
            if there is None:
                raise LostError
            if key in keys(there):  # the index holds hashes of keys
                found.append((offset, there))
        return found

    def _adopt(self, saved: Saved) -> None:
        """Begin the index with what is saved; `_recent` are the entries of what comes after it."""
        self.saved = saved
        self._root = None
        self._indexed = Tally(saved.cursor)
        self._recent: Buckets = {}

    def save_if_worth(self) -> None:
        """Write the cache if so much has come since that the next reader would feel it."""
        if self.cursor.records - self.saved.cursor.records >= STRIDE:
            self.save()

    def save(self) -> None:
        """Write the cache. Failing costs time, nothing else."""
        found = load(self.ledger, self.cache)
        known = found.digest and found.digest != self._spoilt
        if known and found.cursor.offset >= self.cursor.offset:
            self._adopt(found)
            return
        for before in (found, Saved()) if known else (Saved(),):
            with suppress(LostError):
                self._save_after(before)
                return

    def _save_after(self, before: Saved) -> None:
        """Write what came after `before`, unless others write meanwhile. Raises LostError."""
        stands = _digest(self.cache)
        more: Buckets = {}
        for offset, event in records(self.ledger, Tally(before.cursor), self.cursor.offset):
            index.add(more, event, offset)
        done: list[Saved] = []

        def act(update: Update) -> None:
            if _digest(update) != stands:
                return
            saved = Saved(self.cursor, self.state, index.save(update, more, before.root))
            data = _encode(saved, self.inode)
            update.write({PIECE: data})
            crash("cache")
            done.append(saved._replace(digest=sha256(data).hexdigest()))

        if self.cache.update(act) and done:
            self._adopt(done[0])


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
            len(self.last),
            line_hash(self.last),
            self.clock,
            dict(self.writers),
            self.records,
            tuple(self.damaged),
            self.unknown,
            self.consolidations,
        )


def records(ledger: Ledger, tally: Tally, until: int | None = None) -> Iterator[tuple[int, Event]]:
    """The events after a tally, up to the offset `until`, with their offsets; the tally takes them in."""
    if tally.offset == until:
        return
    for offset, line in ledger.lines(tally.offset):
        if until is not None and offset >= until:
            return
        event = tally.add(offset, line)
        if event:
            yield offset, event


def load(ledger: Ledger, cache: Cache) -> Saved:
    """What the cache has, if it fits the ledger: the same file, and the line it ends with is still there."""
    data = cache.read(PIECE)
    if data is None:
        return Saved()
    try:
        flat = strict_json.loads(data.decode())
        tuples = {name: tuple(flat["cursor"][name]) for name in ("damaged", "consolidations")}
        saved = Saved(
            Cursor(**{**flat["cursor"], **tuples}), _state(flat["state"]), flat["root"], sha256(data).hexdigest()
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return Saved()  # of another version
    return saved if flat["inode"] == ledger.inode() and ledger.holds(saved.cursor.end) else Saved()


def _digest(cache: Reading) -> str:
    return sha256(cache.read(PIECE) or b"").hexdigest()


def _encode(saved: Saved, inode: int) -> bytes:
    flat = {"inode": inode, "cursor": saved.cursor._asdict(), "state": saved.state._asdict(), "root": saved.root}
    return json.dumps(flat, separators=(",", ":"), ensure_ascii=False).encode()


def _state(flat: dict[str, Any]) -> State:
    """A state out of JSON, where each named tuple is an array."""
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
            "claims": {id_: Claimed(tuple(paths), *values) for id_, (paths, *values) in flat["claims"].items()},
            "overlaps": tuple(Overlapped(*one) for one in flat["overlaps"]),
            "page": Page(*flat["page"]) if flat["page"] else None,
        }
    )


def _known(values: list[Any]) -> Known:
    blob, checksum, dirty, edits = values
    return Known(blob, checksum, dirty, tuple(edits))


def _shelved(values: list[Any]) -> Shelved:
    blob, edits = values
    return Shelved(blob, tuple(edits))


_MARK = b'"kind":"consolidation"'
