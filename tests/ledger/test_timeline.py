"""The timeline counts changes by hour, agent and document, marks consolidations, and stays small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.events import attribution, change

from agentsync.ledger import timeline
from agentsync.ledger.events import CLOCK_ZERO, Change, Consolidation, Event, Stamp, encode, new_id, tick, to_rfc3339
from agentsync.ledger.log import NO_LINE, Ledger, line_hash
from agentsync.ledger.timeline import HOUR, HOURS, Recent, Timeline, offset_at, to_json

NOON = 1_760_097_600.0
DAY = 24 * HOUR


def made(at: float, path: str = "doc.md", owner: str | None = None, recorded: float | None = None) -> Change:
    """A change of a moment."""
    later = to_rfc3339(at if recorded is None else recorded)
    return change(new_id(at), timestamp=to_rfc3339(at), recorded=later, file_path=path, agent_owner=owner)


def consolidated(at: float, changes: int = 5, trigger: str = "threshold") -> Consolidation:
    """A consolidation of a moment."""
    ids = [new_id(at) for _ in range(changes)]
    return Consolidation(new_id(at), to_rfc3339(at), to_rfc3339(at), trigger, {}, ids, "hook")


def shown(*events: Event, now: float = NOON) -> Any:
    """What comes of events."""
    fold = Timeline()
    for event in events:
        fold.add(event)
    return to_json(fold, now)


class TestTimeline:
    def test_changes_are_counted_by_hour_and_agent(self) -> None:
        found = shown(
            made(NOON, owner="claude-code"),
            made(NOON + 59, owner="claude-code"),
            made(NOON + 60, owner="codex-local"),
            made(NOON - 1),
        )
        assert found["changes"] == 4
        assert found["agents"] == [
            {"agent": "claude-code", "changes": 2},
            {"agent": "codex-local", "changes": 1},
            {"agent": "unknown", "changes": 1},
        ]
        assert [(hour["hour"], hour["changes"]) for hour in found["hours"]] == [
            ("2025-10-10T11:00:00Z", {"unknown": 1}),
            ("2025-10-10T12:00:00Z", {"claude-code": 2, "codex-local": 1}),
        ]

    def test_consolidations_are_marked_with_what_they_cover(self) -> None:
        found = shown(consolidated(NOON - HOUR, 3, "manual"), consolidated(NOON - HOUR), consolidated(NOON))
        assert found["consolidations"] == 3
        assert [(hour["consolidations"], hour["consolidated"]) for hour in found["hours"]] == [
            ({"manual": 1, "threshold": 1}, 8),
            ({"threshold": 1}, 5),
        ]

    def test_each_document_has_a_strip_of_its_own_the_one_changed_last_first(self) -> None:
        found = shown(made(NOON, "a.md"), made(NOON, "b.md"), made(NOON - HOUR, "a.md", "human"))
        assert [(strip["file_path"], strip["changes"]) for strip in found["files"]] == [("a.md", 2), ("b.md", 1)]
        assert found["files"][0]["days"] == [{"day": "2025-10-10", "changes": {"human": 1, "unknown": 1}}]
        assert found["files"][0]["hours"] == [
            {"hour": "2025-10-10T11:00:00Z", "changes": {"human": 1}},
            {"hour": "2025-10-10T12:00:00Z", "changes": {"unknown": 1}},
        ]

    def test_a_strip_has_hours_for_the_last_day_only(self) -> None:
        (strip,) = shown(made(NOON - DAY), made(NOON - DAY + HOUR), made(NOON))["files"]
        assert [day["day"] for day in strip["days"]] == ["2025-10-09", "2025-10-10"]
        assert [hour["hour"] for hour in strip["hours"]] == ["2025-10-09T13:00:00Z", "2025-10-10T12:00:00Z"]

    def test_a_commit_that_tells_the_owner_moves_the_change_to_them(self) -> None:
        one, other = made(NOON), made(NOON)
        told = attribution([one.id], agent_owner="codex-cloud")
        again = attribution([one.id], agent_owner="cursor")
        found = shown(one, other, told, again)
        assert found["hours"][0]["changes"] == {"unknown": 1, "codex-cloud": 1}
        assert found["files"][0]["hours"][0]["changes"] == {"unknown": 1, "codex-cloud": 1}

    def test_a_commit_takes_no_change_from_an_owner(self) -> None:
        one = made(NOON, owner="human")
        assert shown(one, attribution([one.id], agent_owner="cursor"))["hours"][0]["changes"] == {"human": 1}

    def test_an_author_whose_clock_is_ahead_is_not_believed(self) -> None:
        """Nothing was made after it was seen."""
        found = shown(made(NOON + 400 * DAY, recorded=NOON))
        assert [hour["hour"] for hour in found["hours"]] == ["2025-10-10T12:00:00Z"]

    def test_only_the_last_thirty_days_are_shown(self) -> None:
        found = shown(made(NOON - 30 * DAY), made(NOON - 30 * DAY + HOUR), made(NOON), consolidated(NOON - 31 * DAY))
        assert (found["since"], found["until"]) == ("2025-09-10T13:00:00Z", "2025-10-10T12:00:00Z")
        assert (found["changes"], len(found["hours"]), found["consolidations"]) == (2, 2, 0)
        assert found["files"][0]["changes"] == 2

    def test_nothing_gives_nothing(self) -> None:
        found = shown()
        assert found["changes"] == found["consolidations"] == 0
        assert found["hours"] == found["agents"] == found["files"] == []

    def test_it_stays_the_same_for_an_hour(self) -> None:
        """So that it can be cached."""
        events: list[Event] = [made(NOON), consolidated(NOON)]
        assert shown(*events, now=NOON) == shown(*events, now=NOON + HOUR - 1)
        assert shown(*events, now=NOON) != shown(*events, now=NOON + HOUR)

    def test_it_does_not_grow_without_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither by hours, nor by documents, nor by changes whose owner nobody knows."""
        monkeypatch.setattr(timeline, "FILES", 20)
        monkeypatch.setattr(timeline, "OWNERLESS", 30)
        fold = Timeline()
        for number in range(HOURS + 50):
            fold.add(made(NOON + number * HOUR, f"{number}.md"))
            fold.add(made(NOON + number * HOUR, "always.md"))
            fold.add(consolidated(NOON + number * HOUR))
        assert len(fold.changes) == len(fold.consolidations) == len(fold.consolidated) == HOURS
        assert (len(fold.files), len(fold._ownerless)) == (20, 30)
        assert fold.files["always.md"].keys() == fold.changes.keys()

    def test_a_clock_that_was_wrong_for_a_while_does_not_empty_it(self) -> None:
        fold = Timeline()
        for number in range(5):
            fold.add(made(NOON + 5000 * DAY + number * HOUR))
        for number in range(HOURS + 50):
            fold.add(made(NOON + number * HOUR))
        until = NOON + (HOURS + 49) * HOUR
        assert to_json(fold, until)["changes"] == HOURS - 5


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
        events: list[tuple[float, Event]] = [
            (NOON + n, made(NOON + n, owner=("human", None)[n % 2])) for n in range(40)
        ]
        part = written(tmp_path, events[:25])
        following = Recent(part).catch_up(NOON)
        before = part.size()
        ledger = written(tmp_path, events)
        assert following.catch_up(NOON).to_json(NOON) == Recent(ledger).catch_up(NOON).to_json(NOON)
        assert following.follower and before < following.follower.offset == ledger.size()
        assert following.to_json(NOON)["agents"] == [{"agent": agent, "changes": 20} for agent in ("human", "unknown")]

    def test_a_line_that_stands_twice_counts_once_and_a_damaged_one_not_at_all(self, tmp_path: Path) -> None:
        ledger = written(tmp_path, [(NOON, made(NOON))])
        line = Path(ledger.path).read_bytes()
        Path(ledger.path).write_bytes(line + line + b"damaged\n" + line[:10])
        assert Recent(ledger).catch_up(NOON).to_json(NOON)["changes"] == 1

    def test_another_ledger_in_its_place_is_read_anew(self, tmp_path: Path) -> None:
        following = Recent(written(tmp_path, [(NOON, made(NOON)), (NOON, made(NOON))])).catch_up(NOON)
        written(tmp_path, [(NOON, made(NOON, owner="human"))])
        assert following.catch_up(NOON).to_json(NOON)["agents"] == [{"agent": "human", "changes": 1}]

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
