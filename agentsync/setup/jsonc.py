"""A value put into a settings file in JSON, or JSON with comments, and taken out; every other byte stays. Pure.

Only so much is understood as is needed to find the place. What is not plainly that is refused.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

_SPACE = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_PLAIN = re.compile(r"true|false|null|-?[0-9][0-9.eE+-]*")
DEEPEST = 100


class OddError(ValueError):
    """The text is not what it has to be; the message says where."""


class Node(NamedTuple):
    """A value and where it lies in the text: `members` of an object by name, `items` of an array."""

    start: int
    end: int
    members: dict[str, Node] | None = None
    items: tuple[Node, ...] | None = None


def parse(text: str) -> Node:
    """The value that the text is. Raises OddError."""
    node = _value(text, _skip(text, 1 if text.startswith("\ufeff") else 0), 0)
    if _skip(text, node.end) != len(text):
        raise OddError(f"more follows after the value, at character {node.end}")
    return node


def added(text: str, keys: tuple[str, ...], value: object) -> str:
    """The text with `value` first in the array at these keys, which are made where they are missing.

    Raises OddError.
    """
    node = parse(text)
    for depth, key in enumerate(keys):
        if node.members is None:
            raise OddError(f"{'.'.join(keys[:depth]) or 'the file'} is not an object")
        if key not in node.members:
            for missing in reversed(keys[depth + 1 :]):
                value = {missing: [value] if missing == keys[-1] else value}
            value = [value] if depth == len(keys) - 1 else value
            return _inserted(text, node, f"{json.dumps(key)}: ", value, depth + 1)
        node = node.members[key]
    if node.items is None:
        raise OddError(f"{'.'.join(keys)} is not an array")
    return _inserted(text, node, "", value, len(keys) + 1)


def removed(text: str, keys: tuple[str, ...], mark: str) -> str:
    """The text without the items of that array in which `mark` stands. Raises OddError."""
    while (node := _at(parse(text), keys)) and node.items:
        found = next((n for n, item in enumerate(node.items) if mark in text[item.start : item.end]), None)
        if found is None:
            break
        item, comma = node.items[found], _skip(text, node.items[found].end)
        if found:
            text = text[: node.items[found - 1].end] + text[item.end :]
        else:
            text = text[: node.start + 1] + text[comma + 1 if text[comma] == "," else item.end :]
    return text


def _at(node: Node | None, keys: tuple[str, ...]) -> Node | None:
    for key in keys:
        node = (node.members or {}).get(key) if node else None
    return node


def _inserted(text: str, node: Node, name: str, value: object, depth: int) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    unit = _unit(text)
    body = name + json.dumps(value, indent=unit, ensure_ascii=False).replace("\n", f"\n{unit * depth}")
    inside = f"\n{unit * depth}{body}"
    if node.members or node.items:
        inside += ","
    elif not text[node.start + 1 : node.end - 1].strip():
        inside += f"\n{unit * (depth - 1)}"
        return text[: node.start + 1] + inside.replace("\n", newline) + text[node.end - 1 :]
    return text[: node.start + 1] + inside.replace("\n", newline) + text[node.start + 1 :]


def _unit(text: str) -> str:
    found = re.search(r"[{\[][ \t]*\r?\n([ \t]+)\S", text)
    return found[1] if found else "  "


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int, depth: int) -> Node:
    if depth > DEEPEST:
        raise OddError("nested too deeply")
    if text[at : at + 1] == "{":
        return _object(text, at, depth)
    if text[at : at + 1] == "[":
        return _array(text, at, depth)
    found = _STRING.match(text, at) or _PLAIN.match(text, at)
    if not found:
        raise OddError(f"no value at character {at}")
    return Node(at, found.end())


def _object(text: str, start: int, depth: int) -> Node:
    members: dict[str, Node] = {}
    at = _skip(text, start + 1)
    while text[at : at + 1] != "}":
        name = _STRING.match(text, at)
        colon = _skip(text, name.end()) if name else at
        if not name or text[colon : colon + 1] != ":":
            raise OddError(f"no name of a member at character {at}")
        key = _name(name[0])
        if key in members:
            raise OddError(f"{name[0]} stands there twice")
        members[key] = _value(text, _skip(text, colon + 1), depth + 1)
        at = _after(text, members[key].end, "}")
    return Node(start, at + 1, members=members)


def _name(text: str) -> str:
    try:
        found: Any = json.loads(text)
    except ValueError:
        raise OddError(f"{text} is not a name") from None
    return str(found)


def _array(text: str, start: int, depth: int) -> Node:
    items: list[Node] = []
    at = _skip(text, start + 1)
    while text[at : at + 1] != "]":
        items.append(_value(text, at, depth + 1))
        at = _after(text, items[-1].end, "]")
    return Node(start, at + 1, items=tuple(items))


def _after(text: str, end: int, close: str) -> int:
    """Where the next item begins, or the bracket stands."""
    at = _skip(text, end)
    if text[at : at + 1] == ",":
        return _skip(text, at + 1)
    if text[at : at + 1] != close:
        raise OddError(f"neither a comma nor {close} at character {at}")
    return at
