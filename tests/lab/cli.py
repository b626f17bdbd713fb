"""A command in a process of its own, as a person or an agent calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Done:
    """What came of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout as one JSON value."""
        return json.loads(self.out)

    @property
    def records(self) -> list[dict[str, Any]]:
        """stdout as JSON Lines."""
        return [json.loads(line) for line in self.out.split("\n")[:-1]]


def agentsync(cwd: Path, *args: str, code: int | None = 0, **env: str) -> Done:
    """Run `agentsync ARGS`; fails if the exit code is not `code` (None: any)."""
    done = subprocess.run(
        [sys.executable, "-m", "agentsync", *args],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    made = Done(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert code is None or made.code == code, f"{args}: {made}"
    return made
