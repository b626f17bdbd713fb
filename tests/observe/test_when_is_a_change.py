"""Each edit is counted once: the table of docs/when-is-a-change.md, row by row, on real git.

Every row runs four times: with real hooks that look in the foreground, with hooks that look in the background, without
hooks and with a look after every git command, and with no look but the one at the end (and where the row itself says
"polled").
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lab.pages import cases
from lab.repo import DOCS, Repo, cleaned, describe, new_repo, on_disk
from lab.templates import copied

MODES = ("foreground", "background", "looking", "later")
HOOKED = ("foreground", "background")
LONG = {"looking": pytest.mark.long}


class Story:
    """A repository that is watched in one of the four ways."""

    def __init__(self, repo: Repo, mode: str) -> None:
        self.repo = repo
        self.mode = mode

    def __getattr__(self, name: str) -> object:
        return getattr(self.repo, name)

    def git(self, *args: str, check: bool = True, stdin: str | None = None) -> None:
        in_background = self.mode == "background"
        env = {"AGENTSYNC_FOREGROUND": "0"} if in_background else {}
        self.repo.git(*args, check=check, stdin=stdin, env=env)
        if in_background:
            self.repo.wait_for_notes()
        if self.mode == "looking":
            self.poll()

    def poll(self) -> None:
        self.repo.look("poller")

    def edit(self, line: int, text: str, path: str = "doc.md") -> None:
        """Change one line of a document."""
        lines = self.repo.read(path).splitlines(keepends=True)
        lines[line] = f"{text}\n"
        self.repo.write("".join(lines), path)

    def commit(self, line: int, text: str, path: str = "doc.md") -> None:
        """Change one line and commit."""
        self.edit(line, text, path)
        self.git("commit", "-q", "-m", text, "--", path)

    def other(self, name: str = "other") -> Story:
        """A linked worktree on a new branch."""
        linked = self.repo.worktree(name, "-b", name)
        story = Story(linked, self.mode)
        if self.mode == "looking":
            story.poll()
        return story


def begun(root: Path, hooked: bool) -> Repo:
    """Two commits before it is watched; the branch `old` is at the first."""
    repo = new_repo(root)
    repo.git("branch", "old")
    repo.commit("older\n" + repo.read(), message="second")
    repo.begin()
    if hooked:
        repo.hooks()
    return repo


def forge(story: Story, tmp_path: Path) -> Story:
    """Another clone of the same history, without agentsync, whose main is `origin` for the first."""
    root = tmp_path / "forge"
    story.repo.git("clone", "-q", ".", str(root))
    other = Story(Repo(root), "later")
    other.repo.time = story.repo.time + 5000
    other.poll = lambda: None  # type: ignore[method-assign]
    story.repo.git("remote", "add", "origin", str(root))
    story.repo.git("config", "branch.main.remote", "origin")
    story.repo.git("config", "branch.main.merge", "refs/heads/main")
    story.repo.time += 10_000
    return other


Row = Callable[[Story, Path], None]
ROWS: list[tuple[str, int, Row]] = []


def row(says: str, changes: int) -> Callable[[Row], Row]:
    """One row of the table, and how many changes the ledger has after it."""

    def add(play: Row) -> Row:
        ROWS.append((says, changes, play))
        return play

    return add


@row("edited and polled, then committed", 1)
def _(s: Story, _: Path) -> None:
    s.edit(1, "x")
    s.poll()
    s.git("commit", "-qam", "x")


@row("edited, polled, edited, polled, committed", 2)
def _(s: Story, _: Path) -> None:
    s.edit(1, "x")
    s.poll()
    s.edit(1, "y")
    s.poll()
    s.git("commit", "-qam", "x")


@row("partly staged, polled once, committed in two", 1)
def _(s: Story, _: Path) -> None:
    s.edit(1, "x")
    s.repo.git("add", "doc.md")
    s.edit(11, "y")
    s.poll()
    s.git("commit", "-qm", "x")
    s.poll()
    s.git("commit", "-qam", "y")


@row("edited, polled, staged, edited, polled, committed in two at once", 2)
def _(s: Story, _: Path) -> None:
    s.edit(1, "x")
    s.poll()
    s.repo.git("add", "doc.md")
    s.edit(11, "y")
    s.poll()
    s.repo.git("commit", "-qm", "x")
    s.git("commit", "-qam", "y")


@row("edited and polled twice, each committed to a branch of its own beside HEAD", 2)
def _(s: Story, _: Path) -> None:
    s.edit(1, "x")
    s.poll()
    s.edit(9, "y")
    s.poll()
    beside(s, "one", 1, "x")
    s.poll()
    beside(s, "two", 9, "y")


def with_line(s: Story, line: int, text: str) -> str:
    """The blob of HEAD's document with another line."""
    lines = s.repo.git("show", "HEAD:doc.md").splitlines(keepends=True)
    lines[line] = f"{text}\n"
    return s.repo.git("hash-object", "-w", "--stdin", stdin="".join(lines)).strip()


