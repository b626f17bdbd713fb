"""What was there when watching began is nobody's edit, wherever git carries it: row by row, on real git.

Each row runs with hooks, and without them with one look at the end; and so with the history taken in.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lab.pages import cases
from lab.repo import Repo, cleaned, describe

from agentsync.base import git
from agentsync.observe import history, past
from agentsync.observe.request import Request

Play = Callable[[Repo], None]
Row = tuple[str, int, Play, Play]
ROWS: list[Row] = []


def row(says: str, changes: int, before: Play = lambda _: None) -> Callable[[Play], Play]:
    """One row of the table: what is done before watching begins, what after it, and how many changes come of it."""

    def add(after: Play) -> Play:
        ROWS.append((says, changes, before, after))
        return after

    return add


def edit(repo: Repo, line: int, text: str, path: str = "doc.md") -> None:
    """Change one line of a document."""
    lines = repo.read(path).splitlines(keepends=True)
    lines[line] = f"{text}\n"
    repo.write("".join(lines), path)


def commit(repo: Repo, line: int, text: str, path: str = "doc.md") -> None:
    """Change one line and commit."""
    edit(repo, line, text, path)
    repo.git("commit", "-q", "-m", text, "--", path)


def two_commits(repo: Repo) -> None:
    """On main."""
    commit(repo, 1, "x")
    commit(repo, 5, "y")


def a_tag(repo: Repo) -> None:
    """A tag on what no branch has."""
    feature(repo)
    repo.git("tag", "v1", "feature")
    repo.git("branch", "-D", "feature")


def diverged(repo: Repo) -> None:
    """A branch and main have changed the same line."""
    feature(repo)
    commit(repo, 1, "z")


def feature(repo: Repo) -> None:
    """A branch with two commits, and back on main."""
    repo.git("switch", "-qc", "feature")
    commit(repo, 1, "x")
    commit(repo, 5, "y")
    repo.git("switch", "-q", "main")


def feature_and_main(repo: Repo) -> None:
    """The same, and main has moved in the same file."""
    feature(repo)
    commit(repo, 9, "z")


@row("amend: message", 0)
def _(r: Repo) -> None:
    r.git("commit", "-q", "--amend", "-m", "better")


@row("amend: --reset-author", 0)
def _(r: Repo) -> None:
    r.git("commit", "-q", "--amend", "--reset-author", "--no-edit")


@row("amend: content of one document", 1)
def _(r: Repo) -> None:
    edit(r, 2, "more")
    r.git("commit", "-qa", "--amend", "--no-edit")


@row("amend: twice", 0)
def _(r: Repo) -> None:
    r.git("commit", "-q", "--amend", "-m", "better")
    r.git("commit", "-q", "--amend", "-m", "best")


@row("rebase onto a branch that has moved in the same file", 0, feature_and_main)
def _(r: Repo) -> None:
    r.git("rebase", "-q", "main", "feature")


@row("rebase onto a commit made since", 1, feature)
def _(r: Repo) -> None:
    commit(r, 9, "z")
    r.git("rebase", "-q", "main", "feature")


@row("rebase --onto", 0, feature_and_main)
def _(r: Repo) -> None:
    r.git("rebase", "-q", "--onto", "main", "feature~1", "feature")


@row("rebase -i with a reword", 0, feature)
def _(r: Repo) -> None:
    editor = {"GIT_SEQUENCE_EDITOR": "sed -i s/^pick/reword/", "GIT_EDITOR": "sed -i s/^/new-/"}
    r.git("rebase", "-q", "-i", "feature~2", "feature", env=editor)


@row("rebase -i with a squash", 0, feature)
def _(r: Repo) -> None:
    r.git("rebase", "-q", "-i", "feature~2", "feature", env={"GIT_SEQUENCE_EDITOR": "sed -i 2s/^pick/squash/"})


@row("rebase -i with an edit of the content", 1, feature)
def _(r: Repo) -> None:
    r.git("rebase", "-q", "-i", "feature~2", "feature", env={"GIT_SEQUENCE_EDITOR": "sed -i 1s/^pick/edit/"})
    edit(r, 10, "more")
    r.git("commit", "-qa", "--amend", "--no-edit")
    r.git("rebase", "--continue")


@row("rebase -r with a merge", 0, feature_and_main)
def _(r: Repo) -> None:
    r.git("switch", "-q", "feature")
    r.git("merge", "-q", "--no-ff", "--no-edit", "main")
    r.git("rebase", "-q", "-r", "--force-rebase", "--reset-author-date", "HEAD~3")


@row("cherry-pick on another base", 0, feature_and_main)
def _(r: Repo) -> None:
    r.git("cherry-pick", "feature~1", "feature")


@row("cherry-pick on the same base", 0, feature)
def _(r: Repo) -> None:
    r.git("cherry-pick", "feature~1")


@row("merge --squash", 0, feature)
def _(r: Repo) -> None:
    r.git("merge", "-q", "--squash", "feature")
    r.git("commit", "-qm", "squashed")


@row("merge --squash, polled, then committed", 0, feature)
def _(r: Repo) -> None:
    r.git("merge", "-q", "--squash", "feature")
    r.look("poller")
    r.git("commit", "-qm", "squashed")


@row("merge --squash of a branch that goes on", 1, feature)
def _(r: Repo) -> None:
    r.git("switch", "-q", "feature")
    commit(r, 7, "since")
    r.git("switch", "-q", "main")
    r.git("merge", "-q", "--squash", "feature")
    r.git("commit", "-qm", "squashed")


@row("reset --soft squash", 0, two_commits)
def _(r: Repo) -> None:
    r.git("reset", "-q", "--soft", "HEAD~2")
    r.git("commit", "-qm", "squashed")


@row("a file taken from a branch, polled, then committed", 0, feature)
def _(r: Repo) -> None:
    r.git("checkout", "-q", "feature", "--", "doc.md")
    r.look("poller")
    r.git("commit", "-qam", "taken")


@row("revert of an old commit", 1, lambda r: commit(r, 1, "x"))
def _(r: Repo) -> None:
    r.git("revert", "--no-edit", "HEAD")


@row("revert of an old commit, and of the revert", 2, lambda r: commit(r, 1, "x"))
def _(r: Repo) -> None:
    r.git("revert", "--no-edit", "HEAD")
    r.git("revert", "--no-edit", "HEAD")


@row("an older content taken out of the history, then committed", 1, lambda r: commit(r, 1, "x"))
def _(r: Repo) -> None:
    r.git("checkout", "-q", "HEAD~1", "--", "doc.md")
    r.git("commit", "-qam", "older")


@row("filter-branch: all messages", 0, feature_and_main)
def _(r: Repo) -> None:
    r.git("filter-branch", "--msg-filter", "sed s/^/new-/", "--", "--all", env={"FILTER_BRANCH_SQUELCH_WARNING": "1"})


@row("filter-branch: a file taken out of all commits", 0, feature_and_main)
def _(r: Repo) -> None:
    remove = "git rm -q --cached --ignore-unmatch code.py"
    r.git("filter-branch", "--index-filter", remove, "--", "--all", env={"FILTER_BRANCH_SQUELCH_WARNING": "1"})


@row("all of history rewritten, the old one gone, the cache lost", 0, feature_and_main)
def _(r: Repo) -> None:
    r.git("filter-branch", "--msg-filter", "sed s/^/new-/", "--", "--all", env={"FILTER_BRANCH_SQUELCH_WARNING": "1"})
    forget(r)
    (Path(r.clone().store) / "cache.sqlite").unlink()


def forget(repo: Repo) -> None:
    """git keeps nothing that no branch leads to."""
    for ref in repo.git("for-each-ref", "--format=%(refname)", "refs/original").split():
        repo.git("update-ref", "-d", ref)
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "-q", "--prune=now")


@row("amend, the old commit gone, the cache lost", 0)
def _(r: Repo) -> None:
    r.git("commit", "-q", "--amend", "-m", "better")
    r.look("poller")
    forget(r)
    (Path(r.clone().store) / "cache.sqlite").unlink()


@row("history begun anew: an orphan branch with the same files", 0, feature_and_main)
def _(r: Repo) -> None:
    r.git("checkout", "-q", "--orphan", "clean")
    r.git("commit", "-qm", "all in one")
    r.git("branch", "-D", "main")


@row("format-patch of an old commit, am on another branch", 0, feature_and_main)
def _(r: Repo) -> None:
    r.git("am", "-q", stdin=r.git("format-patch", "--stdout", "-2", "feature"))


def stash(repo: Repo) -> None:
    """Two stashes."""
    for text in ("x", "y"):
        edit(repo, 1, text)
        repo.git("stash", "-q")


@row("a stash popped, polled, then committed", 0, stash)
def _(r: Repo) -> None:
    r.git("stash", "pop", "-q", "stash@{1}")
    r.look("poller")
    r.git("commit", "-qam", "stashed")


@row("a stash popped, then committed", 0, stash)
def _(r: Repo) -> None:
    r.git("stash", "pop", "-q")
    r.git("commit", "-qam", "stashed")


def staged(repo: Repo) -> None:
    """One content in the index, another in the file."""
    edit(repo, 1, "x")
    repo.git("add", "doc.md")
    edit(repo, 1, "y")


@row("what was staged is committed, then what was in the file", 0, staged)
def _(r: Repo) -> None:
    r.git("commit", "-qm", "staged")
    r.look("poller")
    r.git("commit", "-qam", "the rest")


@row("what was in the file is committed with the last commit, amended", 0, staged)
def _(r: Repo) -> None:
    r.git("commit", "-qa", "--amend", "--no-edit")


@row("a merge of a branch, and a merge that conflicts, resolved by taking one side", 0, diverged)
def _(r: Repo) -> None:
    r.git("merge", "-q", "feature~1", check=False)
    r.git("checkout", "-q", "--ours", "doc.md")
    r.git("commit", "-qam", "ours")
    r.git("merge", "-q", "--no-edit", "feature")


@row("a commit dropped by rebase -i, and a worktree on an old one", 0, two_commits)
def _(r: Repo) -> None:
    r.git("-c", "sequence.editor=sed -i 1d", "rebase", "-q", "-i", "HEAD~2")
    r.git("worktree", "add", "-q", "--detach", "../old", "HEAD~1")


def remote(repo: Repo) -> None:
    """A branch that only the remote has, fetched."""
    feature(repo)
    repo.git("clone", "-q", ".", "../forge")
    forge = Repo(repo.root.parent / "forge")
    forge.time = repo.time
    forge.git("branch", "feature", "origin/feature")
    repo.git("remote", "add", "origin", "../forge")
    repo.git("branch", "-D", "feature")
    repo.git("fetch", "-q", "origin", "feature")
    forge.git("switch", "-qc", "never-fetched")
    commit(forge, 3, "there")


@row("a remote's branch fetched before, checked out", 0, remote)
def _(r: Repo) -> None:
    r.git("switch", "-q", "feature")


@row("a remote's branch fetched before, merged", 0, remote)
def _(r: Repo) -> None:
    r.git("merge", "-q", "--no-ff", "--no-edit", "origin/feature")


@row("a remote's branch fetched only now, checked out: news to this clone", 1, remote)
def _(r: Repo) -> None:
    r.git("fetch", "-q", "origin", "never-fetched")
    r.git("switch", "-q", "never-fetched")


@row("a tag checked out that no branch has", 0, a_tag)
def _(r: Repo) -> None:
    r.git("switch", "-q", "--detach", "v1")


@row("a conflict resolved by hand in a rebase", 0, diverged)
def _(r: Repo) -> None:
    r.git("rebase", "-q", "main", "feature", check=False)
    r.write(cleaned(r.read()), "doc.md")
    r.git("add", "doc.md")
    r.git("-c", "core.editor=true", "rebase", "--continue")


# Only post-rewrite tells which commit replaces which, so without hooks it is one more.
ONE_MORE_WITHOUT_HOOKS = ("a conflict resolved by hand in a rebase",)


# Where the pairs of post-rewrite decide, and a row of each kind with the history taken in; `make test-long` has all.
PAIRED = (*ONE_MORE_WITHOUT_HOOKS, "amend: content of one document", "rebase -i with an edit of the content")
OF_EACH_KIND = ("amend: message", "cherry-pick on another base", "merge --squash", "revert of an old commit")
USUAL = {"hooks": PAIRED, "later": tuple(row[0] for row in ROWS), "taken in": OF_EACH_KIND}
CASES = [
    pytest.param(row, way, id=f"{row[0]}-{way}", marks=[] if row[0] in usual else [pytest.mark.long])
    for row in ROWS
    for way, usual in USUAL.items()
]


@pytest.mark.parametrize(("row", "way"), CASES)
def test_row(repo: Repo, row: Row, way: str) -> None:
    """Nobody has edited what git carries about."""
    says, changes, before, after = row
    hooked = way == "hooks"
    before(repo)
    repo.begin()
    if way == "taken in":
        request = Request(repo.clone(), repo.settings, "import", git.worktrees(repo.clone()), float(repo.time))
        past.take_in(request, None)
    if hooked:
        repo.hooks()
    after(repo)
    for _ in range(2):
        repo.look("poller")
        assert repo.count() == changes + (not hooked and says in ONE_MORE_WITHOUT_HOOKS), describe(repo)
    (Path(repo.clone().store) / "cache.sqlite").unlink()
    repo.look("poller")
    assert repo.count() == changes + (not hooked and says in ONE_MORE_WITHOUT_HOOKS), describe(repo)


def test_the_table_of_the_page_is_the_one_that_is_played() -> None:
    """Case by case, with its count."""
    assert cases("What was there before") == [(says, str(changes)) for says, changes, *_ in ROWS]


def test_a_baseline_has_the_newest_of_many_remotes_branches(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """git reads each tip in every walk; stashes and this clone's own branches are always there."""
    monkeypatch.setattr(history, "BESIDE", 3)
    stash(repo)
    made = []
    for number in range(3):
        repo.git("switch", "-q", "-C", "side", "main")
        commit(repo, 3, str(number))
        repo.git("update-ref", f"refs/remotes/origin/{number}", "HEAD")
        made.append(repo.head())
    repo.git("switch", "-q", "main")
    repo.git("branch", "-D", "side")
    stashes = repo.git("log", "-g", "--format=%H", "refs/stash").split()
    repo.begin()
    assert set(repo.view().state.tips) == {repo.head(), *stashes, made[-1]}
