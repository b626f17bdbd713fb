"""The first part of a look: git is asked and files are read, before the ledger is locked."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agentsync.base import git
from agentsync.base.settings import Settings, pathspecs
from agentsync.ledger import notes
from agentsync.ledger.view import View
from agentsync.observe import history, worktree
from agentsync.observe.answers import Answers
from agentsync.observe.before import Before
from agentsync.observe.contents import Content, Contents, hex_length
from agentsync.observe.foreign import Foreign
from agentsync.observe.glance import Looks
from agentsync.observe.merges import Merges
from agentsync.observe.request import Request
from agentsync.observe.tool_calls import ToolCall, call_of, written_in
from agentsync.observe.witness import Witness, agent_setting

LONE = 3600.0  # seconds that the note of a commit is kept that git does not have


class Gathered(NamedTuple):
    """What git and the files said. `taken`: the paths of notes that are of no use once this is in the ledger."""

    request: Request
    waiting: notes.Waiting
    taken: Sequence[str]
    walk: history.Walk
    scenes: Mapping[str, worktree.Scene]
    contents: Contents
    merges: Merges
    answers: Answers
    before: Before
    foreign: Foreign
    witness: Witness
    looks: Looks
    seen: history.SeenTips

    @property
    def settings(self) -> Settings:
        """Those in force."""
        return self.request.settings

    def still_true(self) -> bool:
        """Whether every file and HEAD are the ones that were read."""
        return all(scene.still_true(self.request.clone.common_dir) for scene in self.scenes.values())


def gather(request: Request, view: View, every: Sequence[git.Worktree]) -> Gathered:
    """Ask git and read files, as far as the view does not know them already. `every`: the worktrees that are there."""
    clone, specs = request.clone, pathspecs(request.settings)
    asked = [one for one in request.worktrees if one in every]
    # Before git is asked where HEADs are: one that moves between the two would make its files look edited.
    stands = {one.name: worktree.settled_stand_of(one, clone.common_dir) for one in asked}
    waiting = notes.waiting(clone, every, request.now)
    seen = history.SeenTips(view)
    begins = request.begin or view.state.since is None
    already = seen.read() or list(view.state.tips)
    walk = history.walk(clone, every, request.settings, already, request.ending, waiting)
    if begins:
        walk = walk._replace(tips=tuple(history.every_tip(clone.folder, walk.tips)))
    contents = Contents(clone.folder, request.settings.report.path, hex_length(clone.common_dir))
    answers = Answers(clone.folder, walk, contents)
    before = Before(view.cache, walk.tips if begins else view.state.tips, request.settings, answers)
    looks = Looks(clone.store)
    within = request.source == "hook"
    scanner = worktree.Scanner(clone, request.settings, contents, answers, looks, within=within)
    scenes = _scan(request, asked, view, walk, scanner, stands)
    merges = Merges(clone.folder, contents)
    if begins:
        before.prepare()
    else:
        _read_commits(walk, view, contents, merges, specs)
    calls = {note.path: call_of(note) for note in waiting.tools}
    return Gathered(
        request,
        waiting,
        _taken(waiting, walk, calls, scenes, every, request.now),
        walk,
        scenes,
        contents,
        merges,
        answers,
        before,
        Foreign(answers, every),
        _witness(request, every, walk, list(filter(None, calls.values()))),
        looks,
        seen,
    )


def _scan(
    request: Request,
    asked: Sequence[git.Worktree],
    view: View,
    walk: history.Walk,
    scanner: worktree.Scanner,
    stands: Mapping[str, worktree.Stand],
) -> dict[str, worktree.Scene]:
    probable: dict[str, list[Content]] = {}
    for commit in walk.commits:
        for touch in commit.touches:
            likely = probable.setdefault(touch.path, [])
            if touch.path != request.settings.report.path and touch.after:
                likely.append(Content(touch.after, None))
    scenes = {}
    for one in asked:
        ending = request.ending if one == request.clone.here else ()
        known = None if request.begin else view.state.known.get(one.name)
        scenes[one.name] = scanner.scan(one, walk.heads.get(one.name), stands[one.name], known, probable, ending)
    return scenes


def _read_commits(walk: history.Walk, view: View, contents: Contents, merges: Merges, specs: list[str]) -> None:
    """Read what the commits hold that the ledger does not have yet."""
    new = [commit for commit in walk.commits if not _is_recorded(view, commit)]
    for path in {touch.path for commit in new for touch in commit.touches}:
        for paths in view.state.known.values():
            if path in paths:
                contents.assume(path, Content(paths[path].blob, paths[path].checksum))
    touched = [(touch.path, blob) for one in new for touch in one.touches for blob in (*touch.before[:1], touch.after)]
    contents.ask(touched)
    uncommitted = {one.blob for paths in view.state.known.values() for one in paths.values() if one.dirty}
    edits = [touch for one in new for touch in one.touches if touch.after not in uncommitted]
    # Those whose checksum is known, too: their lines are counted.
    contents.read({blob for touch in edits for blob in (*touch.before[:1], touch.after) if blob})
    merges.ask(new, specs)


def _is_recorded(view: View, commit: history.Commit) -> bool:
    return all(view.events("commit", commit.sha, touch.path) for touch in commit.touches)


def _taken(
    waiting: notes.Waiting,
    walk: history.Walk,
    calls: Mapping[str, ToolCall | None],
    scenes: Mapping[str, worktree.Scene],
    every: Sequence[git.Worktree],
    now: float,
) -> list[str]:
    """Observations, pairs, notes whose commits are judged now, and old ones whose commit is nowhere."""
    judged = [
        note.path
        for note in waiting.commits
        if note.commit in walk.notes or (note.commit in walk.lone and now - note.noted > LONE)
    ]
    rewritings = [note.path for note in walk.rewritings]
    unread = [one for one in every if one.name not in scenes or scenes[one.name].paused]
    told = [note.path for note in waiting.tools if now - note.noted > LONE or not _wrote_in(calls[note.path], unread)]
    return [*judged, *rewritings, *told, *(note.path for note in waiting.observations)]


def _wrote_in(call: ToolCall | None, worktrees: Sequence[git.Worktree]) -> bool:
    """Whether a tool call may have written a file of one of these worktrees."""
    return call is not None and any(written_in(call, one.root) for one in worktrees)


def _witness(request: Request, every: Sequence[git.Worktree], walk: history.Walk, calls: Sequence[ToolCall]) -> Witness:
    return Witness(
        source=request.source,
        here=request.clone.here.name if request.clone.here else None,
        said=request.said,
        wrote=request.wrote,
        tools=calls,
        notes=walk.notes,
        settings={one.name: agent_setting(one) for one in every},
        branches={one.name: git.branch_of(one.git_dir) for one in every},
    )
