"""Tables: on a terminal fitted to its width and coloured by rich, elsewhere aligned text."""

import os
import sys
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from agentsync.cli.terminal import say

if TYPE_CHECKING:
    from rich.console import Console

# Colours of the words that tables show; everything else has the terminal's own.
STYLES = {
    "created": "green",
    "modified": "yellow",
    "deleted": "red",
    "unreported": "yellow",
    "uncommitted": "yellow",
    "uncommitted, unreported": "yellow",
    "not recorded yet": "red",
    "unreadable": "red",
    "up to date": "green",
    "waiting": "magenta",
    "unknown": "dim",
}
GAP = 2  # cells between two columns
SHORTEST = 10  # cells of a text that has lost its end; with less it goes altogether
CUT = "\N{HORIZONTAL ELLIPSIS}"


class Table(NamedTuple):
    """Rows of clean texts. What becomes of a column where the terminal is narrow, by its number:

    `drops` go, in this order; the one that is also `text` first loses the ends of what it says. Then what stands in
    `path` loses its middle, and `folds` goes on in the next line.
    """

    heads: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    folds: int = -1
    path: int = -1
    text: int = -1
    drops: tuple[int, ...] = ()


def show(table: Table) -> None:
    """A table, without heads where these are empty."""
    if not table.rows:
        return
    if on_terminal():
        console = _console()
        console.print(_rich(fitted(table, console.width)))
    else:
        say(*plain(table))


def plain(table: Table) -> list[str]:
    """The table as aligned lines, without blanks at their ends."""
    lines = [*([table.heads] if any(table.heads) else []), *table.rows]
    widths = [max(cells(line[n]) for line in lines) for n in range(len(table.heads))]
    return [
        "".join(text + " " * (width - cells(text) + GAP) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def fitted(table: Table, width: int) -> Table:
    """The table in so many cells, as far as its columns give way."""
    columns = {n: [head, *(row[n] for row in table.rows)] for n, head in enumerate(table.heads)}
    for number in table.drops:
        room = _room(columns, number, width)
        if room >= _widest(columns[number]):
            break
        if number == table.text and room >= SHORTEST:
            columns[number] = [cut(text, room) for text in columns[number]]
        else:
            del columns[number]
    if table.path in columns:
        room = max(_room(columns, table.path, width), SHORTEST)
        columns[table.path] = [middle_cut(text, room) for text in columns[table.path]]
    heads, *rows = zip(*columns.values(), strict=True)
    return Table(heads, rows, folds=list(columns).index(table.folds) if table.folds in columns else -1)


def cells(text: str) -> int:
    """How wide a terminal shows it: East Asian characters take two cells, marks upon others none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def cut(text: str, room: int) -> str:
    """A text without its end."""
    while cells(text) > room:
        text = text.removesuffix(CUT)[:-1] + CUT
    return text


def middle_cut(path: str, room: int) -> str:
    """A path without its middle: of its end twice as much stays as of its beginning."""
    kept, found = room, path
    while cells(found) > room and kept > 1:
        kept -= 1
        begin = kept // 3
        found = path[:begin] + CUT + path[len(path) - (kept - begin) :]
    return found


def on_terminal() -> bool:
    """Whether stdout is a terminal that can do more than print lines."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _widest(column: Sequence[str]) -> int:
    return max(map(cells, column))


def _room(columns: dict[int, list[str]], number: int, width: int) -> int:
    """What the other columns leave to this one."""
    return width - sum(_widest(column) + GAP for n, column in columns.items() if n != number)


def _console() -> "Console":
    from rich.console import Console  # late: 60 ms

    return Console(highlight=False, markup=False, emoji=False)


def _rich(table: Table) -> object:
    from rich.table import Table as RichTable
    from rich.text import Text

    made = RichTable(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_header=any(table.heads), header_style="dim")
    for number, head in enumerate(table.heads):
        made.add_column(head, no_wrap=number != table.folds, overflow="fold")
    for row in table.rows:
        made.add_row(*(Text(text, style=STYLES.get(text, "")) for text in row))
    return made
