"""The hooks of agents: put into their settings files, and taken out; planned first, then done.

The command in such a file never changes, because an agent may trust it by its hash: it starts a script in the clone's
store, or in the user's data folder, beside which stands where Python is. Where the script is gone, the command does
nothing. Before a file is written its bytes are kept, so that they come back exactly if nobody has changed it since.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from agentsync.base import files
from agentsync.base.errors import AgentsyncError
from agentsync.base.git import Clone, Worktree
from agentsync.setup import jsonc
from agentsync.setup.changes import Change, Remove, Write
from agentsync.setup.hook_scripts import ENTRY, template

SCRIPT, PYTHON = "agent-hook", files.AGENT_PYTHON
NEW, OLD = b"new\n", b"old\n"  # whether there was a settings file


class Agent(NamedTuple):
    """Where an agent's settings lie in a worktree and in a home, and which events call us.

    `grouped`: an entry holds a matcher and a list of handlers. `handler`: of one. `begin`: what a new file holds.
    """

    project: str
    user: str
    event: str
    matcher: str
    grouped: bool
    handler: Mapping[str, Any]
    begin: Mapping[str, Any] = {}


AGENTS = {
    "claude": Agent(
        ".claude/settings.local.json",
        ".claude/settings.json",
        "PostToolUse",
        "Edit|Write|MultiEdit|NotebookEdit|Bash|PowerShell",
        True,
        {"type": "command", "command": "", "timeout": 5},
    ),
    "codex": Agent(
        ".codex/hooks.json",
        ".codex/hooks.json",
        "PostToolUse",
        "apply_patch|Bash",
        True,
        {"type": "command", "command": "", "timeout": 5},
    ),
    "cursor": Agent(
        ".cursor/hooks.json",
        ".cursor/hooks.json",
        "postToolUse",
        "Write|Delete|Shell",
        False,
        {"command": "", "timeout": 5},
        {"version": 1},
    ),
    "copilot": Agent(
        ".github/hooks/agentsync.json",
        ".copilot/hooks/agentsync.json",
        "postToolUse",
        "",
        False,
        {"type": "command", "bash": "", "timeoutSec": 5},
        {"version": 1},
    ),
    "gemini": Agent(
        ".gemini/settings.json",
        ".gemini/settings.json",
        "AfterTool",
        "write_file|replace|run_shell_command",
        True,
        {"type": "command", "name": "agentsync", "command": "", "timeout": 5000},
    ),
}


class Place(NamedTuple):
    """Where hooks go: the settings file, and the folder of our script."""

    agent: str
    path: str
    folder: str


def in_clone(clone: Clone, here: Worktree, agent: str) -> Place:
    """For the agent's sessions in this worktree."""
    return Place(agent, os.path.realpath(f"{here.root}/{AGENTS[agent].project}"), clone.store)


def of_user(home: str, agent: str, environ: Mapping[str, str]) -> Place:
    """For all of a user's sessions, in every clone that has agentsync."""
    data = environ.get("XDG_DATA_HOME") or f"{home}/.local/share"
    return Place(agent, os.path.realpath(f"{home}/{AGENTS[agent].user}"), f"{data}/agentsync")


def plan_install(place: Place, python: str) -> list[Change]:
    """The script, where Python is, and the hook; where nothing is missing, nothing. Raises AgentsyncError."""
    before = _read(place.path)
    text = _decoded(place, before)
    wanted = text if _mark(place) in text else _with_hook(place, text)
    beside = {
        f"{place.folder}/{SCRIPT}": _script(),
        f"{place.folder}/{PYTHON}": f"{python}\n{ENTRY}\n".encode(errors="surrogateescape"),
        marker(place.folder, place.agent): f"{place.path}\n".encode(errors="surrogateescape"),
    }
    changes: list[Change] = [
        Write(path, data=data, mode=0o777 if path.endswith(SCRIPT) else 0o666)
        for path, data in beside.items()
        if _read(path) != data
    ]
    data = wanted.encode()
    if data != before:
        changes.append(
            Write(
                _kept(place), note="what it held before", data=_digest(data) + (NEW if before is None else OLD + before)
            )
        )
        changes.append(Write(place.path, data=data))
    return changes


def plan_remove(place: Place) -> list[Change]:
    """The settings file as it was, or without our hook where others have written since. Raises AgentsyncError."""
    changes: list[Change] = [
        Remove(path) for path in (_kept(place), marker(place.folder, place.agent)) if os.path.lexists(path)
    ]
    there = _read(place.path)
    if there is None:
        return changes
    before: bytes | None
    kept = _read(_kept(place)) or b""
    size = len(_digest(b""))
    if kept[:size] == _digest(there):
        before = kept[size:].removeprefix(OLD) if kept[size:] != NEW else None
    else:
        try:
            before = jsonc.removed(_decoded(place, there), _keys(place), _mark(place)).encode()
        except jsonc.OddError as error:
            raise _refused(place, str(error)) from None
    if before != there:
        changes.append(Remove(place.path) if before is None else Write(place.path, action="restore", data=before))
    return changes


def plan_remove_all(clone: Clone, worktrees: list[Worktree]) -> Iterator[Change]:
    """The hooks of every agent in a clone; what lies in its store is somebody else's to remove."""
    for agent in AGENTS:
        for one in worktrees:
            place = in_clone(clone, one, agent)
            if (_read(marker(clone.store, agent)) or b"").decode(errors="surrogateescape") == f"{place.path}\n":
                yield from (one for one in plan_remove(place) if not one.path.startswith(f"{clone.store}/"))


def marker(folder: str, agent: str) -> str:
    """What lies beside the script where an agent has its hook: the file holds the path of the settings."""
    return f"{folder}/agent-{agent}"


def entry(place: Place) -> dict[str, Any]:
    """What stands in the settings file."""
    agent = AGENTS[place.agent]
    script = shlex.quote(f"{place.folder}/{SCRIPT}")
    command = f"[ ! -x {script} ] || exec {script} {place.agent}"
    handler = {key: command if value == "" else value for key, value in agent.handler.items()}
    matcher = {"matcher": agent.matcher} if agent.matcher else {}
    return {**matcher, "hooks": [handler]} if agent.grouped else {**handler, **matcher}


def _with_hook(place: Place, text: str) -> str:
    try:
        return jsonc.added(text, _keys(place), entry(place))
    except jsonc.OddError as error:
        raise _refused(place, str(error)) from None


def _refused(place: Place, why: str) -> AgentsyncError:
    lines = json.dumps({"hooks": {AGENTS[place.agent].event: [entry(place)]}}, indent=2)
    return AgentsyncError(
        f"{place.path} is not changed", cause=why, hint=f"put this into it, or take it out, by hand:\n{lines}"
    )


def _decoded(place: Place, data: bytes | None) -> str:
    if not data or not data.strip():
        return json.dumps(dict(AGENTS[place.agent].begin), indent=2) + "\n"
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _refused(place, "it is not UTF-8") from None


def _keys(place: Place) -> tuple[str, str]:
    return "hooks", AGENTS[place.agent].event


def _mark(place: Place) -> str:
    """What stands in our entry and in nobody else's, as JSON writes it."""
    return json.dumps(shlex.quote(f"{place.folder}/{SCRIPT}"), ensure_ascii=False)[1:-1]


def _kept(place: Place) -> str:
    return f"{marker(place.folder, place.agent)}.before"


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode() + b"\n"


def _script() -> bytes:
    return template("agent.sh").encode()


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read(16 << 20)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AgentsyncError(f"{path} cannot be read", cause=error.strerror or "") from None
