"""The timeline counts changes by day and agent, and stays small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.events import attribution, change

from agentsync.ledger import timeline
from agentsync.ledger.events import CLOCK_ZERO, Change, Event, Stamp, encode, new_id, tick, to_rfc3339
from agentsync.ledger.log import NO_LINE, Ledger, line_hash
from agentsync.ledger.timeline import DAY, DAYS, Recent, Timeline, offset_at, to_json

NOON = 1_760_097_600.0


def made(at: float, owner: str | None = None, recorded: float | None = None, **more: Any) -> Change:
    """A change of a moment."""
    later = to_rfc3339(at if recorded is None else recorded)
    return change(new_id(at), timestamp=to_rfc3339(at), recorded=later, agent_owner=owner, **more)


def shown(*events: Event, now: float = NOON) -> Any:
    """What comes of events."""
    fold = Timeline()
    for event in events:
        fold.add(event)
    return to_json(fold, now)


def counts(found: Any) -> dict[str, list[int]]:
    """The last three days of each agent."""
    return {one["agent"]: one["days"][-3:] for one in found["agents"]}


class TestTimeline:
    def test_changes_are_counted_by_day_and_agent(self) -> None:
        found = shown(
            made(NOON - 2 * DAY, "claude-code"),
            made(NOON - 1, "claude-code"),
            made(NOON, "claude-code"),
            made(NOON - DAY),
            made(NOON - 1, "codex-local"),
        )
        assert counts(found) == {"claude-code": [1, 0, 2], "codex-local": [0, 0, 1], "unknown": [0, 1, 0]}
        assert [one["changes"] for one in found["agents"]] == [3, 1, 1]
        assert found["changes"] == 5

    def test_who_changed_something_on_the_latest_day_comes_first(self) -> None:
        found = shown(made(NOON - DAY, "cursor"), made(NOON, "human"), made(NOON - DAY, "cursor"), made(NOON - 1))
        assert list(counts(found)) == ["human", "unknown", "cursor"]

    def test_a_commit_tells_whose_a_change_was(self) -> None:
        """It moves to them; of two the first counts."""
        one, other = made(NOON - DAY), made(NOON)
        told = attribution([one.id], agent_owner="codex-cloud")
        found = shown(other, one, told, attribution([one.id], agent_owner="cursor"))
        assert counts(found) == {"unknown": [0, 0, 1], "codex-cloud": [0, 1, 0]}

    def test_a_commit_takes_no_change_from_an_owner(self) -> None:
        one = made(NOON, "human")
        assert counts(shown(one, attribution([one.id], agent_owner="cursor"))) == {"human": [0, 0, 1]}

    def test_an_author_whose_clock_is_ahead_is_not_believed(self) -> None:
        """Nothing was made after it was seen."""
        assert counts(shown(made(NOON + 400 * DAY, recorded=NOON))) == {"unknown": [0, 0, 1]}

    def test_only_the_last_thirty_days_are_shown(self) -> None:
        found = shown(made(NOON - DAYS * DAY), made(NOON - (DAYS - 1) * DAY), made(NOON))
        assert (found["since"], found["until"]) == ("2025-09-11", "2025-10-10")
        assert found["changes"] == 2 and len(found["agents"][0]["days"]) == DAYS

    def test_nothing_gives_nothing(self) -> None:
        found = shown()
        assert (found["changes"], found["agents"]) == (0, [])

    def test_it_stays_the_same_for_a_day(self) -> None:
        """So that it can be cached."""
        midnight = NOON // DAY * DAY
        event = made(midnight)
        assert shown(event, now=midnight) == shown(event, now=midnight + DAY - 1) != shown(event, now=midnight + DAY)

    def test_it_does_not_grow_without_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither by days, nor by changes whose owner nobody knows."""
        monkeypatch.setattr(timeline, "OWNERLESS", 30)
        fold = Timeline()
        for number in range(DAYS + 50):
            fold.add(made(NOON + number * DAY))
        assert (len(fold.changes), len(fold._ownerless)) == (DAYS, 30)

    def test_a_clock_that_was_wrong_for_a_while_does_not_empty_it(self) -> None:
        fold = Timeline()
        for number in range(5):
            fold.add(made(NOON + 5000 * DAY + number * DAY))
        for number in range(DAYS + 50):
            fold.add(made(NOON + number * DAY))
        assert to_json(fold, NOON + (DAYS + 49) * DAY)["changes"] == DAYS - 5


