"""What is shown, made once for all who ask at the same time: the ledger replayed, what lies around it, the answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from agentsync.agents.overlaps import Overlap, overlaps
from agentsync.base import git
from agentsync.base.git import Clone
from agentsync.base.settings import Settings
from agentsync.ledger import notes
from agentsync.ledger.log import Ledger
from agentsync.ledger.state import State
from agentsync.ledger.timeline import Recent, Shown
from agentsync.ledger.view import Cursor, View
from agentsync.status import Survey
from agentsync.web.answers import Answer, Once

FRESH = 1.0  # seconds for which a survey serves, while nothing is appended
KEPT = 128  # answers of one snapshot


@dataclass(frozen=True)
class Snapshot:
    """What the ledger says and what lies around it, both as of one moment, and the answers made of that."""

    state: State
    cursor: Cursor
    survey: Survey
    answers: dict[Hashable, Once] = field(default_factory=dict, compare=False, repr=False)

    def made(self, key: Hashable) -> Answer | None:
        """The answer of this key, if somebody has asked for it."""
        once = self.answers.get(key)
        return once.made if once else None

    def answer(self, key: Hashable, make: Callable[[Snapshot], object]) -> Answer:
        """The JSON of `make(snapshot)`, made once for all who ask for this key."""
        once = self.answers.setdefault(key, Once())
        for oldest in list(self.answers)[:-KEPT]:
            self.answers.pop(oldest, None)
        return once.get(lambda: make(self))


class Snapshots:
    """The newest snapshot: whoever asks while one is being made shares the next one with all others who wait.

    `take_in` is called before one is made, and `look_around` says what lies around a state.
    """

    def __init__(
        self,
        clone: Clone,
        take_in: Callable[[State], None],
        look_around: Callable[[State], Survey],
        settings: Callable[[], Settings],
    ) -> None:
        self.clone = clone
        self.settings = settings
        self.take_in = take_in
        self.look_around = look_around
        self.ledger = Ledger(clone.store)
        self.view = View(self.ledger)
        self.recent = Recent(self.ledger)
        self._folders = notes.folders(clone, [clone.here] if clone.here else [])
        self._made: _Made | None = None
        self._expired = 0.0  # what was begun before serves nobody any more
        self._compared = View(self.ledger)
        self._making, self._counting, self._comparing = threading.Lock(), threading.Lock(), threading.Lock()

    def expire(self) -> None:
        """Look around anew, though the last one is young."""
        self._expired = time.monotonic()

    def fresh(self) -> Snapshot | None:
        """The last one, if nothing was appended or noted since and its survey is young; costs some `stat`."""
        made = self._made
        if made is None or made.begun < max(self._expired, time.monotonic() - FRESH) or made.stood != self._stands():
            return None
        return made.snapshot

    def newest(self) -> Snapshot:
        """One begun after this call, or one that still holds. Raises LedgerError."""
        asked = time.monotonic()
        found = self.fresh()
        if found:
            return found
        with self._making:
            made = self._made
            if made is None or (made.begun < max(asked, self._expired) and self.fresh() is None):
                made = self._made = self._make()
            return made.snapshot

    def timeline(self, now: float) -> Shown:
        """The timeline as of this call, as it is shown at `now` (seconds since 1970). Raises LedgerError."""
        with self._counting:
            return self.recent.catch_up(now).to_json(now)

    def overlaps(self, now: float) -> Sequence[Overlap]:
        """The overlaps at `now`: a branch may move while nothing is appended. Raises GitError, LedgerError."""
        self.newest()
        with self._comparing:
            return overlaps(self.clone, self._compared.catch_up(), self.settings(), now)

    def _make(self) -> _Made:
        self.take_in(self.view.catch_up().state)
        begun, stood = time.monotonic(), self._stands()
        view = self.view.catch_up()
        new = Snapshot(view.state, view.cursor, self.look_around(view.state))
        # Equal to the last one: its answers are right still.
        return _Made(begun, stood, self._made.snapshot if self._made and self._made.snapshot == new else new)

    def _stands(self) -> tuple[object, ...]:
        return self.ledger.inode(), self.ledger.size(), *map(git.signature, self._folders)


@dataclass(frozen=True)
class _Made:
    """A snapshot, when it was begun (monotonic seconds), and how ledger and notes stood by then."""

    begun: float
    stood: tuple[object, ...]
    snapshot: Snapshot
