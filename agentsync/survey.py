"""What lies around the ledger now, without starting git where that can be helped: status is asked all the time."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable

from agentsync.base import files, git
from agentsync.base.settings import Settings
from agentsync.ledger import notes, watermark
from agentsync.ledger.events import to_rfc3339
from agentsync.ledger.log import Ledger
from agentsync.ledger.state import State
from agentsync.report import paid
from agentsync.status import Paused, Survey, names

Why = Callable[[git.Worktree, git.Worktree | None, Settings], str]

WATCH_LOCK = "watch.lock"  # in the store; the poller holds it


def why_owed(worktree: git.Worktree, here: git.Worktree | None, settings: Settings) -> str:
    """The reason that a person can do something about; of other worktrees only what is seen from outside."""
    from agentsync.report import obstacle  # late: a report is hardly ever owed

    return obstacle.why_not_written(worktree, settings) if worktree == here else obstacle.in_progress(worktree)


def survey(
    clone: git.Clone, state: State, settings: Settings, problem: str | None = None, why: Why = why_owed
) -> Survey:
    """Look around; `problem` is what is wrong with the configuration, and the settings those in force.

    `why`: asked for the reason of each report that is owed; it may start git.
    """
    here, every = clone.here, git.worktrees(clone)
    missing, gone, unreadable = _documents(here, state, settings)
    return Survey(
        settings=settings,
        worktree=here.name if here else None,
        branch=git.branch_of(here.git_dir) if here else None,
        running=is_held(f"{clone.store}/{WATCH_LOCK}"),
        paused=tuple(_paused(every)),
        waiting=notes.waiting(clone, every, time.time()).observations,
        owed={one.name: why(one, here, settings) for one in every if paid.is_owed(one, state, settings)},
        missing=tuple(missing),
        gone=tuple(gone),
        unreadable=unreadable,
        config_problem=problem,
        notices=tuple(map(watermark.explain, watermark.notices(Ledger(clone.store)))),
    )


def is_held(path: str) -> bool:
    """Whether a process holds the OS lock of a file. A shared lock is tried, so that two who ask do not meet."""
    import fcntl

    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(fd)


def _paused(worktrees: list[git.Worktree]) -> list[Paused]:
    going_on = ((one.name, git.operation(one.git_dir)) for one in worktrees)
    return [Paused(name, found.name, to_rfc3339(found.since)) for name, found in going_on if found]


def _documents(
    here: git.Worktree | None, state: State, settings: Settings
) -> tuple[list[str], list[str], dict[str, str]]:
    """Of the documents that are configured by name: the missing, the gone, and the unreadable with the reason."""
    missing: list[str] = []
    gone: list[str] = []
    unreadable: dict[str, str] = {}
    if here is None:
        return missing, gone, unreadable
    known = state.known.get(here.name, {})
    for path in names(settings):
        why = _look_at(here.root, path)
        if why is None:
            continue
        if why:
            unreadable[path] = why
        else:
            (gone if path in known and known[path].blob else missing).append(path)
    if gone:
        gone = _without_sparse(here, gone)
    return missing, gone, unreadable


def _look_at(root: str, path: str) -> str | None:
    """None for a document; "" if nothing is there; else why it is not looked into."""
    folder = root
    for part in path.split("/")[:-1]:
        folder = f"{folder}/{part}"
        if os.path.islink(folder):
            return "behind a symbolic link"
    try:
        found = os.lstat(f"{root}/{path}")
    except OSError as error:
        return "" if error.errno in (errno.ENOENT, errno.ENOTDIR) else os.strerror(error.errno or 0)
    if stat.S_ISLNK(found.st_mode):
        return "a symbolic link"
    if not stat.S_ISREG(found.st_mode):
        return "a directory" if stat.S_ISDIR(found.st_mode) else "not a regular file"
    if found.st_size > files.MAX_DOCUMENT:
        return f"larger than {files.MAX_DOCUMENT >> 20} MiB"
    return None if os.access(f"{root}/{path}", os.R_OK) else os.strerror(errno.EACCES)


def _without_sparse(here: git.Worktree, paths: list[str]) -> list[str]:
    """Without those that a sparse checkout leaves out: these are not deleted."""
    if not os.path.exists(f"{here.git_dir}/info/sparse-checkout"):
        return paths
    out = git.run(["--literal-pathspecs", "ls-files", "-t", "-z", "--", *paths], cwd=here.root)
    left_out = {entry[2:] for entry in out.decode("utf-8", "surrogateescape").split("\0") if entry.startswith("S ")}
    return [path for path in paths if path not in left_out]
