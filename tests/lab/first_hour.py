"""The first hour with agentsync in three repositories of other shapes, played on a terminal: docs/first-hour.md.

`make samples` writes the page; a test plays it again and compares.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.stage import ROOT, Stage, without_escapes

PAGE = ROOT / "docs" / "first-hour.md"
WIDTHS = (100, 60)
HEAD = """\
# The first hour

What somebody sees who has never heard of agentsync, in three repositories. Each was made and played by
`tests/lab/first_hour.py` on a real terminal; `make samples` writes this page anew, and a test plays it again.
"""


@dataclass(frozen=True)
class Play:
    """A repository, how it is made, and what is typed there; `name` is its folder."""

    title: str
    about: str
    name: str
    make: Callable[[Stage], None]
    typed: tuple[str, ...]


def _write(stage: Stage, texts: dict[str, str]) -> None:
    for path, text in texts.items():
        file = stage.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def _app(stage: Stage) -> None:
    """An app that people and Claude Code have worked on for a week."""
    _ready(stage, "git init -q")
    adr = {f"docs/adr/{n:04}-{name}.md": f"# {name}\n" for n, name in enumerate(("storage", "queue", "retries"), 1)}
    _write(stage, {"CLAUDE.md": "# Rules\n", "README.md": "# App\n", "src/app.py": "print()\n", **adr})
    _ready(stage, 'git add . && git commit -q -m "The app"', **days_ago(6))
    _write(stage, {"docs/adr/0002-queue.md": "# queue\n\nOne queue for each tenant.\n"})
    trailer = "Co-Authored-By: Claude <noreply@anthropic.com>"
    _ready(stage, f'git commit -q -a -m "adr: one queue for each tenant" -m "{trailer}"', **days_ago(3))


def days_ago(days: float) -> dict[str, str]:
    """git's dates, so many days ago."""
    return dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), f"@{time.time() - days * 86_400:.0f} +0000")


def _ready(stage: Stage, command: str, **environ: str) -> None:
    status, said = stage.run(command, **environ)
    assert status == 0, said


def _monorepo(stage: Stage) -> None:
    """Forty packages, each with its rules and nine decisions."""
    _ready(stage, "git init -q")
    texts = {}
    for number in range(40):
        package = f"packages/service-{number:02}"
        texts[f"{package}/AGENTS.md"] = f"# Service {number}\n"
        texts |= {f"{package}/docs/adr/{n:04}-decision.md": f"# Decision {n}\n" for n in range(1, 10)}
    _write(stage, {"AGENTS.md": "# Rules for all\n", "docs/architecture/overview.md": "# Overview\n", **texts})
    _ready(stage, 'git add . && git commit -q -m "The services"', **days_ago(200))


def _empty(stage: Stage) -> None:
    _ready(stage, "git init -q")


COMMIT = 'git add -A && git commit -q -m "Set agentsync up"'
PLAYS = (
    Play(
        "An app with CLAUDE.md and docs/adr",
        "A week old. Nothing in it was made for agentsync.",
        "app",
        _app,
        (
            "agentsync init",
            COMMIT,
            "echo 'Five retries, then the dead letters.' >> docs/adr/0003-retries.md",
            "CLAUDECODE=1 git commit -q -a -m 'adr: five retries'",
            "echo '- Ask before you add a dependency.' >> CLAUDE.md",
            "agentsync status",
            "agentsync log",
            "agentsync consolidate",
            "agentsync report -n 1",
            "git status --short",
        ),
    ),
    Play(
        "A monorepo with 400 documents",
        "Forty services, each with an AGENTS.md and nine decisions. agentsync is set up from a folder of one of them.",
        "monorepo",
        _monorepo,
        (
            "cd packages/service-07",
            "agentsync init",
            "agentsync documents add 'docs/adr/*.md'",
            "echo 'No more than ten connections.' >> docs/adr/0004-decision.md",
            "CODEX_THREAD_ID=1 git commit -q -a -m 'service 7: ten connections'",
            "echo '- Never touch the migrations.' >> ../service-21/AGENTS.md",
            "CLAUDECODE=1 git commit -q -a -m 'service 21: migrations'",
            "agentsync status",
            "agentsync log docs",
            "agentsync log README.md",
        ),
    ),
    Play(
        "An empty repository",
        "Not a file, not a commit. What is watched is watched as soon as it is there.",
        "empty",
        _empty,
        (
            "agentsync init",
            "agentsync documents add NOTES.md",
            "echo '# Notes' > NOTES.md",
            COMMIT,
            "agentsync log",
            "agentsync status",
        ),
    ),
)


def played(play: Play, columns: int, folder: Path) -> Iterator[tuple[str, str]]:
    """Each command of a play, and what it prints on a terminal so wide, without colours and blanks at its ends."""
    stage = Stage(folder, play.name)
    play.make(stage)
    for left, command in zip(reversed(range(len(play.typed))), play.typed, strict=True):
        said = stage.on_terminal(command, columns, **days_ago(left / 1440))  # a minute apart: what is newest is certain
        yield command, re.sub(" +$", "", without_escapes(said), flags=re.MULTILINE)


def session(lines: Iterator[tuple[str, str]]) -> str:
    """Commands and output as one text."""
    return "".join(f"$ {command}\n{output}" for command, output in lines)


def page(folder: Path) -> str:
    """The whole page, played in `folder`."""
    parts = [HEAD]
    for play in PLAYS:
        parts.append(f"\n## {play.title}\n\n{play.about}\n")
        for columns in WIDTHS:
            text = session(played(play, columns, folder / f"{play.name}-{columns}"))
            parts.append(f"\n### {play.name.capitalize()}, {columns} columns\n\n```text\n{text}```\n")
    return "".join(parts)
