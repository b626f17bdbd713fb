"""Where settings come from: the configuration in force in a worktree, and what is kept of it for hooks.

A hook reads a little JSON, and TOML only where the file is not as it was. In the common dir lie `settings.json` (for
each worktree the file's path, inode, size and mtime, the settings that it left in force, and what is wrong with it) and
`pathspecs` (what any of them watches, one a line, for the hooks' sh). Both may be deleted at any time.
"""

import contextlib
import os
import stat
from typing import NamedTuple

from agentsync.base import strict_json
from agentsync.base.errors import ConfigError, LockedError
from agentsync.base.files import Locked, make_folder, read_all, replace_file
from agentsync.base.git import Clone, Worktree
from agentsync.base.settings import CONFIG_PATH, Settings, from_json, shell_pathspecs, to_json

VERSION = 2
MAX_BYTES = 4 << 20  # of settings.json
MAX_WORKTREES = 32
PATIENCE = 0.2  # seconds

Stamp = list[str | int]  # by what a changed file is known: its path, inode, size in bytes, mtime in nanoseconds


class Configuration(NamedTuple):
    """The settings in force, and what is wrong with the file that should say them (None: nothing)."""

    settings: Settings
    problem: str | None = None


class _Kept(NamedTuple):
    """What a file said when it was read last. `settings`: the last valid ones of that worktree, if there were any."""

    stamp: Stamp
    settings: Settings | None
    problem: str | None = None


def config_path(clone: Clone, worktree: Worktree | None) -> str:
    """Where the configuration of a worktree lies; without one, where nothing lies."""
    return f"{worktree.root if worktree else clone.common_dir}/{CONFIG_PATH}"


def in_force(clone: Clone, worktree: Worktree | None) -> Configuration:
    """The configuration that holds in a worktree.

    A file that is missing or wrong leaves the last valid settings in force: this worktree's, else the clone's newest,
    else the defaults. Where the store cannot be written, nothing is kept.
    """
    path = config_path(clone, worktree)
    kept = _kept(clone.store)
    stamp = _stamp_at(path)
    for one in kept:
        if one.stamp == stamp:
            _freshen(clone.store, path)
            return Configuration(one.settings or _last_valid(path, kept), one.problem)
    last = _last_valid(path, kept)
    if stamp is None:
        return Configuration(last)
    try:
        data, stamp = _read(path)
    except ConfigError as error:
        return Configuration(last, _told(error))
    try:
        found = _Kept(stamp, _parsed(data, path))
    except ConfigError as error:
        own = next((one.settings for one in kept if one.stamp[0] == path), None)
        found = _Kept(stamp, own, _told(error))
    _keep(clone.store, found)
    return Configuration(found.settings or last, found.problem)


def load(path: str) -> Settings:
    """The settings of a file. Raises ConfigError, also where there is none or it is not a regular file."""
    return _parsed(_read(path)[0], path)


def last_valid(clone: Clone) -> Settings | None:
    """The newest settings that any worktree of the clone had; None if there were none yet."""
    return next((one.settings for one in _kept(clone.store) if one.settings), None)


def begin_with(clone: Clone, settings: Settings) -> None:
    """Let these be the clone's last valid settings, if it has none and the worktree has no file that says them."""
    path = config_path(clone, clone.here)
    if last_valid(clone) is None and _stamp_at(path) is None:
        _keep(clone.store, _Kept([path, 0, 0, 0], settings))


def _parsed(data: bytes, path: str) -> Settings:
    from agentsync.base.config_text import parse  # late: TOML costs more than all the rest of a look

    return parse(data, path)


def _told(error: ConfigError) -> str:
    return "; ".join(filter(None, (error.message, error.cause, error.hint)))


