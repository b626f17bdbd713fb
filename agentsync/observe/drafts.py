"""Events that are about to be appended, on top of the ledger: what is judged next already sees them."""

from collections.abc import Iterable
from typing import Any

from agentsync.ledger.events import Attribution, Baseline, Change, Claim, Dismissal, Event, Handoff, Release
from agentsync.ledger.index import keys
from agentsync.ledger.notes import Observations
from agentsync.ledger.state import Fold, Known, Shelved
from agentsync.ledger.view import View


class Drafts:
    """A view of the ledger with these events already in it."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.events: list[Event] = []
        self.fold = Fold(view.state)
        self.made: set[tuple[str, str | None]] = set()  # path and blob that some edit has left
        self.portions: dict[tuple[str, str], Any] = {}  # by path and last commit: the known edits behind all of them
        self._by_key: dict[tuple[str, ...], list[Event]] = {}

    def add(self, event: Event) -> None:
        """One more event to append."""
        self.events.append(event)
        self.fold.add(event)
        if isinstance(event, (Change, Attribution)):
            self.made.add((event.file_path, event.new_blob))
        for key in keys(event):
            self._by_key.setdefault(key, []).insert(0, event)

    def find(self, *key: str) -> list[Event]:
        """The events under an index key, newest first."""
        return [*self._by_key.get(key, ()), *self.view.events(*key)]

    def known(self, worktree: str, path: str) -> Known | None:
        """What a path of a worktree is known to hold."""
        return self.fold.known.get(worktree, {}).get(path)

    def shelved(self, worktree: str, path: str, blob: str | None) -> Shelved | None:
        """The content that was there once, uncommitted, and may come back."""
        lying = self.fold.shelf.get(worktree, {}).get(path, ())
        return next((shelved for shelved in lying if shelved.blob == blob), None)

    def restore(self, event: Change, known: Known) -> None:
        """Say that what was known of the event's path still is: the event is older than that."""
        file = {"blob": known.blob, "checksum": known.checksum, "dirty": known.dirty}
        self.add(
            Baseline(
                id=_next_id(event.id),
                timestamp=event.timestamp,
                recorded="",
                worktree=event.worktree or "",
                branch=event.branch,
                commit=None,
                source=event.source,
                files={event.file_path: file},
            )
        )


def take_in(observations: Iterable[Observations], drafts: Drafts) -> None:
    """Draft what waits and is not known yet."""
    for note in observations:
        for event in note.events:
            if not drafts.find("id", event.id):
                _take_in(event, drafts)


def _take_in(event: Event, drafts: Drafts) -> None:
    """An observation of a file is old by now: it may set what is known only if nothing has changed that meanwhile."""
    if isinstance(event, (Change, Attribution)) and event.commit is not None:
        noted = isinstance(event, Attribution) and event.reason == "noted"
        if not drafts.find("noted" if noted else "commit", event.commit, event.file_path):
            drafts.add(event)
    elif isinstance(event, (Claim, Release, Handoff, Dismissal)):
        drafts.add(event)  # what somebody said
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


def _next_id(id_: str) -> str:
    """An id that is always the same for the same event, so that a repeated attempt writes nothing twice."""
    last = int(id_[-12:], 16) ^ 1
    return f"{id_[:-12]}{last:012x}"
