"""Claims: what they mean, when they end, who is told, and where they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lab.commands import agentsync
from lab.events import IDS, claim, handoff, release
from lab.repo import Repo, read_only

from agentsync.agents import claims
from agentsync.agents.caller import Caller
from agentsync.base import processes
from agentsync.ledger.events import Event, from_rfc3339
from agentsync.ledger.state import State, replay

ONE: Any = {"AGENTSYNC_AGENT": "codex-local", "CODEX_THREAD_ID": "one"}
TWO: Any = {"AGENTSYNC_AGENT": "claude-code", "CLAUDE_CODE_SESSION_ID": "two"}
ZONES = "### Work zones"


@pytest.mark.parametrize(
    ("pattern", "path", "means"),
    [
        ("doc.md", "doc.md", True),
        ("docs", "docs/a/b.md", True),
        ("docs", "docs.md", False),
        ("docs/*.md", "docs/a.md", True),
        ("docs/*.md", "docs/a/b.md", False),
        ("do*", "docs/a/b.md", True),
        ("docs/**", "docs/a/b.md", True),
        (claims.WHOLE, "anything", True),
        ("doc\\*.md", "doc1.md", False),
    ],
)
def test_what_a_path_of_a_claim_means(pattern: str, path: str, means: bool) -> None:
    assert claims.covers(pattern, path) is means


@pytest.mark.parametrize(("text", "length"), [("90m", 5400), ("2h", 7200), ("7d", 604_800), (" 60 s ", 60)])
def test_how_long(text: str, length: int) -> None:
    assert claims.seconds(text) == length


@pytest.mark.parametrize("text", ["", "0h", "59s", "8d", "-1h", "2", "two hours", "1w", "9999999d", "2h\n2h"])
def test_how_long_not(text: str) -> None:
    with pytest.raises(ValueError, match="write 90m, 2h or 1d"):
        claims.seconds(text)


@pytest.mark.parametrize(
    ("after", "at", "holds"),
    [
        ([], "2025-10-10T13:59:59Z", True),
        ([], "2025-10-10T14:00:00Z", False),
        ([release(IDS[0])], "2025-10-10T12:01:00Z", False),
        ([handoff("one", timestamp="2025-10-10T12:00:30Z")], "2025-10-10T12:01:00Z", False),
        ([handoff("two", timestamp="2025-10-10T12:00:30Z")], "2025-10-10T12:01:00Z", True),
    ],
)
def test_when_a_claim_ends(after: list[Event], at: str, holds: bool) -> None:
    """With its time, when it is released, with its session; and with its process, which the world knows."""
    state = replay([claim(IDS[0], "doc.md", process="9 9 9"), *after], State())
    now = from_rfc3339(at)
    assert (IDS[0] in claims.active(state, now, lambda process: False)) is holds
    assert not claims.active(state, now, lambda process: process == "9 9 9")


def test_a_process_has_ended_when_it_is_gone() -> None:
    """And not because another namespace counts it otherwise, nor on a system that does not tell."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = processes.identity(child.pid) or ""
    assert name.startswith(f"{child.pid} ") and not processes.has_ended(name)
    child.communicate(b"\n")
    assert processes.has_ended(name)
    mine = processes.identity(os.getpid()) or ""
    assert processes.has_ended(f"{os.getpid()} 1 {mine.split()[2]}"), "its number has gone to another"
    assert not any(map(processes.has_ended, (mine, f"{child.pid} 1 1", "", "x", "1 2 3 4")))


@pytest.mark.parametrize(
    ("ours", "theirs", "meet"),
    [
        ("doc.md", "doc.md", True),
        ("docs", "docs/other.md", True),
        ("docs/*.md", "docs", True),
        ("docs/o*", "**/*r.md", True),
        ("docs/o*", "**/*x.md", False),
        ("doc.md", "docs", False),
    ],
)
def test_who_is_in_the_way(ours: str, theirs: str, meet: bool) -> None:
    """Another's claim of the same, or of what both mean; never one's own."""
    state = replay([claim(IDS[0], theirs, session="two")], State())
    me = Caller("codex-local", [], 1.0, "one", None, "command", "main", None)
    found = claims.meetings([ours], state.claims, me, ["docs/other.md"])
    assert [one.paths for one in found] == ([(theirs,)] if meet else [])
    assert claims.meetings([ours], state.claims, me._replace(session="two"), ["docs/other.md"]) == []


