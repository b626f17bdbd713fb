"""Many processes at once on one clone: every record there once, every change in one report.

And what would go wrong otherwise: with two writes a line, without the lock, without the look at the inode, the same
crowd does damage that the same audit finds.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab.audit import audit, replayed, well_formed
from lab.ledgers import append, change
from lab.repo import NOON, QUIET, Repo

from agentsync.base import files, git
from agentsync.ledger.log import Ledger, ReplacedError, Transaction
from agentsync.ledger.view import View
from agentsync.observe.gather import Gathered, gather
from agentsync.observe.look import record
from agentsync.observe.request import Request
from agentsync.sync import sync

EAGER = QUIET._replace(consolidation_threshold=5)
EACH = 8


def crowd(count: int, act: Callable[[int], None]) -> list[int]:
    """Processes that all begin at one moment; the exit status of each."""
    gate_read, gate_write = os.pipe()
    pids = []
    for number in range(count):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.close(gate_write)
                os.read(gate_read, 1)  # until the gate is closed
                act(number)
                status = 0
            except BaseException as error:
                print(f"{number}: {type(error).__name__}: {error} {getattr(error, 'cause', '')}", file=sys.stderr)
            finally:
                os._exit(status)
        pids.append(pid)
    os.close(gate_write)
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


def work(count: int, roots: list[str]) -> None:
    """Each edits, looks, commits or consolidates in one of the worktrees."""
    deadline_free = 60.0  # seconds for the lock: a crowd on two processors is slower than a hook's patience

    def act(number: int) -> None:
        repo = Repo(Path(roots[number % len(roots)]), EAGER)
        repo.time += number
        for turn in range(EACH // 2):
            repo.write(f"{number} {turn}\n", ("doc.md", "docs/other.md")[number // len(roots) % 2])
            clone = repo.clone()
            request = Request(
                clone=clone,
                settings=EAGER,
                source="poller",
                worktrees=git.worktrees(clone) if number % 8 == 0 else [w for w in [clone.here] if w],
                now=time.time(),
                asked=number % 16 == 1,
                timeout=deadline_free,
            )
            sync(request)
            if number % 5 == 0:
                repo.git("commit", "-qam", f"{number} {turn}", check=False)  # others may hold the index' lock

    assert not any(crowd(count, act))


def appenders(count: int, store: str, break_: str) -> None:
    """Each appends alone; a record that was acknowledged is printed."""
    BROKEN[break_]()

    def act(number: int) -> None:
        ledger = Ledger(store)
        view = View(ledger)
        for turn in range(EACH):
            event = change(number * EACH + turn)
            while True:
                try:
                    with ledger.transaction(60.0) as transaction:
                        record(transaction, view.catch_up(), [event], NOON + turn)
                    break
                except ReplacedError:
                    continue
            os.write(1, f"{event.id}\n".encode())
            if break_ in ("none", "no inode check") and number == 0 and turn % 3 == 0:
                with files.Locked(ledger.path, 60.0, "the ledger"):  # somebody restores a backup
                    shutil.copy(ledger.path, f"{ledger.path}.copy")
                    os.replace(f"{ledger.path}.copy", ledger.path)
                    time.sleep(0.02)  # whoever waits for the old file's lock gets it after this

    assert not any(crowd(count, act))


def two_writes() -> None:
    """The line, and its newline after it."""

    def written(fd: int, data: bytes) -> None:
        os.write(fd, data[:-1])
        os.sched_yield() if hasattr(os, "sched_yield") else time.sleep(0)
        os.write(fd, data[-1:])

    files.write_all = written
    no_lock()


def no_lock() -> None:
    """Everybody believes to be alone."""
    files.lock = lambda fd, timeout, what: None


def no_inode_check() -> None:
    """Whoever waited for the lock writes into whatever is open."""
    Transaction.replaced = lambda self: False  # type: ignore[method-assign]


# How to break it, and by what it shows.
BROKEN: dict[str, Callable[[], None]] = {
    "none": lambda: None,
    "two writes": two_writes,
    "no lock": no_lock,
    "no inode check": no_inode_check,
}


SHOWS = {"none": "^$", "two writes": "damaged", "no lock": "chain|damaged|sequence", "no inode check": "are gone"}


def run(*argv: str) -> list[str]:
    """This module as a program, alone in its process: forking where threads run is not safe."""
    done = subprocess.run([sys.executable, __file__, *argv], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split()


def damage(store: Path, acknowledged: list[str]) -> str:
    """What is wrong with the ledger; nothing if it is whole and has all that was acknowledged."""
    for line in (store / "ledger.jsonl").read_bytes().split(b"\n")[:-1]:
        try:
            json.loads(line)
        except ValueError:
            return f"damaged: {line!r:.80}"
    try:
        ids = {record["id"] for record in audit(store)}
    except AssertionError as error:
        return str(error)
    lost = set(acknowledged) - ids
    return f"{len(lost)} acknowledged records are gone" if lost else ""


@pytest.mark.parametrize(
    ("count", "break_"), [(16, "none"), *(pytest.param(64, way, marks=pytest.mark.long) for way in BROKEN)]
)
def test_many_processes_append_at_once(tmp_path: Path, count: int, break_: str) -> None:
    """Each record is there once; and each of three ways to write carelessly is found out."""
    ledger = Ledger(str(tmp_path / "store"))
    append(ledger, change(999_999))
    acknowledged = run("append", str(count), ledger.store, break_)
    assert len(acknowledged) == count * EACH
    found = damage(Path(ledger.store), acknowledged)
    assert re.search(SHOWS[break_], found), found


@pytest.mark.early
@pytest.mark.parametrize("count", [16, pytest.param(64, marks=pytest.mark.long)])
def test_many_processes_edit_look_commit_and_consolidate_at_once(repo: Repo, count: int) -> None:
    """In four worktrees: reports are as many as the rules give, they share no change, and every file is known."""
    repo.settings = EAGER
    repo.begin()
    others = [repo.worktree(name, "-b", name) for name in ("one", "two", "three")]
    run("work", str(count), *[str(each.root) for each in (repo, *others)])
    repo.time += 1000
    repo.look()
    repo.look()
    store = Path(repo.clone().store)
    records = audit(store)
    by_rule = [r for r in records if r["kind"] == "consolidation" and r["trigger_type"] == "threshold"]
    assert by_rule and all(len(r["event_ids"]) >= 5 for r in by_rule)
    assert all(r["conditions_met"]["pending_changes"] == len(r["event_ids"]) for r in by_rule)
    changes = [r["id"] for r in records if r["kind"] == "change"]
    covered = {id_ for r in records if r["kind"] == "consolidation" for id_ in r["event_ids"]}
    state = replayed(store)
    assert set(changes) - covered == set(state.pending) and len(state.pending) < 5
    assert len(changes) <= count * (EACH // 2), "no more changes than edits"
    assert reports_due(records) == [r["id"] for r in by_rule]
    for each in (repo, *others):
        name = "main" if each is repo else each.root.name
        for path in ("doc.md", "docs/other.md"):
            assert state.known[name][path].blob == each.git("hash-object", path).strip()
        well_formed(each.root / "AGENT_SYNC.md", state)


def reports_due(records: list[dict[str, Any]]) -> list[str]:
    """The consolidations before which five changes or more were pending, by a count of our own."""
    pending, due = set[str](), []
    for line in records:
        if line["kind"] == "change":
            pending.add(line["id"])
        elif line["kind"] == "consolidation":
            due += [line["id"]] * (len(pending) >= 5 and line["trigger_type"] != "manual")
            pending -= set(line["event_ids"])
    return due


def test_twenty_looks_at_one_edit_record_it_once(repo: Repo) -> None:
    """Looking is one step: what somebody else recorded meanwhile is known."""
    repo.begin()
    repo.write("x\n")
    run("look", str(repo.root))
    assert [c["file_path"] for c in repo.changes()] == ["doc.md"]
    audit(Path(repo.clone().store))


def test_a_slow_look_never_records_old_content_over_new(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its reading and its lock, somebody edits and looks: what it has read is not there any more."""
    repo.begin()
    repo.write("old\n")
    turns = [1]

    def slow(request: Request, view: View, every: list[git.Worktree]) -> Gathered:
        gathered = gather(request, view, every)
        if turns:
            turns.pop()
            repo.write("new\n")
            repo.look()
        return gathered

    monkeypatch.setattr("agentsync.observe.look.gather", slow)
    repo.look()
    assert [c["new_blob"] for c in repo.changes()] == [repo.git("hash-object", "doc.md").strip()]


def look_together(root: str) -> None:
    """Twenty at once."""

    def act(number: int) -> None:
        repo = Repo(Path(root))
        clone = repo.clone()
        sync(Request(clone, QUIET, "poller", git.worktrees(clone), now=time.time(), timeout=60.0))

    assert not any(crowd(20, act))


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    if what == "append":
        appenders(int(arguments[0]), *arguments[1:])
    elif what == "work":
        work(int(arguments[0]), arguments[1:])
    else:
        look_together(*arguments)
