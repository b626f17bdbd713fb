"""Events that are about to be appended, on top of the ledger: what is judged next already sees them."""

from __future__ import annotations

from agentsync.ledger.events import Baseline, Change, Event
from agentsync.ledger.state import Fold, Known, Shelved
from agentsync.ledger.view import View, keys


class Drafts:
    """A view of the ledger with these events already in it."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.events: list[Event] = []
        self.fold = Fold(view.state)
        self._by_key: dict[tuple[str, ...], list[Event]] = {}

    def add(self, event: Event) -> None:
        """One more event to append."""
        self.events.append(event)
        self.fold.add(event)
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


def _next_id(id_: str) -> str:
    """An id that is always the same for the same event, so that a repeated attempt writes nothing twice."""
    last = int(id_[-12:], 16) ^ 1
    return f"{id_[:-12]}{last:012x}"
