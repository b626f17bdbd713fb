"""What happened, newest first: the ledger read from its end, one record after another, and one record by its id."""

from __future__ import annotations

from agentsync import jsontext
from agentsync.backwards import newest_lines
from agentsync.errors import AgentsyncError
from agentsync.events import Attribution, Change, Consolidation, DamagedError, Event, decode, from_rfc3339
from agentsync.lean import frozen

SHOWS_IDS = "agentsync log --all shows how ids end; give as much of one as makes it the only one"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agentsync.checkpoint import View
    from agentsync.ledger import Ledger
    from agentsync.spool import Spooled


@frozen
class Entry:
    """One record: its event (None: of a kind that this version does not know), and who did it as is known today.

    `line` is the record as it stands in the ledger, without newline; None for one that waits in a spool. `clock` is the
    wall time (seconds since 1970) of the stamp.
    """

    event: Event | None
    agent_owner: str | None
    line: bytes | None
    clock: float


@frozen
class Filter:
    """Which entries are asked for; None and () leave nothing out. `paths`: documents, or folders above them.

    `type`: a file type or an event type. `since`: seconds since 1970.
    """

    paths: tuple[str, ...] = ()
    agent: str | None = None
    since: float | None = None
    type: str | None = None
    every_kind: bool = False

    def takes(self, entry: Entry) -> bool:
        """Whether the entry is asked for."""
        event = entry.event
        if event is None or not isinstance(event, Change):
            plain = self.agent is None and self.type is None and not self.paths
            return self.every_kind and (self._takes_other(entry) if event and not plain else self._young(entry))
        if self.agent is not None and (entry.agent_owner or "unknown") != self.agent:
            return False
        if self.type is not None and self.type not in (event.file_type, event.event_type):
            return False
        return self._below(event.file_path) and self._young(entry)

    def _takes_other(self, entry: Entry) -> bool:
        """Of other kinds only an attribution is about one path and one agent."""
        event = entry.event
        if not isinstance(event, Attribution) or self.type is not None:
            return False
        return self._below(event.file_path) and self.agent in (None, event.agent_owner) and self._young(entry)

    def _below(self, path: str) -> bool:
        return not self.paths or any(one in ("", path) or path.startswith(f"{one}/") for one in self.paths)

    def _young(self, entry: Entry) -> bool:
        if self.since is None:
            return True
        return (from_rfc3339(entry.event.timestamp) if entry.event else entry.clock) >= self.since


def newest(ledger: Ledger, waiting: Iterable[Spooled] = (), since: float | None = None) -> Iterator[Entry]:
    """What waits in a spool, then the ledger from its end, but for damaged lines (`verify` lists them).

    It ends where the clock of the records, which never goes back, is before `since`.
    """
    spooled = [event for one in waiting for event in one.events]
    yield from (Entry(event, getattr(event, "agent_owner", None), None, 0.0) for event in reversed(spooled))
    told: dict[str, str] = {}
    last: dict[str, int] = {}
    for _, line in newest_lines(ledger):
        try:
            stamp, event = decode(line)
        except DamagedError:
            continue
        if stamp.seq >= last.get(stamp.writer, stamp.seq + 1):
            continue  # stands twice
        last[stamp.writer] = stamp.seq
        clock = int(stamp.clock[:12], 16) / 1000
        if since is not None and clock < since:
            return
        yield Entry(event, _owner(event, told), line, clock)


def _owner(event: Event | None, told: dict[str, str]) -> str | None:
    """The owner of an event; a commit that comes later may name that of a change. Of several the earliest counts."""
    if isinstance(event, Attribution):
        if event.agent_owner:
            told.update(dict.fromkeys(event.event_ids, event.agent_owner))
        return event.agent_owner
    if isinstance(event, Change):
        return event.agent_owner or told.pop(event.id, None)
    return None


def find(ledger: Ledger, waiting: Iterable[Spooled], part: str) -> tuple[Event, bool]:
    """The one record whose id begins or ends with `part`, and whether it is only in a spool. Raises AgentsyncError."""
    wanted = part.lower()
    if not wanted or set(wanted) - set("0123456789abcdef-"):
        raise AgentsyncError(f"{part!r} is no id", cause="an id has the digits 0-9, a-f and '-'", hint=SHOWS_IDS)
    spooled = {e.id: e for one in waiting for e in one.events if e.id.startswith(wanted) or e.id.endswith(wanted)}
    found: dict[str, Event | None] = {**spooled, **_matching(ledger, wanted)}
    if len(found) != 1:
        some = ", ".join(list(found)[:3]) + (", ..." if len(found) > 3 else "")
        message = f"{len(found)} records have" if found else "no record has"
        raise AgentsyncError(f"{message} an id with {wanted}", cause=some, hint=SHOWS_IDS)
    ((id_, event),) = found.items()
    if event is None:
        raise AgentsyncError(f"{id_} is of a kind that this version does not know", hint="agentsync log --all --json")
    return event, event is spooled.get(id_)


def _matching(ledger: Ledger, part: str) -> dict[str, Event | None]:
    begins, ends = f'"id":"{part}'.encode(), f'{part}","writer":'.encode()
    found: dict[str, Event | None] = {}
    for _, block in ledger.blocks():
        if begins in block or ends in block:
            for line in block.split(b"\n"):
                if begins in line or ends in line:
                    _keep(line, part, found)
    return found


def _keep(line: bytes, part: str, found: dict[str, Event | None]) -> None:
    try:
        id_, event = jsontext.loads(line.decode())["id"], decode(line)[1]
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    if id_.startswith(part) or id_.endswith(part):
        found.setdefault(id_, event)


def owner_today(event: Event, commits: Iterable[Attribution]) -> str | None:
    """Who did it: as it was seen then, or as the first of its commits that knows it tells."""
    owner: str | None = getattr(event, "agent_owner", None)
    return owner or next((one.agent_owner for one in commits if one.agent_owner), None)


def commits_of(view: View, id_: str) -> list[Attribution]:
    """The commits that carry a change, oldest first. The view needs its index."""
    return [event for event in reversed(view.events("attributed", id_)) if isinstance(event, Attribution)]


def covering(view: View, id_: str) -> Consolidation | None:
    """The consolidation that covers a change; None while it is pending. The view needs its index."""
    if view.index is None or id_ in view.state.pending:
        return None
    needle = f'"{id_}"'.encode()
    for offset in view.index.offsets(("id", id_))[-1:]:
        for _, line in view.ledger.lines(offset):  # the next consolidation after a change covers it
            if b'"kind":"consolidation"' in line and needle in line:
                event = decode(line)[1]
                return event if isinstance(event, Consolidation) else None
    return None
