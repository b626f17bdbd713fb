"""Whatever people, agents and git do in whatever order: each edit is counted at most once, and all of it is known."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from lab.audit import audit, replayed
from lab.repo import DOCS, QUIET, Repo, cleaned, describe, on_disk

from agentsync.report import region

REPORTING = QUIET._replace(consolidation_threshold=3)
WORKTREES = st.sampled_from((0, 0, 0, 1))
PATHS = st.sampled_from(("doc.md", "doc.md", "docs/other.md", "AGENT_SYNC.md"))
BRANCHES = st.sampled_from(("main", "a", "b"))
POINTS = st.sampled_from(("append", "consolidate", "write", "cache"))


class Killed(BaseException):
    """What stands for SIGKILL where everything happens in one process."""


@contextmanager
def killed_at(point: str) -> Iterator[None]:
    """Whoever comes to the named point dies there."""
    with mock.patch.dict(os.environ, AGENTSYNC_CRASH=point), mock.patch("os.kill", side_effect=Killed):
        try:
            yield
        except Killed:
            note(f"  (killed at {point})")


class Histories(RuleBasedStateMachine):
    """People and agents at work in up to two worktrees of one clone, and a poller that comes and goes."""

    template: Path
    hooks = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="history", dir=self.template.parent))
        self.edits: Counter[str] = Counter()  # by path, how many the ledger may have
        self.stashes: list[tuple[int, dict[str, str | None]]] = []  # worktree and HEAD's blobs, newest first
        self.number = 0

    @initialize(reporting=st.booleans())
    def begin(self, reporting: bool) -> None:
        root = self.folder / "repo"
        shutil.copytree(self.template, root, symlinks=True)
        self.main = Repo(root, REPORTING if reporting else QUIET)
        self.main.begin()
        if self.hooks:
            self.main.hooks()
        self.repos = [self.main]

    def teardown(self) -> None:
        try:
            if hasattr(self, "repos"):
                self.settle()
        finally:
            shutil.rmtree(self.folder)

    def repo(self, number: int) -> Repo:
        """The worktree with this number, or the main one."""
        chosen = self.repos[number] if number < len(self.repos) else self.main
        chosen.time = self.main.time = max(self.main.time, chosen.time)
        return chosen

    def git(self, repo: Repo, *args: str, check: bool = False) -> None:
        repo.git(*args, check=check)
        self.main.time = repo.time

    def look(self, repo: Repo | None = None, **request: Any) -> None:
        """Look, and nothing but agentsync's own region is another afterwards."""
        before = [self.outside(each) for each in self.repos]
        repo = repo or self.main
        repo.time = self.main.time
        if repo is not self.main:
            request["worktrees"] = [repo.clone().here]
        repo.look("poller", **request)
        self.main.time = repo.time
        assert before == [self.outside(each) for each in self.repos]

    def outside(self, repo: Repo) -> tuple[object, ...]:
        """What git and the report's readers see that is not ours."""
        env = {"GIT_OPTIONAL_LOCKS": "0"}
        status = repo.git("status", "--porcelain", "--ignored=no", "-z", env=env).replace("?? .agentsync/\0", "")
        kept = [entry for entry in status.split("\0") if not entry.endswith(" AGENT_SYNC.md")]
        report = repo.root / "AGENT_SYNC.md"
        return kept, region.strip(report.read_bytes()) if report.exists() else b""

    def edited(self, path: str) -> str:
        self.edits[path] += 1
        self.number += 1
        return f"edit {self.number}"

    def blobs(self, repo: Repo) -> dict[str, str | None]:
        """The documents in HEAD."""
        listed = repo.git("ls-tree", "-r", "HEAD", "--", *DOCS)
        return {path: blob for mode, _, blob, path in (line.split() for line in listed.splitlines())}

    # What people and agents do.

    @rule(worktree=WORKTREES, path=PATHS, line=st.integers(0, 11))
    def edit(self, worktree: int, path: str, line: int) -> None:
        repo = self.repo(worktree)
        if not (repo.root / path).exists():
            repo.write(self.edited(path) + "\n", path)
            return
        lines = repo.read(path).splitlines(keepends=True)
        if any(text.startswith("<!-- agentsync") for text in lines):
            lines.insert(0, self.edited(path) + "\n")  # not into the region
        else:
            lines[line : line + 1] = [self.edited(path) + "\n"]
        repo.write("".join(lines), path)

    @rule(worktree=WORKTREES, path=PATHS)
    def delete(self, worktree: int, path: str) -> None:
        repo = self.repo(worktree)
        if (repo.root / path).exists() and self.number % 3 == 0:
            (repo.root / path).unlink()
            self.edited(path)

    @rule(worktree=WORKTREES, path=PATHS)
    def undo(self, worktree: int, path: str) -> None:
        self.git(self.repo(worktree), "checkout", "-q", "--", path)

    @rule(worktree=WORKTREES)
    def commit_all(self, worktree: int) -> None:
        repo = self.repo(worktree)
        self.git(repo, "add", "-A", "--", *[path for path in DOCS if (repo.root / path).exists()])
        self.git(repo, "commit", "-qam", "all")

    @rule(worktree=WORKTREES, path=PATHS)
    def commit_one(self, worktree: int, path: str) -> None:
        self.git(self.repo(worktree), "commit", "-qm", "one", "--", path)

    @rule(worktree=WORKTREES, path=PATHS)
    def stage(self, worktree: int, path: str) -> None:
        self.git(self.repo(worktree), "add", "--", path)

    @rule(worktree=WORKTREES)
    def commit_staged(self, worktree: int) -> None:
        self.git(self.repo(worktree), "commit", "-qm", "staged")

    @rule(worktree=WORKTREES, content=st.booleans())
    def amend(self, worktree: int, content: bool) -> None:
        repo = self.repo(worktree)
        if repo.git("rev-list", "-1", "--parents", "HEAD").count(" ") == 1:
            self.git(repo, "commit", "-q", "--amend", "-m", "amended", *(["-a"] if content else []))

    @rule(worktree=WORKTREES, branch=BRANCHES)
    def switch(self, worktree: int, branch: str) -> None:
        repo = self.repo(worktree)
        exists = repo.git("branch", "--list", branch).strip()
        self.git(repo, "switch", "-q", branch) if exists else self.git(repo, "switch", "-qc", branch)

    @rule(worktree=WORKTREES, branch=BRANCHES)
    def detach(self, worktree: int, branch: str) -> None:
        self.git(self.repo(worktree), "switch", "-q", "--detach", branch)

    @rule(
        worktree=WORKTREES,
        branch=BRANCHES,
        end=st.sampled_from(("ours", "theirs", "hand", "abort")),
        poll=st.booleans(),
    )
    def merge(self, worktree: int, branch: str, end: str, poll: bool) -> None:
        repo = self.repo(worktree)
        self.git(repo, "merge", "-q", "--no-edit", branch)
        if not (Path(self.git_dir(repo)) / "MERGE_HEAD").exists():
            return
        if poll:
            self.look()
        unmerged = repo.git("diff", "--name-only", "-z", "--diff-filter=U").split("\0")[:-1]
        if end == "abort" or any(not self.both_have(repo, path) for path in unmerged):
            self.git(repo, "merge", "--abort", check=True)
            return
        for path in unmerged:
            if end == "hand":
                repo.write(cleaned(repo.read(path)) + self.edited(path) + "\n", path)
            else:
                self.git(repo, "checkout", "-q", f"--{end}", "--", path)
            self.git(repo, "add", "--", path)
        self.git(repo, "commit", "-qm", "merged", check=True)

    def both_have(self, repo: Repo, path: str) -> bool:
        """Whether it is not one side's deletion that conflicts."""
        return len(repo.git("ls-files", "-u", "--", path).splitlines()) == 3 and not region.find(
            (repo.root / path).read_bytes().replace(b"<<<<<<<", b"").replace(b">>>>>>>", b"")
        )

    def git_dir(self, repo: Repo) -> str:
        here = repo.clone().here
        assert here
        return here.git_dir

    @rule(worktree=WORKTREES)
    def stash(self, worktree: int) -> None:
        repo = self.repo(worktree)
        before = repo.git("stash", "list")
        head = self.blobs(repo)
        self.git(repo, "stash", "-q")
        if repo.git("stash", "list") != before:
            self.stashes.insert(0, (self.repos.index(repo), head))

    @rule(worktree=WORKTREES)
    def pop(self, worktree: int) -> None:
        """On another base or in another worktree it gives a content that was never there."""
        if not self.stashes:
            return
        repo = self.repo(worktree)
        where, base = self.stashes[0]
        head = self.blobs(repo)
        elsewhere = where != self.repos.index(repo)
        self.git(repo, "stash", "pop", "-q")
        if repo.git("ls-files", "-u"):
            self.git(repo, "reset", "-q", "--hard", check=True)
            self.git(repo, "stash", "drop", "-q", check=True)
        elif len(repo.git("stash", "list").splitlines()) == len(self.stashes):
            return  # the files were dirty, so git refused
        for path in DOCS:
            self.edits[path] += elsewhere or base.get(path) != head.get(path)
        self.stashes.pop(0)

    @rule(worktree=WORKTREES, how=st.sampled_from(("--hard", "--soft", "--mixed", "--keep")))
    def reset(self, worktree: int, how: str) -> None:
        repo = self.repo(worktree)
        if repo.git("rev-list", "-1", "--parents", "HEAD").count(" ") == 1:
            self.git(repo, "reset", "-q", how, "HEAD~1")

    @rule(worktree=WORKTREES)
    def reset_back(self, worktree: int) -> None:
        self.git(self.repo(worktree), "reset", "-q", "--hard", "ORIG_HEAD")

    @rule(worktree=WORKTREES, branch=BRANCHES, poll=st.booleans())
    def rebase(self, worktree: int, branch: str, poll: bool) -> None:
        repo = self.repo(worktree)
        self.git(repo, "rebase", "-q", branch)
        self.abort(repo, "rebase", "rebase-merge", poll)

    @rule(worktree=WORKTREES, branch=BRANCHES, poll=st.booleans())
    def cherry_pick(self, worktree: int, branch: str, poll: bool) -> None:
        repo = self.repo(worktree)
        before = repo.head()
        again = not repo.git("rev-list", "-1", branch, "--not", "HEAD", check=False)  # undone since, so an edit anew
        self.git(repo, "cherry-pick", branch)
        self.abort(repo, "cherry-pick", "CHERRY_PICK_HEAD", poll)
        if again and repo.head() != before:
            for path in DOCS:
                self.edits[path] += 1

    @rule(worktree=WORKTREES, poll=st.booleans())
    def revert(self, worktree: int, poll: bool) -> None:
        repo = self.repo(worktree)
        before = repo.head()
        self.git(repo, "revert", "--no-edit", "HEAD")
        self.abort(repo, "revert", "REVERT_HEAD", poll)
        if repo.head() != before:
            for path in DOCS:
                self.edits[path] += 1

    def abort(self, repo: Repo, command: str, state: str, poll: bool) -> None:
        if (Path(self.git_dir(repo)) / state).exists():
            if poll:
                self.look()
            self.git(repo, command, "--abort", check=True)

    @rule()
    def worktree(self) -> None:
        if len(self.repos) == 1:
            other = self.main.worktree("other", "-b", "linked")
            self.repos.append(other)
            self.main.time = other.time

    # Who looks.

    @rule()
    def poll(self) -> None:
        self.look()

    @rule(worktree=WORKTREES)
    def look_here(self, worktree: int) -> None:
        """As a hook does: at one worktree only."""
        self.look(self.repo(worktree))

    @rule()
    def consolidate(self) -> None:
        self.look(asked=True)

    @rule(point=POINTS, worktree=WORKTREES)
    def crash(self, point: str, worktree: int) -> None:
        with killed_at(point):
            self.look(self.repo(worktree), asked=point != "append")

    @rule()
    def save(self) -> None:
        self.main.view().save()

    @rule()
    def lose(self) -> None:
        """It may be deleted at any time."""
        (Path(self.main.clone().store) / "cache.sqlite").unlink(missing_ok=True)

    # What must hold.

    def settle(self) -> None:
        self.look()
        lines = len(self.main.lines())
        self.look()
        about = describe(self.main)
        assert len(self.main.lines()) == lines, f"a second look found more{about}"
        audit(Path(self.main.clone().store))
        known = replayed(Path(self.main.clone().store)).known
        for repo, name in zip(self.repos, ("main", "other"), strict=False):
            for path in DOCS:
                assert known[name][path].blob == clean_blob(repo.root, path), (name, path, about)
        counted = Counter(change["file_path"] for change in self.main.changes())
        assert all(counted[path] <= self.edits[path] for path in DOCS), f"{counted} > {self.edits}{about}"


class Hooked(Histories):
    """The same with git's hooks: what is looked at when is up to them, too."""

    hooks = True


def clean_blob(root: Path, path: str) -> str | None:
    """The blob id of a document without the report region."""
    if path != "AGENT_SYNC.md" or not (root / path).exists():
        return on_disk(root, path)
    text = region.strip((root / path).read_bytes()).decode()
    if not text:
        return None
    return Repo(root).git("hash-object", "--stdin", stdin=text).strip()


LONG = [(Histories, 300), (Hooked, 30)]


@pytest.mark.early
@pytest.mark.parametrize(
    ("machine", "histories"),
    [(Histories, 20), (Hooked, 3), *(pytest.param(*each, marks=pytest.mark.long) for each in LONG)],
)
def test_any_history(repo: Repo, machine: type[Histories], histories: int) -> None:
    """Nothing is counted twice, nothing is missed, and nothing but the report's region is touched."""
    machine.template = repo.root
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=histories,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[phase for phase in Phase if phase is not Phase.explain],
        ),
    )
