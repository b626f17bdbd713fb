"""The ledger's file under everything that happens to files: section 3 of the design, row by row."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.audit import audit
from lab.ledgers import append, change
from lab.repo import NOON, Repo, read_only

from agentsync.base.errors import LedgerError, LockedError
from agentsync.ledger import notes, watermark
from agentsync.ledger.events import Consolidation, new_id, to_rfc3339
from agentsync.ledger.log import Follower, Ledger, ReplacedError
from agentsync.ledger.view import View
from agentsync.observe.look import record


def ten(ledger: Ledger, start: int = 0) -> list[str]:
    """Ten more records; their ids."""
    events = [change(start + n) for n in range(10)]
    for event in events:
        append(ledger, event)
    return [event.id for event in events]


def ids(ledger: Ledger) -> list[str]:
    """What is pending, which here is everything."""
    return list(View(ledger).catch_up().state.pending)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(str(tmp_path / "store"))


def test_records_stand_in_the_order_in_which_they_were_appended(ledger: Ledger) -> None:
    """Sequence, chain and clock go on from one process to the next."""
    written = ten(ledger) + ten(ledger, 10)
    assert [r["id"] for r in audit(Path(ledger.store))] == written == ids(ledger)


@pytest.mark.parametrize("torn", [b"{", b'{"v":1,"kind":"change"', b"\xff\x00\xfe", b"x" * 3_000_000])
def test_a_torn_tail_is_cut_and_kept(ledger: Ledger, torn: bytes) -> None:
    """What a crash left behind the last newline was acknowledged to nobody; life goes on after it."""
    before = ten(ledger)
    with open(ledger.path, "ab") as file:
        file.write(torn)
    assert ids(ledger) == before, "readers do not see it"
    after = ten(ledger, 10)
    assert [r["id"] for r in audit(Path(ledger.store))] == before + after
    assert [path.read_bytes() for path in (Path(ledger.store) / "torn").iterdir()] == [torn]


def test_a_ledger_that_is_nothing_but_a_torn_line_begins_anew(ledger: Ledger) -> None:
    """Not one whole line: that is an empty ledger."""
    os.makedirs(ledger.store)
    Path(ledger.path).write_bytes(b'{"v":1')
    assert ids(ledger) == []
    assert ten(ledger) == ids(ledger)
    audit(Path(ledger.store))


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\0\0\0",
        b"{}",
        b"[1]",
        b"null",
        b"1e999",
        b"\xff\xfe",
        b"NaN",
        b"[" * 100_000,
        b'{"v":1,"kind":"change"}',
        b'{"a":"\\ud800"}',
        "\u2028".encode(),
    ],
)
def test_a_damaged_line_is_reported_and_stays(ledger: Ledger, damage: bytes) -> None:
    """The others are read, ten more are appended, and the file keeps every byte."""
    before = ten(ledger)
    lines = Path(ledger.path).read_bytes().splitlines(keepends=True)
    offset = len(b"".join(lines[:5]))
    Path(ledger.path).write_bytes(b"".join(lines[:5]) + damage + b"\n" + b"".join(lines[5:]))
    view = View(ledger).catch_up()
    assert view.cursor.damaged == (offset,)
    assert list(view.state.pending) == before
    after = ten(ledger, 10)
    assert ids(ledger) == before + after
    assert damage + b"\n" in Path(ledger.path).read_bytes()
    assert View(ledger).catch_up().cursor.damaged == (offset,)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("clock", "zzz"),
        ("clock", "zzzzzzzzzzzz.0000"),
        ("clock", ""),
        ("seq", 0),
        ("seq", True),
        ("seq", "1"),
        ("writer", "../etc"),
        ("writer", ""),
        ("id", "x"),
        ("recorded", "yesterday"),
        ("recorded", "2025-02-30T12:00:00Z"),
        ("timestamp", None),
        ("v", None),
        ("event_ids", ["x", 1]),
        ("conditions_met", {"pending_changes": "5"}),
    ],
)
def test_a_record_that_cannot_be_computed_with_is_damaged(ledger: Ledger, field: str, value: object) -> None:
    """One forged or half-written field must not make every later hook fail."""
    before = ten(ledger)
    event = Consolidation(new_id(NOON), to_rfc3339(NOON), "", "manual", {"pending_changes": 0}, [], "scan")
    append(ledger, event)
    lines = Path(ledger.path).read_bytes().splitlines(keepends=True)
    lines[-1] = json.dumps({**json.loads(lines[-1]), field: value}).encode() + b"\n"
    Path(ledger.path).write_bytes(b"".join(lines))
    assert len(View(ledger).catch_up().cursor.damaged) == 1
    assert before + ten(ledger, 10) == ids(ledger)


def test_who_waited_for_the_lock_of_a_replaced_file_writes_into_the_new_one(ledger: Ledger) -> None:
    """Without the look at the path, the record would go into a file that nobody will ever read."""
    before = ten(ledger)
    script = (
        "import sys; sys.path.insert(0, sys.argv[2]); from lab import ledgers as t\n"
        "print('waiting', flush=True); t.append(t.Ledger(sys.argv[1]), t.change(10))"
    )
    with ledger.transaction():
        waiter = subprocess.Popen(
            [sys.executable, "-c", script, ledger.store, str(Path(__file__).parent.parent)], stdout=subprocess.PIPE
        )
        assert waiter.stdout and waiter.stdout.readline() == b"waiting\n"
        other = Path(f"{ledger.path}.other")
        shutil.copy(ledger.path, other)
        os.replace(other, ledger.path)
    waiter.communicate(timeout=30)
    assert waiter.returncode == 0
    assert ids(ledger)[:10] == before
    assert len(ids(ledger)) == 11


def test_a_file_replaced_during_the_write_is_not_acknowledged(ledger: Ledger) -> None:
    """The writer learns of it, and appends again under the same ids."""
    ten(ledger)
    view = View(ledger).catch_up()
    with pytest.raises(ReplacedError), ledger.transaction() as transaction:
        shutil.copy(ledger.path, f"{ledger.path}.other")
        os.replace(f"{ledger.path}.other", ledger.path)
        record(transaction, view, [change(11)], NOON)
    assert len(ids(ledger)) == 10


def test_a_ledger_that_is_a_symlink_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    """Whoever may write into the clone must not get another file of ours written."""
    target = tmp_path / "precious"
    target.write_bytes(b"precious")
    os.makedirs(ledger.store)
    os.symlink(target, ledger.path)
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)), ledger.transaction():
        pass
    with pytest.raises(LedgerError) as caught:
        View(ledger).catch_up()
    assert caught.value.cause == "it is a symbolic link"
    assert target.read_bytes() == b"precious"


def test_a_folder_in_the_ledgers_place_is_told_in_words(ledger: Ledger) -> None:
    os.makedirs(ledger.path)
    with pytest.raises(LedgerError) as caught:
        View(ledger).catch_up()
    assert caught.value.cause == os.strerror(errno.EISDIR)


@pytest.mark.parametrize("copy", [["cp", "-r"], ["cp", "-a"]])
def test_a_copied_clone_writes_under_a_new_name(repo: Repo, tmp_path: Path, copy: list[str]) -> None:
    """Two clones never count under one name; the old lines stay the old writer's."""
    repo.begin()
    repo.write("x\n")
    repo.look()
    subprocess.run([*copy, str(repo.root), str(tmp_path / "copy")], check=True)
    twin = Repo(tmp_path / "copy", repo.settings)
    twin.time = repo.time
    for each in (repo, twin):
        each.write("y\n")
        each.look()
        audit(Path(each.clone().store))
        assert each.count() == 2
    mine, theirs = repo.lines()[-1], twin.lines()[-1]
    assert mine["writer"] != theirs["writer"]
    assert (mine["seq"], theirs["seq"]) == (3, 1)
    assert repo.lines()[:2] == twin.lines()[:2]


