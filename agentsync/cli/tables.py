"""Tables: with rich on a terminal, aligned text elsewhere. rich is imported only for a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from agentsync.cli.terminal import say

# Colours of the words that tables show; everything else has the terminal's own.
STYLES = {
    "created": "green",
    "modified": "yellow",
    "deleted": "red",
    "pending": "yellow",
    "missing": "red",
    "unreadable": "red",
    "in sync": "green",
    "waiting": "magenta",
    "unknown": "dim",
}


@dataclass(frozen=True)
class Table:
    """Rows of clean texts. `folds`: the number of the column that gives way where the terminal is narrow."""

    heads: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    folds: int = -1


def show(table: Table) -> None:
    """A table: with rich on a terminal, aligned text elsewhere; without heads where these are empty."""
    if not table.rows:
        return
    if on_terminal():
        _console().print(_rich(table))
    else:
        say(*plain(table))


def plain(table: Table) -> list[str]:
    """The table as aligned lines, without blanks at their ends."""
    lines = [*([table.heads] if any(table.heads) else []), *table.rows]
    widths = [max(len(line[n]) for line in lines) for n in range(len(table.heads))]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def on_terminal() -> bool:
    """Whether stdout is a terminal that can do more than print lines."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _console() -> Console:
    from rich.console import Console  # late: 60 ms

    return Console(highlight=False, markup=False, emoji=False)


def _rich(table: Table) -> object:
    from rich.table import Table as RichTable
    from rich.text import Text

    made = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=any(table.heads), header_style="dim")
    for number, head in enumerate(table.heads):
        gives_way = number == table.folds
        made.add_column(head, no_wrap=not gives_way, overflow="fold")
    for row in table.rows:
        made.add_row(*(Text(text, style=STYLES.get(text, "")) for text in row))
    return made
