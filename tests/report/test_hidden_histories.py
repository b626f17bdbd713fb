"""Whatever people, agents and git do in whatever order: git does not see the reports, and nobody's text is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, currently_in_test_context, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from lab.audit import audit
from lab.hidden_model import (
    OURS,
    blobs,
    both_sides,
    conflicts_in_region,
    name,
    report,
    see,
    see_all,
    text,
    typed,
    united,
)
from lab.report import HIDDEN, PATH, Lab, make

from agentsync.base import git
from agentsync.ledger.log import Ledger
from agentsync.ledger.verify import verify
from agentsync.report import obstacle, paid

SETTINGS = HIDDEN._replace(consolidation_threshold=3)
HEADING = "## 🤖 Automatic synchronisation"
LINES = [f"line {n}" for n in range(6)]
DOCUMENTS = {
    "section": "\n".join(["# Notes", *LINES, HEADING, "", *[f"old {n}" for n in range(6)], ""]),
    "last-section": "\n".join(["# Notes", *LINES, HEADING, ""]),
    "no-section": "\n".join(["# Notes", *LINES, ""]),
    "no-newline": "\n".join(["# Notes", *LINES]),
    "crlf": "\r\n".join(["# Notes", *LINES, HEADING, *[f"old {n}" for n in range(3)], ""]),
}
OTHER = "doc.md"
BASE = "refs/tags/base"
WORKTREES = st.sampled_from((0, 0, 1))
BRANCHES = st.sampled_from(("main", "main", "a", "b"))
PLACES = st.sampled_from(("append", "top", "above", "below", "inside", "line", "instead", "delete", "anew"))
ENDS = st.sampled_from(("both", "both", "abort"))


class Hidden(RuleBasedStateMachine):
    """People and agents at work in two worktrees of one clone, with hooks, commands and a poller."""

    templates: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="hidden", dir=self.templates))
        self.number = 0
        self.safe: set[bytes] = set()  # lines that are in a commit
        self.gone: set[bytes] = set()  # lines that their author has deleted
        self.commits: dict[str, bytes | None] = {}  # the report's file in each
        self.published: set[str] = set()
        self.sources: set[tuple[str, str]] = set()  # reports that the step may commit
        self.unpublished: set[int] = set()  # worktrees whose index differs from HEAD in the report, by a reset
        self.judged: set[str] = set()  # commits
        self.merged: set[tuple[str, str]] = set()  # by the forge
        self.ever: set[bytes] = set()  # lines that were seen anywhere
        self.dropped: set[bytes] = set()  # lines that the step may lose, since somebody asked for it

    @initialize(kind=st.sampled_from(sorted(DOCUMENTS)), reports=st.integers(0, 4))
    def begin(self, kind: str, reports: int) -> None:
        """`reports`: 0 none, 1 and 2 one that git does not see, 3 a published one, 4 that one on both branches."""
        self.labs = copied(template(self.templates, kind), self.folder)
        for lab in self.labs:
            self.git(lab, "status")
        self.bare = self.folder / "bare"
        self.git(self.labs[0], "init", "-q", "--bare", str(self.bare))
        (self.bare / "objects/info/alternates").write_text(f"{self.labs[0].root}/.git/objects\n")
        if reports:
            self.report(1, publish=reports >= 3)
        if reports == 4:
            self.merge(1, "main", True, "both", False)

    def teardown(self) -> None:
        try:
            if hasattr(self, "labs"):
                self.settle()
        finally:
            shutil.rmtree(self.folder)

    # How the model acts.

    def git(self, lab: Lab, *args: str, stdin: str = "") -> int:
        """The status of a git command as somebody types it."""
        lab.time = max(one.time for one in self.labs) + 1
        date = {"GIT_AUTHOR_DATE": f"{lab.time} +0000", "GIT_COMMITTER_DATE": f"{lab.time} +0000"}
        done = subprocess.run(
            ["git", *args], cwd=lab.root, env={**os.environ, **date}, input=stdin, capture_output=True, text=True
        )
        said = (done.stdout + done.stderr).strip().replace("\n", "\n    ")
        tell(f"  {lab.root.name}: git {' '.join(args)} -> {done.returncode}\n    {said}")
        self.said = said
        return done.returncode

    def look(self, labs: list[Lab], **request: Any) -> None:
        """Look, and nothing but the report's region is another afterwards."""
        before = [texts(lab) for lab in self.labs]
        reports = labs[0].look(worktrees=[lab.here() for lab in labs], now=time.time(), **request).reports
        tell(f"  {reports}")
        assert before == [texts(lab) for lab in self.labs]

    def rev(self, lab: Lab, *args: str) -> str:
        status, out = git.answer(["rev-parse", "-q", "--verify", *args], cwd=str(lab.root))
        return "" if status else out.decode().strip()

    def plain(self, lab: Lab, commit: str) -> bool:
        """Whether it is a commit of the history, with one parent."""
        parents = git.run(["rev-list", "-1", "--parents", commit, f"^{BASE}"], cwd=str(lab.root)).split()
        return len(parents) == 2

    def has(self, commit: str, lab: Lab | None = None) -> bytes | None:
        """The report's file in a commit."""
        if commit not in self.commits:
            self.commits[commit] = blobs(lab or self.labs[0], [f"{commit}:{PATH}"])[0]
        return self.commits[commit]

    def is_clean(self, lab: Lab) -> bool:
        """Whether people have edited or staged nothing."""
        return all(len({text(version) for version in seen}) == 1 for seen in see_all(lab, (PATH, OTHER))) and (
            self.labs.index(lab) not in self.unpublished
        )

    def discard(self, lab: Lab) -> None:
        """Somebody asks git to throw away what is neither committed nor stashed here."""
        seen = see(lab)
        self.dropped = typed(seen.indexed) | typed(seen.file)

    # What people and agents do.

    @rule(worktree=WORKTREES, place=PLACES, at=st.integers(0, 30), newline=st.booleans())
    def edit(self, worktree: int, place: str, at: int, newline: bool) -> None:
        lab = self.labs[worktree]
        before = lab.file.read_bytes()
        lines = before.splitlines(keepends=True)
        end = b"\r\n" if b"\r\n" in before else b"\n"
        self.number += 1
        new = b"typed %d" % self.number + end
        marks = [n for n, line in enumerate(lines) if line.startswith((b"<!-- agentsync:begin", b"<!-- agentsync:end"))]
        if len(marks) != 2:
            marks = [n for n, line in enumerate(lines) if line.startswith(HEADING.encode())] * 2 or [0, len(lines) - 1]
        first, last = marks
        outside = [n for n in range(len(lines)) if not first <= n <= last]
        if place == "inside" and last > first:
            lines.insert(first + 1 + at % (last - first), new)
        elif place == "delete":
            own = [n for n, line in enumerate(lines) if line.startswith(b"typed")]
            if own:
                self.gone |= typed(lines.pop(own[at % len(own)]))
        elif place == "instead" and outside:
            where = outside[at % len(outside)]
            self.gone |= typed(lines[where])
            lines[where] = new
        elif place == "anew":  # by somebody who leaves the report out
            lines = [*(text(before) or b"").splitlines(keepends=True)]
            lines.insert(at % (len(lines) + 1), new)
            if len(lines) > 1 and not lines[-2].endswith(b"\n"):
                lines[-2] += end
        elif place == "line" and outside:
            lines.insert(outside[at % len(outside)], new)
        else:
            where = {"top": 0, "above": first, "below": last + 1}.get(place, len(lines))
            if where == len(lines) and lines and not lines[-1].endswith(b"\n"):
                lines[-1] += end
                new = new if newline else new.rstrip()
            lines.insert(where, new)
        self.write(lab, b"".join(lines))

    def write(self, lab: Lab, content: bytes) -> None:
        """As an editor writes, by rename or in place."""
        tell(f"  {lab.root.name}: {content.decode()!r}")
        if self.number % 2:
            (lab.root / "editor~").write_bytes(content)
            (lab.root / "editor~").rename(lab.file)
        else:
            lab.file.write_bytes(content)

    @rule(worktree=WORKTREES, line=st.integers(0, 11))
    def edit_other(self, worktree: int, line: int) -> None:
        self.number += 1
        lines = self.labs[worktree].read(OTHER).splitlines(keepends=True)
        lines[line : line + 1] = [f"edit {self.number}\n"]
        self.labs[worktree].write("".join(lines), OTHER)

    @rule(worktree=WORKTREES, what=st.sampled_from(("-a", "-a", "staged", PATH, OTHER)), amend=st.booleans())
    def commit(self, worktree: int, what: str, amend: bool) -> None:
        lab = self.labs[worktree]
        args = {"-a": ["-a"], "staged": []}.get(what, ["--", what])
        if amend and not self.plain(lab, "HEAD"):
            return
        before, head = see(lab), self.rev(lab, "HEAD")
        self.sources = {name(before.indexed)}
        if self.git(lab, "commit", "-q", "-m", what, *(["--amend"] if amend else []), *args):
            assert "nothing" in self.said or "no changes" in self.said or "would make" in self.said, self.said
            assert self.rev(lab, "HEAD") == head
            return
        taken = {"staged": before.indexed, OTHER: before.head}.get(what, before.file)
        after = see(lab)
        assert text(after.head) == text(taken)
        assert text(after.file) == text(before.file)
        if worktree not in self.unpublished:
            assert name(after.head) == name(before.head), "a report has come or gone"

    @rule(worktree=WORKTREES)
    def stage(self, worktree: int) -> None:
        lab = self.labs[worktree]
        before = see(lab)
        assert self.git(lab, "add", PATH, OTHER) == 0
        after = see(lab)
        assert (text(after.indexed), name(after.indexed)) == (text(before.file), name(before.indexed))

    @rule(worktree=WORKTREES, answers=st.text("yn", min_size=1, max_size=4))
    def stage_some(self, worktree: int, answers: str) -> None:
        lab = self.labs[worktree]
        before = see(lab)
        self.git(lab, "add", "-p", PATH, stdin="\n".join([*answers, "q", ""]))
        after = see(lab)
        assert typed(after.indexed) <= typed(before.indexed) | typed(before.file)
        assert (after.file, name(after.indexed)) == (before.file, name(before.indexed))

    @rule(worktree=WORKTREES)
    def unstage(self, worktree: int) -> None:
        lab = self.labs[worktree]
        self.discard(lab)
        assert self.git(lab, "reset", "-q", "--", PATH) == 0
        self.unpublished.discard(worktree)

    @rule(worktree=WORKTREES)
    def restore(self, worktree: int) -> None:
        lab = self.labs[worktree]
        self.discard(lab)
        assert self.git(lab, "checkout", "-q", "--", PATH) == 0
        seen = see(lab)
        assert text(seen.file) == text(seen.indexed)

    @rule(worktree=WORKTREES, branch=BRANCHES)
    def switch(self, worktree: int, branch: str) -> None:
        lab, other = self.labs[worktree], self.labs[1 - worktree]
        if git.branch_of(other.here().git_dir) == branch:
            return
        clean, before = self.is_clean(lab), see(lab)
        exists = self.rev(lab, f"refs/heads/{branch}")
        status = self.git(lab, "switch", "-q", *([] if exists else ["-c"]), branch)
        assert status == 0 or not clean, self.said
        after = see(lab)
        carried = text(before.file) != text(before.head) or text(before.indexed) != text(before.head)
        assert text(after.file) == text(before.file if carried or status else after.head)

    @rule(worktree=WORKTREES, branch=BRANCHES, ff=st.booleans(), end=ENDS, poll=st.booleans())
    def merge(self, worktree: int, branch: str, ff: bool, end: str, poll: bool) -> None:
        lab = self.labs[worktree]
        theirs = self.rev(lab, f"refs/heads/{branch}")
        if not theirs:
            return
        clean, ours = self.is_clean(lab), self.rev(lab, "HEAD")
        bases = git.run(["merge-base", "--all", ours, theirs], cwd=str(lab.root)).decode().split()
        self.sources = {name(self.has(one)) for one in (ours, theirs)}
        status = self.git(lab, "merge", "-q", *([] if ff else ["--no-ff"]), branch)
        conflict = self.finish(lab, "merge", end, poll)
        assert status == 0 or conflict or not clean, self.said
        if status == 0 and len(bases) == 1:
            self.is_union(lab, bases[0], ours, theirs)

    def is_union(self, lab: Lab, base: str, ours: str, theirs: str) -> None:
        """What git has merged without a conflict has every line of both sides, and HEAD's report is one of theirs."""
        wanted, unwanted = united(self.has(base), self.has(ours), self.has(theirs))
        result = see(lab).head
        assert wanted <= typed(result), wanted - typed(result)
        assert not unwanted & typed(result), unwanted & typed(result)
        found = name(result)
        assert found in {name(self.has(one)) for one in (ours, theirs)}
        assert found[0] or not (name(self.has(ours))[0] and name(self.has(theirs))[0])

    @rule(worktree=WORKTREES, branch=BRANCHES, autostash=st.booleans(), end=ENDS, poll=st.booleans())
    def rebase(self, worktree: int, branch: str, autostash: bool, end: str, poll: bool) -> None:
        lab = self.labs[worktree]
        onto, tip = self.rev(lab, f"refs/heads/{branch}"), self.rev(lab, "HEAD")
        if not onto:
            return
        clean = self.is_clean(lab)
        if autostash:
            clean = True
            self.discard(lab)  # what conflicts there stays in a stash that no reflog has
        moved = git.run(["rev-list", f"{onto}..{tip}"], cwd=str(lab.root)).decode().split()
        upstream = git.run(["rev-list", f"{tip}..{onto}"], cwd=str(lab.root)).decode().split()
        self.sources = {name(self.has(one)) for one in (*moved, onto)}
        status = self.git(lab, "rebase", *(["--autostash"] if autostash else []), branch)
        conflict = self.finish(lab, "rebase", end, poll)
        if autostash and self.unmerged(lab):
            self.take_both(lab)
        assert status == 0 or conflict or not clean, self.said
        if status == 0:
            base = git.run(["merge-base", onto, tip], cwd=str(lab.root)).decode().strip()
            known = set().union(*(typed(self.has(one)) for one in upstream), typed(self.has(base)))
            lost = (typed(self.has(tip)) - known) - typed(see(lab).head)
            assert not lost, lost

    @rule(worktree=WORKTREES, branch=BRANCHES, end=ENDS, poll=st.booleans())
    def cherry_pick(self, worktree: int, branch: str, end: str, poll: bool) -> None:
        lab = self.labs[worktree]
        picked = self.rev(lab, f"refs/heads/{branch}")
        if picked and self.plain(lab, picked):
            self.pick(lab, ["cherry-pick", picked], f"{picked}^", picked, end, poll)

    @rule(worktree=WORKTREES, end=ENDS, poll=st.booleans())
    def revert(self, worktree: int, end: str, poll: bool) -> None:
        lab = self.labs[worktree]
        if self.plain(lab, "HEAD"):
            self.pick(lab, ["revert", "--no-edit", "HEAD"], self.rev(lab, "HEAD"), "HEAD^", end, poll)

    def pick(self, lab: Lab, command: list[str], base: str, theirs: str, end: str, poll: bool) -> None:
        clean, ours = self.is_clean(lab), self.rev(lab, "HEAD")
        base, theirs = self.rev(lab, base), self.rev(lab, theirs)
        self.sources = {name(self.has(one)) for one in (base, theirs, ours)}
        status = self.git(lab, *command)
        said = self.said
        conflict = self.finish(lab, command[0], end, poll)
        assert status == 0 or conflict or not clean, said
        if status == 0:
            wanted, unwanted = united(self.has(base), self.has(ours), self.has(theirs))
            result = typed(see(lab).head)
            assert wanted <= result and not unwanted & result, (wanted - result, unwanted & result)

    def finish(self, lab: Lab, command: str, end: str, poll: bool) -> bool:
        """Bring what has stopped to its end; whether anything had."""
        git_dir = lab.here().git_dir
        if not git.operation(git_dir):
            return False
        for _ in range(20):
            self.judge_conflict(lab)
            if poll:
                self.look(self.labs)
            if end == "abort":
                assert self.git(lab, command, "--abort") == 0, self.said
            else:
                self.take_both(lab)
                if self.git(lab, *(["commit", "-q", "--no-edit"] if command == "merge" else [command, "--continue"])):
                    unmerged = git.run(["ls-files", "-u"], cwd=str(lab.root))
                    if not unmerged and git.operation(git_dir) and command != "merge":
                        self.git(lab, command, "--skip")
            if not git.operation(git_dir):
                return True
        raise AssertionError("it does not end")

    def judge_conflict(self, lab: Lab) -> None:
        """No conflict is about a report."""
        if PATH not in self.unmerged(lab) or not conflicts_in_region(lab.file.read_bytes()):
            return
        base, ours, theirs = blobs(lab, [f":{stage}:{PATH}" for stage in (1, 2, 3)])
        self.judge(base, ours, theirs, "here", lab.file.read_bytes())

    def judge(self, base: bytes | None, ours: bytes | None, theirs: bytes | None, where: str, result: bytes) -> None:
        """The exceptions; none of them is one where our merge driver runs.

        Two sides have reports that the base has not (somebody picked or undid a publication). The first publication is
        made where the other side writes, too. Or the text was without a newline at its end, where the region says so in
        a line of its own, and one side gives it one.
        """
        old, *sides = (report(version) for version in (base, ours, theirs))
        both = all(name(side) != name(base) for side in (ours, theirs))
        first = old is None and any(sides)
        bare = old is not None and any(side is not None and side.bare != old.bare for side in sides)
        tell(f"{where}: a conflict in the region; both={both} first={first} bare={bare}")
        assert where == "forge" and (both or first or bare), (
            f"{where}: conflict about a report:\n{result.decode()}\n{base!r}\n{ours!r}\n{theirs!r}"
        )

    def unmerged(self, lab: Lab) -> list[str]:
        out = git.run(["diff", "--name-only", "-z", "--diff-filter=U"], cwd=str(lab.root)).decode()
        return out.split("\0")[:-1]

    def take_both(self, lab: Lab) -> None:
        for path in self.unmerged(lab):
            file = lab.root / path
            before = file.read_bytes()
            file.write_bytes(both_sides(before))
            if path == PATH:
                tell(f"  from {before.decode()!r}\n  to {file.read_bytes().decode()!r}")
                assert typed(before) == typed(file.read_bytes())
            self.git(lab, "add", "--", path)

    @rule(worktree=WORKTREES, keep=st.booleans())
    def stash(self, worktree: int, keep: bool) -> None:
        lab = self.labs[worktree]
        before, stashes = see(lab), self.rev(lab, "refs/stash")
        if keep and text(before.indexed) != text(before.head) and text(before.indexed) != text(before.file):
            self.discard(lab)
        self.sources = {name(before.indexed), name(before.head)}
        status = self.git(lab, "stash", *(["-k"] if keep else []))
        after = see(lab)
        if (stash := self.rev(lab, "refs/stash")) != stashes:
            assert status == 0, self.said
            kept = blobs(lab, [f"{stash}:{PATH}", f"{stash}^2:{PATH}"])
            assert [text(one) for one in kept] == [text(before.file), text(before.indexed)]
            assert text(after.file) == text(before.indexed if keep else before.head)
            if not keep:
                self.unpublished.discard(worktree)
        else:
            assert self.is_clean(lab) or "No local changes" in self.said, self.said
            assert text(after.file) == text(before.file)

    @rule(worktree=WORKTREES, index=st.booleans())
    def pop(self, worktree: int, index: bool) -> None:
        lab = self.labs[worktree]
        stash = self.rev(lab, "refs/stash")
        if not stash:
            return
        before, clean = see(lab), self.is_clean(lab)
        base, theirs, staged = blobs(lab, [f"{stash}^1:{PATH}", f"{stash}:{PATH}", f"{stash}^2:{PATH}"])
        self.sources = {name(base), name(theirs), name(staged)}
        status = self.git(lab, "stash", "pop", *(["--index"] if index else []))
        if self.unmerged(lab):
            if PATH in self.unmerged(lab):
                self.judge_conflict(lab)
            self.take_both(lab)
            self.git(lab, "reset", "-q")
            self.unpublished.discard(worktree)
            self.git(lab, "stash", "drop", "-q")
        elif status == 0:
            if clean:
                wanted, unwanted = united(base, before.file, theirs)
                result = typed(see(lab).file)
                assert wanted <= result and not unwanted & result, (wanted - result, unwanted & result)
            if index:
                self.unpublished.add(worktree)
        else:
            assert not clean or index, self.said
            assert text(see(lab).file) == text(before.file)

    @rule(worktree=WORKTREES, how=st.sampled_from(("--hard", "--soft", "--mixed", "--keep")))
    def reset(self, worktree: int, how: str) -> None:
        lab = self.labs[worktree]
        if not self.plain(lab, "HEAD"):
            return
        before, clean = see(lab), self.is_clean(lab)
        self.discard(lab)
        status = self.git(lab, "reset", "-q", how, "HEAD~1")
        assert status == 0 or (how == "--keep" and not clean), self.said
        after = see(lab)
        if how in ("--soft", "--mixed"):
            assert after.file is not None and text(after.file) == text(before.file)
        if how == "--soft":
            assert after.indexed == before.indexed
            self.unpublished.add(worktree)
        elif status == 0:
            self.unpublished.discard(worktree)
        if how == "--hard":
            assert text(after.file) == text(after.head)

    # Who looks.

    @rule()
    def poll(self) -> None:
        self.look(self.labs)
        self.all_paid(self.labs)

    @rule(worktree=WORKTREES)
    def command(self, worktree: int) -> None:
        self.look([self.labs[worktree]])
        self.all_paid([self.labs[worktree]])

    @rule(worktree=WORKTREES)
    def consolidate(self, worktree: int) -> None:
        self.look([self.labs[worktree]], asked=True)
        self.all_paid([self.labs[worktree]])

    @rule(worktree=WORKTREES, publish=st.booleans())
    def report(self, worktree: int, publish: bool) -> None:
        """One edit that nobody else has made, and a report of it."""
        self.edit_other(worktree, self.number % 12)
        self.consolidate(worktree)
        self.look(self.labs)
        if publish:
            self.publish()

    @rule()
    def publish(self) -> None:
        lab = next((one for one in self.labs if git.branch_of(one.here().git_dir) == "main"), None)
        if lab is None or lab.view().state.last is None:
            return
        before = [texts(one) for one in self.labs]
        index = self.labs.index(lab)
        self.sources = {name(see(lab).indexed)}
        self.look([lab])
        commit = lab.publish().commit
        tell(f"  published {commit}")
        after = see(lab)
        assert name(after.head)[0] == lab.newest()
        assert before == [texts(one) for one in self.labs]
        if commit:
            self.published.add(commit)
            changed = git.run(["diff-tree", "-r", "--name-only", f"{commit}^", commit], cwd=str(lab.root)).split()
            assert changed == [PATH.encode()]
        if name(after.indexed) == name(after.head):
            self.unpublished.discard(index)
        assert index in self.unpublished or name(after.indexed) == name(after.head)

    def all_paid(self, labs: list[Lab]) -> None:
        """A look has written what was owed, where nothing was in the way."""
        state = labs[0].view().state
        for lab in labs:
            why = obstacle.of_report(lab.here(), lab.settings)
            assert why or not paid.is_owed(lab.here(), state, lab.settings), lab.root.name
            found = report(lab.file.read_bytes())
            assert why or (found.id if found else None) == (state.page.id if state.page else None)

    # What must hold after every step.

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "labs"):
            return
        state = self.labs[0].view().state
        found: set[bytes] = set()
        self.judge_commits()
        for number, lab in enumerate(self.labs):
            found |= self.judge_worktree(number, lab)
            here = lab.here()
            if state.page and not paid.is_owed(here, state, lab.settings):
                shown = report(lab.file.read_bytes())
                assert shown and shown.id == state.page.id and shown.intact, shown
        self.ever |= found
        self.gone |= self.dropped - found - self.safe
        lost = self.ever - self.gone - self.safe - found
        assert not lost, f"lost: {lost}"
        self.dropped, self.sources = set(), set()
        self.judge_forge()

    def judge_worktree(self, number: int, lab: Lab) -> set[bytes]:
        """git shows the people's edits and no others."""
        status = git.run(["status", "--porcelain", "-z"], cwd=str(lab.root)).decode()
        shown = {entry[3:]: entry[:2] for entry in status.split("\0")[:-1]}
        wanted = {}
        about = ""
        for path, seen in zip((PATH, OTHER), see_all(lab, (PATH, OTHER)), strict=True):
            assert seen.file is not None and seen.indexed is not None and seen.head is not None
            code = (" M"[seen.indexed != seen.head]) + (" M"[text(seen.file) != text(seen.indexed)])
            if code != "  ":
                wanted[path] = code
            if path == PATH:
                here = seen
                about = f"\nHEAD {seen.head!r}\nindex {seen.indexed!r}\nfile {seen.file!r}"
        assert shown == wanted, f"{lab.root.name}: {shown} is not {wanted}{about}"
        if name(here.indexed) != name(here.head):
            assert number in self.unpublished, f"{lab.root.name}: the index has another report than HEAD{about}"
        else:
            self.unpublished.discard(number)
        if here.file != here.indexed:
            diff = git.run(["diff", "-U0", "--", PATH], cwd=str(lab.root))
            assert not any(line[1:].startswith(OURS) for line in diff.splitlines()), diff.decode()
        return typed(here.indexed) | typed(here.file)

    def judge_commits(self) -> None:
        """A commit has the report of a parent, or of what it was made from; else it is a publication."""
        out = git.run(["rev-list", "--all", "--reflog", "--parents"], cwd=str(self.labs[0].root)).decode()
        listed = [line.split() for line in out.splitlines()]
        new = [line for line in listed if line[0] not in self.judged]
        for line in new:
            self.has(line[0])
        for commit, *parents in new:
            self.judged.add(commit)
            content = self.has(commit)
            self.safe |= typed(content)
            found = report(content)
            if found is None or commit in self.published:
                continue
            assert found.intact, f"{commit}: {content!r}"
            allowed = {name(self.has(parent)) for parent in parents} | self.sources
            assert name(content) in allowed, f"{commit} has a report that is not its parents': {content!r}"

    def judge_forge(self) -> None:
        """Any two branches merge without a conflict about a report where neither filter nor driver is known."""
        out = git.run(["for-each-ref", "--format=%(objectname)", "refs/heads"], cwd=str(self.labs[0].root))
        tips = sorted(set(out.decode().split()))
        for ours in tips:
            for theirs in tips:
                if ours == theirs or (ours, theirs) in self.merged:
                    continue
                self.merged.add((ours, theirs))
                status, out = git.answer(["merge-tree", "--write-tree", "-z", ours, theirs], cwd=str(self.bare))
                tree, *rest = out.decode().split("\0")
                assert status in (0, 1), out
                stages = {entry.split()[2]: entry.split()[1] for entry in rest if entry.endswith(f"\t{PATH}")}
                result = git.run(["cat-file", "blob", f"{tree}:{PATH}"], cwd=str(self.bare))
                if "2" in stages and conflicts_in_region(result):
                    names = [stages.get(stage, "0" * 40) for stage in "123"]
                    base, one, other = blobs(Lab(self.bare), names)
                    self.judge(base, one, other, "forge", result)
                elif PATH not in out.decode().split("\0", 1)[1]:
                    found = report(result)
                    assert found.intact if found else b"agentsync:begin" not in result, result

    def settle(self) -> None:
        """In the end all is paid, git's objects are sound and so is the ledger."""
        self.look(self.labs)
        self.all_paid(self.labs)
        self.holds()
        done = subprocess.run(["git", "fsck", "--strict"], cwd=self.labs[0].root, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        store = self.labs[0].clone().store
        assert not verify(Ledger(store)).findings
        audit(Path(store))


def tell(text: str) -> None:
    """What a failure's report is to say."""
    note(text) if currently_in_test_context() else print(text)


def texts(lab: Lab) -> list[bytes | None]:
    """What people have written, wherever it is."""
    return [text(version) for seen in see_all(lab, (PATH, OTHER)) for version in seen]


def template(folder: Path, kind: str) -> Path:
    """Two worktrees with a document of this kind and the hooks."""
    made = folder / kind
    if not made.exists():
        lab = make(made / "main", SETTINGS, content=DOCUMENTS[kind].encode())
        lab.init(hooks=True)
        lab.git("tag", "base")
        lab.git("branch", "a")
        lab.worktree("other", "-b", "b")
    return made


def copied(template: Path, folder: Path) -> list[Lab]:
    """The same somewhere else."""
    labs = []
    for which in ("main", "other"):
        shutil.copytree(template / which, folder / which, symlinks=True)
        labs.append(Lab(folder / which, SETTINGS))
    (folder / "other/.git").write_text(f"gitdir: {folder}/main/.git/worktrees/other\n")
    (folder / "main/.git/worktrees/other/gitdir").write_text(f"{folder}/other/.git\n")
    return labs


# Each has broken something once, or what it breaks is hard to come by. A report stands there from the beginning.
HISTORIES = {
    "a line that was written behind the region before the first publication": """
        begin no-section 2
        edit 0 append 0 1
        commit 0 -a 0
        publish
        edit 0 top 0 1
        edit 0 append 0 1
        report 0 1
    """,
    "a first publication, and lines at the same place on another branch": """
        begin no-section 2
        edit 1 append 0 1
        edit 1 inside 4 0
        commit 1 -a 0
        publish
        merge 1 main 1 both 1
        merge 0 b 1 both 1
    """,
    "publications and lines right beside them on two branches": """
        begin section 3
        merge 1 main 1 both 0
        edit 1 below 0 1
        edit 1 above 0 1
        commit 1 -a 0
        report 0 1
        edit 0 inside 2 1
        stage_some 0 yn
        report 0 1
        commit 0 staged 0
        commit 0 -a 1
        rebase 1 main 1 both 1
        merge 0 b 0 both 0
        revert 0 both 1
    """,
    "a file without a newline at its end, and a line below the region": """
        begin no-newline 3
        edit 1 append 0 1
        commit 1 -a 0
        report 0 1
        merge 0 a 1 both 1
        merge 0 b 1 both 1
        edit 0 below 0 0
        edit 1 inside 0 0
        stash 0 0
        report 1 1
        pop 0 0
        commit 0 -a 0
    """,
    "a publication that is undone, and another one": """
        begin crlf 3
        switch 1 a
        edit 1 append 0 1
        edit 1 inside 0 1
        commit 1 -a 0
        reset 0 --hard
        report 1 1
        reset 0 --soft
        poll
        edit 0 anew 3 1
        commit 0 -a 0
        report 1 1
        cherry_pick 1 main both 1
        merge 1 main 1 both 1
    """,
    "a report under way, and a stash from before it": """
        begin last-section 2
        edit 0 inside 2 1
        stash 0 1
        report 1 1
        switch 0 c
        edit 0 append 3 0
        commit 0 -a 0
        pop 0 1
        commit 0 -a 0
        switch 0 main
        report 0 1
        rebase 0 c 0 both 1
    """,
}


@pytest.mark.long
@pytest.mark.parametrize("history", HISTORIES)
def test_a_history_that_is_hard_to_come_by(tmp_path: Path, history: str) -> None:
    Hidden.templates = tmp_path
    machine = Hidden()
    for line in HISTORIES[history].split("\n"):
        step, *words = line.split() or [""]
        if step:
            tell(line)
            getattr(machine, step)(*(int(word) if word.isdigit() else word for word in words))
            machine.holds()
    machine.teardown()


@pytest.mark.early
@pytest.mark.parametrize("histories", [2, pytest.param(50, marks=pytest.mark.long)])
def test_any_history(tmp_path: Path, histories: int) -> None:
    """git shows nothing of ours, commits nothing of ours, conflicts in nothing of ours, and loses nobody's line."""
    Hidden.templates = tmp_path
    run_state_machine_as_test(
        Hidden,
        settings=settings(
            max_examples=histories,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[phase for phase in Phase if phase not in (Phase.explain, Phase.shrink)],  # a step costs too much
        ),
    )
