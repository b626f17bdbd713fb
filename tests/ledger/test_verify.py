"""`verify` finds every kind of damage, says where it is, and changes nothing; a shortened ledger is noticed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from lab.commands import agentsync
from lab.repo import Repo

from agentsync.ledger import watermark
from agentsync.ledger.events import Stamp, encode
from agentsync.ledger.events import decode as decode_line
from agentsync.ledger.log import Ledger, line_hash
from agentsync.ledger.verify import Verified, verify
from agentsync.ledger.view import View


@pytest.fixture
def kept(repo: Repo) -> Repo:
    """A repository whose ledger has a baseline and six changes."""
    repo.begin()
    for number in range(6):
        repo.commit(f"{number}\n", message=f"edit {number}")
        repo.look()
    return repo


def path_of(repo: Repo) -> Path:
    return Path(repo.clone().store) / "ledger.jsonl"


def lines_of(repo: Repo) -> list[bytes]:
    return path_of(repo).read_bytes().split(b"\n")[:-1]


def put(repo: Repo, lines: list[bytes], tail: bytes = b"") -> None:
    path_of(repo).write_bytes(b"".join(line + b"\n" for line in lines) + tail)
    (path_of(repo).parent / "cache.sqlite").unlink(missing_ok=True)


def verified(repo: Repo) -> Verified:
    return verify(Ledger(repo.clone().store))


def told(repo: Repo) -> list[tuple[int, str]]:
    return [(finding.line, finding.what) for finding in verified(repo).findings]


def chained(lines: list[bytes]) -> list[bytes]:
    """The lines with the chain made right again, as somebody would who changes the past and hides it."""
    found: list[bytes] = []
    for line in lines:
        flat = json.loads(line)
        flat["prev"] = line_hash(found[-1]) if found else flat["prev"]
        found.append(json.dumps(flat, ensure_ascii=False, separators=(",", ":")).encode())
    return found


def test_a_sound_ledger_has_no_findings(kept: Repo) -> None:
    """And its records, bytes and writers are told."""
    found = verified(kept)
    assert (found.findings, found.records, found.lines, found.size) == ([], 7, 7, path_of(kept).stat().st_size)
    assert list(found.writers.values()) == [7]


def test_no_ledger_is_no_finding(repo: Repo) -> None:
    """A fresh clone has none."""
    assert verified(repo).findings == []


def test_a_damaged_line_is_named_with_its_number_offset_and_reason(kept: Repo) -> None:
    """The next record's chain, made for the line as it was, says the same."""
    lines = lines_of(kept)
    offset = sum(len(line) + 1 for line in lines[:3])
    put(kept, [*lines[:3], b'{"v":1,', *lines[4:]])
    before = path_of(kept).read_bytes()
    first, second, third = verified(kept).findings
    assert (first.line, first.offset) == (4, offset)
    assert first.what.startswith("damaged: not JSON")
    assert (second.line, second.what[:6]) == (5, "chain:")
    assert (third.line, third.what[:9]) == (5, "sequence:")
    assert path_of(kept).read_bytes() == before


@pytest.mark.parametrize(
    ("field", "value"), [("file_path", None), ("evidence", [1]), ("recorded", "yesterday"), ("seq", "4"), ("id", "x")]
)
def test_a_field_of_a_wrong_type_is_named(kept: Repo, field: str, value: object) -> None:
    """Whatever is right about the rest of the line."""
    lines = lines_of(kept)
    flat = {**json.loads(lines[3]), field: value}
    put(kept, [*lines[:3], json.dumps(flat).encode(), *lines[4:]])
    line, what = told(kept)[0]
    assert line == 4
    assert what.startswith(f"damaged: field {field!r}")


def test_a_changed_past_breaks_the_chain_after_it(kept: Repo) -> None:
    """The changed record itself may look as if nothing were wrong."""
    lines = lines_of(kept)
    put(kept, [*lines[:3], lines[3].replace(b'"modified"', b'"created"'), *lines[4:]])
    assert [(line, what[:6]) for line, what in told(kept)] == [(5, "chain:")]


def test_a_record_that_was_taken_out_is_missed(kept: Repo) -> None:
    """By the sequence, even where somebody has mended the chain."""
    lines = lines_of(kept)
    put(kept, chained([*lines[:3], *lines[5:]]))
    assert [line for line, _ in told(kept)] == [4]
    assert "2 records of clone-" in told(kept)[0][1]


def test_a_record_that_stands_twice_is_named(kept: Repo) -> None:
    """With its sequence, its clock and its id."""
    lines = lines_of(kept)
    put(kept, chained([*lines, lines[3]]))
    assert [(line, what.partition(":")[0]) for line, what in told(kept)] == [
        (8, "sequence"),
        (8, "clock"),
        (8, "id"),
    ]
    assert told(kept)[2][1].endswith("in line 4 already")


def test_a_clock_that_goes_back_is_named(kept: Repo) -> None:
    """For each writer alone."""
    lines = lines_of(kept)
    stamp, event = decode_line(lines[-1])
    assert event
    earlier = Stamp(stamp.writer, stamp.seq + 1, line_hash(lines[-1]), "000000000001.0000")
    put(kept, [*lines, encode(earlier, event._replace(id=event.id[:-4] + "0000"))[:-1]])
    assert [(line, what[:6]) for line, what in told(kept)] == [(8, "clock:")]