def _read(path: str) -> tuple[bytes, Stamp]:
    """The bytes of a configuration. Raises ConfigError."""
    from agentsync.base.config_text import MAX_BYTES as LARGEST

    try:
        for link in (os.path.dirname(path), path):
            if stat.S_ISLNK(os.lstat(link).st_mode):
                hint = "put a regular file there, so that nothing outside the repository is read"
                raise ConfigError(f"{path}: a symbolic link", hint=hint)
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO would wait for ever
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                hint = "put a regular file there; `agentsync init` writes one"
                raise ConfigError(f"{path}: not a regular file", hint=hint)
            return read_all(fd, LARGEST + 1), [path, status.st_ino, status.st_size, status.st_mtime_ns]
        finally:
            os.close(fd)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise ConfigError(f"{path}: cannot be read", cause=why, hint="`agentsync init` writes one") from None


def _stamp_at(path: str) -> Stamp | None:
    """The stamp of what lies there, None for nothing; what cannot be looked at gets one that fits none."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError:
        return [path, 0, 0, 0]
    return [path, status.st_ino, status.st_size, status.st_mtime_ns]


def _last_valid(path: str, kept: list[_Kept]) -> Settings:
    own = [one for one in kept if one.stamp[0] == path]
    return next((one.settings for one in (*own, *kept) if one.settings), Settings())


def _kept(store: str) -> list[_Kept]:
    """What is known of each worktree, the newest valid one first; empty where nothing is or it cannot be used.

    Raises ConfigError where it cannot be read now: the defaults would be another configuration.
    """
    path = f"{store}/settings.json"
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ConfigError(f"{path} cannot be read", cause=error.strerror or "", hint="try again") from None
    try:
        flat = strict_json.loads(read_all(fd, MAX_BYTES).decode(errors="surrogateescape"))
        return [_from_json(one) for one in flat["worktrees"]] if flat["v"] == VERSION else []
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return []
    finally:
        os.close(fd)


def _from_json(flat: dict[str, object]) -> _Kept:
    made = _Kept(**flat)  # type: ignore[arg-type]
    return _Kept(made.stamp, made.settings and from_json(made.settings), made.problem)  # type: ignore[arg-type]


def _keep(store: str, new: _Kept) -> None:
    """Put both files in place, beside what the other worktrees have; without a word where that cannot be."""
    with contextlib.suppress(OSError, LockedError, ConfigError):
        make_folder(store)
        # Two hooks at once would each forget the other's worktree, and its sh would then miss changes.
        with Locked(f"{store}/settings.lock", PATIENCE, "the kept configuration"):
            others = [one for one in _kept(store) if one.stamp[0] != new.stamp[0] and _is_there(one)]
            _write(store, [*others, new][-MAX_WORKTREES:] if new.problem else [new, *others][:MAX_WORKTREES])


def _is_there(one: _Kept) -> bool:
    return os.path.isdir(os.path.dirname(os.path.dirname(str(one.stamp[0]))))


def _write(store: str, every: list[_Kept]) -> None:
    in_force = [one.settings or _last_valid("", every) for one in every]
    pathspecs = dict.fromkeys(line for settings in in_force for line in shell_pathspecs(settings))
    text = "".join(f"{line}\n" for line in pathspecs)
    flat = [{**one._asdict(), "settings": one.settings and to_json(one.settings)} for one in every]
    # This order: stopped in between, the stamp does not fit, and the next one makes both anew.
    replace_file(f"{store}/pathspecs", text.encode(errors="surrogateescape"), durable=True)
    text = strict_json.dumps({"v": VERSION, "worktrees": flat})
    replace_file(f"{store}/settings.json", text.encode(errors="surrogateescape"), durable=True)


def _freshen(store: str, path: str) -> None:
    """Make the shell's list newer than the configuration by a whole second: many a shell's `-nt` compares no less.

    They are often written in one second; until this has been done, every hook would start Python to find them fit.
    """
    with contextlib.suppress(OSError):
        pathspecs = f"{store}/pathspecs"
        if int(os.stat(pathspecs).st_mtime) <= int(os.stat(path).st_mtime):
            os.utime(pathspecs)
