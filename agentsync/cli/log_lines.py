"""The layouts of `log` that people know from git: one line, a format, with sizes, with what came and went."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import click

from agentsync.base import git
from agentsync.cli.from_git import patch, subjects
from agentsync.cli.terminal import clean
from agentsync.cli.words import lines, short, who
from agentsync.ledger.events import Change, event_of
from agentsync.ledger.history import Entry
from agentsync.observe import diffs

PORTION = 50  # changes of which git is asked at once
BAR = 40  # signs that show how large a change is
FULL, ONELINE = "", "oneline"


class Layout(NamedTuple):
    """`head`: FULL, ONELINE or a format. `stat`, `patch`: what follows it."""

    head: str
    stat: bool
    patch: bool

    @property
    def is_table(self) -> bool:
        """Whether nobody asked for anything of this."""
        return self == Layout(FULL, False, False)


def laid_out(entries: Iterable[Entry], layout: Layout, clone: git.Clone, report_path: str) -> Iterator[str]:
    """The entries as lines, clean, and coloured where the reader shows colours."""
    entries = iter(entries)
    while portion := list(itertools.islice(entries, PORTION)):
        named = subjects([entry.commit for entry in portion if entry.commit], clone.folder)
        found = _diffs(portion, clone, report_path) if layout.patch else {}
        for entry in portion:
            yield from _head(entry, layout.head, named.get(entry.commit or "", ""))
            if layout.stat and (bar := _bar(entry)):
                yield bar
            if entry.id in found:
                yield from ("", *patch(found[entry.id]))
            if layout.head == FULL or layout.patch:
                yield ""


def _diffs(entries: Iterable[Entry], clone: git.Clone, report_path: str) -> dict[str, diffs.Diff]:
    events = [event_of(entry.record) for entry in entries if entry.kind == "change"]
    changes = [event for event in events if isinstance(event, Change)]
    return dict(zip([one.id for one in changes], diffs.of_changes(changes, clone, report_path), strict=True))


def _head(entry: Entry, layout: str, commit: str) -> Iterator[str]:
    """`commit`: its short name and its subject."""
    what = " ".join(filter(None, (entry.event_type or entry.kind, entry.file_path, _size(entry))))
    by = who(entry.agent_owner, entry.author) if entry.file_path else clean(entry.agent_owner or "")
    if layout == ONELINE:
        yield "  ".join(filter(None, (f"{click.style(short(entry.id), fg='yellow')} {clean(what)}", by, commit)))
    elif layout == FULL:
        yield click.style(f"{entry.kind} {short(entry.id)}", fg="yellow")
        yield f"What:    {clean(what)}"
        if by:
            yield f"By:      {by}"
        yield f"When:    {clean(entry.timestamp)}"
        if entry.commit:
            yield f"Commit:  {commit or clean(entry.commit)}"
    else:
        yield formatted(layout, entry, commit)


def _size(entry: Entry) -> str:
    record = entry.record
    return lines(record.get("lines_added"), record.get("lines_removed"))


def _bar(entry: Entry) -> str:
    """` docs/passation.md | 15 ++++++++++++---`, as git draws it."""
    added, removed = entry.record.get("lines_added"), entry.record.get("lines_removed")
    if added is None or removed is None:
        return f" {clean(entry.file_path)} | unknown" if entry.file_path and entry.kind == "change" else ""
    every = added + removed
    scale = min(1.0, BAR / every) if every else 1.0
    plus, minus = "+" * math.ceil(added * scale), "-" * math.ceil(removed * scale)
    return f" {clean(entry.file_path or '')} | {every} {click.style(plus, fg='green')}{click.style(minus, fg='red')}"


_PLACE = re.compile(r"%(?:\((\w+)\)|(an|ae|aI|at|x[0-9a-fA-F]{2}|[HhsnN%]))")


def formatted(layout: str, entry: Entry, commit: str) -> str:
    """A format's line: `%(field)` of the record, and git's letters for its commit. What is neither stays as it is."""
    name, _, address = (entry.author or "").partition(" <")
    short_name, _, subject = commit.partition(" ")
    letters: Mapping[str, str] = {
        "H": entry.commit or "",
        "h": short_name,
        "s": subject,
        "an": name,
        "ae": address.removesuffix(">"),
        "aI": entry.timestamp,
        "at": str(int(entry.happened_at)),
    }

    def value(found: re.Match[str]) -> str:
        field, letter = found.groups()
        if field:
            return clean(_text(entry.record[field])) if field in entry.record else found[0]
        if letter[0] == "x":
            return chr(int(letter[1:], 16))
        return {"n": "\n", "%": "%"}.get(letter) or clean(letters.get(letter, found[0]))

    return _PLACE.sub(value, layout)


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, dict):
        return " ".join(map(_text, value.values()))
    return "" if value is None else str(value)
