"""What `init` puts into a clone's git directory, and `uninstall` takes out: hooks and exclude patterns.

Hooks go into the clone's own git directory only: what core.hooksPath names elsewhere belongs to somebody else, or to
several repositories. `hook_states.py` tells what became of them, `local_files.py` has the rest.
"""

from __future__ import annotations

import compileall
import json
import os
import re
import sys
from dataclasses import dataclass

from agentsync import __version__
from agentsync.base import git
from agentsync.base.errors import AgentsyncError
from agentsync.setup import hook_scripts
from agentsync.setup.changes import Move, Op, Remove, Say, Step, Write, carry_out
from agentsync.setup.hook_managers import Manager, manager_of, manager_of_folder
from agentsync.setup.hook_scripts import NAMES, Script, read_script
from agentsync.setup.local_files import plan_excludes, plan_no_excludes

SAVED = ".agentsync-saved"
MOVED = ("", ".legacy", ".old")  # where our script may lie: its place; after `pre-commit install`; after lefthook's
# uvx, and `pipx run`, whose folder lies in a cache of pipx's or in .cache of whatever PIPX_HOME says.
THROW_AWAY = re.compile(
    r"/(?:archive|builds|environments)-v\d+/|/pipx/\.cache/|/\.cache/(?:pipx|[0-9a-f]{15})/|/Caches/pipx/"
)
TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm", "/private/tmp", "/private/var/folders", "/var/folders")  # noqa: S108


@dataclass(frozen=True)
class Place:
    """Where git looks for hooks (`folder`), asked from one worktree."""

    root: str
    common_dir: str
    folder: str

    @property
    def own(self) -> bool:
        """Whether that is inside the clone's git directory, where we may write."""
        return os.path.realpath(self.folder).startswith(os.path.realpath(self.common_dir) + "/")

    def path(self, name: str) -> str:
        """Where the hook `name` lies."""
        return os.path.join(self.folder, name)

    def advice(self, name: str, manager: Manager) -> str:
        """What a person has to add for a manager whose script lies in this clone's own folder."""
        return manager.advice(self.root, name)


def place_of(root: str, git_dir: str, common_dir: str) -> Place:
    """Ask git, from the worktree: core.hooksPath may be set for all, for the clone or for this worktree."""
    args = ["--git-dir", git_dir, "--work-tree", root, "rev-parse", "--git-path", "hooks"]
    said = os.fsdecode(git.run(args, cwd=root)).removesuffix("\n")
    return Place(root, common_dir, os.path.join(root, said))


def install(
    root: str,
    git_dir: str,
    common_dir: str,
    *,
    python: str = sys.executable,
    hooks: bool = True,
    local: bool = False,
    dry_run: bool = False,
) -> list[Step]:
    """Put in what is missing; a second time, nothing. Returns what was touched, or would be. Raises AgentsyncError.

    `python`: the absolute path of the interpreter that hooks start. `local`: git sees nothing of `.agentsync`.
    """
    ops = plan_excludes(common_dir, local=local)
    if hooks:
        check_interpreter(root, python)
        place = place_of(root, git_dir, common_dir)
        planned = [op for name in NAMES for op in _plan_hook(name, place, python)]
        ops += [*_plan_record(place, planned), *planned]
    steps = carry_out(ops, dry_run=dry_run)
    if hooks and not dry_run:
        compileall.compile_dir(os.path.dirname(hook_scripts.ENTRY), quiet=2)  # not every installer has done it
    return steps


def uninstall(root: str, git_dir: str, common_dir: str, *, dry_run: bool = False) -> list[Step]:
    """Take out what `install` put in, even if its record is gone or a manager moved it. Raises AgentsyncError."""
    ops: list[Op] = []
    for folder in _folders(root, git_dir, common_dir):
        for name in NAMES:
            ops += _plan_removal(os.path.join(folder, name))
    record = _record_path(common_dir)
    if os.path.lexists(record):
        ops.append(Remove(record))
    return carry_out([*ops, *plan_no_excludes(common_dir)], dry_run=dry_run)


def check_interpreter(root: str, python: str) -> None:
    """Raise AgentsyncError for an interpreter that hooks must not name."""
    if not os.path.isabs(python) or not os.access(python, os.X_OK):
        raise AgentsyncError(f"{python or 'the interpreter'} cannot be started", hint="install agentsync anew")
    if thrown_away(root, python):
        raise AgentsyncError(
            "hooks cannot be installed from a throw-away environment",
            cause=f"{python} will be gone some day, and the hooks would fall silent",
            hint="install agentsync to stay (`uv tool install`, `pipx install`), then run `agentsync init` with that",
        )
    if tracked(root, python):
        raise AgentsyncError(
            "hooks cannot use an interpreter that git tracks in this repository",
            cause=f"whoever writes the repository could change {python}, and git would run it",
            hint="install agentsync outside of the repository, or in a folder that git ignores",
        )


