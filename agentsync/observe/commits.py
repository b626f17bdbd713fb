"""Which commits are changes: each edit counts once, wherever git carries it (rules 3-7 of docs/when-is-a-change.md)."""

from collections.abc import Iterable
from typing import Any

from agentsync.base.settings import type_of
from agentsync.ledger.events import IMPORT, Attribution, Change, Event, event_type, from_rfc3339, new_id, to_rfc3339
from agentsync.ledger.state import Known
from agentsync.observe.agents import Attributed, attribute
from agentsync.observe.carried import FAR, Edit, Recorded, ids, recorded_under, repeated
from agentsync.observe.drafts import Drafts
from agentsync.observe.gather import Gathered
from agentsync.observe.history import Commit, Touch

UNKNOWN = Attributed(None, [], 0.0, [])
FILLED = 0.8  # an owner found afterwards, by the commit, is that much less certain than one found with the edit


def judge(gathered: Gathered, drafts: Drafts) -> None:
    """Add what the commits of a walk say, and what notes say of commits that the ledger has already."""
    for commit in gathered.walk.commits:
        if commit.sha in gathered.walk.shallow or _is_lost(gathered, drafts, commit):
            continue
        for touch in commit.touches:
            recorded = recorded_under(drafts, "commit", commit.sha, touch.path)
            if recorded:
                _take_note(gathered, drafts, commit, recorded[0])
            elif (edit := _edit(gathered, commit, touch)) and (event := _event(gathered, drafts, edit)):
                drafts.add(event)
    for commit in gathered.walk.late:
        for touch in commit.touches:
            for event in recorded_under(drafts, "commit", commit.sha, touch.path):
                _take_note(gathered, drafts, commit, event)


def judge_past(gathered: Gathered, commits: Iterable[Commit], drafts: Drafts) -> None:
    """Add what commits of the time before watching began say: what a worktree holds now has no part in it."""
    for commit in commits:
        if commit.sha in gathered.walk.shallow:
            continue
        for touch in commit.touches:
            if (edit := _edit(gathered, commit, touch)) and (event := _carried_or_new(gathered, drafts, edit)):
                drafts.add(event)


def _is_lost(gathered: Gathered, drafts: Drafts, commit: Commit) -> bool:
    """Whether a commit was made before watching began, where git has nothing of that time to compare it with."""
    since = drafts.fold.fixed.since
    return gathered.walk.lost and since is not None and commit.commit_time < from_rfc3339(since)


def _take_note(gathered: Gathered, drafts: Drafts, commit: Commit, recorded: Recorded) -> None:
    """Say whom a note names, where the commit was recorded before its note came, for another owner or none."""
    owns_nothing = isinstance(recorded, Attribution) and (recorded.reason == "carried" or not recorded.event_ids)
    if owns_nothing or gathered.witness.note_of(commit) is None or drafts.find("noted", commit.sha, recorded.file_path):
        return
    found = attribute(gathered.witness.of_commit(commit, recorded.worktree))
    if found.agent_owner in (None, recorded.agent_owner):
        return
    drafts.add(
        Attribution(
            id=new_id(gathered.request.now),
            timestamp=recorded.timestamp,
            recorded="",
            file_path=recorded.file_path,
            event_ids=ids([recorded]),
            reason="noted",
            carried_from=[],
            agent_owner=found.agent_owner,
            evidence=found.evidence,
            confidence=found.confidence if isinstance(recorded, Change) else round(found.confidence * FILLED, 2),
            also=found.also,
            author=recorded.author,
            committed_by=commit.committer if gathered.settings.record_authors else None,
            source="hook",
            worktree=recorded.worktree,
            branch=recorded.branch,
            commit=commit.sha,
            old_blob=recorded.old_blob,
            new_blob=recorded.new_blob,
        )
    )


def _edit(gathered: Gathered, commit: Commit, touch: Touch) -> Edit | None:
    """What a commit did to a path; None if nothing (a mode, a report, what a merge made by itself)."""
    file_type = type_of(gathered.settings, touch.path)
    old = gathered.contents.of(touch.path, touch.before[0])
    new = gathered.contents.of(touch.path, touch.after)
    if old is None or new is None or old.blob == new.blob or file_type is None:
        return None
    if len(commit.parents) > 1 and not gathered.merges.by_hand(commit, touch):
        return None
    note = gathered.walk.notes.get(commit.sha)
    first = note.worktree if note else gathered.witness.here
    homes = sorted(gathered.answers.worktrees_with(commit.sha), key=lambda name: name != first)
    return Edit(commit, touch.path, file_type, old, new, homes)


def _event(gathered: Gathered, drafts: Drafts, edit: Edit) -> Event | None:
    """Own work committed, a known edit carried, or else a change: in this order. None for another history's."""
    own = _own(gathered, drafts, edit)
    if own is None:
        return _carried_or_new(gathered, drafts, edit)
    worktree, edits = own
    return _attribution(gathered, edit, worktree, "own", edits or ids(repeated(gathered, drafts, edit)), [])


