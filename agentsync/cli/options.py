"""Options that several commands have, and what the shell completes for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

json_option: Callable[[Any], Any] = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

raw_option: Callable[[Any], Any] = click.option(
    "--raw", is_flag=True, help="Print records as they stand in the ledger."
)


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
