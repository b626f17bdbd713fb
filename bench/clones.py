"""Repositories that agentsync watches, with a ledger of any length that fits them."""

from __future__ import annotations

import fcntl
import sys
import time
from functools import lru_cache
from pathlib import Path

from agentsync.base import config, git
from agentsync.base.settings import CONFIG_PATH
from agentsync.observe.request import Request
from agentsync.sync import sync
from bench.harness import MissingError
from bench.lab import Lab
from bench.ledgers import START

PATIENCE = 30.0  # seconds


def watched(lab: Lab, name: str, records: int = 0) -> Path:
    """A fresh copy of the template with hooks, the seed's documents watched, and `records` in its ledger."""
    root = lab.repository(name)
    prepare(lab, root, records)
    lab.git(root, "add", "-A")
    lab.git(root, "commit", "-q", "-m", "agentsync")
    return root


@lru_cache(maxsize=1)
def short_clone(lab: Lab) -> Path:
    """One with 100 records."""
    return watched(lab, "short-ledger", 100)


@lru_cache(maxsize=1)
def long_clone(lab: Lab) -> Path:
    """One with 1,000,000 records, or as many as the lab says."""
    return watched(lab, "long-ledger", lab.records)


def prepare(lab: Lab, root: Path, records: int = 0, toml: str = "", start: float = START) -> None:
    """`agentsync init` in a clone. `records`: what its ledger has already, from `start` on (seconds since 1970);
    `toml`: the configuration, else the seed's.

    The ledger is filled in a process of its own: the memory that it takes must not count for those measured.
    """
    if toml:
        (root / CONFIG_PATH).parent.mkdir(exist_ok=True)
        (root / CONFIG_PATH).write_text(toml)
    if records:
        store = root / ".git" / "agentsync"
        store.mkdir()
        lab.run(lab.folder, *lab.module("bench.ledgers", str(store / "ledger.jsonl"), str(records), str(start)))
    lab.run(root, lab.agentsync, "init")
    if records:
        lab.run(lab.folder, *lab.module("bench.clones", str(root)))


def settle(root: Path) -> None:
    """Wait until no note waits and no look runs in the background, so that it slows down nobody's turn."""
    store = root / ".git" / "agentsync"
    deadline = time.monotonic() + PATIENCE
    while store.exists() and (any((store / "notes").glob("*.json")) or _locked(store / "look.lock")):
        if time.monotonic() > deadline:
            raise MissingError(f"failed: what git noted was not taken in within {PATIENCE:g} s")
        time.sleep(0.005)


def _locked(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _begin(root: str) -> None:
    """A further baseline, so that what is known is what the repository has, whatever was written before."""
    clone = git.locate(root)
    assert clone.here
    settings = config.in_force(clone, clone.here).settings
    request = Request(clone, settings, "init", [clone.here], time.time(), begin=True, timeout=60.0)
    view = sync(request, write=False).seen.view
    assert not view.cursor.damaged


if __name__ == "__main__":
    _begin(sys.argv[1])
