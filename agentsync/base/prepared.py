"""The configuration in force, prepared: a hook reads a little JSON, and TOML only where the file is not as it was.

In the common dir lie `settings.json` (the last valid settings of each worktree, with the file's path, inode, size and
mtime) and `pathspecs` (what any of them watches, one a line, for the hooks' sh). Both may be deleted at any time.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from agentsync.base import strict_json
from agentsync.base.errors import ConfigError, LockedError
from agentsync.base.files import Locked, read_all, replace_file
from agentsync.base.settings import Settings, from_json, shell_pathspecs, to_json

VERSION = 1
MAX_BYTES = 4 << 20
MAX_WORKTREES = 32
PATIENCE = 0.2  # seconds


@dataclass(frozen=True)
class Prepared:
    """Settings, and from which file: its path, inode, size in bytes and mtime in nanoseconds."""

    stamp: list[str | int]
    settings: Settings


def current(config_path: str, store: str) -> tuple[Settings, str | None]:
    """The settings in force for a configuration file, and what is wrong with that file (None: nothing).

    A file that is missing or wrong leaves the last valid settings in force: this worktree's, else the clone's newest,
    else the defaults. `store` is agentsync's folder in the common dir; where it cannot be written, nothing is prepared.
    """
    path = os.path.abspath(config_path)
    known = prepared(store)
    stamp = stamp_of(path)
    for one in known:
        if one.stamp == stamp:
            _freshen(store, path)
            return one.settings, None
    if stamp is None:
        return _last_valid(path, known), None
    from agentsync.base.config import read  # late: TOML costs more than all the rest of a hook

    try:
        settings, seen = read(path)
    except ConfigError as error:
        return _last_valid(path, known), "; ".join(filter(None, (error.message, error.cause, error.hint)))
    _prepare(store, Prepared([path, *seen], settings))
    return settings, None


def _freshen(store: str, path: str) -> None:
    """Make the shell's list newer than the configuration by a whole second: many a shell's `-nt` compares no less.

    They are often written in one second; until this has been done, every hook would start Python to find them fit.
    """
    pathspecs = f"{store}/pathspecs"
    try:
        if int(os.stat(pathspecs).st_mtime) <= int(os.stat(path).st_mtime):
            os.utime(pathspecs)
    except OSError:
        return


def prepared(store: str) -> list[Prepared]:
    """What was prepared, the newest first; empty where nothing was or it cannot be used."""
    try:
        fd = os.open(os.path.join(store, "settings.json"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        flat = strict_json.loads(read_all(fd, MAX_BYTES).decode())
        if flat["v"] != VERSION:
            return []
        return [Prepared(one["stamp"], from_json(one["settings"])) for one in (flat, *flat["others"])]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return []
    finally:
        os.close(fd)


def stamp_of(path: str) -> list[str | int] | None:
    """By what a changed file is known, None if there is none; what cannot be looked at gets one that fits none."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError:
        return [path, 0, 0, 0]
    return [path, status.st_ino, status.st_size, status.st_mtime_ns]


def _last_valid(path: str, known: list[Prepared]) -> Settings:
    own = [one for one in known if one.stamp[0] == path]
    return (own or known)[0].settings if known else Settings()


def _prepare(store: str, new: Prepared) -> None:
    """Put both files in place, beside what the clone's other worktrees have; without a word where that cannot be."""
    try:
        os.makedirs(store, exist_ok=True)
        # Two hooks at once would each forget the other's worktree, and its sh would then miss changes.
        with Locked(f"{store}/settings.lock", PATIENCE, "the prepared configuration"):
            _write(store, [new, *_others(store, new)])
    except (OSError, LockedError):
        return


def _others(store: str, new: Prepared) -> list[Prepared]:
    """Of the worktrees that are still there, the last prepared first."""
    others = [one for one in prepared(store) if one.stamp[0] != new.stamp[0]]
    there = [one for one in others if os.path.isdir(os.path.dirname(os.path.dirname(str(one.stamp[0]))))]
    return there[: MAX_WORKTREES - 1]


def _write(store: str, all_: list[Prepared]) -> None:
    pathspecs = dict.fromkeys(line for one in all_ for line in shell_pathspecs(one.settings))
    flat: list[dict[str, Any]] = [{"stamp": one.stamp, "settings": to_json(one.settings)} for one in all_]
    text = strict_json.dumps({"v": VERSION, **flat[0], "others": flat[1:]})
    # This order: stopped in between, the stamp does not fit, and the next one prepares both anew.
    replace_file(
        os.path.join(store, "pathspecs"), "".join(f"{line}\n" for line in pathspecs).encode(errors="surrogateescape")
    )
    replace_file(os.path.join(store, "settings.json"), text.encode())
