"""The watched documents in `.agentsync/config.toml`, one more or one less; all else stays as somebody wrote it."""

from __future__ import annotations

import re

from agentsync.base import config_text
from agentsync.base.errors import AgentsyncError
from agentsync.base.settings import Watch

BY_HAND = "change it with an editor; docs/configuration.md shows how"
_HEADER = re.compile(r"[ \t]*\[\[[ \t]*watch[ \t]*\]\]")
_TABLE = re.compile(r"[ \t]*\[")
_ASIDE = re.compile(r"[ \t]*(#|$)")


def with_watch(text: str, watch: Watch, where: str) -> str:
    """The configuration `text`, which also watches this; `where` is what errors call it. Raises AgentsyncError."""
    before = config_text.parse(text.encode(), where)
    gap = "" if text.endswith("\n") or not text else "\n"
    wanted = before._replace(watch=(*before.watch, watch))
    return _checked(f"{text}{gap}\n{config_text.watch_entry(watch)}\n", wanted, where)


def without_watch(text: str, path: str, where: str) -> str:
    """The same without the document or glob that stands there as `path`. Raises AgentsyncError."""
    before = config_text.parse(text.encode(), where)
    number = next((n for n, one in enumerate(before.watch) if one.path == path), None)
    if number is None:
        raise AgentsyncError(f"{path} is not in {where}", hint="`agentsync documents` lists what is watched")
    lines = text.splitlines(keepends=True)
    headers = [n for n, line in enumerate(lines) if _HEADER.match(line)]
    if number >= len(headers):
        raise AgentsyncError(f"{where} has no [[watch]] of its own for {path}", hint=BY_HAND)
    first = headers[number]
    end = next((n for n in range(first + 1, len(lines)) if _TABLE.match(lines[n])), len(lines))
    while end > first + 1 and end < len(lines) and _ASIDE.match(lines[end - 1].rstrip("\r\n")):
        end -= 1  # what stands right above the next table is said of that
    while end < len(lines) and not lines[end].strip():
        end += 1
    wanted = before._replace(watch=tuple(one for one in before.watch if one.path != path))
    return _checked("".join(lines[:first] + lines[end:]).rstrip("\n") + "\n", wanted, where)


def _checked(text: str, wanted: object, where: str) -> str:
    """The text, if it says what is wanted; a file that is laid out in another way is left alone."""
    if config_text.parse(text.encode(), where) != wanted:
        raise AgentsyncError(f"{where} is laid out in a way that only a person can change", hint=BY_HAND)
    return text
