"""Which interpreter the hooks may name: one that stays, and that nobody can change by writing the repository."""

from __future__ import annotations

import os
import re

from agentsync.base import git
from agentsync.base.errors import AgentsyncError
from agentsync.setup.hook_scripts import ENTRY

# uvx, and `pipx run`, whose folder lies in a cache of pipx's or in .cache of whatever PIPX_HOME says.
THROW_AWAY = re.compile(
    r"/(?:archive|builds|environments)-v\d+/|/pipx/\.cache/|/\.cache/(?:pipx|[0-9a-f]{15})/|/Caches/pipx/"
)
TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm", "/private/tmp", "/private/var/folders", "/var/folders")  # noqa: S108


def check_interpreter(root: str, python: str) -> None:
    """Raise AgentsyncError for an interpreter that hooks must not name."""
    if not os.path.isabs(python) or not os.access(python, os.X_OK):
        raise AgentsyncError(f"{python or 'the interpreter'} cannot be started", hint="reinstall agentsync")
    if thrown_away(root, python):
        raise AgentsyncError(
            "hooks cannot be installed from a throw-away environment",
            cause=f"{python} will disappear, and the hooks would silently stop",
            hint="install agentsync to stay (`uv tool install`, `pipx install`), then run `agentsync init` from there",
        )
    if tracked(root, python):
        raise AgentsyncError(
            "hooks cannot use an interpreter that git tracks in this repository",
            cause=f"whoever commits to the repository could change {python}, and git would run it",
            hint="install agentsync outside of the repository, or in a folder that git ignores",
        )


def thrown_away(root: str, python: str) -> bool:
    """Whether an environment is one that its maker deletes: of `uvx`, `pipx run`, or in a temporary folder.

    A repository that is itself in a temporary folder lives no longer than its neighbours.
    """
    if any(THROW_AWAY.search(path) for path in (python, ENTRY)):
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
