"""Locks, atomic replacement, and reading that never leaves the repository."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time

from agentsync.errors import LockedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DOCUMENT = 16 << 20  # bytes; a larger "document" is reported, not read


class UnreadableError(Exception):
    """A watched path that is not looked into; the text says why."""


def read_document(root: str, path: str) -> bytes | None:
    """The bytes of `path` below `root`, None if it is missing. Raises UnreadableError.

    Each component is opened from the one before without following links (O_NOFOLLOW alone guards only the last), so
    nothing outside the repository is ever read, whatever the repository holds.
    """
    try:
        fd = _open_below(root, path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableError(_WHY.get(error.errno or 0, os.strerror(error.errno or 0))) from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError("a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file")
        if status.st_size > MAX_DOCUMENT:
            raise UnreadableError(f"larger than {MAX_DOCUMENT >> 20} MiB")
        return read_all(fd, MAX_DOCUMENT + 1)
    finally:
        os.close(fd)


_WHY = {errno.ELOOP: "a symbolic link", errno.ENOTDIR: "behind a symbolic link or a file", errno.ENXIO: "not a regular file"}


def _open_below(root: str, path: str) -> int:
    *folders, name = path.split("/")
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = below
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
    finally:
        os.close(at)


def read_all(fd: int, limit: int) -> bytes:
    """What is in the descriptor from its position on, `limit` bytes at the most."""
    parts = []
    while limit > 0 and (data := os.read(fd, min(limit, 1 << 20))):
        parts.append(data)
        limit -= len(data)
    return b"".join(parts)


def replace_file(path: str, data: bytes, mode: int = 0o644) -> None:
    """Put `data` at `path`, whole or not at all."""
    temporary = f"{path}.{os.getpid()}.new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        write_all(fd, data)
    except OSError:
        os.unlink(temporary)
        raise
    finally:
        os.close(fd)
    os.replace(temporary, path)


def write_all(fd: int, data: bytes) -> None:
    """One write. Raises OSError if not all of it went in: on a full disk `os.write` writes a part and says nothing."""
    written = os.write(fd, data)
    if written != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextlib.contextmanager
def locked(fd: int, timeout: float, what: str) -> Iterator[None]:
    """Hold the OS lock of an open file; the kernel releases it whatever happens to the process. Raises LockedError.

    `flock`, not `lockf`: a POSIX lock is dropped when another descriptor of the file closes in the same process.
    """
    deadline = time.monotonic() + timeout
    pause = 0.0005
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise LockedError(
                    f"{what} is locked",
                    cause=f"another process has held the lock for {timeout:g} s",
                    hint="try again; `agentsync doctor` says who holds it",
                ) from None
            time.sleep(pause)
            pause = min(pause * 1.5, 0.02)
    try:
        yield
    finally:
        fcntl.flock(fd, fcntl.LOCK_UN)
