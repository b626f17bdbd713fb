"""The cache saves time and nothing else: lost, spoilt, old, a stranger's or locked, every answer is the replay's."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.audit import audit, replayed
from lab.ledgers import append, change

from agentsync.ledger import cache as cache_module
from agentsync.ledger import index, watermark
from agentsync.ledger.cache import Cache
from agentsync.ledger.events import new_id
from agentsync.ledger.log import Ledger
from agentsync.ledger.state import FOLDS
from agentsync.ledger.verify import verify
from agentsync.ledger.view import STRIDE, View

SEEN = ["a" * 40, "b" * 40]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(str(tmp_path / "store"))


def ten(ledger: Ledger, start: int = 0) -> None:
    """Ten more records."""
    append(ledger, *(change(start + number) for number in range(10)))


def saved(ledger: Ledger) -> View:
    """A view that is in the cache."""
    view = View(ledger).catch_up()
    view.save()
    assert View(ledger).cursor == view.cursor
    return view


def path_of(ledger: Ledger) -> Path:
    return Path(ledger.store) / "cache.sqlite"


def answers(view: View) -> list[list[str]]:
    """Questions to the index: of records that are there, and of some that are not."""
    asked = [("commit", f"{n:040x}", "doc.md") for n in range(50)] + [("from", "doc.md", f"{3:040x}"), ("id", "none")]
    return [[event.id for event in view.events(*key)] for key in asked]


def everything(ledger: Ledger) -> tuple[Any, ...]:
    """What is answered by a program that starts now."""
    view = View(ledger).catch_up()
    return view.state, view.cursor, answers(view), watermark.notices(ledger)


def without_cache(ledger: Ledger) -> tuple[Any, ...]:
    """The same of a ledger that has no cache."""
    alone = Ledger(f"{ledger.store}.alone")
    shutil.rmtree(alone.store, ignore_errors=True)
    os.makedirs(alone.store)
    os.link(ledger.path, alone.path)
    return everything(alone)


# ---- lost or spoilt


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def scramble(path: Path) -> None:
    path.write_bytes(bytes((byte * 7 + 13) % 256 for byte in path.read_bytes()))


def hide_a_bucket(path: Path) -> None:
    """A row that is not there any more would make an edit count twice."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM bucket WHERE number % 2")


