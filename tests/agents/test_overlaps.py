"""Overlaps: two lines of work with an edit each that the other has not; git itself is the judge of conflicts."""

from __future__ import annotations

import itertools
import os
import random
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from lab.commands import agentsync
from lab.repo import Repo, describe, new_repo
from lab.templates import copied

from agentsync.agents.overlaps import CONFLICT, SAME_DOCUMENT, Overlap, overlaps
from agentsync.observe import overlaps as observed
from agentsync.observe.glance import FRESH
from agentsync.observe.witness import set_agent

AGENTS = ("claude-code", "codex-local", "cursor")
DOCS = ("doc.md", "docs/other.md")
LINES = 14
DAYS = int(os.environ.get("AGENTSYNC_TEST_DAYS", "40"))  # of random work, in the long tests

Edits = frozenset[tuple[str, int]]  # document and number


class Line(NamedTuple):
    """A line of work as the oracle has it."""

    name: str
    commit: str
    edits: Edits


def with_lines(root: Path) -> Repo:
    """A clone with two documents of some lines."""
    repo = new_repo(root)
    for path in DOCS:
        repo.write("".join(f"line {number}\n" for number in range(LINES)), path)
    repo.commit()
    repo.begin()
    return repo


class Day:
    """Random work of three agents in a worktree each; who has which edit is told from the operations alone."""

    def __init__(self, root: Path, seed: int) -> None:
        self.random = random.Random(seed)
        main = copied(root / "main", with_lines)
        self.trees = [main, *(main.worktree(name, "-b", name) for name in ("one", "two"))]
        self.number = 0
        self.has: dict[str, Edits] = {main.head(): frozenset()}  # by commit
        self.made: dict[str, int] = {}  # by commit: in which worktree
        self.dirty: list[Edits] = [frozenset()] * 3
        self.stashed: list[tuple[str, Edits] | None] = [None] * 3
        self.owners: dict[int, str] = {}
        self.branches: list[str] = []
        self.told: list[str] = []
        for tree, agent in zip(self.trees, AGENTS, strict=True):
            set_agent(tree.clone().worktree(), agent)
        main.look()

    def play(self, steps: int) -> None:
        for _ in range(steps):
            at = self.random.randrange(3)
            self.trees[0].time = self.trees[at].time = max(tree.time for tree in self.trees) + 1
            name = self.random.choices(*zip(*WORK.items(), strict=True))[0]
            self.told.append(f"{name} in {at}")
            getattr(self, name)(at)
            if self.random.random() < 0.4:
                self.trees[0].look()

    def edits_at(self, at: int) -> Edits:
        return self.has[self.trees[at].head()]

    def new_edit(self, at: int, path: str) -> tuple[str, int]:
        self.number += 1
        self.owners[self.number] = AGENTS[at]
        return path, self.number

    def edit(self, at: int) -> None:
        path, line = self.random.choice(DOCS), self.random.randrange(LINES)
        made = self.new_edit(at, path)
        lines = self.trees[at].read(path).splitlines(keepends=True)
        line = min(line, len(lines) - 1)
        what = self.random.random()
        if what < 0.7:
            lines[line] = f"{lines[line].rstrip()} {made[1]}\n"
        else:
            lines.insert(line, f"new {made[1]}\n")
        self.trees[at].write("".join(lines), path)
        self.dirty[at] |= {made}

    def commit(self, at: int) -> None:
        if self.dirty[at]:
            self.committed(at, self.edits_at(at) | self.dirty[at])

    def committed(self, at: int, edits: Edits, *args: str) -> None:
        tree = self.trees[at]
        tree.git("add", "-A", "--", ".", ":!.agentsync")
        tree.git("commit", "-q", "--allow-empty", "-m", f"work {self.number}", *args)
        tree.note()
        self.has[tree.head()] = edits
        self.made[tree.head()] = at
        self.dirty[at] = frozenset()

    def amend(self, at: int) -> None:
        if self.dirty[at] and self.made.get(self.trees[at].head()) == at and not self.is_merge(at):
            self.committed(at, self.edits_at(at) | self.dirty[at], "--amend")

    def is_merge(self, at: int) -> bool:
        return bool(self.trees[at].git("rev-parse", "-q", "--verify", "HEAD^2", check=False).strip())

    def other(self, at: int) -> str:
        return self.trees[self.random.choice([each for each in range(3) if each != at])].head()

    def merge(self, at: int) -> None:
        tree, other = self.trees[at], self.other(at)
        self.commit(at)
        edits = self.edits_at(at) | self.has[other]
        tree.git("merge", "-q", "--no-edit", other, check=False)
        unmerged = tree.git("diff", "--name-only", "--diff-filter=U").split()
        for path in unmerged:
            side = self.random.choice(("ours", "theirs", "both"))
            if side != "both":
                tree.git("checkout", f"--{side}", "--", path)
                continue
            text = "".join(line for line in tree.read(path).splitlines(keepends=True) if line[:7] not in MARKERS)
            made = self.new_edit(at, path)
            tree.write(f"{text}joined {made[1]}\n", path)
            edits |= {made}
        if unmerged:
            self.committed(at, edits)
        self.has[tree.head()] = edits

    def rebase(self, at: int) -> None:
        tree, other = self.trees[at], self.other(at)
        self.commit(at)
        tree.look()
        edits, before = self.edits_at(at) | self.has[other], tree.head()
        if tree.git("rebase", "-q", other, check=False) is not None and "rebase" in tree.git("status"):
            tree.git("rebase", "--abort")
        elif tree.head() != before:
            self.has[tree.head()] = edits

    def pick(self, at: int) -> None:
        tree, other = self.trees[at], self.other(at)
        if self.dirty[at] or tree.git("rev-list", "--parents", "-n1", other).count(" ") != 1:
            return
        tree.look()  # as the other's hook has
        parent = tree.git("rev-parse", f"{other}^").strip()
        edits, before = self.edits_at(at), tree.head()
        tree.git("cherry-pick", other, check=False)
        if tree.git("diff", "--name-only", "--diff-filter=U") or tree.head() == before:
            tree.git("cherry-pick", "--abort", check=False)
            tree.git("reset", "-q", "--hard")
        elif parent in self.has:
            self.has[tree.head()] = edits | (self.has[other] - self.has[parent])
        else:
            tree.git("reset", "-q", "--hard", before)

    def undo(self, at: int) -> None:
        self.trees[at].git("reset", "-q", "--hard")
        self.dirty[at] = frozenset()

    def back(self, at: int) -> None:
        tree = self.trees[at]
        parent = tree.git("rev-parse", "-q", "--verify", "HEAD^", check=False).strip()
        if parent in self.has and not self.is_merge(at):
            tree.git("reset", "-q", "--hard", parent)
            self.dirty[at] = frozenset()

    def soft(self, at: int) -> None:
        tree, edits = self.trees[at], self.edits_at(at)
        tree.look()  # as a hook has
        parent = tree.git("rev-parse", "-q", "--verify", "HEAD^", check=False).strip()
        if parent in self.has and not self.is_merge(at):
            tree.git("reset", "-q", "--soft", parent)
            self.dirty[at] |= edits - self.has[parent]

    def stash(self, at: int) -> None:
        tree, kept = self.trees[at], self.stashed[at]
        if kept is None and self.dirty[at]:
            tree.look()
            tree.git("stash", "-q")
            self.stashed[at], self.dirty[at] = (tree.head(), self.dirty[at]), frozenset()
        elif kept and kept[0] == tree.head() and not self.dirty[at] and at == self.last_stash():
            tree.git("stash", "pop", "-q")
            self.stashed[at], self.dirty[at] = None, kept[1]

    def last_stash(self) -> int:
        """Stashes are the clone's: only the newest is popped, if it is known whose it is."""
        kept = [at for at, one in enumerate(self.stashed) if one]
        return kept[0] if len(kept) == 1 else -1

    def branch(self, at: int) -> None:
        name = f"branch-{self.number}"
        if len(self.branches) < 2 and name not in self.branches:
            self.trees[at].git("branch", name)
            self.branches.append(name)

    def lines(self) -> list[Line]:
        """Each line of work as a commit of all that it holds."""
        found = []
        for at, tree in enumerate(self.trees):
            index = {"GIT_INDEX_FILE": str(tree.root.parent / f"index-{at}")}
            tree.git("read-tree", "HEAD", env=index)
            tree.git("add", "-A", "--", *DOCS, env=index)
            made = tree.git("write-tree", env=index).strip()
            commit = tree.git("commit-tree", "-p", "HEAD", "-m", "all", made).strip()
            found.append(Line(("main", "one", "two")[at], commit, self.edits_at(at) | self.dirty[at]))
        for name in self.branches:
            commit = self.trees[0].git("rev-parse", name).strip()
            found.append(Line(name, commit, self.has[commit]))
        return found

    def expected(self) -> tuple[set[tuple[str, ...]], set[tuple[str, ...]]]:
        """Documents and pairs of lines: where both have edits of their own, and where git cannot merge these."""
        overlap, conflict = set(), set()
        for one, other in itertools.combinations(self.lines(), 2):
            for path in DOCS:
                ours, theirs = ({e for e in each if e[0] == path} for each in (one[2] - other[2], other[2] - one[2]))
                if ours and theirs and len({self.owners[number] for _, number in ours | theirs}) > 1:
                    overlap.add((path, *sorted((one.name, other.name))))
            said = self.trees[0].git("merge-tree", "--write-tree", "--name-only", one.commit, other.commit, check=False)
            unmerged = {line for line in said.split("\n\n")[0].split("\n")[1:] if line}
            conflict |= {(path, *sorted((one.name, other.name))) for path in unmerged}
        return overlap, conflict & overlap


