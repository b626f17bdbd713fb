"""Rows as an aligned table for the terminal and as Markdown for docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.harness import Benchmark, Row

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
_HEAD = ("", "median", "min - max", "x", "")


def shown(value: float, unit: str = "s") -> str:
    """A value with about three digits: percent, or seconds in a fitting unit."""
    if unit == "%":
        return f"{value:.3f} %"
    for factor, name in ((1.0, "s"), (1e3, "ms")):
        if value * factor >= 1:
            return f"{_digits(value * factor)} {name}"
    return f"{_digits(value * 1e6)} µs"


def _digits(value: float) -> str:
    return f"{value:#.3g}".rstrip(".") if value < 1000 else f"{value:.0f}"


def terminal(benchmark: Benchmark, rows: list[Row]) -> str:
    """A calm, aligned table."""
    cells = [_HEAD, *(_cells(row, benchmark.unit) for row in rows)]
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


def markdown(benchmark: Benchmark, rows: list[Row], where: str = "") -> str:
    """The same as a section of a page; `where` says when and on what it was measured."""
    head = [
        f"### {benchmark.title}",
        "",
        f"{benchmark.about} {where}".rstrip(),
        "",
        "| | median | min - max | x | target |",
        "|---|--:|--:|--:|---|",
    ]
    return "\n".join([*head, *("| " + " | ".join(_cells(row, benchmark.unit)) + " |" for row in rows)]) + "\n"


def _cells(row: Row, unit: str) -> tuple[str, str, str, str, str]:
    verdict = "; ".join(_verdicts(row, unit))
    if not row.samples:
        return row.contestant.name, row.note, "", "", verdict
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    span = f"{shown(row.values[0], unit)} - {shown(row.values[-1], unit)}"
    return row.contestant.name, shown(row.middle, unit), span, ratio, verdict


def _verdicts(row: Row, unit: str) -> list[str]:
    """Each target, and whether it was reached; then the memory that was needed."""
    one, said = row.contestant, []
    if one.target is not None:
        beside = f"{one.target:g} x {one.against or ''}".rstrip()
        said.append(_verdict(row.ratio, one.target, f"<= {beside}"))
    if one.most is not None:
        said.append(_verdict(row.middle if row.samples else None, one.most, f"<= {shown(one.most, unit)}"))
    if one.most_99 is not None and row.samples:
        text = f"99th percentile {shown(row.last_99, unit)} <= {shown(one.most_99, unit)}"
        said.append(_verdict(row.last_99, one.most_99, text))
    if one.peak is not None and row.peak is not None:
        said.append(_verdict(row.peak, one.peak, f"{row.peak:.0f} <= {one.peak:g} MiB"))
    elif row.peak is not None:
        said.append(f"{row.peak:.0f} MiB")
    return said


def _verdict(value: float | None, most: float, target: str) -> str:
    if value is None:
        return f"not compared: {target}"
    return f"{'reached' if value <= most else 'MISSED'}: {target}"


def rewrite(page: Path, sections: Iterable[str], order: Sequence[str]) -> None:
    """Put sections between the page's marker lines, in the place of older ones; `order` names the titles to keep."""
    before, _, rest = page.read_text().partition(f"{BEGIN}\n")
    old, _, after = rest.partition(f"{END}\n")
    found = {_title(section): section for section in (*_sections(old), *sections)}
    kept = "\n".join(found[title] for title in order if title in found)
    page.write_text(f"{before}{BEGIN}\n{kept}{END}\n{after}")


def _sections(text: str) -> list[str]:
    return [f"### {section.strip()}\n" for section in text.split("### ")[1:]]


def _title(section: str) -> str:
    return section.partition("\n")[0].removeprefix("### ")
