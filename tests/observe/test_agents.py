"""Who did it: every signal of the tables, and every trap that has caught somebody."""

from __future__ import annotations

import pytest

from agentsync.ledger import events
from agentsync.observe.agent_signals import ADDRESSES, BRANCHES, CLOUD, ENVIRONMENT, WEAK_ENVIRONMENT, WEIGHTS
from agentsync.observe.agents import DETECTORS, KNOWN_AGENTS, Attributed, Clues, attribute, parse_trailers

CLAUDE = ("Co-Authored-By", "Claude <noreply@anthropic.com>")
CODEX = ("Co-authored-by", "Codex <noreply@openai.com>")
NOBODY = Attributed(None, [], 0.0, [])


def owner(**clues: object) -> str | None:
    return attribute(Clues(**clues)).agent_owner  # type: ignore[arg-type]


def trailer(value: str, key: str = "Co-Authored-By") -> str | None:
    return owner(trailers=((key, value),))


# Written from what agents are known to set, not from the tables of the program.
VARIABLES = [
    ({"CLAUDECODE": "1"}, "claude-code"),
    ({"CLAUDE_CODE_ENTRYPOINT": "cli"}, "claude-code"),
    ({"CLAUDE_CODE_EXECPATH": "/usr/bin/claude"}, "claude-code"),
    ({"AI_AGENT": "claude-code_2.1.0_cli"}, "claude-code"),
    ({"CLAUDE_CODE_REMOTE": "true"}, "claude-cloud"),
    ({"CODEX_THREAD_ID": "0199-abc"}, "codex-local"),
    ({"CODEX_SANDBOX": "seatbelt"}, "codex-local"),
    ({"CODEX_SANDBOX_NETWORK_DISABLED": "1"}, "codex-local"),
    ({"CODEX_CI": "1"}, "codex-local"),
    ({"CODEX_INTERNAL_ORIGINATOR_OVERRIDE": "codex_web_agent"}, "codex-cloud"),
    ({"CURSOR_AGENT": "1"}, "cursor"),
    ({"CURSOR_TRACE_ID": "abc", "PAGER": "head -n 10000 | cat"}, "cursor"),
    ({"CURSOR_SANDBOX": "1"}, "cursor"),
    ({"CURSOR_EXTENSION_HOST_ROLE": "agent-exec"}, "cursor"),
    ({"HOSTNAME": "cursor", "CURSOR_AGENT": "1"}, "cursor-cloud"),
    ({"GEMINI_CLI": "1"}, "gemini-cli"),
    ({"COPILOT_CLI": "1"}, "copilot"),
    ({"COPILOT_AGENT": "1"}, "copilot"),
    ({"COPILOT_AGENT_SESSION_ID": "abc"}, "copilot"),
    ({"AI_AGENT": "github_copilot_vscode_agent"}, "copilot"),
    ({"OPENCODE": "1"}, "opencode"),
    ({"OPENCODE": "1", "AGENT": "1"}, "opencode"),
    ({"AMP_CURRENT_THREAD_ID": "T-1"}, "amp"),
    ({"AGENT": "amp"}, "amp"),
    ({"GOOSE_TERMINAL": "1"}, "goose"),
    ({"AGENT": "goose"}, "goose"),
    ({"CRUSH": "1"}, "crush"),
    ({"AGENT": "crush"}, "crush"),
    ({"QWEN_CODE": "1"}, "qwen-code"),
    ({"CLINE_ACTIVE": "true"}, "cline"),
    ({"ROO_ACTIVE": "true"}, "roo-code"),
    ({"AUGMENT_AGENT": "1"}, "augment"),
    ({"PI_CODING_AGENT": "true"}, "pi"),
    ({"JUNIE_DATA": "/x"}, "junie"),
    ({"ANTIGRAVITY_AGENT": "1"}, "antigravity"),
    ({"TRAE_AI_SHELL_ID": "1"}, "trae"),
    ({"REPL_ID": "1"}, "replit"),
    ({"OZ_RUN_ID": "1"}, "warp"),
    ({"AIDER_API_KEY": "1"}, "aider"),
    ({"AI_AGENT": "goose@1.9.0"}, "goose"),
    ({"AI_AGENT": "newcomer_0.3"}, "newcomer"),
    ({"AGENT": "claude-code"}, "claude-code"),
]


