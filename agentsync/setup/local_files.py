"""What lies in a clone beside the hooks: exclude patterns, and the folder `.agentsync` of a worktree."""

from __future__ import annotations

import os
from collections.abc import Collection

from agentsync.base.blocks import block_lines, with_block, without_block
from agentsync.base.errors import AgentsyncError
from agentsync.base.git import Clone, Worktree
from agentsync.setup.changes import Change, Link, Remove, Write

FOLDER = ".agentsync"
GITIGNORE = b"# agentsync keeps the rest of this folder to itself.\n*\n!.gitignore\n!config.toml\n"
_ALL_LOCAL = b"# Nothing of agentsync is shared through this repository.\n*\n"
_PATTERNS = "/.agentsync/*\n!/.agentsync/.gitignore\n!/.agentsync/config.toml\n"


def plan_excludes(clone: Clone, *, local: bool) -> list[Change]:
    """Keep git from seeing what lies in `.agentsync`, on branches without its .gitignore too. `local`: all of it."""
    path, data = _exclude_file(clone)
    wanted = with_block(data, f"/{FOLDER}/\n" if local else _PATTERNS)
    return [] if data == wanted else [Write(path, data=wanted)]


def plan_no_excludes(clone: Clone) -> list[Change]:
    """The exclude file as it was."""
    path, data = _exclude_file(clone)
    if data is None or (wanted := without_block(data)) == data:
        return []
    return [Remove(path) if wanted is None else Write(path, data=wanted)]


def _exclude_file(clone: Clone) -> tuple[str, bytes | None]:
    path = os.path.realpath(f"{clone.common_dir}/info/exclude")
    try:
        with open(path, "rb") as file:
            return path, file.read()
    except FileNotFoundError:
        return path, None


def is_local(clone: Clone) -> bool:
    """Whether an earlier `init --local` keeps everything from git."""
    try:
        return f"/{FOLDER}/".encode() in block_lines(_exclude_file(clone)[1])
    except OSError:
        return False


def plan_gitignore(worktree: Worktree, *, local: bool = False) -> list[Change]:
    """The .gitignore of `.agentsync/`, where there is none, or an empty one (a full disk). Raises AgentsyncError."""
    folder = f"{worktree.root}/{FOLDER}"
    _refuse_no_folder(folder)
    path = f"{folder}/.gitignore"
    there = os.path.lexists(path)
    if there and _read(path) != b"":
        return []
    return [Write(path, data=_ALL_LOCAL if local else GITIGNORE, new=not there)]


def plan_doors(clone: Clone, worktree: Worktree) -> list[Change]:
    """The symlink to the ledger in a worktree's `.agentsync/`; what is no symlink stays. Raises AgentsyncError."""
    folder = f"{worktree.root}/{FOLDER}"
    _refuse_no_folder(folder)
    target = _ledger_from(clone, worktree)
    path = f"{folder}/ledger.jsonl"
    if not os.path.lexists(path) or (os.path.islink(path) and os.readlink(path) != target):
        return [Link(path, note=f"symlink to {target}", target=target)]
    return []


def plan_no_doors(worktree: Worktree, *, keep: Collection[str] = ()) -> list[Change]:
    """Take out what these two make in a worktree, where it is still as it was made. Raises AgentsyncError.

    `keep`: names that stay, because git tracks them.
    """
    folder = f"{worktree.root}/{FOLDER}"
    _refuse_no_folder(folder)
    changes: list[Change] = []
    link, ignored = f"{folder}/ledger.jsonl", f"{folder}/.gitignore"
    if os.path.islink(link) and os.readlink(link).endswith("/agentsync/ledger.jsonl"):
        changes.append(Remove(link))
    if ".gitignore" not in keep and _read(ignored) in (GITIGNORE, _ALL_LOCAL, b""):
        changes.append(Remove(ignored))
    return changes


def _ledger_from(clone: Clone, worktree: Worktree) -> str:
    ledger = os.path.join(os.path.realpath(clone.common_dir), "agentsync", "ledger.jsonl")
    main = worktree.git_dir == clone.common_dir
    return os.path.relpath(ledger, os.path.join(os.path.realpath(worktree.root), FOLDER)) if main else ledger


def _refuse_no_folder(folder: str) -> None:
    """Raise AgentsyncError if `.agentsync` is there and no folder: a link leads elsewhere."""
    if os.path.lexists(folder) and (os.path.islink(folder) or not os.path.isdir(folder)):
        raise AgentsyncError(
            f"{folder} is not a folder",
            cause="agentsync keeps its configuration there and follows no symbolic link",
            hint="move it out of the way, then run `agentsync init` again",
        )


def _read(path: str) -> bytes | None:
    if os.path.islink(path):
        return None
    try:
        with open(path, "rb") as file:
            return file.read(1 << 16)
    except OSError:
        return None
