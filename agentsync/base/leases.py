"""Leases on files (fcntl(2), F_SETLEASE): who else has one open. Linux has them, for one's own files."""

import errno
import fcntl
import signal


def has_writer(fd: int, *, unknown: bool = False) -> bool:
    """Whether somebody has it open for writing: only while nobody has does the kernel grant a read lease."""
    if not hasattr(fcntl, "F_SETLEASE"):
        return unknown
    try:
        # Whoever opens the file before the lease is given back makes the kernel send a signal: one that does nothing.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else unknown
    return False


def take_lease(fd: int) -> bool:
    """Keep others from opening the file; False if somebody has it open. Where there are no leases nobody is kept."""
    if not hasattr(fcntl, "F_SETLEASE"):
        return True
    try:
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError as error:
        return error.errno != errno.EAGAIN
    return True
