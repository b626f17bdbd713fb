"""A systemd user unit for `agentsync serve`, one for each clone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from agentsync.base.errors import AgentsyncError
from agentsync.poller import holder
from agentsync.setup.changes import Remove, Write, carry_out
from agentsync.setup.interpreter import check_interpreter

TIMEOUT = 60.0  # seconds for systemctl
MARK = b"# Written by `agentsync service install`; `agentsync service uninstall` takes it out.\n"
_UNIT = """\
[Unit]
Description=agentsync for {root}

[Service]
Type=exec
WorkingDirectory={root}
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

    @property
    def path(self) -> str:
        """Where the user's units lie."""
        config = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.environ.get("HOME", ""), ".config")
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
    return _UNIT.format(root=unit.root.replace("%", "%%"), command=" ".join(map(_quoted, command)))


def _quoted(part: str) -> str:
    """A word of ExecStart=, in which systemd expands nothing."""
    escaped = part.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def install(unit: Unit, python: str, arguments: list[str]) -> list[str]:
    """Write the unit, and start it where systemd is at hand; what was done. Raises AgentsyncError."""
    check_interpreter(unit.root, python)
    _refuse_foreign(unit.path)
    carry_out([Write(unit.path, data=MARK + text(unit, python, arguments).encode(), mode=0o644)])
    commands = [["daemon-reload"], ["enable", unit.name], ["restart", unit.name]]
    return [f"wrote {unit.path}", *_run(commands, "start")]


def uninstall(unit: Unit) -> list[str]:
    """Stop it and take the unit out; what was done. Raises AgentsyncError."""
    if not os.path.lexists(unit.path):
        return [f"{unit.path} is not there"]
    _refuse_foreign(unit.path)
    steps = _run([["disable", "--now", unit.name]], "stop")
    carry_out([Remove(unit.path)])
    _systemctl(["daemon-reload"])
    return [*steps, f"removed {unit.path}"]


def status(unit: Unit) -> Found:
    """What there is."""
    said = _systemctl(["is-active", unit.name])[1].partition("\n")[0]
    watched_by = holder(f"{unit.common_dir}/agentsync") or ""
    return Found(unit.name, unit.path, os.path.exists(unit.path), said, watched_by)


def _run(commands: list[list[str]], purpose: str) -> list[str]:
    """Run them all, or say which a person has to run. Raises AgentsyncError where one to start it fails."""
    shown = [f"systemctl --user {' '.join(command)}" for command in commands]
    done: list[str] = []
    for command, line in zip(commands, shown, strict=True):
        code, said = _systemctl(command)
        if code is None or (code and "bus" in said):
            return [*done, f"systemd is not available: {purpose} it with {' && '.join(shown[len(done) :])} ({said})"]
        if code and purpose == "start":
            raise AgentsyncError(f"{line} failed", cause=said, hint="journalctl --user shows why")
        done.append(f"ran {line}")
    return done


def _systemctl(args: list[str]) -> tuple[int | None, str]:
    """Exit status and words of systemctl; None where it cannot be had, and why."""
    program = shutil.which("systemctl")
    if program is None:
        return None, "systemctl is not installed"
    nothing, both = subprocess.DEVNULL, subprocess.STDOUT
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            [program, "--user", *args], stdin=nothing, stdout=subprocess.PIPE, stderr=both, timeout=TIMEOUT, check=False
        )
        return done.returncode, done.stdout.decode(errors="replace").strip()
    return None, "systemctl does not answer"


def _refuse_foreign(path: str) -> None:
    """Raise AgentsyncError if somebody else's file is there."""
    try:
        with open(path, "rb") as file:
            ours = file.readline() == MARK
    except FileNotFoundError:
        return
    except OSError as error:
        raise AgentsyncError(f"cannot read {path}", cause=error.strerror or "") from None
    if not ours:
        raise AgentsyncError(f"{path} was not written by agentsync", hint="move it out of the way")
