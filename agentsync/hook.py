"""What the scripts in `hooks/` start: "look now". Never blocks git, never speaks but for one line a day.

A missed or doubled hook costs nothing but time and the environment's evidence: the rules of `observe/` say what is new.
"""

from __future__ import annotations

import os
import sys
import time

from agentsync.base import config, git
from agentsync.base.background import try_lock
from agentsync.base.errors import AgentsyncError
from agentsync.ledger import notes
from agentsync.ledger.events import to_rfc3339
from agentsync.observe.request import Request
from agentsync.sync import Synced, sync

# Whose state is still there when these hooks run, although the worktree is in order again.
ENDING = {
    "post-commit": ("cherry-pick", "revert", "sequencer"),
    "post-merge": ("merge",),
    "post-applypatch": ("am",),
}
DAY = 86_400  # seconds
BUDGET = 16 << 20  # bytes of ledger that a hook replays: about a second's work


def main(argv: list[str], *, noted: bool = False) -> int:
    """`NAME ARGS...` as git calls the hook NAME. `noted`: its sh has left a note, if it was a commit. Always 0."""
    if os.environ.get("AGENTSYNC") == "0":
        return 0
    try:
        run(argv[0], argv[1:], time.time())
    except KeyboardInterrupt:
        pass
    except Exception as error:
        _write_down(os.getcwd(), argv[0] if argv else "?", error, time.time())
    return 0


def run(name: str, args: list[str], now: float) -> Synced:
    """Look, and write the report if one is owed."""
    clone = git.locate(os.getcwd())
    here = clone.here
    ending = ENDING.get(name, ())
    rewritten: dict[str, list[str]] = {}
    if name == "post-rewrite" and args[:1] == ["rebase"]:
        ending = ("rebase",)
        rewritten = _pairs(sys.stdin.read())
    bare = os.environ.get("PRE_COMMIT") == "1"  # its stash is no edit, and a file changed under it fails the commit
    request = Request(
        clone=clone,
        settings=config.in_force(clone, clone.here).settings,
        source="hook",
        worktrees=[here] if here and not bare else [],
        now=now,
        ending=ending,
        rewritten=rewritten,
        budget=BUDGET,
    )
    return sync(request, write=not bare)


def in_background(start: str, store: str, lock: int | None) -> None:
    """Take in the notes of the clone around the folder `start`, and those that come meanwhile.

    A note waits until somebody looks, so this may be killed at any time. `lock`: a descriptor, which is closed.
    """
    done: set[str] = set()
    while lock is not None:
        try:
            _take_in(start, done)
        finally:
            os.close(lock)
        # Who has left a note in the last moment found the lock held, and relies on us.
        lock = try_lock(store) if waiting(start) - done else None


def _take_in(start: str, done: set[str]) -> None:
    """Look until no note waits that is not `done`; write no report."""
    while new := waiting(start) - done:
        done |= new
        try:
            clone = git.locate(start)
            bare = clone.here is None or os.environ.get("PRE_COMMIT") == "1"
            worktrees = [clone.here] if clone.here and not bare else []
            sync(
                Request(clone, config.in_force(clone, clone.here).settings, "hook", worktrees, time.time()), write=False
            )
        except Exception as error:
            _write_down(start, "look", error, time.time())


def waiting(start: str) -> set[str]:
    """The notes of the clone around a folder, by their paths; none where the clone is gone."""
    try:
        clone = git.locate(start)
        return notes.listed(clone, git.worktrees(clone))
    except (AgentsyncError, OSError):
        return set()


def _pairs(text: str) -> dict[str, list[str]]:
    """New commit to the old ones it replaces, from post-rewrite's lines "old new"."""
    pairs: dict[str, list[str]] = {}
    for line in text.splitlines():
        words = line.split(" ")
        if len(words) >= 2:
            pairs.setdefault(words[1], []).append(words[0])
    return pairs


def _write_down(start: str, name: str, error: Exception, now: float) -> None:
    """Write down what went wrong, where `doctor` finds it; say so once a day."""
    message = f"{error}" if isinstance(error, AgentsyncError) else f"{type(error).__name__}: {error}"
    cause = getattr(error, "cause", "")
    line = f"{to_rfc3339(now)} {name}: {message}" + (f" ({cause})" if cause else "")
    line = "".join(char if char.isprintable() else "?" for char in line)[:1000]
    if os.environ.get("AGENTSYNC_TRACE", "0") != "0":
        import traceback

        traceback.print_exc()
    try:
        store = git.locate(start).store
        told = f"{store}/hook-errors.told"
        with open(f"{store}/hook-errors.log", "a", encoding="utf-8") as file:
            file.write(line + "\n")
        if not os.path.exists(told) or now - os.stat(told).st_mtime > DAY:
            with open(told, "w", encoding="utf-8"):
                pass
            print(
                f"agentsync: {line.partition(' ')[2]}; your git command is not affected, see agentsync doctor",
                file=sys.stderr,
            )
    except (OSError, AgentsyncError):
        pass  # nowhere to write it down, so nothing would stop it from being said each time
