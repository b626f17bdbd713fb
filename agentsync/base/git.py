"""git as a child process, and where a repository and its worktrees lie.

Whatever git exported to a hook (GIT_DIR, GIT_INDEX_FILE, ...) is cleaned away: a `git -C other` would otherwise hit the
wrong repository.
"""

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from agentsync.base import files
from agentsync.base.errors import AgentsyncError, NotARepositoryError

HOOKS = ("post-commit", "post-merge", "post-checkout", "post-rewrite", "post-applypatch")  # that call agentsync
TIMEOUT = 30.0  # seconds that one git process may take; nobody waits for ever because of us

# `git rev-parse --local-env-vars`, and what makes git ask, page, trace into our output or fetch behind the user's back.
_LOCAL = frozenset(
    "GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_CONFIG GIT_CONFIG_COUNT GIT_OBJECT_DIRECTORY GIT_DIR GIT_WORK_TREE "
    "GIT_IMPLICIT_WORK_TREE GIT_GRAFT_FILE GIT_INDEX_FILE GIT_NO_REPLACE_OBJECTS GIT_REPLACE_REF_BASE GIT_PREFIX "
    "GIT_SHALLOW_FILE GIT_COMMON_DIR GIT_INTERNAL_SUPER_PREFIX GIT_QUARANTINE_PATH GIT_LITERAL_PATHSPECS "
    "GIT_GLOB_PATHSPECS GIT_NOGLOB_PATHSPECS GIT_ICASE_PATHSPECS GIT_EXTERNAL_DIFF GIT_DIFF_OPTS".split()
)
# git's own children get it, too, so nothing here may change what a filter does: with GIT_FLUSH=0 git-annex waits for
# ever for the git that it asks.
_FIXED = {
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "LANGUAGE": "C",  # git in English; LC_ALL would change what somebody's filter makes of a text
    "AGENTSYNC": "0",  # a git that runs hooks on our behalf would call us again
}


class GitError(AgentsyncError):
    """git could not do what it was asked. `status` is its exit status (negative: killed by that signal)."""

    def __init__(self, args: Iterable[str], status: int, stderr: bytes) -> None:
        said = stderr.decode(errors="replace").strip()
        if trusting := _TRUSTING.search(said):
            message, cause = "git does not trust this repository", "it belongs to another user"
        else:
            message, cause = f"git {_command(args)} failed", said or f"exit status {status}"
        super().__init__(message, cause=cause, hint=trusting[1] if trusting else "")
        self.status = status


_TRUSTING = re.compile(r"^\s*(git config --global --add safe\.directory .+)", re.MULTILINE)  # with the path git means


def _command(args: Iterable[str]) -> str:
    """What git was asked for, without the options before it."""
    words = iter(args)
    for word in words:
        if word == "-c":
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""


def run(
    args: list[str],
    *,
    cwd: str,
    stdin: bytes = b"",
    env: dict[str, str] | None = None,
    timeout: float | None = None,
    terminal: bool = False,
) -> bytes:
    """What `git ARGS` prints when started in `cwd`. Raises GitError on any status but 0 and after `timeout` seconds.

    `terminal`: what it starts may ask the person at the terminal, as for the passphrase of a key that signs.
    """
    environment = {**_environment(cwd), **(env or {})}
    argv = ["git", "-C", cwd, "--no-replace-objects", *args]
    status, out, err = _spawn(argv, stdin, environment, timeout, terminal=terminal)
    if status:
        raise GitError(args, status, err)
    return out


def answer(args: list[str], *, cwd: str, stdin: bytes = b"") -> tuple[int, bytes]:
    """Exit status and output of a git whose status is its answer (merge-base, merge-file, config).

    Raises GitError where it was killed, by us after so long or by anybody: that is no answer.
    """
    status, out, err = _spawn(["git", "-C", cwd, "--no-replace-objects", *args], stdin, _environment(cwd))
    if status < 0:
        raise GitError(args, status, err)
    return status, out


def store_blob(data: bytes, *, cwd: str) -> str:
    """Put these bytes, as they are, into git's store; their id. Raises GitError."""
    return run(["hash-object", "-w", "--no-filters", "--stdin"], cwd=cwd, stdin=data).decode().strip()


def blob(name: str, *, cwd: str) -> bytes:
    """The bytes of a blob, by whatever name git knows it; nothing where there is none."""
    status, out = answer(["cat-file", "blob", name], cwd=cwd)
    return b"" if status else out


_APART: dict[str, str] = {}  # the git directory of worktrees that have no .git to find it by, by their roots