@pytest.mark.parametrize(("environ", "agent"), VARIABLES)
def test_the_environment_of_each_agent_names_it(environ: dict[str, str], agent: str) -> None:
    assert owner(environ={"PATH": "/bin", **environ}) == agent


@pytest.mark.parametrize("row", (*ENVIRONMENT, *WEAK_ENVIRONMENT))
def test_each_row_of_the_environment_alone_names_its_agent(row: object) -> None:
    environ = {name: value or "1" for name, value in row.wanted}  # type: ignore[attr-defined]
    result = attribute(Clues(environ=environ, tty=False))
    assert result.agent_owner == row.agent  # type: ignore[attr-defined]
    assert {"kind": "environment", "signal": row.wanted[0][0], "agent": row.agent} in result.evidence  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "environ",
    [
        {"CODEX_HOME": "/home/x/.codex"},
        {"CURSOR_TRACE_ID": "abc"},
        {"CURSOR_TRACE_ID": "abc", "PAGER": "less"},
        {"CURSOR_EXTENSION_HOST_ROLE": "user"},
        {"HOSTNAME": "cursor"},
        {"CLAUDECODE": ""},
        {"CLAUDECODE": "0"},
        {"CLINE_ACTIVE": "false"},
        {"CLAUDE_CODE_REMOTE": "false"},
        {"AGENT": "1"},
        {"AI_AGENT": "1"},
        {"AI_AGENT": "true"},
        {"AI_AGENT": "human"},
        {"AI_AGENT": "sk-4f9Zq81xx"},
        {"AI_AGENT": "a name of many words"},
        {"AGENT": "build-host-seven"},
        {"ANTHROPIC_API_KEY": "secret"},
    ],
)
def test_what_a_person_may_have_set_is_no_signal(environ: dict[str, str]) -> None:
    assert attribute(Clues(environ=environ)) == NOBODY


def test_amp_sets_claudes_variable_and_is_amp() -> None:
    for mark in ({"AMP_CURRENT_THREAD_ID": "T-1"}, {"AGENT": "amp"}):
        result = attribute(Clues(environ={"CLAUDECODE": "1", **mark}))
        assert result.agent_owner == "amp"
        assert {entry["agent"] for entry in result.evidence} == {"amp"}
        assert result.confidence == WEIGHTS["environment"]


def test_qwen_sets_geminis_variable_and_is_qwen() -> None:
    result = attribute(Clues(environ={"GEMINI_CLI": "1", "QWEN_CODE": "1"}))
    assert (result.agent_owner, len(result.evidence)) == ("qwen-code", 1)


@pytest.mark.parametrize(
    ("environ", "agent"),
    [
        ({"CLAUDECODE": "1", "CLAUDE_CODE_REMOTE": "true"}, "claude-cloud"),
        ({"CODEX_THREAD_ID": "1", "CODEX_INTERNAL_ORIGINATOR_OVERRIDE": "codex_web_agent"}, "codex-cloud"),
        ({"CURSOR_AGENT": "1", "HOSTNAME": "cursor"}, "cursor-cloud"),
    ],
)
def test_a_cloud_goes_before_the_same_agent_here(environ: dict[str, str], agent: str) -> None:
    result = attribute(Clues(environ=environ))
    assert (result.agent_owner, result.confidence) == (agent, WEIGHTS["environment"])


def test_an_agents_own_variable_goes_before_a_generic_one() -> None:
    assert owner(environ={"OPENCODE": "1", "AGENT": "goosey"}) == "opencode"
    assert owner(environ={"CODEX_THREAD_ID": "1", "AI_AGENT": "claude-code_2"}) == "codex-local"


