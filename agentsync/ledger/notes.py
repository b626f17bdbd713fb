"""Notes: what hooks of git and of agents saw, and observations that could not be appended, each in its own file.

They lie in `notes/` of the store, or in `.agentsync/notes/` of a worktree where the store cannot be written (a
sandbox). The next look that can write takes them in, and removes them once the ledger has what came of them. One file
is one JSON object on one line. sh cannot rename, so a file without its end is one that is still being written, or one
whose writer died: it is left alone while it is young, and set aside later.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeGuard

from agentsync.base import files, git, strict_json
from agentsync.base.crash import crash
from agentsync.ledger.events import DamagedError, Event, event_of, flatten, new_id, parse

FOLDER = "notes"
IN_WORKTREE = f".agentsync/{FOLDER}"
TORN = "torn"  # the folder below for what broke off
VERSION = 1
YOUNG = 60.0  # seconds that a file without its end is left alone
MOST = 4096  # files read in one look; the rest waits for the next


class CommitNote(NamedTuple):
    """What the hook of a commit saw of the process that made it.

    `noted`: when, in seconds since 1970. `variables`: the agents' variables that were set. `picked`: a rebase or
    cherry-pick made the commit.
    """

    path: str
    noted: float
    commit: str
    worktree: str
    variables: Mapping[str, str]
    tty: bool
    has_devin_dir: bool
    picked: bool = False


class RewritingNote(NamedTuple):
    """The pairs that git told after a rebase: new commit to those that it replaces. `worktree`: where it was."""

    path: str
    worktree: str
    originals: Mapping[str, Sequence[str]]


class ToolNote(NamedTuple):
    """What an agent's own hook handed over after a tool call. `noted`: when, in seconds since 1970."""

    path: str
    noted: float
    payload: Mapping[str, Any]


class Observations(NamedTuple):
    """Events that wait to be appended, in the order in which they were observed."""

    path: str
    events: tuple[Event, ...]


Note = CommitNote | Observations | RewritingNote | ToolNote


class Waiting(NamedTuple):
    """All notes of a clone, oldest first. `young` and `torn`: paths of files that break off."""

    commits: tuple[CommitNote, ...] = ()
    observations: tuple[Observations, ...] = ()
    rewritings: tuple[RewritingNote, ...] = ()
    tools: tuple[ToolNote, ...] = ()
    young: tuple[str, ...] = ()
    torn: tuple[str, ...] = ()


def folders(clone: git.Clone, worktrees: Iterable[git.Worktree]) -> list[str]:
    """Where notes of the clone may lie. The last two parts of each path may be no links."""
    return [f"{clone.store}/{FOLDER}", *(f"{one.root}/{IN_WORKTREE}" for one in worktrees)]


def listed(clone: git.Clone, worktrees: Iterable[git.Worktree]) -> set[str]:
    """The paths of all files that may be notes, unread."""
    return {f"{folder}/{name}" for folder in folders(clone, worktrees) for name in _names(folder) if _may_be(name)}


def waiting(clone: git.Clone, worktrees: Sequence[git.Worktree], now: float) -> Waiting:
    """What waits. A file that git tracks is somebody's data, not a note."""
    every = sorted(listed(clone, worktrees))
    tracked = set().union(*(_tracked(one, every) for one in worktrees))
    read = [(path, _read(path)) for path in [path for path in every if path not in tracked][:MOST]]
    broken = [path for path, note in read if note is None]
    young = [path for path in broken if now - _written(path) < YOUNG]
    commits = [note for _, note in read if isinstance(note, CommitNote)]
    observations = [note for _, note in read if isinstance(note, Observations)]
    tools = [note for _, note in read if isinstance(note, ToolNote)]
    return Waiting(
        tuple(sorted(commits, key=lambda note: note.noted)),
        tuple(sorted(observations, key=lambda note: os.path.basename(note.path))),
        tuple(note for _, note in read if isinstance(note, RewritingNote)),
        tuple(sorted(tools, key=lambda note: note.noted)),
        tuple(young),
        tuple(path for path in broken if path not in young),
    )


