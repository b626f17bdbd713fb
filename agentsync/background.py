"""The look that a commit's hook starts in the background: one at a time in a clone, and it ends by itself.

Nobody waits for it, and nothing depends on it: a note waits until somebody looks. So it may be killed at any time, as a
sandbox does with all that a command has started.
"""

from __future__ import annotations

import fcntl
import gc
import os
import signal
from contextlib import suppress


def main(store: str) -> None:
    """Take in all notes, and those that come meanwhile. `store`: agentsync's folder in the common dir."""
    start, store = os.getcwd(), os.path.abspath(store)
    _detach()
    done: set[str] = set()
    while (lock := _lock(store)) is not None:
        from agentsync import hook  # late: of many commits in a row, most find the lock held

        try:
            hook.take_in(start, done)
        finally:
            os.close(lock)
        # Who left a note in the last moment has found the lock held, and relies on us.
        if not hook.waiting(start) - done:
            return


def _detach() -> None:
    """Live on when the terminal is closed, and hold nothing that others wait for."""
    with suppress(PermissionError):  # a group's leader already
        os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.closerange(3, 1024)
    os.chdir("/")
    gc.enable()


def _lock(store: str) -> int | None:
    """A descriptor that holds the lock; None if somebody else does, or the clone is gone."""
    try:
        fd = os.open(f"{store}/look.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd
