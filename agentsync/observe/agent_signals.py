"""The signals that agents leave: tables of variables, addresses, names, trailers, branches and payloads.

A new agent is a row here; a row's order matters where its table says so.
Tables and no regular expressions, because a hook would pay for compiling each of them.
"""

from typing import NamedTuple


class Variables(NamedTuple):
    """An agent's mark in the environment: every variable has its value (None: any but "", 0 and false)."""

    agent: str
    wanted: tuple[tuple[str, str | None], ...]
    no_tty: bool = False


class Address(NamedTuple):
    """An agent's e-mail address, or a GitHub account's number: who it is as an author, and who in a trailer."""

    match: str
    as_author: str
    in_trailer: str


# How sure a signal makes us. Beginning from chaoss/disclosure's scores (bot address 95, known trailer 75, branch 75,
# prefix of a subject 35); a branch counts less here, because people commit on an agent's branch too.
WEIGHTS = {
    "said": 1.0,
    "setting": 0.98,
    "payload": 0.97,
    "payload, shell": 0.8,
    "client": 0.96,
    "environment": 0.95,
    "environment, any agent's variable": 0.9,
    "environment, several agents": 0.5,
    "environment, set for people too": 0.2,
    "trailer, known address": 0.75,
    "trailer, name only": 0.6,
    "author": 0.95,
    "author, name only": 0.6,
    "committer": 0.6,
    "committer, name only": 0.4,
    "message": 0.35,
    "branch": 0.5,
}

# One agent at two places: on this machine, in its vendor's cloud.
CLOUD = {
    "claude-code": "claude-cloud",
    "codex-local": "codex-cloud",
    "cursor": "cursor-cloud",
    "copilot": "copilot-cloud",
}
LOCAL = {cloud: local for local, cloud in CLOUD.items()}


def any_of(agent: str, *names: str) -> tuple[Variables, ...]:
    """A row for each variable: one of them is enough."""
    return tuple(Variables(agent, ((name, None),)) for name in names)


# Order matters: a cloud before its local twin, and an agent that sets another's variables before that one.
ENVIRONMENT = (
    Variables("claude-cloud", (("CLAUDE_CODE_REMOTE", "true"),)),
    Variables("codex-cloud", (("CODEX_INTERNAL_ORIGINATOR_OVERRIDE", "codex_web_agent"),)),
    Variables("cursor-cloud", (("HOSTNAME", "cursor"), ("CURSOR_AGENT", None))),
    *any_of("amp", "AMP_CURRENT_THREAD_ID"),
    Variables("amp", (("AGENT", "amp"),)),
    *any_of("qwen-code", "QWEN_CODE"),
    *any_of("claude-code", "CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_EXECPATH"),
    *any_of("codex-local", "CODEX_THREAD_ID", "CODEX_SANDBOX", "CODEX_SANDBOX_NETWORK_DISABLED", "CODEX_CI"),
    *any_of("cursor", "CURSOR_AGENT", "CURSOR_SANDBOX"),
    Variables("cursor", (("CURSOR_EXTENSION_HOST_ROLE", "agent-exec"),)),
    # CURSOR_TRACE_ID alone also stands in the terminal that a person uses.
    Variables("cursor", (("CURSOR_TRACE_ID", None), ("PAGER", "head -n 10000 | cat"))),
    *any_of("gemini-cli", "GEMINI_CLI"),
    *any_of("copilot", "COPILOT_CLI", "COPILOT_AGENT", "COPILOT_AGENT_SESSION_ID"),
    *any_of("opencode", "OPENCODE"),
    *any_of("goose", "GOOSE_TERMINAL"),
    Variables("goose", (("AGENT", "goose"),)),
    *any_of("crush", "CRUSH"),
    Variables("crush", (("AGENT", "crush"),)),
    *any_of("cline", "CLINE_ACTIVE"),
    *any_of("roo-code", "ROO_ACTIVE"),
    *any_of("augment", "AUGMENT_AGENT"),
    *any_of("pi", "PI_CODING_AGENT"),
    *any_of("junie", "JUNIE_DATA"),
    *any_of("antigravity", "ANTIGRAVITY_AGENT"),
    Variables("kiro", (("TERM_PROGRAM", "kiro"),), no_tty=True),
    *any_of("trae", "TRAE_AI_SHELL_ID"),
    *any_of("warp", "OZ_RUN_ID"),
)
# These stand in a person's shell as well, so everything that a commit says comes before them.
WEAK_ENVIRONMENT = (*any_of("replit", "REPL_ID"), *any_of("aider", "AIDER_API_KEY"))
# Who sets another agent's variables beside its own: those then say nothing.
SETS_TOO = {
    "amp": ("claude-code",),
    "qwen-code": ("gemini-cli",),
    **{cloud: (local,) for cloud, local in LOCAL.items()},
}
# AI_AGENT is about agents alone, so a name that is not known counts too. AGENT has other users: known names only.
GENERIC = ("AI_AGENT", "AGENT")
# These hold an agent's session: a note keeps it, and evidence names it.
SESSIONS = {
    "CLAUDE_CODE_SESSION_ID": "claude-code",
    "CODEX_THREAD_ID": "codex-local",
    "CODEX_SESSION_ID": "codex-local",
    "AMP_CURRENT_THREAD_ID": "amp",
    "QWEN_CODE_SESSION_ID": "qwen-code",
    "COPILOT_AGENT_SESSION_ID": "copilot",
}