def _carried_or_new(gathered: Gathered, drafts: Drafts, edit: Edit) -> Event | None:
    carried = repeated(gathered, drafts, edit)
    worktree = edit.homes[0] if edit.homes else None
    if carried:
        commits = sorted({event.commit for event in carried if event.commit})
        return _attribution(gathered, edit, worktree, "carried", ids(carried), commits)
    known = _is_known(drafts, edit.path, edit.old.blob)
    return None if gathered.foreign.has(edit.commit.sha, edit.path, known=known) else _change(gathered, edit, worktree)


def _is_known(drafts: Drafts, path: str, blob: str | None) -> bool:
    """Whether a document of ours is known to have had this content."""
    here = any(paths[path].blob == blob for paths in drafts.fold.known.values() if path in paths)
    return blob is not None and (here or (path, blob) in drafts.made or bool(drafts.find("from", path, blob)))


def _own(gathered: Gathered, drafts: Drafts, edit: Edit) -> tuple[str, list[str]] | None:
    """Rule 6: the worktree whose uncommitted edit this is, and the changes that it consists of."""
    for name in edit.homes or drafts.fold.known:
        known = drafts.known(name, edit.path)
        if known and known.dirty and known.blob == edit.new.blob:
            return name, list(known.edits)
        shelved = drafts.shelved(name, edit.path, edit.new.blob)
        if shelved:
            return name, list(shelved.edits)
        if known and known.dirty and gathered.walk.heads.get(name) == edit.commit.sha:
            scene = gathered.scenes.get(name)  # a part of it was staged, the rest is still there
            if scene and edit.path in scene.files and scene.files[edit.path].blob == known.blob:
                return name, list(known.edits)
        if known and (earlier := _earlier(drafts, known, edit)):
            return name, earlier
        if known and known.dirty and _is_part(gathered, name, known, edit):
            return name, [id_ for id_ in known.edits if not drafts.find("attributed", id_)] or list(known.edits)
    return None


def _earlier(drafts: Drafts, known: Known, edit: Edit) -> list[str]:
    """The uncommitted changes up to the one that left the committed content: staged then, and edited since."""
    for last in range(len(known.edits), max(0, len(known.edits) - FAR), -1):
        if any(event.new_blob == edit.new.blob for event in recorded_under(drafts, "id", known.edits[last - 1])):
            return list(known.edits[:last])
    return []


def _is_part(gathered: Gathered, worktree: str, known: Known, edit: Edit) -> bool:
    """Whether the worktree's file has all that the commit did: some hunks of it, committed here or on a side branch."""
    scene = gathered.scenes.get(worktree)
    if scene is None or known.blob is None or edit.old.blob is None or edit.new.blob is None:
        return False
    return gathered.answers.has_all(scene.worktree.root, edit.path, known.blob, edit.old.blob, edit.new.blob)


def _change(gathered: Gathered, edit: Edit, worktree: str | None) -> Change:
    found = attribute(gathered.witness.of_commit(edit.commit, worktree))
    return Change(
        event_type=event_type(edit.old.blob, edit.new.blob),
        file_type=edit.file_type,
        old_checksum=edit.old.checksum,
        new_checksum=edit.new.checksum,
        **gathered.contents.size(edit.old, edit.new)._asdict(),
        **_common(gathered, edit, worktree, found),
    )


def _attribution(
    gathered: Gathered, edit: Edit, worktree: str | None, reason: str, event_ids: list[str], commits: list[str]
) -> Attribution:
    found = UNKNOWN  # a commit that carries what was there before watching began owns nothing
    if event_ids:
        found = attribute(gathered.witness.of_commit(edit.commit, worktree, carried=reason == "carried"))
    common = _common(gathered, edit, worktree, found)
    common["confidence"] = round(common["confidence"] * FILLED, 2)
    committer = edit.commit.committer if gathered.settings.record_authors else None
    return Attribution(reason=reason, event_ids=event_ids, carried_from=commits, committed_by=committer, **common)


def _common(gathered: Gathered, edit: Edit, worktree: str | None, found: Attributed) -> dict[str, Any]:
    """The fields that a commit gives to either kind."""
    commit = edit.commit
    return {
        "id": new_id(gathered.request.now),
        "timestamp": to_rfc3339(commit.author_time),
        "recorded": "",
        "file_path": edit.path,
        "agent_owner": found.agent_owner,
        "evidence": found.evidence,
        "confidence": found.confidence,
        "also": found.also,
        "author": commit.author if gathered.settings.record_authors else None,
        "source": _source(gathered, commit),
        "worktree": worktree,
        "branch": gathered.witness.branches.get(worktree) if worktree else None,
        "commit": commit.sha,
        "old_blob": edit.old.blob,
        "new_blob": edit.new.blob,
    }


def _source(gathered: Gathered, commit: Commit) -> str:
    if gathered.request.source == IMPORT:
        return IMPORT
    return "hook" if commit.sha in gathered.walk.notes else "history"
