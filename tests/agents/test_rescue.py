"""Rescue: what a document held at each recorded change can be had back, whatever git or somebody did to it."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from lab.commands import agentsync
from lab.repo import Repo

from agentsync.agents.rescue import Contained, lost
from agentsync.ledger import kept
from agentsync.observe.contents import md5
from agentsync.observe.witness import set_agent

CLOBBERS = {
    "reset": ("git", "reset", "-q", "--hard"),
    "checkout": ("git", "checkout", "-q", "-f", "other"),
    "": ("git", "checkout", "-q", "--", "doc.md"),
    "stash": ("git", "stash", "-q"),
}


def told(repo: Repo) -> list[tuple[str, str]]:
    found = lost(repo.clone(), repo.view(), repo.settings, float(repo.time))
    return [(one.file_path, one.by) for one in found]


@pytest.fixture
def edited(ready: Repo) -> Repo:
    """Somebody has an uncommitted edit, which was recorded."""
    ready.git("branch", "other")
    ready.write("words that nobody committed\n")
    agentsync(ready.root, "scan")
    return ready


@pytest.mark.parametrize("by", CLOBBERS)
def test_an_edit_that_git_removes_is_told_once_and_had_back(edited: Repo, by: str) -> None:
    """When, by what as far as a reflog has it, and how to have it back."""
    edited.time = int(time.time()) - 1  # git dates what it does there
    edited.git(*CLOBBERS[by][1:])
    agentsync(edited.root, "scan")
    assert told(edited) == [("doc.md", by)]
    first, second = agentsync(edited.root, "status").out, agentsync(edited.root, "status").out
    assert "agentsync rescue --at" in first
    assert "agentsync rescue" not in second
    assert agentsync(edited.root, "rescue", "doc.md").out == "words that nobody committed\n"


def test_what_comes_back_is_not_lost(edited: Repo) -> None:
    """A stash that is popped, an edit that was committed, one that goes on."""
    edited.git("stash", "-q")
    agentsync(edited.root, "scan")
    edited.git("stash", "pop", "-q")
    agentsync(edited.root, "scan")
    assert told(edited) == []
    edited.write("words that nobody committed\nand more\n")
    edited.commit()
    agentsync(edited.root, "scan")
    assert told(edited) == []


def test_what_somebody_else_writes_over_is_lost(ready: Repo) -> None:
    """An agent that writes the whole file from what it has read before; going on in it is none."""
    old = ready.read()
    here = ready.clone().worktree()
    for agent, text in (("cursor", f"{old}words of cursor\n"), ("codex-local", f"{old}words of codex\n")):
        set_agent(here, agent)
        ready.write(text)
        agentsync(ready.root, "scan")
    assert told(ready) == [("doc.md", "codex-local")]
    set_agent(here, "cursor")
    ready.write(f"{old}words of codex\nwords of cursor\n")
    agentsync(ready.root, "scan")
    assert told(ready) == []


def test_each_recorded_state_can_be_had_back(ready: Repo, tmp_path: Path) -> None:
    """By the id of its change, to stdout or into a file; a deletion gives what it deleted."""
    texts = [f"state {number}\n" for number in range(4)]
    for text in texts:
        ready.write(text)
        agentsync(ready.root, "scan")
    (ready.root / "doc.md").unlink()
    agentsync(ready.root, "scan")
    listed = agentsync(ready.root, "rescue", "doc.md", "--list", "--json").records
    assert [one["event_type"] for one in listed] == ["deleted", *["modified"] * 4]
    had = [agentsync(ready.root, "rescue", "doc.md", "--at", one["id"]).out for one in listed]
    assert had == [texts[-1], *reversed(texts)]
    agentsync(ready.root, "rescue", "doc.md", "--at", listed[-1]["id"], "-o", str(tmp_path / "had"))
    assert (tmp_path / "had").read_text() == texts[0]


def test_a_torn_or_strange_object_is_none(ready: Repo) -> None:
    """What does not have its id is not given back."""
    blob = ready.git("hash-object", "--stdin", stdin="kept\n").strip()
    store = ready.clone().store
    kept.keep(store, {blob: b"kept\n"})
    assert kept.read(store, blob) == b"kept\n"
    path = Path(store) / kept.FOLDER / blob[:2] / blob[2:]
    path.write_bytes(path.read_bytes()[:-4])
    assert kept.read(store, blob) is None
    assert kept.read(store, "0" * 40) is None


def test_what_is_kept_is_bounded(tmp_path: Path) -> None:
    """The oldest goes where there is too much, and what is old."""
    blobs = [f"{number:040x}" for number in range(8)]
    for blob in blobs:
        kept.keep(str(tmp_path), {blob: random.Random(blob).randbytes(4000)})
    paths = [tmp_path / kept.FOLDER / blob[:2] / blob[2:] for blob in blobs]
    for age, path in enumerate(reversed(paths)):
        times = path.stat().st_mtime - age * 86_400
        os.utime(path, (times, times))
    kept.prune(str(tmp_path), longest=6.5 * 86_400)
    assert [path.exists() for path in paths] == [False, *[True] * 7]
    kept.prune(str(tmp_path), most=3 * 4096)
    assert [path.exists() for path in paths] == [*[False] * 5, *[True] * 3]


def clobbered(repo: Repo, seed: int, number: int) -> None:
    """Edits, each recorded and then removed by git or by whoever writes the file; all of them can be had back."""
    chance = random.Random(seed)
    for step in range(number):
        path = chance.choice(("doc.md", "docs/other.md"))
        repo.write(f"state {step} {chance.random()}\n" * chance.randrange(1, 40), path)
        if chance.random() < 0.3:
            repo.commit()
        repo.look()
        how = chance.choice(("reset", "restore", "stash", "drop", "write", "back"))
        if how == "reset":
            repo.git("reset", "-q", "--hard")
        elif how == "restore":
            repo.git("checkout", "-q", "--", path)
        elif how in ("stash", "drop") and repo.git("status", "--porcelain", "-uno"):
            repo.git("stash", "-q")
            if how == "drop":
                repo.git("stash", "drop", "-q")
        elif how == "back":
            repo.git("reset", "-q", "--hard", "HEAD~1", check=False)
        else:
            repo.write("somebody else\n", path)
        if chance.random() < 0.2:
            repo.look()
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "-q", "--prune=now")
    repo.look()
    contained = Contained(repo.clone(), repo.settings)
    changes = [one for one in repo.changes() if one["new_blob"]]
    assert len(changes) >= number
    for one in changes:
        data = contained.of(one["file_path"], one["new_blob"])
        assert data is not None, one
        assert md5(data) == one["new_checksum"]


def test_every_recorded_state_outlives_what_git_does(ready: Repo) -> None:
    """Committed ones, too, when no branch has them and git has collected them."""
    clobbered(ready, 1, 12)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_a_thousand_clobbers(ready: Repo, seed: int) -> None:
    """A hundred each."""
    clobbered(ready, seed, 100)
