"""One look: ask git, read files, judge, and append what is new, as one step.

git is asked and files are read before the ledger is locked, because no git process may run while it is. Under the lock
everything is judged again if the ledger has grown, and appended only if HEAD and the files are still what was read. So
twenty looks at one edit give one record, and a slow look never records old content over new.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agentsync.base import git
from agentsync.base.crash import crash
from agentsync.base.errors import LedgerError, LockedError
from agentsync.base.settings import Settings, pathspecs
from agentsync.ledger import notes, watermark
from agentsync.ledger.events import Consolidation, Event, Stamp, encode, new_id, tick, to_rfc3339
from agentsync.ledger.log import LOCK_TIMEOUT, Ledger, ReplacedError, Transaction, line_hash
from agentsync.ledger.view import View
from agentsync.observe import commits, history, worktree
from agentsync.observe.ancestry import NotAskedError, Ties
from agentsync.observe.contents import NOTHING, Content, Contents, hex_length
from agentsync.observe.drafts import Drafts, take_in
from agentsync.observe.glance import Looks
from agentsync.observe.merges import Merges
from agentsync.observe.witness import Witness, agent_setting
from agentsync.report.decide import Trigger, decide

PAUSE = 0.1  # seconds
TRIES = 50  # looks at files that change while they are looked at


@dataclass(frozen=True)
class Request:
    """What to look at, for whom.

    `worktrees`: those whose files are read (history is walked from all of them). `ending`: the operations whose last
    hook is running. `rewritten`: new commits to those they replace. `environ`: of the process that has just made the
    commit at HEAD, else None. `said`: what AGENTSYNC_AGENT says of the files here, where somebody asked explicitly.
    `asked`: consolidate by the manual rule. `begin`: the first look of all, which takes the baseline. `budget`: bytes
    of ledger that may be replayed first; None: all. `grace`: seconds that a commit made just now is left to its hook.
    """

    clone: git.Clone
    settings: Settings
    source: str
    worktrees: Sequence[git.Worktree]
    now: float
    ending: tuple[str, ...] = ()
    rewritten: Mapping[str, list[str]] = field(default_factory=dict)
    environ: Mapping[str, str] | None = None
    said: str | None = None
    asked: bool = False
    begin: bool = False
    timeout: float = LOCK_TIMEOUT
    budget: int | None = None
    grace: float = 0.0


@dataclass(frozen=True)
class Seen:
    """What a look found out, and what came of it."""

    view: View
    scenes: Mapping[str, worktree.Scene]
    events: Sequence[Event]
    consolidation: Consolidation | None


def look(request: Request) -> Seen:
    """Look once. Raises LockedError, LedgerError; what could not be appended is kept as a note then."""
    ledger = Ledger(request.clone.store)
    view = View(ledger)
    if request.budget is not None and ledger.size() - view.cursor.offset > request.budget:
        raise LedgerError(
            "the ledger has no fitting checkpoint, and replaying it would take long",
            cause=f"{ledger.size() - view.cursor.offset} bytes of {ledger.path} are not in a checkpoint",
            hint="agentsync scan replays it once and takes in what has happened meanwhile",
        )
    for _ in range(TRIES):
        facts = Facts(request, view.catch_up())
        while facts.is_left_to_a_hook(time.time()):
            time.sleep(PAUSE)
            facts = Facts(request, view.catch_up())
        drafts = draft(request, facts, view)
        if not drafts.events and not facts.waiting.observations and trigger_of(request, drafts) is None:
            facts.finish(view)
            return Seen(view, facts.scenes, (), None)
        try:
            with ledger.transaction(request.timeout) as transaction:
                seen = settle(request, facts, view, drafts, transaction)
        except (NotAskedError, ReplacedError):
            continue
        except (LockedError, OSError) as error:
            view.save_if_worth()  # else the next look would fold as much, and come as late
            raise _kept(request, drafts, facts, error) from error
        if seen:
            notes.remove(note.path for note in facts.waiting.observations)
            facts.finish(view)
            return seen
    raise LedgerError("the files change faster than they can be looked at", hint="try again")


class Facts:
    """All that git and the files said; asked and read when it is made."""

    def __init__(self, request: Request, view: View) -> None:
        self.every = every = git.worktrees(request.clone)
        specs = pathspecs(request.settings)
        self.request = request
        self.waiting = notes.waiting(request.clone, every, request.now)
        self.seen_tips = history.Seen(view.ledger)
        self.remembered = self.seen_tips.read()
        seen = sorted({*view.state.tips, *self.remembered})
        self.walk = history.walk(request.clone, every, specs, seen, request.ending)
        self.contents = Contents(
            request.clone.common_dir, request.settings.report.path, hex_length(request.clone.common_dir)
        )
        self.looks = Looks(request.clone.store)
        self.scanner = worktree.Scanner(request.clone, request.settings, self.contents, self.looks)
        self.scenes = self._scan(view)
        new = [] if request.begin else [c for c in self.walk.commits if not _recorded(view, c)]
        for path in {touch.path for commit in new for touch in commit.touches}:
            for paths in view.state.known.values():
                if path in paths:
                    self.contents.assume(path, Content(paths[path].blob, paths[path].checksum))
        self.contents.ask((t.path, blob) for c in new for t in c.touches for blob in (*t.before[:1], t.after))
        self.merges = Merges(request.clone.common_dir, self.contents)
        self.merges.ask(new, specs)
        self.ties = Ties(request.clone, self.walk, specs)
        self.witness = _witness(request, every, self.walk)
        self.commits = commits.Facts(
            replace(self.walk, commits=tuple(new)),
            request.settings,
            self.contents,
            self.merges,
            self.ties,
            self.witness,
            request.rewritten,
            self.scenes,
        )

    def _scan(self, view: View) -> dict[str, worktree.Scene]:
        request = self.request
        probable: dict[str, list[Content]] = {}
        for commit in self.walk.commits:
            for touch in commit.touches:
                likely = probable.setdefault(touch.path, [])
                if touch.path != request.settings.report.path and touch.after:
                    likely.append(Content(touch.after, None))
        scenes = {}
        for one in request.worktrees:
            ending = request.ending if one == request.clone.here else ()
            known = None if request.begin else view.state.known.get(one.name)
            scenes[one.name] = self.scanner.scan(one, self.walk.heads.get(one.name), known, probable, ending)
        return scenes

    def is_left_to_a_hook(self, now: float) -> bool:
        """Whether a commit was made just now whose hook may still run: only that one sees who makes it."""
        if not self.request.grace:
            return False
        new = {commit.sha for commit in self.commits.walk.commits}
        made = [one for one in self.every if self.walk.heads.get(one.name) in new]
        common_dir, grace = self.request.clone.common_dir, self.request.grace
        return any(0 <= now - git.head_moved(one, common_dir) < grace for one in made)

    def still_true(self) -> bool:
        """Whether every file and HEAD are the ones that were read."""
        return all(scene.still_true(self.request.clone.common_dir) for scene in self.scenes.values())

    def finish(self, view: View) -> None:
        """Remember how far this has come, for the next look."""
        for name, scene in self.scenes.items():
            for path, signature in scene.around.items():
                self.looks.remember(name, path, signature, NOTHING)
        self.looks.save()
        tips = history.prune(self.request.clone.common_dir, self.walk)
        if tips != self.remembered:
            self.seen_tips.write(tips)
        view.save_if_worth()


def _witness(request: Request, every: Sequence[git.Worktree], walk: history.Walk) -> Witness:
    here = request.clone.here.name if request.clone.here else None
    return Witness(
        source=request.source,
        here=here,
        made_now=walk.heads.get(here) if here and request.environ is not None else None,
        said=request.said,
        environ=request.environ or {},
        settings={one.name: agent_setting(one) for one in every},
        branches={one.name: git.branch_of(one.git_dir) for one in every},
    )


def _recorded(view: View, commit: history.Commit) -> bool:
    return all(view.events("commit", commit.sha, touch.path) for touch in commit.touches)


def draft(request: Request, facts: Facts, view: View, *, offline: bool = False) -> Drafts:
    """Judge everything against what the ledger says. `offline`: without asking git anything more (NotAskedError)."""
    facts.ties.offline = facts.scanner.offline = offline
    drafts = Drafts(view)
    if request.begin or view.state.since is None:
        _begin(request, facts, drafts)
        return drafts
    take_in(facts.waiting.observations, drafts)
    commits.judge(facts.commits, drafts, request.now)

    def brought(*asked: Any) -> bool:
        return commits.brought(facts.commits, drafts, *asked)

    for scene in facts.scenes.values():
        worktree.judge(facts.scanner, scene, drafts, facts.witness, request.now, brought)
    _watch_more(request, facts, drafts)
    return drafts


def _begin(request: Request, facts: Facts, drafts: Drafts) -> None:
    """The baseline: what is reachable is seen, and uncommitted edits are nobody's."""
    watch = [watch.path for watch in request.settings.watch]
    scenes = list(facts.scenes.values())
    if not scenes and request.clone.here:  # no file may be read now: what they hold shows at their first sight
        scenes = [worktree.unread(request.clone.here, facts.walk.heads.get(request.clone.here.name))]
    for scene in scenes:
        first = scene.worktree == request.clone.here or len(scenes) == 1
        drafts.add(
            worktree.baseline(
                scene,
                scene.files,
                "init",
                request.now,
                list(facts.walk.tips) if first else None,
                watch if first else None,
            )
        )


