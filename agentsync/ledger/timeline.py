"""Changes by hour, agent and document, and the consolidations among them: a fold of the ledger, for those who look.

Hours are those of UTC. What is kept is bounded: an hour counts by agent, whatever the number of its changes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypedDict

from agentsync.ledger.events import Attribution, Change, Consolidation, DamagedError, decode, to_rfc3339
from agentsync.ledger.log import Follower, Ledger
from agentsync.ledger.view import Cursor, Tally

Span = tuple[str, str]  # the first hour and the last

HOUR = 3600  # seconds
STEP = 1 << 16  # bytes that are read through rather than halved
AN_HOUR, A_DAY = len("2025-10-10T15"), len("2025-10-10")  # of a time in UTC; these sort as text
HOURS = 30 * 24  # hours kept, of those in which something happened
FILES = 500  # documents kept, those that changed last
STRIPS = 100  # documents shown
OWNERLESS = 5000  # changes whose owner a commit may still tell
UNKNOWN = "unknown"


class Timeline:
    """The fold: `add` takes events in the order of the ledger, as often as new ones come."""

    def __init__(self) -> None:
        self.changes: dict[str, dict[str, int]] = {}  # hour, agent
        self.files: dict[str, dict[str, dict[str, int]]] = {}  # path, hour, agent; the one changed last comes last
        self.consolidations: dict[str, dict[str, int]] = {}  # hour, trigger
        self.consolidated: dict[str, int] = {}  # hour: changes covered
        self._ownerless: dict[str, tuple[str, str]] = {}  # change to its hour and path

    def add(self, event: Any) -> None:
        """Take one event in."""
        fold = FOLDS.get(event.kind)
        if fold:
            fold(self, event)

    def change(self, event: Change) -> None:
        """Counted in the hour in which it was made, as far as its author's clock is to be believed."""
        hour = min(event.timestamp, event.recorded)[:AN_HOUR]
        agent = event.agent_owner or UNKNOWN
        if not self._keeps(hour):
            return
        strip = self.files[event.file_path] = self.files.pop(event.file_path, {})
        _count(self.changes.setdefault(hour, {}), agent, 1)
        _count(strip.setdefault(hour, {}), agent, 1)
        if event.agent_owner is None:
            self._ownerless[event.id] = hour, event.file_path
        _shorten(self.files, FILES)
        _shorten(self._ownerless, OWNERLESS)
        self._forget()

    def attribution(self, event: Attribution) -> None:
        """A commit may tell whose a change was."""
        if event.agent_owner is None:
            return
        for id_ in event.event_ids:
            hour, path = self._ownerless.pop(id_, ("", ""))
            for counts in (self.changes.get(hour, {}), self.files.get(path, {}).get(hour, {})):
                if counts.get(UNKNOWN):
                    _count(counts, UNKNOWN, -1)
                    _count(counts, event.agent_owner, 1)

    def consolidation(self, event: Consolidation) -> None:
        """Counted in the hour in which it was recorded."""
        hour = event.recorded[:AN_HOUR]
        if self._keeps(hour):
            _count(self.consolidations.setdefault(hour, {}), event.trigger_type, 1)
            self.consolidated[hour] = self.consolidated.get(hour, 0) + len(event.event_ids)
            self._forget()

    def _keeps(self, hour: str) -> bool:
        return len(self.changes) < HOURS or hour in self.changes or hour > min(self.changes)

    def _forget(self) -> None:
        """Leave the oldest hour out. Not by a clock: one that was wrong for a day must not empty the page."""
        if len(self.changes) <= HOURS and len(self.consolidations) <= HOURS:
            return
        for counts in (self.changes, self.consolidations):
            _drop_oldest(counts, HOURS)
        for hour in self.consolidated.keys() - self.consolidations.keys():
            del self.consolidated[hour]
        for path, strip in list(self.files.items()):
            for hour in strip.keys() - self.changes.keys():
                del strip[hour]
            if not strip:
                del self.files[path]


FOLDS: dict[str, Callable[[Timeline, Any], None]] = {
    "change": Timeline.change,
    "attribution": Timeline.attribution,
    "consolidation": Timeline.consolidation,
}


class Agent(TypedDict):
    """How many changes an agent made."""

    agent: str
    changes: int