LOSSES = {
    "clean": ["git", "clean", "-qfdx"],
    "clean, twice forced": ["git", "clean", "-qffdx"],
    "stash -a": ["git", "stash", "-q", "-a"],
    "reset --hard": ["git", "reset", "-q", "--hard"],
    "rm": ["rm", "-rf", ".agentsync"],
    "gc": ["git", "gc", "-q", "--prune=now"],
    "checkout -f": ["git", "checkout", "-qf", "--detach"],
}


@pytest.mark.parametrize("command", LOSSES.values(), ids=LOSSES)
def test_nothing_that_empties_a_worktree_touches_the_ledger(repo: Repo, command: list[str]) -> None:
    """It lies in the common dir, and the next look goes on."""
    repo.begin()
    repo.hooks()
    repo.write("x\n")
    repo.look()
    before = repo.lines()
    subprocess.run(command, cwd=repo.root, check=True, capture_output=True)
    assert repo.lines()[: len(before)] == before
    repo.write("another\n")
    repo.look()
    assert repo.lines()[: len(before)] == before
    assert repo.count() >= 2
    audit(Path(repo.clone().store))


def test_what_a_linked_worktree_saw_outlives_it(repo: Repo) -> None:
    """`git worktree remove` takes the files, not the records."""
    repo.begin()
    other = repo.worktree("other", "-b", "other")
    other.write("x\n")
    other.look()
    before = repo.lines()
    repo.git("worktree", "remove", "--force", "../other")
    repo.look()
    assert repo.lines() == before
    assert repo.count() == 1


