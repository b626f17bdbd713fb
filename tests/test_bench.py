"""The benchmarks run, leave nobody out, and write what they found; how long anything takes is not tested."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench import report
from bench.harness import Benchmark, Contestant, MissingError, Row, Sample, Step, race
from bench.lab import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path, quick=True)
    yield made
    made.end()


def taking(*values: float) -> Step:
    """A step that takes these times, one after the other, again and again."""
    turns = iter(values * 1000)
    return lambda: Sample(next(turns))


def contest(*contestants: Contestant, rounds: int = 3) -> Benchmark:
    return Benchmark("one", "One thing", "About it.", contestants, rounds, warm_up=0)


def rows_of(lab: Lab, *contestants: Contestant) -> dict[str, Row]:
    return {row.contestant.name: row for row in race(contest(*contestants), lab)}


def missing(lab: Lab) -> Step:
    raise MissingError("not installed")


@pytest.mark.long
@pytest.mark.parametrize("benchmark", bench.BENCHMARKS, ids=lambda benchmark: benchmark.name)
def test_each_benchmark_runs_and_its_ratios_are_numbers(lab: Lab, benchmark: Benchmark) -> None:
    rows = race(benchmark, lab)
    assert [row.contestant for row in rows] == list(benchmark.contestants)
    for row in rows:
        assert bool(row.samples) != bool(row.note), row
        assert not row.note or row.note == "not installed", row
        assert row.ratio is None or math.isfinite(row.ratio), row
    assert all(row.samples for row in rows if "agentsync" in row.contestant.name)


def test_names_and_targets_refer_to_contestants_that_exist() -> None:
    for benchmark in bench.BENCHMARKS:
        names = [one.name for one in benchmark.contestants]
        assert len(set(names)) == len(names)
        assert {one.against for one in benchmark.contestants} <= {None, *names}


def test_ratios_compare_medians_with_the_floor_or_with_a_named_contestant(lab: Lab) -> None:
    rows = rows_of(
        lab,
        Contestant("floor", lambda _: taking(1.0, 1.0)),
        Contestant("slow", lambda _: taking(3.0)),
        Contestant("slower", lambda _: taking(6.0), against="slow"),
    )
    assert [row.ratio for row in rows.values()] == [1.0, 3.0, 2.0]


def test_the_turns_rotate_so_that_nobody_always_follows_the_same_one(tmp_path: Path) -> None:
    turns: list[str] = []

    def noting(name: str) -> Contestant:
        def step() -> Sample:
            turns.append(name)
            return Sample(1.0)

        return Contestant(name, lambda _: step)

    race(contest(*map(noting, "abc")), Lab(tmp_path))
    assert "".join(turns) == "abcbcacab"


def test_who_is_not_installed_or_fails_keeps_a_row_that_says_so(lab: Lab) -> None:
    rows = rows_of(
        lab,
        Contestant("floor", missing),
        Contestant("ours", lambda _: taking(1.0), target=2.0),
        Contestant("broken", lambda lab: lambda: lab.timed(lab.folder, "sh", "-c", "echo no disk >&2; exit 3")),
    )
    assert rows["floor"].note == "not installed"
    assert rows["ours"].ratio is None
    assert rows["broken"].note == "failed: no disk"
    table = report.terminal(contest(), list(rows.values()))
    assert "not installed" in table
    assert "not compared: <= 2 x" in table


def test_targets_are_shown_as_reached_or_missed(lab: Lab) -> None:
    rows = rows_of(
        lab,
        Contestant("floor", lambda _: taking(1.0)),
        Contestant("good", lambda _: taking(1.5), target=2.0),
        Contestant("bad", lambda _: taking(1.5), target=1.2, against="good"),
        Contestant("late", lambda _: taking(1.0, 9.0), most=6.0, most_99=8.0),
    )
    shown = report.markdown(contest(), list(rows.values()))
    assert "| good | 1.50 s | 1.50 s - 1.50 s | 1.50 | reached: <= 2 x |" in shown
    assert "| bad | 1.50 s | 1.50 s - 1.50 s | 1.00 | reached: <= 1.2 x good |" in shown
    assert "reached: <= 6.00 s; MISSED: 99th percentile 9.00 s <= 8.00 s" in shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0000123, "12.3 µs"), (0.01749, "17.5 ms"), (0.3, "300 ms"), (1.004, "1.00 s"), (61.0, "61.0 s")],
)
def test_durations_have_three_digits(seconds: float, text: str) -> None:
    assert report.shown(seconds) == text


def test_the_page_is_rewritten_between_its_markers_only(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.rewrite(page, ["### B\nfirst\n", "### A\nsecond\n"], ["A", "B", "C"])
    assert page.read_text() == f"before\n{report.BEGIN}\n### A\nsecond\n\n### B\nfirst\n{report.END}\nafter\n"
    report.rewrite(page, ["### C\nthird\n"], ["A", "B", "C"])
    report.rewrite(page, ["### B\nfourth\n"], ["B", "C"])
    assert page.read_text() == f"before\n{report.BEGIN}\n### B\nfourth\n\n### C\nthird\n{report.END}\nafter\n"


def test_a_run_of_some_benchmarks_leaves_the_page_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{report.BEGIN}\n{report.END}\n")
    monkeypatch.setattr(bench, "PAGE", page)
    monkeypatch.setattr(bench, "BENCHMARKS", (contest(Contestant("floor", lambda _: taking(1.0))),))
    assert bench.main(["one", "--work", str(tmp_path)]) == 0
    assert page.read_text() == f"{report.BEGIN}\n{report.END}\n"
    assert bench.main(["--work", str(tmp_path)]) == 0
    assert "### One thing" in page.read_text()
    assert capsys.readouterr().out.count("One thing (3 rounds)") == 2


def test_contestants_can_be_chosen_together_with_those_they_are_compared_with() -> None:
    benchmark = contest(
        Contestant("floor", missing),
        Contestant("a", missing),
        Contestant("b", missing, against="a"),
        Contestant("c", missing),
    )
    chosen = bench.only(benchmark, ["b"])
    assert [one.name for one in chosen.contestants] == ["floor", "a", "b"]
    assert bench.only(benchmark, None) == replace(benchmark)


def test_the_page_has_its_markers_and_every_benchmark() -> None:
    text = bench.PAGE.read_text()
    assert text.count(report.BEGIN) == text.count(report.END) == 1
    for benchmark in bench.BENCHMARKS:
        assert f"### {benchmark.title}\n" in text
