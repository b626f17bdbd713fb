"""The picture of a terminal in README: played in a repository, drawn by rich, without any file of another site."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from lab.first_hour import PLAYS
from lab.stage import ROOT, Stage

FILE = ROOT / "docs" / "images" / "terminal.svg"
COLUMNS = 104
SHOWN = ("agentsync init", "agentsync status", "agentsync log")


def svg(folder: Path) -> str:
    """The first commands of the first hour, as somebody sees them."""
    play = PLAYS[0]
    stage = Stage(folder, play.name)
    play.make(stage)
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), legacy_windows=False)
    for command in play.typed:
        said = stage.on_terminal(command, COLUMNS)
        if command in SHOWN or said == "":
            console.print(Text.assemble(("$ ", "green"), (command, "bold")))
            console.print(Text.from_ansi(said))
        if command == SHOWN[-1]:
            break
    drawn = console.export_svg(title="agentsync", theme=MONOKAI, unique_id="agentsync")
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
