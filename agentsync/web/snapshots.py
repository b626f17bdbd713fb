"""What is shown, made once for all who ask at the same time: the ledger replayed, and what lies around it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from agentsync.ledger.log import Ledger
from agentsync.ledger.state import State
from agentsync.ledger.view import Cursor, View
from agentsync.status import Survey

FRESH = 1.0  # seconds for which a survey serves, while the ledger stays as it is


@dataclass(frozen=True)
class Snapshot:
    """What the ledger says and what lies around it, both as of one moment. `number` counts those that differ."""

    number: int
    state: State
    cursor: Cursor
    survey: Survey


class Snapshots:
    """Snapshots: whoever asks while one is being made shares the next one with all others who wait."""

    def __init__(self, ledger: Ledger, look_around: Callable[[State], Survey]) -> None:
        self.ledger = ledger
        self.look_around = look_around
        self.view: View | None = None
        self.made: _Made | None = None
        self.expired = 0.0  # what was begun before serves nobody any more
        self.lock = threading.Lock()

    def expire(self) -> None:
        """Look around anew, though the last one is young."""
        self.expired = time.monotonic()

    def fresh(self) -> Snapshot | None:
        """The last one, if the ledger is as it was and its survey young."""
        made = self.made
        if made is None or made.begun < max(self.expired, time.monotonic() - FRESH) or made.stood != self._stands():
            return None
        return made.snapshot

    def at(self, asked: float) -> Snapshot:
        """One begun after `asked`, or one that still holds."""
        found = self.fresh()
        if found:
            return found
        with self.lock:
            made = self.made
            if made is None or (made.begun < max(asked, self.expired) and self.fresh() is None):
                made = self.made = self._make()
            return made.snapshot

    def _make(self) -> _Made:
        begun, stood = time.monotonic(), self._stands()
        self.view = (self.view or View(self.ledger, with_index=False)).catch_up()
        state, cursor = self.view.state, self.view.cursor
        around = self.look_around(state)
        last = self.made.snapshot if self.made else None
        if last is None or (state, cursor, around) != (last.state, last.cursor, last.survey):
            last = Snapshot(last.number + 1 if last else 1, state, cursor, around)
        return _Made(begun, stood, last)

    def _stands(self) -> tuple[int, int]:
        return self.ledger.inode(), self.ledger.size()


@dataclass(frozen=True)
class _Made:
    """A snapshot, when it was begun (monotonic seconds), and the ledger's inode and size by then."""

    begun: float
    stood: tuple[int, int]
    snapshot: Snapshot
