"""git's plumbing as a child process, and where a repository and its worktrees lie: all of git that a hook needs.

`subprocess` costs 20 ms to import, so `run` starts git by `posix_spawn`. Whatever git exported to the hook (GIT_DIR,
GIT_INDEX_FILE, ...) is cleaned away: a `git -C other` would otherwise hit the wrong repository.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agentsync.base.errors import AgentsyncError, NotARepositoryError

TIMEOUT = 30.0  # seconds that one git process may take; nobody waits for ever because of us
_SIGKILL, _SIGPIPE = 9, 13  # `signal` is an import too
_PIPE = 1 << 14  # bytes that every system's empty pipe takes at once

# `git rev-parse --local-env-vars`, and what makes git ask, page, trace into our output or fetch behind the user's back.
_LOCAL = frozenset(
    "GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_CONFIG GIT_CONFIG_COUNT GIT_OBJECT_DIRECTORY GIT_DIR GIT_WORK_TREE "
    "GIT_IMPLICIT_WORK_TREE GIT_GRAFT_FILE GIT_INDEX_FILE GIT_NO_REPLACE_OBJECTS GIT_REPLACE_REF_BASE GIT_PREFIX "
    "GIT_SHALLOW_FILE GIT_COMMON_DIR GIT_INTERNAL_SUPER_PREFIX GIT_QUARANTINE_PATH GIT_LITERAL_PATHSPECS "
    "GIT_GLOB_PATHSPECS GIT_NOGLOB_PATHSPECS GIT_ICASE_PATHSPECS GIT_EXTERNAL_DIFF GIT_DIFF_OPTS".split()
)
_FIXED = {
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_FLUSH": "0",
    "LC_ALL": "C",
    "AGENTSYNC": "0",  # a git that runs hooks on our behalf would call us again
}


class GitError(AgentsyncError):
    """git could not do what it was asked. `status` is its exit status (negative: killed by that signal)."""

    def __init__(self, args: Iterable[str], status: int, stderr: bytes) -> None:
        said = stderr.decode(errors="replace").strip()
        super().__init__(f"git {' '.join(args)} failed", cause=said or f"exit status {status}")
        self.status = status


def run(
    args: list[str], *, cwd: str, stdin: bytes = b"", env: dict[str, str] | None = None, timeout: float | None = None
) -> bytes:
    """What `git ARGS` prints when started in `cwd`. Raises GitError on any status but 0 and after `timeout` seconds."""
    environment = {**_environment(), **(env or {})}
    status, out, err = _spawn(["git", "-C", cwd, "--no-replace-objects", *args], stdin, environment, timeout)
    if status:
        raise GitError(args, status, err)
    return out


def answer(args: list[str], *, cwd: str, stdin: bytes = b"") -> tuple[int, bytes]:
    """Exit status and output of a git whose status is its answer (merge-base, merge-file, config)."""
    status, out, _ = _spawn(["git", "-C", cwd, "--no-replace-objects", *args], stdin, _environment())
    return status, out


def store_blob(data: bytes, *, cwd: str) -> str:
    """Put these bytes, as they are, into git's store; their id. Raises GitError."""
    return run(["hash-object", "-w", "--no-filters", "--stdin"], cwd=cwd, stdin=data).decode().strip()


def blob(name: str, *, cwd: str) -> bytes:
    """The bytes of a blob, by whatever name git knows it; nothing where there is none."""
    status, out = answer(["cat-file", "blob", name], cwd=cwd)
    return b"" if status else out


def as_called(args: list[str], *, timeout: float) -> bytes | None:
    """What `git ARGS` prints for the git that called us: in its repository, with its index. None if it could not."""
    env = {**os.environ, **_FIXED}
    status, out, _ = _spawn(["git", "--no-replace-objects", "--literal-pathspecs", *args], b"", env, timeout)
    return None if status else out


def without_local(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment without what ties git to the repository that somebody's hook runs in."""
    return {name: value for name, value in environ.items() if name not in _LOCAL}


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in _LOCAL and not k.startswith(("GIT_TRACE", "GIT_CONFIG_"))}
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"):
        if name in os.environ:
            kept[name] = os.environ[name]
    return {**kept, **_FIXED}


