"""Step 5: each worktree's report region is a pure render of the newest consolidations.

A consolidation is in the ledger before any file is written. What cannot be written now (an operation is going on, the
markers are broken, the file is missing) is owed: the next hook, command or poll of that worktree writes it.
"""

from typing import NamedTuple

from agentsync.base import files, git
from agentsync.base.crash import crash
from agentsync.base.errors import LockedError
from agentsync.base.exchange import Staged, create
from agentsync.base.settings import Settings
from agentsync.ledger.view import View
from agentsync.report import attributes, git_index, obstacle, outcome, pages, paid, region
from agentsync.report.attributes import Way
from agentsync.report.outcome import CURRENT, NOTED, RACED, WRITTEN, Kind, Outcome
from agentsync.report.phrases import PHRASES, starter

TRIES = 20  # attempts against somebody who writes the file all the time
LOCK_TIMEOUT = 2.0  # seconds


def write(
    clone: git.Clone,
    worktree: git.Worktree,
    view: View,
    settings: Settings,
    *,
    asked: bool = False,
    ending: tuple[str, ...] = (),
    within: bool = False,
) -> Outcome:
    """Write the worktree's region if it is owed, or if somebody asked (then a missing file is made, too).

    `ending`: the operations whose last hook is running. `within`: this is one of git's hooks.
    """
    if not paid.is_owed(worktree, view.state, settings) and not (asked and view.state.page):
        return CURRENT
    if why := obstacle.of_report(worktree, settings, ending):
        return outcome.owed(why)
    way = attributes.way(clone, worktree, settings)
    try:
        # The lock keeps an older rendering from coming after a newer one.
        with files.Locked(f"{clone.store}/report.lock", LOCK_TIMEOUT, "the report"):
            return _write(worktree, _page(view.catch_up(), settings, way, within), asked)
    except LockedError:
        return outcome.owed("another process is writing reports")
    except OSError:
        # A read-only .git; whoever writes is alone with it.
        return _write(worktree, _page(view, settings, way, within), asked)


class _Page(NamedTuple):
    """The report that a file is to show: `body` as Markdown, the id of its newest record, how it is written."""

    path: str
    body: str
    id: str
    language: str
    way: Way
    within: bool

    @property
    def empty(self) -> bytes:
        """The file where there is none yet: with text of its own, so that there is something that git sees."""
        return starter(self.language) if self.way.hidden else b""

    def stamp(self, worktree: git.Worktree) -> str:
        """By what is known later that the file shows it still; "" where nobody asks."""
        asked = self.way.hidden or self.way.why
        return paid.stamp(worktree, self.path, hidden=self.way.hidden) if asked else ""


def _page(view: View, settings: Settings, way: Way, within: bool) -> _Page:
    page, report = view.state.page, settings.report
    return _Page(report.path, pages.body(view, settings), page.id if page else "", report.language, way, within)


def _write(worktree: git.Worktree, page: _Page, asked: bool) -> Outcome:
    for _ in range(TRIES):
        stamp = page.stamp(worktree)
        try:
            done = _attempt(worktree, page, asked)
        except (files.UnreadableError, OSError) as error:
            return outcome.owed(f"{page.path}: {getattr(error, 'strerror', None) or error}")
        if done.kind is Kind.OWED:
            return done
        if done.kind is not Kind.RACED:
            _remember(worktree, page, stamp if done == CURRENT else page.stamp(worktree), noted=done == NOTED)
            return CURRENT if done == CURRENT else WRITTEN
    return outcome.owed(f"{page.path} keeps being changed by another program")


def _attempt(worktree: git.Worktree, page: _Page, asked: bool) -> Outcome:
    """Put the region into the file as it is now. Raises OSError, files.UnreadableError."""
    before = files.read_document(worktree.root, page.path)
    text = page.empty if before is None and asked else before
    if text is None:
        return outcome.owed(obstacle.missing(page.path))
    if why := obstacle.of_text(page.path, text):
        return outcome.owed(why)
    stored = git.blob(f":0:{page.path}", cwd=worktree.root) if page.way.hidden else b""
    if _has_region(stored):
        text = region.as_stored(text, stored)  # so that git compares what stands in the same place
    after = region.put(text, page.body, page.id, PHRASES[page.language].heading)
    if after == before:
        return CURRENT
    if why := obstacle.of_writer(worktree, page.path):
        return outcome.owed(why)
    crash("write")
    if before is None:
        return WRITTEN if create(worktree.root, page.path, after) else RACED
    with Staged(worktree.root, page.path, after) as staged:
        if not page.way.hidden:
            return WRITTEN if staged.exchange(before) else RACED
        # Not settled yet; and the filter knows the region for ours from the first moment.
        paid.remember(worktree, page.id)
        return git_index.exchange(worktree, page.path, staged, before, stored, within=page.within)


def _has_region(content: bytes) -> bool:
    try:
        return region.find(content) is not None
    except region.BrokenRegionError:
        return False


def _remember(worktree: git.Worktree, page: _Page, stamp: str, *, noted: bool) -> None:
    """The report is written. A region that git does not see is settled once the index has the file's new stat."""
    if not page.way.hidden:
        paid.remember(worktree, page.id, stamp)
        return
    settled = paid.shown(worktree) == page.id and paid.is_settled(worktree)
    noted = noted or settled or git_index.is_edited(worktree, page.path)
    if not noted:
        paid.remember(worktree, page.id)
        noted = not (page.within and git_index.has_foreign_filter(worktree))
        noted = noted and git_index.note_stat(worktree, page.path)
    paid.remember(worktree, page.id, stamp if noted else "")
