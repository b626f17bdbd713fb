"""Where our lines go in the files of a hook manager, and how they come out again; pure functions over their text.

Nothing else in such a file is touched. A file that is not laid out as most people write it is left to a person.
"""

from __future__ import annotations

import re
from typing import NamedTuple

HUSKY_LINE = 'command -v agentsync >/dev/null && agentsync hook {name} "$@" || :'
NEW_SCRIPT = "#!/bin/sh\n"
_RUN = "  run: command -v agentsync >/dev/null && agentsync hook {name} {{0}} || true\n  use_stdin: true"
COMMAND = f"agentsync:\n{_RUN}"
JOB = f"- name: agentsync\n{_RUN}"
_KEY = re.compile(r"[\w-]+:(\s|$)")
_PLAIN_KEY = re.compile(r" *([\w-]+):[ \t]*(#.*)?$")  # with its value in the lines below
_ASIDE = re.compile(r"[ \t]*(#|$)")


class Insertion(NamedTuple):
    """Lines to put into a text before the character number `at`."""

    at: int
    lines: str

    def into(self, text: str) -> str:
        """The text with them."""
        return text[: self.at] + self.lines + text[self.at :]


def in_script(text: str, name: str) -> Insertion:
    """At the end of a shell script; without a newline where its last line has none, so that it can be given back."""
    line = HUSKY_LINE.format(name=name)
    if not text:
        return Insertion(0, f"{NEW_SCRIPT}{line}\n")
    return Insertion(len(text), f"{line}\n" if text.endswith("\n") else f"\n{line}")


def in_yaml(text: str, name: str) -> Insertion | None:
    """Below the hook `name` of a lefthook.yml in block style; None where that is not certain to be right."""
    lines = text.split("\n")
    keys = [number for number, line in enumerate(lines) if line[:1] not in ("", " ", "#")]
    if "\r" in text or "\t" in text or not all(_KEY.match(lines[number]) for number in keys):
        return None
    own = next((number for number in keys if lines[number].startswith(f"{name}:")), None)
    if own is None:
        block = f"{name}:\n  commands:\n{_indented(COMMAND, 4, name)}"
        return Insertion(len(text), f"{block}\n" if not text or text.endswith("\n") else f"\n{block}")
    end = next((number for number in keys if number > own), len(lines))
    found = _below(lines, own, end, name)
    if found is None or found[0] >= len(lines):
        return None
    number, block = found
    return Insertion(sum(len(line) + 1 for line in lines[:number]), f"{block}\n")


def _below(lines: list[str], own: int, end: int, name: str) -> tuple[int, str] | None:
    """The number of the line before which ours go in a hook's block, and these."""
    indent = _indent(lines, own + 1, end) or 2
    if not _PLAIN_KEY.match(lines[own]):
        return None
    of_hook = {
        line.strip().partition(":")[0]: number
        for number, line in enumerate(lines[own + 1 : end], own + 1)
        if not _ASIDE.match(line) and len(line) - len(line.lstrip()) == indent
    }
    for key, ours in (("commands", COMMAND), ("jobs", JOB)):
        if key in of_hook:
            number = of_hook[key]
            deeper = _indent(lines, number + 1, end)
            if not _PLAIN_KEY.match(lines[number]) or deeper < indent + (key == "commands"):
                return None
            return number + 1, _indented(ours, deeper, name)
    return own + 1, f"{' ' * indent}commands:\n{_indented(COMMAND, 2 * indent, name)}"


def _indent(lines: list[str], first: int, end: int) -> int:
    """How far the first line that says something is indented; 0 where there is none."""
    line = next((line for line in lines[first:end] if not _ASIDE.match(line)), "")
    return len(line) - len(line.lstrip())


def _indented(block: str, indent: int, name: str) -> str:
    return "\n".join(" " * indent + line for line in block.format(name=name).split("\n"))
