"""Repositories where git does not see the reports, set up by the real `init`, and what must hold in them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest

from agentsync.base import git
from agentsync.base.settings import Report, Settings
from agentsync.report import region
from agentsync.report.outcome import CURRENT, Outcome
from agentsync.report.publish import Published, publish
from agentsync.setup import init
from lab.repo import QUIET, Repo, new_repo
from lab.templates import copied

PATH = "AGENT_SYNC.md"
HIDDEN = QUIET._replace(report=Report(language="en"))
TEXT = "# Shared notes\n\n" + "".join(f"line {n}\n" for n in range(12))
EMPTY: Mapping[str, str] = MappingProxyType({})
both = pytest.mark.parametrize("published", [False, True], ids=["unpublished", "published"])


class Lab(Repo):
    """A worktree with the filter set up; `path` is the report's file."""

    def __init__(self, root: Path, settings: Settings = HIDDEN) -> None:
        super().__init__(root, settings)
        self.path = settings.report.path

    @property
    def file(self) -> Path:
        """The report's file in the worktree."""
        return self.root / self.path

    def init(self, *, hooks: bool = False) -> None:
        """What `agentsync init` does, without its files being committed."""
        self.configure()
        initialise(self, hooks=hooks)

    def consolidate(self) -> Outcome:
        """Somebody commits an edit of another document and asks for a report of it."""
        other = "docs/other.md"
        self.write((self.read(other) if (self.root / other).exists() else "") + f"edit {self.time}\n", other)
        self.git("-c", "core.safecrlf=false", "add", "--", other)
        self.git("-c", "core.safecrlf=false", "commit", "-q", "--no-verify", "-m", "another document", "--", other)
        return next(iter(self.look(asked=True).reports.values()))

    def pay(self) -> Outcome:
        """What the next hook, command or poll does about reports that are owed."""
        return next(iter(self.look().reports.values()), CURRENT)

    def publish(self) -> Published:
        """What `agentsync publish` does."""
        clone = self.clone()
        assert clone.here
        return publish(clone, clone.here, self.view(), self.settings)

    def worktree(self, name: str, *args: str) -> Lab:
        """A linked worktree beside this one."""
        self.git("worktree", "add", "-q", *args, f"../{name}")
        other = Lab(self.root.parent / name, self.settings)
        other.time = self.time + 1000
        return other

    def here(self) -> git.Worktree:
        """The worktree as agentsync names it."""
        found = self.clone().here
        assert found
        return found

    def status(self) -> list[str]:
        """`git status`, a line each."""
        return self.git("status", "--porcelain").splitlines()

    def shows(self, path: str | None = None) -> str:
        """The id of the newest record that the file shows; "" where it has no region."""
        found = region.find((self.root / (path or self.path)).read_bytes())
        assert found is None or found.intact
        return found.id if found else ""

    def newest(self) -> str:
        """The id of the newest record in the ledger that a report shows."""
        return newest(self)

    def text(self) -> str:
        """The file as its authors wrote it."""
        return region.strip(self.file.read_bytes()).decode()

    def edit(self, old: str, new: str) -> None:
        """Somebody edits the report's file in place, outside of the region."""
        before, found, after = self.file.read_bytes().partition(old.encode())
        assert found, old
        self.file.write_bytes(before + new.encode() + after)

    def blob(self, revision: str = "HEAD", path: str | None = None) -> bytes:
        """The bytes that git has of the report's file; of the index for revision ""."""
        return blob(self, f"{revision}:{path or self.path}")

    def region_of(self, revision: str = "HEAD") -> str:
        """The id of the report that a commit carries; "" for none."""
        return shown(self.blob(revision)) or ""

    def text_of(self, revision: str = "HEAD") -> str:
        """The file in a commit as its authors wrote it."""
        return region.strip(self.blob(revision)).decode()


def initialise(repo: Repo, *, hooks: bool = False, local: bool = False, dry_run: bool = False) -> init.Plan:
    """What `agentsync init` does, in this process."""
    plan = init.plan_init(repo.clone(), init.Wish(hooks=hooks, local=local), python=sys.executable, environ={})
    if not dry_run:
        init.begin(repo.clone(), plan, now=float(repo.time))
    return plan


