"""What must hold of any ledger, checked from its bytes alone, by other means than agentsync's own."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from agentsync.ledger.log import Ledger
from agentsync.ledger.state import State, replay
from agentsync.ledger.view import Cursor, Tally, View, records
from agentsync.report.region import find


def audit(store: Path) -> list[dict[str, Any]]:
    """The records of a ledger; an AssertionError names the line that breaks the order of its writers."""
    data = (store / "ledger.jsonl").read_bytes()
    assert data.endswith(b"\n"), "the last line is torn"
    records: list[dict[str, Any]] = []
    prev, clock, seqs, ids = "0" * 64, "", dict[str, int](), set[str]()
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            record = json.loads(line)
        except ValueError:
            raise AssertionError(f"line {number} is damaged: {line!r:.80}") from None
        assert record["prev"] == prev, f"line {number}: the chain is broken"
        assert record["seq"] == seqs.get(record["writer"], 0) + 1, f"line {number}: the sequence has a gap"
        assert record["clock"] > clock, f"line {number}: the clock went back"
        assert record["id"] not in ids, f"line {number} stands twice"
        seqs[record["writer"]], clock, prev = record["seq"], record["clock"], hashlib.sha256(line).hexdigest()
        ids.add(record["id"])
        records.append(record)
    each_once(records)
    return records


def each_once(records: list[dict[str, Any]]) -> None:
    """No commit has a path twice; no change is covered twice, nor one that is not there."""
    changes = {record["id"] for record in records if record["kind"] == "change"}
    commits = [record for record in records if record["kind"] in ("change", "attribution") and record["commit"]]
    for noted in (False, True):
        found = [(r["commit"], r["file_path"]) for r in commits if (r.get("reason") == "noted") == noted]
        assert len(found) == len(set(found)), "a commit has a path twice"
    covered = [id_ for record in records if record["kind"] == "consolidation" for id_ in record["event_ids"]]
    assert len(covered) == len(set(covered)), "a change is covered by two consolidations"
    assert changes.issuperset(covered), "a consolidation covers what is not there"


def replayed(store: Path) -> State:
    """The state, from the first line on, asserted to be what the cache gives."""
    from_cache = View(Ledger(str(store))).catch_up().state
    events = (event for _, event in records(Ledger(str(store)), Tally(Cursor())))
    from_start = replay(events, State())
    assert from_start == from_cache
    return from_start


def well_formed(report: Path, state: State) -> None:
    """The report's region is one region, as agentsync wrote it, and shows what the newest records say."""
    region = find(report.read_bytes())
    assert (region.id if region else None) == (state.page.id if state.page else None)
    assert region is None or region.intact
