"""What happened, newest first: the ledger read from its end, one record after another, and one record by its id."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from agentsync.base.errors import AgentsyncError
from agentsync.ledger.events import (
    CLOCK_ZERO,
    IMPORT,
    Attribution,
    Baseline,
    Change,
    Consolidation,
    DamagedError,
    Event,
    flatten,
    from_rfc3339,
    parse,
    record_of,
    to_rfc3339,
)
from agentsync.ledger.log import Ledger
from agentsync.ledger.notes import Observations
from agentsync.ledger.view import View

_IS_PAST = f'"source":"{IMPORT}"'.encode()  # a text in a record has its quotes escaped
_HAPPENED = b'"timestamp":"'
SHOWS_IDS = "`agentsync log --all` shows the ends of ids; type enough of one to make it unique"


class Entry(NamedTuple):
    """What a list shows of one record, of whatever kind.

    `agent_owner` is who did it as is known today, and `commit` the one that has it: later records may have told that.
    `line` is the record as it stands in the ledger, without newline. One that waits in a note has none; it is
    `waiting`, as a JSON object.
    """

    kind: str
    id: str
    writer: str = ""
    seq: int = 0
    clock: str = CLOCK_ZERO
    timestamp: str = ""
    file_path: str | None = None
    file_type: str | None = None
    event_type: str | None = None
    agent_owner: str | None = None
    author: str | None = None
    commit: str | None = None
    worktree: str | None = None
    reason: str | None = None
    trigger_type: str | None = None
    event_ids: Sequence[str] = ()
    files: Mapping[str, Any] = {}
    line: bytes | None = None
    waiting: dict[str, object] | None = None

    @property
    def record(self) -> dict[str, Any]:
        """The record as a JSON object, with the owner and the commit that are known today."""
        flat = self.waiting or parse(self.line or b"")
        known = {"agent_owner": self.agent_owner, "commit": self.commit}
        return {**flat, **{name: value for name, value in known.items() if name in flat}}

    @property
    def recorded_at(self) -> float:
        """When it was written, in seconds since 1970, by a clock that never goes back."""
        return int(self.clock[:12], 16) / 1000

    @property
    def happened_at(self) -> float:
        """When it happened, in seconds since 1970, as well as is known."""
        try:
            return from_rfc3339(self.timestamp)
        except ValueError:
            return self.recorded_at


_SHOWN = (
    "timestamp",
    "file_path",
    "file_type",
    "event_type",
    "agent_owner",
    "author",
    "commit",
    "worktree",
    "reason",
    "trigger_type",
)


class Filter(NamedTuple):
    """Which entries are asked for; None and () leave nothing out. `paths`: documents, or folders above them.

    `agent`: an owner as is known today, or "unknown". `type`: a file type or an event type. `since`: in seconds since
    1970.
    """

    paths: tuple[str, ...] = ()
    agent: str | None = None
    since: float | None = None
    type: str | None = None
    every_kind: bool = False

    def takes(self, entry: Entry) -> bool:
        """Whether the entry is asked for. Without `every_kind` only changes are."""
        return (
            (entry.kind == "change" or self.every_kind)
            and (self.agent is None or (entry.file_path is not None and (entry.agent_owner or "unknown") == self.agent))
            and (self.type is None or self.type in (entry.file_type, entry.event_type))
            and (not self.paths or (entry.file_path is not None and self._below(entry.file_path)))
            and (self.since is None or entry.happened_at >= self.since)
        )

    def _below(self, path: str) -> bool:
        return any(one in ("", path) or path.startswith(f"{one}/") for one in self.paths)


def newest(
    ledger: Ledger, waiting: Iterable[Observations] = (), since: float | None = None, *, end: int | None = None
) -> Iterator[Entry]:
    """What waits in a note, then the ledger from its end, but for damaged lines (`verify` lists them).

    It ends where the clock of the records is before `since` (seconds since 1970). With `end`, only what begins before
    that offset comes, and `agent_owner` knows nothing of what was told after it. What was taken in from the history
    before watching began comes last, wherever it stands: it is older than everything that was seen.
    """
    told: dict[str, Entry] = {}
    last: dict[str, int] = {}
    past: list[bytes] = []
    for event in reversed([event for one in waiting for event in one.events]):
        flat = flatten(event)
        yield _entry(flat, event, waiting={**flat, "waiting": True})
    for _, line in ledger.newest_lines(end):
        if _IS_PAST in line:
            past.append(line)
            continue
        found = entry_of(line)
        if found is None or found.seq >= last.get(found.writer, found.seq + 1):
            continue  # damaged, or it stands twice
        last[found.writer] = found.seq
        if since is not None and found.recorded_at < since:
            break
        yield _learned(found, told)
    yield from _in_order(past if end is None else _past_lines(ledger), told, since)


def past(ledger: Ledger, since: float | None = None) -> Iterator[Entry]:
    """What was taken in from the history before watching began, newest first; as `newest` has it at its end."""
    return _in_order(_past_lines(ledger), {}, since)


def _past_lines(ledger: Ledger) -> list[bytes]:
    return [ledger.line_at(offset) for offset, _ in View(ledger).catch_up().placed("past")]


def _in_order(lines: Iterable[bytes], told: dict[str, Entry], since: float | None) -> Iterator[Entry]:
    """By the time at which it happened, since it may have been taken in whenever somebody asked for it."""
    begin = to_rfc3339(since) if since is not None else ""
    recent = [line for line in lines if line.partition(_HAPPENED)[2][: len(begin)] >= begin.encode()]
    entries = {entry.id: entry for entry in map(entry_of, recent) if entry}
    carrying_first = sorted(entries.values(), key=lambda entry: entry.kind)
    learned = [_learned(entry, told) for entry in carrying_first]
    yield from sorted(learned, key=lambda entry: entry.timestamp, reverse=True)


def entry_of(line: bytes) -> Entry | None:
    """A line of the ledger; None if it is damaged."""
    try:
        flat = parse(line)
        stamp, event = record_of(flat)
    except DamagedError:
        return None
    return _entry(flat, event, writer=stamp.writer, seq=stamp.seq, clock=stamp.clock, line=line)


def _entry(flat: dict[str, Any], event: Event | None, **more: Any) -> Entry:
    """Of a kind that is not known here only texts are believed."""
    shown = {name: flat[name] for name in _SHOWN if isinstance(flat.get(name), str)}
    if isinstance(event, (Attribution, Consolidation)):
        more["event_ids"] = event.event_ids
    if isinstance(event, Baseline):
        more["files"] = event.files
    return Entry(flat["kind"], flat["id"], **shown, **more)


def _learned(entry: Entry, told: dict[str, Entry]) -> Entry:
    """A commit that comes later has the change, and may name its owner; of several the earliest that does counts."""
    if entry.kind == "attribution":
        for id_ in entry.event_ids:
            if entry.agent_owner or not told.get(id_, entry).agent_owner:
                told[id_] = entry
    elif entry.kind == "change" and entry.id in told:
        later = told.pop(entry.id)
        owner, commit = entry.agent_owner or later.agent_owner, entry.commit or later.commit
        return entry._replace(agent_owner=owner, commit=commit)
    return entry


def find(ledger: Ledger, waiting: Iterable[Observations], part: str) -> tuple[Event, bytes | None]:
    """The one record whose id begins or ends with `part`, and its line; None for one that waits in a note.

    Raises AgentsyncError.
    """
    wanted = part.lower()
    if not wanted or set(wanted) - set("0123456789abcdef-"):
        hint = f"agentsync log {part}" if "/" in part or "." in part else SHOWS_IDS  # a document, most likely
        raise AgentsyncError(f"{part!r} is not an id", cause="ids consist of 0-9, a-f and '-'", hint=hint)
    noted = [event for one in waiting for event in one.events]
    found: dict[str, tuple[Event | None, bytes | None]] = {e.id: (e, None) for e in noted if _fits(e.id, wanted)}
    found.update(_matching(ledger, wanted))
    if len(found) != 1:
        some = ", ".join(list(found)[:3]) + (", ..." if len(found) > 3 else "")
        message = f"{len(found)} records have" if found else "no record has"
        raise AgentsyncError(f"{message} an id with {wanted}", cause=some, hint=SHOWS_IDS)
    ((id_, (event, line)),) = found.items()
    if event is None:
        raise AgentsyncError(f"{id_} is of a kind that this version does not know", hint="agentsync log --all --json")
    return event, line


def _matching(ledger: Ledger, part: str) -> dict[str, tuple[Event | None, bytes]]:
    begins, ends = f'"id":"{part}'.encode(), f'{part}","writer":'.encode()
    found: dict[str, tuple[Event | None, bytes]] = {}
    for _, block in ledger.blocks():
        if begins in block or ends in block:
            for line in block.split(b"\n"):
                if begins in line or ends in line:
                    _keep(line, part, found)
    return found


def _keep(line: bytes, part: str, found: dict[str, tuple[Event | None, bytes]]) -> None:
    try:
        flat = parse(line)
        id_, event = flat["id"], record_of(flat)[1]
    except (DamagedError, KeyError):
        return
    if _fits(id_, part):
        found.setdefault(id_, (event, line))


def _fits(id_: str, part: str) -> bool:
    return id_.startswith(part) or id_.endswith(part)


def owner_today(event: Event, commits: Iterable[Attribution]) -> str | None:
    """Who did it: as it was seen then, or as the first of its commits that knows it tells."""
    owner: str | None = getattr(event, "agent_owner", None)
    return owner or next((one.agent_owner for one in commits if one.agent_owner), None)


def changes_of(view: View, ids: Iterable[str]) -> list[Change]:
    """The changes with these ids, in their order; of an id that is no change's, none."""
    return [event for id_ in ids for event in view.events("id", id_) if isinstance(event, Change)]


def change_of(view: View, id_: str) -> Change | None:
    """The change with this id, if there is one."""
    return next(iter(changes_of(view, [id_])), None)


def owner_of(view: View, change: Change) -> str | None:
    """Who made a change, as is known today."""
    return change.agent_owner or owner_today(change, commits_of(view, change.id))


def commits_of(view: View, id_: str) -> list[Attribution]:
    """The commits that carry a change, oldest first."""
    return [event for event in reversed(view.events("attributed", id_)) if isinstance(event, Attribution)]


def covering(view: View, id_: str) -> Consolidation | None:
    """The consolidation that covers a change; None while it is pending."""
    found = [event for event in view.events("covered", id_) if isinstance(event, Consolidation)]
    return found[-1] if found else None
