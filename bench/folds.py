"""Other programs' folds of a ledger: `python -I folds.py NAME LEDGER`, with an interpreter that has the peer.

Each prints the newest change of every path, the changes by type and owner, and the newest consolidation, as one JSON
object. agentsync's own replay does more: what is pending, known and shelved, and where each writer stands.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

COLUMNS = {
    "kind": "VARCHAR",
    "seq": "BIGINT",
    "id": "VARCHAR",
    "file_path": "VARCHAR",
    "file_type": "VARCHAR",
    "agent_owner": "VARCHAR",
}
_QUERIES = (
    "SELECT file_path, max(seq) FROM records WHERE kind = 'change' GROUP BY 1",
    "SELECT file_type, coalesce(agent_owner, ''), count(*) FROM records WHERE kind = 'change' GROUP BY 1, 2",
    "SELECT max(seq) FROM records WHERE kind = 'consolidation'",
)


def answer(latest: Iterable[Any], changes: Iterable[Any], last: int | None) -> dict[str, Any]:
    """The same shape for everybody, so that answers can be compared."""
    return {"latest": dict(map(tuple, latest)), "changes": sorted(map(list, changes)), "last": last}


def duckdb_columns(path: str) -> dict[str, Any]:
    """DuckDB, told which columns there are."""
    given = ", ".join(f"'{name}': '{type_}'" for name, type_ in COLUMNS.items())
    return _duckdb(f"read_json('{path}', format='newline_delimited', columns={{{given}}})")


def duckdb_guessed(path: str) -> dict[str, Any]:
    """DuckDB, finding the columns out by itself."""
    return _duckdb(f"read_json('{path}', format='newline_delimited')")


def _duckdb(source: str) -> dict[str, Any]:
    import duckdb

    database = duckdb.connect()
    database.execute(f"CREATE TABLE records AS SELECT {', '.join(COLUMNS)} FROM {source}")
    latest, changes, last = (database.execute(query).fetchall() for query in _QUERIES)
    return answer(latest, changes, last[0][0])


def polars(path: str) -> dict[str, Any]:
    """polars, told which columns there are."""
    import polars as pl

    schema = {name: pl.Int64 if type_ == "BIGINT" else pl.String for name, type_ in COLUMNS.items()}
    records = pl.scan_ndjson(path, schema=schema)
    change = records.filter(pl.col("kind") == "change")
    owner = pl.col("agent_owner").fill_null("")
    latest, changes, last = pl.collect_all(
        [
            change.group_by("file_path").agg(pl.col("seq").max()),
            change.group_by("file_type", owner).agg(pl.len()),
            records.filter(pl.col("kind") == "consolidation").select(pl.col("seq").max()),
        ]
    )
    return answer(latest.rows(), changes.rows(), last.item())


def sqlite(path: str) -> dict[str, Any]:
    """A table that has been filled before (see `fill`)."""
    database = sqlite3.connect(f"{path}.sqlite")
    latest, changes, last = (database.execute(query).fetchall() for query in _QUERIES)
    return answer(latest, changes, last[0][0])


def fill(path: str) -> dict[str, Any]:
    """Fill the table for `sqlite`."""
    database = sqlite3.connect(f"{path}.sqlite")
    database.execute("DROP TABLE IF EXISTS records")
    database.execute(f"CREATE TABLE records ({', '.join(COLUMNS)})")
    with open(path, "rb") as file:
        rows = ([record.get(name) for name in COLUMNS] for record in map(json.loads, file))
        database.executemany(f"INSERT INTO records VALUES ({', '.join('?' * len(COLUMNS))})", rows)
    database.commit()
    return {}


def jq(path: str) -> dict[str, Any]:
    """jq, reading line by line."""
    program = (
        'reduce inputs as $r ({latest: {}, counts: {}, last: null}; if $r.kind == "change" then'
        ' .latest[$r.file_path] = $r.seq | .counts[$r.file_type + " " + ($r.agent_owner // "")] += 1'
        ' elif $r.kind == "consolidation" then .last = $r.seq else . end)'
    )
    said = json.loads(subprocess.run(["jq", "-nc", program, path], capture_output=True, check=True).stdout)
    changes = [[*key.split(" "), count] for key, count in said["counts"].items()]
    return answer(said["latest"].items(), changes, said["last"])


def stdlib(path: str) -> dict[str, Any]:
    """Python's json, line by line."""
    latest: dict[str, int] = {}
    counts: dict[tuple[str, str], int] = {}
    last = None
    with open(path, "rb") as file:
        for line in file:
            record = json.loads(line)
            if record["kind"] == "change":
                latest[record["file_path"]] = record["seq"]
                key = record["file_type"], record["agent_owner"] or ""
                counts[key] = counts.get(key, 0) + 1
            elif record["kind"] == "consolidation":
                last = record["seq"]
    return answer(latest.items(), [(*key, count) for key, count in counts.items()], last)


FOLDS = {fold.__name__: fold for fold in (duckdb_columns, duckdb_guessed, polars, sqlite, fill, jq, stdlib)}

if __name__ == "__main__":
    print(json.dumps(FOLDS[sys.argv[1]](sys.argv[2]), sort_keys=True))