def put(clone: git.Clone, worktree: git.Worktree | None, events: Sequence[Event], now: float) -> str:
    """Keep events for the next one that can append, durable when this returns; the file's path. Raises OSError."""
    flat = {"v": VERSION, "kind": "observations", "events": [flatten(event) for event in events]}
    return _put(clone, worktree, f"{new_id(now)}.json", flat)


def put_commit(
    clone: git.Clone,
    worktree: git.Worktree,
    commit: str,
    variables: Mapping[str, str],
    *,
    tty: bool,
    devin: bool,
    picked: bool,
) -> str:
    """The note that `hooks/note.sh` writes, where Python stands in its place; the file's path. Raises OSError."""
    flat = {"v": VERSION, "kind": "commit", "hook": "post-commit", "commit": commit, "worktree": worktree.name}
    told = {"variables": variables, "tty": tty, "devin": devin, "picked": picked}
    return _put(clone, worktree, f"{commit}.{os.getpid()}.json", {**flat, **told})


def put_rewriting(clone: git.Clone, worktree: git.Worktree, originals: Mapping[str, Sequence[str]], now: float) -> str:
    """Keep what git tells once, after a rebase; the file's path. Raises OSError."""
    flat = {"v": VERSION, "kind": "rewriting", "worktree": worktree.name, "originals": originals}
    return _put(clone, worktree, f"{new_id(now)}.json", flat)


def _put(clone: git.Clone, worktree: git.Worktree | None, name: str, flat: Mapping[str, Any]) -> str:
    data = strict_json.dumps(flat).encode() + b"\n"
    there, *elsewhere = folders(clone, [worktree] if worktree else [])
    try:
        return _write(there, name, data)
    except OSError:
        if not elsewhere:
            raise
        return _write(elsewhere[0], name, data)


def remove(paths: Iterable[str]) -> None:
    """What came of these notes is in the ledger. A note that cannot be removed is recognised next time."""
    for path in paths:
        folder, name = os.path.split(path)
        with suppress(OSError), files.opened_folder(*_parts(folder)) as fd:
            os.unlink(name, dir_fd=fd)


def set_aside(paths: Iterable[str]) -> None:
    """Move what broke off to where nobody reads it again; `doctor` names it."""
    for path in paths:
        folder, name = os.path.split(path)
        root, below = _parts(folder)
        torn = files.opened_folder(root, f"{below}/{TORN}", make=True)
        with suppress(OSError), files.opened_folder(root, below) as fd, torn as aside:
            os.rename(name, name, src_dir_fd=fd, dst_dir_fd=aside)


def others(clone: git.Clone, worktrees: Sequence[git.Worktree], known: Waiting) -> list[str]:
    """What lies in the folders and is no note, and what was set aside."""
    taken: tuple[Note, ...] = (*known.commits, *known.observations, *known.rewritings, *known.tools)
    notes = {*known.young, *(note.path for note in taken)}
    found = []
    for folder in folders(clone, worktrees):
        beside = [f"{folder}/{name}" for name in _names(folder) if name != TORN]
        aside = [f"{folder}/{TORN}/{name}" for name in _names(f"{folder}/{TORN}")]
        found += [path for path in (*beside, *aside) if path not in notes]
    return sorted(found)


def _written(path: str) -> float:
    """When a file was written, in seconds since 1970; 0 where it is gone."""
    found = git.signature(path)
    return found[2] / 1e9 if found else 0.0


def _may_be(name: str) -> bool:
    return name.endswith(".json")


def _names(folder: str) -> list[str]:
    """What lies in a folder; nothing where there is none, or a link on the way."""
    try:
        with files.opened_folder(*_parts(folder)) as fd:
            return os.listdir(fd)
    except OSError:
        return []


def _parts(folder: str) -> tuple[str, str]:
    """The folder that may be trusted, and the path below it that has to be made of folders."""
    head, _, below = folder.rpartition(f"/{FOLDER}")
    root, last = os.path.split(head)
    return root, f"{last}/{FOLDER}{below}"


