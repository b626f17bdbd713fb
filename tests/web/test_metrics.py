"""What Prometheus is told is what the ledger says: no count goes down, no name breaks the format."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.commands import agentsync, agentsync_process
from lab.events import IDS, attribution, baseline, change, consolidation, histories
from lab.repo import Repo
from prometheus_client.parser import text_string_to_metric_families

from agentsync.base.settings import Settings, Watch
from agentsync.ledger.events import Event, from_rfc3339, new_id
from agentsync.ledger.notes import Observations
from agentsync.ledger.state import State, replay
from agentsync.ledger.view import Cursor
from agentsync.observe.agents import KNOWN_AGENTS
from agentsync.status import Paused, Survey
from agentsync.web.durations import Durations, Looks
from agentsync.web.metrics import GAUGES, LABELS, METRICS, MOST_FILES, MOST_NAMES, Reading, exposition, families

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
SETTINGS = Settings(watch=(Watch("doc.md", "docs"), Watch("other.md", "sync")))
NOON = from_rfc3339("2025-10-10T12:00:00Z")
START = Cursor()
Series = tuple[str, frozenset[tuple[str, str]]]


def reading(*history: Event, cursor: Cursor = START, now: float = NOON, **around: Any) -> Reading:
    """After these events, in the worktree main."""
    survey = Survey(**{"settings": SETTINGS, "worktree": "main", **around})
    return Reading(replay(history, State()), cursor, survey, now)


def parsed(text: bytes) -> dict[Series, float]:
    """Every sample, as Prometheus' own format has it; fails where one series stands twice."""
    found: dict[Series, float] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found, key
            found[key] = sample.value
    return found


def told(measured: Reading, name: str) -> dict[tuple[str, ...], float]:
    """The samples of a metric by the values of their labels, these in the order of the labels' names."""
    return {
        tuple(value for _, value in sorted(labels)): count
        for (each, labels), count in parsed(exposition(measured)).items()
        if each == name
    }


