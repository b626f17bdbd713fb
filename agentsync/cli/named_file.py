"""What a command writes into a file that a person names."""

from __future__ import annotations

import os
import shlex

from agentsync.base import files
from agentsync.base.errors import AgentsyncError
from agentsync.cli.terminal import clean


def write(path: str, data: bytes, usual: str) -> None:
    """Put it there, whole or not at all. `usual`: a name for it in a folder. Raises AgentsyncError."""
    try:
        if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
            cause = "it is not a regular file"
            raise AgentsyncError(f"cannot write {clean(path)}", cause=cause, hint="name a regular file")
        files.replace_file(os.path.realpath(path), data, durable=True)
    except OSError as error:
        cause, hint = _explained(path, error, usual)
        raise AgentsyncError(f"cannot write {clean(path)}", cause=clean(cause), hint=clean(hint)) from None


def _explained(path: str, error: OSError, usual: str) -> tuple[str, str]:
    folder = os.path.dirname(path) or "."
    if os.path.isdir(path):
        return "it is a folder", f"name a file in it: {os.path.join(path, usual)}"
    if not os.path.lexists(folder):
        return f"the folder {folder} does not exist", f"mkdir -p {shlex.quote(folder)}, then try again"
    if not os.path.isdir(folder):
        return f"{folder} is not a folder", "name a file in a folder that you may write to"
    return error.strerror or str(error), "name a file in a folder that you may write to, on a disk with room"
