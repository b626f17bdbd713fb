"""How commits hang together: who is whose ancestor, what any ref still reaches, whether two commits are one patch."""

from __future__ import annotations

from agentsync.base import git
from agentsync.observe.history import Walk


class NotAskedError(Exception):
    """The answer is not known and git may not be asked now (the ledger's lock is held)."""


class Ties:
    """Questions to git about one walk's commits; each is asked once. `offline`: only known answers are given."""

    def __init__(self, clone: git.Clone, walk: Walk, pathspecs: list[str]) -> None:
        self.common_dir = clone.common_dir
        self.walk = walk
        self.pathspecs = pathspecs
        self.offline = False
        self._parents = {commit.sha: commit.parents for commit in walk.commits}
        self._answers: dict[tuple[str, ...], object] = {}

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` has `old` in its history. A commit that git has not any more is nobody's ancestor."""
        if old in self._parents.get(new, ()):
            return True  # most candidates: the same person committed twice in a second
        return bool(self._ask("merge-base", "--is-ancestor", old, new)[0] == 0)

    def reachable(self, commit: str) -> bool:
        """Whether a branch, tag, stash or worktree still leads to the commit."""
        heads = sorted(set(self.walk.heads.values()))
        status, out = self._ask("rev-list", "--max-count=1", commit, "--not", "--all", *heads)
        return status == 0 and not out

    def same_patch(self, one: str, other: str, path: str) -> bool:
        """Whether author, author date and the lines that they add and remove in a path are the same."""
        return self._patch(one, path) == self._patch(other, path) is not None

    def worktrees_with(self, commit: str) -> list[str]:
        """The worktrees whose HEAD has this new commit in its history."""
        at_head = [name for name, head in self.walk.heads.items() if head == commit]
        if at_head or len(self.walk.tips) == 1:
            return at_head or list(self.walk.heads)
        return [name for name, head in self.walk.heads.items() if self.is_ancestor(commit, head)]

    def _patch(self, commit: str, path: str) -> tuple[bytes, ...] | None:
        args = (
            "diff-tree",
            "--root",
            "-p",
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
            "--unified=0",
        )
        status, out = self._ask("--literal-pathspecs", *args, "--format=%an <%ae> %at", commit, "--", path)
        if status:
            return None
        author, *lines = out.split(b"\n")
        return (author, *(line for line in lines if line[:1] in (b"+", b"-") and line[:3] not in (b"+++", b"---")))

    def _ask(self, *args: str) -> tuple[int, bytes]:
        if args not in self._answers:
            if self.offline:
                raise NotAskedError
            self._answers[args] = git.answer(list(args), cwd=self.common_dir)
        return self._answers[args]  # type: ignore[return-value]
