"""Which commits carry known edits (rule 5 of docs/when-is-a-change.md), wherever git takes them."""

from collections.abc import Sequence
from typing import NamedTuple

from agentsync.ledger.events import Attribution, Change, to_rfc3339
from agentsync.observe.before import Earlier
from agentsync.observe.contents import Content
from agentsync.observe.drafts import Drafts
from agentsync.observe.gather import Gathered
from agentsync.observe.history import Commit

Recorded = Change | Attribution
KnownEdit = Recorded | Earlier

FAR = 256  # edits followed from one content to another before a chain is given up


class Edit(NamedTuple):
    """One path of one commit, with its clean contents before and after, and the worktrees that have the commit."""

    commit: Commit
    path: str
    file_type: str
    old: Content
    new: Content
    homes: list[str]


def repeated(gathered: Gathered, drafts: Drafts, edit: Edit) -> list[KnownEdit]:
    """Rule 5: the known edits that this commit repeats; none if it repeats none."""
    originals = gathered.walk.originals.get(edit.commit.sha, ())
    for original in originals:
        events = _of_commit(gathered, drafts, original, edit.path)
        if events and not (len(originals) == 1 and _is_edited(events[0], edit)):
            return events
    chain = _chain(gathered, drafts, edit.path, edit.old.blob, edit.new.blob, edit.commit.sha)
    return chain or _same_patch(gathered, drafts, edit) or _portion(gathered, drafts, edit)


def _is_edited(original: KnownEdit, edit: Edit) -> bool:
    """Whether a commit that replaces another on the same base has come out with another content."""
    return original.old_blob == edit.old.blob and original.new_blob != edit.new.blob


def _of_commit(gathered: Gathered, drafts: Drafts, commit: str, path: str) -> list[KnownEdit]:
    return [*recorded_under(drafts, "commit", commit, path)] or [*gathered.before.of_commit(commit, path)]


def _chain(
    gathered: Gathered, drafts: Drafts, path: str, old: str | None, new: str | None, commit: str
) -> list[KnownEdit]:
    """Known edits that lead from one blob to the other, breadth first."""
    ways: dict[str | None, list[KnownEdit]] = {old: []}
    if old is None:  # an orphan branch, or a first commit made anew, may begin with anything that was there
        for edit in gathered.before.of_created(path):
            if edit.new_blob not in ways and _begins_with(gathered, drafts, edit, new, commit):
                ways[edit.new_blob] = [edit]
    if new != old and new in ways:
        return ways[new]
    queue, most = list(ways), len(ways) + FAR
    for blob in queue:  # it grows while it is walked
        for event in _leaving(gathered, drafts, path, blob):
            if event.new_blob in ways or len(ways) > most or not _may_explain(gathered, drafts, event, commit):
                continue
            ways[event.new_blob] = [*ways[blob], event]
            if event.new_blob == new:
                return ways[event.new_blob]
            queue.append(event.new_blob)
    return []


def _begins_with(gathered: Gathered, drafts: Drafts, edit: Earlier, new: str | None, commit: str) -> bool:
    """Whether a file that was not there may be what this edit left; asked of few, because git answers one by one."""
    likely = edit.new_blob == new or gathered.answers.is_apart(edit.commit)
    return likely and edit.new_blob is not None and _may_explain(gathered, drafts, edit, commit)


def _same_patch(gathered: Gathered, drafts: Drafts, edit: Edit) -> list[KnownEdit]:
    """A known edit with the same author, author date and lines, on whatever base."""
    seconds = edit.commit.author_time
    at_that_time: list[KnownEdit] = [
        *recorded_under(drafts, "at", edit.path, to_rfc3339(seconds)),
        *gathered.before.at(edit.path, seconds),
    ]
    for event in _not_before(at_that_time, edit.old.blob):
        one, other = event.commit or "", edit.commit.sha
        if _may_explain(gathered, drafts, event, other) and gathered.answers.same_patch(one, other, edit.path):
            return [event]
    return []


