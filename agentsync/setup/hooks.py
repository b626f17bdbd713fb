"""The hooks of a clone: put in, taken out, and what became of them.

They go into the clone's own git directory only: what core.hooksPath names elsewhere belongs to somebody else, or to
several repositories.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from agentsync import __version__
from agentsync.base import git
from agentsync.base.errors import AgentsyncError
from agentsync.base.git import HOOKS, Clone, Worktree
from agentsync.setup import git_lfs, manager_lines
from agentsync.setup.changes import Change, Move, Remove, Say, Write
from agentsync.setup.hook_managers import Manager, manager_of, manager_of_folder
from agentsync.setup.hook_scripts import ENTRY, Script, compose, read_script
from agentsync.setup.manager_lines import Added

SAVED = ".agentsync-saved"
MOVED = ("", ".legacy", ".old")  # where our script may lie: its place; after `pre-commit install`; after lefthook's
STATES = {
    "ours": "installed",
    "chained": "installed, and runs the hook that was there before",
    "behind": "installed, and run by a hook manager",
    "called": "a hook manager calls agentsync",
    "missing": "not installed",
    "foreign": "somebody else's hook, which does not call agentsync",
    "shadowed": "installed, but core.hooksPath makes git look elsewhere",
    "not executable": "installed, but git does not run it",
    "interpreter gone": "installed, but the Python or the package that it calls is gone",
    "other version": "installed by another version of agentsync",
}
_INIT = "run `agentsync init`"


@dataclass(frozen=True)
class HookFolder:
    """Where git looks for the hooks of a clone (`path`), asked from one of its worktrees."""

    clone: Clone
    worktree: Worktree
    path: str

    @property
    def own(self) -> bool:
        """Whether that is inside the clone's git directory, where we may write."""
        return os.path.realpath(self.path).startswith(os.path.realpath(self.clone.common_dir) + "/")

    def hook(self, name: str) -> str:
        """Where the hook `name` lies."""
        return os.path.join(self.path, name)


@dataclass(frozen=True)
class HookState:
    """Where one hook stands: `state` is a key of STATES, `advice` what a person can do about it, "" for nothing.

    `manager`: who holds its place, "" for nobody that is known.
    """

    name: str
    state: str
    path: str
    advice: str = ""
    manager: str = ""

    @property
    def works(self) -> bool:
        """Whether git reaches agentsync by this hook."""
        return self.state in ("ours", "chained", "behind", "called", "other version")


def folder_of(clone: Clone, worktree: Worktree) -> HookFolder:
    """Ask git, from the worktree: core.hooksPath may be set for all, for the clone or for this worktree."""
    args = ["--git-dir", worktree.git_dir, "--work-tree", worktree.root, "rev-parse", "--git-path", "hooks"]
    said = os.fsdecode(git.run(args, cwd=worktree.root)).removesuffix("\n")
    return HookFolder(clone, worktree, os.path.join(worktree.root, said))


def plan_install(clone: Clone, worktree: Worktree, python: str, into: str = "") -> list[Change]:
    """Put in what is missing; where nothing is, nothing. `python`: the absolute path of what hooks start.

    `into`: the hook manager whose files may get our lines. Raises AgentsyncError.
    """
    folder = folder_of(clone, worktree)
    planned = [change for name in HOOKS for change in _plan_hook(name, folder, python)]
    if into:
        planned = manager_lines.plan_insert(planned, worktree, into)
    return [*_plan_record(folder, planned), *planned]


def plan_uninstall(clone: Clone, worktree: Worktree) -> list[Change]:
    """Take out what `plan_install` puts in, even if its record is gone or a manager moved it. Raises AgentsyncError."""
    places = [f"{folder}/{name}" for folder in _folders(clone, worktree) for name in HOOKS]
    found = [change for path in places for change in _plan_removal(path)]
    found += manager_lines.plan_removal(_read_record(clone).added, git.worktrees(clone))
    record = _record_path(clone)
    return [*found, Remove(record)] if os.path.lexists(record) else found