def test_two_agents_in_one_environment_make_it_less_sure() -> None:
    alone = attribute(Clues(environ={"CODEX_THREAD_ID": "1"}))
    both = attribute(Clues(environ={"CODEX_THREAD_ID": "1", "CLAUDECODE": "1"}))
    assert both.confidence < alone.confidence
    assert {entry["agent"] for entry in both.evidence} == {"claude-code", "codex-local"}


def test_where_the_environment_may_not_speak_nothing_of_it_counts() -> None:
    assert attribute(Clues(environ=None, tty=False)) == NOBODY


def test_a_terminal_of_kiro_is_an_agents_only_without_a_person_at_it() -> None:
    environ = {"TERM_PROGRAM": "kiro"}
    assert [owner(environ=environ, tty=tty) for tty in (False, True, None)] == ["kiro", None, None]


def test_devin_leaves_a_directory() -> None:
    assert owner(environ={}, has_devin_dir=True) == "devin"
    assert owner(environ=None, has_devin_dir=True) is None


def test_no_value_of_the_environment_comes_into_the_evidence() -> None:
    """But the id of a session, which has letters, digits, dots and dashes."""
    secret = "s3cret!"
    names = {name for row in (*ENVIRONMENT, *WEAK_ENVIRONMENT) for name, _ in row.wanted}
    result = attribute(Clues(environ=dict.fromkeys((*names, "AI_AGENT", "AGENT"), secret), tty=False))
    assert result.evidence
    assert secret not in repr(result)


TRAILERS = [
    ("Claude <noreply@anthropic.com>", "claude-code"),
    ("Claude Opus 4.5 <noreply@anthropic.com>", "claude-code"),
    ("Claude Sonnet 4.5 (1M context) <noreply@anthropic.com>", "claude-code"),
    ("Claude Code <noreply@anthropic.com>", "claude-code"),
    ("claude <NoReply@Anthropic.com>", "claude-code"),
    ("A Newer Model <noreply@anthropic.com>", "claude-code"),
    ("Codex <noreply@openai.com>", "codex-local"),
    ("OpenAI Codex <codex@example.com>", "codex-local"),
    ("chatgpt-codex-connector[bot] <199175422+chatgpt-codex-connector[bot]@users.noreply.github.com>", "codex-cloud"),
    ("renamed[bot] <199175422+renamed[bot]@users.noreply.github.com>", "codex-cloud"),
    ("Cursor <cursoragent@cursor.com>", "cursor"),
    ("Cursor Agent <cursoragent@cursor.com>", "cursor"),
    ("cursor[bot] <206951365+cursor[bot]@users.noreply.github.com>", "cursor"),
    ("Copilot <198982749+Copilot@users.noreply.github.com>", "copilot"),
    ("Copilot <175728472+Copilot@users.noreply.github.com>", "copilot"),
    ("GitHub Copilot <copilot@github.com>", "copilot"),
    ("copilot-swe-agent[bot] <1+copilot-swe-agent[bot]@users.noreply.github.com>", "copilot-cloud"),
    ("Devin AI <158243242+devin-ai-integration[bot]@users.noreply.github.com>", "devin"),
    ("aider (gpt-5) <noreply@aider.chat>", "aider"),
    ("Roo Code <roomote@roocode.com>", "roo-code"),
    ("Gemini CLI <gemini@local>", "gemini-cli"),
    ("google-labs-jules[bot] <161369871+google-labs-jules[bot]@users.noreply.github.com>", "jules"),
    ("Amp <amp@ampcode.com>", "amp"),
    ("Qwen-Coder <qwen-coder@alibabacloud.com>", "qwen-code"),
]


@pytest.mark.parametrize(("value", "agent"), TRAILERS)
def test_the_usual_trailers_name_their_agent(value: str, agent: str) -> None:
    assert trailer(value) == agent
    assert owner(trailers=(("co-authored-by", value),)) == agent


