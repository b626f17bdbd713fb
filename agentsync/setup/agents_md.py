"""A few facts about agentsync in AGENTS.md and CLAUDE.md, between comments; without them a file is as it was."""

from __future__ import annotations

import os
import re

from agentsync.base import files
from agentsync.base.errors import AgentsyncError
from agentsync.setup.changes import Change, Remove, Say, Write

NAMES = ("AGENTS.md", "CLAUDE.md")
FACTS = (
    "agentsync records who changes the watched documents of this repository.",
    "`agentsync brief` tells what others changed since the last session.",
    "`agentsync overlaps` tells which branches change the same documents.",
    "`agentsync log` lists every recorded change.",
)
_BLOCK = re.compile(rb"<!-- agentsync:( new file| own line)? -->\r?\n.*?<!-- agentsync end -->\r?\n", re.DOTALL)


def plan_install(root: str) -> list[Change]:
    """The block for each file that is there, else for a new AGENTS.md. Raises AgentsyncError."""
    there = _files(root)
    if not there:
        return [Write(f"{root}/{NAMES[0]}", data=_block(b"\n", b" new file"), new=True)]
    return [_with_block(path, data) for path, data in there if not _BLOCK.search(data)]


def plan_remove(root: str) -> list[Change]:
    """Each file as it was before the block. Raises AgentsyncError."""
    return [_without_block(path, data, found) for path, data in _files(root) if (found := _BLOCK.search(data))]


def _with_block(path: str, data: bytes) -> Change:
    if b"\0" in data:
        return Say(path, "keep", "it holds NUL bytes, so it is no text")
    newline = b"\r\n" if b"\r\n" in data else b"\n"
    if not data or data.endswith(b"\n"):
        return Write(path, data=data + _block(newline, b""))
    return Write(path, data=data + newline + _block(newline, b" own line"))


def _without_block(path: str, data: bytes, found: re.Match[bytes]) -> Change:
    before, after = data[: found.start()], data[found.end() :]
    if found[1] == b" own line" and not after:
        before = before.removesuffix(b"\r\n" if found[0].endswith(b"\r\n") else b"\n")
    if found[1] == b" new file" and not before + after:
        return Remove(path)
    return Write(path, data=before + after)


def _block(newline: bytes, how: bytes) -> bytes:
    lines = (b"<!-- agentsync:" + how + b" -->", *(one.encode() for one in FACTS), b"<!-- agentsync end -->")
    return b"".join(line + newline for line in lines)


def _files(root: str) -> list[tuple[str, bytes]]:
    """What is there and holds text; a symbolic link is left to the file that it names."""
    found = []
    for name in NAMES:
        try:
            data = files.read_document(root, name)
        except files.UnreadableError as error:
            if os.path.islink(f"{root}/{name}"):
                continue
            raise AgentsyncError(f"{name} cannot be read", cause=str(error)) from None
        if data is not None:
            found.append((f"{root}/{name}", data))
    return found
