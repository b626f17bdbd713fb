"""How far each reader of briefs has come: by session, or by name and worktree where there is none."""

from __future__ import annotations

from contextlib import suppress

from agentsync.agents.brief import Seen
from agentsync.agents.caller import Caller
from agentsync.base import files, strict_json

READERS = 64  # that are remembered: those who looked last


def seen(store: str, reader: Caller) -> Seen | None:
    """What was told to a reader; None for one who has never looked."""
    values = _read(store).get(_key(reader))
    return Seen(*values) if values else None


def remember(store: str, reader: Caller, told: Seen) -> None:
    """Where this fails, the reader is told the same once more."""
    readers = _read(store)
    readers.pop(_key(reader), None)
    newest = [*readers.items(), (_key(reader), list(told))][-READERS:]
    with suppress(OSError):
        files.replace_file(_path(store), strict_json.dumps(dict(newest)).encode() + b"\n")


def _key(reader: Caller) -> str:
    return reader.session or f"{reader.agent_owner or ''}@{reader.worktree or ''}"


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