ADDRESSES = (
    Address("noreply@anthropic.com", "claude-cloud", "claude-code"),
    Address("claude@anthropic.com", "claude-cloud", "claude-code"),
    Address("noreply@openai.com", "codex-cloud", "codex-local"),
    Address("codex@openai.com", "codex-cloud", "codex-local"),
    Address("cursoragent@cursor.com", "cursor", "cursor"),
    Address("copilot@github.com", "copilot", "copilot"),
    Address("noreply@aider.chat", "aider", "aider"),
    Address("roomote@roocode.com", "roo-code", "roo-code"),
    Address("amp@ampcode.com", "amp", "amp"),
    Address("qwen-coder@alibabacloud.com", "qwen-code", "qwen-code"),
    # The number of a GitHub account stays when its name changes.
    Address("209825114+", "claude-cloud", "claude-cloud"),
    Address("199175422+", "codex-cloud", "codex-cloud"),
    Address("215057067+", "codex-cloud", "codex-cloud"),
    Address("206951365+", "cursor", "cursor"),
    Address("198982749+", "copilot-cloud", "copilot"),
    Address("175728472+", "copilot", "copilot"),
    Address("158243242+", "devin", "devin"),
    Address("161369871+", "jules", "jules"),
)
GITHUB_NOREPLY = "@users.noreply.github.com"

