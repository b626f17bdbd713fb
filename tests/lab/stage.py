"""A sealed-off place in which the commands of a page are run, one after another, with or without a terminal."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

from lab.sealing import seal

BIN = str(Path(sys.executable).parent)
ROOT = Path(__file__).resolve().parent.parent.parent
# Programs that are not to be run by a page: they only have to be called rightly.
STAND_INS = {"make": 'exec grep -q "^$1:" {root}/Makefile', "pipx": "exit 0", "claude": "exit 0", "codex": "exit 0"}
VOLATILE = (
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b", "UUID"),
    (r"\b(?=[0-9a-f]*\d)[0-9a-f]{7,12}\b", "HEX"),
    (r"\b20\d\d-\d\d-\d\d([T ]\d\d:\d\d(:\d\dZ)?)?", "TIME"),
    (r"\b(just now|(less than a minute|\d+ min|\d+ h) ago)\b", "AGO"),
    (r"\b\d+ min\b", "A WHILE"),
    (r"(/[\w.+-]+)+/python[\d.]*", "PYTHON"),
    (r"\b\d+ KiB", "SIZE"),
    (r"git \d+\.[\d.]+", "git VERSION"),
    (r"[ ─]+", " "),
)
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Stage:
    """A folder, and an environment in which nothing of this machine is known; a `cd` in a command stays."""

    def __init__(self, home: Path, name: str = "example") -> None:
        self.home = home
        self.folder = home / name
        self.folder.mkdir(parents=True)
        self._where = home / "where"
        programs = home / "bin"
        programs.mkdir(exist_ok=True)
        for program, script in STAND_INS.items():
            (programs / program).write_text(f"#!/bin/sh\n{script.format(root=ROOT)}\n")
            (programs / program).chmod(0o755)
        self.environ = {
            **{name: os.environ[name] for name in ("TMPDIR", "SSL_CERT_FILE") if name in os.environ},
            **seal(home),
            "PATH": f"{programs}:{BIN}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "PAGER": "cat",
            "GIT_PAGER": "cat",
        }

    def run(self, command: str, **environ: str) -> tuple[int, str]:
        """Exit code and output of a command, as in a pipe."""
        done = subprocess.run(
            ["sh", "-c", self._script(command)],
            cwd=self.folder,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        return done.returncode, self._said(done.stdout)

    def on_terminal(self, command: str, columns: int, **environ: str) -> str:
        """What a command prints on a terminal so wide, with its escapes."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        with subprocess.Popen(
            ["sh", "-c", self._script(command)],
            cwd=self.folder,
            env={**self.environ, "TERM": "xterm-256color", **environ},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        ):
            os.close(theirs)
            parts = []
            with contextlib.suppress(OSError):  # the terminal's end
                while part := os.read(ours, 1 << 16):
                    parts.append(part)
        os.close(ours)
        return self._said(b"".join(parts).decode().replace("\r\n", "\n"))

    def _script(self, command: str) -> str:
        return f'{command}\nstatus=$?\npwd >"{self._where}"\nexit $status'

    def _said(self, output: str) -> str:
        """Where the stage lies is nobody's business."""
        self.folder = Path(self._where.read_text().removesuffix("\n"))
        for here, there in ((f"{self.folder}/", ""), (str(self.home), "/home/ada"), (BIN, "/home/ada/.local/bin")):
            output = output.replace(here, there)
        return output


def without_escapes(output: str) -> str:
    """What a terminal shows, without colours."""
    return _ESCAPES.sub("", output)


def steady(output: str) -> str:
    """Without what is another each time: ids, times, versions, how wide a column is and where a line is folded."""
    output = " ".join(output.split())
    for pattern, word in VOLATILE:
        output = re.sub(pattern, word, output)
    return output
