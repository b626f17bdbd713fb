"""On which line of a TOML document each key stands: `tomllib` tells it of broken syntax only, not of a wrong value."""

from __future__ import annotations

import contextlib
import tomllib
from bisect import bisect_right
from collections.abc import Callable

Path = tuple[str | int, ...]


def lines_of(text: str) -> dict[Path, int]:
    """The line, from 1, of each key, table and array entry of a document that `tomllib` has read without an error.

    The n-th `[[watch]]` is `("watch", n)`, its path `("watch", n, "path")`, n from 0.
    """
    scanner = _Scanner(text)
    # An error message with the line of the table above is better than none.
    with contextlib.suppress(IndexError, ValueError, RecursionError):
        scanner.document()
    return scanner.lines


class _Scanner:
    """A walk through a valid document; `at` is the place of the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.entries: dict[Path, int] = {}
        self.ends = [index for index, char in enumerate(text) if char == "\n"]

    def document(self) -> None:
        table: Path = ()
        while self.skip(" \t\r\n"):
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)

    def header(self) -> Path:
        start = self.at
        double = self.text.startswith("[[", self.at)
        self.at += 2 if double else 1
        table = self.inside(self.key("]"))
        self.at += 2 if double else 1
        if double:
            number = self.entries.get(table, -1) + 1
            self.entries[table] = number
            self.note(table, start)
            table = (*table, number)
        self.note(table, start)
        return table

    def inside(self, parts: list[str]) -> Path:
        """The table that a header names: below an array of tables its last entry. The last part may be a new entry."""
        path: Path = ()
        for part in parts:
            if path in self.entries:
                path = (*path, self.entries[path])
            path = (*path, part)
        return path

    def pair(self, table: Path) -> None:
        start = self.at
        path = table
        for part in self.key("="):
            path = (*path, part)
            self.note(path, start)
        self.at += 1
        self.value(path)

    def key(self, end: str) -> list[str]:
        parts: list[str] = []
        while self.skip(" \t.") and self.text[self.at] != end:
            start = self.at
            if self.text[self.at] in "\"'":
                self.string()
                (part,) = tomllib.loads(f"{self.text[start : self.at]} = 0")
            else:
                while self.text[self.at] not in f" \t.{end}":
                    self.at += 1
                part = self.text[start : self.at]
            parts.append(part)
        return parts

    def value(self, path: Path) -> None:
        self.skip(" \t")
        char = self.text[self.at]
        if char in "\"'":
            self.string()
        elif char == "[":
            self.group("]", lambda number: self.entry((*path, number)))
        elif char == "{":
            self.group("}", lambda _: self.pair(path))
        else:
            while self.at < len(self.text) and self.text[self.at] not in ",]}#\r\n":
                self.at += 1

    def entry(self, path: Path) -> None:
        self.note(path, self.at)
        self.value(path)

    def group(self, end: str, member: Callable[[int], None]) -> None:
        self.at += 1
        number = 0
        while self.skip(" \t\r\n,") and self.text[self.at] != end:
            member(number)
            number += 1
        self.at += 1

    def string(self) -> None:
        quote = self.text[self.at]
        mark = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        self.at += len(mark)
        while not self.text.startswith(mark, self.at):
            self.at += 2 if quote == '"' and self.text[self.at] == "\\" else 1
        self.at += len(mark)
        while len(mark) == 3 and self.text.startswith(quote, self.at):
            self.at += 1  # a long string may end in one or two quotes of its own

    def skip(self, chars: str) -> bool:
        """Go on to what is neither one of these nor a comment; False at the end of the document."""
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif self.text[self.at] in chars:
                self.at += 1
            else:
                return True
        return False

    def note(self, path: Path, at: int) -> None:
        self.lines.setdefault(path, bisect_right(self.ends, at - 1) + 1)