def test_a_second_writer_has_its_own_sequence_and_clock(kept: Repo) -> None:
    """As in the ledger of a copied clone."""
    lines = lines_of(kept)
    _, event = decode_line(lines[-1])
    assert event
    other = Stamp("clone-other", 1, line_hash(lines[-1]), "000000000001.0000")
    put(kept, [*lines, encode(other, event._replace(id=event.id[:-4] + "0000"))[:-1]])
    found = verified(kept)
    assert (found.findings, len(found.writers)) == ([], 2)


def test_a_later_versions_record_is_counted_and_no_finding(kept: Repo) -> None:
    """Its place in the order is checked all the same."""
    lines = lines_of(kept)
    put(kept, chained([*lines[:-1], lines[-1].replace(b'"kind":"change"', b'"kind":"later","to":"x"')]))
    found = verified(kept)
    assert (found.findings, found.unknown, found.records) == ([], 1, 7)


def test_a_torn_tail_is_told_and_the_next_append_mends_it(kept: Repo) -> None:
    """Ten more appends later all is in order, and what was cut is kept."""
    torn = b'{"v":1,"kind":"cha'
    put(kept, lines_of(kept), torn)
    assert [(line, what[:8]) for line, what in told(kept)] == [(8, "torn: 18")]
    for number in range(10):
        kept.commit(f"more {number}\n")
        kept.look()
    assert told(kept) == []
    kept_torn = list((path_of(kept).parent / "torn").iterdir())
    assert [file.read_bytes() for file in kept_torn] == [torn]


def test_findings_are_told_up_to_a_number(kept: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file full of rubbish the rest is counted."""
    monkeypatch.setattr("agentsync.ledger.verify.KEPT", 5)
    put(kept, [b"x"] * 100)
    found = verified(kept)
    assert (len(found.findings), found.more, found.findings[0].line) == (5, 95, 1)


def test_verify_on_the_command_line(kept: Repo) -> None:
    """Exit code 0 without findings, 3 with them; JSON has the same."""
    assert "7 records by 1 writer; all in order" in agentsync(kept.root, "verify").said
    lines = lines_of(kept)
    put(kept, [*lines[:6], b"\x1b[31m", lines[6]])
    said = agentsync(kept.root, "verify", code=3).said
    assert "ledger.jsonl:7: byte " in said
    assert "damaged: not JSON" in said
    assert "\x1b" not in said
    flat = json.loads(agentsync(kept.root, "verify", "--json", code=3).said)
    assert flat["findings"][0]["line"] == 7


# ---- the watermark


def cut(repo: Repo, records: int) -> None:
    """Shorten the ledger to so many records, in place."""
    size = sum(len(line) + 1 for line in lines_of(repo)[:records])
    os.truncate(path_of(repo), size)


def noticed(repo: Repo) -> list[str]:
    return [notice.what for notice in watermark.notices(Ledger(repo.clone().store))]


def test_a_shortened_ledger_is_noticed(kept: Repo) -> None:
    """At once, by whoever asks."""
    assert noticed(kept) == []
    cut(kept, 5)
    assert noticed(kept) == ["shortened"]
    assert any("shortened" in what and "(7 records" in what for _, what in told(kept))


def test_a_shortened_ledger_stays_noticed_although_hooks_go_on(kept: Repo) -> None:
    """Even when it has become longer than it was."""
    cut(kept, 3)
    for number in range(8):
        kept.commit(f"after {number}\n")
        kept.look()
    assert path_of(kept).stat().st_size > 0
    assert noticed(kept) == ["shortened"]
    assert [what for _, what in told(kept) if "shortened" in what]


def test_a_replaced_ledger_is_noticed(kept: Repo) -> None:
    """Though the new file is as long as the old one, and in itself right."""
    lines = lines_of(kept)
    lines[-1] = lines[-1].replace(b'"modified"', b'"created" ')
    path_of(kept).write_bytes(b"".join(line + b"\n" for line in lines))
    assert noticed(kept) == ["replaced"]


def test_a_removed_ledger_is_noticed(kept: Repo) -> None:
    """Watching begins anew, and says that it had begun before."""
    path_of(kept).unlink()
    kept.look()
    kept.commit("after\n")
    kept.look()
    assert noticed(kept) == ["shortened"]


def test_a_copied_or_restored_ledger_is_not_noticed(kept: Repo) -> None:
    """Its bytes are there, under another inode."""
    data = path_of(kept).read_bytes()
    path_of(kept).unlink()
    path_of(kept).write_bytes(data)
    kept.commit("after\n")
    kept.look()
    assert noticed(kept) == []


def test_what_was_noticed_can_be_accepted(kept: Repo) -> None:
    """And the next loss is noticed again."""
    cut(kept, 5)
    ledger = Ledger(kept.clone().store)
    with ledger.transaction():
        watermark.accept(View(ledger).catch_up())
    assert noticed(kept) == []
    cut(kept, 4)
    assert noticed(kept) == ["shortened"]


def test_a_spoilt_mark_stops_nobody(kept: Repo) -> None:
    """It is written anew."""
    (path_of(kept).parent / "cache.sqlite").write_bytes(b"rubbish")
    assert noticed(kept) == []
    for number in range(2):
        kept.commit(f"after {number}\n")
        kept.look()
    assert kept.count() == 8
    cut(kept, 4)
    assert noticed(kept) == ["shortened"]


def test_status_tells_of_a_shortened_ledger(kept: Repo) -> None:
    """Among the problems, without a replay."""
    agentsync(kept.root, "status")
    cut(kept, 5)
    assert "the ledger was shortened" in agentsync(kept.root, "status").said
    problems = json.loads(agentsync(kept.root, "status", "--json").said)["problems"]
    assert [one["about"] for one in problems] == ["ledger"]
