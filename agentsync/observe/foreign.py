"""Histories with another root, as `git subtree add` and a fetch of another project bring them.

What they did to a path of ours is nobody's edit here, unless a merge has taken their file. Roots cost a walk through
all of history. So they are asked for only where a commit that was not made here leaves a content that nobody knows.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from agentsync.base import git
from agentsync.observe import history
from agentsync.observe.answers import Answers


class Foreign:
    """Which commits of a walk are of another history. Every question may raise NotAskedError."""

    def __init__(self, answers: Answers, worktrees: Sequence[git.Worktree]) -> None:
        self.answers = answers
        self.worktrees = worktrees
        self._commits: frozenset[str] | None = None
        self._branches: list[str] = []  # with another root
        self._tips: list[str] = []  # from which our files are reached
        self._taken: dict[str, frozenset[str]] = {}  # by path: all commits that led to what our tips hold there

    def has(self, commit: str, path: str, *, known: bool) -> bool:
        """Whether a commit is of another history, and its path was not taken. `known`: the content that it left is."""
        if commit in self.answers.walk.notes or (known and self._commits is None):
            return False
        if self._commits is None:
            self._commits = frozenset(self._not_ours())
        return commit in self._commits and commit not in self._led_to(path)

    def unmerged(self) -> set[str]:
        """The branches with documents of another history that no merge has brought here: not seen before one does."""
        return history.apart(self.answers.folder, self._branches, self._tips) if self._commits else set()

    def _not_ours(self) -> Iterator[str]:
        walk = self.answers.walk
        here = {*walk.heads.values(), *walk.notes, *_made_here(self.worktrees)}
        new = {*walk.tips, *walk.heads.values()}.difference(walk.seen)
        ours = {*self._list("--max-parents=0", "--first-parent", tips=here), *walk.shallow}
        if not ours or ours.issuperset(self._list("--max-parents=0", tips=new)):
            return
        related = {*ours, *self._list("--ancestry-path", tips=[*new, *(f"^{root}" for root in ours)])}
        self._branches = sorted(new.difference(related))
        self._tips = sorted({*walk.tips, *walk.heads.values()}.difference(self._branches))
        yield from (commit.sha for commit in walk.commits if commit.sha not in related)

    def _led_to(self, path: str) -> frozenset[str]:
        if path not in self._taken:
            self._taken[path] = frozenset(self._list("--", f":(top,literal){path}", tips=self._tips))
        return self._taken[path]

    def _list(self, *args: str, tips: Iterable[str]) -> list[str]:
        asked = "\n".join(sorted(tips))
        return self.answers.ask("rev-list", "--ignore-missing", "--stdin", *args, stdin=asked)[1].decode().split()


def _made_here(worktrees: Iterable[git.Worktree]) -> Iterator[str]:
    """What was committed in these worktrees, as far as git's log of their HEADs goes back."""
    for worktree in worktrees:
        with suppress(OSError), open(f"{worktree.git_dir}/logs/HEAD", encoding="utf-8", errors="replace") as file:
            for line in file:
                about, _, said = line.partition("\t")
                if said.startswith(("commit", "cherry-pick", "revert", "am")):
                    yield about.split(" ")[1]