MARKERS = ("<<<<<<<", "=======", ">>>>>>>")
WORK = {
    "edit": 9, "commit": 5, "merge": 2, "rebase": 1, "pick": 1.5, "undo": 0.5, "back": 0.5,
    "soft": 0.4, "stash": 1, "branch": 0.6, "amend": 0.6,
}  # fmt: skip


def found(repo: Repo) -> list[Overlap]:
    repo.look()
    return list(overlaps(repo.clone(), repo.view(), repo.settings, float(repo.time)))


def named(one: Overlap) -> tuple[str, ...]:
    return (one.file_path, *sorted(side.worktree or side.branch or "" for side in one.sides))


def objects(repo: Repo) -> set[str]:
    folder = repo.root / ".git" / "objects"
    return {os.path.join(at, name) for at, _, names in os.walk(folder) for name in names}


def check(root: Path, seed: int) -> None:
    day = Day(root, seed)
    for _ in range(3):
        day.play(12)
        overlap, conflict = day.expected()
        day.trees[0].look()
        before = objects(day.trees[0])
        told = found(day.trees[0])
        assert objects(day.trees[0]) == before
        story = "\n".join((*day.told, describe(day.trees[0])))
        conflicts, others = ({named(one) for one in told if one.level == level} for level in (CONFLICT, SAME_DOCUMENT))
        assert conflicts == conflict, f"false {conflicts - conflict}, missed {conflict - conflicts}\n{story}"
        assert others <= overlap, f"false {others - overlap}\n{story}"


