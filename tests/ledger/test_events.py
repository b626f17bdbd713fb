"""A record as a line and back: what is written is read as it was, and anything else is damage, never an error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentsync.ledger.events import (
    CLOCK_ZERO,
    Attribution,
    Baseline,
    Change,
    Claim,
    Consolidation,
    DamagedError,
    Event,
    Handoff,
    Release,
    Stamp,
    decode,
    encode,
    event_of,
    flatten,
    new_id,
    tick,
    to_rfc3339,
)
from agentsync.ledger.log import NO_LINE

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
    lines_added=st.none() | st.integers(0, 9),
    lines_removed=st.none() | st.integers(0, 9),
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
speakers = {
    "id": ids,
    "timestamp": moments,
    "recorded": moments,
    "agent_owner": optional,
    "evidence": evidence,
    "confidence": st.floats(0, 1),
    "session": optional,
    "source": texts,
    "worktree": optional,
}
some = st.lists(texts, max_size=2)
claims = st.builds(Claim, paths=some, expires=moments, note=optional, process=optional, branch=optional, **speakers)
releases = st.builds(Release, claims=st.lists(ids, max_size=2), reason=texts, **speakers)
handoffs = st.builds(Handoff, file_path=texts, commits=some, files=some, branch=optional, new_blob=optional, **speakers)
events = st.one_of(changes, attributions, baselines, consolidations, claims, releases, handoffs)
stamps = st.builds(
    Stamp,
    writer=st.sampled_from(["clone-a", "clone-b"]),
    seq=st.integers(1, 1 << 40),
    prev=st.just(NO_LINE),
    clock=st.floats(NOON, NOON + 1e8).map(lambda now: tick(CLOCK_ZERO, now)),
)


@given(stamps, events)
def test_what_is_written_is_read_as_it_was(stamp: Stamp, event: Event) -> None:
    """With its stamp, and as an event that waits without one."""
    assert decode(encode(stamp, event)[:-1]) == (stamp, event)
    assert event_of(flatten(event)) == event


@given(stamps, events, st.integers(0, 1000), st.integers(0, 3), st.binary(max_size=3))
def test_a_scratched_line_is_a_record_or_damaged(stamp: Stamp, event: Event, at: int, cut: int, put: bytes) -> None:
    """Whatever the bytes are, nothing else is raised."""
    line = encode(stamp, event)[:-1]
    is_read(line[:at] + put + line[at + cut :])


RECORD = encode(
    Stamp("clone-a", 1, NO_LINE, tick(CLOCK_ZERO, NOON)),
    Consolidation(new_id(NOON), to_rfc3339(NOON), to_rfc3339(NOON), "manual", {"n": 1}, [], "scan"),
)[:-1]
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
    RECORD.replace(b'"kind":"consolidation"', b'"kind":"later"'),
]


@pytest.mark.parametrize("line", HOSTILE, ids=lambda line: repr(line[:40]))
def test_a_hostile_line_is_a_record_or_damaged(line: bytes) -> None:
    """Deep, long, doubled, in no encoding."""
    is_read(line)


VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 10**30, "", "x", [], [1], ["x"], {}, {"x": 1}, [{}], "clone\n", "Clone", "\u2028"),
    *("2025-10-10T15:00:00Z", "2025-02-30T15:00:00Z", "2025-10-10T24:00:00Z", "2025-10-10 15:00:00Z"),
    *("2025-10-10T15:60:00Z", "2025-10-10T15:00:60Z", "٢025-10-10T15:00:00Z", "2025-10-10T15:00-00Z"),
    *("0199cdfe7730-7414-8c2c-e6f47ed4d57b-", "0199CDFE-7730-7414-8c2c-e6f47ed4d57b"),
    *("0199cdfe7730x0000", "..9cdfe7730.00000", "0199cdfe773.00000"),
    {"x": {"blob": None, "checksum": None}},
    {"x": {"blob": True, "checksum": None, "dirty": True}},
)


@pytest.mark.parametrize("name", ["id", "writer", "clock", "timestamp", "recorded", "seq", "prev", "source"])
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_is_computed_with_has_its_form(name: str, value: Any) -> None:
    """In a record that is right but for this field."""
    line = json.dumps({**json.loads(RECORD), name: value}, ensure_ascii=False, separators=(",", ":")).encode()
    whole = type(value) is str and (name in ("prev", "source") or (name, value) in FITTING)
    assert is_read(line) == (whole or (name, value) == ("seq", 10**30))


FITTING = {
    *(("writer", text) for text in ("x", "0199cdfe7730-7414-8c2c-e6f47ed4d57b-", "0199cdfe7730x0000")),
    *((name, "2025-10-10T15:00:00Z") for name in ("timestamp", "recorded")),
}


def is_read(line: bytes) -> bool:
    """Whether a line is a record; else it is damaged."""
    try:
        stamp, event = decode(line)
    except DamagedError:
        return False
    assert event is None or decode(encode(stamp, event)[:-1]) == (stamp, event)
    return True
