"""What the documentation says, for tests that play it."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parent.parent.parent / "docs"


def cases(heading: str) -> list[tuple[str, str]]:
    """Case and count of each row of the table under a heading of `when-is-a-change.md`."""
    section = (DOCS / "when-is-a-change.md").read_text(encoding="utf-8").split(f"\n## {heading}\n")[1]
    return re.findall(r"^\| ([^|]+) \| (\d+) \|$", section.split("\n## ")[0], re.MULTILINE)