def _spawn(
    argv: list[str], stdin: bytes, env: dict[str, str], timeout: float | None = None
) -> tuple[int, bytes, bytes]:
    feed = _readable(stdin)
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    try:
        actions = [(os.POSIX_SPAWN_DUP2, fd, to) for to, fd in enumerate((feed, out_write, err_write))]
        try:
            pid = os.posix_spawnp(argv[0], argv, env, file_actions=actions, setsigdef=[_SIGPIPE])
        finally:
            for fd in (feed, out_write, err_write):
                os.close(fd)
        out, err = _drain(pid, (out_read, err_read), TIMEOUT if timeout is None else timeout)
    except FileNotFoundError:
        raise AgentsyncError("git is not on the PATH", hint="install git 2.31 or newer") from None
    finally:
        os.close(out_read)
        os.close(err_read)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), out, err


def _readable(data: bytes) -> int:
    """A descriptor from which the child reads `data`."""
    if len(data) <= _PIPE:
        read, write = os.pipe()
        os.write(write, data)
        os.close(write)
        return read
    import tempfile  # late: only long lists of commits come here

    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        fd = os.dup(file.fileno())
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _drain(pid: int, sources: tuple[int, int], timeout: float) -> tuple[bytes, bytes]:
    """All that comes from the two pipes, until both end; the child is killed after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    parts: dict[int, list[bytes]] = {fd: [] for fd in sources}
    waiting = select.poll()  # a server has more descriptors than `select` can name
    for fd in sources:
        waiting.register(fd, select.POLLIN)
    still = len(sources)
    while still:
        ready = waiting.poll(max(0.0, deadline - time.monotonic()) * 1000)
        if not ready:
            os.kill(pid, _SIGKILL)
            break  # what it has started may hold the pipes for ever
        for fd, _ in ready:
            data = os.read(fd, 1 << 20)
            if data:
                parts[fd].append(data)
            else:
                waiting.unregister(fd)
                still -= 1
    first, second = (b"".join(parts[fd]) for fd in sources)
    return first, second


@dataclass(frozen=True)
class Worktree:
    """A working tree: `name` is "main" or git's name in `worktrees/`, `root` its folder, `git_dir` its private part."""

    name: str
    root: str
    git_dir: str


@dataclass(frozen=True)
class Clone:
    """What all worktrees of a clone share (`common_dir`), and the worktree that was asked from; None in a bare one."""

    common_dir: str
    here: Worktree | None

    @property
    def store(self) -> str:
        """The folder in the common dir that is agentsync's."""
        return f"{self.common_dir}/agentsync"


def locate(start: str) -> Clone:
    """The clone around the folder `start`, found as git finds it (GIT_DIR in a hook). Raises NotARepositoryError."""
    start = os.path.realpath(start)
    told = os.environ.get("GIT_DIR")
    if told:
        return _clone(os.path.join(start, told), os.path.join(start, os.environ.get("GIT_WORK_TREE", "")))
    folder = start
    while True:
        door = os.path.join(folder, ".git")
        if os.path.isdir(door) and os.path.exists(f"{door}/HEAD"):
            return _clone(door, folder)
        if os.path.isfile(door):
            return _clone(os.path.join(folder, _line(door).removeprefix("gitdir: ")), folder)
        if all(os.path.exists(f"{folder}/{part}") for part in ("HEAD", "objects", "refs")):
            return Clone(folder, None)
        parent = os.path.dirname(folder)
        if parent == folder:
            raise NotARepositoryError(
                "not in a git repository",
                cause=f"no .git at or above {start}",
                hint="run agentsync inside a repository, or name one: agentsync -C DIR ...",
            )
        folder = parent


def _clone(git_dir: str, root: str) -> Clone:
    git_dir, root = os.path.realpath(git_dir), os.path.realpath(root)
    if os.path.exists(f"{git_dir}/commondir"):
        common = os.path.realpath(os.path.join(git_dir, _line(f"{git_dir}/commondir")))
        return Clone(common, Worktree(os.path.basename(git_dir), root, git_dir))
    if git_dir == root:  # a hook of a bare repository
        return Clone(git_dir, None)
    return Clone(git_dir, Worktree("main", root, git_dir))


def worktrees(clone: Clone) -> list[Worktree]:
    """All working trees of the clone that exist, the main one first."""
    found = []
    main = clone.here.root if clone.here and clone.here.name == "main" else _main_root(clone.common_dir)
    if main:
        found.append(Worktree("main", main, clone.common_dir))
    folder = f"{clone.common_dir}/worktrees"
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        try:
            door = os.path.join(folder, name, _line(f"{folder}/{name}/gitdir"))
        except OSError:
            continue  # being added or removed at this moment
        if os.path.exists(door):
            found.append(Worktree(name, os.path.realpath(os.path.dirname(door)), f"{folder}/{name}"))
    return found


def _main_root(common_dir: str) -> str | None:
    """The main worktree's folder; None for a bare repository, or where only that worktree itself could tell."""
    try:
        said = run(["config", "-z", "--get-regexp", r"^core\.(bare|worktree)$"], cwd=common_dir).decode()
    except GitError:
        said = ""
    values = dict(entry.partition("\n")[::2] for entry in said.split("\0") if entry)
    if "core.worktree" in values:
        return os.path.realpath(os.path.join(common_dir, values["core.worktree"]))
    if values.get("core.bare") == "true" or os.path.basename(common_dir) != ".git":
        return None
    return os.path.dirname(common_dir)


def branch_of(git_dir: str) -> str | None:
    """The branch that a worktree has checked out, without refs/heads/; None where HEAD is detached."""
    head = _line(f"{git_dir}/HEAD")
    return head.removeprefix("ref: refs/heads/") if head.startswith("ref: refs/heads/") else None


# What stands in a worktree's git directory while an operation is going on there, and what it is called.
OPERATIONS = (
    ("rebase-merge", "rebase"),
    ("rebase-apply/applying", "am"),
    ("rebase-apply", "rebase"),
    ("MERGE_HEAD", "merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("sequencer", "sequencer"),
    ("BISECT_LOG", "bisect"),
)


@dataclass(frozen=True)
class Operation:
    """Something that git has begun in a worktree and not ended; `since` in seconds since 1970."""

    name: str
    since: float


def operation(git_dir: str, ending: tuple[str, ...] = ()) -> Operation | None:
    """The operation going on in a worktree. `ending`: those whose last hook is running; their state is still there."""
    for part, name in OPERATIONS:
        try:
            since = os.stat(f"{git_dir}/{part}").st_mtime
        except OSError:
            continue
        if name in ending or (part == "rebase-apply" and os.path.exists(f"{git_dir}/rebase-apply/applying")):
            continue
        return Operation(name, since)
    return None


def rebasing(git_dir: str) -> str | None:
    """The ref (refs/heads/...) that a running rebase will move, "" if it began detached; None without a rebase."""
    for part in ("rebase-merge", "rebase-apply"):
        if os.path.isdir(f"{git_dir}/{part}") and not os.path.exists(f"{git_dir}/{part}/applying"):
            try:
                name = _line(f"{git_dir}/{part}/head-name")
            except OSError:
                name = ""
            return name if name.startswith("refs/heads/") else ""
    return None


def head_signature(worktree: Worktree, common_dir: str) -> tuple[object, ...]:
    """Something that changes when the worktree's HEAD does: stats of HEAD, of its branch and of the packed refs."""
    branch = branch_of(worktree.git_dir)
    files = (f"{worktree.git_dir}/HEAD", f"{common_dir}/refs/heads/{branch}", f"{common_dir}/packed-refs")
    return (branch, *(signature(path) for path in (*files, f"{common_dir}/reftable/tables.list")))


def head_moved(worktree: Worktree, common_dir: str) -> float:
    """When the worktree's HEAD or its branch was written last, in seconds since 1970; 0 if nothing tells."""
    files = (f"{worktree.git_dir}/HEAD", f"{common_dir}/refs/heads/{branch_of(worktree.git_dir)}")
    return max(found[2] / 1e9 if (found := signature(path)) else 0.0 for path in files)


def signature(path: str) -> tuple[int, ...] | None:
    """Inode, size and times (ns) of what stands at a path; None if nothing does."""
    try:
        stat = os.stat(path, follow_symlinks=False)
    except OSError:
        return None
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def _line(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.readline().rstrip("\n")
