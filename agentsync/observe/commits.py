"""Which commits are changes: each edit counts once, wherever git carries it (rules 3-7 of docs/when-is-a-change.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentsync.base.settings import Settings, type_of
from agentsync.ledger.events import Attribution, Change, Event, event_type, new_id, to_rfc3339
from agentsync.ledger.state import Known
from agentsync.observe.agents import attribute
from agentsync.observe.ancestry import Ties
from agentsync.observe.contents import Content, Contents
from agentsync.observe.drafts import Drafts
from agentsync.observe.history import Commit, Touch, Walk
from agentsync.observe.merges import Merges
from agentsync.observe.witness import Witness
from agentsync.observe.worktree import Scene

Recorded = Change | Attribution


FAR = 256  # edits followed from one content to another before a chain is given up
FILLED = 0.8  # an owner found afterwards, by the commit, is that much less certain than one found with the edit


@dataclass(frozen=True)
class Facts:
    """What one look found out about commits. `rewritten`: a new commit to those it replaces, as post-rewrite said."""

    walk: Walk
    settings: Settings
    contents: Contents
    merges: Merges
    ties: Ties
    witness: Witness
    rewritten: Mapping[str, list[str]]
    scenes: Mapping[str, Scene]


@dataclass(frozen=True)
class Edit:
    """One path of one commit, with its clean contents before and after, and the worktrees that have the commit."""

    commit: Commit
    path: str
    file_type: str
    old: Content
    new: Content
    homes: list[str]


def judge(facts: Facts, drafts: Drafts, now: float) -> None:
    """Add what the commits of a walk say."""
    for commit in facts.walk.commits:
        if commit.sha in facts.walk.shallow:
            continue  # git shows every file of it as created
        for touch in commit.touches:
            if not drafts.find("commit", commit.sha, touch.path) and (edit := _edit(facts, commit, touch)):
                drafts.add(_event(facts, drafts, edit, now))


def _edit(facts: Facts, commit: Commit, touch: Touch) -> Edit | None:
    """What a commit did to a path; None if nothing (a mode, a report, what a merge made by itself)."""
    file_type = type_of(facts.settings, touch.path)
    old = facts.contents.of(touch.path, touch.before[0])
    new = facts.contents.of(touch.path, touch.after)
    if old is None or new is None or old.blob == new.blob or file_type is None:
        return None
    if len(commit.parents) > 1 and not facts.merges.by_hand(commit, touch):
        return None
    here = facts.witness.here
    homes = sorted(facts.ties.worktrees_with(commit.sha), key=lambda name: name != here)
    return Edit(commit, touch.path, file_type, old, new, homes)


def _event(facts: Facts, drafts: Drafts, edit: Edit, now: float) -> Event:
    """Own work committed, a known edit carried, or else a change: in this order."""
    own = _own(facts, drafts, edit)
    carried = [] if own and own[1] else _carried(facts, drafts, edit)
    if own:
        return _attribution(facts, edit, own[0], now, "own", own[1] or _ids(carried), [])
    worktree = edit.homes[0] if edit.homes else None
    if carried:
        commits = sorted({event.commit for event in carried if event.commit})
        return _attribution(facts, edit, worktree, now, "carried", _ids(carried), commits)
    return _change(facts, edit, worktree, now)


def brought(facts: Facts, drafts: Drafts, path: str, old: Content, new: Content, head: str) -> bool:
    """Whether a content that is not committed at `head` consists of known edits of other commits (`merge --squash`,
    `cherry-pick -n`, `checkout other -- path`, a commit undone by `reset --soft`)."""
    return bool(_chain(facts, drafts, path, old.blob, new.blob, head))


def _own(facts: Facts, drafts: Drafts, edit: Edit) -> tuple[str, list[str]] | None:
    """Rule 6: the worktree whose uncommitted edit this is, and the changes that it consists of."""
    for name in edit.homes or drafts.fold.known:
        known = drafts.known(name, edit.path)
        if known and known.dirty and known.blob == edit.new.blob:
            return name, list(known.edits)
        shelved = drafts.shelved(name, edit.path, edit.new.blob)
        if shelved:
            return name, list(shelved.edits)
        if known and known.edits and facts.walk.heads.get(name) == edit.commit.sha:
            scene = facts.scenes.get(name)  # a part of it was staged, the rest is still there
            if scene and edit.path in scene.files and scene.files[edit.path].blob == known.blob:
                return name, list(known.edits)
        if known and (earlier := _earlier(drafts, known, edit)):
            return name, earlier
    return None


def _earlier(drafts: Drafts, known: Known, edit: Edit) -> list[str]:
    """The uncommitted changes up to the one that left the committed content: staged then, and edited since."""
    for last in range(len(known.edits), max(0, len(known.edits) - FAR), -1):
        if any(event.new_blob == edit.new.blob for event in _recorded(drafts, "id", known.edits[last - 1])):
            return list(known.edits[:last])
    return []


def _carried(facts: Facts, drafts: Drafts, edit: Edit) -> list[Recorded]:
    """Rule 5: the known edits that this commit repeats; none if it repeats none."""
    for original in facts.rewritten.get(edit.commit.sha, ()):
        if events := _recorded(drafts, "commit", original, edit.path):
            return events
    chain = _chain(facts, drafts, edit.path, edit.old.blob, edit.new.blob, edit.commit.sha)
    return chain or _same_patch(facts, drafts, edit)


def _chain(facts: Facts, drafts: Drafts, path: str, old: str | None, new: str | None, commit: str) -> list[Recorded]:
    """Known edits that lead from one blob to the other, breadth first."""
    ways: dict[str | None, list[Recorded]] = {old: []}
    queue = [old]
    for blob in queue:  # it grows while it is walked
        for event in _recorded(drafts, "from", path, blob or ""):
            if event.new_blob in ways or len(ways) > FAR or not _may_explain(facts, drafts, event, commit):
                continue
            ways[event.new_blob] = [*ways[blob], event]
            if event.new_blob == new:
                return ways[event.new_blob]
            queue.append(event.new_blob)
    return []


def _same_patch(facts: Facts, drafts: Drafts, edit: Edit) -> list[Recorded]:
    """A known edit with the same author, author date and lines, on whatever base."""
    at_that_time = _recorded(drafts, "at", edit.path, to_rfc3339(edit.commit.author_time))
    for event in _not_before(at_that_time, edit.old.blob):
        one, other = event.commit or "", edit.commit.sha
        if _may_explain(facts, drafts, event, other) and facts.ties.same_patch(one, other, edit.path):
            return [event]
    return []


def _not_before(events: list[Recorded], blob: str | None) -> list[Recorded]:
    """Without those that led to the blob: somebody who commits twice in a second goes on from the first."""
    left = list(events)
    while led := next((event for event in left if event.new_blob == blob), None):
        left.remove(led)
        blob = led.old_blob
    return left


def _may_explain(facts: Facts, drafts: Drafts, event: Recorded, commit: str) -> bool:
    """Not an ancestor (then this is the edit made again), nor one that is gone and has explained another already."""
    if event.commit is None or facts.ties.is_ancestor(event.commit, commit):
        return False
    return not drafts.find("carried", event.commit, event.file_path) or facts.ties.reachable(event.commit)


def _change(facts: Facts, edit: Edit, worktree: str | None, now: float) -> Change:
    return Change(
        event_type=event_type(edit.old.blob, edit.new.blob),
        file_type=edit.file_type,
        old_checksum=edit.old.checksum,
        new_checksum=edit.new.checksum,
        **_common(facts, edit, worktree, now),
    )


def _attribution(
    facts: Facts, edit: Edit, worktree: str | None, now: float, reason: str, event_ids: list[str], commits: list[str]
) -> Attribution:
    common = _common(facts, edit, worktree, now)
    common["confidence"] = round(common["confidence"] * FILLED, 2)
    committer = edit.commit.committer if facts.settings.record_authors else None
    return Attribution(reason=reason, event_ids=event_ids, carried_from=commits, committed_by=committer, **common)


def _common(facts: Facts, edit: Edit, worktree: str | None, now: float) -> dict[str, Any]:
    """The fields that a commit gives to either kind."""
    commit = edit.commit
    found = attribute(facts.witness.of_commit(commit, worktree))
    return {
        "id": new_id(now),
        "timestamp": to_rfc3339(commit.author_time),
        "recorded": "",
        "file_path": edit.path,
        "agent_owner": found.agent_owner,
        "evidence": found.evidence,
        "confidence": found.confidence,
        "also": found.also,
        "author": commit.author if facts.settings.record_authors else None,
        "source": facts.witness.source if commit.sha == facts.witness.made_now else "history",
        "worktree": worktree,
        "branch": facts.witness.branches.get(worktree) if worktree else None,
        "commit": commit.sha,
        "old_blob": edit.old.blob,
        "new_blob": edit.new.blob,
    }


def _recorded(drafts: Drafts, *key: str) -> list[Recorded]:
    return [event for event in drafts.find(*key) if isinstance(event, (Change, Attribution))]


def _ids(events: list[Recorded]) -> list[str]:
    """The changes behind these events, each once, in order."""
    ids = [id_ for event in events for id_ in ([event.id] if isinstance(event, Change) else event.event_ids)]
    return list(dict.fromkeys(ids))
