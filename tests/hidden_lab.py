"""Repositories where git does not see the reports, set up by the real `init`, and what must hold in them."""

from __future__ import annotations

import sys

from conftest import QUIET, Repo

from agentsync import config, region, setup
from agentsync.lean import replace
from agentsync.settings import Report

PATH = "AGENT_SYNC.md"
HIDDEN = replace(QUIET, report=Report(language="en"))


def hidden(repo: Repo, *, hooks: bool = False, **report: object) -> Repo:
    """Set the repository up, with these settings of `[report]`, and commit what `init` leaves to commit."""
    repo.settings = replace(HIDDEN, report=replace(HIDDEN.report, **report))
    repo.write(config.default_text(repo.settings), ".agentsync/config.toml")
    initialise(repo, hooks=hooks)
    repo.git("add", ".agentsync")
    repo.git("commit", "-q", "-m", "agentsync")
    return repo


def initialise(repo: Repo, *, hooks: bool = False, local: bool = False, dry_run: bool = False) -> setup.Done:
    """What `agentsync init` does, in this process."""
    wish = setup.Wish(hooks=hooks, local=local, dry_run=dry_run)
    return setup.init(repo.clone(), wish, python=sys.executable, environ={}, now=float(repo.time))


def consolidated(repo: Repo, text: str | None = None) -> str:
    """Somebody edits a document, and a report of it is written; the consolidation's id."""
    repo.write(text or f"edit {repo.time}\n", "docs/other.md")
    made = repo.look(asked=True).seen.consolidation
    assert made
    return made.id


def shown(content: str | bytes) -> str | None:
    """The id of the newest consolidation in a region; None where there is no region."""
    found = region.find(content if isinstance(content, bytes) else content.encode())
    return found.id if found else None


def in_commit(repo: Repo, commit: str = "HEAD", path: str = PATH) -> str:
    """The report's file as a commit has it."""
    return repo.git("show", f"{commit}:{path}")


def clean_tree(repo: Repo) -> None:
    """`git status` has nothing to say, and asks nobody twice."""
    assert repo.git("status", "--porcelain") == ""


def no_report_in(repo: Repo, commit: str = "HEAD", path: str = PATH) -> None:
    """A commit has the file without a region."""
    assert shown(in_commit(repo, commit, path)) is None