class Hour(TypedDict):
    """An hour: changes by agent, consolidations by trigger, and how many changes these covered."""

    hour: str
    changes: dict[str, int]
    consolidations: dict[str, int]
    consolidated: int


class StripDay(TypedDict):
    """A day of a document."""

    day: str
    changes: dict[str, int]


class StripHour(TypedDict):
    """An hour of a document."""

    hour: str
    changes: dict[str, int]


class Strip(TypedDict):
    """A document by the day, and its last day by the hour."""

    file_path: str
    changes: int
    days: list[StripDay]
    hours: list[StripHour]


class Shown(TypedDict):
    """`GET /api/sync/timeline`: thirty days. Hours in which nothing happened are left out."""

    since: str
    until: str
    changes: int
    consolidations: int
    agents: list[Agent]
    hours: list[Hour]
    files: list[Strip]


def to_json(timeline: Timeline, now: float) -> Shown:
    """The 30 days up to the hour of `now` (seconds since 1970).

    The most active agent and the document that changed last come first.
    It is the same for a whole hour if nothing new has come.
    """
    last = int(now) // HOUR * HOUR
    since, until = to_rfc3339(last - (HOURS - 1) * HOUR), to_rfc3339(last)
    span = since[:AN_HOUR], until[:AN_HOUR]
    today = to_rfc3339(last - 23 * HOUR)[:AN_HOUR], until[:AN_HOUR]
    totals = _totals(timeline.changes, span)
    files = (_strip(path, hours, span, today) for path, hours in reversed(timeline.files.items()))
    return Shown(
        since=since,
        until=until,
        changes=sum(totals.values()),
        consolidations=sum(_totals(timeline.consolidations, span).values()),
        agents=[
            Agent(agent=agent, changes=changes)
            for agent, changes in sorted(totals.items(), key=lambda total: (-total[1], total[0]))
        ],
        hours=[
            Hour(
                hour=f"{hour}:00:00Z",
                changes=dict(timeline.changes.get(hour, {})),
                consolidations=dict(timeline.consolidations.get(hour, {})),
                consolidated=timeline.consolidated.get(hour, 0),
            )
            for hour in _within({**timeline.changes, **timeline.consolidations}, span)
        ],
        files=list(itertools.islice((strip for strip in files if strip["days"]), STRIPS)),
    )


def _strip(path: str, hours: Mapping[str, dict[str, int]], span: Span, today: Span) -> Strip:
    """By the day, and the last day by the hour: an hour of each document for a month would be a large answer."""
    days: dict[str, dict[str, int]] = {}
    for hour in _within(hours, span):
        for agent, number in hours[hour].items():
            _count(days.setdefault(hour[:A_DAY], {}), agent, number)
    return Strip(
        file_path=path,
        changes=sum(_totals(hours, span).values()),
        days=[StripDay(day=day, changes=changes) for day, changes in days.items()],
        hours=[StripHour(hour=f"{hour}:00:00Z", changes=dict(hours[hour])) for hour in _within(hours, today)],
    )


def _totals(hours: Mapping[str, dict[str, int]], span: Span) -> dict[str, int]:
    totals: dict[str, int] = {}
    for hour in _within(hours, span):
        for key, number in hours[hour].items():
            _count(totals, key, number)
    return totals


def _within(hours: Iterable[str], span: Span) -> list[str]:
    return sorted(hour for hour in hours if span[0] <= hour <= span[1])


def _count(counts: dict[str, int], key: str, more: int) -> None:
    counts[key] = counts.get(key, 0) + more
    if not counts[key]:
        del counts[key]


def _shorten(entries: dict[str, Any], longest: int) -> None:
    if len(entries) > longest:
        del entries[next(iter(entries))]


def _drop_oldest(hours: dict[str, Any], longest: int) -> None:
    for hour in sorted(hours)[:-longest]:
        del hours[hour]


class Recent:
    """The timeline of a ledger, kept up to date; what is older is not read. Not for two threads at once."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.follower: Follower | None = None

    def catch_up(self, now: float) -> Recent:
        """Take in what has been appended since; `now` is in seconds since 1970. Raises LedgerError."""
        if self.follower is None or self.follower.is_lost():
            self.follower = Follower(self.ledger, offset_at(self.ledger, now - HOURS * HOUR))
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