def hidden(repo: Repo, *, hooks: bool = False, **report: object) -> Repo:
    """Set a repository up, with these settings of `[report]`, and commit what `init` leaves to commit."""
    repo.settings = HIDDEN._replace(report=HIDDEN.report._replace(**report))  # type: ignore[arg-type]
    repo.configure()
    initialise(repo, hooks=hooks)
    repo.git("add", ".agentsync")
    repo.git("commit", "-q", "-m", "agentsync")
    return repo


def make(
    root: Path,
    settings: Settings = HIDDEN,
    *,
    content: bytes | None = None,
    init: Sequence[str] = (),
    files: Mapping[str, str] = EMPTY,
) -> Lab:
    """A repository with the report's file and the other documents committed, then `agentsync init`, committed, too.

    `init`: more arguments for `git init`. `files`: more files, by name.
    """
    root.mkdir(parents=True, exist_ok=True)
    lab = Lab(root, settings)
    lab.git("init", "-q", *init, ".")
    for name, text in files.items():
        lab.write(text, name)
    lab.file.parent.mkdir(parents=True, exist_ok=True)
    lab.file.write_bytes(TEXT.encode() if content is None else content)
    for path in ("doc.md", "docs/other.md", "code.py"):
        lab.write("".join(f"{path} line {n}\n" for n in range(12)), path)
    lab.init()
    lab.git("add", "-A")
    lab.git("commit", "-q", "-m", "first")
    return lab


def fresh(root: Path) -> Lab:
    """A copy of what `make` makes."""
    return copied(root, make)


def reporting(root: Path, *, published: bool = False, content: bytes | None = None) -> Lab:
    """A copy of one with a report in its file, see `consolidated`."""
    return copied(root, _reporting, published, content)


def _reporting(root: Path, published: bool, content: bytes | None) -> Lab:
    return consolidated(make(root, content=content), published=published)


def hidden_report(root: Path) -> Repo:
    """A copy of a repository with one consolidation, in the file and not in git; nothing else to commit."""
    return copied(root, _hidden_report)


def _hidden_report(root: Path) -> Repo:
    repo = hidden(new_repo(root))
    edited(repo)
    repo.commit()
    clean_tree(repo)
    return repo


def shown(content: str | bytes) -> str | None:
    """The id of the newest record in a region; None where there is no region."""
    found = region.find(content if isinstance(content, bytes) else content.encode())
    return found.id if found else None


def newest(repo: Repo) -> str:
    """The id of the newest record in the ledger that a report shows: a consolidation, overlaps, ..."""
    page = repo.view().state.page
    assert page
    return page.id


def blob(repo: Repo, name: str) -> bytes:
    """The bytes that git has under a name."""
    args = ["git", "cat-file", "blob", name]
    return subprocess.run(args, cwd=repo.root, check=True, capture_output=True).stdout


def in_commit(repo: Repo, commit: str = "HEAD", path: str = PATH) -> str:
    """The report's file as a commit has it."""
    return blob(repo, f"{commit}:{path}").decode()


def clean_tree(repo: Repo) -> None:
    """git sees no edit: neither `rebase` and the like, which look at stats, nor `status`, which looks at contents."""
    # First the one that only looks at stats: `status` notes new ones in the index.
    assert repo.git("--literal-pathspecs", "diff-files", "--name-only", "--", repo.settings.report.path) == ""
    assert repo.git("status", "--porcelain") == ""


def reported(lab: Lab) -> None:
    """The file shows the newest report."""
    assert lab.shows() == lab.newest()


def no_report_in(repo: Repo, revision: str = "HEAD") -> None:
    """The commit changes nothing in the report region: it carries its parent's, or none."""
    path = repo.settings.report.path
    assert shown(blob(repo, f"{revision}:{path}")) == shown(blob(repo, f"{revision}^:{path}"))


def edited(repo: Repo, text: str | None = None) -> str:
    """Somebody edits a document, and a report of it is written; the id of the newest record that it shows."""
    repo.write(text or f"edit {repo.time}\n", "docs/other.md")
    assert repo.look(asked=True).seen.consolidation
    return newest(repo)


def consolidated(lab: Lab, *, published: bool = False) -> Lab:
    """A report stands in the file, and git does not see it; `published`: an older one is in the commits."""
    lab.consolidate()
    if published:
        assert lab.publish().commit
        lab.consolidate()
    reported(lab)
    clean_tree(lab)
    return lab
