"""The vocabulary: what can stand in the ledger, and how one record becomes one line and back.

A record is a stamp (who wrote it, where in the order) and an event (what happened). On disk both lie in one flat JSON
object; `docs/ledger-format.md` describes every field. Nothing here reads a clock, a file or git.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from agentsync.base import strict_json
from agentsync.base.times import from_rfc3339 as from_rfc3339
from agentsync.base.times import is_time as is_time
from agentsync.base.times import to_rfc3339 as to_rfc3339

VERSION = 1
IMPORT = "import"  # the source of what was taken in from the history before watching began


class Stamp(NamedTuple):
    """A record's place: `seq` counts 1, 2, 3 per writer, `prev` is the SHA-256 (hex) of the line before."""

    writer: str
    seq: int
    prev: str
    clock: str


class Change(NamedTuple):
    """Somebody changed a watched document (the seed's SyncEvent). Blobs and checksums are of the clean content.

    Lines are None where they cannot be counted, and in records that are older than the counting.
    """

    id: str
    timestamp: str
    recorded: str
    file_path: str
    file_type: str
    event_type: str
    old_checksum: str | None
    new_checksum: str | None
    agent_owner: str | None
    evidence: list[dict[str, str]]
    confidence: float
    also: list[str]
    author: str | None
    source: str
    worktree: str | None
    branch: str | None
    commit: str | None
    old_blob: str | None
    new_blob: str | None
    lines_added: int | None = None
    lines_removed: int | None = None

    @property
    def kind(self) -> str:
        """Its name in the ledger."""
        return "change"


class Attribution(NamedTuple):
    """A commit that carries changes which stand in the ledger already (`event_ids`).

    `reason`: "own" (the worktree's own edit, committed), "carried" (rebased, cherry-picked, squashed, ...;
    `carried_from` are the commits whose edits it repeats), or "noted" (its note came after it was recorded, and says
    who made it).
    """

    id: str
    timestamp: str
    recorded: str
    file_path: str
    event_ids: list[str]
    reason: str
    carried_from: list[str]
    agent_owner: str | None
    evidence: list[dict[str, str]]
    confidence: float
    also: list[str]
    author: str | None
    committed_by: str | None
    source: str
    worktree: str | None
    branch: str | None
    commit: str
    old_blob: str | None
    new_blob: str | None

    @property
    def kind(self) -> str:
        """Its name in the ledger."""
        return "attribution"


class Baseline(NamedTuple):
    """Content known without anybody's edit. `files`: path to {"blob", "checksum", "dirty"}; dirty is not as in HEAD.

    Where watching begins, it also has `tips` (all that is reachable from these commits is seen) and `watch` (the paths
    and globs watched from now on).
    """

    id: str
    timestamp: str
    recorded: str
    worktree: str
    branch: str | None
    commit: str | None
    source: str
    files: dict[str, dict[str, Any]]
    tips: list[str] | None = None
    watch: list[str] | None = None

    @property
    def kind(self) -> str:
        """Its name in the ledger."""
        return "baseline"


class Consolidation(NamedTuple):
    """A rule fired: the changes named by `event_ids` are no longer pending."""

    id: str
    timestamp: str
    recorded: str
    trigger_type: str
    conditions_met: dict[str, int]
    event_ids: list[str]
    source: str

    @property
    def kind(self) -> str:
        """Its name in the ledger."""
        return "consolidation"


class Claim(NamedTuple):
    """Somebody says on which `paths` (from the root; folders and globs too) they work, until `expires` at the latest.

    It warns and blocks nothing. `session` and `process` (see `base/processes.py`) end it earlier when they end.
    """

    id: str
    timestamp: str
    recorded: str
    paths: list[str]
    expires: str
    note: str | None
    agent_owner: str | None
    evidence: list[dict[str, str]]
    confidence: float
    session: str | None
    process: str | None
    source: str
    worktree: str | None
    branch: str | None

    @property
    def kind(self) -> str:
        """Its name in the ledger."""
        return "claim"


class Release(NamedTuple):
    """Claims (their ids) that are over. `reason`: "asked", "handoff", or "ended" (the session, or its process)."""

    id: str
    timestamp: str
    recorded: str
    claims: list[str]
    reason: str
    agent_owner: str | None
    evidence: list[dict[str, str]]
    confidence: float
    session: str | None
    source: str
    worktree: str | None

    @property
    def kind(self) -> str:
        """Its name in the ledger."""
        return "release"


class Handoff(NamedTuple):
    """A session's entry in the journal `file_path`: it names the session's `commits` and the `files` it changed."""

    id: str
    timestamp: str
    recorded: str
    file_path: str
    commits: list[str]
    files: list[str]
    agent_owner: str | None
    evidence: list[dict[str, str]]
    confidence: float
    session: str | None
    source: str
    worktree: str | None
    branch: str | None
    new_blob: str | None

    @property
    def kind(self) -> str:
        """Its name in the ledger."""
        return "handoff"


class Overlaps(NamedTuple):
    """The overlaps at the time of a report: {"id", "file_path", "level", "one", "other"} each; these two are owners."""

    id: str
    timestamp: str
    recorded: str
    overlaps: list[dict[str, str]]
    source: str

    @property
    def kind(self) -> str:
        """Its name in the ledger."""
        return "overlaps"


class Dismissal(NamedTuple):
    """Somebody says that an overlap (`overlap`: its id) needs nobody's care. A further edit makes it another one."""

    id: str
    timestamp: str
    recorded: str
    overlap: str
    file_path: str
    agent_owner: str | None
    evidence: list[dict[str, str]]
    confidence: float
    session: str | None
    source: str
    worktree: str | None

    @property
    def kind(self) -> str:
        """Its name in the ledger."""
        return "dismissal"


Event = Change | Attribution | Baseline | Consolidation | Claim | Release | Handoff | Overlaps | Dismissal
KINDS: dict[str, type[Event]] = {
    "change": Change,
    "attribution": Attribution,
    "baseline": Baseline,
    "consolidation": Consolidation,
    "claim": Claim,
    "release": Release,
    "handoff": Handoff,
    "overlaps": Overlaps,
    "dismissal": Dismissal,
}


def session_in(evidence: Iterable[Mapping[str, str]]) -> str | None:
    """The agent's session that evidence names, if any does."""
    return next((one["session"] for one in evidence if "session" in one), None)


def is_past(event: Event) -> bool:
    """Whether a record was taken in from the history before watching began: no report is owed of it, ever."""
    return isinstance(event, (Change, Attribution)) and event.source == IMPORT


def event_type(old_blob: str | None, new_blob: str | None) -> str:
    """What happened to a path whose content was the one and is the other; None stands for no file."""
    if old_blob is None:
        return "created"
    return "deleted" if new_blob is None else "modified"


@lru_cache(1024)  # nearly all records are of one writer
def is_writer(name: str) -> bool:
    """Whether a text may name a writer."""
    return _WRITER(name) is not None


def is_agent(name: str) -> bool:
    """Whether a text may name an agent."""
    return _AGENT(name) is not None


_WRITER = re.compile(r"[a-z0-9][a-z0-9-]{0,62}").fullmatch
_AGENT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}").fullmatch


class DamagedError(ValueError):
    """A line that is no record; the text says what is wrong with it."""


def encode(stamp: Stamp, event: Event) -> bytes:
    """One record as one line, with its newline."""
    flat = {"v": VERSION, "kind": event.kind, "id": event.id, **stamp._asdict(), **event._asdict()}
    return strict_json.dumps(flat).encode() + b"\n"


def flatten(event: Event) -> dict[str, object]:
    """An event as a JSON object, without a stamp; `event_of` is the inverse."""
    return {"kind": event.kind, **event._asdict()}


def decode(line: bytes) -> tuple[Stamp, Event | None]:
    """The record of a line (without its newline). The event is None where this version does not know its kind.

    Raises DamagedError.
    """
    return record_of(parse(line))


def record_of(flat: Mapping[str, Any]) -> tuple[Stamp, Event | None]:
    """The record in a flat JSON object. Raises DamagedError."""
    kind = flat.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        return Stamp(*_STAMP.values(flat)[_OF_STAMP]), None
    values = _RECORDS[kind].values(flat)
    return Stamp(*values[_OF_STAMP]), KINDS[kind](*values[len(_STAMP_FORMS) :])


def event_of(flat: Mapping[str, Any]) -> Event:
    """The event in a flat JSON object without a stamp; unknown fields are left out. Raises DamagedError."""
    cls = KINDS.get(str(flat.get("kind"))) if isinstance(flat, dict) else None
    if cls is None:
        raise DamagedError("not a kind of event")
    return cls(*_EVENTS[str(flat["kind"])].values(flat))


def parse(line: bytes) -> dict[str, Any]:
    """The JSON object of a line. Raises DamagedError for anything that is not exactly one."""
    try:
        flat = strict_json.loads(line.decode())
        if b"\\u" in line:  # a lone surrogate is no text
            strict_json.dumps(flat).encode()
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"not JSON: {error}") from None
    if not isinstance(flat, dict):
        raise DamagedError("not a JSON object")
    return flat