def thrown_away(root: str, python: str) -> bool:
    """Whether an environment is one that its maker deletes: of `uvx`, `pipx run`, or in a temporary folder.

    A repository that is itself in a temporary folder lives no longer than its neighbours.
    """
    if any(THROW_AWAY.search(path) for path in (python, hook_scripts.ENTRY)):
        return True
    return _temporary(python) and not _temporary(os.path.realpath(root))


def _temporary(path: str) -> bool:
    folders = (*TEMPORARY, os.environ.get("TMPDIR", ""))
    return any(path.startswith(folder.rstrip("/") + "/") for folder in folders if folder.rstrip("/"))


def tracked(root: str, python: str) -> bool:
    """Whether git tracks the interpreter, a link on the way to it, or what makes its folder an environment."""
    inside = os.path.relpath(python, root)
    if inside.startswith("../"):
        root = os.path.realpath(root)
        inside = os.path.relpath(os.path.realpath(python), root)
    if inside.startswith("../"):
        return False
    parts = inside.split("/")
    paths = {"/".join(parts[:n]) for n in range(1, len(parts) + 1)}
    paths |= {"/".join((*parts[:-n], "pyvenv.cfg")) for n in (1, 2)}
    listed = git.run(["--literal-pathspecs", "ls-files", "-z", "--", *sorted(paths)], cwd=root)
    return not paths.isdisjoint(os.fsdecode(listed).split("\0"))


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


def _plan_hook(name: str, place: Place, python: str) -> list[Op]:
    if not place.own:
        manager, top = manager_of_folder(place.folder)
        return [] if manager.calls_us(top, name) else [Say(place.path(name), "advise", manager.advice(top, name))]
    path = place.path(name)
    wanted = hook_scripts.compose(name, python, place.folder, place.common_dir)
    present = read_hook(path)
    if present is None or read_script(present):
        return _plan_write(path, wanted)
    manager_ = manager_of(present)
    if manager_:
        return _plan_behind(name, place, manager_, wanted)
    if os.path.lexists(path + SAVED):
        note = f"left alone: an earlier hook is saved as {path + SAVED}; put both into one, then run `agentsync init`"
        return [Say(path, "advise", note)]
    return [Move(path, path + SAVED, "save"), *_plan_write(path, wanted, anew=True)]


def _plan_write(path: str, wanted: bytes, *, anew: bool = False) -> list[Op]:
    as_wanted = not anew and read_hook(path) == wanted and os.access(path, os.X_OK) and not os.path.islink(path)
    return [] if as_wanted else [Write(path, wanted, 0o777)]


def _plan_behind(name: str, place: Place, manager: Manager, wanted: bytes) -> list[Op]:
    """A manager holds the place: our script may be repaired where it was moved, and that is all."""
    kept = place.path(name) + (manager.keeps or "")
    if manager.keeps and script_at(kept):
        return _plan_write(kept, wanted)
    if manager.calls_us(place.root, name):
        return []
    return [Say(place.path(name), "advise", manager.advice(place.root, name))]


def _plan_record(place: Place, planned: list[Op]) -> list[Op]:
    """Remember the folder, relative to the common dir, for an uninstall after core.hooksPath has changed."""
    folder = os.path.relpath(os.path.realpath(place.folder), os.path.realpath(place.common_dir))
    saved = sorted(os.path.basename(op.path) for op in planned if isinstance(op, Move))
    known = _read_record(place.common_dir)
    folders = sorted({*known["folders"], folder}) if place.own else known["folders"]
    record = {"version": __version__, "folders": folders, "saved": sorted({*known["saved"], *saved})}
    if record == known or not (folders or known["folders"]):
        return []
    return [Write(_record_path(place.common_dir), json.dumps(record, indent=1).encode() + b"\n")]


def _read_record(common_dir: str) -> dict[str, list[str]]:
    try:
        with open(_record_path(common_dir), "rb") as file:
            record = json.load(file)
        return {**record, "folders": list(map(str, record["folders"])), "saved": list(map(str, record["saved"]))}
    except (OSError, ValueError, TypeError, KeyError):
        return {"folders": [], "saved": []}


def _record_path(common_dir: str) -> str:
    return os.path.join(common_dir, "agentsync", "hooks.json")


def _folders(root: str, git_dir: str, common_dir: str) -> list[str]:
    """Every folder of this clone where hooks of ours may lie."""
    known = [os.path.join(common_dir, folder) for folder in _read_record(common_dir)["folders"]]
    place = place_of(root, git_dir, common_dir)
    found = [os.path.join(common_dir, "hooks"), *known, *([place.folder] if place.own else [])]
    return list({os.path.realpath(folder): folder for folder in reversed(found)}.values())


def _plan_removal(path: str) -> list[Op]:
    """Ours goes, and what it had saved comes back to where ours was: a manager that moved ours looks for it there."""
    places = [path + moved for moved in MOVED if script_at(path + moved)]
    saved = path + SAVED
    if not os.path.lexists(saved):
        return [Remove(place) for place in places]
    if places:
        return [Move(saved, places[0], "restore"), *(Remove(place) for place in places[1:])]
    if not os.path.lexists(path):
        return [Move(saved, path, "restore")]
    return [Say(saved, "keep", f"saved by agentsync; {path} is now somebody else's")]
