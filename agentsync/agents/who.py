"""Who changed a file last, and who else works on it: from the ledger, from git's history where that has nothing.

"Nobody else" is only said with its proof: every worktree and branch of the clone was looked at. What could not be
looked at is named instead.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from agentsync.agents.active import LATELY, Actor, active
from agentsync.agents.caller import Caller
from agentsync.base import files, git
from agentsync.base.globs import escaped
from agentsync.base.settings import Settings, Watch, type_of
from agentsync.base.times import from_rfc3339, to_rfc3339
from agentsync.ledger.events import Change, session_in
from agentsync.ledger.history import change_of, commits_of, owner_of, owner_today
from agentsync.ledger.notes import Observations
from agentsync.ledger.view import View
from agentsync.observe import history
from agentsync.observe.agents import attribute
from agentsync.observe.contents import Contents, hex_length
from agentsync.observe.history import Commit
from agentsync.observe.lines import ALIVE
from agentsync.observe.witness import of_itself

NEWEST = 20  # commits of a file that are read


class Last(NamedTuple):
    """The newest change of a file. `change`: its id in the ledger; None where it is from git's history."""

    event_type: str
    timestamp: str
    agent_owner: str | None
    author: str | None
    evidence: Sequence[Mapping[str, str]]
    confidence: float
    worktree: str | None
    branch: str | None
    commit: str | None
    change: str | None


class Presence(NamedTuple):
    """A sign that somebody works on a file.

    `sign`: "changed" (in the last two hours), "uncommitted" (in a worktree), or "branch" (it has `changes` commits
    of the file that this worktree has not). `you`: by all that is known, whoever asks has made it.
    """

    sign: str
    agent_owner: str | None
    author: str | None
    session: str | None
    worktree: str | None
    branch: str | None
    timestamp: str | None
    changes: int
    you: bool


class Proof(NamedTuple):
    """What was looked at, `at` which moment (RFC 3339); `hooks`: those of git that reach agentsync.

    `not_looked_at`: what could not be, and why.
    """

    at: str
    worktrees: Sequence[str]
    branches: int
    hooks: int
    not_looked_at: Mapping[str, str]


class Answer(NamedTuple):
    """`nobody_else`: nobody but whoever asks was seen, and everything was looked at."""

    file_path: str
    watched: bool
    last: Last | None
    now: Sequence[Presence]
    nobody_else: bool
    proof: Proof


class Around(NamedTuple):
    """What lies around the ledger: observations that wait, and the worktrees that were not looked at, with reasons."""

    waiting: Sequence[Observations] = ()
    blind: Mapping[str, str] = {}


def to_json(answer: Answer) -> dict[str, Any]:
    """An answer as a JSON object."""
    last = answer.last._asdict() if answer.last else None
    return {
        **answer._asdict(),
        "last": last,
        "now": [one._asdict() for one in answer.now],
        "proof": answer.proof._asdict(),
    }


def who(clone: git.Clone, view: View, settings: Settings, path: str, by: Caller, around: Around, now: float) -> Answer:
    """What is known of a file, from the root. Raises GitError, LedgerError."""
    every = git.worktrees(clone)
    watched = type_of(settings, path) is not None
    past = Past(clone, every, by.worktree, path, now)
    found: list[Presence] = [_acted(one, by) for one in active(view, around.waiting, now, path=path)]
    if watched:
        found += _known_edits(view, path, by)
        unread = {one.name: why for one in every if (why := files.why_unreadable(one.root, path))}
        if all(one.you for one in found):  # git is asked once more before nobody is said
            found += past.taken_back(view, settings)
    else:
        found += past.recent(now)
        edits, unread = past.uncommitted(settings)
        found += edits
    found = _told_once([*found, *past.on_branches(view)])
    blind = {**around.blind, **unread, **_missing(clone, every)}
    others = any(not one.you for one in found)
    proof = Proof(
        to_rfc3339(now), [one.name for one in every if one.name not in blind], past.branches, hooks(clone), blind
    )
    return Answer(path, watched, _newest(view, around, path) or past.last(), found, not others and not blind, proof)


def _told_once(found: Sequence[Presence]) -> list[Presence]:
    """Without recent changes of whom a stronger sign tells: what is not committed, or not here."""
    strong = {(*_name(one), one.worktree) for one in found if one.sign != "changed"}
    return [
        one
        for one in found
        if one.sign != "changed" or not strong.intersection([(*_name(one), one.worktree), (*_name(one), None)])
    ]


