"""The table on disk that says where records lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentsync.ledger.positions import HEADER, SLOT, SMALLEST, Positions, SpoiltError, add, hash_of, reach_of

# Few hashes, some of them neighbours and the last before the end, so that entries get into each other's way.
hashes = st.sampled_from([1, 2, 3, SMALLEST - 1, SMALLEST, 2**48 - 1]).map(lambda number: number.to_bytes(6, "big"))
batches = st.lists(st.lists(st.tuples(hashes, st.integers(0, 2**40)), max_size=300), min_size=1, max_size=6)


def found(path: str, hash_: bytes) -> list[int]:
    """What the table says, sorted."""
    with Positions(path) as table:
        return sorted(table.find(hash_))


@given(batches)
def test_every_position_is_found_under_its_hash_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[bytes, int]]]
) -> None:
    """However the table was filled, and however often it grew."""
    path = str(tmp_path_factory.mktemp("table") / "index")
    expected: dict[bytes, set[int]] = {}
    for number, batch in enumerate(batches):
        assert add(path, batch, number, anew=number == 0) == number
        for hash_, position in batch:
            expected.setdefault(hash_, set()).add(position)
        assert reach_of(path) == number
        for hash_, positions in expected.items():
            assert found(path, hash_) == sorted(positions)
    assert found(path, hash_of(("not", "there"))) == []


def test_adding_twice_changes_nothing_but_the_reach(tmp_path: Path) -> None:
    """As after a crash between the entries and the header."""
    path = str(tmp_path / "index")
    rows = [(hash_of(("id", str(number))), number) for number in range(100)]
    add(path, rows, 10, anew=True)
    before = Path(path).read_bytes()[HEADER:]
    assert add(path, rows, 20, anew=False) == 20
    assert Path(path).read_bytes()[HEADER:] == before
    assert add(path, [], 15, anew=False) == 20, "it reaches further already"


def test_it_grows_before_it_is_full(tmp_path: Path) -> None:
    """So that looking for what is not there always ends."""
    path = str(tmp_path / "index")
    add(path, [], 0, anew=True)
    for number in range(SMALLEST * 2):
        add(path, [(hash_of((str(number),)), number)], number, anew=False)
    assert os.path.getsize(path) >= HEADER + SLOT * SMALLEST * 4
    assert [found(path, hash_of((str(number),))) for number in range(SMALLEST * 2)] == [
        [number] for number in range(SMALLEST * 2)
    ]


def test_growing_moves_nothing(tmp_path: Path) -> None:
    """However long the ledger is, no commit rewrites the table."""
    path = tmp_path / "index"
    add(str(path), [(hash_of((str(number),)), number) for number in range(300)], 300, anew=True)
    before = path.read_bytes()
    add(str(path), [(hash_of((str(number),)), number) for number in range(300, 900)], 900, anew=False)
    after = path.read_bytes()
    assert len(after) > len(before) and after[HEADER : len(before)] == before[HEADER:]


def test_a_table_that_grew_and_got_no_entry_is_whole(tmp_path: Path) -> None:
    """As after a crash between the two."""
    path = tmp_path / "index"
    add(str(path), [(hash_of(("1",)), 1)], 1, anew=True)
    os.truncate(path, HEADER + SLOT * SMALLEST * 5)
    assert found(str(path), hash_of(("1",))) == [1]
    add(str(path), [(hash_of(("1",)), 1), (hash_of(("2",)), 2)], 2, anew=False)
    assert (found(str(path), hash_of(("1",))), found(str(path), hash_of(("2",)))) == ([1], [2])


WHOLE = b"agsync02" + bytes(16) + (1).to_bytes(8, "big")


@pytest.mark.parametrize(
    "data",
    [b"", b"agsync02", b"SQLite format 3\0" + bytes(200), WHOLE + bytes(2 * SLOT), b"agsync01" + bytes(24 + SLOT)],
)
def test_what_is_no_table_is_refused(tmp_path: Path, data: bytes) -> None:
    """Then it is made anew from the ledger."""
    path = tmp_path / "index"
    path.write_bytes(data)
    with pytest.raises(SpoiltError):
        Positions(str(path))
    with pytest.raises(SpoiltError):
        add(str(path), [], 1, anew=False)


def test_a_table_without_a_free_slot_ends_the_search(tmp_path: Path) -> None:
    """A spoilt file must not keep a hook busy for ever."""
    path = tmp_path / "index"
    add(str(path), [], 0, anew=True)
    data = path.read_bytes()
    path.write_bytes(data[:HEADER] + b"\7" * (len(data) - HEADER))
    with pytest.raises(SpoiltError):
        found(str(path), hash_of(("x",)))