def test_unknown_kinds_and_fields_stay_and_are_skipped(ledger: Ledger) -> None:
    """An older program neither loses nor misreads what a newer one wrote."""
    before = ten(ledger)
    last = json.loads(Path(ledger.path).read_bytes().splitlines()[-1])
    newer = {**last, "seq": 11, "id": new_id(NOON), "kind": "prophecy", "clock": "ffffffffff00.0000", "of": ["doom"]}
    line = json.dumps(newer).encode() + b"\n"
    with open(ledger.path, "ab") as file:
        file.write(line)
    view = View(ledger).catch_up()
    assert view.cursor.unknown == 1 and view.cursor.damaged == ()
    after = ten(ledger, 10)
    assert ids(ledger) == before + after
    lines = Path(ledger.path).read_bytes().splitlines(keepends=True)
    assert lines[10] == line
    assert json.loads(lines[11])["seq"] == 12, "the newer record's number is taken"
    assert json.loads(lines[11])["clock"] > newer["clock"]


def test_an_unknown_field_of_a_known_kind_is_no_damage(ledger: Ledger) -> None:
    ten(ledger)
    lines = Path(ledger.path).read_bytes().splitlines(keepends=True)
    lines[3] = json.dumps({**json.loads(lines[3]), "mood": "sunny"}).encode() + b"\n"
    Path(ledger.path).write_bytes(b"".join(lines))
    assert len(ids(ledger)) == 10


def test_a_line_that_stands_twice_counts_once(ledger: Ledger) -> None:
    """A retry has the same id and number; readers take the first."""
    before = ten(ledger)
    lines = Path(ledger.path).read_bytes().splitlines(keepends=True)
    Path(ledger.path).write_bytes(b"".join([*lines, *lines[-3:]]))
    assert ids(ledger) == before
    assert View(ledger).catch_up().state.changes == {"docs": {"": 10}}


def test_a_shortened_ledger_is_read_anew(ledger: Ledger) -> None:
    """The cache knows the length and the last line, so it does not survive a cut."""
    ten(ledger)
    view = View(ledger).catch_up()
    view.save()
    lines = Path(ledger.path).read_bytes().splitlines(keepends=True)
    with open(ledger.path, "r+b") as file:
        file.truncate(len(b"".join(lines[:4])))
    assert len(view.catch_up().state.pending) == 4
    assert len(View(ledger).catch_up().state.pending) == 4
    assert ten(ledger, 4) == ids(ledger)[4:]


