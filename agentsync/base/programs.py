"""Other programs as child processes, each in a session of its own that is ended whole."""

import contextlib
import os
import signal
import subprocess


def run(
    argv: list[str], stdin: bytes, env: dict[str, str], timeout: float, *, terminal: bool = False
) -> tuple[int, bytes, bytes]:
    """Exit status, output and errors of a program; after `timeout` seconds it is killed, with all that it started.

    `terminal`: what it starts may ask the person at the terminal. Raises FileNotFoundError.
    """
    process = subprocess.Popen(
        argv,
        env=env,
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=not terminal,
    )
    with process:
        try:
            out, err = process.communicate(stdin or None, timeout)
        except subprocess.TimeoutExpired as expired:
            _kill(process, whole=not terminal)
            return -signal.SIGKILL, expired.output or b"", expired.stderr or b""
        except BaseException:
            _kill(process, whole=not terminal)
            raise
    return process.returncode, out, err


def _kill(process: subprocess.Popen[bytes], *, whole: bool) -> None:
    """Not `process.communicate` again: what it has started may hold the pipes for ever."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM where all of it has ended
            (os.killpg if whole else os.kill)(process.pid, signal.SIGKILL)
