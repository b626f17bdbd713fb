"""What OpenAPI says of the answers: the shapes of `status.py` and `timeline.py`, and the log's."""

from __future__ import annotations

from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from pydantic import Field
from typing_extensions import TypedDict

from agentsync import status
from agentsync.web import records

When = str  # RFC 3339 in UTC


@dataclass
class Record:
    """One record (docs/ledger-format.md), of whatever kind; a change has the owner who is known today."""

    kind: str
    id: str
    timestamp: When
    waiting: Annotated[bool, Field(description="Seen, and not in the ledger yet")]
    pending: Annotated[bool, Field(description="A change that no report covers yet")]


@dataclass
class Log:
    """A page of the ledger, newest first. With few matches a page may be short or empty and still have a `next`."""

    count: int
    records: list[Record]
    next: Annotated[str | None, Field(description="Give it as `before` for the next page; null: there is none")]


@dataclass
class Fact:
    """One change as a report shows it."""

    file_path: str
    event_type: str
    timestamp: When
    agent_owner: str | None
    author: str | None
    lines_added: int | None
    lines_removed: int | None


@dataclass
class Report:
    """A consolidation: `count` changes of so many `files`, of which `facts` has the first 500."""

    id: str
    timestamp: When
    trigger_type: str
    conditions_met: dict[str, int]
    count: int
    files: int
    facts: list[Fact]


@dataclass
class Reported:
    """The newest report; null where there is none yet."""

    report: Report | None


@dataclass
class Diff:
    """What came and went with a change: a unified diff from its first hunk on, or `why` there is none.

    `added` and `removed` count all lines; `left_out` of the diff's are not among `lines`.
    """

    id: str
    file_path: str
    lines: list[str]
    added: int
    removed: int
    left_out: int
    why: str


@dataclass
class Side:
    """One of two lines of work: a worktree, or a branch that no worktree has. `changes`: ids that only it has."""

    worktree: str | None
    branch: str | None
    uncommitted: bool
    owners: list[str]
    changes: list[str]
    timestamp: Annotated[str, Field(description="Of the newest of its changes; empty where nobody knows")]


@dataclass
class Overlap:
    """A document of which each of two lines of work has edits that the other has not."""

    id: str
    file_path: str
    level: Literal["conflict", "same document"]
    sides: list[Side]


@dataclass
class Overlaps:
    """The overlaps, without the dismissed."""

    count: int
    overlaps: list[Overlap]


@dataclass
class Health:
    """Whether the service watches."""

    status: Literal["ok"]


def _described(shape: Any) -> Any:
    """A shape in the TypedDict that pydantic can read: before Python 3.12 that is not the one of `typing`."""
    parts = tuple(map(_described, get_args(shape)))
    if is_typeddict(shape):
        fields = {name: _described(hint) for name, hint in get_type_hints(shape).items()}
        model = TypedDict(shape.__name__, fields)  # type: ignore[misc]
        model.__doc__ = shape.__doc__
        return model
    if isinstance(shape, UnionType):
        return Union[parts]  # noqa: UP007
    return get_origin(shape)[parts] if get_origin(shape) in (list, dict) else shape


Status, PendingChanges, Checksums, Consolidated, Timeline = map(
    _described, (status.Status, status.PendingChanges, status.Checksums, status.Consolidated, records.Timeline)
)