def beside(s: Story, branch: str, line: int, text: str) -> None:
    """Commit one line to a new branch, as tools do that keep HEAD and the files as they are."""
    index = {"GIT_INDEX_FILE": str(s.repo.root.parent / "index")}
    s.repo.git("read-tree", "HEAD", env=index)
    s.repo.git("update-index", "--cacheinfo", f"100644,{with_line(s, line, text)},doc.md", env=index)
    tree = s.repo.git("write-tree", env=index).strip()
    commit = s.repo.git("commit-tree", "-p", "HEAD", "-m", text, tree).strip()
    s.repo.git("update-ref", f"refs/heads/{branch}", commit)


@row("edited and polled, committed in three parts at once", 1)
def _(s: Story, _: Path) -> None:
    for line, text in ((1, "x"), (5, "y"), (9, "z")):
        s.edit(line, text)
    s.poll()
    for line, text in ((1, "x"), (5, "y"), (9, "z")):
        s.repo.git("update-index", "--cacheinfo", f"100644,{with_line(s, line, text)},doc.md")
        s.repo.git("commit", "-qm", text)


@row("a commit that touches no watched file", 0)
def _(s: Story, _: Path) -> None:
    before = s.repo.lines()
    s.repo.write("other\n", "code.py")
    s.git("commit", "-qam", "code")
    s.poll()
    assert s.repo.lines() == before


@row("switch between commits that are older than init", 0)
def _(s: Story, _: Path) -> None:
    s.git("switch", "-q", "old")
    s.poll()
    s.git("switch", "-q", "-")


@row("commit in worktree A, merged in B", 1)
def _(s: Story, _: Path) -> None:
    b = s.other()
    s.commit(1, "x")
    b.git("merge", "-q", "main")


@row("commit in worktree A, checked out in B", 1)
def _(s: Story, _: Path) -> None:
    b = s.other()
    s.commit(1, "x")
    b.git("checkout", "-q", "--detach", "main")


@row("two worktrees merge one branch of the forge with 2 commits", 2)
def _(s: Story, tmp: Path) -> None:
    f = forge(s, tmp)
    b = s.other()
    f.commit(1, "x")
    f.commit(2, "y")
    s.git("pull", "-q", "--ff-only")
    b.git("merge", "-q", "origin/main")


@row("pull ff of 2 commits made where no hook ran", 2)
def _(s: Story, tmp: Path) -> None:
    f = forge(s, tmp)
    f.commit(1, "x")
    f.commit(2, "y")
    s.git("pull", "-q", "--ff-only")


@row("pull with a merge: 1 own, 1 foreign", 2)
def _(s: Story, tmp: Path) -> None:
    f = forge(s, tmp)
    f.commit(1, "x")
    s.commit(9, "y")
    s.git("pull", "-q", "--no-rebase")


@row("pull --rebase of 2 own over 1 foreign in the same file", 3)
def _(s: Story, tmp: Path) -> None:
    f = forge(s, tmp)
    f.commit(1, "x")
    s.commit(7, "y")
    s.commit(9, "z")
    s.poll()
    s.git("pull", "-q", "--rebase")


@row("squash through the forge, then pull", 2)
def _(s: Story, tmp: Path) -> None:
    f = forge(s, tmp)
    s.git("switch", "-qc", "feature")
    s.commit(1, "x")
    s.commit(9, "y")
    s.poll()
    f.git("fetch", "-q", str(s.repo.root), "feature")
    f.git("merge", "-q", "--squash", "FETCH_HEAD")
    f.git("commit", "-qm", "squashed")
    s.git("switch", "-q", "main")
    s.git("pull", "-q", "--ff-only")


@row("squash through the forge after main had moved in that file, then pull (one more, documented)", 4)
def _(s: Story, tmp: Path) -> None:
    f = forge(s, tmp)
    s.git("switch", "-qc", "feature")
    s.commit(1, "x")
    s.commit(9, "y")
    s.poll()
    f.commit(5, "moved")
    f.git("fetch", "-q", str(s.repo.root), "feature")
    f.git("merge", "-q", "--squash", "FETCH_HEAD")
    f.git("commit", "-qm", "squashed")
    s.git("switch", "-q", "main")
    s.git("pull", "-q", "--ff-only")


@row("amend: message", 1)
def _(s: Story, _: Path) -> None:
    s.commit(1, "x")
    s.poll()
    s.git("commit", "-q", "--amend", "-m", "better")


@row("amend: content", 2)
def _(s: Story, _: Path) -> None:
    s.commit(1, "x")
    s.poll()
    s.edit(2, "y")
    s.git("commit", "-qa", "--amend", "-m", "better")


@row("rebase onto a branch that moved in the same file", 3)
def _(s: Story, _: Path) -> None:
    s.git("switch", "-qc", "feature")
    s.commit(1, "x")
    s.commit(5, "y")
    s.git("switch", "-q", "main")
    s.commit(9, "z")
    s.poll()
    s.git("rebase", "-q", "main", "feature")


@row("cherry-pick on the same base", 1)
def _(s: Story, _: Path) -> None:
    s.git("switch", "-qc", "feature")
    s.commit(1, "x")
    s.poll()
    s.git("switch", "-q", "main")
    s.git("cherry-pick", "feature")


@row("cherry-pick on another base", 2)
def _(s: Story, _: Path) -> None:
    s.git("switch", "-qc", "feature")
    s.commit(1, "x")
    s.git("switch", "-q", "main")
    s.commit(9, "y")
    s.poll()
    s.git("cherry-pick", "feature")


@row("reset --soft squash", 2)
def _(s: Story, _: Path) -> None:
    s.commit(1, "x")
    s.commit(2, "y")
    s.poll()
    s.git("reset", "-q", "--soft", "HEAD~2")
    s.git("commit", "-qm", "squashed")


@row("a commit undone by reset --soft, stashed and popped", 1)
def _(s: Story, _: Path) -> None:
    s.commit(1, "x")
    s.poll()
    s.git("reset", "-q", "--soft", "HEAD~1")
    s.git("stash", "-q")
    s.poll()
    s.git("stash", "pop", "-q")
    s.poll()
    s.git("commit", "-qam", "again")


@row("merge --squash, polled, then committed", 2)
def _(s: Story, _: Path) -> None:
    feature(s)
    s.git("merge", "-q", "--squash", "feature")
    s.poll()
    s.git("commit", "-qam", "squashed")


@row("cherry-pick -n, polled, then committed", 2)
def _(s: Story, _: Path) -> None:
    feature(s)
    s.git("cherry-pick", "-n", "feature~1", "feature")
    s.poll()
    s.git("commit", "-qam", "picked")


@row("a file taken from another branch, polled, then committed", 2)
def _(s: Story, _: Path) -> None:
    feature(s)
    s.git("checkout", "-q", "feature", "--", "doc.md")
    s.poll()
    s.git("commit", "-qam", "taken")


def feature(s: Story) -> None:
    """Two commits on a branch, and back."""
    s.git("switch", "-qc", "feature")
    s.commit(1, "x")
    s.commit(5, "y")
    s.poll()
    s.git("switch", "-q", "main")


@row("merge conflict resolved by hand with something new", 3)
def _(s: Story, _: Path) -> None:
    conflict(s)
    s.edit(1, "both")
    s.repo.write(cleaned(s.repo.read()), "doc.md")
    s.git("commit", "-qam", "merged")


@row("merge conflict resolved by taking one side", 2)
def _(s: Story, _: Path) -> None:
    conflict(s)
    s.git("checkout", "--ours", "doc.md")
    s.git("commit", "-qam", "merged")


def conflict(s: Story) -> None:
    """Two branches that changed the same line, and a merge that stopped."""
    s.git("switch", "-qc", "feature")
    s.commit(1, "x")
    s.git("switch", "-q", "main")
    s.commit(1, "y")
    s.git("merge", "-q", "feature", check=False)


@row("octopus of three", 3)
def _(s: Story, _: Path) -> None:
    for number, name in enumerate(("a", "b", "c")):
        s.git("switch", "-qc", name, "main")
        s.commit(4 * number, name)
    s.git("switch", "-q", "main")
    s.git("merge", "-q", "a", "b", "c")


@row("clean merge of neighbouring lines", 2)
def _(s: Story, _: Path) -> None:
    s.git("switch", "-qc", "feature")
    s.commit(3, "x")
    s.git("switch", "-q", "main")
    s.commit(5, "y")
    s.git("merge", "-q", "--no-ff", "feature")


@row("revert, and revert of the revert", 3)
def _(s: Story, _: Path) -> None:
    s.commit(1, "x")
    s.git("revert", "--no-edit", "HEAD")
    s.git("revert", "--no-edit", "HEAD")


@row("content returns to an earlier state by commits", 4)
def _(s: Story, _: Path) -> None:
    for text in ("x", "y", "x", "y"):
        s.commit(1, text)


@row("stash and pop, polled", 1)
def _(s: Story, _: Path) -> None:
    s.edit(1, "x")
    s.poll()
    s.git("stash", "-q")
    s.poll()
    s.git("stash", "pop", "-q")
    s.poll()
    s.git("commit", "-qam", "x")


@row("stash and pop, not polled", 1)
def _(s: Story, _: Path) -> None:
    s.edit(1, "x")
    s.git("stash", "-q")
    s.git("stash", "pop", "-q")
    s.git("commit", "-qam", "x")


@row("reset --hard and back", 1)
def _(s: Story, _: Path) -> None:
    s.commit(1, "x")
    s.poll()
    s.git("reset", "-q", "--hard", "HEAD~1")
    s.poll()
    s.git("reset", "-q", "--hard", "ORIG_HEAD")


@row("an uncommitted edit undone", 1)
def _(s: Story, _: Path) -> None:
    s.edit(1, "x")
    s.poll()
    s.git("checkout", "-q", "--", "doc.md")
    s.poll()


@row("local commit and a dirty polled edit, fetch, reset --hard to 2 new ones", 4)
def _(s: Story, tmp: Path) -> None:
    f = forge(s, tmp)
    f.commit(1, "x")
    f.commit(2, "y")
    s.commit(8, "own")
    s.edit(9, "dirty")
    s.poll()
    s.git("fetch", "-q", "origin")
    s.git("reset", "-q", "--hard", "origin/main")


@row("the same text typed in two worktrees", 2)
def _(s: Story, _: Path) -> None:
    b = s.other()
    s.poll()
    s.edit(1, "x")
    b.edit(1, "x")
    s.poll()
    s.git("commit", "-qam", "one")
    b.git("commit", "-qam", "two")


@row("two commits of one author in the same second", 2)
def _(s: Story, _: Path) -> None:
    s.commit(1, "x")
    s.repo.time -= 1
    s.commit(2, "y")


@row("conflict resolved by hand in a rebase", 2)
def _(s: Story, _: Path) -> None:
    s.git("switch", "-qc", "feature")
    s.commit(1, "x")
    s.git("switch", "-q", "main")
    s.commit(1, "y")
    s.poll()
    s.git("rebase", "-q", "main", "feature", check=False)
    s.repo.write(cleaned(s.repo.read()), "doc.md")
    s.git("add", "doc.md")
    s.git("-c", "core.editor=true", "rebase", "--continue")


@row("commit --fixup of an earlier one, and rebase --autosquash", 3)
def _(s: Story, _: Path) -> None:
    s.commit(1, "x")
    s.commit(5, "y")
    s.edit(9, "z")
    s.git("commit", "-qa", "--fixup", "HEAD~1")
    s.poll()
    s.git("-c", "sequence.editor=true", "rebase", "-q", "-i", "--autosquash", "HEAD~3")


@row("commits in another order by rebase -i", 2)
def _(s: Story, _: Path) -> None:
    s.commit(1, "x")
    s.commit(7, "y")
    s.poll()
    s.git("-c", "sequence.editor=sed -i '1{h;d};2{G}'", "rebase", "-q", "-i", "HEAD~2")


@row("a commit split in two by rebase -i", 1)
def _(s: Story, _: Path) -> None:
    s.edit(1, "x")
    s.edit(9, "y")
    s.git("commit", "-qam", "both")
    s.poll()
    s.repo.git("-c", "sequence.editor=sed -i s/^pick/edit/", "rebase", "-q", "-i", "HEAD~1")
    s.repo.git("reset", "-q", "HEAD~1")
    s.repo.git("update-index", "--cacheinfo", f"100644,{with_line(s, 1, 'x')},doc.md")
    s.repo.git("commit", "-qm", "one")
    s.repo.git("commit", "-qam", "two")
    s.git("rebase", "--continue")


@row("am of a foreign patch", 1)
def _(s: Story, tmp: Path) -> None:
    f = forge(s, tmp)
    f.commit(1, "x")
    patch = f.repo.git("format-patch", "--stdout", "-1")
    s.git("am", "-q", stdin=patch)


@row("rename of a watched file over another one: one deleted, one modified", 2)
def _(s: Story, _: Path) -> None:
    s.repo.git("mv", "-f", "doc.md", "docs/other.md")
    s.git("commit", "-qm", "renamed")