def test_a_replaced_ledger_is_read_anew(ledger: Ledger, tmp_path: Path) -> None:
    """By a longer one, too, which the length alone would not show."""
    other = Ledger(str(tmp_path / "other"))
    ten(ledger)
    view = View(ledger).catch_up()
    view.save()
    expected = ten(other) + ten(other, 10)
    os.replace(other.path, ledger.path)
    assert list(view.catch_up().state.pending) == expected == ids(ledger)
    assert view.cursor.damaged == ()


def test_a_clock_that_jumps_neither_reorders_nor_repeats(ledger: Ledger) -> None:
    """Backwards, forwards by a century, and to before 1970."""
    events = [change(n) for n in range(6)]
    for event, now in zip(events, (NOON, NOON - 86_400, NOON + 3e9, NOON, 5.0, NOON + 60), strict=True):
        append(ledger, event, now=now)
    assert [r["id"] for r in audit(Path(ledger.store))] == [event.id for event in events] == ids(ledger)


def test_a_clock_that_jumps_back_repeats_no_change(repo: Repo) -> None:
    repo.begin()
    repo.write("x\n")
    repo.look()
    repo.time -= 10_000_000
    repo.look()
    repo.commit(message="x")
    repo.look()
    assert repo.count() == 1
    audit(Path(repo.clone().store))


def test_a_write_that_does_not_fit_leaves_the_ledger_as_it_was(repo: Repo) -> None:
    """On a full disk a part is written and nothing is said; the record waits in a note and gets its place later."""
    repo.begin()
    for number in range(3):
        repo.write(f"{number}\n")
        repo.look()
    repo.write("full\n")
    before = Path(repo.clone().store, "ledger.jsonl").read_bytes()
    script = (
        "import resource, sys; from pathlib import Path; sys.path.insert(0, sys.argv[3]); from lab.repo import Repo\n"
        "limit = int(sys.argv[2]); resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))\n"
        "repo = Repo(Path(sys.argv[1])); repo.time += 10\n"
        "try: repo.look()\n"
        "except Exception as error: print(type(error).__name__, error, error.cause)"
    )
    argv = [sys.executable, "-c", script, str(repo.root), str(len(before) + 10), str(Path(__file__).parent.parent)]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert said.stdout.startswith("LedgerError cannot append to the ledger; 1 observation(s) kept"), said
    assert Path(repo.clone().store, "ledger.jsonl").read_bytes() == before
    assert [note.events[0].kind for note in waiting(repo).observations] == ["change"]
    repo.look()
    assert repo.count() == 4
    assert waiting(repo) == notes.Waiting()
    audit(Path(repo.clone().store))


