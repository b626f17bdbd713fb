"""The command line: in this process, where a test asks what a command says, and as a program of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from agentsync.__main__ import run


@dataclass(frozen=True)
class Done:
    """What came of a command."""

    out: str
    err: str
    code: int

    @property
    def said(self) -> str:
        """stdout, then stderr."""
        return self.out + self.err

    @property
    def json(self) -> Any:
        """stdout as one JSON value."""
        return json.loads(self.out)

    @property
    def records(self) -> list[dict[str, Any]]:
        """stdout as JSON Lines."""
        return [json.loads(line) for line in self.out.split("\n")[:-1]]


def agentsync(cwd: Path, *args: str, code: int | None = 0, **env: str) -> Done:
    """Run `agentsync ARGS` in this process; fails if the exit code is not `code` (None: any)."""
    out, err = _stream(), _stream()
    with _standing_in(cwd, env), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            ended = run(list(args))
        except SystemExit as end:  # click's completion
            ended = int(end.code or 0)
    return _checked(args, Done(_text(out), _text(err), ended), code)


def agentsync_process(cwd: Path, *args: str, code: int | None = 0, **env: str) -> Done:
    """The same in a process of its own, as a person or an agent starts it."""
    done = subprocess.run(
        [sys.executable, "-m", "agentsync", *args],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    return _checked(args, Done(done.stdout.decode(), done.stderr.decode(), done.returncode), code)


def _checked(args: tuple[str, ...], done: Done, code: int | None) -> Done:
    assert code is None or done.code == code, f"{args}: {done}"
    return done


@contextlib.contextmanager
def _standing_in(cwd: Path, env: dict[str, str]) -> Iterator[None]:
    """Folder, environment and empty stdin of the command, and afterwards those of before."""
    before = os.getcwd()
    with mock.patch.dict(os.environ, env), mock.patch.object(sys, "stdin", io.StringIO()):
        os.chdir(cwd)
        try:
            yield
        finally:
            os.chdir(before)


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace", newline="\n")


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    data: bytes = stream.buffer.getvalue()  # type: ignore[attr-defined]
    return data.decode()
