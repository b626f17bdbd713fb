"""The Model Context Protocol over lines of JSON, as far as a server of tools needs it. Pure but for the tools.

https://modelcontextprotocol.io/specification/2025-11-25. The official SDK takes some 80 times as long to load as an
empty Python (docs/decisions/mcp.md); the tests talk to this module with it.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from agentsync.agents.caller import Client
from agentsync.base import strict_json
from agentsync.base.errors import AgentsyncError
from agentsync.base.text import escape_json

VERSIONS = ("2025-11-25", "2025-06-18")  # the newest first
LARGEST = 1 << 20  # bytes of a message
PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS = -32700, -32600, -32601, -32602

Json = dict[str, Any]


class Given(NamedTuple):
    """An argument of a tool: `type` is "string" or "array" (of strings)."""

    type: str
    description: str
    required: bool = False


class Answer(NamedTuple):
    """What a tool answers: for people and models, and the same as a value of the tool's type."""

    text: str
    value: Mapping[str, Any]


class Tool(NamedTuple):
    """A tool. `answers`: the TypedDict that it answers with. `call` gets the arguments and who asks."""

    name: str
    title: str
    description: str
    given: Mapping[str, Given]
    answers: type
    reads: bool
    call: Callable[[Json, Client], Answer]


class RefusedError(Exception):
    """A message that is answered with an error; `code` is JSON-RPC's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Server:
    """One connection: `reply` takes a line and gives the line to send, or None for none."""

    def __init__(self, tools: Iterable[Tool], version: str, instructions: str) -> None:
        self.tools = {one.name: one for one in tools}
        self.version, self.instructions = version, instructions
        self.client = ""  # what it calls itself, once it has begun

    def reply(self, line: bytes) -> bytes | None:
        """Answer a request; a notification and an answer need none."""
        id_: str | int | None = None
        try:
            message = _parse(line)
            id_ = _id_of(message)
            if "method" not in message or "id" not in message:
                return None
            told: Json = {"result": self._result(str(message["method"]), _params(message))}
        except RefusedError as error:
            told = {"error": {"code": error.code, "message": str(error)}}
        return _encoded({"jsonrpc": "2.0", "id": id_, **told})

    def _result(self, method: str, params: Json) -> Json:
        if method == "ping":
            return {}
        if method == "initialize":
            return self._begin(params)
        if method not in ("tools/list", "tools/call"):
            raise RefusedError(NO_METHOD, f"no method {method[:100]!r}")
        if not self.client:
            raise RefusedError(INVALID_REQUEST, "initialize comes first")
        if method == "tools/list":
            return {"tools": [_described(one) for one in self.tools.values()]}
        return self._call(params)

    def _begin(self, params: Json) -> Json:
        info, asked = params.get("clientInfo"), params.get("protocolVersion")
        if not isinstance(info, dict) or not isinstance(info.get("name"), str) or not isinstance(asked, str):
            raise RefusedError(INVALID_PARAMS, "initialize needs protocolVersion and clientInfo with a name")
        self.client = info["name"] or "unnamed"
        return {
            "protocolVersion": asked if asked in VERSIONS else VERSIONS[0],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "agentsync", "version": self.version},
            "instructions": self.instructions,
        }

    def _call(self, params: Json) -> Json:
        tool, arguments = self.tools.get(str(params.get("name"))), params.get("arguments") or {}
        if tool is None:
            raise RefusedError(INVALID_PARAMS, f"no tool {str(params.get('name'))[:100]!r}")
        if why := _wrong(tool, arguments):
            return _failed(why)
        meta = params.get("_meta")
        thread = meta.get("threadId") if isinstance(meta, dict) else None
        client = Client(self.client, thread if isinstance(thread, str) else None)
        try:
            answer = tool.call(arguments, client)
        except AgentsyncError as error:
            return _failed("\n".join(filter(None, (error.message, error.cause, error.hint))))
        except OSError as error:
            return _failed(f"{error.filename or ''}: {error.strerror or error}".removeprefix(": "))
        return {"content": [_text(answer.text)], "structuredContent": answer.value, "isError": False}


def _encoded(message: Json) -> bytes:
    """One line. A byte of a name that is no UTF-8 is written as `\\xff`: half a character would end some clients."""
    text = re.sub("[\ud800-\udfff]", lambda found: f"\\\\x{ord(found[0]) & 0xFF:02x}", strict_json.dumps(message))
    return escape_json(text).encode() + b"\n"


def _parse(line: bytes) -> Json:
    if len(line) > LARGEST:
        raise RefusedError(PARSE_ERROR, f"a message of more than {LARGEST} bytes")
    try:
        message = strict_json.loads(line.decode())
        json.dumps(message, ensure_ascii=False).encode()  # a lone surrogate is no text
    except (ValueError, RecursionError):
        raise RefusedError(PARSE_ERROR, "not JSON in UTF-8") from None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise RefusedError(INVALID_REQUEST, "not a JSON-RPC 2.0 message")
    return message


def _id_of(message: Json) -> str | int | None:
    if "id" in message and type(message["id"]) not in (str, int):
        raise RefusedError(INVALID_REQUEST, "an id is a text or a whole number")
    if "method" in message and not isinstance(message["method"], str):
        raise RefusedError(INVALID_REQUEST, "a method is a text")
    return message.get("id")


def _params(message: Json) -> Json:
    params = message.get("params", {})
    if not isinstance(params, dict):
        raise RefusedError(INVALID_PARAMS, "params are an object")
    return params


def _described(tool: Tool) -> Json:
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": {
            "type": "object",
            "properties": {name: _given(one) for name, one in tool.given.items()},
            "required": [name for name, one in tool.given.items() if one.required],
            "additionalProperties": False,
        },
        "outputSchema": schema(tool.answers),
        "annotations": {"readOnlyHint": tool.reads, "destructiveHint": False, "openWorldHint": False},
    }


def _given(one: Given) -> Json:
    items = {"items": {"type": "string"}} if one.type == "array" else {}
    return {"type": one.type, **items, "description": one.description}


def _wrong(tool: Tool, arguments: object) -> str:
    """What is wrong with the arguments of a call; "" if nothing is."""
    if not isinstance(arguments, dict):
        return "arguments are an object"
    for name, value in arguments.items():
        if name not in tool.given:
            return f"{tool.name} has no argument {name[:100]!r}; it takes {', '.join(tool.given) or 'none'}"
        if not _fits(tool.given[name].type, value):
            return f"{name} is {'a list of texts' if tool.given[name].type == 'array' else 'a text'}"
    missing = [name for name, one in tool.given.items() if one.required and name not in arguments]
    return f"{tool.name} needs {', '.join(missing)}" if missing else ""


def _fits(type_: str, value: object) -> bool:
    if type_ == "array":
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    return isinstance(value, str)


def _failed(why: str) -> Json:
    """A call that came to nothing: the model reads why."""
    return {"content": [_text(why)], "isError": True}


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}


def schema(type_: Any) -> Json:
    """The JSON schema of a type out of TypedDicts, named tuples, lists, dictionaries and plain values."""
    if type_ in _PLAIN:
        return {"type": _PLAIN[type_]}
    arguments, origin = get_args(type_), get_origin(type_)
    if origin in (list, Sequence):
        return {"type": "array", "items": schema(arguments[0])}
    if origin in (dict, Mapping):
        return {"type": "object", "additionalProperties": schema(arguments[1])}
    if origin is Literal:
        return {"enum": [*arguments]}
    if arguments:
        return {"anyOf": [schema(one) for one in arguments]}
    hints = get_type_hints(type_)
    return {"type": "object", "properties": {name: schema(one) for name, one in hints.items()}, "required": [*hints]}
