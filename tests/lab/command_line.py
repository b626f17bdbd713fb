"""The program as a person starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def agentsync(root: Path, *args: str, status: int | None = 0, **env: str) -> str:
    """What `agentsync ARGS` prints in a folder (stdout, then stderr); `status` is what it must end with."""
    done = subprocess.run(
        [sys.executable, "-m", "agentsync", *args],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
    )
    said = done.stdout.decode() + done.stderr.decode()
    assert status is None or done.returncode == status, said
    return said
