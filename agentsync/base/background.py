"""How the look in the background begins: on its own, and one at a time in a clone. It imports little.

Of many commits in a row, most start one that finds the lock held; that one must end before it has cost anything.
"""

import fcntl
import gc
import os
import signal
from contextlib import suppress

from agentsync.base import files

LOCK = "look.lock"  # in the store; it holds something as long as a look is at work, or where one was ended by force


def detach() -> None:
    """Live on when the terminal is closed, and hold nothing that others wait for."""
    with suppress(PermissionError):  # a group's leader already
        os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.closerange(3, 1024)
    os.chdir("/")
    gc.enable()


def try_lock(store: str) -> int | None:
    """A descriptor that holds the lock until it is closed; None if somebody else does, or the clone is gone."""
    try:
        fd = os.open(f"{store}/{LOCK}", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except OSError:
        return None
    try:
        files.share(fd, store)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd
