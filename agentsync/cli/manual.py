"""The manual page, made from the commands' own help: `python -m agentsync.cli.manual docs/man` writes it.

git asks for `git-agentsync.1` when somebody types `git agentsync --help`; that page only points to `agentsync.1`.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from agentsync.cli import SECTIONS
from agentsync.cli.group import EXIT_CODES, cli

PAGE, ALIAS = "agentsync.1", "git-agentsync.1"
VARIABLES = (
    ("AGENTSYNC=0", "Switches the hooks off for one command of git."),
    ("AGENTSYNC_AGENT=NAME", "Who works, said for one command."),
    ("AGENTSYNC_TRACE=1", "Hooks tell what goes wrong instead of writing it down."),
    ("NO_COLOR", "If set, nothing is coloured."),
)
FILES = (
    (".agentsync/config.toml", "The configuration: which documents are watched, and when reports are written."),
    ("AGENT_SYNC.md", "Where reports go, unless the configuration names another file."),
    ("$(git rev-parse --git-common-dir)/agentsync/ledger.jsonl", "The ledger: every change that was ever seen."),
)


def pages() -> dict[str, str]:
    """The text of each page by its file name."""
    return {PAGE: "\n".join(_page()) + "\n", ALIAS: f".so man1/{PAGE}\n"}


def _page() -> Iterator[str]:
    yield '.TH AGENTSYNC 1 "" "agentsync" "agentsync manual"'
    yield from (".SH NAME", r"agentsync \- " + _roff(_paragraphs(cli)[0].rstrip(".")))
    yield ".SH SYNOPSIS"
    yield from (".B agentsync", "[-C DIR] COMMAND [ARGS]...", ".br", ".B git agentsync", "[-C DIR] COMMAND [ARGS]...")
    yield ".SH DESCRIPTION"
    yield from _text(_paragraphs(cli)[1:])
    yield ".SH OPTIONS"
    yield from _options(cli)
    for title, names in SECTIONS:
        yield f".SH {_quoted(f'COMMANDS: {title.upper()}')}"
        for name in names:
            yield from _command(name)
    yield from (".SH EXIT STATUS", *_items([(str(code), text) for code, text in EXIT_CODES]))
    yield from (".SH ENVIRONMENT", *_items(VARIABLES))
    yield from (".SH FILES", *_items(FILES))
    yield from (".SH SEE ALSO", r".BR git (1),", r".BR githooks (5)")


def _command(name: str) -> Iterator[str]:
    command = cli.get_command(click.Context(cli), name)
    if command is None:
        return
    pieces = command.collect_usage_pieces(click.Context(command))
    yield f".SS {_quoted(' '.join(('agentsync', name, *pieces)))}"
    yield from _text(_paragraphs(command))
    yield from _options(command)


def _paragraphs(command: click.Command) -> list[str]:
    return re.split(r"\n\s*\n", inspect.cleandoc(command.help or ""))


def _text(paragraphs: list[str]) -> Iterator[str]:
    for paragraph in paragraphs:
        lines = paragraph.split("\n")
        if lines[0] == "\b":  # click's mark for lines that stay as they are
            yield from (".PP", ".nf", *(_roff(line) for line in lines[1:]), ".fi")
        else:
            yield from (".PP", *(_roff(line) for line in lines))


def _options(command: click.Command) -> Iterator[str]:
    context = click.Context(command)
    for parameter in command.params:
        row = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
        if row:
            yield from _items([row])


def _items(rows: list[tuple[str, str]] | tuple[tuple[str, str], ...]) -> Iterator[str]:
    for head, text in rows:
        yield from (".TP", f".B {_quoted(head)}", _roff(text))


def _quoted(text: str) -> str:
    return '"' + _roff(text).replace('"', r"\(dq") + '"'


def _roff(text: str) -> str:
    """Text that roff shows as it is."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return r"\&" + text if text.startswith((".", "'")) else text


def main(folder: str) -> None:
    """Write the pages into a folder."""
    for name, text in pages().items():
        (Path(folder) / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
