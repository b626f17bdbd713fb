"""A scripted day: five agents and a person, two worktrees, 200 edits, with claims, briefs and handoffs between them."""

from __future__ import annotations

import random
from typing import Any

import pytest
from lab.commands import agentsync
from lab.repo import DOCS, Repo
from lab.templates import copied
from test_brief import FEW, JOURNAL, NOTHING_NEW, with_journal

from agentsync.agents import brief

pytestmark = pytest.mark.long
EDITS = 200
# What their tools set for the shell that they run.
SHELLS: dict[str, Any] = {
    "claude-code": {"CLAUDECODE": "1", "CLAUDE_CODE_SESSION_ID": "claude-1"},
    "codex-local": {"CODEX_THREAD_ID": "codex-1"},
    "cursor": {"CURSOR_AGENT": "1"},
    "gemini-cli": {"GEMINI_CLI": "1"},
    "copilot": {"COPILOT_AGENT_SESSION_ID": "copilot-1"},
    "": {},  # a person, of whom nobody says anything
}
AGENTS = [name for name in SHELLS if name]


class Day:
    """The day as it is scripted, beside what agentsync says of it."""

    def __init__(self, repo: Repo, draw: random.Random) -> None:
        self.draw, self.main = draw, repo
        self.trees = {"main": repo, "other": repo.worktree("other", "-b", "other")}
        self.edits: list[tuple[str, str, str]] = []  # who, path, where
        self.claims: dict[str, tuple[str, str, str]] = {}  # id: who, path, where
        self.meetings = 0
        self.told: dict[tuple[str, str], int] = {}  # who and where: how many edits they know of
        agentsync(repo.root, "scan")

    def edit(self, who: str, where: str) -> None:
        """A line more: committed, or seen by a command that says whose it is."""
        repo, path = self.trees[where], self.draw.choice(DOCS[1:])
        repo.write(repo.read(path) + f"{len(self.edits)} by {who or 'a person'}\n", path)
        if who and self.draw.random() < 0.5:
            agentsync(repo.root, "scan", AGENTSYNC_AGENT=who)
        else:
            repo.git("commit", "-q", "-m", "edit", "--", path, env={**SHELLS[who], "AGENTSYNC_FOREGROUND": "1"})
            agentsync(repo.root, "scan")
        self.edits.append((who, path, where))

    def claim(self, who: str, where: str) -> None:
        path = self.draw.choice(("doc.md", "docs", JOURNAL, "docs/*.md", "code.py"))
        told = agentsync(self.trees[where].root, "claim", path, "--json", **SHELLS[who]).json
        met = {id_ for id_, (by, theirs, _) in self.claims.items() if by != who and MEET(path, theirs)}
        assert {one["id"] for one in told["claimed"] if one["agent_owner"] != who} == met
        self.meetings += len(met)
        said = (who, path, where)  # again: it takes the place of the first
        self.claims = {id_: one for id_, one in self.claims.items() if one != said} | {told["id"]: said}

    def release(self, who: str, where: str) -> None:
        told = agentsync(self.trees[where].root, "release", "--json", **SHELLS[who]).json["released"]
        assert {self.claims.pop(id_)[0] for id_ in told} <= {who}

    def ask(self, who: str, where: str) -> None:
        """Told is what others did since, each once, within the bounds."""
        root = self.trees[where].root
        since = self.told.get((who, where), 0)
        new = [one for one in self.edits[since:] if (one[0], one[2]) != (who, where)]
        if self.draw.random() < 0.5:
            told = agentsync(root, "brief", "--json", AGENTSYNC_AGENT=who).json["changes"]
            if since:
                assert sum(one["changes"] for one in told) == len(new)
            assert all((one["agent_owner"], one["worktree"]) != (who, where) for one in told)
        else:
            text = agentsync(root, "brief", "--hook", AGENTSYNC_AGENT=who).out
            assert len(text.encode()) <= brief.NORMAL
            assert f": {len(new)}\n" in text or not since or NOTHING_NEW.fullmatch(text)
        again = agentsync(root, "brief", "--hook", AGENTSYNC_AGENT=who).out
        assert NOTHING_NEW.fullmatch(again) and len(again) <= FEW
        self.told[who, where] = len(self.edits)


def MEET(one: str, other: str) -> bool:
    """Whether two of the claims above mean the same file."""
    means = {"doc.md": {"doc.md"}, "code.py": {"code.py"}}
    return bool(means.get(one, {JOURNAL}) & means.get(other, {JOURNAL}))


def test_a_day(tmp_path: Any) -> None:
    """Each edit is recorded once, with its owner; claims meet where they were made; nobody is told a thing twice."""
    draw = random.Random(200)
    day = Day(copied(tmp_path / "repo", with_journal), draw)
    while len(day.edits) < EDITS:
        who, where = draw.choice(list(SHELLS)), draw.choice(("main", "other"))
        day.edit(who, where)
        if who and draw.random() < 0.4:
            draw.choice((day.claim, day.claim, day.release, day.ask))(who, where)
    repo = day.main
    assert repo.count() == EDITS
    recorded = [
        (owner or "", one["file_path"], one["worktree"])
        for owner, one in zip(repo.owners(), repo.changes(), strict=True)
    ]
    assert recorded == day.edits and day.meetings > 10
    agentsync(repo.root, "handoff", "-m", "The day is over.", **SHELLS["codex-local"])
    assert "## [20" in repo.read(JOURNAL) and repo.count() == EDITS + 1
    assert agentsync(repo.root, "verify").code == 0