def _name(one: Presence) -> tuple[str | None, str | None]:
    return one.agent_owner, None if one.agent_owner else one.author


def _newest(view: View, around: Around, path: str) -> Last | None:
    """The newest change of the ledger, or of a note."""
    noted = [event for one in around.waiting for event in one.events if isinstance(event, Change)]
    change = next((one for one in reversed(noted) if one.file_path == path), None)
    if change is None and (latest := view.state.latest.get(path)):
        change = change_of(view, latest.id)
    if change is None:
        return None
    commits = commits_of(view, change.id)
    told = next((one for one in commits if one.agent_owner), None) if change.agent_owner is None else None
    told_by = told or change
    return Last(
        change.event_type,
        change.timestamp,
        owner_today(change, commits),
        change.author or next((one.author for one in commits if one.author), None),
        told_by.evidence,
        told_by.confidence,
        change.worktree,
        change.branch,
        change.commit or next((one.commit for one in commits), None),
        change.id,
    )


def _acted(one: Actor, by: Caller) -> Presence:
    you = by.made(one.agent_owner, one.session, one.worktree)
    return Presence(
        "changed",
        one.agent_owner,
        one.author,
        one.session,
        one.worktree,
        one.branch,
        to_rfc3339(one.last),
        one.changes,
        you,
    )


def _known_edits(view: View, path: str, by: Caller) -> Iterable[Presence]:
    """Uncommitted edits of a watched document."""
    for name, paths in view.state.known.items():
        known = paths.get(path)
        if known is None or not known.dirty:
            continue
        change = change_of(view, known.edits[-1]) if known.edits else None
        owner = owner_of(view, change) if change else None
        session = session_in(change.evidence) if change else None
        you = by.made(owner, session, name)
        at = change.timestamp if change else None
        branch = change.branch if change else None
        yield Presence("uncommitted", owner, None, session, name, branch, at, len(known.edits), you)


