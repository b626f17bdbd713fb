"""What reaches stdout: cleaned text, tables, JSON. rich is imported only for a terminal, and never for JSON."""

from __future__ import annotations

import os
import sys

from agentsync import jsontext
from agentsync.lean import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

# Colours of the words that tables show; everything else has the terminal's own.
STYLES = {
    "created": "green",
    "modified": "yellow",
    "deleted": "red",
    "changed": "yellow",
    "missing": "red",
    "unreadable": "red",
    "in sync": "green",
    "spooled": "magenta",
    "unknown": "dim",
}


def clean(text: str) -> str:
    """The text with everything that is not printable written as an escape: no control character reaches a terminal.

    Every file name, author, branch and remote goes through here.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8, as the file system's codec gives it
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def escape_json(text: str) -> str:
    """JSON text in which everything that is not printable, so stands within a string, is an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _json_escaped(char) for char in text)


def _json_escaped(char: str) -> str:
    code = ord(char)
    if code > 0xFFFF:
        code -= 0x10000
        return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
    return f"\\u{code:04x}"


def print_json(value: object) -> None:
    """One JSON value on a line of its own."""
    say(escape_json(jsontext.dumps(value)))


def say(*lines: str) -> None:
    """Lines to stdout, as UTF-8 whatever the locale."""
    stream = getattr(sys.stdout, "buffer", None)
    text = "".join(f"{line}\n" for line in lines)
    if stream is None:
        sys.stdout.write(text)
    else:
        sys.stdout.flush()
        stream.write(text.encode(errors="backslashreplace"))


def warn(text: str) -> None:
    """A line to stderr; it must be clean already."""
    sys.stderr.write(f"{text}\n")


@frozen
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
