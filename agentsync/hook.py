"""What the scripts in `hooks/` start: "look now". Never blocks git, never speaks but for one line a day.

A missed or doubled hook costs nothing but time and the environment's evidence: the rules of `observe/` say what is new.
"""

import contextlib
import os
import sys
import time

from agentsync.base import config, files, git, watchdog
from agentsync.base.background import try_lock
from agentsync.base.errors import AgentsyncError
from agentsync.base.settings import pathspecs
from agentsync.base.watchdog import OutOfTimeError
from agentsync.ledger import notes
from agentsync.ledger.events import to_rfc3339
from agentsync.observe.request import Request
from agentsync.observe.tool_calls import call_of, written_in
from agentsync.sync import Synced, sync

# Whose state is still there when these hooks run, although the worktree is in order again.
ENDING = {
    "post-commit": ("cherry-pick", "revert", "sequencer"),
    "post-merge": ("merge",),
    "post-applypatch": ("am",),
}
# pre-commit has one line for all its stages; these variables tell those in which no commit was made.
OTHER_STAGES = ("PRE_COMMIT_CHECKOUT_TYPE", "PRE_COMMIT_IS_SQUASH_MERGE", "PRE_COMMIT_REWRITE_COMMAND")
DAY = 86_400  # seconds
PATIENCE = 60.0  # seconds for which the look in the background waits for the ledger's lock


def main(argv: list[str], *, noted: bool = False) -> int:
    """`NAME ARGS...` as git calls the hook NAME. `noted`: its sh has left a note, if it was a commit. Always 0."""
    if os.environ.get("AGENTSYNC") == "0":
        return 0
    try:
        with watchdog.limited(watchdog.FOREGROUND):
            run(argv[0], argv[1:], time.time(), noted=noted)
    except KeyboardInterrupt:
        pass
    except (Exception, OutOfTimeError) as error:
        _write_down(os.curdir, argv[0] if argv else "?", error, time.time())
    return 0


def run(name: str, args: list[str], now: float, *, noted: bool) -> Synced:
    """Look, and write the report if one is owed."""
    clone = git.locate(git.here())
    here = clone.here
    if name == "post-commit" and not noted and here and not any(map(os.environ.get, OTHER_STAGES)):
        leave_note(clone, here)
    ending = ENDING.get(name, ())
    if name == "post-rewrite" and args[:1] == ["rebase"]:
        ending = ("rebase",)
        if here and (originals := _pairs(sys.stdin.read())):
            notes.put_rewriting(clone, here, originals, time.time())  # before the look, which may be ended
    bare = _under_pre_commit()
    request = Request(
        clone=clone,
        settings=config.in_force(clone, clone.here).settings,
        source="hook",
        worktrees=[here] if here and not bare else [],
        now=now,
        ending=ending,
    )
    return sync(request, write=not bare)


def leave_note(clone: git.Clone, here: git.Worktree) -> None:
    """Say of the commit that this process has just made what `hooks/note.sh` says, where a hook manager calls us."""
    from agentsync.observe.agent_variables import told  # late: the sh of our own hooks has left it

    specs = pathspecs(config.in_force(clone, here).settings)
    said = git.run(["diff-tree", "--root", "-r", "-m", "HEAD", "--", *specs], cwd=here.root).decode(errors="replace")
    if not said:
        return
    picked = os.path.exists(f"{here.git_dir}/CHERRY_PICK_HEAD") or git.rebasing(here.git_dir) is not None
    notes.put_commit(
        clone,
        here,
        said.split("\n")[0],
        {} if picked else told(os.environ),
        tty=os.isatty(2),
        devin=os.path.isdir("/opt/.devin"),
        picked=picked,
    )


def in_background(start: str, store: str, lock: int | None) -> None:
    """Take in the notes of the clone around the folder `start`, and those that come meanwhile.

    A note waits until somebody looks, so this may be killed at any time. `lock`: a descriptor, which is closed.
    """
    done: set[str] = set()
    while lock is not None:
        try:
            with contextlib.suppress(OSError):  # what stands there when nobody holds it was ended by force
                os.pwrite(lock, b"at work\n", 0)
            _take_in(start, done)
            os.ftruncate(lock, 0)
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
            for worktree in _noted(clone):
                _look_behind(start, git.Clone(clone.common_dir, worktree))
        except Exception as error:
            _write_down(start, "look", error, time.time())