@pytest.mark.parametrize(
    "value",
    [
        "Codex <codex@local>",
        "Codex <codex@emergence.ai>",
        "Codex <codex@anthropic.com>",
        "Codex <noreply@anthropic.com>",
        "Codex CLI <codex@localhost>",
        "Codex (GPT-5) <agent@codex.dev>",
        "codex-local <x@y>",
    ],
)
def test_the_name_goes_before_an_invented_address(value: str) -> None:
    assert trailer(value) == "codex-local"


def test_a_first_name_with_another_makers_address_is_the_agent_of_that_name() -> None:
    assert trailer("Claude <noreply@openai.com>") == "claude-code"


@pytest.mark.parametrize(
    "value",
    [
        "Claude Monet <claude.monet@orange.fr>",
        "Claude <claude@orange.fr>",
        "Devin Booker <devin@gmail.com>",
        "Jean-Claude Dupont <jc@example.com>",
        "Patsy Cline <patsy@gmail.com>",
        "Cursory Reader <c@gmail.com>",
        "Jane Doe <jane@anthropic.com>",
        "Jane Doe <1209825114+jane@users.noreply.github.com>",
        "Jane Doe <209825114+jane@gmail.com>",
        "",
        "<>",
        "no address at all",
    ],
)
def test_people_are_no_agents(value: str) -> None:
    assert trailer(value) is None
    assert owner(author=value, committer=value) is None


@pytest.mark.parametrize(
    ("value", "agent"),
    [
        ("Claude:claude-opus-4-5 coccinelle sparse", "claude-code"),
        ("GitHub Copilot:gpt-5", "copilot"),
        ("Codex:gpt-5-codex [sparse]", "codex-local"),
        ("Claude Code", "claude-code"),
        ("Claude", "claude-code"),
        ("Claude Opus 4.5 <noreply@anthropic.com>", "claude-code"),
        ("Gemini", "gemini-cli"),
        ("Claude Monet <claude.monet@orange.fr>", None),
        ("coccinelle", None),
    ],
)
def test_assisted_by_names_the_agent_before_its_model(value: str, agent: str | None) -> None:
    assert trailer(value, "Assisted-by") == agent


@pytest.mark.parametrize(
    ("key", "value", "agent"),
    [
        ("Claude-Session", "https://claude.ai/code/session_1", "claude-code"),
        ("Replit-Commit-Author", "Agent", "replit"),
        ("Amp-Thread-ID", "https://ampcode.com/threads/T-1", "amp"),
        ("Amp-Thread", "https://ampcode.com/threads/T-1", "amp"),
        ("Replit-Commit-Author", "Deployment", None),
        ("Made-with", "Cursor", "cursor"),
        ("Made-with", "Love", None),
        ("Entire-Agent", "Claude Code", "claude-code"),
        ("Reviewed-by", "Claude <noreply@anthropic.com>", None),
        ("Signed-off-by", "Codex <noreply@openai.com>", None),
    ],
)
def test_only_trailers_that_say_who_made_it_count(key: str, value: str, agent: str | None) -> None:
    assert trailer(value, key) == agent


def test_of_two_trailers_the_first_owns_it_and_the_other_stands_beside() -> None:
    result = attribute(Clues(trailers=(CLAUDE, CODEX)))
    assert (result.agent_owner, result.also) == ("claude-code", ["codex-local"])
    result = attribute(Clues(trailers=(CODEX, CLAUDE)))
    assert (result.agent_owner, result.also) == ("codex-local", ["claude-code"])
    assert [entry["agent"] for entry in result.evidence] == ["codex-local", "claude-code"]


def test_two_models_of_one_agent_are_one_agent() -> None:
    sonnet = ("Co-Authored-By", "Claude Sonnet 4.5 <noreply@anthropic.com>")
    assert attribute(Clues(trailers=(CLAUDE, sonnet))) == attribute(Clues(trailers=(CLAUDE,)))