def _watch_more(request: Request, facts: Facts, drafts: Drafts) -> None:
    """Paths that the configuration names anew have a baseline from now on."""
    already = drafts.fold.fixed.watch
    new = [watch.path for watch in request.settings.watch if watch.path not in already]
    scene = next((scene for scene in facts.scenes.values() if not scene.paused), None)
    if new and scene:
        tips = list(facts.walk.tips)
        drafts.add(worktree.baseline(scene, {}, request.source, request.now, tips, [*already, *new]))


def trigger_of(request: Request, drafts: Drafts) -> Trigger | None:
    """The rule that fires once the drafts are in the ledger."""
    return decide(drafts.fold.state(), request.now, request.settings, asked=request.asked)


def settle(request: Request, facts: Facts, view: View, drafts: Drafts, transaction: Transaction) -> Seen | None:
    """Under the lock: judge again if somebody has appended, append. None if what was read is not there any more."""
    judged_at = view.cursor
    if view.catch_up().cursor != judged_at:
        drafts = draft(request, facts, view, offline=True)
    if not facts.still_true():
        return None
    trigger = trigger_of(request, drafts)
    events = list(drafts.events)
    consolidation = None
    if trigger:
        consolidation = _consolidation(trigger, list(drafts.fold.pending), request)
        events.append(consolidation)
        crash("consolidate")
    if events:
        record(transaction, view, events, request.now)
    return Seen(view, facts.scenes, events, consolidation)


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
        line = encode(Stamp(writer, seq, prev, clock), replace(event, recorded=to_rfc3339(now)))
        prev = line_hash(line[:-1])
        lines.append(line)
    transaction.append(b"".join(lines))
    watermark.advance(view.ledger, cursor.offset, view.catch_up().cursor)


def _kept(request: Request, drafts: Drafts, facts: Facts, error: OSError | LockedError) -> LedgerError:
    """Keep what could not be appended; the error to tell."""
    already = {event.id for note in facts.waiting.observations for event in note.events}
    new = [event for event in drafts.events if event.id not in already]
    here = request.clone.here or next(iter(request.worktrees), None)
    kept = ""
    if new:
        try:
            path = notes.put(request.clone, here, new, request.now)
            kept = f"; {len(new)} observation(s) kept in {os.path.dirname(path)}"
        except OSError as second:
            kept = f"; nor could they be kept as a note: {second.strerror}"
    if isinstance(error, LockedError):
        return LockedError(error.message + kept, cause=error.cause, hint=error.hint)
    return LedgerError(
        f"cannot append to the ledger{kept}",
        cause=error.strerror or str(error),
        hint="agentsync doctor says what is wrong; nothing is lost",
    )
