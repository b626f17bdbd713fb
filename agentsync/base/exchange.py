"""A document is exchanged for another in one step, if it still holds what is expected; or made where there is none."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Self

from agentsync.base import files, leases
from agentsync.base.files import UnreadableError


def exchange(root: str, path: str, expected: bytes, data: bytes) -> bool:
    """Put `data` in the place of a file that holds `expected`. False, with nothing changed, if it holds another thing.

    Raises OSError.
    """
    with Staged(root, path, data) as staged:
        return staged.exchange(expected)


class Staged:
    """What is to stand in a file's place, written aside in agentsync's own folder, with the file's mode.

    Both folders are opened without following links, and named by these descriptors from then on: whatever the
    repository holds, nothing lies outside. Raises OSError, UnreadableError.
    """

    def __init__(self, root: str, path: str, data: bytes) -> None:
        self.root, self.path = root, f"{root}/{path}"
        self.folder, _, self.name = path.rpartition("/")
        self.data = data
        self.temporary = _temporary(self.name)
        self.exchanged = False
        self._folders = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            self.at = opened.enter_context(files.opened_folder(self.root, self.folder))
            self.aside = opened.enter_context(_own_folder(self.root))
            mode = stat.S_IMODE(os.stat(self.name, dir_fd=self.at, follow_symlinks=False).st_mode)
            _write_aside(self.aside, self.temporary, self.data, mode)
            _libc()  # now: in a moment others may be waiting for us
            self._folders = opened.pop_all()
        return self

    def __exit__(self, *failure: object) -> None:
        with self._folders, suppress(FileNotFoundError):
            with suppress(OSError):
                if self.exchanged:  # what stood there goes once the new name cannot get lost
                    os.fsync(self.at)
            os.unlink(self.temporary, dir_fd=self.aside)

    def exchange(self, expected: bytes) -> bool:
        """Put it there if the file holds `expected`; False, with nothing changed, if it holds another thing.

        The new file and the old one swap names in one step; if what came out is not what was read, they swap back.
        Comparing first and renaming then would lose an edit made in between.
        """
        # Asked before, too: while a wrong exchange stands, others would read what is older than their own text.
        if not _holds(self.at, self.name, expected):
            return False
        try:
            self._swap()
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            return self._overwrite(expected)
        if _holds(self.aside, self.temporary, expected):
            self.exchanged = True
            return True
        self._swap()
        if not _holds(self.aside, self.temporary, self.data):  # saved between the two: what was saved last stays
            self._swap()
        return False

    def _overwrite(self, expected: bytes) -> bool:
        """A file that is a mount of its own (a container's volume) cannot change its name: write into it.

        Whoever opens it meanwhile waits, where the system has leases. All of the new text lies in `.agentsync` as long
        as this goes on.
        """
        fd = os.open(self.name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self.at)
        try:
            if not leases.take_lease(fd) or files.read_all(fd, len(expected) + 1) != expected:
                return False
            os.lseek(fd, 0, os.SEEK_SET)
            files.write_all(fd, self.data)
            os.ftruncate(fd, len(self.data))
            os.fsync(fd)
            return True
        finally:
            os.close(fd)  # and with it goes the lease

    def _swap(self) -> None:
        """Exchange the two names in one step: `renameat2` of Linux, `renameatx_np` of macOS."""
        import ctypes

        libc, names = _libc(), (self.aside, os.fsencode(self.temporary), self.at, os.fsencode(self.name))
        if hasattr(libc, "renameat2"):
            failed = libc.renameat2(*names, 2)  # RENAME_EXCHANGE
        elif hasattr(libc, "renameatx_np"):
            failed = libc.renameatx_np(*names, 2)  # RENAME_SWAP
        else:
            raise OSError(errno.ENOSYS, "this system cannot exchange two files in one step")
        if failed:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), self.path)


def _temporary(name: str) -> str:
    return f"{name}.{os.getpid()}.new"


@contextmanager
def _own_folder(root: str) -> Iterator[int]:
    """A descriptor of `.agentsync`, which is made if it is missing. Raises OSError, UnreadableError."""
    with ExitStack() as opened:
        try:
            fd = opened.enter_context(files.opened_folder(root, files.OWN, make=True))
        except NotADirectoryError:
            raise UnreadableError(f"{files.OWN} is a symbolic link or not a folder") from None
        yield fd


def _write_aside(folder: int, name: str, data: bytes, mode: int | None = None) -> None:
    """A new file in a folder, synced: a document must not come back empty from a power cut."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    fd = os.open(name, flags, 0o644 if mode is None else 0o600, dir_fd=folder)
    try:
        if mode is not None:
            os.fchmod(fd, mode)
        files.write_all(fd, data)
        os.fsync(fd)
    except OSError:
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)
        raise
    finally:
        os.close(fd)


def _holds(folder: int, name: str, data: bytes) -> bool:
    """Whether a file holds this, and nobody is about to write another thing into it."""
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        return not leases.has_writer(fd) and files.read_all(fd, len(data) + 1) == data
    finally:
        os.close(fd)


def _libc() -> Any:
    import ctypes  # late: only who writes a report comes here

    if not _LOADED:
        _LOADED.append(ctypes.CDLL(None, use_errno=True))
    return _LOADED[0]


_LOADED: list[Any] = []


def create(root: str, path: str, data: bytes) -> bool:
    """Make a file that is not there yet, and the folders above it. False if something stands there.

    Raises OSError, UnreadableError.
    """
    folder, _, name = path.rpartition("/")
    temporary = _temporary(name)
    with files.opened_folder(root, folder, make=True) as at, _own_folder(root) as aside:
        _write_aside(aside, temporary, data)
        try:
            os.link(temporary, name, src_dir_fd=aside, dst_dir_fd=at, follow_symlinks=False)
            os.fsync(at)
            return True
        except FileExistsError:
            return False
        finally:
            os.unlink(temporary, dir_fd=aside)