def test_the_environment_goes_before_the_trailers_and_they_stand_beside_it() -> None:
    result = attribute(Clues(environ={"CODEX_THREAD_ID": "1"}, trailers=(CLAUDE, CODEX)))
    assert (result.agent_owner, result.also) == ("codex-local", ["claude-code"])
    assert result.evidence[0] == {"kind": "environment", "signal": "CODEX_THREAD_ID", "agent": "codex-local"}


def test_openais_address_is_the_cloud_as_author_and_some_codex_as_trailer() -> None:
    assert owner(author="Codex <noreply@openai.com>") == "codex-cloud"
    assert owner(author="Jane Doe <jane@example.com>", trailers=(CODEX,)) == "codex-local"


def test_a_trailers_agent_ran_in_the_cloud_if_another_signal_says_so() -> None:
    assert owner(author="Codex <noreply@openai.com>", trailers=(CODEX,)) == "codex-cloud"
    assert owner(branch="codex/fix", trailers=(CODEX,)) == "codex-cloud"
    assert owner(author="Claude <noreply@anthropic.com>", trailers=(CLAUDE,)) == "claude-cloud"
    assert owner(author="Cursor Agent <cursoragent@cursor.com>", branch="cursor/fix") == "cursor-cloud"


def test_what_ran_here_by_its_environment_ran_here() -> None:
    result = attribute(Clues(environ={"CODEX_THREAD_ID": "1"}, branch="codex/fix", trailers=(CODEX,)))
    assert (result.agent_owner, result.also) == ("codex-local", [])
    assert result.evidence[1]["agent"] == "codex-local"


def test_a_cloud_is_not_beside_itself() -> None:
    assert attribute(Clues(environ={"CLAUDE_CODE_REMOTE": "true"}, trailers=(CLAUDE,))).also == []
    cloud = ("Co-authored-by", "x <199175422+x[bot]@users.noreply.github.com>")
    assert attribute(Clues(environ={"CODEX_THREAD_ID": "1"}, trailers=(cloud,))).also == []


@pytest.mark.parametrize(
    ("author", "agent"),
    [
        ("Claude <noreply@anthropic.com>", "claude-cloud"),
        ("Codex <noreply@openai.com>", "codex-cloud"),
        ("x <199175422+chatgpt-codex-connector[bot]@users.noreply.github.com>", "codex-cloud"),
        ("Cursor Agent <cursoragent@cursor.com>", "cursor"),
        ("cursor[bot] <206951365+cursor[bot]@users.noreply.github.com>", "cursor"),
        ("Copilot <198982749+Copilot@users.noreply.github.com>", "copilot-cloud"),
        ("copilot-swe-agent[bot] <1+copilot-swe-agent[bot]@users.noreply.github.com>", "copilot-cloud"),
        ("devin-ai-integration[bot] <158243242+renamed@users.noreply.github.com>", "devin"),
        ("Jane Doe (aider) <jane@example.com>", "aider"),
        ("Codex <codex@example.com>", "codex-local"),
        ("aider <noreply@aider.chat>", "aider"),
        ("Roomote <roomote@roocode.com>", "roo-code"),
        ("google-labs-jules[bot] <161369871+google-labs-jules[bot]@users.noreply.github.com>", "jules"),
        ("google-labs-jules <jules@invalid>", "jules"),
        ("Jules Verne <jules@gmail.com>", None),
        ("GitHub <noreply@github.com>", None),
        ("", None),
    ],
)
def test_an_agent_that_commits_is_known_by_its_address_or_name(author: str, agent: str | None) -> None:
    assert owner(author=author) == agent
    assert owner(committer=author) == agent
    assert attribute(Clues(committer=author)).confidence <= attribute(Clues(author=author)).confidence


