"""The answers, typed, for OpenAPI: what `agentsync/views.py` gives, key for key."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

When = str  # RFC 3339 in UTC
Owner = str | None


class Answer(BaseModel):
    """Later versions may add keys; none goes away."""

    model_config = ConfigDict(extra="allow")


class Paused(Answer):
    """A worktree whose files are not looked at, because git has begun something there."""

    worktree: str
    operation: str
    since: When


class WaitingNote(Answer):
    """Observations that could not be appended yet."""

    path: str
    observations: int


class NotRecorded(Answer):
    """A document that differs from what is known, and could not be looked at."""

    worktree: str
    file_path: str
    event_type: str
    reason: str


class Owed(Answer):
    """A worktree whose report is not written, and why; "": its next hook, command or poll writes it."""

    worktree: str
    reason: str


class About(Answer):
    """What somebody has to see to."""

    about: str
    problem: str


class File(Answer):
    """A watched document. `sync_status`: 1 known and reported, 0 not reported yet, -1 missing or unreadable."""

    file_type: str | None
    sync_status: Literal[1, 0, -1]


class Status(Answer):
    """The state of the clone and of this service."""

    running: bool
    pending_changes: int
    last_consolidation: When | None
    watched_files: int
    checksums_tracked: int
    consolidation_threshold: int
    check_interval_seconds: int
    consolidation_interval_minutes: int
    watching_since: When | None
    worktree: str | None
    branch: str | None
    records: int
    paused: list[Paused]
    waiting: list[WaitingNote]
    not_recorded: list[NotRecorded]
    owed: list[Owed]
    missing: list[str]
    problems: list[About]
    files: dict[str, File]


class PendingChange(Answer):
    """A change that no report covers yet."""

    id: str
    file_path: str
    file_type: str
    event_type: str
    timestamp: When
    old_checksum: str | None
    new_checksum: str | None
    agent_owner: Owner
    author: str | None
    waiting: bool


class PendingChanges(Answer):
    """Oldest first."""

    count: int
    changes: list[PendingChange]
    not_recorded: list[NotRecorded]


class Checksum(Answer):
    """What a document is known to hold, and its newest change."""

    checksum: str | None
    last_modified: When | None
    agent_owner: Owner
    author: str | None
    uncommitted: bool
    blob: str | None
    sync_status: Literal[1, 0, -1]


class Checksums(Answer):
    """By path, of the service's own worktree."""

    count: int
    worktree: str | None
    checksums: dict[str, Checksum]


class Record(Answer):
    """One record (docs/ledger-format.md), of whatever kind; a change has the owner who is known today."""

    kind: str
    id: str
    timestamp: When
    waiting: bool = Field(description="Seen, and not in the ledger yet")


class Log(Answer):
    """A page of the ledger, newest first. With few matches a page may be short or empty and still have a `next`."""

    count: int
    records: list[Record]
    next: str | None = Field(description="Give it as `before` for the next page; null: there is none")


class Trigger(Answer):
    """What made a consolidation."""

    trigger_type: str
    conditions_met: dict[str, int]
    timestamp: When


class Written(Answer):
    """What became of a worktree's report: `written`, `current`, or `owed` and why."""

    worktree: str
    status: str
    reason: str


class PausedNow(Answer):
    """A worktree whose files were not looked at."""

    worktree: str
    operation: str


class Consolidated(Answer):
    """What came of a consolidation that was asked for; `trigger` is null where nothing was pending."""

    status: Literal["success"]
    trigger: Trigger | None
    changes_consolidated: int
    consolidation: str | None
    reports: list[Written]
    paused: list[PausedNow]
    problems: list[About]


class Health(Answer):
    """Whether the service watches."""

    status: Literal["ok"]


class Agent(Answer):
    """How many changes an agent made."""

    agent: str
    changes: int


class Hour(Answer):
    """An hour: changes by agent, consolidations by trigger, and how many changes these covered."""

    hour: When
    changes: dict[str, int]
    consolidations: dict[str, int]
    consolidated: int


class StripDay(Answer):
    """A day of a document."""

    day: str
    changes: dict[str, int]


class StripHour(Answer):
    """An hour of a document."""

    hour: When
    changes: dict[str, int]


class Strip(Answer):
    """A document by the day, and its last day by the hour."""

    file_path: str
    changes: int
    days: list[StripDay]
    hours: list[StripHour]


class Timeline(Answer):
    """Thirty days. Hours in which nothing happened are left out."""

    since: When
    until: When
    changes: int
    consolidations: int
    agents: list[Agent]
    hours: list[Hour]
    files: list[Strip]
