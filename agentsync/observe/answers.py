"""What git says of commits and HEADs: each question is asked once, and none while the ledger is locked."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from agentsync.base import git
from agentsync.observe.contents import NOTHING, Content, Contents
from agentsync.observe.history import Walk
from agentsync.observe.merges import merge_file

ARGUMENTS = 1000  # paths given to git one by one; of more, it is asked for the whole tree
PAIRS = 8  # of commits, for which git is asked one by one whether the one is the other's ancestor
_PATCH = "diff-tree --root -p --no-renames --no-ext-diff --no-textconv --no-color --unified=0".split()


class NotAskedError(Exception):
    """The answer is not known, and git may not be asked now."""


class Step(NamedTuple):
    """What a commit made of a path's blob."""

    commit: str
    before: str | None
    after: str | None


class Answers:
    """Questions to git about one walk's commits. Every one of them may raise NotAskedError."""

    def __init__(self, folder: str, walk: Walk, contents: Contents) -> None:
        self.folder = folder
        self.walk = walk
        self.contents = contents
        self._may_ask = True
        self._parents = {commit.sha: commit.parents for commit in walk.commits}
        self._answers: dict[tuple[tuple[str, ...], str], tuple[int, bytes]] = {}
        self._reached: dict[str, frozenset[str]] = {}
        self._lineage: tuple[str, set[str]] = ("", set())
        self._pairs = 0
        self._steps: dict[str, list[Step]] = {}
        self._joined: frozenset[str] | None = None
        self._has_all: dict[tuple[str, ...], bool] = {}
        self._at_head: dict[tuple[str | None, str], Content] = {}

    @contextmanager
    def only_known(self) -> Iterator[None]:
        """Within this, git is not asked."""
        self._may_ask = False
        try:
            yield
        finally:
            self._may_ask = True

    def ask(self, *args: str, stdin: str = "") -> tuple[int, bytes]:
        """What git says to this, and its exit status."""
        asked = (args, stdin)
        if asked not in self._answers:
            if not self._may_ask:
                raise NotAskedError
            self._answers[asked] = git.answer(list(args), cwd=self.folder, stdin=stdin.encode())
        return self._answers[asked]

    def learn_parents(self, parents: Mapping[str, tuple[str, ...]]) -> None:
        """Know of commits, beside the walk's, whose parents they are."""
        self._parents = {**parents, **self._parents}

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` has `old` in its history. A commit that git has not any more is nobody's ancestor."""
        if old in self._lineage_of(new):
            return True  # most candidates: a person goes on from their own commits
        self._pairs += 1
        if self._pairs > PAIRS and new in self._parents and self.is_apart(old):
            return False
        return self.ask("merge-base", "--is-ancestor", old, new)[0] == 0

    def _lineage_of(self, new: str) -> set[str]:
        """Commits that are in the history of `new` by what the walk knows of parents; git may know of more.

        Commits are judged oldest first, so one set grows along a branch.
        """
        last, found = self._lineage
        if last != new:
            found = found if last in self._parents.get(new, ()) else set()
            waiting = [new]
            while waiting:
                parents = [one for one in self._parents.get(waiting.pop(), ()) if one not in found]
                found.update(parents)
                waiting += parents
            self._lineage = (new, found)
        return found

    def is_apart(self, old: str) -> bool:
        """Whether none of the walk's commits has this one in its history: two questions for whatever number."""
        if self._joined is None:
            walk = self.walk
            tips = {*walk.tips, *walk.heads.values(), *walk.notes}.difference(walk.seen)
            asked = "\n".join([*sorted(tips), *(f"^{tip}" for tip in walk.seen)])
            new = self.ask("rev-list", "--ignore-missing", "--boundary", "--stdin", stdin=asked)[1].decode().split()
            boundary = "\n".join(sha[1:] for sha in new if sha.startswith("-"))
            older = self.ask("rev-list", "--stdin", stdin=boundary)[1].decode().split() if boundary else []
            self._joined = frozenset((*new, *older))
        return old not in self._joined

    def steps(self, path: str) -> list[Step]:
        """What the walk's commits did to a path, oldest first."""
        if path not in self._steps:
            touches = ((one.sha, touch) for one in self.walk.commits for touch in one.touches if touch.path == path)
            self._steps[path] = [Step(sha, touch.before[0], touch.after) for sha, touch in touches]
        return self._steps[path]

    def steps_beside(self, commit: str, path: str) -> list[Step]:
        """Those of the branch that has this commit."""
        tips = [tip for tip in self.walk.tips if tip not in self.walk.seen]
        news = (self._new_in(tip) for tip in tips)
        found = next((new for new in news if commit in new), frozenset())
        return [step for step in self.steps(path) if step.commit in found]

    def reachable(self, commit: str) -> bool:
        """Whether a branch, tag, stash or worktree still leads to the commit."""
        heads = sorted(set(self.walk.heads.values()))
        status, out = self.ask("rev-list", "--max-count=1", commit, "--not", "--all", *heads)
        return status == 0 and not out

    def same_patch(self, one: str, other: str, path: str) -> bool:
        """Whether author, author date and the lines that they add and remove in a path are the same."""
        return self._patch(one, path) == self._patch(other, path) is not None

    def has_all(self, root: str, path: str, whole: str, old: str, new: str) -> bool:
        """Whether a file in `root`, whose blob is `whole`, has all that makes the one blob the other."""
        asked = (path, whole, old, new)
        if asked not in self._has_all:
            if not self._may_ask:
                raise NotAskedError
            file, base, part = (self.contents.clean_bytes(root, path, blob) for blob in (whole, old, new))
            if file is None or base is None or part is None:
                self._has_all[asked] = False
            else:
                self._has_all[asked] = merge_file(file, base, part) == file
        return self._has_all[asked]

    def worktrees_with(self, commit: str) -> list[str]:
        """The worktrees whose HEAD has this new commit in its history."""
        heads = self.walk.heads
        at_head = [name for name, head in heads.items() if head == commit]
        if at_head or (len(self.walk.tips) == 1 and commit not in self.walk.notes):
            return at_head or list(heads)
        return [name for name, head in heads.items() if commit in self._new_in(head)]

    def _new_in(self, head: str) -> frozenset[str]:
        """What a HEAD reaches and was not seen before: asked once, whatever the number of commits."""
        if head not in self._reached:
            asked = "".join((f"{head}\n", *(f"^{tip}\n" for tip in self.walk.seen)))
            if not self._may_ask:
                raise NotAskedError
            out = git.run(["rev-list", "--stdin"], cwd=self.folder, stdin=asked.encode())
            self._reached[head] = frozenset(out.decode().split())
        return self._reached[head]

    def at_head(self, head: str | None, path: str) -> Content:
        """What a path holds in the commit of a HEAD; nothing where there is no commit yet."""
        if (head, path) not in self._at_head:
            self.ask_head(head, [path])
        return self._at_head[head, path]

    def ask_head(self, head: str | None, paths: list[str]) -> None:
        """Make `at_head` answer for these paths: one question for all of them."""
        few = paths if len(paths) <= ARGUMENTS else []
        found = dict(self._tree(head, few)) if head else {}
        blobs = {path: found.get(path) for path in paths}
        self.contents.ask(blobs.items())
        for path, blob in blobs.items():
            self._at_head[head, path] = self.contents.of(path, blob) or NOTHING

    def _tree(self, commit: str, paths: list[str]) -> Iterator[tuple[str, str]]:
        """The regular files of a commit, path and blob."""
        if not self._may_ask:
            raise NotAskedError
        args = ["--literal-pathspecs", "ls-tree", "-r", "-z", commit, "--", *paths]
        for entry in git.run(args, cwd=self.folder).decode("utf-8", "surrogateescape").split("\0")[:-1]:
            about, _, path = entry.partition("\t")
            mode, _, blob = about.split(" ")
            if mode.startswith("100"):
                yield path, blob

    def _patch(self, commit: str, path: str) -> tuple[bytes, ...] | None:
        args = ("--literal-pathspecs", *_PATCH, "--format=%an <%ae> %at", commit, "--", path)
        status, out = self.ask(*args)
        if status:
            return None
        author, *lines = out.split(b"\n")
        return (author, *(line for line in lines if line[:1] in (b"+", b"-") and line[:3] not in (b"+++", b"---")))
