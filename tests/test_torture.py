"""A small part of `make torture`, so that it works when somebody needs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from lab import strace

pytestmark = pytest.mark.long
TESTS = Path(__file__).parent


@pytest.mark.parametrize(
    "arguments",
    [("faults", "--runs", "60", "--jobs", "1"), ("power", "--runs", "11"), ("crowd", "--seconds", "20")],
    ids=lambda arguments: arguments[0],
)
def test_nothing_is_lost_doubled_or_left(arguments: tuple[str, ...]) -> None:
    strace.require()
    if arguments[0] == "power" and os.geteuid():
        pytest.skip("cutting the power needs root")
    env = {**os.environ, "PYTHONPATH": str(TESTS)}
    done = subprocess.run(
        [sys.executable, "-m", "torture", *arguments], cwd=TESTS.parent, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