def _portion(gathered: Gathered, drafts: Drafts, edit: Edit) -> list[KnownEdit]:
    """Known edits in other portions or another order: what all these commits come to is what the known edits came to.

    So it is after `rebase -i` has split commits, or put a fixup where it belongs.
    """
    if edit.old.blob is None or edit.new.blob is None or not _is_left_otherwise(gathered, drafts, edit.path):
        return []
    steps = gathered.answers.steps_beside(edit.commit.sha, edit.path)
    if len(steps) < 2:
        return []
    begin, end = (gathered.contents.of(edit.path, blob) for blob in (steps[0].before, steps[-1].after))
    if begin is None or end is None or end.blob is None:
        return []
    key = (edit.path, steps[-1].commit)
    if key not in drafts.portions:  # once for all of them: an edit that is gone explains one rewriting only
        drafts.portions[key] = _chain(gathered, drafts, edit.path, begin.blob, end.blob, steps[-1].commit)
    folder, known = gathered.answers.folder, drafts.portions[key]
    has_all = known and gathered.answers.has_all(folder, edit.path, end.blob, edit.old.blob, edit.new.blob)
    return known if has_all else []


def _is_left_otherwise(gathered: Gathered, drafts: Drafts, path: str) -> bool:
    """Whether a content from which the walk's commits go on was left by other known edits, too; asked once."""
    key = (path, "")
    if key not in drafts.portions:
        steps = gathered.answers.steps(path)
        begins = {step.before for step in steps}.difference(step.after for step in steps)
        clean = [content.blob for content in (gathered.contents.of(path, blob) for blob in begins) if content]
        walked = {step.commit for step in steps}
        known = (event for blob in clean for event in _leaving(gathered, drafts, path, blob))
        drafts.portions[key] = len(steps) > 1 and any(event.commit not in walked for event in known)
    return bool(drafts.portions[key])


def _leaving(gathered: Gathered, drafts: Drafts, path: str, blob: str | None) -> list[KnownEdit]:
    """Known edits of a content."""
    return [*recorded_under(drafts, "from", path, blob or ""), *gathered.before.leaving(path, blob)]


def _not_before(events: list[KnownEdit], blob: str | None) -> list[KnownEdit]:
    """Without those that led to the blob: somebody who commits twice in a second goes on from the first."""
    leading: dict[str | None, list[KnownEdit]] = {}
    for event in reversed(events):
        leading.setdefault(event.new_blob, []).append(event)
    gone = set()
    while waiting := leading.get(blob):
        led = waiting.pop()  # the newest of them
        gone.add(id(led))
        blob = led.old_blob
    return [event for event in events if id(event) not in gone]


def _may_explain(gathered: Gathered, drafts: Drafts, event: KnownEdit, commit: str) -> bool:
    """Not an ancestor (then this is the edit made again), nor one that is gone and has explained another already."""
    if event.commit is None or gathered.answers.is_ancestor(event.commit, commit):
        return False
    return not drafts.find("carried", event.commit, event.file_path) or gathered.answers.reachable(event.commit)


def is_brought(gathered: Gathered, drafts: Drafts, path: str, old: Content, new: Content, head: str) -> bool:
    """Whether a content that is not committed at `head` consists of known edits of other commits (`merge --squash`,
    `cherry-pick -n`, `checkout other -- path`, a commit undone by `reset --soft`)."""
    return bool(_chain(gathered, drafts, path, old.blob, new.blob, head))


def recorded_under(drafts: Drafts, *key: str) -> list[Recorded]:
    """The changes and attributions under an index key, newest first."""
    return [event for event in drafts.find(*key) if isinstance(event, (Change, Attribution))]


def ids(events: Sequence[KnownEdit]) -> list[str]:
    """The changes behind these events, each once, in order; none where they are older than the ledger."""
    ids = [id_ for event in events for id_ in ([event.id] if isinstance(event, Change) else event.event_ids)]
    return list(dict.fromkeys(ids))