def test_where_git_is_read_only_observations_wait_in_notes(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one that can write takes them in, each once."""
    repo.begin()
    before = repo.lines()
    with monkeypatch.context() as patch:
        read_only(patch, repo.clone().store)
        for text in ("one\n", "one\n", "two\n"):
            repo.write(text)
            with pytest.raises(LedgerError, match=r"cannot append|kept"):
                repo.look()
        assert repo.lines() == before
        assert len(list((repo.root / notes.IN_WORKTREE).iterdir())) == 2
    repo.look()
    repo.look()
    assert [c["event_type"] for c in repo.changes()] == ["modified", "modified"]
    assert repo.changes()[0]["new_blob"] == repo.changes()[1]["old_blob"]
    assert repo.view().state.known["main"]["doc.md"].blob == repo.changes()[1]["new_blob"]


def test_what_a_note_and_the_ledger_both_saw_counts_once(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandboxed agent notes its edit, its commit, and somebody outside has seen both."""
    repo.begin()
    repo.write("x\n")
    with monkeypatch.context() as patch:
        read_only(patch, repo.clone().store)
        with pytest.raises(LedgerError):
            repo.look()
    noted = {path: path.read_bytes() for path in (repo.root / notes.IN_WORKTREE).iterdir()}
    repo.look()
    for path, data in noted.items():
        path.write_bytes(data)  # it could not be removed
    repo.commit(message="x")
    repo.look()
    assert repo.count() == 1
    repo.write("y\n")
    repo.look()
    for path, data in noted.items():
        path.write_bytes(data)
    repo.look()
    assert repo.count() == 2
    audit(Path(repo.clone().store))


def waiting(repo: Repo, now: float = 0.0) -> notes.Waiting:
    """The notes of a clone."""
    clone = repo.clone()
    return notes.waiting(clone, [clone.here] if clone.here else [], now)


def test_a_held_lock_is_not_waited_for_for_ever(ledger: Ledger) -> None:
    """A hook gives up and leaves a note; the lock is the kernel's, so it never outlives its holder."""
    ten(ledger)
    with ledger.transaction(), pytest.raises(LockedError), ledger.transaction(timeout=0.05):
        pass
    ten(ledger, 10)


def test_the_lock_goes_with_its_holder(ledger: Ledger) -> None:
    """A process killed while it holds the lock leaves none behind."""
    ten(ledger)
    script = (
        "import sys, os; from agentsync.ledger.log import Ledger\n"
        "with Ledger(sys.argv[1]).transaction(): os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script, ledger.store]).returncode == -9
    ten(ledger, 10)
    audit(Path(ledger.store))


@given(lines=st.lists(st.binary(max_size=9).map(lambda b: b.replace(b"\n", b".")), max_size=30), tail=st.booleans())
def test_backwards_it_gives_the_same_lines_with_the_same_offsets(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], tail: bool
) -> None:
    """Whatever the sizes of lines and pieces, and whether a crash left a torn tail."""
    ledger = Ledger(str(tmp_path_factory.mktemp("store")))
    Path(ledger.path).write_bytes(b"".join(line + b"\n" for line in lines) + b"torn" * tail)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agentsync.ledger.log.FIRST", 4)
        patch.setattr("agentsync.ledger.log.LARGEST", 16)
        assert list(ledger.newest_lines()) == list(ledger.lines())[::-1]
        assert ledger.end() == ledger.size() - len(b"torn" * tail)


def test_backwards_there_is_nothing_where_there_is_no_ledger(ledger: Ledger) -> None:
    assert (list(ledger.newest_lines()), ledger.end()) == ([], 0)


def test_backwards_a_symbolic_link_is_no_ledger(tmp_path: Path) -> None:
    (tmp_path / "ledger.jsonl").symlink_to(tmp_path / "other")
    with pytest.raises(LedgerError, match="cannot open"):
        list(Ledger(str(tmp_path)).newest_lines())


def test_a_follower_gives_each_line_once(ledger: Ledger, tmp_path: Path) -> None:
    """From the end on, or from the beginning; and it says where another file is the ledger now."""
    ten(ledger)
    follower, whole = Follower(ledger), Follower(ledger, 0)
    assert (list(follower.new()), len(list(whole.new()))) == ([], 10)
    ten(ledger, 10)
    with open(ledger.path, "ab") as file:
        file.write(b"torn")
    assert [len(list(one.new())) for one in (follower, whole)] == [10, 10]
    assert [list(one.new()) for one in (follower, whole)] == [[], []]
    assert not follower.is_lost()
    shutil.copy(ledger.path, f"{ledger.path}.copy")
    os.replace(f"{ledger.path}.copy", ledger.path)
    assert follower.is_lost()


@pytest.mark.parametrize("error", [errno.EMFILE, errno.EIO, errno.EACCES])
def test_a_passing_error_is_told_and_proves_nothing(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    """A file that cannot be opened for a moment is neither gone nor another one."""
    before = ten(ledger)
    with monkeypatch.context() as patch:
        real = os.open

        def fails(path: Any, *args: Any, **kwargs: Any) -> int:
            if path == ledger.path:
                raise OSError(error, os.strerror(error), path)
            return real(path, *args, **kwargs)

        patch.setattr(os, "open", fails)
        for ask in (lambda: View(ledger).catch_up(), lambda: watermark.notices(ledger)):
            with pytest.raises(LedgerError) as caught:
                ask()
            assert caught.value.cause == os.strerror(error)
    assert ids(ledger) == before
    ten(ledger, 10)
    assert watermark.notices(ledger) == []