class Past:
    """What git has of one file: a process for the branches, and one each for what is here, elsewhere and in files."""

    def __init__(
        self, clone: git.Clone, every: Sequence[git.Worktree], here: str | None, path: str, now: float
    ) -> None:
        self.clone, self.every, self.here, self.path, self.now = clone, every, here, path, now
        self.settings = Settings(watch=(Watch(escaped(path), "file"),))
        refs = history.branches(clone.folder)
        self.branches = len(refs)
        self.heads = {one.name: refs.get(f"refs/heads/{git.branch_of(one.git_dir)}") for one in every}
        self.heads = {one.name: self.heads[one.name] or history.detached(one.git_dir) for one in every}
        self.names = {sha: name.removeprefix("refs/heads/") for name, sha in refs.items()}
        self._elsewhere: list[Commit] | None = None
        self._here: list[Commit] | None = None

    def _newest(self, tips: Iterable[str], without: Iterable[str]) -> list[Commit]:
        return history.newest(self.clone.folder, tips, without, self.settings, NEWEST)

    @property
    def mine(self) -> str | None:
        """The commit of the worktree asked from."""
        return self.heads.get(self.here or "")

    def elsewhere(self) -> list[Commit]:
        """The newest commits of the file that this worktree has not."""
        if self._elsewhere is None:
            mine = [self.mine] if self.mine else []
            tips = {head for head in (*self.heads.values(), *self.names) if head}.difference(mine)
            self._elsewhere = self._newest(sorted(tips), mine) if tips else []
        return self._elsewhere

    def all(self) -> list[Commit]:
        """The newest commits of the file, wherever."""
        if self._here is None:
            self._here = self._newest([self.mine], []) if self.mine else []
        return sorted((*self.elsewhere(), *self._here), key=lambda one: -one.commit_time)

    def last(self) -> Last | None:
        """The newest of them."""
        return next((_of_commit(one) for one in self.all()), None)

    def recent(self, now: float) -> list[Presence]:
        """Whose commits are of the last two hours."""
        found = (_of_commit(one) for one in self.all() if one.author_time > now - LATELY)
        return [
            Presence("changed", one.agent_owner, one.author, None, None, None, one.timestamp, 1, False) for one in found
        ]

    def on_branches(self, view: View) -> list[Presence]:
        """Who has committed to the file in the last thirty days what this worktree has not."""
        found: dict[tuple[str | None, str | None], Presence] = {}
        for one in self.elsewhere():
            if one.commit_time < self.now - ALIVE:
                continue
            by = _of_commit(one)
            told = view.events("commit", one.sha, self.path)
            by = by._replace(agent_owner=getattr(told[0], "agent_owner", None)) if told else by
            branch = self.names.get(one.sha)
            key = (by.agent_owner, by.author)
            before = found.get(key)
            found[key] = (
                before._replace(changes=before.changes + 1)
                if before
                else Presence("branch", by.agent_owner, by.author, None, None, branch, by.timestamp, 1, False)
            )
        return list(found.values())

    def taken_back(self, view: View, settings: Settings) -> list[Presence]:
        """The other worktrees that hold something else than their commit, by no recorded edit: after `reset --soft`."""
        known = {name: paths[self.path] for name, paths in view.state.known.items() if self.path in paths}
        others = {name: one for name, one in known.items() if name != self.here and not one.dirty}
        contents = Contents(self.clone.folder, settings.report.path, hex_length(self.clone.common_dir))
        heads = {name: head for name, head in self.heads.items() if head and name in others}
        blobs = history.blobs_at(self.clone.folder, [(head, self.path) for head in heads.values()]) if heads else {}
        contents.ask((self.path, blob) for blob in blobs.values())
        committed = {name: contents.of(self.path, blobs.get((head, self.path))) for name, head in heads.items()}
        return [
            Presence("uncommitted", None, None, None, name, None, None, 0, False)
            for name, content in committed.items()
            if content and content.blob != others[name].blob
        ]

    def uncommitted(self, settings: Settings) -> tuple[list[Presence], dict[str, str]]:
        """The worktrees whose file is not as in their commit, and those that cannot be read."""
        contents = Contents(self.clone.folder, settings.report.path, hex_length(self.clone.common_dir))
        heads = [head for head in self.heads.values() if head]
        committed = history.blobs_at(self.clone.folder, [(head, self.path) for head in heads])
        found, unread = [], {}
        for one in self.every:
            blob = committed.get((self.heads[one.name] or "", self.path))
            try:
                data = files.read_document(one.root, self.path)
            except files.UnreadableError as error:
                unread[one.name] = str(error)
                continue
            forms = () if data is None else (data, data.replace(b"\r\n", b"\n"))
            if blob not in [contents.blob_id(form) for form in forms] and not (data is None and blob is None):
                at = git.signature(f"{one.root}/{self.path}")
                when = to_rfc3339(at[2] / 1e9) if at else None
                branch = git.branch_of(one.git_dir)
                found.append(Presence("uncommitted", None, None, None, one.name, branch, when, 1, False))
        return found, unread


def _of_commit(commit: Commit) -> Last:
    """By what a commit itself says."""
    found = attribute(of_itself(commit))
    touch = commit.touches[0] if commit.touches else None
    before, after = (touch.before[0], touch.after) if touch else (None, None)
    kind = "deleted" if after is None else "created" if before is None else "modified"
    return Last(
        kind,
        to_rfc3339(commit.author_time),
        found.agent_owner,
        commit.author,
        found.evidence,
        found.confidence,
        None,
        None,
        commit.sha,
        None,
    )


def _missing(clone: git.Clone, every: Sequence[git.Worktree]) -> dict[str, str]:
    """Worktrees that git knows of and whose folder is not there now: on another disk, say."""
    try:
        names = [git.as_text(name) for name in os.listdir(f"{clone.common_dir}/worktrees")]
    except OSError:
        return {}
    there = {one.name for one in every}
    return {name: "its folder is not there" for name in names if name not in there}


def hooks(clone: git.Clone) -> int:
    """How many of git's hooks in the usual folder are ours, or call us."""
    found = 0
    for name in git.HOOKS:
        try:
            with open(f"{clone.common_dir}/hooks/{name}", "rb") as file:
                found += b"agentsync" in file.read(1 << 16)
        except OSError:
            continue
    return found


def age(answer: Answer, now: float) -> float:
    """How old the look is, in seconds."""
    return now - from_rfc3339(answer.proof.at)
