"""The poller: a cheap glance often, a whole look when the glance shows something or the interval has passed.

A glance compares the stat of every watched file, of HEADs, of the configuration and of the folders of notes with what
the last look saw: nothing is read, and git is not started. One poller serves all worktrees of a clone, each with its
own configuration.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agentsync.base import config, files, git
from agentsync.base.errors import AgentsyncError, LockedError
from agentsync.base.globs import is_glob
from agentsync.base.settings import Settings
from agentsync.ledger import notes
from agentsync.observe.request import Request
from agentsync.sync import Synced, sync

PAUSE = 0.25  # seconds between two glances
SHARE = 20  # a glance may take one part in so many of the time: over very many files it comes less often
REST = 0.03  # seconds that a file has to stay as it is, so that a save in two writes is one edit
SOON = 1.0  # seconds from one whole look to the next at least, however often somebody asks for one
LONGEST = 60.0  # seconds from one failure to the next attempt at most
REPOSE = 10  # a whole look may take one part in so many of the time: what changes all the time is seen less often


@dataclass(frozen=True)
class Glance:
    """What was seen of a worktree without reading anything: stat by path, and of what is no document."""

    documents: Mapping[str, tuple[int, ...] | None]
    folders: Mapping[str, tuple[int, ...] | None]
    state: tuple[object, ...]


class Watcher:
    """Looks at a clone again and again. `tell` hears of each look, `complain` of each that failed.

    `adjust` changes the configuration for this poller alone; `sync` is how it looks, for those who look with others.
    """

    def __init__(
        self,
        clone: git.Clone,
        tell: Callable[[Synced], None],
        complain: Callable[[AgentsyncError], None],
        interval: float | None = None,
        *,
        adjust: Callable[[Settings], Settings] = lambda settings: settings,
        sync: Callable[[Request], Synced] = sync,
    ) -> None:
        self.clone = clone
        self.tell = tell
        self.complain = complain
        self.interval = interval  # seconds between two looks at everything; None: as configured
        self.adjust = adjust
        self.sync = sync
        self.glances: dict[str, Glance] = {}
        self._folders_of_notes: tuple[object, ...] = ()
        self._listed: tuple[object, list[git.Worktree]] | None = None
        self._failed: set[str] = set()
        self._stop = threading.Event()
        self._wake = threading.Event()

    def stop(self) -> None:
        """End after the look that is going on. May be called from a signal handler."""
        self._stop.set()
        self._wake.set()

    def wait(self, seconds: float) -> bool:
        """Whether it was stopped, within so many seconds."""
        return self._stop.wait(seconds)

    def look_soon(self) -> None:
        """Do not wait for the interval's end: the ledger has grown, and reports may be owed."""
        self._wake.set()

    def run(self) -> None:
        """Watch until stopped. Raises LockedError if this clone is watched already, OSError if it cannot be locked."""
        with held(self.clone.store):
            self.watch()

    def watch(self) -> None:
        """The same for whoever holds the lock already."""
        pause = SOON
        while not self._stop.is_set():
            try:
                self._watch_once()
                pause = SOON
            except Exception as error:  # whatever it is, it may be gone the next time
                self.complain(_explained(error))
                self.wait(pause)
                pause = min(2 * pause, LONGEST)

    def _watch_once(self) -> None:
        begun = time.monotonic()
        self.look_at_all()
        ended = time.monotonic()
        interval = self._interval()
        self._glance_until(begun + min(max(SOON, REPOSE * (ended - begun)), interval), ended + interval)
        self._wake.clear()

    def look_at_all(self) -> None:
        """One look at every worktree."""
        self._failed.clear()
        self._listed = None
        for worktree in self._worktrees():
            if not self._stop.is_set():
                self.look(worktree)

    def look(self, worktree: git.Worktree) -> None:
        """A whole look at one worktree, with the configuration that is in force there. One that fails is told."""
        try:
            self._look(worktree)
        except Exception as error:
            self.glances.pop(worktree.name, None)
            self._failed.add(worktree.name)  # until all are looked at again
            self._listed = None
            if git.is_there(worktree):  # else it was removed meanwhile
                self.complain(_explained(error))

    def _look(self, worktree: git.Worktree) -> None:
        settings = self.adjust(settings_of(worktree, self.clone))
        clone = git.Clone(self.clone.common_dir, worktree)
        state = _state(worktree, clone)  # before the look: what changes while it lasts shows at the next glance
        done = self.sync(Request(clone, settings, "poller", [worktree], time.time()))
        if scene := done.seen.scenes.get(worktree.name):
            documents = scene.signatures
            self.glances[worktree.name] = Glance(documents, _folders(worktree, settings, documents), state)
        self.tell(done)

    def _glance_until(self, soonest: float, due: float) -> None:
        """Glance until it is `due` to look at everything, or `soonest` if somebody asks for it."""
        pause = PAUSE
        while not self._stop.is_set():
            asked = self._wake.is_set()
            left = (soonest if asked else due) - time.monotonic()
            if left <= 0:
                return
            (self._stop if asked else self._wake).wait(min(pause, left))
            if self._wake.is_set() and not asked:
                continue
            begun = time.monotonic()
            watched = [one for one in self._worktrees() if one.name not in self._failed]
            changed = [one for one in watched if not self._is_as_seen(one)]
            if self._notes_wait() and not changed:
                changed = watched[:1]  # each look takes in the notes of all
            pause = max(PAUSE, SHARE * (time.monotonic() - begun))
            for worktree in changed:
                if self._stop.is_set():
                    return
                self._come_to_rest(worktree)
                begun = time.monotonic()
                self.look(worktree)
                pause = max(pause, REPOSE * (time.monotonic() - begun))

    def _is_as_seen(self, worktree: git.Worktree) -> bool:
        seen, root = self.glances.get(worktree.name), worktree.root
        if seen is None:
            return False
        for paths in (seen.documents, seen.folders):
            if any(git.signature(f"{root}/{path}") != signature for path, signature in paths.items()):
                return False
        return _state(worktree, self.clone) == seen.state

    def _notes_wait(self) -> bool:
        """Whether a note has come since the last time one asked, and still waits."""
        worktrees = self._worktrees()
        before = self._folders_of_notes
        self._folders_of_notes = tuple(git.signature(folder) for folder in notes.folders(self.clone, worktrees))
        return self._folders_of_notes != before and bool(notes.listed(self.clone, worktrees))

    def _come_to_rest(self, worktree: git.Worktree) -> None:
        """Wait until nothing changes for a moment."""
        seen = self.glances.get(worktree.name)
        while seen is not None and not self._stop.wait(REST):
            before, seen = seen, _again(seen, worktree, self.clone)
            if before == seen:
                return

    def _worktrees(self) -> list[git.Worktree]:
        """Those of the clone; listed anew when one was added or removed."""
        signature = git.signature(f"{self.clone.common_dir}/worktrees")
        if self._listed is None or self._listed[0] != signature:
            self._listed = signature, git.worktrees(self.clone)
        return self._listed[1]

    def _interval(self) -> float:
        if self.interval is not None:
            return self.interval
        every = (settings_of(worktree, self.clone) for worktree in self._worktrees())
        return min((settings.check_interval_seconds for settings in every), default=30)


