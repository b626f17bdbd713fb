"""State is a fold of the ledger: `apply(event, state)`, `replay(events, state)`. Pure.

What grows with the number of records (which edit is known from which commit, where a record lies) is not state but an
index (`index.py`), so that a hook costs the same at 100 and at 1,000,000 records.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

from agentsync.ledger.events import (
    Attribution,
    Baseline,
    Change,
    Claim,
    Consolidation,
    Dismissal,
    Event,
    Handoff,
    Overlaps,
    Release,
    is_past,
)

EDITS = 256  # of one uncommitted content that are kept by id; of a file that is never committed, the newest
UNOWNED = 128  # changes without an owner that are remembered until a commit names one: the newest
SHELF = 64  # contents kept per worktree and path; a stash older than that many others counts as a new edit
CLAIMS = 64  # that were not released and are remembered: the newest
DISMISSED = 256  # overlaps that need nobody's care and are remembered: the newest
HANDOFFS = 64  # sessions that have handed over and are remembered: the newest


T = TypeVar("T")


class Known(NamedTuple):
    """The content that a path of a worktree is known to have; `dirty`: uncommitted, by the changes `edits`."""

    blob: str | None
    checksum: str | None
    dirty: bool
    edits: tuple[str, ...]


class Shelved(NamedTuple):
    """A content that was known, never committed, and is not there now: stashed, reset or undone."""

    blob: str | None
    edits: tuple[str, ...]


class Pending(NamedTuple):
    """A change that no consolidation covers yet."""

    file_path: str
    file_type: str
    event_type: str
    timestamp: str
    old_checksum: str | None
    new_checksum: str | None
    agent_owner: str | None
    author: str | None


class Latest(NamedTuple):
    """The newest change of a path."""

    id: str
    timestamp: str
    event_type: str
    agent_owner: str | None
    author: str | None


class Consolidated(NamedTuple):
    """The newest consolidation."""

    id: str
    timestamp: str
    recorded: str
    trigger_type: str
    changes: int


class Claimed(NamedTuple):
    """A claim that nobody has released; it may have expired since."""

    paths: tuple[str, ...]
    expires: str
    timestamp: str
    agent_owner: str | None
    session: str | None
    process: str | None
    worktree: str | None
    branch: str | None


class Overlapped(NamedTuple):
    """A document that two lines of work change, as the last report has it; `one` and `other` made the edits."""

    id: str
    file_path: str
    level: str
    one: str
    other: str


class Page(NamedTuple):
    """The newest record that a report shows (a consolidation, a claim, a release, overlaps), and when it was made."""

    id: str
    recorded: str


class State(NamedTuple):
    """Everything that the ledger says now, but for its history. Maps are nested by worktree, then path."""

    known: dict[str, dict[str, Known]] = {}
    shelf: dict[str, dict[str, tuple[Shelved, ...]]] = {}
    pending: dict[str, Pending] = {}
    latest: dict[str, Latest] = {}
    last: Consolidated | None = None
    since: str | None = None  # when the first baseline was recorded
    tips: tuple[str, ...] = ()  # all that is reachable from these commits was seen when watching began
    watch: tuple[str, ...] = ()  # the paths and globs that have a baseline
    changes: dict[str, dict[str, int]] = {}  # file type, owner as recorded ("" for unknown)
    attributed: dict[str, dict[str, int]] = {}  # of the unknown, whose owner a later commit told: file type, owner
    unowned: dict[str, str] = {}  # the newest of the unknown: id to file type
    consolidations: dict[str, int] = {}  # trigger type
    sources: dict[str, int] = {}  # who saw the changes
    taken_in: int = 0  # changes from before watching began that stand before the first consolidation
    claims: dict[str, Claimed] = {}  # by id: the newest that were not released
    handoffs: dict[str, str] = {}  # session to when it handed over: the newest
    overlaps: tuple[Overlapped, ...] = ()  # as of the last report
    dismissed: dict[str, str] = {}  # id of an overlap to when somebody said that it needs nobody's care: the newest
    page: Page | None = None


def apply(event: Event, state: State) -> State:
    """The state after one more event."""
    return replay((event,), state)


def replay(events: Iterable[Event], state: State) -> State:
    """The state after these events."""
    fold = Fold(state)
    for event in events:
        fold.add(event)
    return fold.state()


class Fold:
    """A state under construction: its own copies of the maps, changed in place."""

    def __init__(self, state: State) -> None:
        self.fixed = state  # what is not copied below
        self.known = _copied(state.known)
        self.shelf = _copied(state.shelf)
        self.pending = dict(state.pending)
        self.latest = dict(state.latest)
        self.last = state.last
        self.changes = _copied(state.changes)
        self.attributed = _copied(state.attributed)
        self.unowned = dict(state.unowned)
        self.consolidations = dict(state.consolidations)
        self.sources = dict(state.sources)
        self.claims = dict(state.claims)
        self.handoffs = dict(state.handoffs)
        self.overlaps = state.overlaps
        self.dismissed = dict(state.dismissed)
        self.page = state.page

    def add(self, event: Event) -> None:
        """Take one event in."""
        FOLDS[event.kind](self, event)

    def state(self) -> State:
        """What has come of it."""
        return self.fixed._replace(
            known=_copied(self.known),
            shelf=_copied(self.shelf),
            pending=dict(self.pending),
            latest=dict(self.latest),
            last=self.last,
            changes=_copied(self.changes),
            attributed=_copied(self.attributed),
            unowned=dict(self.unowned),
            consolidations=dict(self.consolidations),
            sources=dict(self.sources),
            claims=dict(self.claims),
            handoffs=dict(self.handoffs),
            overlaps=self.overlaps,
            dismissed=dict(self.dismissed),
            page=self.page,
        )

    def change(self, event: Change) -> None:
        """Somebody's edit: pending from now on, and the content of its worktree is known."""
        path, worktree = event.file_path, event.worktree
        _count(self.changes.setdefault(event.file_type, {}), event.agent_owner or "")
        if is_past(event):
            self._past(event)
            return
        _count(self.sources, event.source)
        self.pending[event.id] = Pending(
            path,
            event.file_type,
            event.event_type,
            event.timestamp,
            event.old_checksum,
            event.new_checksum,
            event.agent_owner,
            event.author,
        )
        self._newest(event)
        if event.agent_owner is None:
            self.unowned[event.id] = event.file_type
            _keep_newest(self.unowned, UNOWNED)
        if worktree is None:
            return
        if event.commit is None:
            before = self._known(worktree, path)
            edits = (*before.edits, event.id)[-EDITS:] if before and before.dirty else (event.id,)
            self._know(worktree, path, Known(event.new_blob, event.new_checksum, True, edits))
        else:
            self._settle(worktree, path, Known(event.new_blob, event.new_checksum, False, ()))

    def _past(self, event: Change) -> None:
        """An edit from before watching began: never pending, and nothing that is known comes from it."""
        latest = self.latest.get(event.file_path)
        if latest is None or latest.timestamp <= event.timestamp:
            self._newest(event)
        if self.last is None:
            self.fixed = self.fixed._replace(taken_in=self.fixed.taken_in + 1)

    def _newest(self, event: Change) -> None:
        self.latest[event.file_path] = Latest(
            event.id, event.timestamp, event.event_type, event.agent_owner, event.author
        )

    def attribution(self, event: Attribution) -> None:
        """A commit carries known edits: they are not uncommitted any more, and may have found their owner."""
        if event.worktree is not None and event.reason == "own":
            known = self._known(event.worktree, event.file_path)
            if known and known.blob == event.new_blob:
                self._know(event.worktree, event.file_path, Known(known.blob, known.checksum, False, ()))
            else:
                self._unshelve(event.worktree, event.file_path, event.new_blob)
        if event.agent_owner is None:
            return
        for id_ in event.event_ids:
            file_type = self.unowned.pop(id_, None)
            if file_type is not None:
                _count(self.attributed.setdefault(file_type, {}), event.agent_owner)
            pending = self.pending.get(id_)
            if pending and pending.agent_owner is None:
                self.pending[id_] = pending._replace(agent_owner=event.agent_owner)
            latest = self.latest.get(event.file_path)
            if latest and latest.id == id_ and latest.agent_owner is None:
                self.latest[event.file_path] = latest._replace(agent_owner=event.agent_owner)

    def baseline(self, event: Baseline) -> None:
        """Known content, by nobody's edit."""
        for path, file in event.files.items():
            edits: tuple[str, ...] = ()
            if file["dirty"]:
                shelved = self._unshelve(event.worktree, path, file["blob"])
                edits = shelved.edits if shelved else ()
            self._settle(event.worktree, path, Known(file["blob"], file["checksum"], file["dirty"], edits))
        if event.tips is not None:
            self.fixed = self.fixed._replace(tips=tuple(event.tips), since=self.fixed.since or event.recorded)
        if event.watch is not None:
            self.fixed = self.fixed._replace(watch=tuple(event.watch))

    def consolidation(self, event: Consolidation) -> None:
        """What it covers is no longer pending."""
        for id_ in event.event_ids:
            self.pending.pop(id_, None)
        _count(self.consolidations, event.trigger_type)
        self.last = Consolidated(event.id, event.timestamp, event.recorded, event.trigger_type, len(event.event_ids))
        self.page = Page(event.id, event.recorded)

    def claim(self, event: Claim) -> None:
        """It takes the place of what the same session has claimed there before."""
        fields = event._asdict()
        claimed = Claimed(
            **{name: fields[name] for name in Claimed._fields if name != "paths"}, paths=tuple(event.paths)
        )
        for id_, before in list(self.claims.items()):
            if before.expires <= event.timestamp or (
                _speaker(before) == _speaker(claimed) and set(before.paths) <= set(claimed.paths)
            ):
                del self.claims[id_]
        self.claims[event.id] = claimed
        _keep_newest(self.claims, CLAIMS)
        self.page = Page(event.id, event.recorded)

    def release(self, event: Release) -> None:
        """These claims are over."""
        for id_ in event.claims:
            self.claims.pop(id_, None)
        self.page = Page(event.id, event.recorded)

    def handoff(self, event: Handoff) -> None:
        """A session has said what it leaves."""
        if event.session:
            self.handoffs.pop(event.session, None)
            self.handoffs[event.session] = event.timestamp
            _keep_newest(self.handoffs, HANDOFFS)

    def overlapping(self, event: Overlaps) -> None:
        """What a report shows of them from now on."""
        found = (tuple(one.get(name, "") for name in Overlapped._fields) for one in event.overlaps)
        self.overlaps = tuple(Overlapped(*one) for one in found)
        self.page = Page(event.id, event.recorded)

    def dismissal(self, event: Dismissal) -> None:
        """This overlap is not shown any more."""
        self.dismissed[event.overlap] = event.timestamp
        _keep_newest(self.dismissed, DISMISSED)
        if any(one.id == event.overlap for one in self.overlaps):
            self.overlaps = tuple(one for one in self.overlaps if one.id != event.overlap)
            self.page = Page(event.id, event.recorded)

    def _known(self, worktree: str, path: str) -> Known | None:
        return self.known.get(worktree, {}).get(path)

    def _know(self, worktree: str, path: str, known: Known) -> None:
        self.known.setdefault(worktree, {})[path] = known

    def _settle(self, worktree: str, path: str, known: Known) -> None:
        """Replace what is known; an uncommitted content that vanishes by this goes on the shelf."""
        before = self._known(worktree, path)
        if before and before.dirty and before.blob != known.blob:
            self._unshelve(worktree, path, before.blob)
            paths = self.shelf.setdefault(worktree, {})
            paths[path] = (*paths.get(path, ()), Shelved(before.blob, before.edits))[-SHELF:]
        self._know(worktree, path, known)

    def _unshelve(self, worktree: str, path: str, blob: str | None) -> Shelved | None:
        """Take a content off the shelf; None if it does not lie there."""
        lying = self.shelf.get(worktree, {}).get(path, ())
        found = next((shelved for shelved in lying if shelved.blob == blob), None)
        if found:
            left = tuple(shelved for shelved in lying if shelved is not found)
            self.shelf[worktree].pop(path)
            if left:
                self.shelf[worktree][path] = left
        return found


FOLDS: dict[str, Callable[[Fold, Any], None]] = {
    "change": Fold.change,
    "attribution": Fold.attribution,
    "baseline": Fold.baseline,
    "consolidation": Fold.consolidation,
    "claim": Fold.claim,
    "release": Fold.release,
    "handoff": Fold.handoff,
    "overlaps": Fold.overlapping,
    "dismissal": Fold.dismissal,
}


def _speaker(claimed: Claimed) -> tuple[str | None, ...]:
    return claimed.agent_owner, claimed.session, claimed.worktree


def _keep_newest(entries: dict[str, Any], most: int) -> None:
    while len(entries) > most:
        del entries[next(iter(entries))]


def _count(counts: dict[str, int], key: str) -> None:
    counts[key] = counts.get(key, 0) + 1


def _copied(maps: dict[str, dict[str, T]]) -> dict[str, dict[str, T]]:
    return {key: dict(inner) for key, inner in maps.items()}
