"""Lines of work: each worktree with its uncommitted edits, each branch that no worktree has; and their commits."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from agentsync.base import git
from agentsync.base.settings import Settings, pathspecs
from agentsync.observe import history
from agentsync.observe.history import Touch

ALIVE = 30 * 86_400  # seconds after its newest commit for which a line of work goes on, if nothing is uncommitted there
MOST = 20_000  # commits in which branches differ; of more, the newest


class Line(NamedTuple):
    """A line of work. `worktree`: None for a branch that none has; `branch`: None where HEAD is detached.

    `uncommitted`: whether documents of it are known to differ from its commit.
    """

    worktree: git.Worktree | None
    branch: str | None
    head: str
    uncommitted: bool = False

    @property
    def tree(self) -> str:
        """The name of its worktree, "" for a branch."""
        return self.worktree.name if self.worktree else ""


class Stretch(NamedTuple):
    """A commit in which lines differ. `lines`: bit N is set if the history of line N has it."""

    commit: str
    parents: tuple[str, ...]
    touches: tuple[Touch, ...]
    lines: int


class Graph(NamedTuple):
    """The commits that some lines have and others have not, newest first; all lines have `base`, if there is one."""

    lines: tuple[Line, ...]
    base: str | None
    commits: Mapping[str, Stretch]

    @property
    def every(self) -> int:
        """The bits of all lines."""
        return (1 << len(self.lines)) - 1

    def common(self, one: int, other: int) -> list[str]:
        """The best common ancestors of two lines, by number; more than one where they have merged each other."""
        both = 1 << one | 1 << other
        shared = [at for at in self.commits.values() if at.lines & both == both]
        inner = {parent for at in shared for parent in at.parents}
        best = [at.commit for at in shared if at.commit not in inner]
        return [*best, self.base] if self.base and self.base not in inner else best


def lines(folder: str, every: Sequence[git.Worktree], uncommitted: Iterable[str], now: float) -> list[Line]:
    """The lines of work that go on. `uncommitted`: the names of worktrees with uncommitted edits.

    Where a rebase is in progress, the line is still the branch as it was before.
    """
    asked = ["for-each-ref", "--format=%(objectname) %(committerdate:unix) %(refname)", "refs/heads"]
    rows = [row.split(" ", 2) for row in git.run(asked, cwd=folder).decode(errors="surrogateescape").splitlines()]
    heads = {name.removeprefix("refs/heads/"): (head, int(time or 0)) for head, time, name in rows}
    dirty = set(uncommitted)
    found: list[Line] = []
    for one in every:
        branch = (git.rebasing(one.git_dir) or "").removeprefix("refs/heads/") or git.branch_of(one.git_dir)
        head, time = heads.pop(branch, (None, 0)) if branch else (history.detached(one.git_dir), int(now))
        if head and (one.name in dirty or time > now - ALIVE):
            found.append(Line(one, branch, head, one.name in dirty))
    return found + [Line(None, branch, head) for branch, (head, time) in heads.items() if time > now - ALIVE]


def graph(folder: str, lines: Sequence[Line], settings: Settings) -> Graph:
    """What lies between the heads of the lines and what all of them have: two processes, whatever their number."""
    heads = list(dict.fromkeys(line.head for line in lines))
    if len(heads) == 1:
        return Graph(tuple(lines), heads[0], {})
    status, said = git.answer(["merge-base", "--octopus", *heads], cwd=folder)
    base = said.decode().strip() if status == 0 else None
    asked = "".join((*(f"{head}\n" for head in heads), f"^{base}\n" if base else ""))
    args = [*history.TOUCHES, "--sparse", f"--max-count={MOST}", "--", *pathspecs(settings)]
    out = git.run(args, cwd=folder, stdin=asked.encode(), env={"GIT_FLUSH": "0"})
    reached: dict[str, int] = {}
    for number, line in enumerate(lines):
        reached[line.head] = reached.get(line.head, 0) | 1 << number
    commits = {}
    for commit in reversed(list(history.parsed(out, settings))):
        mask = reached.get(commit.sha, 0)
        for parent in commit.parents:
            reached[parent] = reached.get(parent, 0) | mask
        commits[commit.sha] = Stretch(commit.sha, commit.parents, commit.touches, mask)
    return Graph(tuple(lines), base, commits)


def changed_by_several(folder: str, lines: Sequence[Line]) -> list[str]:
    """The files that at least two of the lines have changed since what all of them have; none where that is nothing."""
    heads = list(dict.fromkeys(line.head for line in lines))
    status, said = git.answer(["merge-base", "--octopus", *heads], cwd=folder) if heads else (1, b"")
    if status:
        return []
    base = said.decode().strip()
    asked = "".join(f"{head} {base}\n" for head in heads).encode()
    args = "diff-tree --stdin -r -z --name-only --no-commit-id --no-renames --no-ext-diff".split()
    names = Counter(git.run(args, cwd=folder, stdin=asked).decode(errors="surrogateescape").split("\0"))
    return sorted(name for name, number in names.items() if name and number > 1)
