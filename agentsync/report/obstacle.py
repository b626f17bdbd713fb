"""Why a report is not written into a worktree now: asked before each writing, and by whoever tells people about it."""

import os

from agentsync.base import files, git
from agentsync.base.settings import Settings
from agentsync.report import git_index, region
from agentsync.report.attributes import is_installed

SPARSE = "is left out by a sparse checkout"
ASSUMED = "is assumed to be unchanged (git update-index)"
LOCKED = "another git command holds index.lock"
NOT_INSTALLED = "the filter that keeps reports from git is not installed; `agentsync init` does that"
_TAGS = {"S": SPARSE, "h": ASSUMED}


def why_not_written(worktree: git.Worktree, settings: Settings) -> str:
    """Why a report that is owed in the worktree one is in is still owed; "": the next hook, command or poll writes it.

    Changes nothing. Of other worktrees less can be seen from outside: ask `in_progress`.
    """
    path = settings.report.path
    if why := of_report(worktree, settings):
        return why
    try:
        content = files.read_document(worktree.root, path)
    except files.UnreadableError as error:
        return f"{path}: {error}"
    return missing(path) if content is None else of_text(path, content) or of_writer(worktree, path)


def of_report(worktree: git.Worktree, settings: Settings, ending: tuple[str, ...] = ()) -> str:
    """What git is doing, or does not allow; "" if nothing is in the way.

    `ending`: the operations whose last hook is running.
    """
    if os.path.islink(f"{worktree.root}/{files.OWN}"):
        return f"{files.OWN} is a symbolic link"
    if why := in_progress(worktree, ending):
        return why
    if os.environ.get("PRE_COMMIT") == "1":
        return "pre-commit is running"
    path = settings.report.path
    if settings.report.commit != "agentsync":
        return of_merge(git_index.find(worktree, path), path)
    return of_index(worktree, path) if is_installed(worktree.root) else NOT_INSTALLED


def in_progress(worktree: git.Worktree, ending: tuple[str, ...] = ()) -> str:
    """The operation that git has begun in the worktree and not ended."""
    operation = git.operation(worktree.git_dir, ending)
    return f"a {operation.name} is in progress" if operation else ""


def of_index(worktree: git.Worktree, path: str) -> str:
    """Why the path's entry in the index must not be touched now; "" if it may be, or there is none."""
    entry = git_index.find(worktree, path)
    if why := of_merge(entry, path):
        return why
    git_index.clear(worktree)
    if os.path.lexists(f"{worktree.git_dir}/index.lock"):
        return LOCKED
    return "" if entry is None or entry.tag == "H" else f"{path} {_TAGS.get(entry.tag, 'is marked in the index')}"


def of_merge(entry: git_index.Entry | None, path: str) -> str:
    """Whether the path has several versions in the index."""
    return "" if entry is None or entry.merged else f"{path} is unmerged"


def missing(path: str) -> str:
    """There is no file: only who asks for a report makes one."""
    return f"{path} is missing; `agentsync consolidate` makes it"


def of_text(path: str, content: bytes) -> str:
    """What in the file's own text keeps a report out of it."""
    if not region.is_text(content):
        return f"{path} is not UTF-8 text"
    try:
        region.find(content)
    except region.BrokenRegionError as error:
        return f"{path}: {error}"
    return ""


def of_writer(worktree: git.Worktree, path: str) -> str:
    """Whether another program is writing the file."""
    return f"{path} is open for writing in another program" if files.is_open_for_writing(worktree.root, path) else ""
