"""Options and paths that several commands take, and what the shell completes for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import click

from agentsync.base import git
from agentsync.base.times import since
from agentsync.cli.terminal import clean

if TYPE_CHECKING:
    from agentsync.cli.session import Session

A_MOMENT = 5  # seconds

json_option: Callable[[Any], Any] = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

raw_option: Callable[[Any], Any] = click.option("--raw", is_flag=True, help="Print records as they are in the ledger.")


def agent_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The known agents that begin so."""
    from agentsync.observe.agents import KNOWN_AGENTS

    return [name for name in KNOWN_AGENTS if name.startswith(incomplete)]


def watched_paths(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The documents of the configuration in force that begin so; none outside of a repository."""
    from agentsync.base.errors import AgentsyncError
    from agentsync.cli.session import Session
    from agentsync.status import names

    try:
        return [path for path in names(Session().settings) if path.startswith(incomplete)]
    except AgentsyncError:
        return []


def from_root(session: Session, paths: Iterable[str]) -> tuple[str, ...]:
    """The paths as the ledger has them; they are given from the current folder, as git takes them."""
    found = []
    for path in paths:
        inside = session.inside(path)
        if inside is None:
            raise click.UsageError(f"{clean(path)} is outside of the repository")
        found.append(inside)
    return tuple(found)


def since_when(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """A time in seconds since 1970: 2h, yesterday, 2025-10-10, RFC 3339, and what else git understands."""
    now = time.time()
    try:
        return since(value, now) if value is not None else None
    except ValueError as error:
        found = _as_git_says(value or "", now)
        if found is None:
            raise click.BadParameter(clean(str(error))) from None
        return found


def _as_git_says(text: str, now: float) -> float | None:
    """`yesterday`, `2 days ago`: in seconds since 1970. git takes what it does not understand for this moment."""
    status, said = git.answer(["rev-parse", f"--since={text}"], cwd=".")
    found = said.decode().strip().removeprefix("--max-age=")
    return float(found) if status == 0 and found.isdigit() and abs(int(found) - now) > A_MOMENT else None
