"""Processes as far as the system tells (Linux): git commands at work in a worktree, and whether one has ended.

Some git commands read the index, compute for a while, and then compare the files with what they have read: to them a
file that was exchanged meanwhile has "local changes", whatever the index says by then. So a report waits for them.
"""

import os
from contextlib import suppress

# Those that write the index or files.
WRITERS = frozenset(
    b"add am apply bisect checkout cherry-pick commit merge mv pull read-tree rebase reset restore revert rm "
    b"sparse-checkout stash submodule switch update-index".split()
)
LISTINGS = 4  # of processes, at the most
_WORDS = 8  # of a command line, in which the command's name stands: `git -c a=b -C dir commit`


def at_work(root: str, *, within: bool) -> str:
    """Such a command in the worktree `root`, as in "git rebase"; "" if there is none, or nobody can tell.

    `within`: those in whose hook this process runs do not count; they are waiting for it.
    """
    seen = _ancestors() if within else set()
    for _ in range(LISTINGS):
        new = _processes() - seen  # at the second time those that have begun during the first
        if not new:
            break
        seen |= new
        for pid in new:
            if (name := _writer(pid)) and _is_below(_cwd(pid), root):
                return f"git {name}"
    return ""


def identity(pid: int) -> str | None:
    """A text that names this very process for ever: id, start and namespace; None where the system does not tell."""
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    space = _namespace()
    return f"{pid} {fields[19].decode()} {space}" if len(fields) > 19 and space else None


def has_ended(process: str) -> bool:
    """Whether the process of an `identity` is gone; False where nobody can tell, as from another namespace."""
    pid, _, rest = process.partition(" ")
    space = _namespace()
    return pid.isdecimal() and bool(space) and rest.endswith(f" {space}") and identity(int(pid)) != process


def _namespace() -> str:
    """The namespace that process ids are of: an agent's sandbox may count its own."""
    with suppress(OSError):
        return os.readlink("/proc/self/ns/pid").strip("pid:[]")
    return ""


def _processes() -> set[str]:
    try:
        return {name for name in os.listdir("/proc") if name.isdigit()}
    except OSError:
        return set()


def _writer(pid: str) -> str:
    """The name of a writing git command; "" for any other process."""
    if _read(f"/proc/{pid}/comm").rstrip(b"\n") != b"git":
        return ""
    words = _read(f"/proc/{pid}/cmdline").split(b"\0")[1:_WORDS]
    return next((word.decode() for word in words if word in WRITERS), "")


def _is_below(folder: str, root: str) -> bool:
    return folder == root or folder.startswith(f"{root}/")


def _cwd(pid: str) -> str:
    with suppress(OSError):
        return os.readlink(f"/proc/{pid}/cwd")
    return ""


def _ancestors() -> set[str]:
    """The process ids of this process, its parent, and so on."""
    found: set[str] = set()
    pid = str(os.getpid())
    while pid not in ("0", "") and pid not in found:
        found.add(pid)
        # The name in the second field may hold anything, so the fields are counted from its end.
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        pid = fields[1].decode() if len(fields) > 1 else ""
    return found


def _read(path: str) -> bytes:
    with suppress(OSError), open(path, "rb") as file:
        return file.read(4096)
    return b""
