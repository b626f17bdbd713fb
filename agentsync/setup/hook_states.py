"""What became of the hooks: whether git still reaches agentsync by each of them."""

from __future__ import annotations

import os
from dataclasses import dataclass

from agentsync.setup.hook_managers import Manager, manager_of, manager_of_folder
from agentsync.setup.hook_scripts import NAMES, Script, read_script
from agentsync.setup.hooks import SAVED, Place, place_of, read_hook, script_at

STATES = {
    "ours": "installed",
    "chained": "installed, and runs the hook that was there before",
    "behind": "installed, and run by a hook manager",
    "called": "a hook manager calls agentsync",
    "missing": "not installed",
    "foreign": "somebody else's hook, which does not call agentsync",
    "shadowed": "installed, but core.hooksPath makes git look elsewhere",
    "not executable": "installed, but git does not run it",
    "interpreter gone": "installed, but the Python or the package that it calls is not there",
    "other version": "installed by another version of agentsync",
}
_INIT = "run `agentsync init`"


@dataclass(frozen=True)
class HookState:
    """Where one hook stands: `state` is a key of STATES, `advice` what a person can do about it, "" for nothing."""

    name: str
    state: str
    path: str
    advice: str = ""

    @property
    def works(self) -> bool:
        """Whether git reaches agentsync by this hook."""
        return self.state in ("ours", "chained", "behind", "called", "other version")


def inspect(root: str, git_dir: str, common_dir: str) -> list[HookState]:
    """The state of each hook, as seen from one worktree. Raises AgentsyncError if a hook cannot be read."""
    place = place_of(root, git_dir, common_dir)
    look = _in_own_folder if place.own else _in_foreign_folder
    return [look(name, place) for name in NAMES]


def _in_own_folder(name: str, place: Place) -> HookState:
    path = place.path(name)
    present = read_hook(path)
    if present is None:
        return HookState(name, "missing", path, _INIT)
    script = read_script(present)
    if script:
        return _ours(name, path, script, "chained" if _runs_saved(path) else "ours")
    manager = manager_of(present)
    if not manager:
        return HookState(name, "foreign", path, _INIT)
    return _managed(name, place, manager)


def _managed(name: str, place: Place, manager: Manager) -> HookState:
    path = place.path(name)
    if manager.calls_us(place.root, name):
        return HookState(name, "called", path)
    behind = script_at(path + manager.keeps) if manager.keeps else None
    if behind:
        return _ours(name, f"{path}{manager.keeps}", behind, "behind")
    return HookState(name, "foreign", path, manager.advice(place.root, name))


def _in_foreign_folder(name: str, place: Place) -> HookState:
    manager, top = manager_of_folder(place.folder)
    if manager.calls_us(top, name):
        return HookState(name, "called", os.path.join(top, name))
    own = os.path.join(place.common_dir, "hooks", name)
    state = "shadowed" if script_at(own) else "foreign"
    return HookState(name, state, own if state == "shadowed" else place.path(name), manager.advice(top, name))


def _ours(name: str, path: str, script: Script, fine: str) -> HookState:
    if not os.access(path, os.X_OK):
        return HookState(name, "not executable", path, _INIT)
    if not script.alive:
        return HookState(name, "interpreter gone", path, _INIT)
    if not script.current:
        return HookState(name, "other version", path, _INIT)
    return HookState(name, fine, path)


def _runs_saved(path: str) -> bool:
    return os.path.isfile(path + SAVED) and os.access(path + SAVED, os.X_OK)
