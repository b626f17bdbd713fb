"""What may reach a terminal."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from agentsync.base import strict_json
from agentsync.cli.tables import Table, plain
from agentsync.cli.terminal import clean, escape_json

ANY = st.text(st.characters())


@given(ANY)
def test_cleaned_text_is_printable(text: str) -> None:
    assert clean(text).isprintable()


@given(st.text(st.characters(exclude_categories=("C", "Z"))))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


def test_escapes_show_what_was_there() -> None:
    assert clean("a\n\x1b[31m\u202eb\udcff\x9b") == r"a\n\x1b[31m\u202eb\xff\x9b"


@given(st.dictionaries(st.text(), st.text(max_size=20)))
def test_escaped_json_is_printable_and_means_the_same(value: dict[str, str]) -> None:
    text = escape_json(strict_json.dumps(value))
    assert text.isprintable()
    assert json.loads(text) == value


def test_a_plain_table_is_aligned_and_has_no_blanks_at_its_ends() -> None:
    table = Table(("A", "LONG HEAD", ""), [("one", "x", ""), ("three", "", "end")])
    assert plain(table) == ["A      LONG HEAD", "one    x", "three             end"]
