"""Locks, atomic replacement, and reading that never leaves the repository."""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from agentsync.base import leases
from agentsync.base.errors import LockedError

OWN = ".agentsync"  # in a worktree
WATCH_LOCK = "watch.lock"  # in the store; whoever watches the clone holds it
AGENT_PYTHON, AGENT_MARK = "agent-python", "agent-mark"  # beside an agent's hook: where Python is; when it last ran
MAX_DOCUMENT = 16 << 20  # bytes; a larger "document" is reported, not read


class UnreadableError(Exception):
    """A watched path that is not looked into; the text says why."""


def read_document(root: str, path: str) -> bytes | None:
    """The bytes of `path` below `root`, None if it is missing. Raises UnreadableError.

    Each component is opened from the one before without following links (O_NOFOLLOW alone guards only the last), so
    nothing outside the repository is ever read, whatever the repository holds.
    """
    try:
        with _opened_document(root, path) as fd:
            return read_all(fd, MAX_DOCUMENT + 1)
    except FileNotFoundError:
        return None


def why_unreadable(root: str, path: str) -> str:
    """Why `read_document` would not look into a path; "" if it would, or if nothing is there."""
    try:
        with _opened_document(root, path):
            return ""
    except FileNotFoundError:
        return ""
    except UnreadableError as error:
        return str(error)


@contextmanager
def _opened_document(root: str, path: str) -> Iterator[int]:
    """A descriptor of a document. Raises FileNotFoundError, UnreadableError."""
    try:
        fd = _open_below(root, path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnreadableError(_WHY.get(error.errno or 0, os.strerror(error.errno or 0))) from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError("a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file")
        if status.st_size > MAX_DOCUMENT:
            raise UnreadableError(f"larger than {MAX_DOCUMENT >> 20} MiB")
        yield fd
    finally:
        os.close(fd)


_WHY = {
    errno.ELOOP: "a symbolic link",
    errno.ENOTDIR: "behind a symbolic link or a file",
    errno.ENXIO: "not a regular file",
}


def _open_below(root: str, path: str) -> int:
    folder, _, name = path.rpartition("/")
    with opened_folder(root, folder) as at:
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)


@contextmanager
def opened_folder(root: str, path: str, *, make: bool = False) -> Iterator[int]:
    """A descriptor of the folder `path` below `root`, opened without following links. Raises OSError.

    `make`: folders that are missing are made.
    """
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in path.split("/") if path else ():
            made = make and _made(folder, at)
            below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            if made:
                share(below, at)
            os.close(at)
            at = below
        yield at
    finally:
        os.close(at)


def _made(folder: str, at: int) -> bool:
    try:
        os.mkdir(folder, dir_fd=at)
    except FileExistsError:
        return False
    return True


def make_folder(path: str) -> None:
    """Make a folder and those above it, unless they are there."""
    if not os.path.isdir(path):
        make_folder(os.path.dirname(path))
        with suppress(FileExistsError):
            os.mkdir(path)
            share(path, os.path.dirname(path))


def share(path: str | int, folder: str | int) -> None:
    """Let what we have made in a shared folder be read and written by whoever may do so there, whatever the umask says.

    git sets the setgid bit of each folder of a shared repository (core.sharedRepository). Raises OSError.
    """
    allowed = os.stat(folder).st_mode
    if not allowed & stat.S_ISGID:
        return
    found = os.stat(path)
    mode = found.st_mode & 0o700 | allowed & (0o077 if found.st_mode & 0o100 else 0o066)
    if stat.S_ISDIR(found.st_mode):
        mode |= stat.S_ISGID
    if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) != mode:
        os.chmod(path, mode)


def is_missing(path: str) -> bool:
    """Whether nothing stands at a path, as far as that is known: what cannot be looked at now is not missing."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        pass
    return False


def read_all(fd: int, limit: int) -> bytes:
    """What is in the descriptor from its position on, `limit` bytes at the most."""
    parts = []
    while limit > 0 and (data := os.read(fd, min(limit, 1 << 20))):
        parts.append(data)
        limit -= len(data)
    return b"".join(parts)


def replace_file(path: str, data: bytes, mode: int = 0o644, *, durable: bool = False) -> None:
    """Put `data` at `path`, whole or not at all. `durable`: also if the power is cut, as all that is a user's.

    Raises OSError, which names the path.
    """
    temporary = f"{path}.{os.getpid()}.new"
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        try:
            share(fd, os.path.dirname(path) or ".")
            write_all(fd, data)
            if durable:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        raise OSError(error.errno, error.strerror, path) from None  # nobody has asked for the temporary file
    if durable:
        sync(os.path.dirname(path) or ".")


def sync(path: str) -> None:
    """Make what a file holds, or the names in a folder, outlast a power cut. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def unlock(copy: str, lock: str) -> None:
    """Take a lock of git's away if it is ours: a further name of a copy. Else somebody has made another one."""
    with suppress(OSError):
        if os.path.samefile(copy, lock):
            os.unlink(lock)


def write_all(fd: int, data: bytes) -> None:
    """One write. Raises OSError if not all of it went in: on a full disk `os.write` writes a part and says nothing."""
    written = os.write(fd, data)
    if written != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def is_held(path: str) -> bool:
    """Whether a process holds the OS lock of a file. A shared lock is tried, so that two who ask do not meet."""
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


def lock(fd: int, timeout: float, what: str) -> None:
    """Take the OS lock of an open file; closing it or dying gives it back. Raises LockedError after `timeout` seconds.

    `flock`, not `lockf`: a POSIX lock is dropped when another descriptor of the file closes in the same process.
    """
    deadline = time.monotonic() + timeout
    pause = 0.0005
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise LockedError(
                    f"{what} is locked",
                    cause="another process has held the lock for too long",
                    hint="try again; `agentsync doctor` says who holds it",
                ) from None
            time.sleep(pause)
            pause = min(pause * 1.5, 0.005)


def is_running(pid: int) -> bool:
    """Whether there is a process of that id, anybody's."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


class Locked:
    """A lock file, made if it is missing and held in a `with`, which may raise LockedError or OSError."""

    def __init__(self, path: str, timeout: float, what: str) -> None:
        self.path, self.timeout, self.what = path, timeout, what

    def __enter__(self) -> None:
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            share(self.fd, os.path.dirname(self.path))
            lock(self.fd, self.timeout, self.what)
        except BaseException:
            os.close(self.fd)
            raise

    def __exit__(self, *failure: object) -> None:
        os.close(self.fd)


def is_open_for_writing(root: str, path: str, *, unknown: bool = False) -> bool:
    """Whether some process has the file open for writing: what it writes would be lost if the file were replaced.

    Only Linux tells, and only of files of one's own; else it is `unknown`.
    """
    try:
        fd = _open_below(root, path)
    except OSError:
        return False
    try:
        return leases.has_writer(fd, unknown=unknown)
    finally:
        os.close(fd)
