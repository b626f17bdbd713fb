"""Step 5 and its debts: each worktree's report region is a pure render of the newest consolidations.

A consolidation is in the ledger before any file is written. What cannot be written now (an operation is going on, the
markers are broken, the file is missing) is owed, and paid by the next hook, command or poll of that worktree.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from agentsync.base import files, git
from agentsync.base.crash import crash
from agentsync.base.errors import LockedError
from agentsync.base.settings import Settings
from agentsync.ledger.events import Attribution, Change, Consolidation
from agentsync.ledger.view import View
from agentsync.report import git_filter, git_index, paid, region
from agentsync.report.git_filter import Way
from agentsync.report.phrases import PHRASES, starter
from agentsync.report.render import Fact, Report, render

TRIES = 20  # attempts against somebody who writes the file all the time
LOCK_TIMEOUT = 2.0  # seconds


@dataclass(frozen=True)
class Payment:
    """What has become of a worktree's report: "current", "written", or "owed" and why."""

    worktree: str
    status: str
    reason: str = ""


def newest(view: View, count: int) -> list[Report]:
    """The newest `count` consolidations (0: all) with their changes, newest first."""
    return [_report(view, event) for event in view.consolidations(count)]


def _report(view: View, event: Consolidation) -> Report:
    changes = [change for id_ in event.event_ids for change in view.events("id", id_) if isinstance(change, Change)]
    facts = tuple(Fact(c.file_path, c.event_type, c.timestamp, owner_of(view, c)) for c in changes)
    paths = {change.file_path for change in changes}
    return Report(
        event.id, event.timestamp, event.trigger_type, event.conditions_met, len(event.event_ids), len(paths), facts
    )


def owner_of(view: View, change: Change) -> str | None:
    """Who made a change, as it was seen then or as a later commit told."""
    if change.agent_owner is not None:
        return change.agent_owner
    told = [event for event in view.events("attributed", change.id) if isinstance(event, Attribution)]
    return next((event.agent_owner for event in reversed(told) if event.agent_owner), None)


def pay(
    clone: git.Clone,
    worktree: git.Worktree,
    view: View,
    settings: Settings,
    *,
    asked: bool = False,
    ending: tuple[str, ...] = (),
    within: bool = False,
) -> Payment:
    """Write the worktree's region if it is owed, or if somebody asked (then a missing file is made, too).

    `ending`: the operations whose last hook is running. `within`: this is one of git's hooks.
    """
    if not paid.is_owed(worktree, view.state, settings) and not (asked and view.state.last):
        return Payment(worktree.name, "current")
    reason = obstacle(worktree, settings, ending)
    if reason:
        return Payment(worktree.name, "owed", reason)
    way = git_filter.way(clone, worktree, settings)
    if way.kind == "owed":
        return Payment(worktree.name, "owed", way.why)
    try:
        # The lock keeps an older rendering from coming after a newer one.
        with files.Locked(f"{clone.store}/report.lock", LOCK_TIMEOUT, "the report"):
            return _write(worktree, view.catch_up(), settings, way, asked, within)
    except LockedError:
        return Payment(worktree.name, "owed", "another process is writing reports")
    except OSError:
        # A read-only .git; whoever writes is alone with it.
        return _write(worktree, view, settings, way, asked, within)


def obstacle(worktree: git.Worktree, settings: Settings, ending: tuple[str, ...] = ()) -> str:
    """Why the report's file must not be touched now; "" if it may be."""
    operation = git.operation(worktree.git_dir, ending)
    if operation:
        return f"a {operation.name} is going on"
    if os.environ.get("PRE_COMMIT") == "1":
        return "pre-commit is running"
    if settings.report.commit == "agentsync":
        return git_index.obstacle(worktree, settings.report.path)
    entry = git_index.find(worktree, settings.report.path)
    return "" if entry is None or entry.merged else f"{settings.report.path} is unmerged"


