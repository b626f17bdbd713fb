"""The text of an installed hook: put together from the scripts in `hooks/`, and read back."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass

from agentsync import __version__
from agentsync.observe.agent_variables import VARIABLES, Variable
from agentsync.setup import git_lfs

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENTRY = os.path.join(PACKAGE, "_entry.py")

_HEAD = """\
#!/bin/sh
# agentsync-hook {version}
agentsync_status=$?
# Written by `agentsync init`, taken out by `agentsync uninstall`. A hook that stood here before lies beside this one as
# {name}.agentsync-saved and still runs. git-lfs has shown you this? Run `agentsync init`, then `git lfs install` again.
agentsync_name={name}
agentsync_python={python}
agentsync_entry={entry}
agentsync_common=${{0%/*}}/{up}
agentsync_saved=${{0%/*}}/{name}.agentsync-saved
"""
_NOTED = ("post-commit",)  # the hooks that leave a note
_OURS = re.compile(rb"\A#!/bin/sh\n# agentsync-hook (\S+)\n")
_CALLS = re.compile(rb"^agentsync_python=(.*?)\nagentsync_entry=(.*?)\nagentsync_common=", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Script:
    """What an installed hook says of itself."""

    version: str
    python: str
    entry: str

    @property
    def current(self) -> bool:
        """Whether this version of agentsync wrote it."""
        return self.version == __version__

    @property
    def alive(self) -> bool:
        """Whether the interpreter and the package that it calls are there."""
        return os.access(self.python, os.X_OK) and os.access(self.entry, os.R_OK)


def compose(name: str, python: str, folder: str, common_dir: str, lfs: bytes = b"") -> bytes:
    """The hook `name` as it lies in `folder`, somewhere inside the common dir. `lfs`: git-lfs's, which runs first.

    It finds the common dir and a saved hook from its own place, so that a clone may be moved or copied.
    """
    head = _HEAD.format(
        version=__version__,
        name=name,
        python=shlex.quote(python),
        entry=shlex.quote(ENTRY),
        up=os.path.relpath(os.path.realpath(common_dir), os.path.realpath(folder)),
    )
    noted = [_note()] if name in _NOTED else []
    return git_lfs.joined(lfs, os.fsencode("\n".join((head, template("shared.sh"), *noted, template(name)))))


def _note() -> str:
    lines = "\n".join(f"    {_tell(variable)}" for variable in VARIABLES)
    return template("note.sh").replace("@variables@", lines)


def _tell(variable: Variable) -> str:
    wanted = f" {shlex.quote(variable.wanted)}" if variable.wanted else ""
    return f'tell_{variable.kind} {variable.name} "${{{variable.name}-}}"{wanted}'


def read_script(data: bytes) -> Script | None:
    """What a hook of ours says, whatever version wrote it; None if it is not ours."""
    ours = _OURS.match(git_lfs.below(data))
    if not ours:
        return None
    calls = _CALLS.search(data)
    python, entry = (_unquote(text) for text in calls.groups()) if calls else ("", "")
    return Script(ours[1].decode(errors="replace"), python, entry)


def _unquote(text: bytes) -> str:
    try:
        return "".join(shlex.split(os.fsdecode(text)))
    except ValueError:
        return ""  # somebody edited it: no interpreter is found, and `init` repairs it


def template(name: str) -> str:
    """A script of `hooks/`, without what is meant for the linter."""
    package = os.path.dirname(ENTRY)
    shipped = os.path.join(package, "_hooks")  # in a wheel; an editable install has them where people look for them
    folder = shipped if os.path.isdir(shipped) else os.path.join(os.path.dirname(package), "hooks")
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return "".join(line for line in file if not line.lstrip().startswith("# shellcheck"))
