"""Step 5 and its debts: each worktree's report region is a pure render of the newest consolidations.

A consolidation is in the ledger before any file is written. What cannot be written now (an operation is going on, the
markers are broken, the file is missing) is owed, and paid by the next hook, command or poll of that worktree.
"""

from __future__ import annotations

import os

from agentsync import debts, files, git, region
from agentsync.errors import LockedError
from agentsync.events import Attribution, Change, Consolidation
from agentsync.lean import frozen
from agentsync.ledger import crash
from agentsync.phrases import PHRASES
from agentsync.render import Fact, Report, render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from agentsync.checkpoint import View
    from agentsync.settings import Settings

TRIES = 20  # attempts against somebody who writes the file all the time
LOCK_TIMEOUT = 2.0  # seconds


@frozen
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
) -> Payment:
    """Write the worktree's region if it is owed, or if somebody asked (then a missing file is made, too)."""
    if not debts.is_owed(worktree, view.state) and not (asked and view.state.last):
        return Payment(worktree.name, "current")
    reason = _obstacle(worktree, settings, ending)
    if reason:
        return Payment(worktree.name, "owed", reason)
    try:
        # The lock keeps an older rendering from coming after a newer one.
        with files.Locked(f"{clone.store}/report.lock", LOCK_TIMEOUT, "the report"):
            return _write(worktree, view.catch_up(), settings, asked=asked)
    except LockedError:
        return Payment(worktree.name, "owed", "another process is writing reports")
    except OSError:
        return _write(worktree, view, settings, asked=asked)  # a read-only .git; whoever writes is alone with it


def _obstacle(worktree: git.Worktree, settings: Settings, ending: tuple[str, ...]) -> str:
    operation = git.operation(worktree.git_dir, ending)
    if operation:
        return f"a {operation.name} is going on"
    if os.environ.get("PRE_COMMIT") == "1":
        return "pre-commit is running"
    path = settings.report.path
    if git.run(["--literal-pathspecs", "ls-files", "-z", "--unmerged", "--", path], cwd=worktree.root):
        return f"{path} is unmerged"
    return ""


def _write(worktree: git.Worktree, view: View, settings: Settings, *, asked: bool) -> Payment:
    last = view.state.last
    if last is None:
        return Payment(worktree.name, "current")
    path, language = settings.report.path, settings.report.language
    body = render(newest(view, settings.report.keep), language)
    for _ in range(TRIES):
        try:
            written = _put(worktree, path, body, last.id, PHRASES[language].heading, asked)
        except region.BrokenRegionError as error:
            return Payment(worktree.name, "owed", f"{path}: {error}")
        except (files.UnreadableError, OSError) as error:
            return Payment(worktree.name, "owed", f"{path}: {getattr(error, 'strerror', None) or error}")
        if written == "missing":
            return Payment(worktree.name, "owed", f"{path} is missing; `agentsync consolidate` makes it")
        if written != "raced":
            debts.mark_paid(worktree, last.id)
            return Payment(worktree.name, written)
    return Payment(worktree.name, "owed", f"{path} is being written all the time")


def _put(worktree: git.Worktree, path: str, body: str, id_: str, heading: str, asked: bool) -> str:
    """One attempt: "written", "current", "missing", or "raced" if somebody else wrote meanwhile."""
    before = files.read_document(worktree.root, path)
    if before is None and not asked:
        return "missing"
    after = region.put(before or b"", body, id_, heading)
    if after == before:
        return "current"
    crash("write")
    if before is None:
        return "written" if files.create(worktree.root, path, after) else "raced"
    return "written" if files.exchange(worktree.root, path, before, after) else "raced"
