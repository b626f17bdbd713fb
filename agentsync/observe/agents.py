"""Who did it: detectors read clues and give signals, most certain first; the first signal names the owner.

A new agent is a row in the tables of `agent_signals.py`; a new kind of signal is one function here and its name in
`DETECTORS`. Nothing guesses: where nobody says so and nothing shows it, the owner is None.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from agentsync.ledger.events import is_agent
from agentsync.observe.agent_signals import (
    ADDRESSES,
    AFTER_NAME,
    BRANCHES,
    CLAUDE_LINES,
    CLOUD,
    ENVIRONMENT,
    FIXED_KEYS,
    GENERIC,
    GITHUB_NOREPLY,
    KNOWN_AGENTS,
    LOCAL,
    MAKERS,
    NAMES,
    NOBODYS_DOMAINS,
    NOBODYS_ENDINGS,
    NOBODYS_USERS,
    PAYLOAD_IDS,
    PAYLOADS,
    PERSON_KEYS,
    SESSIONS,
    SETS_TOO,
    SHARED_NAMES,
    SHELLS,
    TOOL_KEYS,
    WEAK_ENVIRONMENT,
    WEIGHTS,
    Address,
    Variables,
)

__all__ = [
    "DETECTORS",
    "KNOWN_AGENTS",
    "Attributed",
    "Clues",
    "Signal",
    "attribute",
    "is_session",
    "parse_trailers",
    "session_of",
]


class Clues(NamedTuple):
    """What the caller could find out about one change; everything may be missing.

    `said` is AGENTSYNC_AGENT of an explicit call, `setting` the worktree's. `environ` is None where the environment may
    not speak (a pull's commits, a poller). `client` is what an MCP client calls itself. `trailers` are (key, value) in
    the commit's order. `tty` says whether the process has a terminal, `has_devin_dir` whether `/opt/.devin` exists;
    both speak only beside an environment.
    """

    said: str | None = None
    setting: str | None = None
    payload: dict[str, Any] | None = None
    environ: Mapping[str, str] | None = None
    client: str | None = None
    trailers: tuple[tuple[str, str], ...] = ()
    subject: str = ""
    body: str = ""
    author: str = ""
    committer: str = ""
    branch: str | None = None
    tty: bool | None = None
    has_devin_dir: bool = False


class Signal(NamedTuple):
    """One reason to name an agent; `signal` is a word of the tables: never a value or a text that was found."""

    kind: str
    signal: str
    agent: str
    weight: float


class Attributed(NamedTuple):
    """The owner (None: unknown), why, how sure (0 to 1), and the other agents that the commit's trailers name."""

    agent_owner: str | None
    evidence: list[dict[str, str]]
    confidence: float
    also: list[str]


def attribute(clues: Clues) -> Attributed:
    """Who made the change that the clues are about; `Attributed(None, [], 0.0, [])` where nothing says so."""
    signals = _placed([signal for detect in DETECTORS for signal in detect(clues)])
    if not signals:
        return Attributed(None, [], 0.0, [])
    owner = signals[0].agent
    named = dict.fromkeys(signal.agent for signal in signals if signal.kind == "trailer")
    return Attributed(
        owner,
        [_evidence(*reason, clues) for reason in _reasons(signals)],
        max(signal.weight for signal in signals if signal.agent == owner),
        [agent for agent in named if _family(agent) != _family(owner)],
    )


def _evidence(kind: str, signal: str, agent: str, clues: Clues) -> dict[str, str]:
    found = {"kind": kind, "signal": signal, "agent": agent}
    if kind == "environment" and (session := session_of(agent, clues.environ or {})):
        found["session"] = session
    elif kind == "payload" and clues.payload:
        ids = {key: clues.payload[name] for name, key in PAYLOAD_IDS if name in clues.payload}
        found |= {key: value for key, value in ids.items() if isinstance(value, str) and is_session(value)}
    return found


def session_of(agent: str | None, environ: Mapping[str, str]) -> str | None:
    """The session of an agent by its own variable, if that holds an id; a note has "1" for what looks like none."""
    values = (environ.get(name, "") for name, whose in SESSIONS.items() if agent and whose == _family(agent))
    return next((value for value in values if value != "1" and is_session(value)), None)


def is_session(value: str) -> bool:
    """Whether a text may be the id of a session."""
    return (
        0 < len(value) <= 128
        and value.isascii()
        and value.replace("-", "a").replace("_", "a").replace(".", "a").isalnum()
    )


def parse_trailers(text: str) -> tuple[tuple[str, str], ...]:
    """(key, value) of each line "Key: value", as git's `%(trailers:only,unfold)` prints them."""
    pairs = (line.partition(":") for line in text.split("\n"))
    return tuple((key.strip(), value.strip()) for key, colon, value in pairs if colon and key.strip())


def said(clues: Clues) -> Iterable[Signal]:
    """Somebody said so for this one command."""
    if clues.said and is_agent(clues.said):
        yield Signal("said", "AGENTSYNC_AGENT", clues.said, WEIGHTS["said"])


def setting(clues: Clues) -> Iterable[Signal]:
    """Somebody said so for this worktree."""
    if clues.setting and is_agent(clues.setting):
        yield Signal("setting", "agentsync agent", clues.setting, WEIGHTS["setting"])


def payload(clues: Clues) -> Iterable[Signal]:
    """The agent's own hook told of the edit; where the agent runs, only the environment knows."""
    given = clues.payload or {}
    for agent, fields in PAYLOADS:
        if all(given.get(field) for field in fields):
            running = {signal.agent for signal in environment(clues)}
            cloud = CLOUD.get(agent, agent)
            shell = str(given.get("tool_name", given.get("toolName"))) in SHELLS
            kind = "payload, shell" if shell else "payload"
            yield Signal("payload", kind, cloud if cloud in running else agent, WEIGHTS[kind])
            return


def client(clues: Clues) -> Iterable[Signal]:
    """The agent's MCP client gives its name, such as `codex-mcp-client`."""
    name = (clues.client or "").lower().removesuffix("-mcp-client").removesuffix("-vscode")
    agent = _called(_words(name), shared=True)
    if agent:
        yield Signal("client", "clientInfo.name", agent, WEIGHTS["client"])


def environment(clues: Clues) -> Iterable[Signal]:
    """The process that makes the change was started by an agent's shell."""
    if clues.environ is None:
        return
    found = [*_marks(clues, ENVIRONMENT, WEIGHTS["environment"]), *_devin(clues), *_generic(clues.environ)]
    hidden = {agent for signal in found for agent in SETS_TOO.get(signal.agent, ())}
    found = [signal for signal in found if signal.agent not in hidden]
    if (
        len({signal.agent for signal in found}) > 1
    ):  # one agent started another: which of them is the inner, nobody says
        found = [signal._replace(weight=WEIGHTS["environment, several agents"]) for signal in found]
    yield from found


def trailers(clues: Clues) -> Iterable[Signal]:
    """The commit's trailers name who made it."""
    for key, value in clues.trailers:
        small = key.lower()
        if small in PERSON_KEYS:
            agent, weight = _named_in_trailer(value, small in TOOL_KEYS)
            if agent:
                yield Signal("trailer", PERSON_KEYS[small], agent, weight)
        elif small in FIXED_KEYS:
            signal, agent, values = FIXED_KEYS[small]
            if not values or value in values:
                yield Signal("trailer", signal, agent, WEIGHTS["trailer, known address"])


def author(clues: Clues) -> Iterable[Signal]:
    """The commit's author is an agent."""
    return _person("author", clues.author)


def committer(clues: Clues) -> Iterable[Signal]:
    """The commit's committer is an agent."""
    return _person("committer", clues.committer)


def message(clues: Clues) -> Iterable[Signal]:
    """The message has an agent's fixed prefix, or its fixed line at the end; a name in between says nothing."""
    if clues.subject.lower().startswith("aider:"):
        yield Signal("message", "aider:", "aider", WEIGHTS["message"])
    if _last_words(clues.body).startswith(CLAUDE_LINES):
        yield Signal("message", "Generated with", "claude-code", WEIGHTS["message"])


def branch(clues: Clues) -> Iterable[Signal]:
    """The branch has the prefix that an agent gives its own."""
    prefix, slash, rest = (clues.branch or "").removeprefix("refs/heads/").partition("/")
    if rest and prefix + slash in BRANCHES:
        yield Signal("branch", prefix + slash, BRANCHES[prefix + slash], WEIGHTS["branch"])


def weak_environment(clues: Clues) -> Iterable[Signal]:
    """The environment has a variable that an agent's user has, too."""
    return _marks(clues, WEAK_ENVIRONMENT, WEIGHTS["environment, set for people too"])


def _marks(clues: Clues, rows: tuple[Variables, ...], weight: float) -> Iterable[Signal]:
    environ = clues.environ or {}
    for row in rows:
        if all(_is_set(environ.get(name), value) for name, value in row.wanted) and not (
            row.no_tty and clues.tty is not False
        ):
            yield Signal("environment", row.wanted[0][0], row.agent, weight)


def _is_set(found: str | None, wanted: str | None) -> bool:
    if wanted is not None:
        return found == wanted
    return bool(found) and found.lower() not in ("0", "false")  # type: ignore[union-attr]


def _devin(clues: Clues) -> Iterable[Signal]:
    if clues.has_devin_dir:
        yield Signal("environment", "/opt/.devin", "devin", WEIGHTS["environment"])


def _generic(environ: Mapping[str, str]) -> Iterable[Signal]:
    for variable in GENERIC:
        agent = _generic_name(environ.get(variable, ""), strict=variable == "AGENT")
        if agent:
            yield Signal("environment", variable, agent, WEIGHTS["environment, any agent's variable"])


def _generic_name(value: str, strict: bool) -> str | None:
    """The agent in `claude-code_2.1.0_cli` or `goose@1.9`: what stands before the version."""
    words: list[str] = []
    for word in value.lower().replace("_", " ").replace("@", " ").replace("/", " ").split():
        if word.removeprefix("v")[:1].isdigit():
            break
        words.append(word)
    known = _called(words, shared=True)
    if known or strict:
        return known
    # An unknown name goes into the ledger, so it has to look like one: letters, three short words at the most.
    name = "-".join(words)
    parts = name.split("-")
    plain = len(parts) <= 3 and all(part.isascii() and part.isalpha() and 1 < len(part) <= 16 for part in parts)
    return name if plain and name not in ("true", "yes", "on", "human") else None


def _person(kind: str, text: str) -> Iterable[Signal]:
    name, address = _name_and_address(text)
    row = _known_address(address)
    if row:
        yield Signal(kind, row.match, row.as_author, WEIGHTS[kind])
    elif name.lower().endswith("(aider)"):
        yield Signal(kind, "(aider)", "aider", WEIGHTS[kind])
    else:
        agent = _called(_words(name), shared=_is_nobodys(address))
        if agent:
            yield Signal(kind, "name", agent, WEIGHTS[f"{kind}, name only"])


def _named_in_trailer(value: str, is_tool: bool) -> tuple[str | None, float]:
    """The name comes before the address: agents invent addresses, even at another agent's maker."""
    name, address = _name_and_address(value)
    if is_tool:
        name = name.partition(":")[0]  # Assisted-by: NAME:MODEL [TOOLS]
    row = _known_address(address)
    agent = _called(_words(name), shared=_is_nobodys(address) or (is_tool and not address))
    if row and (agent is None or _family(agent) == _family(row.in_trailer)):
        return row.in_trailer, WEIGHTS["trailer, known address"]
    return agent, WEIGHTS["trailer, known address" if is_tool else "trailer, name only"]


def _name_and_address(text: str) -> tuple[str, str]:
    name, _, rest = text.partition("<")
    return name.strip(), rest.partition(">")[0].strip().lower()


def _known_address(address: str) -> Address | None:
    for row in ADDRESSES:
        if address == row.match or (
            row.match.endswith("+") and address.startswith(row.match) and address.endswith(GITHUB_NOREPLY)
        ):
            return row
    return None


def _is_nobodys(address: str) -> bool:
    """Whether no person can have this address: invented, reserved, or an agent's maker's."""
    user, at, domain = address.partition("@")
    if not at:
        return False
    invented = "." not in domain or domain in NOBODYS_DOMAINS or domain.endswith(NOBODYS_ENDINGS)
    return invented or user in NOBODYS_USERS or address.endswith("[bot]" + GITHUB_NOREPLY)


def _words(name: str) -> list[str]:
    """The name in small words, without what stands in brackets."""
    return name.lower().replace("[bot]", "").partition("(")[0].partition("[")[0].replace("_", "-").split()


def _called(words: list[str], shared: bool) -> str | None:
    """The agent that these words name, or None. `shared`: a name that people have too is enough alone."""
    parts = "-".join(words).split("-")
    if len(parts) > 1 and parts[0] in MAKERS and "-".join(parts) not in NAMES:
        parts = parts[1:]
    for length in (3, 2, 1):  # "claude code" before "claude"
        name, rest = "-".join(parts[:length]), parts[length:]
        if name in NAMES and len(parts) >= length:
            return NAMES[name]
        if length == 1 and name in SHARED_NAMES and (all(map(_is_model, rest)) if rest else shared):
            return SHARED_NAMES[name]
    return None


def _is_model(word: str) -> bool:
    return word in AFTER_NAME or any(map(str.isdigit, word))


def _last_words(body: str) -> str:
    """The last line of a message that is neither empty nor a trailer."""
    for line in reversed(body.split("\n")):
        key, colon, _ = line.strip().partition(":")
        if key and not (colon and " " not in key and "[" not in key):
            return line.strip()
    return ""


def _placed(signals: list[Signal]) -> list[Signal]:
    """What a commit says of an agent is silent about where it ran: it was the cloud if another signal says so.

    Where somebody said, or the environment shows, that it ran here, that holds.
    """
    here = {
        signal.agent for signal in signals if signal.kind in ("said", "setting", "payload", "client", "environment")
    }
    everywhere = {signal.agent for signal in signals}
    moved = {local: cloud for local, cloud in CLOUD.items() if cloud in everywhere and local not in here}
    return [signal._replace(agent=moved.get(signal.agent, signal.agent)) for signal in signals]


def _reasons(signals: list[Signal]) -> dict[tuple[str, str, str], None]:
    return dict.fromkeys((signal.kind, signal.signal, signal.agent) for signal in signals)


def _family(agent: str) -> str:
    return LOCAL.get(agent, agent)


# Most certain first.
DETECTORS: tuple[Callable[[Clues], Iterable[Signal]], ...] = (
    said,
    setting,
    payload,
    client,
    environment,
    trailers,
    author,
    committer,
    message,
    branch,
    weak_environment,
)
