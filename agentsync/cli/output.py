"""What reaches stdout: cleaned text, tables, JSON. rich is imported only for a terminal."""

from __future__ import annotations

import json
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


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


def to_json(value: object) -> str:
    """JSON on one line that a terminal can show: what is not printable stands as an escape."""
    return escape_json(json.dumps(value, ensure_ascii=False))


def escape_json(text: str) -> str:
    """JSON text in which every character that is not printable (so one within a string) is an escape."""
    if text.isprintable():
        return text
    return re.sub(r"[^ -~]", _as_json, text)


def _as_json(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]


def print_json(value: object) -> None:
    """One JSON value and a newline, UTF-8 whatever the locale."""
    write(to_json(value) + "\n")


def write(text: str) -> None:
    """Text to stdout, as UTF-8 whatever the locale."""
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:
        sys.stdout.write(text)
        return
    sys.stdout.flush()
    stream.write(text.encode(errors="backslashreplace"))