# What agents are called, in small letters with "-" between words; the maker's name before it is taken off.
NAMES = {
    "claude-code": "claude-code",
    "claude-cloud": "claude-cloud",
    "codex": "codex-local",
    "codex-cli": "codex-local",
    "codex-local": "codex-local",
    "codex-cloud": "codex-cloud",
    "chatgpt-codex-connector": "codex-cloud",
    "cursor": "cursor",
    "cursor-agent": "cursor",
    "cursor-cloud": "cursor-cloud",
    "gemini-cli": "gemini-cli",
    "copilot": "copilot",
    "copilot-cli": "copilot",
    "copilot-vscode-agent": "copilot",
    "copilot-cloud": "copilot-cloud",
    "copilot-swe-agent": "copilot-cloud",
    "qwen-code": "qwen-code",
    "qwen-coder": "qwen-code",
    "google-labs-jules": "jules",
    "opencode": "opencode",
    "aider": "aider",
    "devin-ai": "devin",
    "devin-ai-integration": "devin",
    "roo-code": "roo-code",
    "roomote": "roo-code",
    "augment-code": "augment",
    "windsurf": "windsurf",
    "antigravity": "antigravity",
    "replit-agent": "replit",
}
# Words and first names of people too: in a trailer they count only beside a model, or an address that is nobody's.
SHARED_NAMES = {
    "claude": "claude-code",
    "gemini": "gemini-cli",
    "qwen": "qwen-code",
    "devin": "devin",
    "cline": "cline",
    "roo": "roo-code",
    "augment": "augment",
    "amp": "amp",
    "goose": "goose",
    "crush": "crush",
    "pi": "pi",
    "junie": "junie",
    "kiro": "kiro",
    "trae": "trae",
    "replit": "replit",
    "warp": "warp",
}
MAKERS = frozenset(("openai", "github", "google", "anthropic", "sourcegraph", "jetbrains", "charm", "block"))
AFTER_NAME = frozenset(("opus", "sonnet", "haiku", "pro", "flash", "agent", "assistant", "ai", "bot", "cli", "code"))
NOBODYS_USERS = frozenset(("noreply", "no-reply", "agent", "ai", "bot"))
NOBODYS_DOMAINS = frozenset(("example.com", "example.org", "example.net", "anthropic.com", "openai.com"))
NOBODYS_ENDINGS = (".local", ".invalid", ".test", ".example", ".localhost")

# Only keys that say who made it: "Reviewed-by: Claude" does not.
PERSON_KEYS = {"co-authored-by": "Co-Authored-By", "assisted-by": "Assisted-by", "entire-agent": "Entire-Agent"}
TOOL_KEYS = frozenset(("assisted-by", "entire-agent"))  # a person does not stand there, so a shared name is enough
# Key: how it is spelled, the agent, and with which values (none listed: any).
FIXED_KEYS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "claude-session": ("Claude-Session", "claude-code", ()),
    "amp-thread": ("Amp-Thread", "amp", ()),
    "amp-thread-id": ("Amp-Thread-ID", "amp", ()),
    "made-with": ("Made-with", "cursor", ("Cursor",)),
    "replit-commit-author": ("Replit-Commit-Author", "replit", ("Agent", "Assistant")),
}
CLAUDE_LINES = ("Generated with [Claude Code](", "🤖 Generated with [Claude Code](")

BRANCHES = {
    "claude/": "claude-code",
    "codex/": "codex-cloud",
    "copilot/": "copilot-cloud",
    "cursor/": "cursor-cloud",
    "devin/": "devin",
    "cline/": "cline",
    "aider/": "aider",
    "gemini/": "gemini-cli",
}

# What agents' own hooks hand over: all these fields, in this order. Cursor also runs hooks that are meant for Claude.
PAYLOADS = (
    ("cursor", ("cursor_version",)),
    ("windsurf", ("trajectory_id",)),
    ("codex-local", ("turn_id", "hook_event_name")),
    ("copilot", ("toolName", "sessionId")),
    ("copilot", ("tool_result", "timestamp")),
    ("gemini-cli", ("timestamp", "hook_event_name", "session_id")),
    ("claude-code", ("hook_event_name", "session_id", "transcript_path")),
)

# Which ids in a payload evidence names, and how: the later of a name's spellings wins.
PAYLOAD_IDS = (
    ("conversation_id", "session"),
    ("session_id", "session"),
    ("sessionId", "session"),
    ("agent_id", "subagent"),
    ("tool_use_id", "call"),
)
SHELLS = frozenset(("Bash", "PowerShell", "Shell", "bash", "powershell", "shell", "run_shell_command", "exec_command"))

KNOWN_AGENTS = tuple(
    sorted(
        {"human", *CLOUD, *LOCAL, *NAMES.values(), *SHARED_NAMES.values(), *(row.agent for row in ENVIRONMENT)},
    )
)
