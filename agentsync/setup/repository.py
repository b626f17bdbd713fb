"""The one module that knows GitPython: facts about a repository, for where time does not matter (doctor).

Only for reading. No text from outside (a path in a repository, a branch, a remote) is handed to it as an option or URL.
"""

from __future__ import annotations

from dataclasses import dataclass

OLDEST = (2, 31)  # git: the first that knows all options we use


@dataclass(frozen=True)
class Facts:
    """git's version, and what core.hooksPath says (None: nothing)."""

    git_version: tuple[int, ...]
    hooks_path: str | None


def facts(git_dir: str) -> Facts:
    """Ask about the repository with this git directory."""
    import git  # late: it costs what a whole commit may

    with git.Repo(git_dir, expand_vars=False) as repo:
        with repo.config_reader() as reader:
            hooks_path = reader.get("core", "hooksPath", fallback=None)
        return Facts(tuple(repo.git.version_info), hooks_path)
