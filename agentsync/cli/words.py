"""How things are called in what people read; everything that comes from outside is cleaned here."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from agentsync.base.times import from_rfc3339
from agentsync.cli.terminal import clean

if TYPE_CHECKING:
    from agentsync.agents.rescue import Lost
    from agentsync.status import NotRecorded

UNITS = ((86_400, "day"), (3600, "h"), (60, "min"))


def who(agent_owner: str | None, author: str | None) -> str:
    """The owner; where nobody knows it, "unknown" beside the author's name."""
    if agent_owner:
        return clean(agent_owner)
    name = (author or "").partition("<")[0].strip()
    return f"unknown ({clean(name)})" if name else "unknown"


def moment(timestamp: str) -> str:
    """A time to the minute; tables say that it is UTC."""
    return clean(timestamp[:16].replace("T", " "))


def short(id_: str) -> str:
    """The end of an id: ids of one moment begin alike."""
    return clean(id_[-8:])


def lines(added: int | None, removed: int | None) -> str:
    """`+12 -3`; nothing where nobody could count them."""
    return "" if added is None or removed is None else f"+{added} -{removed}"


EDITS = {"created": "new", "modified": "edited", "deleted": "deleted"}


def not_recorded(documents: Iterable["NotRecorded"]) -> list[str]:
    """A line for each document that could not be looked at, in the words of one who edits files."""
    lines = []
    for one in documents:
        edit = f"{clean(one['file_path'])}, {EDITS[one['event_type']]} in {clean(one['worktree'])}"
        lines.append(f"not recorded yet: {edit} ({clean(one['reason'])})")
    return lines


REASONS = {
    "said": "AGENTSYNC_AGENT said so",
    "setting": "`agentsync agent` says so of the worktree",
    "payload": "its own hook told of {signal}",
    "client": "its MCP client gave its name ({signal})",
    "environment": "{signal} was set where it was made",
    "trailer": "the commit has the trailer {signal}",
    "author": "the author is {signal}",
    "committer": "the committer is {signal}",
    "message": 'the message says "{signal}"',
    "branch": "the branch begins with {signal}",
}
SIGNALS = {"name": "named so", "payload": "the edit", "payload, shell": "a shell command in whose time it was made"}


def because(evidence: Mapping[str, str]) -> str:
    """One piece of evidence as a sentence, and whom it names."""
    kind, signal, agent = (clean(evidence.get(key, "")) for key in ("kind", "signal", "agent"))
    sentence = REASONS.get(kind, f"{kind} {{signal}}").format(signal=SIGNALS.get(signal, signal))
    return f"{sentence} ({agent})"


def meant(word: str, words: Iterable[str]) -> str:
    """`; did you mean X?`, if one of the words is close."""
    import difflib  # late: only a word that nobody knows needs it

    close = difflib.get_close_matches(word, sorted(words), 1)
    return f"; did you mean {clean(close[0])}?" if close else ""


def some(paths: Sequence[str], most: int) -> str:
    """The first of them by name, and how many more there are."""
    more = f" and {len(paths) - most} more" if len(paths) > most else ""
    return f"{', '.join(map(clean, paths[:most]))}{more}"


def count(number: int, word: str) -> str:
    """`1 change`, `2 changes`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def ago(seconds: float) -> str:
    """How long it is since then."""
    return "just now" if seconds < 60 else f"{duration(seconds)} ago"


def duration(seconds: float) -> str:
    """About how long, in the largest unit that fits."""
    for size, unit in UNITS:
        if seconds >= size:
            number = int(seconds // size)
            return count(number, unit) if unit == "day" else f"{number} {unit}"
    return "less than a minute"


def removed(one: "Lost", now: float) -> str:
    """Whose edit was removed, when, by what, and how to have it back."""
    edit = f"{clean(one.file_path)} in {clean(one.worktree)}: an uncommitted edit by {who(one.agent_owner, None)}"
    by = f" by {clean(one.by)}" if one.by else ""
    when = f"{duration(now - from_rfc3339(one.removed))} ago"
    return f"{edit} was removed{by}, {when}; agentsync rescue --at {short(one.change)}"