@pytest.mark.parametrize("row", ADDRESSES)
def test_each_row_of_the_addresses_names_its_agent(row: object) -> None:
    address = row.match if "@" in row.match else row.match + "x@users.noreply.github.com"  # type: ignore[attr-defined]
    result = attribute(Clues(author=f"X <{address}>"))
    assert result.agent_owner == row.as_author  # type: ignore[attr-defined]
    assert result.evidence == [{"kind": "author", "signal": row.match, "agent": row.as_author}]  # type: ignore[attr-defined]
    assert trailer(f"X <{address}>") == row.in_trailer  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("branch", "agent"),
    [
        ("codex/fix", "codex-cloud"),
        ("refs/heads/codex/fix", "codex-cloud"),
        ("claude/fix", "claude-code"),
        ("copilot/fix-1", "copilot-cloud"),
        ("cursor/fix", "cursor-cloud"),
        ("devin/1-fix", "devin"),
        ("cline/fix", "cline"),
        ("aider/fix", "aider"),
        ("gemini/fix", "gemini-cli"),
        ("codex", None),
        ("codex/", None),
        ("fix/codex/x", None),
        ("my-codex/x", None),
        ("main", None),
        (None, None),
    ],
)
def test_a_branch_names_an_agent_by_its_prefix_only(branch: str | None, agent: str | None) -> None:
    assert owner(branch=branch) == agent


def test_an_agents_name_in_the_middle_of_a_message_is_no_evidence() -> None:
    line = "🤖 Generated with [Claude Code](https://claude.com/claude-code)"
    body = f"Codex and Claude both said so.\n\n{line}\n\nBut a person."
    assert attribute(Clues(subject="Teach Claude Code and aider: the rules", body=body)) == NOBODY


def test_a_fixed_line_at_the_end_of_a_message_is_evidence() -> None:
    line = "🤖 Generated with [Claude Code](https://claude.com/claude-code)"
    assert owner(body=f"Why.\n\n{line}\n") == "claude-code"
    assert owner(body=f"Why.\n\n{line}\n\nCo-Authored-By: X <x@example.com>\n") == "claude-code"
    assert owner(subject="aider: fix it") == "aider"


def test_a_persons_variable_comes_after_all_that_the_commit_says() -> None:
    result = attribute(Clues(environ={"AIDER_API_KEY": "k", "REPL_ID": "r"}, branch="codex/x"))
    assert result.agent_owner == "codex-cloud"


@pytest.mark.parametrize(
    ("payload", "agent"),
    [
        ({"hook_event_name": "PostToolUse", "session_id": "s", "transcript_path": "/t", "cwd": "/"}, "claude-code"),
        ({"hook_event_name": "PostToolUse", "session_id": "s", "transcript_path": "/t", "turn_id": "1"}, "codex-local"),
        ({"hook_event_name": "AfterTool", "session_id": "s", "transcript_path": "/t", "timestamp": "1"}, "gemini-cli"),
        (
            {"hook_event_name": "PostToolUse", "session_id": "s", "transcript_path": "/t", "cursor_version": "2"},
            "cursor",
        ),
        ({"trajectory_id": "t"}, "windsurf"),
        ({"hook_event_name": "PostToolUse"}, None),
        ({}, None),
    ],
)
def test_an_agents_hook_is_known_by_its_fields(payload: dict[str, str], agent: str | None) -> None:
    assert owner(payload=payload) == agent


def test_a_hooks_agent_runs_in_the_cloud_if_its_environment_says_so() -> None:
    payload = {"hook_event_name": "PostToolUse", "session_id": "s", "transcript_path": "/t"}
    assert owner(payload=payload, environ={"CLAUDE_CODE_REMOTE": "true"}) == "claude-cloud"


def test_what_is_said_goes_before_everything_then_the_setting() -> None:
    clues = {"environ": {"CLAUDECODE": "1"}, "trailers": (CODEX,)}
    said = attribute(Clues(said="human", setting="cursor", **clues))  # type: ignore[arg-type]
    assert (said.agent_owner, said.confidence, said.also) == ("human", 1.0, ["codex-local"])
    assert [entry["kind"] for entry in said.evidence] == ["said", "setting", "environment", "trailer"]
    assert owner(setting="cursor", **clues) == "cursor"


