"""Rows as an aligned table for the terminal and as Markdown for docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.harness import Benchmark, Row

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
_HEAD = ("", "median", "min - max", "x", "")


def duration(seconds: float) -> str:
    """Seconds with three digits and a fitting unit."""
    for factor, unit in ((1.0, "s"), (1e3, "ms")):
        if seconds * factor >= 1:
            return f"{_digits(seconds * factor)} {unit}"
    return f"{_digits(seconds * 1e6)} µs"


def _digits(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def terminal(benchmark: Benchmark, rows: list[Row]) -> str:
    """A calm, aligned table."""
    cells = [_HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[n]) for line in cells) for n in range(len(_HEAD))]
    lines = [f"{benchmark.title} ({benchmark.rounds} rounds)", ""]
    for line in cells:
        name, *numbers, verdict = line
        aligned = [
            name.ljust(widths[0]),
            *(text.rjust(width) for text, width in zip(numbers, widths[1:-1], strict=True)),
        ]
        lines.append("  ".join(("", *aligned, verdict)).rstrip())
    return "\n".join(lines) + "\n"


def markdown(benchmark: Benchmark, rows: list[Row]) -> str:
    """The same as a section of a page."""
    head = [
        f"### {benchmark.title}",
        "",
        benchmark.about,
        "",
        "| | median | min - max | x | target |",
        "|---|--:|--:|--:|---|",
    ]
    return "\n".join([*head, *("| " + " | ".join(_cells(row)) + " |" for row in rows)]) + "\n"


def _cells(row: Row) -> tuple[str, str, str, str, str]:
    if not row.samples:
        return row.name, row.note, "", "", row.verdict
    low, high = row.span
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    memory = "" if row.peak is None else f"{row.peak:.0f} MiB"
    return (
        row.name,
        duration(row.middle),
        f"{duration(low)} - {duration(high)}",
        ratio,
        ", ".join(filter(None, (row.verdict, memory))),
    )


def rewrite(page: Path, sections: Iterable[str]) -> None:
    """Put the sections between the page's marker lines."""
    before, _, rest = page.read_text().partition(f"{BEGIN}\n")
    _, _, after = rest.partition(f"{END}\n")
    page.write_text(f"{before}{BEGIN}\n" + "\n".join(sections) + f"{END}\n{after}")
