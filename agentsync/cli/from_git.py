"""What git says of commits."""

from __future__ import annotations

from collections.abc import Iterable

from agentsync.base import git
from agentsync.cli.terminal import clean


def subjects(commits: Iterable[str], folder: str) -> dict[str, str]:
    """`332c06a the subject` by commit, clean, of those that git still has."""
    wanted = dict.fromkeys(commits)
    if not wanted:
        return {}
    argv = ["log", "--no-walk=unsorted", "--stdin", "--ignore-missing", "--no-show-signature", "--format=%H %h %s"]
    status, said = git.answer(argv, cwd=folder, stdin="\n".join(wanted).encode())
    lines = said.decode(errors="replace").split("\n") if status == 0 else []
    return {commit: clean(rest) for commit, _, rest in (line.partition(" ") for line in lines) if commit in wanted}
