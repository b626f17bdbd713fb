"""What OpenAPI says of the answers that are no values of `agentsync/status.py`; those speak for themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

When = str  # RFC 3339 in UTC


@dataclass
class Record:
    """One record (docs/ledger-format.md), of whatever kind; a change has the owner who is known today."""

    kind: str
    id: str
    timestamp: When
    waiting: Annotated[bool, Field(description="Seen, and not in the ledger yet")]


@dataclass
class Log:
    """A page of the ledger, newest first. With few matches a page may be short or empty and still have a `next`."""

    count: int
    records: list[Record]
    next: Annotated[str | None, Field(description="Give it as `before` for the next page; null: there is none")]


@dataclass
class Health:
    """Whether the service watches."""

    status: Literal["ok"]


@dataclass
class Agent:
    """How many changes an agent made."""

    agent: str
    changes: int


@dataclass
class Hour:
    """An hour: changes by agent, consolidations by trigger, and how many changes these covered."""

    hour: When
    changes: dict[str, int]
    consolidations: dict[str, int]
    consolidated: int


@dataclass
class StripDay:
    """A day of a document."""

    day: str
    changes: dict[str, int]


@dataclass
class StripHour:
    """An hour of a document."""

    hour: When
    changes: dict[str, int]


@dataclass
class Strip:
    """A document by the day, and its last day by the hour."""

    file_path: str
    changes: int
    days: list[StripDay]
    hours: list[StripHour]


@dataclass
class Timeline:
    """Thirty days. Hours in which nothing happened are left out."""

    since: When
    until: When
    changes: int
    consolidations: int
    agents: list[Agent]
    hours: list[Hour]
    files: list[Strip]
