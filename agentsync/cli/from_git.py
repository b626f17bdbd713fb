"""What git says of commits and of changes, for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from agentsync.base import git
from agentsync.cli.terminal import clean
from agentsync.cli.words import count
from agentsync.observe.diffs import Diff

COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def subjects(commits: Iterable[str], folder: str) -> dict[str, str]:
    """`332c06a the subject` by commit, clean, of those that git still has."""
    wanted = dict.fromkeys(commits)
    if not wanted:
        return {}
    argv = ["log", "--no-walk=unsorted", "--stdin", "--ignore-missing", "--no-show-signature", "--format=%H %h %s"]
    status, said = git.answer(argv, cwd=folder, stdin="\n".join(wanted).encode())
    lines = said.decode(errors="replace").split("\n") if status == 0 else []
    return {commit: clean(rest) for commit, _, rest in (line.partition(" ") for line in lines) if commit in wanted}


def patch(diff: Diff) -> Iterator[str]:
    """The lines that came and went, clean, in git's colours; or why there are none."""
    yield from map(_coloured, diff.lines)
    if diff.left_out:
        yield f"and {count(diff.left_out, 'line')} more"
    if diff.why:
        yield f"({diff.why})"


def _coloured(line: str) -> str:
    return click.style("\t".join(map(clean, line.split("\t"))), fg=COLOURS.get(line[:1]))
