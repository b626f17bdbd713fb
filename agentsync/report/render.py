"""Consolidations as Markdown. Everything that comes from outside is data: it can neither leave its place nor hide.

A path is escaped; everything else has to look like the word or time that it is, or is shown as `unknown`.
"""

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from agentsync.report.phrases import PHRASES, Phrases

LISTED = 50
OVERLAPS = 20  # that are listed
ZONES = 20  # claims that are listed, and paths of each
UNKNOWN = "unknown"
LEVELS = ("conflict", "same document")


class Fact(NamedTuple):
    """One change as a report shows it. `agent_owner` is None where nobody knows; then `author` may tell more."""

    file_path: str
    event_type: str
    timestamp: str
    agent_owner: str | None
    author: str | None = None
    lines_added: int | None = None
    lines_removed: int | None = None


class Zone(NamedTuple):
    """What somebody says to be working on, until when at the latest (RFC 3339)."""

    agent_owner: str | None
    paths: tuple[str, ...]
    until: str


class Overlap(NamedTuple):
    """A document that two lines of work change, of these agents (None: unknown); `level` as in `LEVELS`."""

    file_path: str
    level: str
    one: str | None
    other: str | None


class Report(NamedTuple):
    """One consolidation: all its facts in the order of the ledger, with how many events and files there are.

    `history`: how many changes from before watching began were taken in, told by the first report.
    """

    id: str
    timestamp: str
    trigger_type: str
    conditions_met: dict[str, int]
    changes: int
    files: int
    facts: tuple[Fact, ...]
    history: int = 0


def to_json(report: Report) -> dict[str, Any]:
    """A report as a JSON object; `count` is how many events it covers."""
    return {
        "id": report.id,
        "timestamp": report.timestamp,
        "trigger_type": report.trigger_type,
        "conditions_met": report.conditions_met,
        "count": report.changes,
        "files": report.files,
        "facts": [fact._asdict() for fact in report.facts],
    }


def render(
    reports: Sequence[Report], language: str, zones: Sequence[Zone] = (), overlaps: Sequence[Overlap] = ()
) -> str:
    """The body of the report region (lines end in LF): a notice, who works where, then the consolidations in order."""
    phrases = PHRASES[language]
    lines = [phrases.notice, "", *_zones(zones, phrases), *_overlaps(overlaps, phrases)]
    for report in reports:
        lines += [*_report(report, phrases), "", "---", ""]
    lines.pop()
    return "\n".join(lines) + "\n"


def is_report_line(line: str) -> bool:
    """Whether the line has the shape of one that `render` writes, in any language."""
    return not line.strip() or line == "---" or _line_shapes().fullmatch(line) is not None


def _zones(zones: Sequence[Zone], phrases: Phrases) -> Iterator[str]:
    if not zones:
        return
    yield from (phrases.zones, "")
    for zone in zones[:ZONES]:
        paths = ", ".join(f"**{_path(path)}**" for path in zone.paths[:ZONES])
        more = f", … (+{len(zone.paths) - ZONES})" if len(zone.paths) > ZONES else ""
        agent, until = _markdown(_word(zone.agent_owner, _AGENT)), _word(zone.until, _TIME)
        yield phrases.zone.format(paths=paths + more, agent=agent, timestamp=until)
    if len(zones) > ZONES:
        yield phrases.more_zones.format(count=len(zones) - ZONES)
    yield from ("", "---", "")


def _overlaps(overlaps: Sequence[Overlap], phrases: Phrases) -> Iterator[str]:
    if not overlaps:
        return
    yield from (phrases.overlaps, "")
    for one in overlaps[:OVERLAPS]:
        agent, other = (_markdown(_word(name, _AGENT)) for name in (one.one, one.other))
        level = one.level if one.level in LEVELS else UNKNOWN
        yield phrases.overlap.format(path=_path(one.file_path), level=level, agent=agent, other=other)
    if len(overlaps) > OVERLAPS:
        yield phrases.more_overlaps.format(count=len(overlaps) - OVERLAPS)
    yield from ("", "---", "")


def _report(report: Report, phrases: Phrases) -> Iterator[str]:
    yield phrases.title.format(timestamp=_word(report.timestamp, _TIME))
    yield ""
    yield phrases.trigger.format(trigger=_word(report.trigger_type, _NAME))
    yield phrases.conditions.format(conditions=_conditions(report.conditions_met))
    yield phrases.changes.format(
        count=report.changes,
        events=phrases.event_word[report.changes != 1],
        files=report.files,
        files_word=phrases.file_word[report.files != 1],
    )
    if report.history:
        yield phrases.history.format(count=report.history)
    yield ""
    yield phrases.files
    yield from _files(report, phrases)