def inspect(clone: Clone, worktree: Worktree) -> list[HookState]:
    """The state of each hook, as seen from one worktree. Raises AgentsyncError if a hook cannot be read."""
    folder = folder_of(clone, worktree)
    look = _in_own_folder if folder.own else _in_foreign_folder
    return [look(name, folder) for name in HOOKS]


def is_as_written(clone: Clone, state: HookState) -> bool:
    """Whether an installed hook is what this version writes there; those of another installation are let be."""
    present = read_hook(state.path) or b""
    script = read_script(present)
    if script is None or script.entry != ENTRY:
        return True
    return present == _composed(clone, state.name, script.python, state.path)


def _composed(clone: Clone, name: str, python: str, path: str) -> bytes:
    """What this version writes at a path: below git-lfs's hook, if that is there or only ours keeps it out."""
    folder, present = os.path.dirname(path), read_hook(path)
    lfs = git_lfs.text_of(present or b"")
    if not lfs and not os.path.lexists(path + SAVED) and (present is None or read_script(present)):
        lfs = git_lfs.named(git_lfs.text_of(read_hook(f"{folder}/pre-push") or b""), name)
    return compose(name, python, folder, clone.common_dir, lfs)


def read_hook(path: str) -> bytes | None:
    """The hook at a path, through a link; None if nothing is there. Raises AgentsyncError if it can't be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b"" if os.path.islink(path) else None
    except OSError as error:
        raise AgentsyncError(
            f"the hook {path} cannot be read", cause=str(error.strerror), hint="move it out of the way, then try again"
        ) from None


def script_at(path: str) -> Script | None:
    """What our hook at a path says of itself; None if there is none of ours."""
    return read_script(read_hook(path) or b"")


def _plan_hook(name: str, folder: HookFolder, python: str) -> Sequence[Change]:
    path = folder.hook(name)
    if not folder.own:
        manager, top = manager_of_folder(folder.path)
        return [] if manager.calls_us(top, name) else [manager_lines.advise(manager, top, name, path)]
    present = read_hook(path)
    wanted = _composed(folder.clone, name, python, path)
    if present is None or read_script(present) or git_lfs.text_of(present) == present != b"":
        return _plan_write(path, wanted)
    if managed := manager_of(present):
        return _plan_behind(name, folder, managed, python)
    if os.path.lexists(path + SAVED):
        note = f"left alone: an earlier hook is saved as {path + SAVED}; put both into one, then run `agentsync init`"
        return [Say(path, "advise", note)]
    return [_move(path, path + SAVED, "save"), Write(path, data=wanted, mode=0o777)]


def _plan_write(path: str, wanted: bytes) -> Sequence[Change]:
    as_wanted = read_hook(path) == wanted and os.access(path, os.X_OK) and not os.path.islink(path)
    return [] if as_wanted else [Write(path, data=wanted, mode=0o777)]


def _plan_behind(name: str, folder: HookFolder, manager: Manager, python: str) -> Sequence[Change]:
    """A manager holds the place: our script may be repaired where it was moved, and that is all."""
    path, root = folder.hook(name), folder.worktree.root
    kept = path + (manager.keeps or "")
    if manager.keeps and script_at(kept):
        return _plan_write(kept, _composed(folder.clone, name, python, kept))
    return [] if manager.calls_us(root, name) else [manager_lines.advise(manager, root, name, path)]


def _move(source: str, to: str, action: str) -> Move:
    return Move(to, action, f"was {os.path.basename(source)}", source=source)


class Record(NamedTuple):
    """What an uninstall has to know after core.hooksPath has changed: folders, from the common dir; what was saved."""

    version: str = ""
    folders: Sequence[str] = ()
    saved: Sequence[str] = ()
    added: Sequence[Added] = ()


def _plan_record(folder: HookFolder, planned: list[Change]) -> list[Change]:
    common_dir = folder.clone.common_dir
    known = _read_record(folder.clone)
    here = [os.path.relpath(os.path.realpath(folder.path), os.path.realpath(common_dir))] if folder.own else []
    saved = [os.path.basename(change.source) for change in planned if isinstance(change, Move)]
    added = manager_lines.added_by(planned, folder.worktree)
    record = Record(
        __version__,
        sorted({*known.folders, *here}),
        sorted({*known.saved, *saved}),
        [*known.added, *added],
    )
    if record == known or not (record.folders or record.added):
        return []
    flat = {**record._asdict(), "added": [one._asdict() for one in record.added]}
    return [Write(_record_path(folder.clone), data=json.dumps(flat, indent=1).encode() + b"\n")]


def _read_record(clone: Clone) -> Record:
    try:
        with open(_record_path(clone), "rb") as file:
            flat = json.load(file)
        added = [Added(one["path"], tuple(one["lines"]), one["created"]) for one in flat.get("added", ())]
        return Record(str(flat["version"]), list(map(str, flat["folders"])), list(map(str, flat["saved"])), added)
    except (OSError, ValueError, TypeError, KeyError):
        return Record()


def _record_path(clone: Clone) -> str:
    return f"{clone.store}/hooks.json"


def _folders(clone: Clone, worktree: Worktree) -> list[str]:
    """Every folder of this clone where hooks of ours may lie."""
    known = [os.path.join(clone.common_dir, folder) for folder in _read_record(clone).folders]
    folder = folder_of(clone, worktree)
    found = [f"{clone.common_dir}/hooks", *known, *([folder.path] if folder.own else [])]
    return list({os.path.realpath(each): each for each in reversed(found)}.values())


def _plan_removal(path: str) -> Sequence[Change]:
    """Ours goes, and what it had saved comes back to where ours was: a manager that moved ours looks for it there."""
    places = [path + moved for moved in MOVED if script_at(path + moved)]
    saved = path + SAVED
    gone = [_without_ours(place) for place in places]
    if not os.path.lexists(saved):
        return gone
    if gone and isinstance(gone[0], Remove):
        return [_move(saved, places[0], "restore"), *gone[1:]]
    if not os.path.lexists(path):
        return [_move(saved, path, "restore")]
    return [*gone, Say(saved, "keep", f"saved by agentsync; {path} is now somebody else's")]


def _without_ours(place: str) -> Change:
    lfs = git_lfs.text_of(read_hook(place) or b"")
    return Write(place, action="restore", note="git-lfs's alone", data=lfs) if lfs else Remove(place)


def _in_own_folder(name: str, folder: HookFolder) -> HookState:
    path, root = folder.hook(name), folder.worktree.root
    present = read_hook(path)
    if present is None:
        return HookState(name, "missing", path, _INIT)
    if script := read_script(present):
        saved = os.path.isfile(path + SAVED) and os.access(path + SAVED, os.X_OK)
        chained = saved or git_lfs.text_of(present)
        return _ours(name, path, script, "chained" if chained else "ours")
    manager = manager_of(present)
    if not manager:
        return HookState(name, "foreign", path, _INIT)
    if manager.calls_us(root, name):
        return HookState(name, "called", path)
    if manager.keeps and (behind := script_at(path + manager.keeps)):
        return _ours(name, path + manager.keeps, behind, "behind")
    return HookState(name, "foreign", path, manager.advice(root, name), manager.name)


def _in_foreign_folder(name: str, folder: HookFolder) -> HookState:
    manager, top = manager_of_folder(folder.path)
    if manager.calls_us(top, name):
        return HookState(name, "called", os.path.join(top, name))
    own = f"{folder.clone.common_dir}/hooks/{name}"
    if script_at(own):
        return HookState(name, "shadowed", own, manager.advice(top, name), manager.name)
    return HookState(name, "foreign", folder.hook(name), manager.advice(top, name), manager.name)


def _ours(name: str, path: str, script: Script, fine: str) -> HookState:
    if not os.access(path, os.X_OK):
        return HookState(name, "not executable", path, _INIT)
    if not script.alive:
        return HookState(name, "interpreter gone", path, _INIT)
    return HookState(name, fine, path) if script.current else HookState(name, "other version", path, _INIT)
