"""Who runs a command or calls a tool: the agent, its session, and the process with which both end."""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from agentsync.base import git, processes
from agentsync.observe.agents import Clues, attribute, is_session, session_of
from agentsync.observe.witness import agent_setting


class Client(NamedTuple):
    """The other side of our MCP server: what it calls itself, and the thread that a call is of, if it says so."""

    name: str
    thread: str | None


class Caller(NamedTuple):
    """`session`: the agent's word for its session. `process`: see `base/processes.py`; None: it is not known."""

    agent_owner: str | None
    evidence: list[dict[str, str]]
    confidence: float
    session: str | None
    process: str | None
    source: str
    worktree: str | None
    branch: str | None

    def without(self, *names: str) -> dict[str, Any]:
        """The fields but for these: of what a caller says a record keeps some."""
        return {name: value for name, value in self._asdict().items() if name not in names}

    def made(self, agent_owner: str | None, session: str | None, worktree: str | None) -> bool:
        """Whether what these made is the caller's: by the session, or by name and worktree where one has none."""
        if session and self.session:
            return session == self.session
        return agent_owner is not None and (agent_owner, worktree) == (self.agent_owner, self.worktree)


def caller(here: git.Worktree | None, environ: Mapping[str, str], client: Client | None = None) -> Caller:
    """Who speaks, by what is said, by the client and by the environment of this process."""
    found = attribute(clues(here, environ, client))
    return Caller(
        found.agent_owner,
        found.evidence,
        found.confidence,
        _session(found.agent_owner, environ, client),
        _process(environ, client),
        "mcp" if client else "command",
        here.name if here else None,
        git.branch_of(here.git_dir) if here else None,
    )


def clues(here: git.Worktree | None, environ: Mapping[str, str], client: Client | None = None) -> Clues:
    """What speaks for that which this process does."""
    return Clues(
        said=environ.get("AGENTSYNC_AGENT"),
        setting=agent_setting(here) if here else None,
        environ=environ,
        client=client.name if client else None,
        tty=os.isatty(2),
    )


def _session(agent: str | None, environ: Mapping[str, str], client: Client | None) -> str | None:
    """What the call says, or the agent's own variable: the agent's hooks call the session so, too."""
    if client and client.thread and is_session(client.thread):
        return client.thread
    return session_of(agent, environ)


def _process(environ: Mapping[str, str], client: Client | None) -> str | None:
    """Our own where we serve one client, and end with it; else the agent's, where it tells of it."""
    if client:
        return processes.identity(os.getpid())
    told = environ.get("CLAUDE_PID", "")
    return processes.identity(int(told)) if told.isdecimal() and len(told) < 10 else None
