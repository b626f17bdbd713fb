"""When to consolidate: a rule is a function, tried in order; adding one is one function and one line in RULES."""

from collections.abc import Callable
from typing import NamedTuple

from agentsync.base.settings import Settings
from agentsync.ledger.events import from_rfc3339
from agentsync.ledger.state import State


class Trigger(NamedTuple):
    """A rule that fired, and the conditions it found (the seed's keys)."""

    trigger_type: str
    conditions_met: dict[str, int]


def threshold(state: State, now: float, settings: Settings) -> Trigger | None:
    """So many changes are pending."""
    pending = len(state.pending)
    if pending < settings.consolidation_threshold:
        return None
    return Trigger("threshold", {"pending_changes": pending, "threshold": settings.consolidation_threshold})


def time_based(state: State, now: float, settings: Settings) -> Trigger | None:
    """Something is pending, and the last consolidation (or the baseline, where there was none) is so long ago."""
    since = state.last.recorded if state.last else state.since
    if not state.pending or since is None:
        return None
    minutes = int(now - from_rfc3339(since)) // 60
    if minutes < settings.consolidation_interval_minutes:
        return None
    return Trigger("time_based", {"pending_changes": len(state.pending), "time_since_last_minutes": minutes})


def manual(state: State) -> Trigger | None:
    """Somebody asks: whatever is pending."""
    return Trigger("manual", {"pending_changes": len(state.pending)}) if state.pending else None


RULES: tuple[Callable[[State, float, Settings], Trigger | None], ...] = (threshold, time_based)


def decide(state: State, now: float, settings: Settings, *, asked: bool = False) -> Trigger | None:
    """The first rule that fires at `now` (seconds since 1970); `asked` puts the manual rule before the others."""
    if asked:
        return manual(state)
    return next((trigger for rule in RULES if (trigger := rule(state, now, settings))), None)