@pytest.mark.parametrize("seed", range(3))
def test_a_random_day(tmp_path: Path, seed: int) -> None:
    """No conflict is missed, and none is told that git does not find; git's store stays as it is."""
    check(tmp_path, seed)


@pytest.fixture
def two(ready: Repo) -> tuple[Repo, Repo]:
    """Two worktrees in which two agents have edited the same line; one of them has committed it."""
    ready.git("add", "-A", "--", ".agentsync")
    ready.commit()
    other = ready.worktree("other", "-b", "side")
    for tree, agent in ((ready, "claude-code"), (other, "codex-local")):
        agentsync(tree.root, "agent", agent)
        tree.write(f"line of {agent}\n")
    other.commit()
    agentsync(ready.root, "scan")
    return ready, other


def listed(repo: Repo) -> list[dict[str, Any]]:
    found = agentsync(repo.root, "overlaps", "--json").json
    assert found["count"] == len(found["overlaps"])
    return list(found["overlaps"])


def test_an_overlap_is_shown_until_one_side_has_the_edits_of_the_other(two: tuple[Repo, Repo]) -> None:
    """By a command, in status, as JSON and in the report."""
    here, other = two
    (one,) = listed(here)
    assert (one["file_path"], one["level"]) == ("doc.md", "conflict")
    assert [side["owners"] for side in one["sides"]] == [["claude-code"], ["codex-local"]]
    assert [side["uncommitted"] for side in one["sides"]] == [True, False]
    assert "doc.md" in agentsync(other.root, "overlaps").out
    assert "1 pair of lines of work, 1 conflict" in agentsync(here.root, "status").out
    agentsync(here.root, "consolidate")
    shown = (here.root / "AGENT_SYNC.md").read_text()
    assert "### Overlaps\n\n- **doc.md**: `conflict` (agents: claude-code, codex-local)\n" in shown
    here.commit()
    here.git("merge", "-q", "-X", "ours", "side")
    assert listed(here) == []
    agentsync(here.root, "consolidate")
    assert "Overlaps" not in (here.root / "AGENT_SYNC.md").read_text()