def written(folder: Path, events: list[tuple[float, Event]]) -> Ledger:
    """A ledger of these events, each recorded at a time."""
    prev, clock, lines = NO_LINE, CLOCK_ZERO, b""
    for number, (at, event) in enumerate(events):
        clock = tick(clock, at)
        line = encode(Stamp("clone-a", number + 1, prev, clock), event)
        prev, lines = line_hash(line[:-1]), lines + line
    ledger = Ledger(str(folder))
    Path(ledger.path).write_bytes(lines)
    return ledger


class TestRecent:
    def test_only_what_is_new_is_read(self, tmp_path: Path) -> None:
        """And it comes to the same."""
        events: list[tuple[float, Event]] = [(NOON + n, made(NOON + n, ("human", None)[n % 2])) for n in range(40)]
        part = written(tmp_path, events[:25])
        following = Recent(part).catch_up(NOON)
        before = part.size()
        ledger = written(tmp_path, events)
        assert following.catch_up(NOON).to_json(NOON) == Recent(ledger).catch_up(NOON).to_json(NOON)
        assert following.follower and before < following.follower.offset == ledger.size()
        assert counts(following.to_json(NOON)) == {"human": [0, 0, 20], "unknown": [0, 0, 20]}

    def test_a_line_that_stands_twice_counts_once_and_a_damaged_one_not_at_all(self, tmp_path: Path) -> None:
        ledger = written(tmp_path, [(NOON, made(NOON))])
        line = Path(ledger.path).read_bytes()
        Path(ledger.path).write_bytes(line + line + b"damaged\n" + line[:10])
        assert Recent(ledger).catch_up(NOON).to_json(NOON)["changes"] == 1

    def test_another_ledger_in_its_place_is_read_anew(self, tmp_path: Path) -> None:
        following = Recent(written(tmp_path, [(NOON, made(NOON)), (NOON, made(NOON))])).catch_up(NOON)
        written(tmp_path, [(NOON, made(NOON, "human"))])
        assert counts(following.catch_up(NOON).to_json(NOON)) == {"human": [0, 0, 1]}

    def test_no_ledger_is_an_empty_timeline(self, tmp_path: Path) -> None:
        assert Recent(Ledger(str(tmp_path))).catch_up(NOON).to_json(NOON)["changes"] == 0

    def test_what_is_older_than_it_shows_is_not_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(timeline, "STEP", 2000)
        old: list[tuple[float, Event]] = [(NOON - 90 * DAY + n, made(NOON - 90 * DAY + n)) for n in range(200)]
        ledger = written(tmp_path, [*old, (NOON, made(NOON))])
        assert offset_at(ledger, NOON - 30 * DAY) > ledger.size() * 0.9
        assert Recent(ledger).catch_up(NOON).to_json(NOON)["changes"] == 1

    @given(st.lists(st.integers(0, 100 * DAY), min_size=1, max_size=60), st.integers(0, 100 * DAY))
    def test_nothing_of_the_time_asked_for_stands_before_the_offset(
        self, tmp_path_factory: pytest.TempPathFactory, moments: list[int], since: int
    ) -> None:
        """Wherever in the ledger it begins."""
        events: list[tuple[float, Event]] = [(NOON + at, made(NOON + at)) for at in sorted(moments)]
        ledger = written(tmp_path_factory.mktemp("ledger"), events)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(timeline, "STEP", 700)
            offset = offset_at(ledger, NOON + since)
        starts = [at for at, _ in ledger.lines()]
        wanted = sum(at >= since for at in moments)
        assert offset in (*starts, ledger.size())
        assert sum(at >= offset for at in starts) >= wanted
