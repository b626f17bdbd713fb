"""How far each reader of briefs has come: a session, and before its first look the agent in that worktree."""

from contextlib import suppress

from agentsync.agents.brief import Seen
from agentsync.agents.caller import Caller
from agentsync.base import files, strict_json

READERS = 64  # that are remembered: those who looked last


def seen(store: str, reader: Caller) -> Seen | None:
    """What was told to a reader; None for one who has never looked."""
    readers = _read(store)
    return next((Seen(*readers[key]) for key in _keys(reader) if key in readers), None)


def remember(store: str, reader: Caller, told: Seen) -> None:
    """Where this fails, the reader is told the same once more."""
    keys = _keys(reader)
    others = [(key, values) for key, values in _read(store).items() if key not in keys]
    newest = [*others, *((key, list(told)) for key in keys)][-READERS:]
    with suppress(OSError):
        files.replace_file(_path(store), strict_json.dumps(dict(newest)).encode() + b"\n")


def _keys(reader: Caller) -> list[str]:
    agent = f"{reader.agent_owner or ''}@{reader.worktree or ''}"
    return [reader.session, agent] if reader.session else [agent]


def _path(store: str) -> str:
    return f"{store}/readers.json"


def _read(store: str) -> dict[str, list[str]]:
    try:
        found = strict_json.load(_path(store))
    except (OSError, ValueError):
        return {}
    readers = found.items() if isinstance(found, dict) else ()
    return {key: told for key, told in readers if _is_told(told)}


def _is_told(told: object) -> bool:
    return isinstance(told, list) and len(told) == len(Seen._fields) and all(isinstance(one, str) for one in told)
