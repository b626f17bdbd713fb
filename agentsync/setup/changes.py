"""Changes to files, planned first: they are only told, or carried out all together or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from agentsync.base import files
from agentsync.base.errors import AgentsyncError


@dataclass(frozen=True)
class Change:
    """What a person is told. `action`: write, add, save, restore, remove; or keep or advise, which touch nothing."""

    path: str
    action: str
    note: str = ""

    def _touched(self) -> tuple[str, ...]:
        """The paths that are written, moved or removed."""
        return ()

    def _stage(self, work: _Work) -> None:
        """Whatever may fail and can be done beside the files, before the first of them is touched."""

    def _make(self, work: _Work) -> None:
        """Touch the files; what stood there is kept by `work`."""


class Say(Change):
    """Nothing to do, but something to tell."""


@dataclass(frozen=True, kw_only=True)
class Write(Change):
    """Put `data` at `path`. A file that is there keeps its mode, and becomes executable if `mode` says so.

    `new`: whoever puts a file there in the meantime keeps it, and nothing is done at all.
    """

    action: str = "write"
    data: bytes
    mode: int = 0o666
    new: bool = False

    def _touched(self) -> tuple[str, ...]:
        return (self.path,)

    def _stage(self, work: _Work) -> None:
        work.make_folders(os.path.dirname(self.path))
        temporary = work.beside(self.path)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, self.mode)
        try:
            files.share(fd, os.path.dirname(self.path))
            files.write_all(fd, self.data)
            with contextlib.suppress(OSError):
                os.fchmod(fd, os.stat(self.path).st_mode & 0o777 | self.mode & 0o111)
            os.fsync(fd)
        finally:
            os.close(fd)

    def _make(self, work: _Work) -> None:
        if self.new:
            os.link(work.beside(self.path), self.path, follow_symlinks=False)
            work.undo.callback(os.unlink, self.path)
            os.unlink(work.beside(self.path))
        else:
            work.keep(self.path)
            os.replace(work.beside(self.path), self.path)


@dataclass(frozen=True, kw_only=True)
class Link(Change):
    """Put a symbolic link to `target` at `path`."""

    action: str = "write"
    target: str

    def _touched(self) -> tuple[str, ...]:
        return (self.path,)

    def _stage(self, work: _Work) -> None:
        work.make_folders(os.path.dirname(self.path))
        os.symlink(self.target, work.beside(self.path))

    def _make(self, work: _Work) -> None:
        work.keep(self.path)
        os.replace(work.beside(self.path), self.path)


@dataclass(frozen=True, kw_only=True)
class Move(Change):
    """Rename `source` to `path`, over whatever is there."""

    source: str

    def _touched(self) -> tuple[str, ...]:
        return self.source, self.path

    def _make(self, work: _Work) -> None:
        work.keep(self.path)
        os.replace(self.source, self.path)
        work.undo.callback(os.replace, self.path, self.source)


@dataclass(frozen=True, kw_only=True)
class Remove(Change):
    """Take a file, a symlink or a folder away."""

    action: str = "remove"

    def _touched(self) -> tuple[str, ...]:
        return (self.path,)

    def _make(self, work: _Work) -> None:
        aside = work.aside(self.path)
        os.rename(self.path, aside)
        work.undo.callback(os.rename, aside, self.path)


@dataclass(frozen=True, kw_only=True)
class Edit(Change):
    """What `edit` does to these files, as git to its configuration. If it or another change fails they come back."""

    edit: Callable[[], object] = field(compare=False)
    paths: tuple[str, ...]

    def _touched(self) -> tuple[str, ...]:
        return self.paths

    def _make(self, work: _Work) -> None:
        for path in self.paths:
            work.keep(path)
        self.edit()


def carry_out(changes: Sequence[Change]) -> None:
    """Make all changes, in order. Raises AgentsyncError, and then everything is as it was."""
    with carried_out(changes):
        pass


@contextlib.contextmanager
def carried_out(changes: Sequence[Change]) -> Iterator[None]:
    """Make all changes, in order; what fails in the `with` takes them back, too. Raises AgentsyncError."""
    with _explained(), _Work() as work:
        _require_writable(changes)
        for change in changes:
            with _named(change.path):
                change._stage(work)
        for change in changes:
            with _named(change.path):
                change._make(work)
        yield
        work.finish({os.path.dirname(path) for change in changes for path in change._touched()})


class _Work(contextlib.AbstractContextManager["_Work"]):
    """How to take back what was made so far; what was replaced or removed lies beside its place until all is done."""

    def __init__(self) -> None:
        self.undo = contextlib.ExitStack()
        self.folders: list[str] = []  # those that have got a new one
        self._asides: list[str] = []

    def __exit__(self, *failure: object) -> None:
        self.undo.close()

    def beside(self, path: str) -> str:
        """The temporary name of what is going to be at `path`; it is gone in the end."""
        temporary = f"{path}.{os.getpid()}.new"
        self.undo.callback(_quietly, os.unlink, temporary)
        return temporary

    def aside(self, path: str) -> str:
        """Where what is taken from `path` lies until all is done."""
        aside = f"{path}.{os.getpid()}-{len(self._asides)}.old"  # one path may be touched twice
        self._asides.append(aside)
        return aside

    def keep(self, path: str) -> None:
        """Let what stands at a path, or nothing, come back there if something fails."""
        if not os.path.lexists(path):
            self.undo.callback(_quietly, os.unlink, path)
            return
        aside = self.aside(path)
        try:
            os.link(path, aside, follow_symlinks=False)
        except OSError:  # a file system without hard links
            import shutil  # late, as below: `status` asks about hooks, and installs none

            shutil.copy2(path, aside, follow_symlinks=False)
        self.undo.callback(_quietly, os.unlink, aside)  # renaming a file to its own other name does nothing
        self.undo.callback(os.replace, aside, path)

    def make_folders(self, folder: str) -> None:
        """Make a folder and those above it."""
        if not os.path.lexists(folder):
            self.make_folders(os.path.dirname(folder))
            os.mkdir(folder)
            files.share(folder, os.path.dirname(folder))
            self.folders.append(os.path.dirname(folder))
            self.undo.callback(_quietly, os.rmdir, folder)

    def finish(self, folders: Iterable[str]) -> None:
        """Nothing is taken back any more: the new names are synced, what is old is gone."""
        self.undo.pop_all()
        for folder in dict.fromkeys((*folders, *self.folders)):
            with contextlib.suppress(OSError):
                files.sync(folder)
        for aside in self._asides:
            if os.path.isdir(aside) and not os.path.islink(aside):
                import shutil

                shutil.rmtree(aside, ignore_errors=True)
            else:
                _quietly(os.unlink, aside)


def _require_writable(changes: Iterable[Change]) -> None:
    for folder in {os.path.dirname(path) for change in changes for path in change._touched()}:
        there = folder
        while not os.path.lexists(there):
            there = os.path.dirname(there)
        if not os.path.isdir(there):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), there)
        if not os.access(there, os.W_OK | os.X_OK):
            code = errno.EROFS if os.statvfs(there).f_flag & os.ST_RDONLY else errno.EACCES
            raise OSError(code, os.strerror(code), there)


def _quietly(undo: Callable[[str], None], path: str) -> None:
    with contextlib.suppress(OSError):
        undo(path)


_WRITABLE = "make it writable, or run this where it is (an agent's sandbox often denies writes under .git)"
_HINTS = dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some space on that disk, then try again")


@contextlib.contextmanager
def _named(path: str) -> Iterator[None]:
    """An error names what was to be changed, and no temporary file."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AgentsyncError(
            f"{error.filename or 'a file'} could not be changed; everything is as it was",
            cause=error.strerror or "",
            hint=_HINTS.get(error.errno or 0, _WRITABLE),
        ) from None
