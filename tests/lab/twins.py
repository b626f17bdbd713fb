"""Two worktrees with the same history: in one git does not see the reports, the other has no agentsync.

Whatever git does, it has to do the same in both. A script is a step a line:

    edit OLD -> NEW      somebody writes over a text of the report's file, in place
    write PATH TEXT      somebody writes another file
    git ARGS < y n       git succeeds (answers to its questions); "git! ARGS": it refuses, in both
    says ARGS            it prints the same, but for blobs and line numbers of a diff
    resolve              somebody keeps both sides of a conflict in the report's file
    look                 a hook, command or poll: what is owed is written
"""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

from agentsync.base import git
from agentsync.setup import git_filter
from lab.hidden_model import blobs, name, see, text
from lab.report import PATH, Lab, reported, reporting
from lab.templates import copied

_LABELS = re.compile(rb"(?m)^(<{7}|>{7}|\|{7}) .*$")
_MARKS = re.compile(rb"(?m)^(<{7}|={7}|>{7}).*\n")
_ABOUT = re.compile(r"(?m)^(index |@@ ).*\n")


class Twins:
    """`lab` has reports that git does not see, `plain` is what git does by itself."""

    def __init__(self, folder: Path, *, published: bool) -> None:
        self.lab = copied(folder / "hidden" / "repo", hidden_one, published)
        self.plain = copied(folder / "plain" / "repo", plain_one, published)
        self.carried = name(see(self.lab).head)
        self.known = self._commits()

    def play(self, script: str) -> None:
        """All steps, and what must hold after each; in the end the newest report stands in the file, and unseen."""
        for line in script.strip().splitlines():
            step, _, rest = line.strip().partition(" ")
            getattr(self, {"git!": "refused"}.get(step, step))(rest)
            self.holds(line)
        self.look()
        self.holds("the end")
        reported(self.lab)
        # By stat alone, as rebase looks; `status` compares contents.
        changed = [one.git("diff-files", "--name-only") for one in (self.lab, self.plain)]
        assert changed[0] == changed[1]

    def edit(self, rest: str) -> None:
        for one in (self.lab, self.plain):
            one.edit(*rest.split(" -> "))

    def write(self, rest: str) -> None:
        path, _, content = rest.partition(" ")
        for one in (self.lab, self.plain):
            one.write(f"{content}\n", path)

    def git(self, rest: str) -> None:
        assert self._both(rest) == [0, 0], rest

    def refused(self, rest: str) -> None:
        assert 0 not in self._both(rest), rest

    def says(self, rest: str) -> None:
        said = [_ABOUT.sub("", one.git(*shlex.split(rest), check=False)) for one in (self.lab, self.plain)]
        assert said[0] == said[1], (rest, said)

    def resolve(self, rest: str = "") -> None:
        for one in (self.lab, self.plain):
            lines = one.file.read_bytes().splitlines(keepends=True)
            one.file.write_bytes(
                b"".join(line for line in lines if line[:7] not in (b"<<<<<<<", b"=======", b">>>>>>>"))
            )
            one.git("add", PATH)

    def look(self, rest: str = "") -> None:
        self.lab.pay()

    def _both(self, rest: str) -> list[int]:
        args, _, answers = rest.partition(" < ")
        return [self._status(one, shlex.split(args), answers.split()) for one in (self.lab, self.plain)]

    def _status(self, lab: Lab, args: list[str], answers: list[str]) -> int:
        stdin = "".join(f"{answer}\n" for answer in answers)
        done = subprocess.run(["git", *args], cwd=lab.root, input=stdin, capture_output=True, text=True)
        print(lab.root.parent.name, args, done.returncode, done.stdout, done.stderr)
        return done.returncode

    def holds(self, step: str) -> None:
        """git shows, has stored and left in the file the same texts; no commit has a report that it had not before."""
        assert self.lab.status() == self.plain.status(), (step, self.lab.status(), self.plain.status())
        assert _texts(self.lab) == _texts(self.plain), step
        new = [*(self._commits() - self.known)]
        self.known |= {*new}
        contents = blobs(self.lab, [f"{commit}:{PATH}" for commit in new]) if new else []
        for commit, content in zip(new, contents, strict=True):
            assert content is None or name(content) == self.carried, f"{step}: {commit} has a report"

    def _commits(self) -> set[str]:
        """All that there are, stashes and what no branch reaches any more, too."""
        return set(git.run(["rev-list", "--all", "--reflog"], cwd=str(self.lab.root)).decode().split())


def _texts(lab: Lab) -> list[bytes | None]:
    """The file in HEAD, index, stash and worktree, as its authors wrote it."""
    known = blobs(lab, [f"{where}:{PATH}" for where in ("HEAD", "", "stash@{0}", "stash@{0}^2")])
    seen = [*known, lab.file.read_bytes() if lab.file.exists() else None]
    return [None if one is None else _LABELS.sub(rb"\1", text(one) or b"") for one in seen]


def plain_one(root: Path, published: bool) -> Lab:
    """The same without agentsync."""
    plain = hidden_one(root, published)
    git_filter.remove(plain.clone())
    plain.file.unlink()
    plain.git("checkout", "-q", "HEAD", "--", PATH)
    assert plain.shows() == plain.region_of()
    return plain


def hidden_one(root: Path, published: bool) -> Lab:
    """A repository with a report in its file, and an older one in its commits or none; a branch that edits line 9."""
    lab = reporting(root, published=published)
    lab.git("switch", "-q", "-c", "other")
    lab.edit("line 9", "their line")
    lab.git("commit", "-q", "-am", "their edit")
    lab.git("switch", "-q", "-c", "clash", "main")
    lab.pay()
    lab.edit("line 2", "their line")
    lab.git("commit", "-q", "-am", "clashing edit")
    lab.git("switch", "-q", "main")
    lab.pay()
    reported(lab)
    return lab
