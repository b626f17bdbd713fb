"""Repositories that agentsync watches, with a ledger of any length that fits them."""

from __future__ import annotations

import sys
import time
from functools import lru_cache
from pathlib import Path

from agentsync import config, git, install, ledger, local_files, prepared
from agentsync.observe.look import Request
from agentsync.settings import CONFIG_PATH, Settings
from agentsync.sync import sync
from bench.lab import Lab
from bench.ledgers import write


def watched(lab: Lab, name: str, records: int = 0) -> Path:
    """A fresh copy of the template with hooks, the seed's documents watched, and `records` in its ledger."""
    root = lab.repository(name)
    prepare(lab, root, records)
    lab.git(root, "add", CONFIG_PATH)
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


def prepare(lab: Lab, root: Path, records: int, settings: str = "") -> None:
    """Put agentsync into a clone. `settings`: the configuration, as TOML; else the seed's.

    In a process of its own: what a million records take of memory must not count for the processes measured.
    """
    lab.run(lab.folder, *lab.module("bench.clones", str(root), str(records), settings))


def _main(root: str, records: int, toml: str) -> None:
    clone = git.locate(root)
    assert clone.here
    store = Path(clone.store)
    store.mkdir(exist_ok=True)
    if records:
        write(store / "ledger.jsonl", records)
    install.install(root, clone.here.git_dir, clone.common_dir, python=sys.executable)
    local_files.make_doors(root, clone.here.git_dir, clone.common_dir)
    Path(root, CONFIG_PATH).write_text(toml or config.default_text(Settings()))
    settings, _ = prepared.current(f"{root}/{CONFIG_PATH}", clone.store)
    # The baseline comes last, so that what is known is what the repository has, however much was written before.
    request = Request(clone, settings, "init", [clone.here], time.time(), begin=True, timeout=60.0)
    seen = sync(request, pay=False).seen
    assert seen.view.cursor.records > records and not seen.view.cursor.damaged
    assert ledger.Ledger(clone.store).size() == seen.view.cursor.offset


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
