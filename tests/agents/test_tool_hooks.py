"""What an agent's own hook tells: its edits are recorded under its name, and nobody else's are."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from lab.commands import agentsync
from lab.sealing import seal_off

from agentsync.base import config, git
from agentsync.observe.look import look
from agentsync.observe.request import Request


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with agentsync, a watched document, and the hook of Claude Code."""
    home = tmp_path / "home"
    home.mkdir()
    seal_off(monkeypatch, home)
    root = tmp_path / "repo"
    root.mkdir()
    for args in (["init", "-q", "-b", "main"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", *args], cwd=root, check=True)
    (root / "ROADMAP.md").write_text("0\n")
    (root / "AGENTS.md").write_text("0\n")
    subprocess.run(["git", "add", "."], cwd=root, check=True)
    agentsync(root, "init", "--language", "en")
    subprocess.run(["git", "commit", "-qm", "begin"], cwd=root, check=True)
    agentsync(root, "setup", "claude")
    return root


def command(path: Path, event: str = "PostToolUse") -> str:
    """The command that a settings file names."""
    entry = json.loads(path.read_text())["hooks"][event][0]
    handler = entry["hooks"][0] if "hooks" in entry else entry
    return str(handler.get("command") or handler["bash"])


def call(
    root: Path, payload: Any, *, settings: str = ".claude/settings.local.json", event: str = "PostToolUse"
) -> None:
    """Start the hook as an agent does; it says nothing, and ends well."""
    text = payload if isinstance(payload, str) else json.dumps(payload)
    done = subprocess.run(
        ["sh", "-c", command(root / settings, event)], cwd=root, input=text.encode(), capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, b"")


def claude(root: Path, path: str, **more: object) -> dict[str, object]:
    """What Claude Code hands over after an edit."""
    return {
        "session_id": "s-1",
        "transcript_path": "/t",
        "cwd": str(root),
        "hook_event_name": "PostToolUse",
        "tool_name": "Edit",
        "tool_input": {"file_path": str(root / path)},
        "tool_use_id": "toolu_1",
        **more,
    }


CODEX = {"session_id": "s-2", "turn_id": "t", "hook_event_name": "PostToolUse", "transcript_path": None}
PATCH = "*** Begin Patch\n*** Update File: ROADMAP.md\n@@\n-x\n+y\n*** End Patch\n"
OTHERS: dict[str, dict[str, Any]] = {
    "codex-local": {**CODEX, "tool_name": "apply_patch", "tool_input": {"command": PATCH}, "tool_use_id": "call_1"},
    "cursor": {
        "conversation_id": "c",
        "cursor_version": "1",
        "hook_event_name": "postToolUse",
        "tool_name": "Write",
        "tool_input": {"file_path": "ROADMAP.md"},
        "tool_use_id": "a\nb",
    },
    "copilot": {
        "sessionId": "c",
        "timestamp": 1,
        "toolName": "edit",
        "toolArgs": '{"path": "ROADMAP.md"}',
        "toolResult": {"resultType": "success"},
    },
    "gemini-cli": {
        "session_id": "g",
        "transcript_path": "/t",
        "timestamp": "2026-01-01T00:00:00Z",
        "hook_event_name": "AfterTool",
        "tool_name": "write_file",
        "tool_input": {"file_path": "ROADMAP.md"},
    },
}


def changes(root: Path) -> list[dict[str, Any]]:
    """The changes of ROADMAP.md, newest first."""
    return agentsync(root, "log", "--json", "ROADMAP.md").records


def test_an_edit_is_recorded_under_its_agent(root: Path) -> None:
    """With session and tool call as evidence."""
    (root / "ROADMAP.md").write_text("1\n")
    call(root, claude(root, "ROADMAP.md"))
    (change,) = changes(root)
    assert change["agent_owner"] == "claude-code"
    evidence = {"kind": "payload", "signal": "payload", "agent": "claude-code", "session": "s-1", "call": "toolu_1"}
    assert change["evidence"] == [evidence]
    assert not list((root / ".git/agentsync/notes").glob("*.json"))


@pytest.mark.parametrize("agent", OTHERS)
def test_whose_payload_it_is_its_keys_say(root: Path, agent: str) -> None:
    """Whatever hook it came by: Cursor and Copilot load Claude's."""
    (root / "ROADMAP.md").write_text("1\n")
    call(root, {**OTHERS[agent], "cwd": str(root)})
    call(root, {**OTHERS[agent], "cwd": str(root)})  # both files name a hook
    assert [change["agent_owner"] for change in changes(root)] == [agent]


def test_an_edit_of_a_person_after_it_is_not_the_agents(root: Path) -> None:
    """Who has written a file last has left what stands there."""
    call(root, claude(root, "ROADMAP.md"))
    (root / "ROADMAP.md").write_text("1\n")
    later = time.time() + 5
    os.utime(root / "ROADMAP.md", (later, later))
    assert [change["agent_owner"] for change in changes(root)] == [None]


def test_a_shell_command_speaks_for_its_own_time(root: Path) -> None:
    """And not for what somebody wrote before it began."""
    shell = {"tool_name": "Bash", "tool_input": {"command": "make"}, "duration_ms": 2000}
    (root / "ROADMAP.md").write_text("1\n")
    call(root, claude(root, "", **shell))
    assert [change["agent_owner"] for change in changes(root)] == ["claude-code"]
    (root / "ROADMAP.md").write_text("2\n")
    before = time.time() - 60
    os.utime(root / "ROADMAP.md", (before, before))
    call(root, claude(root, "", **shell))
    assert [change["agent_owner"] for change in changes(root)] == [None, "claude-code"]


def test_two_sessions_shells_in_the_same_time_leave_it_unknown(root: Path) -> None:
    """Nobody can tell which of them it was."""
    (root / ".git/agentsync/agent-python").write_text("/nowhere\n/nowhere\n")  # nothing looks in between
    (root / "ROADMAP.md").write_text("1\n")
    for session in ("s-1", "s-2"):
        given = {"tool_name": "Bash", "tool_input": {"command": "sed -i ROADMAP.md"}, "duration_ms": 2000}
        call(root, claude(root, "", session_id=session, **given))
    assert [change["agent_owner"] for change in changes(root)] == [None]


def test_it_is_the_worktree_of_the_path_that_counts(root: Path) -> None:
    """Not the folder of the session."""
    other = root.parent / "other"
    subprocess.run(["git", "worktree", "add", "-q", str(other)], cwd=root, check=True)
    agentsync(root, "scan")
    agentsync(other, "scan")
    (other / "ROADMAP.md").write_text("1\n")
    call(root, claude(other, "ROADMAP.md", cwd=str(root)))
    (change,) = changes(other)
    assert (change["worktree"], change["agent_owner"]) == ("other", "claude-code")


@pytest.mark.parametrize(
    "payload",
    ["", "{", "[]", "null", '"tool_name"', '{"tool_name": "ROADMAP.md", "hook_event_name": 7, "tool_input": []}'],
)
def test_whatever_comes_nothing_is_said(root: Path, payload: str) -> None:
    """And nothing is recorded."""
    call(root, payload)
    assert changes(root) == []


def test_a_payload_of_many_megabytes_and_a_broken_python(root: Path) -> None:
    """Read to its end, never kept."""
    (root / ".git/agentsync/agent-python").write_text("/nowhere\n/nowhere\n")
    call(root, claude(root, "ROADMAP.md", padding="x" * 20_000_000))
    assert not list((root / ".git/agentsync").glob("notes/*"))


def test_what_names_no_watched_document_leaves_no_note(root: Path) -> None:
    """The script ends at once."""
    agentsync(root, "scan")
    call(root, claude(root, "ROADMAP.md"))  # it has never run: now it has its mark
    changes(root)
    (root / ".git/agentsync/agent-python").write_text("/nowhere\n/nowhere\n")
    call(root, claude(root, "src/main.c"))
    assert not list((root / ".git/agentsync/notes").glob("*.json"))


def test_uninstall_takes_the_hook_out(root: Path) -> None:
    """The settings file was new, so it goes."""
    agentsync(root, "uninstall")
    assert not (root / ".claude/settings.local.json").exists()


def test_the_users_script_finds_the_clone(root: Path) -> None:
    """In a linked worktree, too; and the definition is the same whatever Python there is."""
    agentsync(root, "setup", "claude", "--remove")
    agentsync(root, "setup", "claude", "--user")
    settings = Path.home() / ".claude/settings.json"
    before = settings.read_bytes()
    data = Path.home() / ".local/share/agentsync"
    python = (data / "agent-python").read_text()
    for n in range(20):
        (data / "agent-python").write_text(f"/moved/{n}\n")
        agentsync(root, "setup", "claude", "--user")
        assert settings.read_bytes() == before and (data / "agent-python").read_text() == python
    other = root.parent / "other"
    subprocess.run(["git", "worktree", "add", "-q", str(other)], cwd=root, check=True)
    agentsync(other, "scan")
    (other / "ROADMAP.md").write_text("1\n")
    done = subprocess.run(
        ["sh", "-c", command(settings)],
        cwd=other,
        input=json.dumps(claude(other, "ROADMAP.md")).encode(),
        capture_output=True,
    )
    assert (done.returncode, done.stdout) == (0, b"")
    assert [change["agent_owner"] for change in changes(other)] == ["claude-code"]


def test_the_poller_is_there_first_and_waits_for_the_hook(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sees an edit before the agent's hook has begun; a person's is recorded all the same."""
    clone = git.locate(str(root))
    request = Request(clone, config.in_force(clone, clone.worktree()).settings, "poller", [clone.worktree()], 0.0)
    (root / "ROADMAP.md").write_text("1\n")
    with monkeypatch.context() as patient:
        patient.setattr("agentsync.observe.settling.TOLD", 60)
        poller = threading.Thread(target=look, args=[request._replace(now=time.time())])
        poller.start()
        call(root, claude(root, "ROADMAP.md"))
        poller.join()
    (root / "AGENTS.md").write_text("a person\n")
    look(request._replace(now=time.time()))
    owners = {one["file_path"]: one["agent_owner"] for one in agentsync(root, "log", "--json").records}
    assert owners == {"ROADMAP.md": "claude-code", "AGENTS.md": None}