def _explained(error: Exception) -> AgentsyncError:
    if isinstance(error, AgentsyncError):
        return error
    return AgentsyncError("a look failed", cause=str(error) if isinstance(error, OSError) else repr(error))


def settings_of(worktree: git.Worktree, clone: git.Clone) -> Settings:
    """What is in force in a worktree: each branch may configure itself."""
    return config.in_force(clone, worktree).settings


def held(store: str) -> "WatchLock":
    """The lock that says this clone is watched; to be used in a `with`, which may raise LockedError or OSError."""
    return WatchLock(f"{store}/{files.WATCH_LOCK}", 0, "the poller of this clone")


class WatchLock(files.Locked):
    """Says who holds it: in the file lie the process id and, on a second line, what it is."""

    def __enter__(self) -> None:
        files.make_folder(os.path.dirname(self.path))
        try:
            super().__enter__()
        except LockedError:
            who, what = _holder(self.path)
            by = f"by process {who}" + (f", {what}" if what else "")
            raise LockedError(
                "this clone is already being watched", cause=by, hint=f"stop it with `kill {who}`, or let it run"
            ) from None
        self.say("agentsync watch")

    def say(self, what: str) -> None:
        """What the holder is, for the one who comes second."""
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, f"{os.getpid()}\n{what}\n".encode(), 0)


def holder(store: str) -> str | None:
    """Which process watches a clone, and what it is; None if nobody does."""
    path = f"{store}/{files.WATCH_LOCK}"
    return ", ".join(filter(None, _holder(path))) if files.is_held(path) else None


def _holder(path: str) -> tuple[str, str]:
    with open(path, encoding="utf-8", errors="replace") as file:
        who, _, what = file.read(200).partition("\n")
    return who.strip() or "unknown", what.strip()


def _again(seen: Glance, worktree: git.Worktree, clone: git.Clone) -> Glance:
    root = worktree.root
    return Glance(
        {path: git.signature(f"{root}/{path}") for path in seen.documents},
        {path: git.signature(f"{root}/{path}") for path in seen.folders},
        _state(worktree, clone),
    )


def _state(worktree: git.Worktree, clone: git.Clone) -> tuple[object, ...]:
    try:
        head = git.head_signature(worktree, clone.common_dir)
    except OSError:
        head = ()  # the worktree is being removed
    paused = git.operation(worktree.git_dir), git.half_way(worktree.git_dir)
    return head, paused, git.signature(config.config_path(clone, worktree))


def _folders(
    worktree: git.Worktree, settings: Settings, paths: Mapping[str, object]
) -> dict[str, tuple[int, ...] | None]:
    """Where a new document may appear that a glob matches: the folders of those that are there."""
    if not any(is_glob(watch.path) for watch in settings.watch):
        return {}
    folders = {path.rpartition("/")[0] for path in paths}
    return {folder: git.signature(f"{worktree.root}/{folder}") for folder in folders}
