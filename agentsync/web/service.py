"""AutoSyncService: the poller, the rules and all that is shown, inside somebody's asyncio program.

It adds no state to the clone. A thread runs the poller and holds its lock, so there is one service or `agentsync watch`
per clone; a task reads the ledger's end, for callbacks and for those who listen; what is shown is a replay, made once
for all who ask at the same time.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from agentsync import status
from agentsync.base import git
from agentsync.base.config import Configuration, in_force
from agentsync.base.config_keys import RANGES
from agentsync.base.errors import AgentsyncError, not_set_up
from agentsync.base.git import Worktree
from agentsync.base.settings import Settings
from agentsync.ledger.events import Consolidation, DamagedError, decode
from agentsync.ledger.log import Follower, Ledger
from agentsync.ledger.state import Pending, State
from agentsync.observe.request import Request
from agentsync.poller import Watcher, WatchLock, held
from agentsync.report import paid
from agentsync.status import Looked, Survey, survey
from agentsync.sync import Synced, sync
from agentsync.web.durations import Looks
from agentsync.web.snapshots import Snapshots

PAUSE = 0.2  # seconds between two looks at the ledger's end
RETRY = 5.0  # seconds after a poller has failed in a way that nobody foresaw
log = logging.getLogger("agentsync")


class AutoSyncService:
    """Watches one clone. The arguments are the seed's; a number that is given overrides the configuration, here only.

    `repo_root`: a folder of the repository, by default the current one. Hooks and commands of the same clone go on by
    the configuration's own numbers. Raises NotARepositoryError, ValueError.
    """

    def __init__(
        self,
        repo_root: str | os.PathLike[str] | None = None,
        check_interval_seconds: int | None = None,
        consolidation_threshold: int | None = None,
        consolidation_interval_minutes: int | None = None,
    ) -> None:
        self.clone = git.locate(os.fspath(repo_root) if repo_root is not None else git.here())
        self.ledger = Ledger(self.clone.store)
        self.overrides = _numbers(
            check_interval_seconds=check_interval_seconds,
            consolidation_threshold=consolidation_threshold,
            consolidation_interval_minutes=consolidation_interval_minutes,
        )
        self.callback_errors = 0
        self.failure = ""  # why the last look failed; "" if it did not
        self.looks = Looks()
        self._callbacks: list[Callable[[Consolidation], Any]] = []
        self._listeners: list[Callable[[], None]] = []
        self._looking = threading.Lock()  # two looks of one process would share names of temporary files
        self.snapshots = Snapshots(self.clone, self._take_in, self._look_around, lambda: self.settings)
        self._lock: WatchLock | None = None
        self._watcher: Watcher | None = None
        self._thread: threading.Thread | None = None
        self._follower: asyncio.Task[None] | None = None
        self._tail: Follower | None = None
        self._looked_before = Looked(False)  # what is shown
        self._reasons: dict[str, str] = {}  # by worktree: why the last look left its report owed
        self._trouble = ""  # why the ledger's end was not read
        self._reported: list[Consolidation] = []  # whose report is not on disk yet
        self._calling = asyncio.Lock()
        self._caller: asyncio.Task[Any] | None = None  # whoever calls callbacks now

    @property
    def running(self) -> bool:
        """Whether this service watches now."""
        return self._thread is not None

    @property
    def settings(self) -> Settings:
        """The configuration in force, with this service's own numbers."""
        return self._configured().settings

    async def start(self) -> None:
        """Begin to watch. Does nothing if it does already. Raises LockedError if somebody else watches this clone."""
        if self.running:
            return
        if not self.ledger.size():
            raise not_set_up()
        tail, lock = Follower(self.ledger), held(self.clone.store)
        lock.__enter__()
        lock.say("AutoSyncService")
        self._tail, self._lock = tail, lock
        self._watcher = Watcher(
            self.clone,
            self._looked,
            self._failed,
            self.overrides.get("check_interval_seconds"),
            adjust=self._adjusted,
            sync=self._sync,
        )
        self._thread = threading.Thread(target=self._watch, args=(self._watcher,), name="agentsync", daemon=True)
        self._thread.start()
        self._follower = asyncio.create_task(self._follow(), name="agentsync")

    async def stop(self) -> None:
        """End after the look that is going on, and call what is still to be called. Does nothing if not running."""
        if self._watcher is None or self._thread is None or self._follower is None or self._lock is None:
            return
        if asyncio.current_task() is self._caller:
            raise RuntimeError("a consolidation callback cannot stop the service that calls it")
        self._watcher.stop()
        await asyncio.to_thread(self._thread.join)
        self._follower.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._follower
        await self._try_to_catch_up()
        self._watcher = self._thread = self._follower = self._tail = None
        self._lock.__exit__()
        self._lock = None

    def say(self, what: str) -> None:
        """What a second poller of this clone is told about this one, as in "agentsync serve, http://..."."""
        if self._lock:
            self._lock.say(what)

    def register_consolidation_callback(self, callback: Callable[[Consolidation], Any]) -> None:
        """Call `callback(trigger)` in the event loop for each consolidation made while this service runs.

        Whoever makes it: this service, a hook or a command. It is called once, in the ledger's order, when the report
        is on disk in the service's worktree; a report that is owed keeps it waiting. `trigger` is the record, with
        `trigger_type`, `conditions_met`, `timestamp`, `event_ids`. What a callback returns is awaited if it can be;
        what it raises is logged and counted in `callback_errors`, and stops nothing.
        """
        self._callbacks.append(callback)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener()` in the event loop whenever the ledger has grown, or was replaced."""
        self._listeners.append(listener)

    async def trigger_manual_consolidation(self) -> dict[str, Any]:
        """Look, and consolidate whatever is pending; the answer of `POST /api/sync/consolidate`.

        The callbacks have been called when this returns. Raises LockedError, LedgerError.
        """
        self._tail = self._tail or Follower(self.ledger)
        done = await asyncio.to_thread(self._consolidate)
        await self._catch_up()
        return dict(status.consolidated(done))

    def get_status(self) -> dict[str, Any]:
        """The answer of `GET /api/sync/status`."""
        now = self.snapshots.newest()
        return dict(status.status(now.state, now.cursor, now.survey))

    @property
    def pending_changes(self) -> list[Pending]:
        """The changes that no consolidation covers yet, oldest first."""
        return list(self.snapshots.newest().state.pending.values())

    @property
    def checksums(self) -> dict[str, dict[str, Any]]:
        """What each watched document is known to hold: `checksum`, `last_modified`, `agent_owner`, ... by path."""
        now = self.snapshots.newest()
        return {path: dict(one) for path, one in status.checksums(now.state, now.survey)["checksums"].items()}

    @property
    def watched_files(self) -> list[str]:
        """The watched documents, from the repository's root."""
        now = self.snapshots.newest()
        return status.watched_paths(now.state, now.survey)

    def _look_around(self, state: State) -> Survey:
        """What lies around the ledger, from this service's worktree."""
        why = self._why_owed if self.running else status.why_owed
        around = survey(self.clone, state, self._configured(), self._looked_before, why)
        if self.failure:
            around = around._replace(notices=(*around.notices, f"the last look failed: {self.failure}"))
        return around

    def _why_owed(self, worktree: Worktree, here: Worktree | None, settings: Settings) -> str:
        """As the last look found it: a ledger that grows is shown many times a second, and git is slow to ask."""
        return self._reasons.get(worktree.name, "")

    def _configured(self) -> Configuration:
        found = in_force(self.clone, self.clone.here)
        return found._replace(settings=self._adjusted(found.settings))

    def _adjusted(self, settings: Settings) -> Settings:
        return settings._replace(**self.overrides) if self.overrides else settings  # type: ignore[arg-type]

    def _watch(self, watcher: Watcher) -> None:
        """The thread. A program that serves for weeks outlives what nobody foresaw in one look."""
        while True:
            try:
                watcher.watch()
                return
            except Exception as error:
                self.failure = f"{type(error).__name__}: {error}"
                log.exception("the poller failed; it goes on in %g s", RETRY)
                if watcher.wait(RETRY):
                    return

    def _sync(self, request: Request) -> Synced:
        with self._looking:
            began = time.perf_counter()
            try:
                done = sync(request)
            finally:
                self.snapshots.expire()  # a report may have been written, notes taken in
            self.looks.looked(done, time.perf_counter() - began)
            self._reasons.update({one.name: "" for one in request.worktrees})
            self._reasons.update({name: report.why for name, report in done.reports.items()})
        return done

    def _take_in(self, state: State) -> None:
        """Who shows, looks, also before the poller does."""
        self._looked_before = status.take_in(self.clone, self.settings, state, self._sync)

    def _looked(self, done: Synced) -> None:
        self.failure = ""

    def _failed(self, error: AgentsyncError) -> None:
        self.failure = f"{error.message}: {error.cause}" if error.cause else error.message
        log.warning("%s", self.failure)

    def _consolidate(self) -> Synced:
        return self._sync(self._request(asked=True))

    def _request(self, **more: Any) -> Request:
        here = [self.clone.here] if self.clone.here else git.worktrees(self.clone)
        return Request(self.clone, self.settings, "scan", here, time.time(), **more)

    async def _follow(self) -> None:
        """The task: tell what is appended."""
        while True:
            await self._try_to_catch_up()
            await asyncio.sleep(PAUSE)

    async def _try_to_catch_up(self) -> None:
        """What goes wrong is logged, once as long as it is the same."""
        try:
            await self._catch_up()
            self._trouble = ""
        except Exception as error:
            if repr(error) != self._trouble:
                self._trouble = repr(error)
                log.exception("the ledger's end could not be read")

    async def _catch_up(self) -> None:
        """Tell listeners what is new, and callbacks what is consolidated and written."""
        if asyncio.current_task() is self._caller:
            return  # a callback has asked for something; it is called for that afterwards
        async with self._calling:
            self._caller = asyncio.current_task()
            try:
                while self._hears() and not await asyncio.to_thread(self._is_owed):
                    await self._call()
            finally:
                self._caller = None

    def _hears(self) -> bool:
        """Whether consolidations are there that no callback was told of."""
        if self._tail is None:
            return bool(self._reported)
        lost = self._tail.is_lost()
        if lost:
            self._tail = Follower(self.ledger)
        lines = list(self._tail.new())
        if lines or lost:
            for listener in self._listeners:
                listener()
        made = [event for _, line in lines if (event := _consolidation(line))]
        if made and self._watcher:
            self._watcher.look_soon()  # what others have consolidated is owed in these worktrees
        self._reported += made
        return bool(self._reported)

    def _is_owed(self) -> bool:
        here = self.clone.here
        return here is not None and paid.is_owed(here, self.snapshots.newest().state, self.settings)

    async def _call(self) -> None:
        made, self._reported = self._reported, []
        for trigger in made:
            for callback in self._callbacks:
                try:
                    answer = callback(trigger)
                    if inspect.isawaitable(answer):
                        await answer
                except Exception:
                    self.callback_errors += 1
                    log.exception("a consolidation callback failed: %r", callback)


def _consolidation(line: bytes) -> Consolidation | None:
    try:
        event = decode(line)[1]
    except DamagedError:
        return None
    return event if isinstance(event, Consolidation) else None


def _numbers(**given: int | None) -> dict[str, int]:
    """Those that were given. Raises ValueError for one that the configuration would not take either."""
    for name, value in given.items():
        low, high = RANGES[name]
        if value is not None and (type(value) is not int or not low <= value <= high):
            raise ValueError(f"{name} has to be a whole number from {low} to {high}, not {value!r}")
    return {name: value for name, value in given.items() if value is not None}


_service: AutoSyncService | None = None


def get_auto_sync_service(
    repo_root: str | os.PathLike[str] | None = None,
    check_interval_seconds: int | None = None,
    consolidation_threshold: int | None = None,
    consolidation_interval_minutes: int | None = None,
) -> AutoSyncService:
    """The service of this process: made by the first call, the same one ever after.

    Raises ValueError where a later call asks for another repository or other numbers than the first.
    """
    global _service
    given = _numbers(
        check_interval_seconds=check_interval_seconds,
        consolidation_threshold=consolidation_threshold,
        consolidation_interval_minutes=consolidation_interval_minutes,
    )
    if _service is None:
        _service = AutoSyncService(repo_root, **given)
        return _service
    if repo_root is not None and git.locate(os.fspath(repo_root)).common_dir != _service.clone.common_dir:
        raise ValueError(f"the service of this process watches {_service.clone.common_dir} already")
    differing = [name for name, value in given.items() if _service.overrides.get(name) != value]
    if differing:
        raise ValueError(f"the service of this process was made with another {' and '.join(differing)}")
    return _service