def test_a_day_of_claims(ready: Repo) -> None:
    """Seen first, said second; the report shows who works where until it is over, and git does not see it."""
    other = ready.worktree("other", "-b", "other")
    ready.write("edit\n", "docs/other.md")
    agentsync(ready.root, "scan", **TWO)
    made = agentsync(ready.root, "claim", "docs", "--note", "the <new> plan", **ONE).out.split("\n")
    assert made[0].startswith("claimed until 2") and ": docs (" in made[0]
    assert made[1] == "seen there: claude-code in main less than a minute ago: docs/other.md"
    report = ready.read("AGENT_SYNC.md")
    assert f"{ZONES}\n\n- **docs** (agent: codex-local, until 2" in report and "plan" not in report
    met = agentsync(other.root, "claim", "docs/other.md", "doc.md", "--ttl", "90m", "--json", **TWO).json
    assert met["recorded"] and [one["worktree"] for one in met["seen"]] == ["main"]
    assert [(one["agent_owner"], one["paths"]) for one in met["claimed"]] == [("codex-local", ["docs"])]
    assert other.read("AGENT_SYNC.md").count("(agent: ") == 2

    listed = agentsync(ready.root, "claims").out.split("\n")
    assert [line.split()[:2] for line in listed[1:4]] == [
        ["seen", "claude-code"],
        ["claimed", "codex-local"],
        ["claimed", "claude-code"],
    ]
    assert '"the <new> plan"' in listed[2]
    assert "Claimed      codex-local: docs until" in agentsync(ready.root, "status").out
    assert agentsync(ready.root, "release", "docs", **TWO).out.startswith("released: docs (")
    assert agentsync(ready.root, "release", **TWO).out.startswith("released: docs/other.md, doc.md (")
    assert agentsync(ready.root, "release", **TWO).out == "nothing to release\n"
    assert ZONES not in ready.read("AGENT_SYNC.md")
    assert agentsync(ready.root, "verify").code == 0
    claimed = next(one["id"] for one in ready.lines() if one["kind"] == "claim")
    shown = agentsync(ready.root, "show", claimed).out
    assert "by          codex-local" in shown and "AGENTSYNC_AGENT said so" in shown
    assert re.search(r"claim +docs +codex-local", agentsync(ready.root, "log", "--all").out)


def test_the_same_ledger_gives_the_same_report(ready: Repo) -> None:
    """Whoever renders it, whenever: what had expired when the newest record was made is left out."""
    agentsync(ready.root, "claim", "doc.md", **ONE)
    first = ready.read("AGENT_SYNC.md")
    agentsync(ready.root, "consolidate")
    assert ready.read("AGENT_SYNC.md") == first
    (ready.root / "AGENT_SYNC.md").unlink()
    agentsync(ready.root, "consolidate")
    assert ZONES in ready.read("AGENT_SYNC.md")


def test_in_a_sandbox_a_claim_is_a_note(ready: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so and exits with 0; the next look that can write takes it in, with who said it."""
    with monkeypatch.context() as sandbox:
        read_only(sandbox, ready.clone().store)
        done = agentsync(ready.root, "claim", "doc.md", **ONE)
        assert "kept as a note in .agentsync/notes" in done.out
        assert not agentsync(ready.root, "claim", "docs", "--json", **ONE).json["recorded"]
    agentsync(ready.root, "scan")
    shown = agentsync(ready.root, "claims", "--json").json["claims"]
    assert [(one["paths"], one["agent_owner"], one["session"]) for one in shown] == [
        (["doc.md"], "codex-local", "one"),
        (["docs"], "codex-local", "one"),
    ]
    assert ZONES in ready.read("AGENT_SYNC.md")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["claim"], "missing argument"),
        (["claim", "../x"], "is outside of the repository"),
        (["claim", "doc.md", "--ttl", "9d"], "'9d' is not a time from 1m to 7d"),
        (["claim", "a/[b].md"], "has a [, which git takes for a set"),
        (["claim", *(f"{n}.md" for n in range(21))], "more than 20 paths"),
    ],
)
def test_what_is_no_claim(ready: Repo, args: list[str], says: str) -> None:
    assert says in agentsync(ready.root, *args, code=2).err
    assert "no claim has" in agentsync(ready.root, "release", "nothing.md", code=1).err


def test_an_agent_that_ends_takes_its_claims_along(ready: Repo, tmp_path: Path) -> None:
    """Claude Code names its process; who claims next says that the claim of a dead one is over."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    agentsync(ready.root, "claim", "doc.md", **TWO, CLAUDE_PID=str(child.pid))
    assert len(agentsync(ready.root, "claims", "--json").json["claims"]) == 1
    child.communicate(b"\n")
    assert agentsync(ready.root, "claims", "--json").json["claims"] == []
    agentsync(ready.root, "claim", "docs", **ONE)
    assert ready.lines()[-1]["reason"] == "ended"
    assert "doc.md**" not in ready.read("AGENT_SYNC.md")
