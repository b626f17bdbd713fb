"""What the note of a commit tells of its process' environment: which agents' variables are set, hardly ever a value."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from agentsync.observe.agent_signals import ENVIRONMENT, GENERIC, SESSIONS, WEAK_ENVIRONMENT

AGENT = re.compile(r"[A-Za-z0-9._@/ -]{1,64}")
SESSION = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Variable(NamedTuple):
    """One variable. `kind`: "agent" (its value is an agent's name), "session" (an id), "fixed" (`wanted`), or "set"."""

    name: str
    kind: str
    wanted: str = ""

    def told(self, value: str) -> str | None:
        """What a note says of this value; None if the variable is not mentioned. `hooks/note.sh` says the same."""
        if self.kind == "agent":
            return value if AGENT.fullmatch(value) else None
        if self.kind == "fixed":
            return value if value == self.wanted else None
        if value.lower() in ("", "0", "false"):
            return None
        return value if self.kind == "session" and SESSION.fullmatch(value) else "1"


def _variables() -> tuple[Variable, ...]:
    """From the tables: each name once, but for one that has several fixed values."""
    agents = [Variable(name, "agent") for name in ("AGENTSYNC_AGENT", *GENERIC)]
    sessions = [Variable(name, "session") for name in SESSIONS]
    known = {one.name for one in (*agents, *sessions)}
    pairs = [pair for row in (*ENVIRONMENT, *WEAK_ENVIRONMENT) for pair in row.wanted if pair[0] not in known]
    rest = [Variable(name, "fixed", value) if value is not None else Variable(name, "set") for name, value in pairs]
    return tuple(dict.fromkeys((*agents, *sessions, *rest)))


VARIABLES = _variables()


def told(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that a note tells."""
    found = {one.name: one.told(environ[one.name]) for one in VARIABLES if one.name in environ}
    return {name: value for name, value in found.items() if value is not None}
