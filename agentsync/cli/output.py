"""What reaches stdout: cleaned text and JSON. `tables.py` has what is for people alone."""

from __future__ import annotations

import sys

from agentsync.base import strict_json
from agentsync.base.text import clean as clean  # what the commands clean their names with
from agentsync.base.text import escape_json as escape_json


def print_json(value: object) -> None:
    """One JSON value on a line of its own."""
    say(escape_json(strict_json.dumps(value)))


def say(*lines: str) -> None:
    """Lines to stdout, as UTF-8 whatever the locale."""
    stream = getattr(sys.stdout, "buffer", None)
    text = "".join(f"{line}\n" for line in lines)
    if stream is None:
        sys.stdout.write(text)
    else:
        sys.stdout.flush()
        stream.write(text.encode(errors="backslashreplace"))


def warn(text: str) -> None:
    """A line to stderr; it must be clean already."""
    sys.stderr.write(f"{text}\n")