@pytest.mark.parametrize("name", ["", "Claude Code", "-x", "a" * 65, "x\n", "é", "UPPER"])
def test_a_name_that_cannot_be_one_is_as_if_not_said(name: str) -> None:
    assert attribute(Clues(said=name, setting=name)) == NOBODY


def test_human_is_never_a_guess() -> None:
    jane = "Jane Doe <jane@example.com>"
    assert attribute(Clues(author=jane, committer=jane, environ={"TERM": "xterm"}, tty=True, branch="main")) == NOBODY
    assert trailer("human <human@example.com>", "Assisted-by") is None


def test_a_trailer_said_a_thousand_times_is_one_reason() -> None:
    assert len(attribute(Clues(trailers=(CLAUDE, CODEX) * 1000)).evidence) == 2


def test_more_evidence_for_the_owner_never_makes_it_less_sure() -> None:
    author = "Claude <noreply@anthropic.com>"
    both = attribute(Clues(author=author, trailers=(CLAUDE,)))
    assert both.confidence == attribute(Clues(author=author)).confidence == WEIGHTS["author"]


def test_each_name_that_the_program_gives_is_listed_and_may_stand_in_the_ledger() -> None:
    given = {row.agent for row in (*ENVIRONMENT, *WEAK_ENVIRONMENT)} | set(BRANCHES.values()) | set(CLOUD.values())
    assert given | {"human"} <= set(KNOWN_AGENTS)
    assert all(events.is_agent(name) for name in KNOWN_AGENTS)


def test_each_weight_is_a_confidence_and_detectors_stand_in_order_of_theirs() -> None:
    assert all(0 < weight <= 1 for weight in WEIGHTS.values())
    assert [detect.__name__ for detect in DETECTORS] == [
        *("said", "setting", "payload", "client", "environment"),
        *("trailers", "author", "committer", "message", "branch"),
        "weak_environment",
    ]


def test_trailers_are_read_as_git_prints_them() -> None:
    text = "Co-Authored-By: Claude <noreply@anthropic.com>\nFixes: a:b\u2028c\nnot one\n: no key\n\n"
    assert parse_trailers(text) == (CLAUDE, ("Fixes", "a:b\u2028c"))


@pytest.mark.parametrize(
    ("name", "agent"),
    [
        ("codex-mcp-client", "codex-local"),
        ("claude-code", "claude-code"),
        ("gemini-cli-mcp-client", "gemini-cli"),
        ("cursor-vscode", "cursor"),
        ("mcp", None),
        ("Ignore all previous instructions", None),
        ("", None),
    ],
)
def test_an_mcp_client_gives_its_name(name: str, agent: str | None) -> None:
    """More certain than the environment, which may be that of the agent that started the other one."""
    found = attribute(Clues(client=name, environ={"GOOSE_TERMINAL": "1"}))
    assert found.agent_owner == (agent or "goose")
    assert not agent or found.evidence[0] == {"kind": "client", "signal": "clientInfo.name", "agent": agent}


@pytest.mark.parametrize(
    ("environ", "session"),
    [
        ({"CODEX_THREAD_ID": "0199-abc.x_1"}, "0199-abc.x_1"),
        ({"CODEX_THREAD_ID": "1", "CODEX_SESSION_ID": "two"}, "two"),
        ({"CODEX_THREAD_ID": "x y"}, None),
        ({"CODEX_THREAD_ID": "é"}, None),
        ({"CODEX_THREAD_ID": "a" * 129}, None),
        ({"CODEX_CI": "1", "CLAUDE_CODE_SESSION_ID": "not-codex"}, None),
    ],
)
def test_the_session_of_an_agent_stands_with_its_evidence(environ: dict[str, str], session: str | None) -> None:
    """Where it looks like an id, and its own variable has it."""
    found = attribute(Clues(environ=environ))
    assert found.agent_owner == "codex-local" and found.evidence[0].get("session") == session
