"""Our lines in the files of a hook manager: said to a person, added where somebody asks for it, and taken out again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from agentsync.base import files
from agentsync.base.errors import AgentsyncError
from agentsync.base.git import HOOKS, Worktree
from agentsync.setup.changes import Change, Remove, Say, Write
from agentsync.setup.hook_managers import HUSKY, MANAGERS, Manager


@dataclass(frozen=True, kw_only=True)
class Advise(Say):
    """What somebody has to add to a file of a hook manager, so that the hook at `path` calls us."""

    action: str = "advise"
    manager: Manager
    file: str
    lines: str


@dataclass(frozen=True, kw_only=True)
class Insert(Write):
    """What `init` adds there: `lines`, as they stand in the file then."""

    action: str = "add"
    lines: tuple[str, ...]


class Added(NamedTuple):
    """What `init` has added to a file (`path` from the worktree's root), remembered for `uninstall`."""

    path: str
    lines: tuple[str, ...]
    created: bool


def advise(manager: Manager, top: str, name: str, path: str) -> Advise:
    """What to tell a person whose hook at `path` is the manager's; `top`: the folder of the manager's files."""
    file, lines = manager.config(top, name), manager.lines.format(name=name)
    return Advise(path, note=manager.advice(top, name), manager=manager, file=file, lines=lines)


def plan_insert(planned: Sequence[Change], worktree: Worktree, wanted: str) -> list[Change]:
    """The same changes, with our lines in the files of the manager called so. Raises AgentsyncError if it is not used.

    What cannot be added without a doubt is still advised.
    """
    manager = next(one for one in MANAGERS if one.name == wanted)
    asked = [one for one in planned if isinstance(one, Advise) and one.manager is manager]
    if not asked and manager is HUSKY and os.path.isdir(f"{worktree.root}/.husky"):  # its own install comes later
        top = f"{worktree.root}/.husky"
        asked = [advise(HUSKY, top, name, f"{top}/{name}") for name in HOOKS if not HUSKY.calls_us(top, name)]
    elif not asked and not any(os.path.exists(f"{worktree.root}/{path}") for path in (*manager.configs, ".husky")):
        raise AgentsyncError(f"{wanted} is not used here", hint=f"run `agentsync init` without --{wanted}")
    added, left = _inserted(asked, worktree)
    return [*(one for one in planned if one not in asked), *added, *left]


def _inserted(asked: Iterable[Advise], worktree: Worktree) -> tuple[list[Insert], list[Advise]]:
    """One change for each file, and what is left to a person."""
    texts: dict[str, str] = {}
    lines: dict[str, list[str]] = {}
    left = []
    for one in asked:
        before = texts.get(one.file, _text(one.file, worktree))
        place = one.manager.insertion
        found = place(before, os.path.basename(one.path)) if place and before is not None else None
        if found is None or before is None:
            left.append(one)
            continue
        texts[one.file] = found.into(before)
        lines.setdefault(one.file, []).append(found.lines)
    return [
        Insert(path, data=text.encode(), lines=tuple(lines[path]), mode=0o666 if os.path.exists(path) else 0o777)
        for path, text in texts.items()
    ], left


def _text(path: str, worktree: Worktree) -> str | None:
    """What a manager's file says, "" where there is none; None if it is not a plain text inside the worktree."""
    inside = os.path.relpath(path, worktree.root)
    if inside.startswith("../"):
        return None
    try:
        return (files.read_document(worktree.root, inside) or b"").decode()
    except (files.UnreadableError, OSError, ValueError):
        return None


def added_by(planned: Iterable[Change], worktree: Worktree) -> list[Added]:
    """What `init` has to remember of the changes."""
    return [
        Added(os.path.relpath(one.path, worktree.root), one.lines, not os.path.exists(one.path))
        for one in planned
        if isinstance(one, Insert)
    ]


def plan_removal(added: Iterable[Added], worktrees: Iterable[Worktree]) -> Iterator[Change]:
    """Take them out again in each worktree that has them."""
    for worktree in worktrees:
        for one in added:
            path = f"{worktree.root}/{one.path}"
            text = _text(path, worktree)
            if not text or not any("agentsync hook" in line for line in text.split("\n")):
                continue
            without = text
            for lines in reversed(one.lines):
                without = without.replace(lines, "", 1)
            if any(lines not in text for lines in one.lines):
                yield Say(path, "keep", "somebody has edited the lines that call agentsync")
            elif one.created and not without:
                yield Remove(path)
            else:
                yield Write(path, action="restore", note="without the lines that call agentsync", data=without.encode())
