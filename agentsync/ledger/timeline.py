"""Who changed how much on which day: a fold of the ledger, for those who look.

Days are those of UTC. What is kept is bounded: a day counts by agent, whatever the number of its changes.
"""

from collections.abc import Callable
from typing import Any, Self, TypedDict

from agentsync.ledger.events import Attribution, Change, DamagedError, decode, to_rfc3339
from agentsync.ledger.log import Follower, Ledger
from agentsync.ledger.view import Cursor, Tally

DAY = 24 * 3600  # seconds
STEP = 1 << 16  # bytes that are read through rather than halved
A_DAY = len("2025-10-10")  # of a time in UTC; these sort as text
DAYS = 30  # shown, and kept of those in which something happened
OWNERLESS = 5000  # changes whose owner a commit may still tell
UNKNOWN = "unknown"


class Timeline:
    """The fold: `add` takes events in the order of the ledger, as often as new ones come."""

    def __init__(self) -> None:
        self.changes: dict[str, dict[str, int]] = {}  # day, agent
        self._ownerless: dict[str, str] = {}  # change to its day

    def add(self, event: Any) -> None:
        """Take one event in."""
        fold = FOLDS.get(event.kind)
        if fold:
            fold(self, event)

    def change(self, event: Change) -> None:
        """Counted on the day on which it was made, as far as its author's clock is to be believed."""
        day = min(event.timestamp, event.recorded)[:A_DAY]
        if len(self.changes) >= DAYS and day not in self.changes:
            # Not by a clock: one that was wrong for a day must not empty the page.
            oldest = min(self.changes)
            if day < oldest:
                return
            del self.changes[oldest]
        agent = event.agent_owner or UNKNOWN
        _count(self.changes.setdefault(day, {}), agent, 1)
        if event.agent_owner is None:
            self._ownerless[event.id] = day
            if len(self._ownerless) > OWNERLESS:
                del self._ownerless[next(iter(self._ownerless))]

    def attribution(self, event: Attribution) -> None:
        """A commit may tell whose a change was."""
        if event.agent_owner is None:
            return
        for id_ in event.event_ids:
            counts = self.changes.get(self._ownerless.pop(id_, ""), {})
            if counts.get(UNKNOWN):
                _count(counts, UNKNOWN, -1)
                _count(counts, event.agent_owner, 1)


FOLDS: dict[str, Callable[[Timeline, Any], None]] = {"change": Timeline.change, "attribution": Timeline.attribution}


class Agent(TypedDict):
    """An agent: how many changes it made, and on each of the days (the last one is today)."""

    agent: str
    changes: int
    days: list[int]


class Shown(TypedDict):
    """`GET /api/sync/timeline`: thirty days, from `since` to `until`, by agent."""

    since: str
    until: str
    changes: int
    agents: list[Agent]


def to_json(timeline: Timeline, now: float) -> Shown:
    """The 30 days up to that of `now` (seconds since 1970); who changed something on the latest day comes first.

    It is the same for a whole day if nothing new has come.
    """
    today = int(now) // DAY * DAY
    days = [to_rfc3339(today - ago * DAY)[:A_DAY] for ago in reversed(range(DAYS))]
    names = {name for day in days for name in timeline.changes.get(day, {})}
    agents = [_agent(timeline, name, days) for name in sorted(names)]
    agents.sort(key=lambda one: one["days"][::-1], reverse=True)
    return Shown(since=days[0], until=days[-1], changes=sum(one["changes"] for one in agents), agents=agents)


def _agent(timeline: Timeline, name: str, days: list[str]) -> Agent:
    counts = [timeline.changes.get(day, {}).get(name, 0) for day in days]
    return Agent(agent=name, changes=sum(counts), days=counts)


def _count(counts: dict[str, int], key: str, more: int) -> None:
    counts[key] = counts.get(key, 0) + more
    if not counts[key]:
        del counts[key]


class Recent:
    """The timeline of a ledger, kept up to date; what is older is not read. Not for two threads at once."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.follower: Follower | None = None

    def catch_up(self, now: float) -> Self:
        """Take in what has been appended since; `now` is in seconds since 1970. Raises LedgerError."""
        if self.follower is None or self.follower.is_lost():
            self.follower = Follower(self.ledger, offset_at(self.ledger, now - DAYS * DAY))
            self.timeline, self.tally = Timeline(), Tally(Cursor())
        for offset, line in self.follower.new():
            event = self.tally.add(offset, line)
            if event:
                self.timeline.add(event)
        return self

    def to_json(self, now: float) -> Shown:
        """The timeline as it is shown at `now`."""
        return to_json(self.timeline, now)


def offset_at(ledger: Ledger, since: float) -> int:
    """An offset of a line that no record of `since` (seconds since 1970) or later stands before.

    Found by halving, as the clock of the records never goes back.
    """
    low, high = 0, ledger.size()
    while high - low > STEP:
        middle = (low + high) // 2
        lines = ledger.lines(middle)
        next(lines, None)  # the end of a line
        at, line = next(lines, (high, b""))
        recorded = _recorded(line)
        if recorded is None or at >= high:
            break
        low, high = (at, high) if recorded < since else (low, middle)
    return low


def _recorded(line: bytes) -> float | None:
    try:
        return int(decode(line)[0].clock[:12], 16) / 1000
    except DamagedError:
        return None