def _noted(clone: git.Clone) -> list[git.Worktree | None]:
    """The worktrees whose notes wait, and the one that was started from; None in a bare repository."""
    every = git.worktrees(clone)
    waits = notes.waiting(clone, every, time.time())
    names = {*(note.worktree for note in waits.commits), *(note.worktree for note in waits.rewritings)}
    calls = [call for call in map(call_of, waits.tools) if call]
    names |= {one.name for one in every if any(written_in(call, one.root) for call in calls)}
    return [clone.here, *(one for one in every if one.name in names and one != clone.here)]


def _look_behind(start: str, clone: git.Clone) -> None:
    """Look at one worktree. Nobody waits, so it may take its time, and replay a long ledger."""
    worktrees = [clone.here] if clone.here and not _under_pre_commit() else []
    began = time.monotonic()
    try:
        with watchdog.limited(watchdog.BACKGROUND):
            settings = config.in_force(clone, clone.here).settings
            sync(Request(clone, settings, "hook", worktrees, time.time(), timeout=PATIENCE), write=False)
        if time.monotonic() - began < watchdog.FOREGROUND:
            watchdog.forget_end(clone.store)  # what kept a hook waiting is over
    except (Exception, OutOfTimeError) as error:
        _write_down(start, "look", error, time.time())


def waiting(start: str) -> set[str]:
    """The notes of the clone around a folder, by their paths; none where the clone is gone."""
    try:
        clone = git.locate(start)
        return notes.listed(clone, git.worktrees(clone))
    except (AgentsyncError, OSError):
        return set()


def _under_pre_commit() -> bool:
    """Whether edits are stashed away: that is no edit, and a file that is changed meanwhile fails the commit."""
    return os.environ.get("PRE_COMMIT") == "1"


def _pairs(text: str) -> dict[str, list[str]]:
    """New commit to the old ones it replaces, from post-rewrite's lines "old new"."""
    pairs: dict[str, list[str]] = {}
    for line in text.splitlines():
        words = line.split(" ")
        if len(words) >= 2:
            pairs.setdefault(words[1], []).append(words[0])
    return pairs


def _told(error: BaseException) -> str:
    if isinstance(error, OutOfTimeError):
        return "the look took too long and was stopped; the next command records what it would have seen"
    if isinstance(error, MemoryError):
        return f"the look was stopped at {watchdog.MEMORY >> 20} MB; the next command records what it would have seen"
    return error.message if isinstance(error, AgentsyncError) else f"{type(error).__name__}: {error}"


def _write_down(start: str, name: str, error: BaseException, now: float) -> None:
    """Write down what went wrong, where `doctor` finds it; say so once a day."""
    message = _told(error)
    cause = getattr(error, "cause", "")
    line = f"{to_rfc3339(now)} {name}: {message}" + (f" ({cause})" if cause else "")
    line = "".join(char if char.isprintable() else "?" for char in line)[:1000]
    if os.environ.get("AGENTSYNC_TRACE", "0") != "0":
        import traceback

        traceback.print_exc()
    try:
        store = git.locate(start).store
        if name != "look" and isinstance(error, (OutOfTimeError, MemoryError)):
            watchdog.note_end(store)
        told = f"{store}/hook-errors.told"
        with open(f"{store}/hook-errors.log", "a", encoding="utf-8") as file:
            files.share(file.fileno(), store)
            file.write(line + "\n")
        if not os.path.exists(told) or now - os.stat(told).st_mtime > DAY:
            with open(told, "w", encoding="utf-8"):
                pass
            said = f"{name}: {message}".partition("\n")[0][:200]
            print(f"agentsync: {said}; your git command is not affected, see agentsync doctor", file=sys.stderr)
    except (OSError, AgentsyncError):
        pass  # nowhere to write it down, so nothing would stop it from being said each time
