"""The limits of a look that nobody asked for: time and memory. What waits for such a look, git above all, goes on.

Out of time, a look is stopped by an exception, so that it ends the processes that it has started and takes its
temporary files away. Python sees a signal only between two of its own steps: what does not come back from C in time is
ended by the kernel, by the processor's time that it has used.
"""

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# git's hook has 5 seconds: the look, and before it one of the processor's for git, to say what was touched (`ask` in
# hooks/shared.sh).
FOREGROUND = 3.5  # seconds
BACKGROUND = 60.0  # seconds for each look; nobody waits for it
MEMORY = 300 << 20  # bytes, for this process and for each that it starts
ENDED = "look-ended"  # in the store while hooks leave their looks to the background, because one was ended
AGAIN = 0.4  # seconds after which a signal is sent once more, and for which the processor may be used longer


class OutOfTimeError(BaseException):
    """The look has taken too long. No `Exception`: nobody on the way may take it for a failure of his own."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """For a `with` in the main thread: OutOfTimeError after so long, MemoryError when more than MEMORY is wanted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    before = signal.signal(signal.SIGALRM, _out_of_time)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGALRM, signal.SIGPROF))
    try:
        # Not the address space: a file that is mapped takes none of the machine's memory.
        _limit_memory(MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard), hard)
        signal.setitimer(signal.ITIMER_PROF, seconds + AGAIN)
        signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        _limit_memory(soft, hard)
        signal.signal(signal.SIGALRM, before)


def note_end(store: str) -> None:
    """Let no further hook wait for a look, until one has come to its end in time."""
    with suppress(OSError), open(f"{store}/{ENDED}", "wb"):
        pass


def forget_end(store: str) -> None:
    """A look has come to its end."""
    with suppress(OSError):
        os.unlink(f"{store}/{ENDED}")


def _limit_memory(soft: int, hard: int) -> None:
    with suppress(OSError, ValueError):  # not every system has this limit
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _out_of_time(number: int, frame: object) -> None:
    raise OutOfTimeError