def another_project(s: Story) -> None:
    """Fetched: a history with another root, which has files of the same names and makes three commits of each."""
    other = Repo(s.repo.root.parent / "project")
    other.root.mkdir()
    other.git("init", "-q", ".")
    for text in ("a\n", "b\n", "c\n"):
        for path in ("doc.md", "new.md"):
            other.write(text, path)
        other.commit(message=text)
    s.repo.git("fetch", "-q", "../project", "main:refs/remotes/project/main")


def subtree(s: Story) -> None:
    """What `git subtree add` does: the other project's files go below a folder."""
    another_project(s)
    s.git("merge", "-q", "-s", "ours", "--no-commit", "--allow-unrelated-histories", "project/main")
    s.git("read-tree", "--prefix=lib/", "-u", "project/main")
    s.git("commit", "-qm", "add lib")


@row("another project fetched", 0)
def _(s: Story, _: Path) -> None:
    another_project(s)


@row("another project fetched into a branch, beside a commit here", 1)
def _(s: Story, _: Path) -> None:
    another_project(s)
    s.git("branch", "project", "project/main")
    s.commit(1, "x")


@row("another project added as a subtree, and pulled into it", 0)
def _(s: Story, _: Path) -> None:
    subtree(s)
    project = Repo(s.repo.root.parent / "project")
    project.time = s.repo.time
    project.commit("d\n")
    s.git("fetch", "-q", "../project", "main:refs/remotes/project/main")
    s.git("merge", "-q", "-Xsubtree=lib", "--no-edit", "project/main")


@row("another project added as a squashed subtree", 0)
def _(s: Story, _: Path) -> None:
    another_project(s)
    squashed = s.repo.git("commit-tree", "-m", "squashed", "project/main^{tree}").strip()
    s.git("update-ref", "refs/remotes/project/main", squashed)
    s.git("merge", "-q", "-s", "ours", "--no-commit", "--allow-unrelated-histories", "project/main")
    s.git("read-tree", "--prefix=lib/", "-u", "project/main")
    s.git("commit", "-qm", "add lib")


@row("a folder split off into a branch of its own", 0)
def _(s: Story, _: Path) -> None:
    s.repo.commit("not watched\n", "lib/doc.md")
    s.git("branch", "split", s.repo.git("commit-tree", "-m", "split", "HEAD:lib").strip())


@row("another project merged, with 3 commits of a document that was deleted here", 4)
def _(s: Story, _: Path) -> None:
    another_project(s)
    s.git("branch", "project", "project/main")
    s.repo.git("rm", "-q", "doc.md")
    s.git("commit", "-qm", "without")
    s.poll()
    s.git("merge", "-q", "--no-edit", "--allow-unrelated-histories", "project")


@row("a document on an orphan branch", 1)
def _(s: Story, _: Path) -> None:
    s.git("switch", "-q", "--orphan", "pages")
    s.repo.write("page\n", "doc.md")
    s.repo.git("add", "doc.md")
    s.git("commit", "-qm", "page")
    s.git("switch", "-q", "main")


@row("a change of mode only", 0)
def _(s: Story, _: Path) -> None:
    (s.repo.root / "doc.md").chmod(0o755)
    s.git("commit", "-qam", "mode")


# By hand in a rebase: only post-rewrite tells which commit replaces which, so without hooks it is one more.
ONE_MORE_WITHOUT_HOOKS = ("conflict resolved by hand in a rebase",)


@pytest.mark.parametrize("mode", [pytest.param(mode, marks=LONG.get(mode, ())) for mode in MODES])
@pytest.mark.parametrize(("says", "changes", "play"), ROWS, ids=[says for says, _, _ in ROWS])
def test_row(tmp_path: Path, says: str, changes: int, play: Row, mode: str) -> None:
    """What git carries about is counted where it was made, once."""
    repo = copied(tmp_path / "repo", begun, mode in HOOKED)
    play(Story(repo, mode), tmp_path)
    for _ in range(2):
        repo.look("poller")
        expected = changes + (mode not in HOOKED and says in ONE_MORE_WITHOUT_HOOKS)
        assert repo.count() == expected, describe(repo)
    known = repo.view().state.known
    for worktree, root in [("main", repo.root), *((p.name, p) for p in [repo.root.parent / "other"] if p.exists())]:
        for path in DOCS:
            assert known[worktree][path].blob == on_disk(root, path), (worktree, path)


def test_the_table_of_the_page_is_the_one_that_is_played() -> None:
    """Case by case, with its count."""
    assert cases("Cases") == [(says, str(changes)) for says, changes, _ in ROWS]
