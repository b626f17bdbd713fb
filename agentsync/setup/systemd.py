"""A systemd user unit for `agentsync serve`, one for each clone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from agentsync.base import files
from agentsync.base.errors import AgentsyncError
from agentsync.poller import holder
from agentsync.setup.interpreter import check_interpreter

TIMEOUT = 60.0  # seconds for systemctl
MARK = "# Written by `agentsync service install`; `agentsync service uninstall` takes it out."
_UNIT = """\
{mark}
[Unit]
Description=agentsync for {root}

[Service]
Type=exec
WorkingDirectory={folder}
ExecStart={command}
Restart=on-failure
RestartSec=5
# 2: wrong options, 4: somebody else watches this clone; neither mends itself.
RestartPreventExitStatus=2 4
NoNewPrivileges=yes

[Install]
WantedBy=default.target
"""


@dataclass(frozen=True)
class Unit:
    """The unit of a clone, which serves one worktree (`root`) of it."""

    root: str
    common_dir: str

    @property
    def name(self) -> str:
        """Told apart by the repository's name, and from others of that name by where it lies."""
        folder = re.sub(r"[^A-Za-z0-9_-]+", "-", os.path.basename(self.root)).strip("-")[:40] or "repository"
        return f"agentsync-{folder}-{sha256(os.fsencode(self.common_dir)).hexdigest()[:8]}.service"

    def path(self, environ: Mapping[str, str]) -> str:
        """Where the user's units lie."""
        config = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME", ""), ".config")
        return os.path.join(config, "systemd", "user", self.name)


@dataclass(frozen=True)
class Found:
    """What there is of a unit: its file, what systemd says of it, and which process watches the clone ("": none)."""

    unit: str
    path: str
    installed: bool
    systemd: str
    watched_by: str


def text(unit: Unit, python: str, arguments: list[str]) -> str:
    """The unit. Raises AgentsyncError for a path that no unit can name."""
    command = [python, "-m", "agentsync", "-C", unit.root, "serve", *arguments]
    if any(not part.isprintable() for part in command):
        raise AgentsyncError("a unit cannot name a path with control characters", cause=repr(unit.root))
    return _UNIT.format(
        mark=MARK,
        root=unit.root.replace("%", "%%"),
        folder=unit.root.replace("%", "%%"),
        command=" ".join(map(_quoted, command)),
    )


def _quoted(part: str) -> str:
    """A word of ExecStart=, in which systemd expands nothing."""
    escaped = part.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def install(unit: Unit, python: str, arguments: list[str], environ: Mapping[str, str]) -> list[str]:
    """Write the unit, and start it where systemd is at hand; what was done. Raises AgentsyncError."""
    check_interpreter(unit.root, python)
    path, content = unit.path(environ), text(unit, python, arguments).encode()
    _refuse_foreign(path)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        files.replace_file(path, content)
    except OSError as error:
        raise AgentsyncError(f"cannot write {path}", cause=error.strerror or "") from None
    steps = [f"wrote {path}"]
    commands = (["daemon-reload"], ["enable", unit.name], ["restart", unit.name])
    return steps + _all(commands, environ, "systemd is not at hand: start it with", needed=True)


def uninstall(unit: Unit, environ: Mapping[str, str]) -> list[str]:
    """Stop it and take the unit out; what was done. Raises AgentsyncError."""
    path = unit.path(environ)
    if not os.path.lexists(path):
        return [f"{path} is not there"]
    _refuse_foreign(path)
    steps = _all((["disable", "--now", unit.name],), environ, "systemd is not at hand: stop it with", needed=False)
    os.unlink(path)
    _systemctl(["daemon-reload"], environ)
    return [*steps, f"removed {path}"]


def status(unit: Unit, environ: Mapping[str, str]) -> Found:
    """What there is."""
    path = unit.path(environ)
    code, said = _systemctl(["is-active", unit.name], environ)
    state = said if code is None or not said else said.splitlines()[0]
    return Found(unit.name, path, os.path.exists(path), state, holder(f"{unit.common_dir}/agentsync") or "")


def _all(commands: tuple[list[str], ...], environ: Mapping[str, str], otherwise: str, *, needed: bool) -> list[str]:
    """Run them all, or say which a person has to run."""
    shown = [f"systemctl --user {' '.join(command)}" for command in commands]
    done: list[str] = []
    for command, line in zip(commands, shown, strict=True):
        code, said = _systemctl(command, environ)
        if code is None or (code and "bus" in said):
            return [*done, f"{otherwise} {' && '.join(shown[len(done) :])} ({said})"]
        if code and needed:
            raise AgentsyncError(f"{line} failed", cause=said, hint="journalctl --user shows why")
        done.append(f"ran {line}")
    return done


def _systemctl(args: list[str], environ: Mapping[str, str]) -> tuple[int | None, str]:
    """Exit status and words of systemctl; None where it cannot be had, and why."""
    program = shutil.which("systemctl", path=environ.get("PATH"))
    if program is None:
        return None, "there is no systemctl"
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            [program, "--user", *args],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT,
            check=False,
        )
        return done.returncode, done.stdout.decode(errors="replace").strip()
    return None, "systemctl does not answer"


def _refuse_foreign(path: str) -> None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            ours = file.readline().rstrip("\n") == MARK
    except FileNotFoundError:
        return
    except OSError as error:
        raise AgentsyncError(f"cannot read {path}", cause=error.strerror or "") from None
    if not ours:
        raise AgentsyncError(f"{path} is not of agentsync's making", hint="move it out of the way")
