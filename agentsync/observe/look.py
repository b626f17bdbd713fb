"""One look: gather what git and the files say, judge it, and append what is new, as one step.

git is asked and files are read before the ledger is locked, because no git process may run while it is. Under the lock
everything is judged again if the ledger has grown, and appended only if HEAD and the files are still what was read. So
twenty looks at one edit give one record, and a slow look never records old content over new.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from agentsync.base import git
from agentsync.base.crash import crash
from agentsync.base.errors import LedgerError, LockedError
from agentsync.ledger import kept, notes, watermark
from agentsync.ledger.events import Baseline, Change, Consolidation, Event, Stamp, encode, new_id, tick, to_rfc3339
from agentsync.ledger.log import Ledger, ReplacedError, Transaction, line_hash
from agentsync.ledger.view import View
from agentsync.observe import history, settling, worktree
from agentsync.observe.answers import NotAskedError
from agentsync.observe.contents import NOTHING
from agentsync.observe.drafts import Drafts
from agentsync.observe.gather import Gathered, gather
from agentsync.observe.judge import judge, trigger_of
from agentsync.observe.request import Request
from agentsync.report import due, leftovers
from agentsync.report.decide import Trigger

TRIES = 50  # looks at files that change while they are looked at


class Seen(NamedTuple):
    """What a look found out, and what came of it. `moved`: whether a branch or HEAD has commits that are new."""

    view: View
    scenes: Mapping[str, worktree.Scene]
    events: Sequence[Event] = ()
    consolidation: Consolidation | None = None
    moved: bool = False


def look(request: Request) -> Seen:
    """Look once. Raises LockedError, LedgerError; what could not be appended is kept as a note then."""
    leftovers.clear(request.clone, request.worktrees, request.settings.report.path)
    view = View(Ledger(request.clone.store))
    for _ in range(TRIES):
        view.catch_up()
        gathered = git.steadily(request.clone, lambda every: gather(request, view, every))
        drafts = judge(gathered, view)
        if wait := settling.rest(gathered, drafts.events):
            time.sleep(wait)
            continue
        nothing = not drafts.events and trigger_of(gathered, drafts) is None
        seen: Seen | None = Seen(view, gathered.scenes)
        if not nothing or gathered.taken:
            kept.keep(request.clone.store, _contents(gathered, drafts))
            try:
                with view.ledger.transaction(request.timeout) as transaction:
                    seen = append(gathered, drafts, view, transaction)
            except (NotAskedError, ReplacedError):
                continue
            except (LockedError, OSError) as error:
                if not nothing:
                    view.save_if_worth()  # else the next look would fold as much, and come as late
                    raise _kept(gathered, drafts, error) from error
            if seen:
                # Before the notes go: a commit's hook adds those that wait to what it reads there.
                due.tell(request.clone.store, view.state, request.settings)
                notes.remove(gathered.taken)
        if seen:
            _finish(gathered, view)
            return seen._replace(moved=not set(gathered.walk.tips) <= set(gathered.walk.seen))
    raise LedgerError("files change faster than they can be read", hint="try again")


def _contents(gathered: Gathered, drafts: Drafts) -> dict[str, bytes]:
    """What the recorded documents hold, by id, as far as it is at hand: uncommitted it lies in the file alone."""
    contents, found = gathered.contents, {}
    for event in [event for event in drafts.events if isinstance(event, Change)][-kept.AT_ONCE :]:
        if event.new_blob and event.commit and (data := contents.at_hand(event.file_path, event.new_blob)) is not None:
            found[event.new_blob] = data
    for name, path, blob in _uncommitted(drafts.events):
        scene = gathered.scenes.get(name)
        data = contents.in_file(scene.worktree.root, path, blob) if scene else None
        if data is not None:
            found[blob] = data
    return found


def _uncommitted(events: Sequence[Event]) -> Iterator[tuple[str, str, str]]:
    """Worktree, path and blob of the uncommitted contents that events tell of."""
    for event in events:
        if isinstance(event, Change) and event.commit is None and event.worktree and event.new_blob:
            yield event.worktree, event.file_path, event.new_blob
        elif isinstance(event, Baseline):
            yield from (
                (event.worktree, path, file["blob"])
                for path, file in event.files.items()
                if file["dirty"] and file["blob"]
            )


def append(gathered: Gathered, drafts: Drafts, view: View, transaction: Transaction) -> Seen | None:
    """Under the lock: judge again if somebody has appended, append. None if what was read is not there any more."""
    judged_at = view.cursor
    if view.catch_up().cursor != judged_at:
        with gathered.answers.only_known():
            drafts = judge(gathered, view)
    if not gathered.still_true():
        return None
    trigger = trigger_of(gathered, drafts)
    events = list(drafts.events)
    consolidation = None
    if trigger:
        consolidation = _consolidation(trigger, list(drafts.fold.pending), gathered.request)
        events.append(consolidation)
        crash("consolidate")
    if events:
        record(transaction, view, events, gathered.request.now)
    return Seen(view, gathered.scenes, events, consolidation)


def _finish(gathered: Gathered, view: View) -> None:
    """Remember how far this has come, for the next look."""
    notes.set_aside(gathered.waiting.torn)
    for name, scene in gathered.scenes.items():
        for path, signature in scene.around.items():
            gathered.looks.remember(name, path, signature, NOTHING)
    gathered.looks.save()
    gathered.before.save()
    tips = history.prune(gathered.request.clone.folder, gathered.walk, view.state.tips, gathered.foreign.unmerged())
    gathered.seen.write(tips)
    view.save_if_worth()


def _consolidation(trigger: Trigger, ids: list[str], request: Request) -> Consolidation:
    return Consolidation(
        id=new_id(request.now),
        timestamp=to_rfc3339(request.now),
        recorded="",
        trigger_type=trigger.trigger_type,
        conditions_met=trigger.conditions_met,
        event_ids=ids,
        source=request.source,
    )


def record(transaction: Transaction, view: View, events: Sequence[Event], now: float) -> None:
    """Stamp the events and append them in one write; the view has to be at the ledger's end."""
    writer = transaction.writer()
    cursor = view.cursor
    seq, prev, clock = cursor.writers.get(writer, 0), cursor.prev, cursor.clock
    lines = []
    for event in events:
        seq, clock = seq + 1, tick(clock, now)
        line = encode(Stamp(writer, seq, prev, clock), event._replace(recorded=to_rfc3339(now)))
        prev = line_hash(line[:-1])
        lines.append(line)
    transaction.append(b"".join(lines))
    watermark.advance(view.catch_up(), cursor.offset)


def _kept(gathered: Gathered, drafts: Drafts, error: OSError | LockedError) -> LedgerError:
    """Keep what could not be appended as a note; the error to tell."""
    request = gathered.request
    already = {event.id for note in gathered.waiting.observations for event in note.events}
    new = [event for event in drafts.events if event.id not in already]
    here = request.clone.here or next(iter(request.worktrees), None)
    kept = ""
    if new:
        try:
            path = notes.put(request.clone, here, new, request.now)
            kept = f"; {len(new)} observation(s) kept in {os.path.dirname(path)}"
        except OSError as second:
            kept = f"; it could not be kept as a note either: {second.strerror}"
    if isinstance(error, LockedError):
        return LockedError(error.message + kept, cause=error.cause, hint=error.hint)
    return LedgerError(
        f"cannot append to the ledger{kept}",
        cause=error.strerror or str(error),
        hint="agentsync doctor says what is wrong; nothing is lost",
    )