def new_id(now: float) -> str:
    """A UUIDv7 (RFC 9562): 48 bits of milliseconds, the rest random."""
    bits = int(now * 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    bits = bits & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62
    text = f"{bits:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def tick(clock: str, now: float) -> str:
    """The hybrid logical clock after `clock` at wall time `now` (seconds): sorts as text and never goes back.

    Source: Kulkarni et al., "Logical Physical Clocks", 2014. 12 hex digits of milliseconds, 4 of a counter.
    """
    last, count = (int(part, 16) for part in clock.split("."))
    wall = max(int(now * 1000), 0)
    if wall > last:
        return f"{wall:012x}.0000"
    last, count = (last, count + 1) if count < 0xFFFF else (last + 1, 0)
    return f"{last:012x}.{count:04x}"


CLOCK_ZERO = "000000000000.0000"


_ID_FORM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
_CLOCK_FORM = re.compile(r"[0-9a-f]{12}\.[0-9a-f]{4}").fullmatch


def _is_id(value: str) -> bool:
    return _ID_FORM(value) is not None


def _is_clock(value: str) -> bool:
    return _CLOCK_FORM(value) is not None


def _is_count(value: int) -> bool:
    return value > 0


def _is_texts(value: Iterable[object]) -> bool:
    return {str}.issuperset(map(type, value))


def _is_evidence(value: list[object]) -> bool:
    return all(type(reason) is dict and _is_texts(reason.values()) for reason in value)


def _is_files(value: dict[str, object]) -> bool:
    return all(
        isinstance(file, dict)
        and type(file.get("blob")) in _TEXT_OR_NULL
        and type(file.get("checksum")) in _TEXT_OR_NULL
        and type(file.get("dirty")) is bool
        for file in value.values()
    )


def _is_counts(value: dict[str, object]) -> bool:
    return all(type(count) is int for count in value.values())


_NULL = type(None)
_TEXT_OR_NULL = (str, _NULL)
# What an annotation above means in JSON, and what is computed with and so must have a form besides its type: its types,
# and what must hold for a value that is not null. A field with a new form is one line here.
_FORMS: dict[str, tuple[tuple[type, ...], Callable[[Any], bool] | None]] = {
    "str": ((str,), None),
    "str | None": (_TEXT_OR_NULL, None),
    "int": ((int,), None),
    "int | None": ((int, _NULL), None),
    "float": ((float, int), None),
    "list[str]": ((list,), _is_texts),
    "list[str] | None": ((list, _NULL), _is_texts),
    "list[dict[str, str]]": ((list,), _is_evidence),
    "dict[str, dict[str, Any]]": ((dict,), _is_files),
    "dict[str, int]": ((dict,), _is_counts),
    "a UUID": ((str,), _is_id),
    "a writer's name": ((str,), is_writer),
    "a whole number from 1": ((int,), _is_count),
    "a clock": ((str,), _is_clock),
    "a time as RFC 3339 in UTC": ((str,), lru_cache(1024)(is_time)),  # most happened when they were recorded,
}


class _Schema:
    """Fields and their forms. A field that is missing is null."""

    def __init__(self, forms: Mapping[str, str]) -> None:
        self.forms = [(name, *_FORMS[text], text) for name, text in forms.items()]
        self.names = tuple(forms)
        self.tests = [(at, holds) for at, (_, _, holds, _) in enumerate(self.forms) if holds]
        self.types: set[tuple[type, ...]] = set()  # of the records so far: nearly all are of a few sorts

    def values(self, flat: Mapping[str, Any]) -> tuple[Any, ...]:
        """The fields of a record. Raises DamagedError for the first that has not its form."""
        values = tuple(map(flat.get, self.names))
        types = tuple(map(type, values))
        if types not in self.types:
            self._check(values)
            self.types.add(types)
        for at, holds in self.tests:
            value = values[at]
            if value is not None and not holds(value):
                self._check(values)
        return values

    def _check(self, values: tuple[Any, ...]) -> None:
        for value, (name, types, holds, text) in zip(values, self.forms, strict=True):
            if type(value) not in types or (holds and value is not None and not holds(value)):
                raise DamagedError(f"field {name!r} is not {text}: {value!r:.60}")


def _forms(cls: type[Event]) -> dict[str, str]:
    forms = {name: _written(hint) for name, hint in cls.__annotations__.items()}
    return {**forms, "id": "a UUID", **({"expires": _TIME} if "expires" in forms else {})}


def _written(hint: object) -> str:
    """An annotation as it is written above."""
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")


_TIME = "a time as RFC 3339 in UTC"
_STAMP_FORMS = {
    "v": "int",
    "kind": "str",
    "writer": "a writer's name",
    "seq": "a whole number from 1",
    "prev": "str",
    "clock": "a clock",
}
_OF_STAMP = slice(2, 6)
_STAMP = _Schema({**_STAMP_FORMS, "id": "a UUID"})
_RECORDS = {
    kind: _Schema({**_STAMP_FORMS, **_forms(cls), "timestamp": _TIME, "recorded": _TIME}) for kind, cls in KINDS.items()
}
_EVENTS = {kind: _Schema(_forms(cls)) for kind, cls in KINDS.items()}  # not recorded yet
