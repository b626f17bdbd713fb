"""The ledger read from its end."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentsync.base.errors import LedgerError
from agentsync.ledger import backwards
from agentsync.ledger.backwards import newest_lines
from agentsync.ledger.log import Ledger


@given(lines=st.lists(st.binary(max_size=9).map(lambda b: b.replace(b"\n", b".")), max_size=30), tail=st.booleans())
def test_it_gives_the_same_lines_with_the_same_offsets_in_reverse(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], tail: bool
) -> None:
    """Whatever the sizes of lines and pieces, and whether a crash left a torn tail."""
    ledger = Ledger(str(tmp_path_factory.mktemp("store")))
    Path(ledger.path).write_bytes(b"".join(line + b"\n" for line in lines) + b"torn" * tail)
    first, largest = backwards.FIRST, backwards.LARGEST
    try:
        backwards.FIRST, backwards.LARGEST = 4, 16
        assert list(newest_lines(ledger)) == list(ledger.lines())[::-1]
    finally:
        backwards.FIRST, backwards.LARGEST = first, largest


def test_there_is_nothing_where_there_is_no_ledger(tmp_path: Path) -> None:
    assert list(newest_lines(Ledger(str(tmp_path)))) == []


def test_a_symbolic_link_is_no_ledger(tmp_path: Path) -> None:
    (tmp_path / "ledger.jsonl").symlink_to(tmp_path / "other")
    with pytest.raises(LedgerError, match="cannot open"):
        list(newest_lines(Ledger(str(tmp_path))))