def _files(report: Report, phrases: Phrases) -> Iterator[str]:
    counts: dict[str, int] = {}
    for fact in report.facts:
        counts[fact.file_path] = counts.get(fact.file_path, 0) + 1
    listed: dict[str, list[Fact]] = {}
    for fact in report.facts[:LISTED]:
        listed.setdefault(fact.file_path, []).append(fact)
    for path, facts in listed.items():
        yield phrases.file.format(path=_path(path), count=counts[path])
        for fact in facts:
            yield _event(fact, phrases)
    more = report.changes - min(len(report.facts), LISTED)
    if more > 0:
        yield phrases.more.format(count=more)


def _event(fact: Fact, phrases: Phrases) -> str:
    agent = _markdown(_word(fact.agent_owner, _AGENT))
    timestamp = _word(fact.timestamp, _TIME)
    size = f" +{fact.lines_added} -{fact.lines_removed}" if fact.lines_added is not None else ""
    name = "" if fact.agent_owner else _surname(fact.author or "")
    author = f" ({_markdown(name)})" if name else ""
    event_type = _word(fact.event_type, _NAME)
    return phrases.event.format(event_type=event_type, timestamp=timestamp, agent=agent, size=size, author=author)


# Not str.isprintable(): its answer for a new emoji changes with the version of Python, and two clones have to write the
# same bytes. Control characters, everything that is drawn as nothing or turns the text around, half characters.
# What emoji and Persian need (U+200C, U+200D, U+FE0F) stays.
_HIDDEN = (  # compiled when a name needs it, which costs 0.7 ms
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u2800\u3164\ud800-\udfff\ufe00-\ufe0e\ufeff\uffa0\ufff0-\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# An underscore between letters or digits is one in Markdown too, and most names are like that.
_SPECIAL = re.compile(r"[\\`*\[\]~|$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_AGENT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_NAME = re.compile(r"[a-z][a-z_]{0,62}[a-z]")
_TIME = re.compile(r"[0-9][0-9T:.+-]{0,40}Z?")


# A name is the one free text of a report, and anybody may commit under any. So it is bounded to what tells people
# apart and makes no sentence: one whole word, and initials of those before it. The ranges are fixed, as above.
_LETTERS = "A-Za-z0-9\u00c0-\u024f\u0300-\u1fff"
_IDEOGRAPHS = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3"  # a word of few of them is a sentence already
_PERSON = re.compile(f"[{_LETTERS}{_IDEOGRAPHS}'.\u2019-]+")
_SURNAME = re.compile(f"([{_LETTERS}]{{1,20}}([-'\u2019][{_LETTERS}]{{1,20}})?|[{_IDEOGRAPHS}]{{1,5}})(\\[bot\\])?")
NAMES = 5  # words that a name has at most


def _surname(author: str) -> str:
    """`A. Lovelace` of `Ada Lovelace <ada@example.org>`; "" for what does not look like a name."""
    name = author.partition("<")[0]
    *first, last = name.split() or [""]
    looks_like_one = len(first) < NAMES and all(map(_PERSON.fullmatch, first)) and _SURNAME.fullmatch(last)
    if not looks_like_one or re.search(_HIDDEN, name):
        return ""
    return " ".join([*(f"{word[0]}." for word in first), last])


def _path(path: str) -> str:
    text = _markdown(path)
    if text.isascii() and text.isprintable() and not text.startswith(" ") and not text.endswith(" "):
        return text
    text = re.sub(_HIDDEN, _visible, text)
    # Spaces at the edge would take the strength from `**`.
    return re.sub(r"^\s+|\s+$", lambda found: "".join(f"&#{ord(character)};" for character in found[0]), text)


def _markdown(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\g<0>", text)


def _visible(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name that is not UTF-8, as the file system's codec gives it
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _word(value: str | None, pattern: re.Pattern[str]) -> str:
    return value if value is not None and pattern.fullmatch(value) else UNKNOWN


def _conditions(conditions: dict[str, int]) -> str:
    return json.dumps({name: value for name, value in conditions.items() if _NAME.fullmatch(name)})


_SHAPE = {
    "path": r".+",
    "paths": r".+",
    "count": r"\d+",
    "files": r"\d+",
    "timestamp": r"\S+",
    "trigger": r"\w+",
    "event_type": r"\w+",
    "agent": r"\S+",
    "other": r"\S+",
    "level": r"[\w ]+",
    "size": r"( \+\d+ -\d+)?",  # reports of older versions have neither
    "author": r"( \([^()]+\))?",
    "events": r"\w+",
    "files_word": r"\w+",
    "conditions": r"\{.*\}",
}


@cache
def _line_shapes() -> re.Pattern[str]:
    """The shapes of all lines in all languages: made once, because a document may hold a hundred thousand lines."""
    templates = [value for phrases in PHRASES.values() for value in phrases if isinstance(value, str)]
    return re.compile("|".join(map(_shape, templates)))


def _shape(template: str) -> str:
    return re.sub(r"\\\{(\w+)\\\}", lambda field: _SHAPE[field[1]], re.escape(template))
