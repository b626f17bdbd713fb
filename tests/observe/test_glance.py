"""A glance tells by stat alone what the next look may find."""

from __future__ import annotations

import pytest
from lab.repo import QUIET, Repo

from agentsync.base.settings import Watch
from agentsync.observe.glance import Glance, Looks, glance


@pytest.fixture
def seen(repo: Repo) -> Repo:
    """A clone in which watching has begun."""
    repo.begin()
    return repo


def at(repo: Repo) -> Glance:
    """A glance at the worktree of a repository."""
    clone = repo.clone()
    assert clone.here
    return glance(clone.here, clone, repo.settings, repo.view().state, Looks(clone.store))


def settled(repo: Repo) -> Glance:
    """The same after a look at what has come to rest: times younger than that prove nothing."""
    found = at(repo)
    while found != Glance():
        repo.look()
        found = at(repo)
    return found


def test_where_nothing_was_written_nothing_differs(seen: Repo) -> None:
    assert settled(seen) == Glance()


def test_each_document_that_is_not_as_known_is_told(seen: Repo) -> None:
    settled(seen)
    seen.write("edited\n")
    (seen.root / "docs/other.md").unlink()
    assert at(seen) == Glance({"doc.md": "modified", "docs/other.md": "deleted"})
    seen.look()
    seen.write("again\n", "docs/other.md")
    assert at(seen).edited["docs/other.md"] == "created"


def test_a_document_that_never_was_is_missing(seen: Repo) -> None:
    seen.settings = QUIET._replace(watch=(*QUIET.watch, Watch("ROADMAP.md", "docs")))
    assert at(seen).moved  # it has no baseline yet
    seen.look()
    assert at(seen).missing == ("ROADMAP.md",)


def test_what_cannot_be_looked_into_is_a_problem_and_no_edit(seen: Repo) -> None:
    settled(seen)
    (seen.root / "doc.md").unlink()
    (seen.root / "doc.md").symlink_to("/etc/passwd")
    assert at(seen) == Glance(problems={"doc.md": "a symbolic link"})


def test_a_commit_moves_head(seen: Repo) -> None:
    settled(seen)
    seen.commit("edited\n", "code.py")
    assert at(seen) == Glance(moved=True)


def test_a_new_document_of_a_glob_moves_its_folder(repo: Repo) -> None:
    repo.settings = QUIET._replace(watch=(Watch("docs/*.md", "docs"),))
    repo.begin()
    assert settled(repo) == Glance()
    repo.write("new\n", "docs/new.md")
    assert at(repo) == Glance(moved=True)
