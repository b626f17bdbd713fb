"""Repositories that many tests begin with: made once in a process, copied for each test."""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from lab.sealing import seal_off

if TYPE_CHECKING:
    from lab.repo import Repo

AnyRepo = TypeVar("AnyRepo", bound="Repo")
_folder = tempfile.TemporaryDirectory(prefix="agentsync-templates-")
_made: dict[Hashable, Any] = {}


def copied(root: Path, make: Callable[..., AnyRepo], *args: Hashable) -> AnyRepo:
    """A copy at `root` of what `make(FOLDER, *args)` makes; of one worktree. git takes no file of it for changed."""
    template = _template(make, args)
    root.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(template.root, root, symlinks=True)
    repo = copy.copy(template)
    repo.root = root
    repo.git("update-index", "-q", "--refresh")
    return repo


def _template(make: Callable[..., AnyRepo], args: tuple[Hashable, ...]) -> AnyRepo:
    key = (make, *args)
    if key not in _made:
        folder = Path(tempfile.mkdtemp(dir=_folder.name))
        (folder / "home").mkdir()
        with pytest.MonkeyPatch.context() as patch:  # whatever the test has set that needs it first
            seal_off(patch, folder / "home")
            _made[key] = make(folder / "repo", *args)
    template: AnyRepo = _made[key]
    return template