def test_a_dismissed_overlap_comes_back_with_a_further_edit(two: tuple[Repo, Repo]) -> None:
    """Of one of the two lines; the report shows it no more."""
    here, other = two
    agentsync(here.root, "consolidate")
    (one,) = listed(here)
    agentsync(here.root, "overlaps", "--dismiss", one["id"][:8])
    assert listed(here) == []
    assert "Overlaps" not in (here.root / "AGENT_SYNC.md").read_text()
    assert "Overlaps" not in agentsync(here.root, "status").out
    other.write("another line\n")
    assert len(listed(here)) == 1
    done = agentsync(here.root, "overlaps", "--dismiss", "0000", code=1)
    assert "no overlaps have an id" in done.err


def test_who_asks_again_starts_no_git(two: tuple[Repo, Repo], monkeypatch: pytest.MonkeyPatch) -> None:
    """Until a record comes or a branch moves."""
    here, other = two
    wait_until_old(here)
    assert len(listed(here)) == 1
    with monkeypatch.context() as patch:
        patch.setattr(observed, "find", None)
        assert len(listed(here)) == 1
    other.git("branch", "third")
    assert len(listed(here)) == 2


def wait_until_old(repo: Repo) -> None:
    """Until a further change of a branch cannot leave the same time behind."""
    heads = repo.root / ".git" / "refs" / "heads"
    while time.time_ns() - heads.stat().st_mtime_ns < 2 * FRESH:
        time.sleep(0.01)


def test_files_that_nobody_watches_are_compared_on_demand(two: tuple[Repo, Repo]) -> None:
    """By what is committed."""
    here, other = two
    for tree in (here, other):
        tree.commit(f"x = {tree.root.name}\n", "src/a[1].py", GIT_AUTHOR_NAME=tree.root.name)
    other.commit("alone\n", "src/b.py")
    for asked in (("--all-files",), ("src/a[1].py", "src/b.py")):
        found = agentsync(here.root, "overlaps", "--json", *asked).json["overlaps"]
        assert ("src/a[1].py", "conflict") in [(one["file_path"], one["level"]) for one in found]
        assert "src/b.py" not in [one["file_path"] for one in found]


def test_one_owner_has_no_overlap_with_themself(two: tuple[Repo, Repo]) -> None:
    """Nor is there one where both have typed the same."""
    here, other = two
    agentsync(here.root, "agent", "codex-local")
    here.git("checkout", "-q", "--", "doc.md")
    here.write("line of another worktree\n")
    assert listed(here) == []
    agentsync(here.root, "agent", "cursor")
    here.write(other.read())
    assert listed(here) == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 100 + DAYS))
def test_many_random_days(tmp_path: Path, seed: int) -> None:
    """As many as `AGENTSYNC_TEST_DAYS` says."""
    check(tmp_path, seed)