def _environment(cwd: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in _LOCAL and not k.startswith(("GIT_TRACE", "GIT_CONFIG_"))}
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"):
        if name in os.environ:
            kept[name] = os.environ[name]
    apart = {"GIT_DIR": _APART[cwd], "GIT_WORK_TREE": cwd} if cwd in _APART else {}
    return {**kept, **_FIXED, **apart}


def _spawn(
    argv: list[str], stdin: bytes, env: dict[str, str], timeout: float | None = None, *, terminal: bool = False
) -> tuple[int, bytes, bytes]:
    from agentsync.base import programs  # late: where nothing has changed, `status` starts no git

    try:
        return programs.run(argv, stdin, env, TIMEOUT if timeout is None else timeout, terminal=terminal)
    except FileNotFoundError:
        raise AgentsyncError("git is not on the PATH", hint="install git 2.31 or newer") from None


class Worktree(NamedTuple):
    """A working tree: `root` is its folder, `git_dir` its private part.

    `name`: "main", or git's name in `worktrees/`, as text.
    """

    name: str
    root: str
    git_dir: str


class Clone(NamedTuple):
    """What all worktrees of a clone share (`common_dir`), and the worktree that was asked from; None in a bare one."""

    common_dir: str
    here: Worktree | None

    @property
    def store(self) -> str:
        """The folder in the common dir that is agentsync's."""
        return f"{self.common_dir}/agentsync"

    @property
    def name(self) -> str:
        """What people call the repository: the folder of its main worktree, else that of its git directory."""
        if self.here and self.here.name == "main":
            return as_text(os.path.basename(self.here.root))
        folder, last = os.path.split(self.common_dir)
        return as_text(os.path.basename(folder) if last == ".git" else last.removesuffix(".git"))

    @property
    def folder(self) -> str:
        """Where to start git for what all worktrees share. Inside a git directory it may refuse (safe.directory)."""
        return self.here.root if self.here else self.common_dir

    def worktree(self) -> Worktree:
        """The worktree that was asked from. Raises AgentsyncError in a bare repository."""
        if self.here is None:
            raise AgentsyncError(
                "this is a bare repository",
                cause="there are no files here that could be watched",
                hint="run it in a worktree of this repository: git worktree add ../DIR BRANCH",
            )
        return self.here


def here() -> str:
    """The folder that this process is in. Raises NotARepositoryError where it is gone."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        raise NotARepositoryError(
            "the current folder is gone",
            cause="it was removed, or another one has taken its place, since this shell went there",
            hint='cd "$PWD" if it is there again, else cd to another folder',
        ) from None


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
        return Clone(common, Worktree(as_text(os.path.basename(git_dir)), root, git_dir))
    if "GIT_WORK_TREE" not in os.environ:
        core = _core_if_unusual(git_dir, root)
        if "core.worktree" in core:
            root = os.path.realpath(os.path.join(git_dir, core["core.worktree"]))
        elif git_dir == root or _is_true(core.get("core.bare")):  # a hook of a bare repository, or one behind a .git
            return Clone(git_dir, None)
    return Clone(git_dir, _main(root, git_dir))


def _main(root: str, git_dir: str) -> Worktree:
    """The main worktree; where its .git is missing or another repository's, git has to be told its directory."""
    door = f"{root}/.git"
    with contextlib.suppress(OSError):
        if os.path.isfile(door):
            door = os.path.join(root, _line(door).removeprefix("gitdir: "))
    if os.path.realpath(door) == git_dir:
        _APART.pop(root, None)
    else:
        _APART[root] = git_dir
    return Worktree("main", root, git_dir)


_MAY_BE_BARE = re.compile(rb"\bbare\b(?! = false\n)", re.IGNORECASE)  # all but what git itself writes for "no"
_WORKTREE = re.compile(rb"\bworktree\b(?: = ([^\"\\;#\n]*)\n)?", re.IGNORECASE)


def _core_if_unusual(git_dir: str, root: str) -> dict[str, str]:
    """What `_core` says, if a configuration may call the repository bare or its working tree another than `root`."""
    for name in ("config", "config.worktree"):
        with contextlib.suppress(OSError), open(f"{git_dir}/{name}", "rb") as file:
            data = file.read()
            trees = [os.path.join(git_dir, os.fsdecode(value)) for value in _WORKTREE.findall(data)]
            if _MAY_BE_BARE.search(data) or any(os.path.realpath(tree) != root for tree in trees):
                return _core(git_dir)
    return {}


def _is_true(value: str | None) -> bool:
    return value is not None and value.lower() in ("true", "yes", "on", "1", "")


