"""System calls, as strace sees them: what is synced before it takes a name, and what a call that fails does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

CALLS = "execve,openat,write,pwrite64,ftruncate,fsync,fdatasync,rename,renameat,renameat2,link,linkat,chdir"


def require() -> None:
    """Skip a test where there is no strace; in CI that is a failure."""
    if shutil.which("strace") is None:
        if os.environ.get("AGENTSYNC_REQUIRE_STRACE"):
            pytest.fail("no strace")
        pytest.skip("no strace")


class Call(NamedTuple):
    """A call that succeeded: its process, its name, what strace writes between the parentheses, and what it opened."""

    process: str
    name: str
    arguments: str
    opened: str = ""


def trace(command: Sequence[str], cwd: Path, log: Path, env: Mapping[str, str] | None = None) -> list[Call]:
    """The calls of a command, and of all that it starts, that may change a file."""
    argv = ["strace", "-f", "-y", "-s", "300", "-e", f"trace={CALLS}", "-o", str(log), *command]
    done = subprocess.run(argv, cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return list(_calls(log.read_text(errors="replace")))


def _calls(text: str) -> Iterator[Call]:
    begun: dict[str, str] = {}
    for line in text.splitlines():
        process, _, said = line.partition(" ")
        said = said.strip()
        if said.endswith("<unfinished ...>"):
            begun[process] = said.removesuffix("<unfinished ...>")
            continue
        if resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", said):
            said = begun.pop(process, "") + resumed[1]
        found = re.match(r"(\w+)\((.*)\)\s+= (-?\d+)(?:<(.*)>)?", said)
        if found and not found[3].startswith("-"):
            yield Call(process, found[1], found[2], found[4] or "")


def ours(calls: Sequence[Call]) -> list[Call]:
    """Those of Python alone: git keeps its own files as it likes."""
    programs: dict[str, str] = {}
    found = []
    for call in calls:
        if call.name == "execve":
            programs[call.process] = call.arguments.split(",")[0]
        elif "python" in programs.get(call.process, "") or "agentsync" in programs.get(call.process, ""):
            found.append(call)
    return found


def unsynced(calls: Sequence[Call], cwd: Path) -> Iterator[str]:
    """Names that a file was given although it, or then the folder, was not synced."""
    dirty: set[str] = set()
    waiting: dict[str, str] = {}
    for call in calls:
        paths = _paths(call, cwd)
        match call.name:
            case "openat" if "O_TRUNC" in call.arguments:
                dirty.add(paths[-1])
            case "write" | "pwrite64" | "ftruncate":
                dirty.add(paths[0])
            case "fsync" | "fdatasync":
                dirty.discard(paths[0])
                waiting = {name: folder for name, folder in waiting.items() if folder != paths[0]}
            case "rename" | "renameat" | "renameat2" | "link" | "linkat":
                source, target = paths[-2:]
                if source in dirty:
                    yield f"{target} is {source}, which is not on the disk"
                if target in dirty and "RENAME_EXCHANGE" in call.arguments:
                    yield f"{source} is {target}, which is not on the disk"
                waiting[target] = os.path.dirname(target)
    yield from (f"{target}: its folder is not on the disk" for target in waiting)


def _paths(call: Call, cwd: Path) -> list[str]:
    """The paths among the arguments, absolute."""
    if call.name in ("write", "pwrite64", "ftruncate", "fsync", "fdatasync"):
        return re.findall(r"^\d+<([^>]*)>", call.arguments)
    found = []
    for descriptor, name in re.findall(r"(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?\"((?:[^\"\\]|\\.)*)\"", call.arguments):
        found.append(os.path.normpath(os.path.join(descriptor or cwd, name)))
    return found
