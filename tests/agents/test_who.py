"""Who changed it last, and who else is there; "nobody else" is never said where somebody is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lab.commands import agentsync
from lab.repo import Repo, describe
from test_overlaps import AGENTS, DAYS, DOCS, Day

from agentsync.agents.caller import caller
from agentsync.agents.who import Around, who


@pytest.fixture
def side(ready: Repo) -> Repo:
    """A second worktree, of an agent of its own."""
    ready.git("add", "-A", "--", ".agentsync")
    ready.commit()
    side = ready.worktree("side", "-b", "side")
    agentsync(side.root, "agent", "cursor")
    return side


def asked(repo: Repo, *paths: str, by: str = "") -> list[dict[str, object]]:
    return list(agentsync(repo.root, "who", "--json", *paths, AGENTSYNC_AGENT=by).json)


def test_who_changed_it_last_is_told_with_the_evidence(ready: Repo) -> None:
    ready.write("edited\n")
    agentsync(ready.root, "scan", AGENTSYNC_AGENT="claude-code")
    (found,) = asked(ready, "doc.md")
    last = found["last"]
    assert isinstance(last, dict)
    assert (last["agent_owner"], last["event_type"], last["worktree"]) == ("claude-code", "modified", "main")
    assert [one["kind"] for one in last["evidence"]] == ["said"]
    text = agentsync(ready.root, "who", "doc.md").out
    assert "edited by claude-code (sure to 100%) less than a minute ago in main" in text
    assert "AGENTSYNC_AGENT said so (claude-code)" in text


def test_any_file_is_told_of_from_history(ready: Repo) -> None:
    """With the agent that the commit names."""
    ready.commit("x\n", "a [b]*.txt", message="more\n\nCo-Authored-By: Claude <noreply@anthropic.com>")
    (found,) = asked(ready, "a [b]*.txt")
    last = found["last"]
    assert isinstance(last, dict)
    assert (found["watched"], last["agent_owner"], last["commit"]) == (False, "claude-code", ready.head())


def test_nobody_else_is_said_with_its_proof(ready: Repo, side: Repo) -> None:
    for path in ("doc.md", "new.txt"):
        (found,) = asked(ready, path)
        assert found["nobody_else"] is True
        proof = found["proof"]
        assert isinstance(proof, dict)
        assert (proof["worktrees"], proof["branches"], proof["not_looked_at"]) == (["main", "side"], 2, {})
    assert "now   nobody else\n" in agentsync(ready.root, "who", "doc.md").out


@pytest.mark.parametrize("path", ["doc.md", "new.txt"])
@pytest.mark.parametrize("sign", ["uncommitted", "branch"])
def test_who_works_elsewhere_is_seen(ready: Repo, side: Repo, path: str, sign: str) -> None:
    """Also in files that nobody watches."""
    side.write("theirs\n", path)
    if sign == "branch":
        side.commit()
    (found,) = asked(ready, path)
    now = found["now"]
    assert isinstance(now, list)
    assert sign in {one["sign"] for one in now} and found["nobody_else"] is False


def test_what_was_not_looked_at_is_named(ready: Repo, side: Repo) -> None:
    """A worktree in the middle of a merge, and one whose folder is away."""
    side.commit("theirs\n")
    ready.commit("ours\n")
    side.git("merge", "-q", "main", check=False)
    (found,) = asked(ready, "docs/other.md")
    assert found["nobody_else"] is False
    assert "nobody else was seen" in agentsync(ready.root, "who", "docs/other.md").out
    assert "NOT side: a merge is going on" in agentsync(ready.root, "who", "docs/other.md").out
    side.root.rename(side.root.parent / "away")
    assert "NOT side: its folder is not there" in agentsync(ready.root, "who", "docs/other.md").out


def test_who_asks_is_not_somebody_else(ready: Repo, side: Repo) -> None:
    side.write("mine\n")
    (found,) = asked(side, "doc.md")
    now = found["now"]
    assert isinstance(now, list)
    assert [one["you"] for one in now] == [True]
    assert found["nobody_else"] is True
    (found,) = asked(side, "doc.md", by="codex-local")
    assert found["nobody_else"] is False


def test_a_path_outside_is_refused(ready: Repo) -> None:
    assert "no file of this repository" in agentsync(ready.root, "who", "/etc/passwd", code=1).err


def test_active_names_who_was_seen(ready: Repo, side: Repo) -> None:
    assert agentsync(ready.root, "active").out == "nobody was seen at work\n"
    side.write("theirs\n")
    (found,) = agentsync(ready.root, "active", "--json").json
    assert (found["agent_owner"], found["worktree"], found["paths"]) == ("cursor", "side", ["doc.md"])
    assert "cursor  side (side)" in agentsync(ready.root, "active", "--since", "1d").out


def check(root: Path, seed: int) -> int:
    """A random day; from each worktree it is asked who else is there. How often nobody was, and that was said."""
    day, alone = Day(root, seed), 0
    for _ in range(4):
        day.play(6)
        day.trees[0].look()
        for at, tree in enumerate(day.trees):
            for path in DOCS:
                clone, view = tree.clone(), tree.view()
                me, later = caller(clone.here, os.environ), float(day.trees[0].time + 3 * 3600)
                said = who(clone, view, tree.settings, path, me, Around(), later)
                others = elsewhere(day, at, path)
                story = f"{path} from {at}: {others}\n{said}\n" + "\n".join((*day.told, describe(tree)))
                assert not (said.nobody_else and others), story
                alone += said.nobody_else
    return alone


def elsewhere(day: Day, at: int, path: str) -> set[int]:
    """Edits that this worktree's commit has not: uncommitted ones of other agents, and of other lines of work."""
    found = {number for tree, edits in enumerate(day.dirty) if tree != at for name, number in edits if name == path}
    for line in day.lines():
        found |= {number for name, number in line.edits - day.edits_at(at) - day.dirty[at] if name == path}
    return {number for number in found if day.owners[number] != AGENTS[at]}


def test_nobody_is_never_said_where_somebody_is(tmp_path: Path) -> None:
    assert sum(check(tmp_path / str(seed), seed) for seed in range(2)) > 0


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 100 + DAYS))
def test_nobody_is_never_said_on_many_days(tmp_path: Path, seed: int) -> None:
    """As many as `AGENTSYNC_TEST_DAYS` says."""
    check(tmp_path, seed)
