"""One system call of one run fails, or the process is killed at it: by strace, which calls it back by its number."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ERRORS = ("EIO", "ENOSPC", "EROFS", "EACCES", "EMFILE", "EINTR")
SHORT, KILL = "short write", "SIGKILL"
STATE_CHANGING = (
    "openat,write,pwrite64,ftruncate,fsync,fdatasync,rename,renameat,renameat2,link,linkat,symlink,unlink,unlinkat,"
    "mkdir,mkdirat,rmdir,fchmod,utimensat,flock"
)


class Fault(NamedTuple):
    """The call number `number` of its kind, counted in one process, and what becomes of it."""

    call: str
    number: int
    kind: str

    @property
    def strace(self) -> list[str]:
        """strace's arguments. A short write is one that has written nothing: it must not say more than it did."""
        what = {SHORT: "retval=0", KILL: "signal=SIGKILL"}.get(self.kind, f"error={self.kind}")
        return ["-e", f"trace={self.call}", "-e", f"inject={self.call}:{what}:when={self.number}"]


def faults(calls: Sequence[tuple[str, str]], where: Path) -> Iterator[Fault]:
    """Each fault that may meet a run that made these calls (name and arguments) and touches files below `where`."""
    numbers: dict[str, int] = {}
    for call, arguments in calls:
        numbers[call] = numbers.get(call, 0) + 1
        if not _concerns(call, arguments, where):
            continue
        kinds = [*ERRORS, *([SHORT] if call in ("write", "pwrite64") else []), KILL]
        yield from (Fault(call, numbers[call], kind) for kind in kinds)


def _concerns(call: str, arguments: str, where: Path) -> bool:
    """Whether a call is about the repository. Python's own library is opened in the same way, and is no business."""
    named = re.findall(r'(?:(AT_FDCWD|\d+)(?:<([^>]*)>)?, )?"([^"]*)"', arguments) if call != "write" else []
    paths = [os.path.join(descriptor or str(where), name) for _, descriptor, name in named]
    if not paths:  # a call of a descriptor
        paths = re.findall(r"^\d+<([^>]*)>", arguments)
    return any(path.startswith(str(where)) for path in paths)


def calls_in(log: Path) -> list[tuple[str, str]]:
    """The calls in a log of strace, in order."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return [(found[1], found[2]) for line in lines if (found := re.match(r"(\w+)\((.*)", line))]


WRAPPER = """#!/bin/sh
# The interpreter that hooks start in the torture: under strace where a fault is asked for.
case " $* " in
*" $TORTURE_MODE "*) exec strace -qq -y -s 200 -o "$TORTURE_LOG" $TORTURE_STRACE {python} "$@" ;;
esac
exec {python} "$@"
"""


def wrapper(folder: Path, python: str) -> Path:
    """An interpreter that obeys `environment`."""
    path = folder / "python"
    path.write_text(WRAPPER.format(python=python))
    path.chmod(0o755)
    return path


def environment(mode: str, strace: Sequence[str], log: Path) -> dict[str, str]:
    """What makes the wrapper start hooks of a mode (`hook`, `look`) under strace with these arguments."""
    return {**os.environ, "TORTURE_MODE": mode, "TORTURE_STRACE": " ".join(strace), "TORTURE_LOG": str(log)}
