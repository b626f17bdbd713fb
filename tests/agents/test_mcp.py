"""The tools over MCP: with the official SDK as the client, and line by line where no client would go."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import anyio
import pytest
from lab.commands import agentsync, agentsync_process
from lab.repo import Repo
from lab.templates import copied
from test_brief import JOURNAL, hostile, with_journal

from agentsync.agents import brief, rpc
from agentsync.agents.caller import Client
from agentsync.agents.rpc import Answer, Given, Server, Tool
from agentsync.base.errors import AgentsyncError
from agentsync.cli.mcp import INSTRUCTIONS, TOOLS

Json = dict[str, Any]
HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "codex-mcp-client", "version": "1"},
}


@pytest.fixture
def shared(tmp_path: Any) -> Repo:
    return copied(tmp_path / "repo", with_journal)


def request(method: str, id_: Any = 1, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": params}).encode()


def call(name: str, thread: str = "", **arguments: Any) -> bytes:
    meta = {"_meta": {"threadId": thread}} if thread else {}
    return request("tools/call", name=name, arguments=arguments, **meta)


def sent(server: Server, line: bytes) -> Any:
    """The answer to a line."""
    told = server.reply(line)
    assert told is not None and told.endswith(b"\n") and told.count(b"\n") == 1
    return json.loads(told)


def begun(*tools: Tool) -> Server:
    server = Server(tools or TOOLS, "1", INSTRUCTIONS)
    assert sent(server, request("initialize", **HELLO))["result"]["protocolVersion"] == "2025-06-18"
    return server


def echo(given: Json, client: Client) -> Answer:
    if "fail" in given["words"]:
        raise AgentsyncError("it failed", cause="because", hint="do this")
    return Answer(" ".join(given["words"]), {"client": client.name, "thread": client.thread})


ECHO = Tool("echo", "Echo", "Says it.", {"words": Given("array", "what", True)}, brief.Journal, True, echo)


def test_a_session_with_the_official_client(shared: Repo) -> None:
    """Answers fit the schemas that were promised (the client checks), and who speaks is the client by its name."""
    from mcp import Client as Sdk
    from mcp import StdioServerParameters
    from mcp.types import Implementation

    started = StdioServerParameters(
        command=sys.executable, args=["-m", "agentsync", "mcp"], cwd=str(shared.root), env=dict(os.environ)
    )
    found: Json = {}

    async def talk() -> None:
        async with Sdk(started, client_info=Implementation(name="codex-mcp-client", version="1")) as client:
            found["tools"] = {one.name: one for one in (await client.list_tools()).tools}
            found["version"], found["instructions"] = client.protocol_version, client.instructions
            for name, arguments in (
                ("claim", {"paths": ["docs"], "ttl": "30m", "note": "x"}),
                ("brief", {}),
                ("who", {"paths": ["doc.md", "code.py"]}),
                ("handoff", {"text": "Handed over."}),
                ("claim", {"paths": ["doc.md"]}),
                ("consolidate", {}),
                ("claim", {"paths": ["../outside"]}),
            ):
                done = await client.call_tool(name, arguments)
                found.setdefault(name, []).append((done.is_error, done.content[0].text, done.structured_content))  # type: ignore[union-attr]

    anyio.run(talk)
    assert found["version"] in rpc.VERSIONS and found["instructions"] == INSTRUCTIONS
    assert {name: one.annotations.read_only_hint for name, one in found["tools"].items()} == {
        "who": True,
        "brief": True,
        "claim": False,
        "handoff": False,
        "consolidate": False,
    }
    assert found["claim"][0][2]["agent_owner"] == "codex-local" and found["claim"][0][2]["recorded"]
    assert "claimed by you until" in found["brief"][0][1]
    assert [one["file_path"] for one in found["who"][0][2]["answers"]] == ["doc.md", "code.py"]
    assert found["handoff"][0][2]["released"] == [found["claim"][0][2]["id"]]
    assert found["consolidate"][0][2]["changes_consolidated"] == 1
    failed, why, _ = found["claim"][2]
    assert failed and why.endswith("is outside of the repository")
    assert "Agent: codex-local" in shared.read(JOURNAL) and "Handed over." in shared.read(JOURNAL)
    written = next(one for one in shared.changes() if one["file_path"] == JOURNAL)
    assert written["evidence"][0] == {"kind": "client", "signal": "clientInfo.name", "agent": "codex-local"}
    assert (shared.lines()[-1]["kind"], shared.lines()[-1]["reason"]) == ("release", "ended"), "the server has ended"


def test_the_thread_of_a_call_is_the_session(shared: Repo) -> None:
    lines = [request("initialize", **HELLO), call("claim", "thread-1", paths=["doc.md"]), b"", b"nonsense"]
    done = subprocess.run(
        [sys.executable, "-m", "agentsync", "mcp"],
        cwd=shared.root,
        input=b"\n".join(lines),
        capture_output=True,
        timeout=60,
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one.get("id") for one in told] == [1, 1, None] and done.stderr == b""
    claimed = next(one for one in shared.lines() if one["kind"] == "claim")
    assert (claimed["session"], claimed["source"], claimed["agent_owner"]) == ("thread-1", "mcp", "codex-local")


def test_a_server_that_is_told_to_end_takes_its_claims_along(shared: Repo) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "agentsync", "mcp"], cwd=shared.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert server.stdin and server.stdout
    server.stdin.write(request("initialize", **HELLO) + b"\n" + call("claim", paths=["doc.md"]) + b"\n")
    server.stdin.flush()
    assert [b"claimed until" in server.stdout.readline() for _ in range(2)] == [False, True]
    server.terminate()
    assert server.wait(60) == 0
    server.stdin.close()
    server.stdout.close()
    assert (shared.lines()[-1]["kind"], shared.lines()[-1]["reason"]) == ("release", "ended")


def test_outside_of_a_repository_a_tool_says_so(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = sent(begun(), call("brief"))["result"]
    assert told["isError"] and told["content"][0]["text"].startswith("not in a git repository\n")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", rpc.PARSE_ERROR),
        (b"\xff", rpc.PARSE_ERROR),
        (b"[" * 100_000, rpc.PARSE_ERROR),
        (b'{"x":NaN}', rpc.PARSE_ERROR),
        (b'"\\ud800"', rpc.PARSE_ERROR),
        (b" " * (rpc.LARGEST + 1), rpc.PARSE_ERROR),
        (b"[]", rpc.INVALID_REQUEST),
        (b'{"id":1,"method":"ping"}', rpc.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', rpc.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', rpc.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":1}', rpc.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', rpc.INVALID_PARAMS),
        (request("initialize", protocolVersion="2025-06-18"), rpc.INVALID_PARAMS),
        (request("initialize", clientInfo={"name": 1}, protocolVersion="2025-06-18"), rpc.INVALID_PARAMS),
        (request("tools/list"), rpc.INVALID_REQUEST),
        (request("resources/list"), rpc.NO_METHOD),
        (request("x" * 5000), rpc.NO_METHOD),
    ],
)
def test_what_is_no_request_is_refused(line: bytes, code: int) -> None:
    assert sent(Server(TOOLS, "1", ""), line)["error"]["code"] == code


def test_before_it_begins_it_answers_a_ping_and_nothing_else() -> None:
    server = Server(TOOLS, "1", "")
    assert sent(server, request("ping", "a"))["result"] == {}
    for line in (b'{"jsonrpc":"2.0","method":"notifications/initialized"}', b'{"jsonrpc":"2.0","id":9,"result":{}}'):
        assert server.reply(line) is None
    asked = {**HELLO, "protocolVersion": "1999-01-01"}
    assert sent(server, request("initialize", **asked))["result"]["protocolVersion"] == rpc.VERSIONS[0]


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"arguments": {"words": ["fail"]}}, "it failed\nbecause\ndo this"),
        ({"arguments": {}}, "echo needs words"),
        ({"arguments": {"words": "one"}}, "words is a list of texts"),
        ({"arguments": {"words": [1]}}, "words is a list of texts"),
        ({"arguments": {"words": [], "more": 1}}, "echo has no argument 'more'; it takes words"),
        ({"arguments": [1]}, "arguments are an object"),
    ],
)
def test_a_call_that_fails_is_told_to_the_model(params: Json, says: str) -> None:
    told = sent(begun(ECHO), request("tools/call", name="echo", **params))["result"]
    assert told == {"content": [{"type": "text", "text": says}], "isError": True}


def test_an_unknown_tool_is_an_error_of_the_client() -> None:
    assert sent(begun(ECHO), call("rm"))["error"]["code"] == rpc.INVALID_PARAMS


@pytest.mark.parametrize(
    ("meta", "thread"), [({"threadId": "t"}, "t"), ({"threadId": 1}, None), ("x", None), (None, None)]
)
def test_who_asks(meta: Any, thread: str | None) -> None:
    told = sent(begun(ECHO), request("tools/call", name="echo", arguments={"words": []}, _meta=meta))["result"]
    assert told["structuredContent"] == {"client": "codex-mcp-client", "thread": thread}


def test_what_reaches_a_model_at_once_is_short_and_ours() -> None:
    """The instructions are in a system message: at most 80 tokens of three bytes, and not a word from a repository."""
    assert len(INSTRUCTIONS) <= 80 * brief.TOKEN and INSTRUCTIONS.isascii()
    listed: list[Mapping[str, Any]] = sent(begun(), request("tools/list"))["result"]["tools"]
    assert listed == sent(begun(), request("tools/list"))["result"]["tools"]
    assert all(len(one["description"]) <= 120 for one in listed)


def test_10000_hostile_strings_stay_in_their_answer() -> None:
    """Each as an argument and back: one line of JSON that any client can read, and the next call is answered."""
    draw, server = random.Random(8), begun(ECHO)
    for _ in range(500):
        words = [hostile(draw).encode("utf-8", "replace").decode() for _ in range(20)]
        told = sent(server, call("echo", words=words))["result"]
        assert told["content"][0]["text"] == " ".join(words)
    spoilt = Tool(
        "echo", "", "", {}, brief.Journal, True, lambda given, client: Answer("\udcff", {"a": "\udcff\u2028"})
    )
    line = begun(spoilt).reply(call("echo")) or b""
    assert line.isascii() and json.loads(line)["result"]["content"][0]["text"] == "\\xff"


def test_the_command_ends_with_its_input(shared: Repo) -> None:
    assert agentsync_process(shared.root, "mcp").out == ""
    assert agentsync(shared.root, "claims").out
