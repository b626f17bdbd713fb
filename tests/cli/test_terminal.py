"""What may reach a terminal."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.commands import agentsync
from lab.repo import QUIET, Repo

from agentsync.base import strict_json
from agentsync.base.settings import Watch
from agentsync.cli import tables
from agentsync.cli.tables import CUT, Table, cells, fitted, plain
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


ROWS = [("2025-10-10 15:00", "docs/architecture/30-Contracts.md", "codex-local", "332c06a a subject of some length")]
WIDE = Table(("TIME (UTC)", "FILE", "BY", "COMMIT"), ROWS, path=1, text=3, drops=(3, 0))


def test_a_table_gives_way_column_by_column() -> None:
    """The text loses its end, then it goes, then the time; the path stays, and is the last to lose anything."""
    shown = {width: plain(fitted(WIDE, width))[1] for width in (120, 90, 70, 60, 40)}
    assert shown == {
        120: "2025-10-10 15:00  docs/architecture/30-Contracts.md  codex-local  332c06a a subject of some length",
        90: f"2025-10-10 15:00  docs/architecture/30-Contracts.md  codex-local  332c06a a subject of so{CUT}",
        70: "2025-10-10 15:00  docs/architecture/30-Contracts.md  codex-local",
        60: "docs/architecture/30-Contracts.md  codex-local",
        40: f"docs/arc{CUT}re/30-Contracts.md  codex-local",
    }


PATHS = st.text(st.sampled_from("ab/\N{CJK UNIFIED IDEOGRAPH-4E2D}\u0301"), min_size=1, max_size=80)


@given(st.integers(30, 200), PATHS)
def test_a_fitted_table_is_no_wider_than_the_terminal(width: int, path: str) -> None:
    table = Table(WIDE.heads, [(ROWS[0][0], path, *ROWS[0][2:])], path=1, text=3, drops=(3, 0))
    assert all(cells(line) <= width for line in plain(fitted(table, width)))


DEEP = "packages/service-07/docs/adr/0004-connections.md"


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("command", ["status", "log", "pending", "checksums", "documents", "claims"])
def test_every_table_fits_and_keeps_its_paths(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, command: str, width: int
) -> None:
    """A path is whole, or has lost its middle; never its name, and never a line of its own."""
    repo.settings = QUIET._replace(watch=(*QUIET.watch, Watch(DEEP, "decisions")))
    repo.begin()
    repo.hooks()
    agentsync(repo.root, "claim", DEEP, AGENTSYNC_AGENT="codex-cloud")
    repo.commit("one\n", DEEP, message="A subject that is rather long, as they are", GIT_AUTHOR_NAME="Ada Lovelace")
    monkeypatch.setattr(tables, "on_terminal", lambda: True)
    out = agentsync(repo.root, command, COLUMNS=str(width), AGENTSYNC_AGENT="codex-cloud").out
    lines = [line.rstrip() for line in out.split("\n")]
    assert all(cells(line) <= width for line in lines), out
    assert any(DEEP in line or ("pack" in line and CUT in line and "tions.md" in line) for line in lines), out
