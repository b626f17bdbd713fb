"""Decoding in bulk says what `events.decode` says, of any bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentsync.base.config import names_of
from agentsync.ledger import bulk, view
from agentsync.ledger.events import (
    CLOCK_ZERO,
    Attribution,
    Baseline,
    Change,
    Consolidation,
    DamagedError,
    Event,
    Stamp,
    decode,
    encode,
    new_id,
    tick,
    to_rfc3339,
)
from agentsync.ledger.log import NO_LINE, Ledger, line_hash
from agentsync.ledger.view import View

NOON = 1_760_097_600.0

texts = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(["\u2028", "\x00", "é", '"', "\\", "\\u"])
optional = st.none() | texts
evidence = st.lists(st.dictionaries(texts, texts, max_size=3), max_size=2)
moments = st.floats(NOON, NOON + 1e8).map(to_rfc3339)
ids = st.floats(NOON, NOON + 1e8).map(new_id)
files = st.dictionaries(
    texts,
    st.fixed_dictionaries({"blob": optional, "checksum": optional, "dirty": st.booleans()}),
    max_size=3,
)
changes = st.builds(
    Change,
    id=ids,
    timestamp=moments,
    recorded=moments,
    file_path=texts,
    file_type=texts,
    event_type=st.sampled_from(["created", "modified", "deleted"]),
    old_checksum=optional,
    new_checksum=optional,
    agent_owner=optional,
    evidence=evidence,
    confidence=st.floats(0, 1) | st.integers(0, 1),
    also=st.lists(texts, max_size=2),
    author=optional,
    source=texts,
    worktree=optional,
    branch=optional,
    commit=optional,
    old_blob=optional,
    new_blob=optional,
)
attributions = st.builds(
    Attribution,
    id=ids,
    timestamp=moments,
    recorded=moments,
    file_path=texts,
    event_ids=st.lists(ids, max_size=2),
    reason=st.sampled_from(["own", "carried"]),
    carried_from=st.lists(texts, max_size=2),
    agent_owner=optional,
    evidence=evidence,
    confidence=st.floats(0, 1),
    also=st.lists(texts, max_size=1),
    author=optional,
    committed_by=optional,
    source=texts,
    worktree=optional,
    branch=optional,
    commit=texts,
    old_blob=optional,
    new_blob=optional,
)
baselines = st.builds(
    Baseline,
    id=ids,
    timestamp=moments,
    recorded=moments,
    worktree=texts,
    branch=optional,
    commit=optional,
    source=texts,
    files=files,
    tips=st.none() | st.lists(texts, max_size=2),
    watch=st.none() | st.lists(texts, max_size=2),
)
consolidations = st.builds(
    Consolidation,
    id=ids,
    timestamp=moments,
    recorded=moments,
    trigger_type=texts,
    conditions_met=st.dictionaries(texts, st.integers(0, 1000), max_size=2),
    event_ids=st.lists(ids, max_size=2),
    source=texts,
)
events = st.one_of(changes, attributions, baselines, consolidations)
stamps = st.builds(
    Stamp,
    writer=st.sampled_from(["clone-a", "clone-b"]),
    seq=st.integers(1, 1 << 40),
    prev=st.just(NO_LINE),
    clock=st.floats(NOON, NOON + 1e8).map(lambda now: tick(CLOCK_ZERO, now)),
)
valid = st.builds(lambda stamp, event: encode(stamp, event)[:-1], stamps, events)

VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 10**30, "", "x", [], [1], ["x"], {}, {"x": 1}, [{}], "clone\n", "Clone", "\u2028"),
    *("2025-10-10T15:00:00Z", "2025-02-30T15:00:00Z", "2025-10-10T24:00:00Z", "2025-10-10 15:00:00Z"),
    *("2025-10-10T15:60:00Z", "2025-10-10T15:00:60Z", "٢025-10-10T15:00:00Z", "2025-10-10T15:00-00Z"),
    *("0199cdfe7730-7414-8c2c-e6f47ed4d57b-", "0199CDFE-7730-7414-8c2c-e6f47ed4d57b"),
    *("0199cdfe7730x0000", "..9cdfe7730.00000", "0199cdfe773.00000"),
    {"x": {"blob": None, "checksum": None}},
    {"x": {"blob": True, "checksum": None, "dirty": True}},
)
junk = st.sampled_from(VALUES)


@st.composite
def altered(draw: st.DrawFn) -> bytes:
    """A record with a field that is another thing, missing, new, or there twice."""
    flat: dict[str, Any] = json.loads(draw(valid))
    name = draw(st.sampled_from([*flat, "unknown"]))
    how = draw(st.sampled_from(["set", "drop", "twice", "kind"]))
    if how == "set":
        flat[name] = draw(junk)
    elif how == "drop":
        flat.pop(name, None)
    elif how == "kind":
        flat["kind"] = draw(st.sampled_from(["change", "attribution", "baseline", "consolidation", "claim"]))
    line = json.dumps(flat, ensure_ascii=draw(st.booleans()), separators=(",", ":"))
    if how == "twice":
        line = line[:-1] + f",{json.dumps(name)}:{json.dumps(draw(junk))}}}"
    return line.encode(errors="surrogatepass")


@st.composite
def scratched(draw: st.DrawFn) -> bytes:
    """A record with a few bytes replaced."""
    line = draw(valid)
    at = draw(st.integers(0, len(line)))
    return (line[:at] + draw(st.binary(max_size=3)) + line[at + draw(st.integers(0, 3)) :]).replace(b"\n", b"")


RECORD = encode(
    Stamp("clone-a", 1, NO_LINE, tick(CLOCK_ZERO, NOON)),
    Consolidation(new_id(NOON), to_rfc3339(NOON), to_rfc3339(NOON), "manual", {"n": 1}, [], "scan"),
)[:-1]
HALVES = RECORD.partition(b'"conditions_met":')
HOSTILE = [
    b"",
    b" ",
    b"null",
    b"[]",
    b"{}",
    b"{" * 100_000,
    b"[" * 100_000,
    b"\xff\xfe",
    b"\xef\xbb\xbf" + RECORD,
    RECORD + RECORD,
    RECORD + b" ",
    b" " + RECORD,
    RECORD + b"\r",
    RECORD.replace(b'"n":1', b'"n":NaN'),
    RECORD.replace(b'"n":1', b'"n":1e999'),
    RECORD.replace(b'"n":1', b'"n":' + b"9" * 5000),
    RECORD.replace(b'"seq":1', b'"seq":' + b"9" * 5000),
    RECORD.replace(b'"seq":1', b'"seq":' + b"9" * 30),
    RECORD.replace(b'"n":1', b'"n":1.0'),
    RECORD.replace(b'"n":1', b'"n":true'),
    RECORD.replace(b'"n":1', b'"\\ud800":1'),
    RECORD.replace(b'"n":1', b'"\\ud83d\\ude00":1'),
    RECORD.replace(b'"scan"', b'"\xed\xa0\x80"'),
    RECORD.replace(b'"scan"', b'"a\x01"'),
    RECORD.replace(b'"scan"', b'"a\x7f\xe2\x80\xa8"'),
    RECORD.replace(b'"scan"', b'"\\u0000"'),
    RECORD.replace(b'"scan"', b'"scan","source":"other"'),
    RECORD.replace(b'"scan"', b'"scan","kind":"change"'),
    RECORD.replace(b'"scan"', b'"scan","later":{"deep":[1,2,{"x":null}]}'),
    RECORD.replace(b'"v":1', b'"v":2'),
    RECORD.replace(b'"v":1,', b""),
    RECORD.replace(b'"kind":"consolidation"', b'"kind":"claim"'),
    HALVES[0] + HALVES[1],
    HALVES[2],
    b'{"v":1,"kind":"x"}' + HALVES[2][HALVES[2].index(b"}") + 1 :],
]


def expected(block: bytes) -> list[tuple[int, Any]]:
    """What `events.decode` says of each line."""
    found = []
    offset = 0
    for line in block.split(b"\n")[:-1]:
        try:
            found.append((offset, _flat(*decode(line))))
        except DamagedError:
            found.append((offset, None))
        offset += len(line) + 1
    return found


def in_bulk(block: bytes) -> list[tuple[int, Any]]:
    """The same by way of `bulk.pieces`."""
    found: list[tuple[int, Any]] = []
    for offset, piece, records in bulk.pieces(0, block):
        if not records:
            found += [(offset, one) for _, one in expected(piece + b"\n")]
            continue
        lines = piece.split(b"\n")[:-1]
        assert len(lines) == len(records)
        for line, record in zip(lines, records, strict=True):
            names = names_of(Stamp), list(record.__struct_fields__)
            stamp = Stamp(*(getattr(record, name) for name in names[0]))
            fields = {name: getattr(record, name) for name in names[1] if name not in (*names[0], "v")}
            found.append((offset, (stamp, record.kind, fields)))
            offset += len(line) + 1
    return found


def _flat(stamp: Stamp, event: Event | None) -> Any:
    return (stamp, event.kind, vars(event)) if event else (stamp, None, {})


def block_of(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(valid, valid, valid, altered(), scratched()), min_size=1, max_size=30))
def test_agrees_with_decode_on_valid_and_damaged_lines(lines: list[bytes]) -> None:
    """In whatever company a line stands."""
    block = block_of(lines)
    assert in_bulk(block) == expected(block)


@settings(max_examples=100, deadline=None)
@given(st.lists(valid, min_size=1, max_size=40))
def test_takes_what_this_program_writes_in_one_piece(lines: list[bytes]) -> None:
    """Unless an escape is in it, which might be half a surrogate pair."""
    block = block_of(lines)
    found = bulk.decode(block)
    assert (found is None) == (b"\\u" in block)


@pytest.mark.parametrize("line", HOSTILE, ids=lambda line: repr(line[:40]))
@pytest.mark.parametrize("company", [0, 1, 30])
def test_agrees_with_decode_on_hostile_lines(line: bytes, company: int) -> None:
    """Alone, among two records, and in the middle of many."""
    block = block_of([RECORD] * company + [line] + [RECORD] * company)
    assert in_bulk(block) == expected(block)


def test_two_records_on_a_line_do_not_make_up_for_one_on_two_lines() -> None:
    """The number of lines and of JSON values is the same here, and yet no line of the three is a record."""
    block = block_of([HALVES[0] + HALVES[1], HALVES[2], RECORD + RECORD])
    assert in_bulk(block) == expected(block)
    assert [one for _, one in expected(block)] == [None, None, None]


def test_a_nested_object_that_looks_like_a_record_begins_no_record() -> None:
    """Even where a line break lies right before it."""
    inside = RECORD.replace(b'{"n":1}', b'\n{"v":1,"kind":"x"}')
    block = inside + b"\n" + RECORD + RECORD + b"\n"
    assert in_bulk(block) == expected(block)


def test_a_view_folds_a_long_ledger_to_the_same_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With damage, doubled records and unknown kinds on the way."""
    prev, clock = NO_LINE, CLOCK_ZERO
    lines: list[bytes] = []
    for seq in range(1, 400):
        now = NOON + seq
        clock = tick(clock, now)
        event: Event = _change(f"doc{seq % 7}.md", now, commit=None if seq % 3 else "c" * 40)
        if seq % 11 == 0:
            done = [json.loads(line)["id"] for line in lines[-3:] if line.startswith(b"{")]
            event = Consolidation(new_id(now), to_rfc3339(now), to_rfc3339(now), "manual", {"n": 3}, done, "scan")
        line = encode(Stamp("clone-a", seq, prev, clock), event)[:-1]
        prev = line_hash(line)
        lines.append(line)
    lines[100] = b"not a record"
    lines[200] = lines[200].replace(b'"kind":"change"', b'"kind":"claim"')
    lines[300] = lines[150]
    store = tmp_path / "agentsync"
    store.mkdir()
    (store / "ledger.jsonl").write_bytes(block_of(lines) + b"torn")
    slow = View(Ledger(str(store)), with_index=False).catch_up()
    monkeypatch.setattr(view, "LONG", 0)
    monkeypatch.setattr(bulk, "BLOCK", 5000)
    fast = View(Ledger(str(store)), with_index=False).catch_up()
    assert fast.cursor == slow.cursor
    assert fast.state == slow.state
    assert (fast.cursor.records, len(fast.cursor.damaged), fast.cursor.unknown) == (397, 1, 1)


def _change(path: str, now: float, commit: str | None) -> Change:
    return Change(
        id=new_id(now),
        timestamp=to_rfc3339(now),
        recorded=to_rfc3339(now),
        file_path=path,
        file_type="docs",
        event_type="modified",
        old_checksum=None,
        new_checksum=None,
        agent_owner=None,
        evidence=[],
        confidence=0.0,
        also=[],
        author=None,
        source="hook",
        worktree="main",
        branch="main",
        commit=commit,
        old_blob=f"{now - 7}",
        new_blob=f"{now}",
    )


@pytest.mark.parametrize("name", ["id", "writer", "clock", "timestamp", "recorded", "seq", "prev", "source"])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_agrees_with_decode_on_the_form_of_each_field(name: str, value: object) -> None:
    """Of one record among others."""
    line = json.dumps({**json.loads(RECORD), name: value}, ensure_ascii=False, separators=(",", ":")).encode()
    block = block_of([RECORD, line, RECORD])
    assert in_bulk(block) == expected(block)
