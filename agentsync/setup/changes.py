"""Changes to files that are made all together or not at all: staged beside their places, then moved in."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from agentsync.base import files
from agentsync.base.errors import AgentsyncError


@dataclass(frozen=True)
class Step:
    """One thing that was touched, or would be. `action`: write, save, restore, remove, keep or advise."""

    action: str
    path: str
    note: str = ""


@dataclass(frozen=True)
class Write:
    """Put `data` at `path`. A file that is there keeps its mode, and becomes executable if `mode` says so."""

    path: str
    data: bytes
    mode: int = 0o666

    def step(self) -> Step:
        """What a person is told."""
        return Step("write", self.path)


@dataclass(frozen=True)
class Move:
    """Rename, over whatever is at `to`."""

    path: str
    to: str
    action: str

    def step(self) -> Step:
        """What a person is told."""
        return Step(self.action, self.to, f"was {os.path.basename(self.path)}")


@dataclass(frozen=True)
class Remove:
    """Take a file or a symlink away."""

    path: str

    def step(self) -> Step:
        """What a person is told."""
        return Step("remove", self.path)


@dataclass(frozen=True)
class Say:
    """Nothing to do, but something to tell."""

    path: str
    action: str
    note: str

    def step(self) -> Step:
        """What a person is told."""
        return Step(self.action, self.path, self.note)


Op = Write | Move | Remove | Say


def carry_out(ops: Iterable[Op], *, dry_run: bool) -> list[Step]:
    """Do it all, in order, or with `dry_run` nothing; the steps are the same. Raises AgentsyncError."""
    ops = list(ops)
    if not dry_run:
        with _explained():
            _apply(ops)
    return [op.step() for op in ops]


def _apply(ops: list[Op]) -> None:
    _require_writable(ops)
    with contextlib.ExitStack() as undo:
        staged = [_stage(op, undo) if isinstance(op, Write) else "" for op in ops]
        for op, temporary in zip(ops, staged, strict=True):
            if isinstance(op, Write):
                os.replace(temporary, op.path)
            elif isinstance(op, Move):
                os.replace(op.path, op.to)
            elif isinstance(op, Remove):
                os.unlink(op.path)
        undo.pop_all()


def _require_writable(ops: list[Op]) -> None:
    for op in ops:
        folder = os.path.dirname(op.path)
        if isinstance(op, Move | Remove) and not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, os.strerror(13), folder)


def _stage(op: Write, undo: contextlib.ExitStack) -> str:
    _make_folders(os.path.dirname(op.path), undo)
    temporary = f"{op.path}.{os.getpid()}.new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, op.mode)
    undo.callback(_quietly, os.unlink, temporary)
    try:
        files.write_all(fd, op.data)
        with contextlib.suppress(OSError):
            os.fchmod(fd, os.stat(op.path).st_mode & 0o777 | op.mode & 0o111)
    finally:
        os.close(fd)
    return temporary


def _make_folders(folder: str, undo: contextlib.ExitStack) -> None:
    if not os.path.lexists(folder):
        _make_folders(os.path.dirname(folder), undo)
        os.mkdir(folder)
        undo.callback(_quietly, os.rmdir, folder)


def _quietly(undo: Callable[[str], None], path: str) -> None:
    with contextlib.suppress(OSError):
        undo(path)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AgentsyncError(
            "git's directory could not be changed; everything is as it was",
            cause=f"{error.strerror}: {error.filename}",
            hint="make it writable, or run this where it is (an agent's sandbox often denies writes under .git)",
        ) from None
