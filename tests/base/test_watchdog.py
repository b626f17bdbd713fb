"""The limits of a look that nobody asked for: each in a process of its own, which they may end."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from lab.live import until

from agentsync.base import files

_LIMITED = """
import sys, time
from agentsync.base import git, watchdog

def forever():
    while True:
        time.sleep(1)

try:
    with watchdog.limited(0.2):
        {body}
except (watchdog.OutOfTimeError, MemoryError) as error:
    print(type(error).__name__)
time.sleep(0.3)
print(len(bytearray(watchdog.MEMORY + 1)) > watchdog.MEMORY)
"""


def ended(body: str, *arguments: object) -> tuple[int, list[str]]:
    """Exit status and output of a process that does this under the limits, and then lives on without them."""
    argv = [sys.executable, "-c", _LIMITED.format(body=body), *map(str, arguments)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    return done.returncode, done.stdout.split()


def test_what_comes_to_its_end_in_time_is_let_alone() -> None:
    assert ended("print('done')") == (0, ["done", "True"])


def test_what_takes_too_long_is_stopped() -> None:
    """Though it sleeps, and though it takes each exception for its own."""
    assert ended("forever()") == (0, ["OutOfTimeError", "True"])


def test_a_loop_that_never_comes_back_to_python_is_ended_by_the_kernel() -> None:
    assert ended("sum(iter(int, 1))") == (-signal.SIGPROF, [])


def test_what_wants_too_much_memory_does_not_get_it() -> None:
    assert ended("bytearray(watchdog.MEMORY)") == (0, ["MemoryError", "True"])


def test_the_processes_that_it_has_started_end_with_it(tmp_path: Path) -> None:
    """All of them: git, and what git has started."""
    alias = "alias.wait=!sleep 1000 & echo $! >pid; wait"
    body = "git.run(['-c', sys.argv[2], 'wait'], cwd=sys.argv[1])"
    assert ended(body, tmp_path, alias) == (0, ["OutOfTimeError", "True"])
    started = int((tmp_path / "pid").read_text())
    until(lambda: not files.is_running(started) or is_dead(started))


def is_dead(pid: int) -> bool:
    """Whether it only waits for somebody to ask how it ended."""
    return b") Z " in Path(f"/proc/{pid}/stat").read_bytes()
