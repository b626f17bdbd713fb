"""git's clean filter: hands git the report's file with the region as the index has it, or with none.

It runs inside of git's own commands (`add`, `status`, `diff`, `stash`, ...), and git waits for it each time. So it
reads no ledger, takes no lock, and whatever it cannot judge it passes through as it came. And it is the one lean island
of this package: it imports nothing but `region`, and what Python has loaded by then or loads in no time. The few lines
that `base/git.py` has for everybody else stand here once more.
"""

import os
import select

from agentsync.report import region

NOTE = "agentsync-report"  # in a worktree's git directory: what was written there; see `paid`
LARGEST = 16 << 20  # bytes, as for any document
TIMEOUT = 3.0  # seconds that git may be silent
# What stands in a git directory while an operation is going on.
STATES = "rebase-merge rebase-apply MERGE_HEAD CHERRY_PICK_HEAD REVERT_HEAD sequencer BISECT_LOG".split()
UNTOLD = "%f"  # dulwich tells a clean filter no name
_SIGKILL, _SIGPIPE = 9, 13


def clean(path: str, content: bytes) -> bytes:
    """The file's bytes as git should store them. Raises what goes wrong; git then gets `content` as it is.

    Somebody who writes the whole file anew leaves the region out, and takes no published report out of git by that.
    """
    if len(content) > LARGEST or not region.is_text(content):
        return content
    found, git_dir = region.find(content), _git_dir()
    if any(os.path.lexists(f"{git_dir}/{state}") for state in STATES) and (
        found is None or found.id not in ids_written(git_dir)
    ):
        return content  # whoever resolves a conflict decides; what this worktree's reports wrote is no part of it
    stored = _stored(_report() if path == UNTOLD else path)
    return content if stored is None else region.as_stored(content, stored)


def note(git_dir: str) -> list[str]:
    """The three lines of a worktree's note: the id of what was written last, its stamp, the ids before it."""
    try:
        with open(f"{git_dir}/{NOTE}", encoding="utf-8", errors="replace") as file:
            return [*file.read().split("\n"), "", ""][:3]
    except OSError:
        return ["", "", ""]


def ids_written(git_dir: str) -> list[str]:
    """The consolidation that was written last and those before it: an editor may save what it read some time ago."""
    newest, _, earlier = note(git_dir)
    return [newest, *earlier.split()]


def _git_dir() -> str:
    """The git directory of the worktree in whose root git has started us. Raises OSError where there is none."""
    if told := os.environ.get("GIT_DIR"):
        return told
    try:
        with open(".git", encoding="utf-8", errors="surrogateescape") as file:
            return file.readline().rstrip("\n").removeprefix("gitdir: ")
    except IsADirectoryError:
        return ".git"


def _report() -> str:
    """The file that reports go to, by the configuration that was read last. Raises AgentsyncError, OSError."""
    from agentsync.base import config, git  # late: git itself always tells the name

    settings = config.last_valid(git.locate("."))
    return settings.report.path if settings else UNTOLD


def _stored(path: str) -> bytes | None:
    """The file as the index has it, else as HEAD has it, else nothing; None: the index does not say."""
    if (blob := _ask("cat-file", "blob", f":0:{path}")) is not None:
        return blob
    # Unmerged: the one who resolves it decides. Or the blob is not here, and nobody knows which region it has.
    if _ask("ls-files", "--stage", "-z", "--", path) != b"":
        return None
    return _ask("cat-file", "blob", f"HEAD:{path}") or b""


def _ask(*args: str) -> bytes | None:
    """What git prints, in the repository and with the index of the git that called us; None if it could not."""
    argv = ["git", "--no-replace-objects", "--literal-pathspecs", *args]
    (read, write), null = os.pipe(), os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, fd, to) for to, fd in enumerate((null, write, null))]
    environ = {**os.environ, "GIT_NO_LAZY_FETCH": "1"}
    pid = os.posix_spawnp("git", argv, environ, file_actions=actions, setsigdef=[_SIGPIPE])
    os.close(write)
    os.close(null)
    data, ended = _read(read)
    if not ended:
        os.kill(pid, _SIGKILL)
    status = os.waitpid(pid, 0)[1]
    return data if ended and status == 0 else None


def _read(fd: int) -> tuple[bytes, bool]:
    """All that comes, and whether it ended."""
    parts: list[bytes] = []
    waiting = select.poll()
    waiting.register(fd, select.POLLIN)
    with open(fd, "rb", buffering=0) as pipe:
        while waiting.poll(TIMEOUT * 1000):
            if not (data := pipe.read(1 << 20)):
                return b"".join(parts), True
            parts.append(data)
    return b"".join(parts), False