class TestCounts:
    def test_changes_are_counted_by_type_and_agent(self) -> None:
        """As the seed names them; what may come is there with 0."""
        history = [change(IDS[0]), change(IDS[1], agent_owner="codex-local"), change(IDS[2], file_type="passation")]
        assert told(reading(*history), "sync_changes_detected_total") == {
            ("unknown", "docs"): 1,
            ("codex-local", "docs"): 1,
            ("unknown", "passation"): 1,
            ("codex-local", "passation"): 0,
            ("unknown", "sync"): 0,
            ("codex-local", "sync"): 0,
        }

    def test_an_agent_that_a_commit_names_later_is_counted_apart(self) -> None:
        """Both counters have the same series, so that they can be added."""
        measured = reading(change(IDS[0]), change(IDS[1]), attribution(IDS[:1], agent_owner="claude-code"))
        detected, attributed = (told(measured, f"sync_changes_{each}_total") for each in ("detected", "attributed"))
        assert detected[("unknown", "docs")] == 2
        assert attributed[("claude-code", "docs")] == 1
        assert set(detected) == set(attributed)
        assert {key: count for key, count in attributed.items() if count} == {("claude-code", "docs"): 1}

    def test_both_counters_have_the_same_series_for_any_agent(self) -> None:
        """For one that nobody knows, and that made no other change, too."""
        measured = reading(change(IDS[0]), attribution(IDS[:1], agent_owner="robot"))
        assert told(measured, "sync_changes_attributed_total")[("robot", "docs")] == 1
        assert told(measured, "sync_changes_detected_total")[("robot", "docs")] == 0

    def test_a_ledger_written_by_hand_brings_no_control_character_into_a_label(self) -> None:
        """Types, agents and sources are what stands there."""
        odd = "\x1b[2J\n"
        text = exposition(reading(change(IDS[0], file_type=odd, agent_owner=odd, source=odd))).decode()
        assert 'agent="\\\\x1b[2J\\\\n",file_type="\\\\x1b[2J\\\\n"' in text
        assert all(char.isprintable() or char == "\n" for char in text)

    def test_consolidations_and_sources_are_there_before_the_first(self) -> None:
        """Else `rate` would not see the first."""
        assert told(reading(), "sync_consolidations_triggered_total") == {
            ("manual",): 0,
            ("threshold",): 0,
            ("time_based",): 0,
        }
        measured = reading(change(IDS[0], source="hook"), consolidation(IDS[:1]))
        assert told(measured, "sync_consolidations_triggered_total")[("manual",)] == 1
        assert told(measured, "sync_changes_seen_total") == {
            ("hook",): 1,
            ("poller",): 0,
            ("scan",): 0,
            ("history",): 0,
        }

    @given(histories, histories)
    def test_no_counter_ever_goes_down(self, history: list[Event], more: list[Event]) -> None:
        """And none goes away."""
        before, after = (parsed(exposition(reading(*events))) for events in (history, [*history, *more]))
        for series, count in before.items():
            if series[0].endswith("_total"):
                assert after[series] >= count, series

    @given(st.lists(st.tuples(st.sampled_from([f"a{n}" for n in range(80)]), st.integers(0, 60)), max_size=300))
    def test_names_that_somebody_makes_up_have_an_end_and_lose_nothing(self, made_up: list[tuple[str, int]]) -> None:
        """Nor does one that has a series lose it to one that comes later."""
        history = [
            change(new_id(n), agent_owner=agent, file_type=f"t{type_}", source=f"s{type_}")
            for n, (agent, type_) in enumerate(made_up)
        ]
        half = told(reading(*history[: len(history) // 2]), "sync_changes_detected_total")
        whole = told(reading(*history), "sync_changes_detected_total")
        assert sum(whole.values()) == len(history)
        assert all(whole[key] >= count for key, count in half.items() if count)
        assert sum(told(reading(*history), "sync_changes_seen_total").values()) == len(history)

    def test_ten_thousand_agents_are_fifty_and_the_others(self) -> None:
        """But an agent that is known keeps its name however late it comes."""
        agents = [*(f"robot-{number}" for number in range(10_000)), "cursor"]
        history = [change(new_id(number), agent_owner=agent) for number, agent in enumerate(agents)]
        counts = told(reading(*history), "sync_changes_detected_total")
        assert counts[("cursor", "docs")] == 1
        assert counts[("robot-49", "docs")] == 1
        assert counts[("other", "docs")] == 10_000 - MOST_NAMES
        assert len([key for key in counts if key[1] == "docs"]) == MOST_NAMES + len(("cursor", "other", "unknown"))


class TestStatus:
    def test_documents_are_synced_changed_or_in_error(self) -> None:
        """As `status` says."""
        measured = reading(change(IDS[0], file_path="other.md"), missing=("doc.md",))
        assert told(measured, "sync_status") == {("doc.md",): -1, ("other.md",): 0}
        measured = reading(change(IDS[0]), consolidation(IDS[:1]))
        assert told(measured, "sync_status") == {("doc.md",): 1, ("other.md",): 1}

    @pytest.mark.parametrize(
        ("path", "label"),
        [
            ('with "quotes" and \\backslash.md', 'with "quotes" and \\backslash.md'),
            ("two\nlines\r.md", "two\\nlines\\r.md"),
            ("\x1b[31mred\x07.md", "\\x1b[31mred\\x07.md"),
            ("turned\u202eround\u2028.md", "turned\\u202eround\\u2028.md"),
            ("no utf-8 \udcff.md", "no utf-8 \\xff.md"),
            ("été 🤖.md", "été 🤖.md"),
            ('} 1\nsync_status{file_path="forged"', '} 1\\nsync_status{file_path="forged"'),
        ],
    )
    def test_a_name_is_a_label_whatever_it_is(self, path: str, label: str) -> None:
        """Nothing that is not printable gets through."""
        settings = Settings(watch=(Watch("*.md", "docs"), Watch("*forged*", "docs")))
        text = exposition(reading(change(IDS[0], file_path=path), settings=settings))
        assert told(reading(change(IDS[0], file_path=path), settings=settings), "sync_status") == {(label,): 0}
        assert all(char.isprintable() or char == "\n" for char in text.decode())

    @pytest.mark.parametrize("changed", ["a\x1b.md", "a\\x1b.md"])
    def test_of_two_names_that_read_the_same_the_worse_is_shown(self, changed: str) -> None:
        """A series that stands twice would spoil the whole scrape."""
        settings = Settings(watch=(Watch("*.md", "docs"),))
        both = [change(IDS[n], file_path=path) for n, path in enumerate(("a\x1b.md", "a\\x1b.md"))]
        measured = reading(*both, consolidation(IDS[:2]), change(IDS[2], file_path=changed), settings=settings)
        assert told(measured, "sync_status") == {("a\\x1b.md",): 0}

    def test_a_glob_does_not_bring_in_series_without_end(self) -> None:
        """The gauge beside them counts all."""
        settings = Settings(watch=(Watch("named.md", "docs"), Watch("many/*", "docs")))
        history = [change(new_id(number), file_path=f"many/{number:05}") for number in range(MOST_FILES + 500)]
        measured = reading(*history, settings=settings)
        assert len(told(measured, "sync_status")) == MOST_FILES
        assert ("named.md",) in told(measured, "sync_status")
        assert told(measured, "sync_watched_files") == {(): MOST_FILES + 501}


class TestGauges:
    def test_what_waits_and_what_is_wrong(self) -> None:
        """Each of them by its number."""
        waiting = Observations("x.json", tuple(change(IDS[n], blob=f"{n:040x}") for n in (1, 2)))
        measured = reading(
            change(IDS[0]),
            cursor=Cursor(offset=4321, records=17, damaged=(5, 9), unknown=3),
            running=True,
            paused=(Paused(worktree="main", operation="rebase", since="2025-10-10T12:00:00Z"),),
            waiting=(waiting,),
            owed={"main": "", "other": ""},
            missing=("doc.md",),
            unreadable={"other.md": "a directory"},
            config_problem="wrong",
        )
        expected = {
            "sync_pending_changes": 3,
            "sync_watched_files": 2,
            "sync_missing_files": 1,
            "sync_unreadable_files": 1,
            "sync_ledger_records": 17,
            "sync_ledger_bytes": 4321,
            "sync_poller_running": 1,
            "sync_paused_worktrees": 1,
            "sync_owed_reports": 2,
            "sync_waiting_observations": 2,
            "sync_configuration_valid": 0,
            "sync_consolidation_threshold": 5,
            "sync_consolidation_interval_seconds": 3600,
        }
        assert {name: told(measured, name)[()] for name in expected} == expected
        assert told(measured, "sync_ledger_rejected_lines") == {("damaged",): 2, ("unknown_kind",): 3}

    def test_the_time_since_a_consolidation_begins_with_the_baseline(self) -> None:
        """As the time rule counts; but there is no time of a consolidation that was not."""
        age, when = "sync_since_last_consolidation_seconds", "sync_last_consolidation_timestamp_seconds"
        assert told(reading(), age) == {}
        begun = baseline(None, tips=[])
        assert told(reading(begun, now=NOON + 90), age) == {(): 90}
        assert told(reading(begun), when) == {}
        assert told(reading(begun, consolidation(IDS[:1]), now=NOON + 60), age) == {(): 60}
        assert told(reading(begun, consolidation(IDS[:1])), when) == {(): NOON}
        assert told(reading(begun, now=NOON - 5), age) == {(): 0}, "a clock that was set back"


class TestDurations:
    def test_a_histogram_counts_by_upper_bounds(self) -> None:
        """A bound belongs to what lies below it."""
        took = Durations((0.01, 1.0))
        for seconds in (0.002, 0.01, 0.5, 7.0):
            took.observe(seconds)
        buckets, total = took.snapshot()
        assert buckets == [("0.01", 2), ("1.0", 3), ("+Inf", 4)]
        assert math.isclose(total, 7.512)

    def test_looks_that_consolidate_or_write_are_counted_twice(self, repo: Repo) -> None:
        """Once as a check, once as a consolidation."""
        looks = Looks()
        repo.begin()
        looks.looked(repo.look(), 0.25)
        repo.write("edited\n")
        looks.looked(repo.look(asked=True), 0.75)
        measured = reading()
        measured = Reading(measured.state, measured.cursor, measured.survey, NOON, (), looks, callback_errors=2)
        assert told(measured, "sync_check_duration_seconds_count") == {(): 2}
        assert told(measured, "sync_check_duration_seconds_sum") == {(): 1}
        assert told(measured, "sync_check_duration_seconds_bucket")[("0.25",)] == 1
        assert told(measured, "sync_consolidation_duration_seconds_bucket")[("1.0",)] == 1
        assert told(measured, "sync_consolidation_duration_seconds_count") == {(): 1}
        assert told(measured, "sync_callback_errors_total") == {(): 2}

    def test_the_bounds_of_the_seed_are_among_them(self) -> None:
        """Its two examples can be asked for as they stand there."""
        series = parsed(exposition(reading()))
        assert ("sync_check_duration_seconds_bucket", frozenset({("le", "0.01")})) in series
        assert ("sync_consolidation_duration_seconds_bucket", frozenset({("le", "1.0")})) in series


class TestExposition:
    def test_labels_are_added_to_every_sample(self) -> None:
        """Buckets and infos too."""
        measured = reading(change(IDS[0]))
        plain = parsed(exposition(measured))
        labelled = parsed(exposition(measured, {"clone": 'a "b"'}))
        assert labelled == {(name, labels | {("clone", 'a "b"')}): value for (name, labels), value in plain.items()}

    def test_the_labels_that_nobody_may_take_are_those_in_use(self) -> None:
        """With `le`, which every histogram has."""
        used = {label for _, labels in parsed(exposition(reading(change(IDS[0])))) for label, _ in labels}
        assert used == LABELS

    def test_every_metric_stands_in_the_page_with_its_kind_and_labels(self) -> None:
        """And the page has no others."""
        rows = re.findall(r"^\| `(sync_\w+)` \| (\w+) \|(.*?)\|", PAGE, re.MULTILINE)
        in_page = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
        measured = reading(baseline(None, tips=[]), change(IDS[0]), consolidation(IDS[:1]))
        told_ = {}
        for family in families(measured):
            name = {"counter": f"{family.name}_total", "info": f"{family.name}_info"}.get(family.type, family.name)
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            told_[name] = ({"info": "gauge"}.get(family.type, family.type), labels)
        assert in_page == told_
        assert len(told_) == len(METRICS) + len(GAUGES)

    def test_known_agents_are_labels_as_they_are(self) -> None:
        """None of them is changed or hidden on the way."""
        history = [change(new_id(number), agent_owner=agent) for number, agent in enumerate(KNOWN_AGENTS)]
        counts = told(reading(*history), "sync_changes_detected_total")
        assert {agent for (agent, file_type), count in counts.items() if count} == set(KNOWN_AGENTS)

    def test_prometheus_client_is_imported_when_it_is_needed(self) -> None:
        """Importing the module, or measuring, needs it not."""
        script = "import sys, agentsync.web.metrics, agentsync.web.durations; print('prometheus_client' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
        assert done.stdout == "False\n"


@pytest.fixture
def without(tmp_path: Path) -> str:
    """A folder that hides prometheus_client, for PYTHONPATH: as where the extra is not installed."""
    folder = tmp_path / "without"
    folder.mkdir()
    (folder / "prometheus_client.py").write_text("raise ImportError\n")
    return str(folder)


class TestCommand:
    def test_it_prints_what_the_ledger_says(self, repo: Repo) -> None:
        """The same in each process, however often it is asked."""
        repo.begin()
        repo.hooks()
        repo.commit("one\n", CLAUDECODE="1")
        repo.write("two\n")
        repo.look("poller")
        first, second = (parsed(agentsync(repo.root, "metrics").out.encode()) for _ in range(2))
        counted = {series: value for series, value in first.items() if series[0].endswith("_total")}
        assert counted == {series: value for series, value in second.items() if series[0].endswith("_total")}

        def count(name: str, **labels: str) -> float:
            return first[(name, frozenset(labels.items()))]

        assert count("sync_changes_detected_total", file_type="docs", agent="claude-code") == 1
        assert count("sync_changes_detected_total", file_type="docs", agent="unknown") == 1
        assert count("sync_changes_seen_total", source="hook") == 1
        assert count("sync_changes_seen_total", source="poller") == 1
        assert count("sync_pending_changes") == 2
        assert count("sync_status", file_path="doc.md") == 0
        assert count("sync_ledger_bytes") == (Path(repo.clone().store) / "ledger.jsonl").stat().st_size

    def test_a_commit_names_the_owner_of_what_the_poller_saw(self, repo: Repo) -> None:
        """Also after a report: the cache keeps what the state needs for that."""
        repo.begin()
        repo.hooks()
        for text in ("one\n", "two\n"):
            repo.write(text)
            repo.look("poller", asked=True)
        repo.view().save()
        repo.commit(CLAUDECODE="1")
        found = parsed(agentsync(repo.root, "metrics").out.encode())
        key = frozenset({("file_type", "docs"), ("agent", "claude-code")})
        assert found[("sync_changes_attributed_total", key)] == 2
        assert found[("sync_changes_detected_total", key)] == 0

    def test_a_text_file_is_replaced_in_one_step(self, repo: Repo, tmp_path: Path) -> None:
        """Whoever reads it while it is written sees the old one; nothing is left beside it."""
        repo.begin()
        repo.hooks()
        folder = tmp_path / "node"
        folder.mkdir()
        path = folder / "notes.prom"
        path.write_text("old\n")
        with path.open() as reader:
            done = agentsync(repo.root, "metrics", "--textfile", str(path), "--label", "clone=notes")
            assert reader.read() == "old\n"
        assert (done.out, done.err) == ("", "")
        assert all(("clone", "notes") in labels for _, labels in parsed(path.read_bytes()))
        assert [each.name for each in folder.iterdir()] == ["notes.prom"]
        assert path.stat().st_mode & 0o444 == 0o444, "the node exporter is another user"

    def test_a_text_file_that_nobody_reads_is_told(self, repo: Repo) -> None:
        """And one that cannot be written is an error; the old one stays."""
        repo.begin()
        repo.hooks()
        assert "only files that end in .prom" in agentsync(repo.root, "metrics", "--textfile", "x.txt").err
        done = agentsync(repo.root, "metrics", "--textfile", "no/such/folder.prom", code=1)
        assert done.err.startswith("error: ")

    @pytest.mark.parametrize("label", ["x", "=x", "1a=x", "a-b=x", "__a=x", "agent=x", "le=1"])
    def test_a_label_that_is_none_is_refused(self, repo: Repo, label: str) -> None:
        """Prometheus would refuse all of it."""
        repo.begin()
        repo.hooks()
        assert agentsync(repo.root, "metrics", "--label", label, code=2).out == ""

    def test_without_the_extra_it_says_what_to_install(self, repo: Repo, without: str) -> None:
        """And all else works without it."""
        repo.begin()
        repo.hooks()
        done = agentsync_process(repo.root, "metrics", code=1, PYTHONPATH=without)
        assert "hint: reinstall it, in a checkout of agentsync: pipx install --force ." in done.err
        agentsync_process(repo.root, "status", PYTHONPATH=without)

    def test_where_nothing_is_set_up_it_says_so(self, repo: Repo) -> None:
        """A server that serves nothing would look healthy."""
        assert "hint: agentsync init" in agentsync(repo.root, "metrics", code=1).err
