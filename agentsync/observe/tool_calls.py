"""What an agent's own hook says of one tool call: who, in which session, and which files it wrote. Pure.

The payloads are of the agents' own making, and may hold anything. Several agents load one another's hooks: whose a
payload is, its keys say (`PAYLOADS`), whatever hook it came by.
"""

from __future__ import annotations

import json
import os.path
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from agentsync.ledger.notes import ToolNote
from agentsync.observe.agent_signals import PAYLOADS, SHELLS

PATCHED = ("*** Update File: ", "*** Add File: ", "*** Delete File: ", "*** Move to: ")
MOMENT = 0.1  # seconds by which the clocks of a file system and of a payload may differ
LATELY = 10.0  # seconds within which a command that names a file, and tells no duration, may have written it


class ToolCall(NamedTuple):
    """A tool call that has ended at `done`, in seconds since 1970; `began` where the payload tells how long it took.

    `paths`: what it wrote, absolute. `command`: of a shell, else "".
    """

    agent: str
    session: str
    payload: Mapping[str, Any]
    paths: tuple[str, ...]
    command: str
    began: float | None
    done: float


def call_of(note: ToolNote) -> ToolCall | None:
    """The tool call of a note; None where no agent that is known hands over such a payload."""
    given = note.payload
    agent = next((agent for agent, fields in PAYLOADS if all(given.get(field) for field in fields)), None)
    if agent is None:
        return None
    tool = _text(given, "tool_name", "toolName")
    asked = _object(given.get("tool_input", given.get("toolArgs")))
    command = _command(asked)
    shell = tool in SHELLS
    paths = () if shell else tuple(dict.fromkeys(_paths(given, asked, command)))
    took = given.get("duration_ms")
    began = note.noted - took / 1000 if isinstance(took, (int, float)) and 0 <= took < 86_400_000 else None
    session = _text(given, "session_id", "sessionId", "conversation_id")
    return ToolCall(agent, session, given, paths, command if shell else "", began, note.noted)


def written_in(call: ToolCall, root: str) -> bool:
    """Whether a call has, or a shell command may have, written a file of the worktree at `root`."""
    folder = os.path.realpath(_text(call.payload, "cwd") or "/")
    named = (folder,) if call.command else call.paths
    return any(f"{path}/".startswith(f"{root}/") for path in named)


def who_wrote(calls: Iterable[ToolCall], path: str, written: float | None) -> ToolCall | None:
    """The call that has left a file as it is: the newest that names it, if nobody has written it since.

    `written`: when, in seconds since 1970; None: it is gone. Else the only session with a shell command in whose time
    it was written.
    """
    every = list(calls)
    named = [call for call in every if path in call.paths and (written is None or written <= call.done + MOMENT)]
    if named:
        return max(named, key=lambda call: call.done)
    shells = [call for call in every if call.command and written is not None and _in_time(call, path, written)]
    return shells[-1] if len({(call.agent, call.session) for call in shells}) == 1 else None


def _in_time(call: ToolCall, path: str, written: float) -> bool:
    if call.began is not None:
        return call.began - MOMENT <= written <= call.done + MOMENT
    return os.path.basename(path) in call.command and call.done - LATELY <= written <= call.done + MOMENT


def _paths(given: Mapping[str, Any], asked: Mapping[str, Any], command: str) -> Iterator[str]:
    answered = _object(given.get("tool_response"))
    shown = _object(answered.get("returnDisplay"))
    folder = _text(given, "cwd")
    named = [_text(shown, "filePath") or _text(answered, "filePath") or _text(asked, "file_path", "notebook_path")]
    named += [_text(asked, "path", "filePath"), *_patched(_text(asked, "patch", "input") or command)]
    for name in filter(None, named):
        path = os.path.join(folder, name)
        if os.path.isabs(path) and "\0" not in path:
            yield os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def _patched(patch: str) -> Iterator[str]:
    for line in patch.split("\n"):
        yield from (line.removeprefix(mark).strip() for mark in PATCHED if line.startswith(mark))


def _command(asked: Mapping[str, Any]) -> str:
    command = asked.get("command", asked.get("cmd"))
    if isinstance(command, Sequence) and not isinstance(command, str):
        return " ".join(word for word in command if isinstance(word, str))
    return command if isinstance(command, str) else ""


def _object(value: object) -> Mapping[str, Any]:
    """An object, also where it is handed over as a text that holds one."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def _text(flat: Mapping[str, Any], *names: str) -> str:
    return next((value for value in map(flat.get, names) if isinstance(value, str) and value), "")