def _core(git_dir: str) -> dict[str, str]:
    """What the configuration says of core.bare and core.worktree; asked so that git looks at nothing else."""
    args = ["--git-dir", git_dir, "config", "-z", "--get-regexp", r"^core\.(bare|worktree)$"]
    said = answer(args, cwd=git_dir)[1].decode(errors="surrogateescape")
    return dict(entry.partition("\n")[::2] for entry in said.split("\0") if entry)


_Result = TypeVar("_Result")


def steadily(clone: Clone, act: Callable[[list[Worktree]], _Result]) -> _Result:
    """What `act` makes of the worktrees; it begins anew if it fails while one of them is being added or removed."""
    listed = _listing(clone)
    while True:
        try:
            return act(list(listed))
        except (OSError, GitError):
            before, listed = listed, _listing(clone)
            if listed == before:
                raise


def _listing(clone: Clone) -> dict[Worktree, tuple[int, ...]]:
    """The worktrees, with the inodes by which one is told from another of the same name and place."""
    stats = {one: (signature(one.git_dir), signature(one.root)) for one in worktrees(clone)}
    return {one: tuple(stat[0] for stat in pair if stat) for one, pair in stats.items()}


def is_there(worktree: Worktree) -> bool:
    """Whether a worktree is whole: git makes and removes it piece by piece."""
    try:
        head = _line(f"{worktree.git_dir}/HEAD")
    except OSError:
        return False
    unset = head.strip("0") == ""  # while it is added
    return not unset and (worktree.name == "main" or os.path.exists(f"{worktree.root}/.git"))


def as_text(name: str) -> str:
    """The name of a worktree for records and the cache; git's may be no UTF-8."""
    return os.fsencode(name).decode(errors="backslashreplace")


def worktrees(clone: Clone) -> list[Worktree]:
    """All working trees of the clone that are there, the main one first."""
    found = []
    main = clone.here.root if clone.here and clone.here.name == "main" else _main_root(clone.common_dir)
    if main:
        found.append(_main(main, clone.common_dir))
    folder = f"{clone.common_dir}/worktrees"
    names: list[str] = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        names = sorted(os.listdir(folder))
    for name in names:
        with contextlib.suppress(OSError):  # being added or removed at this moment
            door = os.path.join(folder, name, _line(f"{folder}/{name}/gitdir"))
            one = Worktree(as_text(name), os.path.realpath(os.path.dirname(door)), f"{folder}/{name}")
            if is_there(one):
                found.append(one)
    return found


def _main_root(common_dir: str) -> str | None:
    """The main worktree's folder; None for a bare repository, or where only that worktree itself could tell."""
    values = _core(common_dir)
    if "core.worktree" in values:
        return os.path.realpath(os.path.join(common_dir, values["core.worktree"]))
    if _is_true(values.get("core.bare")) or os.path.basename(common_dir) != ".git":
        return None
    return os.path.dirname(common_dir)


def branch_of(git_dir: str) -> str | None:
    """The branch that a worktree has checked out, without refs/heads/; None where HEAD is detached or gone."""
    try:
        head = _line(f"{git_dir}/HEAD")
    except FileNotFoundError:  # the worktree is being removed
        return None
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


class Operation(NamedTuple):
    """Something that git has begun in a worktree and not ended; `since` in seconds since 1970."""

    name: str
    since: float


def operation(git_dir: str, ending: tuple[str, ...] = ()) -> Operation | None:
    """The operation going on in a worktree. `ending`: those whose last hook is running; their state is still there."""
    for part, name in OPERATIONS:
        try:
            since = os.stat(f"{git_dir}/{part}").st_mtime
        except (FileNotFoundError, NotADirectoryError):
            continue
        if name in ending or (part == "rebase-apply" and os.path.exists(f"{git_dir}/rebase-apply/applying")):
            continue
        return Operation(name, since)
    return None


ABANDONED = 600.0  # seconds after which a lock is one that a killed git has left


def half_way(git_dir: str) -> Operation | None:
    """A git command that has written files of a worktree, perhaps, and has not moved its HEAD yet.

    It holds the index's lock until the files are written, then HEAD's. Of the first, which is open while git works, it
    can be told whether a killed git has left it; one that waits for an editor (`commit -a`) has closed it, too.
    """
    for lock in ("index.lock", "HEAD.lock"):
        found = signature(f"{git_dir}/{lock}")
        if found is None or time.time() - found[2] / 1e9 > ABANDONED:
            continue
        if lock == "HEAD.lock" or files.is_open_for_writing(git_dir, lock, unknown=True):
            return Operation("git command", found[2] / 1e9)
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
