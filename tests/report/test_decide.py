"""When to consolidate: the rules, on states made by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.repo import NOON

from agentsync.base.settings import Settings
from agentsync.ledger.events import to_rfc3339
from agentsync.ledger.state import Consolidated, Pending, State
from agentsync.report.decide import RULES, Trigger, decide, manual, threshold, time_based

HOUR = 3600
SEED = Settings()


def state(pending: int, *, baseline: float | None = NOON, last: float | None = None) -> State:
    """So many pending changes; when the baseline and the newest consolidation were recorded."""
    one = Pending("doc.md", "docs", "modified", to_rfc3339(NOON), None, None, None, None)
    at = to_rfc3339(last) if last is not None else ""
    return State(
        pending={str(number): one for number in range(pending)},
        since=to_rfc3339(baseline) if baseline is not None else None,
        last=Consolidated("id", at, at, "manual", 1) if last is not None else None,
    )


def test_five_pending_changes_fire_the_threshold() -> None:
    """Four do not; the conditions have the seed's keys."""
    assert threshold(state(4), NOON, SEED) is None
    assert threshold(state(5), NOON, SEED) == Trigger("threshold", {"pending_changes": 5, "threshold": 5})
    assert decide(state(300), NOON, SEED) == Trigger("threshold", {"pending_changes": 300, "threshold": 5})


def test_sixty_minutes_fire_for_one_pending_change() -> None:
    """Counted from the last consolidation; a second less does not; minutes are whole."""
    waiting = state(1, baseline=NOON - 9 * HOUR, last=NOON)
    assert time_based(waiting, NOON + HOUR - 1, SEED) is None
    fired = {"pending_changes": 1, "time_since_last_minutes": 60}
    assert time_based(waiting, NOON + HOUR, SEED) == Trigger("time_based", fired)
    assert time_based(waiting, NOON + HOUR + 59, SEED) == Trigger("time_based", fired)
    assert decide(waiting, NOON + HOUR, SEED) == Trigger("time_based", fired)


def test_before_the_first_consolidation_the_baseline_counts() -> None:
    """The seed's rule waited for a first consolidation that never came."""
    assert time_based(state(1), NOON + HOUR - 1, SEED) is None
    assert time_based(state(1), NOON + HOUR, SEED) is not None
    assert time_based(state(1, baseline=None), NOON + 9 * HOUR, SEED) is None


def test_nothing_pending_never_fires() -> None:
    """However long ago the last one was, and whoever asks."""
    idle = state(0, last=NOON)
    assert decide(idle, NOON + 1000 * HOUR, SEED) is None
    assert decide(idle, NOON + 1000 * HOUR, SEED, asked=True) is None


def test_who_asks_gets_the_manual_rule() -> None:
    """Also where another one would have fired."""
    assert decide(state(1), NOON, SEED, asked=True) == manual(state(1)) == Trigger("manual", {"pending_changes": 1})
    assert decide(state(9), NOON + 9 * HOUR, SEED, asked=True) == Trigger("manual", {"pending_changes": 9})


def test_the_threshold_comes_before_the_time() -> None:
    assert (threshold, time_based) == RULES
    found = decide(state(5), NOON + 9 * HOUR, SEED)
    assert found is not None and found.trigger_type == "threshold"


@pytest.mark.parametrize(("pending", "minutes", "fires"), [(1, 0, "threshold"), (1, 5, "threshold"), (0, 5, None)])
def test_the_numbers_come_from_the_configuration(pending: int, minutes: int, fires: str | None) -> None:
    settings = Settings(consolidation_threshold=1, consolidation_interval_minutes=5)
    found = decide(state(pending), NOON + 60 * minutes, settings)
    assert (found.trigger_type if found else None) == fires


def test_a_clock_that_went_back_does_not_fire() -> None:
    """The last consolidation lies in the future: wait, do not count a negative hour."""
    assert time_based(state(1, last=NOON + HOUR), NOON, SEED) is None
    assert time_based(state(1, last=NOON + HOUR), NOON - 99 * HOUR, SEED) is None


@given(st.integers(0, 20), st.integers(0, 10**6), st.integers(1, 20), st.integers(1, 10**4))
def test_a_rule_fires_if_and_only_if_it_should(pending: int, seconds: int, count: int, minutes: int) -> None:
    settings = Settings(consolidation_threshold=count, consolidation_interval_minutes=minutes)
    due = pending >= count or (pending > 0 and seconds >= minutes * 60)
    assert (decide(state(pending, last=NOON), NOON + seconds, settings) is not None) == due
