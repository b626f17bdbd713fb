"""What was counted, as tables in docs/reliability.md, each between two comments."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

PAGE = Path(__file__).parent.parent.parent / "docs/reliability.md"


def put(part: str, text: str, page: Path = PAGE) -> None:
    """Put `text` between the comments of a part."""
    begin, end = f"<!-- {part}:begin -->", f"<!-- {part}:end -->"
    before = page.read_text()
    assert begin in before and end in before, f"{page} has no place for {part}"
    page.write_text(re.sub(f"(?s)({begin}\n).*?({end})", lambda found: f"{found[1]}\n{text}\n{found[2]}", before))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown; all columns but the first hold numbers."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def crossed(pairs: Sequence[tuple[str, str]], name: str) -> str:
    """How often each pair occurs: the first in the rows, the second in the columns, with sums."""
    rows, columns = (list(dict.fromkeys(pair[at] for pair in pairs)) for at in (0, 1))
    counts = Counter(pairs)
    lines = [[row, *(counts[row, column] for column in columns), sum(counts[row, c] for c in columns)] for row in rows]
    sums = ["all", *(sum(counts[row, column] for row in rows) for column in columns), len(pairs)]
    return table([name, *columns, "all"], [*lines, sums])