def _tracked(worktree: git.Worktree, paths: Iterable[str]) -> set[str]:
    prefix = f"{worktree.root}/"
    if not any(path.startswith(f"{prefix}{IN_WORKTREE}/") for path in paths):
        return set()
    out = git.run(["ls-files", "-z", "--", IN_WORKTREE], cwd=worktree.root)
    return {prefix + name for name in out.decode("utf-8", "surrogateescape").split("\0")[:-1]}


def _read(path: str) -> Note | str | None:
    """A note. Text: a file that may be a newer version's, or cannot be read now. None: one that breaks off."""
    folder, name = os.path.split(path)
    root, below = _parts(folder)
    try:
        data = files.read_document(root, f"{below}/{name}")
        if data is None:
            return "taken in by somebody else"
        flat = parse(_as_utf_8(data) if data.endswith(b"}\n") else b"")
        make = _KINDS.get(str(flat.get("kind")))
        return make(path, flat) if make and flat.get("v") == VERSION else "of another version"
    except files.UnreadableError as error:
        return str(error)
    except DamagedError:
        return None


def _as_utf_8(data: bytes) -> bytes:
    """A note whose sh has written the worktree's name byte for byte, with that as `git.as_text` has it."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode(errors="backslashreplace").replace("\\x", "\\\\x").encode()
    return data


def _commit_note(path: str, flat: Mapping[str, Any]) -> CommitNote:
    commit, worktree, variables = flat.get("commit"), flat.get("worktree"), flat.get("variables")
    if not _is_id(commit):
        raise DamagedError("no commit")
    if not isinstance(worktree, str) or not isinstance(variables, dict):
        raise DamagedError("no worktree, or no variables")
    if not all(isinstance(value, str) for value in variables.values()):
        raise DamagedError("a variable that is not text")
    tty, devin, picked = (flat.get(name) is True for name in ("tty", "devin", "picked"))
    return CommitNote(path, _written(path), commit, worktree, variables, tty, devin, picked)


def _rewriting_note(path: str, flat: Mapping[str, Any]) -> RewritingNote:
    worktree, originals = flat.get("worktree"), flat.get("originals")
    if not isinstance(worktree, str) or not isinstance(originals, dict):
        raise DamagedError("no worktree, or no pairs")
    if not all(isinstance(old, list) and all(map(_is_id, (new, *old))) for new, old in originals.items()):
        raise DamagedError("a pair without a commit")
    return RewritingNote(path, worktree, originals)


def _is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) in (40, 64) and not set(value) - set("0123456789abcdef")


def _tool_note(path: str, flat: Mapping[str, Any]) -> ToolNote:
    if not isinstance(flat.get("payload"), dict):
        raise DamagedError("no payload")
    return ToolNote(path, _written(path), flat["payload"])


def _observations(path: str, flat: Mapping[str, Any]) -> Observations:
    if not isinstance(flat.get("events"), list):
        raise DamagedError("no events")
    return Observations(path, tuple(event_of(event) for event in flat["events"]))


_KINDS: dict[str, Callable[[str, Mapping[str, Any]], Note]] = {
    "commit": _commit_note,
    "rewriting": _rewriting_note,
    "tool": _tool_note,
    "observations": _observations,
}


def keep(root: str, below: str, entry: str, name: str) -> bool:
    """Let an observation whose writer was killed before it had its name wait as any other. False if it is none."""
    try:
        data = files.read_document(root, f"{below}/{entry}") or b""
        event_of(parse(data if data.endswith(b"}\n") else b"")["events"][0])
    except (files.UnreadableError, DamagedError, LookupError, TypeError):
        return False
    with files.opened_folder(root, below) as fd:
        os.rename(entry, name, src_dir_fd=fd, dst_dir_fd=fd)
    return True


def _write(folder: str, name: str, data: bytes) -> str:
    """Put a file there, whole and on the disk, or not at all."""
    with files.opened_folder(*_parts(folder), make=True) as fd:
        temporary = f"{name}.{os.getpid()}.new"
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=fd)
        try:
            files.share(file, fd)
            files.write_all(file, data)
            os.fsync(file)
            crash("note")
            os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)
            os.fsync(fd)
        except OSError:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=fd)
            raise
        finally:
            os.close(file)
    return f"{folder}/{name}"
