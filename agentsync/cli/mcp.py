"""`mcp`: the commands for agents as tools, over the standard streams of a process that the agent's client starts."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, BinaryIO, TypedDict

import click

from agentsync import __version__
from agentsync.agents import who as asked
from agentsync.agents.brief import Brief
from agentsync.agents.caller import Client, caller
from agentsync.agents.claims import release
from agentsync.agents.rpc import LARGEST, Answer, Given, Json, Server, Tool
from agentsync.agents.said import say
from agentsync.base import processes
from agentsync.base.errors import OK, USAGE, AgentsyncError
from agentsync.cli import briefing, claims, presence
from agentsync.cli import handoff as handing
from agentsync.cli.scan import look
from agentsync.cli.session import Session
from agentsync.status import Consolidated, consolidated

INSTRUCTIONS = (
    "agentsync records who changes this repository's shared documents. brief: what others changed since you looked. "
    "who: who works on a file. claim: say what you work on. handoff: write your entry in the journal."
)


@click.command()
def mcp() -> int:
    """Serve the tools who, brief, claim, handoff and consolidate to a coding agent (Model Context Protocol, stdio).

    The agent's client starts it. It may write the ledger where the agent's own shell may not (Codex' sandbox), and what
    is said through it is known to be the client's. Claims made through it end with it.

    \b
    Examples:
      agentsync mcp
      claude mcp add agentsync -- agentsync mcp
      codex mcp add agentsync -- agentsync mcp
    """
    lines, out = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # nothing but answers goes to the client
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # some clients end their servers so
    server = Server(TOOLS, __version__, INSTRUCTIONS)
    try:
        serve(server, lines, out)
    except (BrokenPipeError, KeyboardInterrupt):
        pass
    finally:
        _end_claims()
    return OK


def serve(server: Server, lines: BinaryIO, out: BinaryIO) -> None:
    """Answer one message after another until the client closes."""
    while line := lines.readline(LARGEST + 2):
        rest = line
        while rest and not rest.endswith(b"\n"):  # too long: passed over up to its end
            rest = lines.readline(LARGEST)
        if line.strip() and (told := server.reply(line)) is not None:
            out.write(told)
            out.flush()


def _end_claims() -> None:
    """The claims of this process are over: say so while it can."""
    mine = processes.identity(os.getpid())
    try:
        session = Session()
        view = session.view()
        ids = [id_ for id_, one in view.state.claims.items() if mine and one.process == mine]
        if ids:
            now = time.time()
            by = caller(session.here, os.environ)._replace(source="mcp")
            say(session.clone, session.settings, view, [release(by, ids, "ended", now)], now)
    except (AgentsyncError, OSError):
        pass  # whoever reads claims sees that the process is gone


def _tool(act: Callable[[Json, Client], Answer]) -> Callable[[Json, Client], Answer]:
    """What is wrong with an argument is told to the model as any other failure."""

    @wraps(act)
    def call(given: Json, client: Client) -> Answer:
        try:
            return act(given, client)
        except click.UsageError as error:
            failure = AgentsyncError(error.format_message())
            failure.exit_code = USAGE
            raise failure from None

    return call


def _below(session: Session, paths: list[str]) -> list[str]:
    """Paths that are given from the repository's root, wherever this process is."""
    root = session.here.root if session.here else os.path.realpath(".")
    return [os.path.join(root, path) for path in paths]


def _answer(told: dict[str, Any]) -> Answer:
    return Answer("\n".join(told.pop("lines")), told)


class Presences(TypedDict):
    """What is known of each path that was asked for."""

    answers: list[asked.Answer]


@_tool
def _who(given: Json, client: Client) -> Answer:
    session, now = Session(), time.time()
    found = presence.answers(
        session, session.shown(), _below(session, given["paths"]), caller(session.here, os.environ, client), now
    )
    text = "\n".join(line for one in found for line in presence.lines(one, now))
    return Answer(text, {"answers": [asked.to_json(one) for one in found]})


@_tool
def _brief(given: Json, client: Client) -> Answer:
    session = Session()
    found = briefing.told(session, caller(session.here, os.environ, client), again=False)
    return Answer("\n".join(briefing.quoting(session, found)), found)


@_tool
def _claim(given: Json, client: Client) -> Answer:
    session = Session()
    by, paths = caller(session.here, os.environ, client), _below(session, given["paths"])
    return _answer(claims.stake(session, session.shown(), paths, given.get("ttl", "2h"), given.get("note"), by))


@_tool
def _handoff(given: Json, client: Client) -> Answer:
    return _answer(handing.hand_over(Session(), given["text"], given.get("since"), client))


@_tool
def _consolidate(given: Json, client: Client) -> Answer:
    session = Session()
    session.view()
    told = consolidated(look(session, [session.clone.worktree()], asked=True))
    lines = [f"{told['changes_consolidated']} changes consolidated" if told["trigger"] else "nothing new to report"]
    lines += [f"report {one['status']}: {one['reason']}".rstrip(": ") for one in told["reports"]]
    return Answer("\n".join(lines), told)


TOOLS = (
    Tool(
        "who",
        "Who works on a file",
        "Who changed a file last and how that is known, who else works on it now; nobody else only with its proof.",
        {"paths": Given("array", "files from the repository's root, watched or not", True)},
        Presences,
        True,
        _who,
    ),
    Tool(
        "brief",
        "What is new",
        "What others changed in this repository's shared documents since you last looked; overlaps, claims, journal.",
        {},
        Brief,
        True,
        _brief,
    ),
    Tool(
        "claim",
        "Say what you work on",
        "Say that you work on documents, folders or globs. Warns others and names who is there already; blocks nobody.",
        {
            "paths": Given("array", "paths from the repository's root: documents, folders or globs", True),
            "ttl": Given("string", "how long at the most: 90m, 2h (the default), 1d"),
            "note": Given("string", "what for; shown as a quotation"),
        },
        claims.Staked,
        False,
        _claim,
    ),
    Tool(
        "handoff",
        "Hand over",
        "Write your entry at the top of the handover journal; commits and files are added. Ends your claims.",
        {
            "text": Given("string", "what you leave, as Markdown", True),
            "since": Given("string", "when your work began: 3h, 2025-10-10T15:30:00Z"),
        },
        handing.HandedOver,
        False,
        _handoff,
    ),
    Tool(
        "consolidate",
        "Report now",
        "Cover all pending changes of the shared documents with a report in AGENT_SYNC.md.",
        {},
        Consolidated,
        False,
        _consolidate,
    ),
)