def _write(worktree: git.Worktree, view: View, settings: Settings, way: Way, asked: bool, within: bool) -> Payment:
    last = view.state.last
    if last is None:
        return Payment(worktree.name, "current")
    path = settings.report.path
    body = render(newest(view, settings.report.keep), settings.report.language)
    page = Page(path, body, last.id, settings.report.language, way, within)
    for _ in range(TRIES):
        stamp = page.stamp(worktree)
        try:
            written = _put(worktree, page, asked)
        except region.BrokenRegionError as error:
            return Payment(worktree.name, "owed", f"{path}: {error}")
        except (files.UnreadableError, OSError) as error:
            return Payment(worktree.name, "owed", f"{path}: {getattr(error, 'strerror', None) or error}")
        if written in _OWED:
            return Payment(worktree.name, "owed", _OWED[written].format(path=path))
        if written != "raced":
            _mark(worktree, page, stamp if written == "current" else page.stamp(worktree), written == "noted")
            return Payment(worktree.name, "current" if written == "current" else "written")
    return Payment(worktree.name, "owed", f"{path} is being written all the time")


@dataclass(frozen=True)
class Page:
    """The report that a file is to show: `body` as Markdown, the id of its newest consolidation, how it is written."""

    path: str
    body: str
    id: str
    language: str
    way: Way
    within: bool

    @property
    def hidden(self) -> bool:
        """Whether git does not see it."""
        return self.way.kind == "hidden"

    def stamp(self, worktree: git.Worktree) -> str:
        """By what is known later that the file shows it still; "" where nobody asks."""
        return paid.stamp(worktree, self.path, hidden=self.hidden) if self.hidden or self.way.why else ""


_OWED = {
    "missing": "{path} is missing; `agentsync consolidate` makes it",
    "locked": "another git command is at work here, or git's index cannot be written",
    "open": "{path} is open for writing in another program",
    "binary": "{path} is no text in UTF-8 or with a byte order mark",
}


def _put(worktree: git.Worktree, page: Page, asked: bool) -> str:
    """One attempt: "written", "noted" if git's index knows already, "current", a key of _OWED, or "raced"."""
    before = files.read_document(worktree.root, page.path)
    if before is None and not asked:
        return "missing"
    made = starter(page.language) if page.hidden else b""
    text = made if before is None else before
    if not region.is_text(text):
        return "binary"
    stored = git.blob(f":0:{page.path}", cwd=worktree.root) if page.hidden else b""
    if _has_region(stored):
        text = region.as_stored(text, stored)  # so that git compares what stands in the same place
    after = region.put(text, page.body, page.id, PHRASES[page.language].heading)
    if after == before:
        return "current"
    if files.is_open_for_writing(worktree.root, page.path):
        return "open"
    crash("write")
    if before is None:
        return "written" if files.create(worktree.root, page.path, after) else "raced"
    with files.Staged(worktree.root, page.path, after) as staged:
        if page.hidden:
            return _exchange(worktree, page, staged, before, stored)
        return "written" if staged.exchange(before) else "raced"


def _exchange(worktree: git.Worktree, page: Page, staged: files.Staged, before: bytes, stored: bytes) -> str:
    """Write the file so that git sees at no moment that its size is another one."""
    # Not settled yet; and the filter knows the region for ours from the first moment.
    paid.mark_paid(worktree, page.id)
    entry = git_index.find(worktree, page.path)
    if entry is None or (entry.empty and git_index.is_intended(worktree, page.path)):
        return "written" if staged.exchange(before) else "raced"  # git knows nothing of it, or no size
    done = git_index.exchange(worktree, page.path, staged, before, stored, within=page.within)
    if done == "unknown":
        if not git_index.forget_stat(worktree, page.path):
            return "locked"
        return "written" if staged.exchange(before) else "raced"
    return "written" if done == "forgotten" else done


def _has_region(content: bytes) -> bool:
    try:
        return region.find(content) is not None
    except region.BrokenRegionError:
        return False


def _mark(worktree: git.Worktree, page: Page, stamp: str, noted: bool) -> None:
    """The report is paid. A region that git does not see is settled once the index has the file's new stat."""
    if not page.hidden:
        paid.mark_paid(worktree, page.id, stamp)
        return
    settled = paid.shown(worktree) == page.id and paid.is_settled(worktree)
    noted = noted or settled or git_index.is_edited(worktree, page.path)
    if not noted:
        paid.mark_paid(worktree, page.id)
        noted = git_index.note_stat(worktree, page.path)
    paid.mark_paid(worktree, page.id, stamp if noted else "")