def empty_the_buckets(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE bucket SET data = x''")


def mistype(path: Path) -> None:
    """Other types than were written."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE bucket SET data = number")
        db.execute("UPDATE piece SET data = 'text'")


def another_schema(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE piece (something)")
        db.execute("CREATE TABLE bucket (number INTEGER PRIMARY KEY, data BLOB, more)")


HARMS: tuple[Callable[[Path], Any], ...] = (
    os.unlink,
    truncate,
    lambda path: path.write_bytes(b""),
    scramble,
    hide_a_bucket,
    empty_the_buckets,
    mistype,
    another_schema,
)


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("when", ["before", "open", "queried"])
def test_it_may_be_lost_or_spoilt_at_any_time(ledger: Ledger, harm: Any, when: str) -> None:
    """State and index say the same without it, and it is made anew."""
    ten(ledger)
    saved(ledger)
    ten(ledger, 10)
    expected = without_cache(ledger)
    view = View(ledger).catch_up()
    if when == "queried":
        answers(view)
    harm(path_of(ledger))
    if when == "before":
        view = View(ledger).catch_up()
    assert (view.state, view.cursor, answers(view)) == expected[:3]
    for _ in range(2):  # one that SQLite refuses is taken away by the first
        view.save()
    fresh = View(ledger)
    assert (fresh.state, fresh.cursor, answers(fresh)) == expected[:3]
    replayed(Path(ledger.store))


def test_a_cache_that_is_older_than_the_ledger_is_gone_on_with(ledger: Ledger) -> None:
    """A copy that somebody put back."""
    ten(ledger)
    saved(ledger)
    older = path_of(ledger).read_bytes()
    ten(ledger, 10)
    saved(ledger)
    path_of(ledger).write_bytes(older)
    assert View(ledger).cursor.records == 10
    assert everything(ledger) == without_cache(ledger)
    saved(ledger)
    assert View(ledger).cursor.records == 20
    assert everything(ledger) == without_cache(ledger)


def test_buckets_that_are_older_than_the_state_are_noticed(ledger: Ledger) -> None:
    """As after a power cut that kept some pages and not others."""
    ten(ledger)
    saved(ledger)
    older = path_of(ledger).with_name("older")
    shutil.copy(path_of(ledger), older)
    append(ledger, change(3), change(3))
    saved(ledger)
    with closing(sqlite3.connect(path_of(ledger))) as db:
        db.execute("ATTACH ? AS older", (str(older),))
        with db:
            db.execute("REPLACE INTO main.bucket SELECT * FROM older.bucket")
    assert everything(ledger) == without_cache(ledger)


@pytest.mark.parametrize("same", [True, False])
def test_another_clone_s_cache_is_a_stranger_s(ledger: Ledger, tmp_path: Path, same: bool) -> None:
    """Even where both ledgers hold the same bytes, what files held and what was noticed there is nothing here."""
    ten(ledger)
    saved(ledger)
    other = Ledger(str(tmp_path / "other"))
    if same:
        shutil.copytree(ledger.store, other.store)
        append(other, change(10))
    else:
        ten(other)
    Cache(other.store).put({"seen": {"end": [], "tips": SEEN}, "looks/main": {"doc.md": [[1], "x", "y"]}})
    saved(other)
    os.truncate(other.path, other.size() // 2)
    append(other, change(77))  # and it was noticed
    assert watermark.notices(other)
    shutil.copy(path_of(other), path_of(ledger))
    assert everything(ledger) == without_cache(ledger)
    assert [Cache(ledger.store).get(name) for name in ("seen", "looks/main", "state", "watermark")] == [None] * 4


def test_another_format_is_as_good_as_none(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ten(ledger)
    with monkeypatch.context() as patch:
        patch.setattr(cache_module, "FORMAT", 0)
        saved(ledger)
    assert View(ledger).cursor.records == 0
    assert everything(ledger) == without_cache(ledger)
    saved(ledger)


# ---- several at once


def test_who_reads_while_others_save_gets_what_was_there(ledger: Ledger) -> None:
    """A view stays as of its cursor, and answers by the index that is there by now."""
    ten(ledger)
    saved(ledger)
    view = View(ledger).catch_up()
    expected = answers(view)
    append(ledger, change(3), change(4))
    saved(ledger)
    assert answers(view) == expected
    view.catch_up()
    assert [len(found) for found in answers(view)[3:5]] == [2, 2]
    view.save()
    assert everything(ledger) == without_cache(ledger)


def test_who_is_behind_others_leaves_what_they_saved(ledger: Ledger) -> None:
    ten(ledger)
    view = View(ledger).catch_up()
    ten(ledger, 10)
    saved(ledger)
    view.save()
    assert View(ledger).cursor.records == 20


@pytest.fixture
def locked(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """A ledger whose cache another process holds for itself."""
    ten(ledger)
    saved(ledger)
    ten(ledger, 10)
    monkeypatch.setattr(cache_module, "READING", 0.01)
    monkeypatch.setattr(cache_module, "WRITING", 0.01)
    with closing(sqlite3.connect(path_of(ledger), isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        yield ledger


def test_a_locked_cache_is_done_without(locked: Ledger) -> None:
    """Nobody waits for long, neither to read nor to write."""
    assert everything(locked) == without_cache(locked)
    View(locked).catch_up().save()
    append(locked, change(20))
    assert everything(locked) == without_cache(locked)


@pytest.mark.parametrize("place", ["folder", "pipe", "link"])
def test_what_is_no_file_is_left_alone(ledger: Ledger, tmp_path: Path, place: str) -> None:
    """Neither waited for nor written through."""
    ten(ledger)
    target = tmp_path / "precious"
    target.write_bytes(b"")
    path_of(ledger).unlink()
    makes: dict[str, Callable[[Path], Any]] = {
        "folder": lambda path: path.mkdir(),
        "pipe": os.mkfifo,
        "link": lambda path: path.symlink_to(target),
    }
    makes[place](path_of(ledger))
    ten(ledger, 10)
    View(ledger).catch_up().save()
    assert everything(ledger) == without_cache(ledger)
    assert target.read_bytes() == b""


def test_a_full_disk_costs_time_only(ledger: Ledger) -> None:
    """The cache stays as it was, and the answers are right."""
    ten(ledger)
    saved(ledger)
    append(ledger, *(change(10 + number) for number in range(2 * STRIDE)))
    script = (
        "import resource, sys; sys.path.insert(0, sys.argv[2]); from agentsync.ledger.view import View\n"
        "from agentsync.ledger.log import Ledger\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "view = View(Ledger(sys.argv[1])).catch_up(); view.save_if_worth(); view.save()\n"
        "print(view.cursor.records)"
    )
    argv = [sys.executable, "-c", script, ledger.store, str(Path(__file__).parent.parent)]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert (said.stdout, said.stderr) == (f"{10 + 2 * STRIDE}\n", "")
    assert View(ledger).cursor.records == 10
    assert everything(ledger) == without_cache(ledger)
    saved(ledger)


# ---- the index


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), min_size=1, max_size=20), min_size=1, max_size=5
    )
)
def test_every_record_is_found_under_its_keys_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[int, int]]]
) -> None:
    """However often it was saved on the way, and where all keys fall into few buckets."""
    ledger = Ledger(str(tmp_path_factory.mktemp("store")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "BUCKETS", 2)
        patch.setattr(index, "EMPTY_ROOT", bytes(index.DIGEST * 2))
        for batch in batches:
            append(ledger, *(change(number) for number, _ in batch))
            if batch[0][1]:
                View(ledger).catch_up().save()
        assert answers(View(ledger).catch_up()) == without_cache(ledger)[2]


def test_two_keys_of_one_hash_are_kept_apart(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever finds a record looks at it."""
    monkeypatch.setattr(index, "hash_of", lambda key: key[0].encode()[:2] * 3)
    ten(ledger)
    saved(ledger)
    assert [len(found) for found in answers(View(ledger))[:11]] == [1] * 10 + [0]


# ---- compared with a replay


def test_verify_compares_it_with_a_replay(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A difference is a finding; none and an older one are not."""
    ten(ledger)
    assert verify(ledger).findings == []
    saved(ledger)
    ten(ledger, 10)
    assert verify(ledger).findings == []
    hide_a_bucket(path_of(ledger))
    assert verify(ledger).findings == [], "what is not believed is as good as missing"
    path_of(ledger).unlink()
    with monkeypatch.context() as patch:
        patch.setitem(FOLDS, "change", lambda fold, event: None)
        View(ledger).catch_up().save()
    assert [finding.what.partition(":")[0] for finding in verify(ledger).findings] == ["cache"]
    path_of(ledger).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(index, "keys", lambda _event: [("none",)])
        View(ledger).catch_up().save()
    assert [finding.what.partition(":")[0] for finding in verify(ledger).findings] == ["cache"]


# ---- at random


class Store:
    """A store with a history, and how it looked at other times and in another clone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger(str(folder / "store"))
        self.others: list[Path] = []
        for number in range(3):
            append(self.ledger, *(change(15 * number + each) for each in range(15)))
            Cache(self.ledger.store).put({"seen": {"end": [], "tips": SEEN}})
            saved(self.ledger)
            self.others.append(self.keep(f"older {number}"))
        twin = Ledger(str(folder / "twin"))
        append(twin, *(change(each) for each in range(20)))
        saved(twin)
        self.others.append(Path(twin.store))
        append(self.ledger, change(45))
        self.kill_while_saving()
        self.whole = self.keep("whole")

    def keep(self, name: str) -> Path:
        shutil.copytree(self.ledger.store, self.folder / name)
        return self.folder / name

    def kill_while_saving(self) -> None:
        """So that a journal lies beside the cache."""
        pid = os.fork()
        if pid == 0:
            os.environ["AGENTSYNC_CRASH"] = "cache"
            View(self.ledger).catch_up().save()
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
        assert (Path(self.ledger.store) / "cache.sqlite-journal").exists()

    def restore(self) -> None:
        """The files as they were, in the same folder; the ledger is the same file."""
        for path in Path(self.ledger.store).iterdir():
            if path.name != "ledger.jsonl":
                path.unlink()
        for path in self.whole.iterdir():
            if path.name == "ledger.jsonl":
                Path(self.ledger.path).write_bytes(path.read_bytes())
            else:
                shutil.copy(path, self.ledger.store)

    def harm(self, dice: random.Random) -> None:
        """One file, in one of the ways in which files go wrong."""
        path = Path(self.ledger.store) / dice.choice(("cache.sqlite",) * 3 + ("cache.sqlite-journal", "writer.json"))
        data = bytearray(path.read_bytes())
        at, length = dice.randrange(len(data)), dice.choice((1, 16, 512, 4096, 20_000))
        how = dice.choice(("flip", "flip", "flips", "zeros", "cut", "swap", "shift"))
        if how == "flip":
            data[at] ^= 1 << dice.randrange(8)
        elif how == "flips":
            for _ in range(50):
                data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        elif how == "zeros":
            data[at : at + length] = bytes(len(data[at : at + length]))
        elif how == "cut":
            del data[at:]
        elif how == "shift":
            data[at:at] = dice.randbytes(length)
        other = dice.choice(self.others) / path.name
        if how == "swap" and other.exists():
            data = bytearray(other.read_bytes())
        path.write_bytes(data)


def corrupted(folder: Path, times: int, seed: int) -> None:
    """Corrupt so many times, and ask; then go on as if nothing had been."""
    store, dice = Store(folder), random.Random(seed)
    ledger = store.ledger
    store.restore()
    expected = without_cache(ledger)
    for number in range(times):
        store.restore()
        store.harm(dice)
        about = f"seed {seed}, corruption {number}"
        assert Cache(ledger.store).get("seen") in (None, {"end": [], "tips": SEEN}), about
        assert everything(ledger) == expected, about
        assert verify(ledger).findings == [], about
        if number % 5 == 0:
            append(ledger, change(46))
            View(ledger).catch_up().save()
            assert everything(ledger)[:3] == without_cache(ledger)[:3], about
            audit(Path(ledger.store))


def test_no_corruption_changes_an_answer(tmp_path: Path) -> None:
    corrupted(tmp_path, 20, random.randrange(1 << 32))


@pytest.mark.long
def test_a_thousand_corruptions_change_no_answer(tmp_path: Path) -> None:
    corrupted(tmp_path, 1000, random.randrange(1 << 32))


def test_ids_that_only_share_a_beginning_are_two() -> None:
    """The hash is of the whole key, and of where its parts end."""
    one = new_id(1.0)
    assert index.hash_of(("id", one)) != index.hash_of((f"id{one}",))
