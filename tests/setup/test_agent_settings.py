"""The settings files of agents: our hook in and out, every other byte as it was."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.commands import agentsync
from lab.repo import Repo

from agentsync.setup import agent_hooks, jsonc
from agentsync.setup.agent_hooks import AGENTS, Place
from agentsync.setup.changes import carry_out

HOOK = '{"matcher": "Bash", "hooks": [{"type": "command", "command": "other \\"x\\" // no comment"}]}'
BODIES = (
    "{}",
    "{ }",
    '{"a": 1}',
    '{\n\t"a": [1, 2],\n\t"hooks": {}\n}\n',
    '{\n  "hooks": {"EVENT": []}\n}',
    f'{{\n    "hooks": {{\n        "EVENT": [{HOOK}]\n    }}\n}}\n',
    f'{{"hooks": {{"EVENT": [{HOOK}, {HOOK}], "Other": [{HOOK}]}}, "z": null}}',
    '// first\n{ /* in it */\n  "a": true, // after\n  "hooks": { // here\n  },\n}\n// last',
    '{"a": "}{][,\\"", "b": -1.5e3, "c": [[], {}, [{}]], }',
    '{"hooks": {"EVENT": [ /* none */ ]}}',
)
DRESS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda text: text.encode(),
    "mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "words": lambda text: text.replace("other", "é\U0001f600").encode(),
    "blank lines": lambda text: f"\n\n{text}\n\n\n".encode(),
}
ODD = (
    "[]",
    "{",
    '{"hooks": []}',
    '{"hooks": {"EVENT": {}}}',
    '{"a": 1 "b": 2}',
    '{"a": 1, "a": 2}',
    "{} {}",
    '{"a": x}',
)


@pytest.mark.parametrize(("agent", "dress", "body"), list(itertools.product(AGENTS, DRESS, BODIES)))
def test_in_and_out(tmp_path: Path, agent: str, dress: str, body: str) -> None:
    """Byte for byte; and where others have written since, without our entry and with theirs."""
    before = DRESS[dress](body.replace("EVENT", AGENTS[agent].event))
    place = Place(agent, str(tmp_path / "settings.json"), str(tmp_path / "a \"folder's"))
    (tmp_path / "settings.json").write_bytes(before)
    carry_out(agent_hooks.plan_install(place, "/python"))
    there = (tmp_path / "settings.json").read_bytes()
    assert there != before and agent_hooks.plan_install(place, "/python") == []
    node = jsonc.parse(there.decode())
    assert node.members and node.members["hooks"].members and AGENTS[agent].event in node.members["hooks"].members
    (tmp_path / "settings.json").write_bytes(there + b"\n")
    carry_out(agent_hooks.plan_remove(place))
    left = (tmp_path / "settings.json").read_bytes()
    assert b"folder's" not in left and jsonc.parse(left.decode())
    (tmp_path / "settings.json").write_bytes(before)
    carry_out(agent_hooks.plan_install(place, "/python"))
    carry_out(agent_hooks.plan_remove(place))
    assert (tmp_path / "settings.json").read_bytes() == before


@pytest.mark.parametrize("body", ODD)
def test_what_is_odd_is_refused(ready: Repo, body: str) -> None:
    """With the lines to paste; not a byte is touched."""
    path = ready.root / ".claude/settings.local.json"
    path.parent.mkdir()
    path.write_text(body.replace("EVENT", "PostToolUse"))
    said = agentsync(ready.root, "setup", "claude", code=1).err
    assert "is not changed" in said and '"PostToolUse"' in said
    assert path.read_text() == body.replace("EVENT", "PostToolUse")
    assert not (ready.root / ".git/agentsync/agent-hook").exists()


@pytest.mark.parametrize("agent", AGENTS)
def test_a_new_file_holds_what_the_agent_knows_and_goes_again(ready: Repo, agent: str) -> None:
    """A handler of type command, never one before a tool call."""
    agentsync(ready.root, "setup", agent)
    path = ready.root / AGENTS[agent].project
    flat = json.loads(path.read_text())
    assert list(flat["hooks"]) == [AGENTS[agent].event]
    (entry,) = flat["hooks"][AGENTS[agent].event]
    for handler in entry.get("hooks", [entry]):
        assert handler.get("type", "command") == "command"
    assert flat.get("version") == (1 if agent in ("cursor", "copilot") else None)
    agentsync(ready.root, "setup", agent, "--remove")
    assert not path.exists()
