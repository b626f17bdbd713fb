"""How to have lost words back: what a document held at each recorded change, and which edits were removed."""

import itertools
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from agentsync.base import git
from agentsync.base.settings import Settings
from agentsync.base.times import from_rfc3339, to_rfc3339
from agentsync.ledger import history, kept
from agentsync.ledger.events import Change, session_in
from agentsync.ledger.history import change_of, changes_of, owner_of
from agentsync.ledger.view import View
from agentsync.observe.contents import Contents, hex_length

MOST = 1000  # records that are looked through for what removed an edit
CHAIN = 8  # uncommitted edits of a document of which it is asked whether a later one has removed them
TOLD = 256  # changes that a reader was told of and that are remembered
REFLOG = 1 << 16  # bytes at the end of a reflog that are read
# What git calls its commands in a reflog, by the first word.
COMMANDS = ("checkout", "reset", "merge", "pull", "rebase", "commit", "cherry-pick", "revert", "am")


class Lost(NamedTuple):
    """An uncommitted edit that is not there any more.

    `change`: the id of the change that recorded it last, made by `agent_owner` (None: unknown) in
    `session` at `timestamp`. `removed`: when that was seen, RFC 3339. `by`: the git command, "stash", or whoever has
    edited it; "" where nothing shows it (`git restore` and an editor leave no trace).
    """

    change: str
    file_path: str
    worktree: str
    agent_owner: str | None
    session: str | None
    timestamp: str
    removed: str
    by: str
    blob: str


class Contained:
    """What documents held: kept by us, or in git's store."""

    def __init__(self, clone: git.Clone, settings: Settings) -> None:
        self.clone = clone
        self.contents = Contents(clone.folder, settings.report.path, hex_length(clone.common_dir))

    def of(self, path: str, blob: str) -> bytes | None:
        """The content of a path that has this id; None where nobody has it any more."""
        found = kept.read(self.clone.store, blob)
        if found is not None:
            return found
        data = self.contents.read({blob})[blob]
        if data is not None:
            return self.contents.clean(path, data)
        trees = (self.contents.in_file(one.root, path, blob) for one in git.worktrees(self.clone))
        return next((data for data in trees if data is not None), None)


def states(view: View, path: str) -> Iterator[Change]:
    """The recorded changes of a document, newest first."""
    for entry in history.newest(view.ledger):
        if entry.kind == "change" and entry.file_path == path:
            yield from changes_of(view, [entry.id])


def lost(clone: git.Clone, view: View, settings: Settings, now: float, told: Collection[str] = ()) -> list[Lost]:
    """The uncommitted edits of the last thirty days that are gone, the newest first.

    `told`: ids of changes that are left out. Where nothing is gone, this reads no file.
    """
    contained = Contained(clone, settings)
    found = [*_shelved(clone, view, contained, now, told), *_overwritten(view, contained, told)]
    return sorted(found, key=lambda one: one.removed, reverse=True)


def tell_once(
    clone: git.Clone, view: View, settings: Settings, now: float, reader: str, session: str | None = None
) -> list[Lost]:
    """What is lost and was not told to this reader before. `session`: only what that session has made."""
    piece = f"told/{reader}"
    told: list[str] = view.cache.get(piece) or []
    found = [one for one in lost(clone, view, settings, now, told) if session in (None, one.session)]
    if found:
        view.cache.put({piece: [*told, *(one.change for one in found)][-TOLD:]})
    return found


def _shelved(clone: git.Clone, view: View, contained: Contained, now: float, told: Collection[str]) -> Iterator[Lost]:
    """Those in whose place there is now what is committed."""
    lying = [
        (name, path, one)
        for name, paths in view.state.shelf.items()
        for path, every in paths.items()
        for one in every
        if one.edits and one.blob and one.edits[-1] not in told
    ]
    trees = {one.name: one for one in git.worktrees(clone)} if lying else {}
    settled = list(_settled(view, now)) if lying else []
    for name, path, shelved in lying:
        first, change = change_of(view, shelved.edits[0]), change_of(view, shelved.edits[-1])
        known = view.state.known.get(name, {}).get(path)
        if first is None or change is None or from_rfc3339(change.recorded) < now - kept.LONGEST:
            continue
        if _is_gone(contained, change._replace(old_blob=first.old_blob), known.blob if known else None):
            after = (at for at in settled if (at.worktree, at.path) == (name, path) and at.id > change.id)
            removed = next(after, None)
            by = _command(clone, trees.get(name), change, removed)
            yield _lost(view, change, removed.recorded if removed else change.recorded, by)


class _Settled(NamedTuple):
    """A record that says of a document of a worktree that it is as committed."""

    id: str
    worktree: str
    path: str
    recorded: str


def _settled(view: View, now: float) -> Iterable[_Settled]:
    """Those of the last thirty days, oldest first."""
    found = []
    for entry in itertools.islice(history.newest(view.ledger, since=now - kept.LONGEST), MOST):
        if entry.kind == "baseline" or (entry.kind == "change" and entry.record.get("commit")):
            paths, recorded = entry.files or [entry.file_path], to_rfc3339(entry.recorded_at)
            found += [_Settled(entry.id, entry.worktree or "", str(path), recorded) for path in paths]
    return reversed(found)


def _command(clone: git.Clone, worktree: git.Worktree | None, change: Change, removed: _Settled | None) -> str:
    """The last git command between the edit and when it was seen to be gone, as far as reflogs tell."""
    if worktree is None or removed is None:
        return ""
    begin, end = from_rfc3339(change.recorded), from_rfc3339(removed.recorded) + 1
    logs = [*_reflog(f"{worktree.git_dir}/logs/HEAD"), *_reflog(f"{clone.common_dir}/logs/refs/stash", "stash")]
    within = [(at, command) for at, command in logs if begin <= at <= end]
    return max(within, default=(0, ""))[1]


def _reflog(path: str, named: str = "") -> Iterator[tuple[int, str]]:
    """Time and command of its newest entries, oldest first."""
    with suppress(OSError), open(path, "rb") as file:
        file.seek(max(os.fstat(file.fileno()).st_size - REFLOG, 0))
        for line in file.read().decode(errors="replace").split("\n"):
            head, _, message = line.partition("\t")
            words = head.rsplit(" ", 2)
            command = named or next((one for one in COMMANDS if message.startswith(one)), "")
            if command and len(words) == 3 and words[1].isdigit():
                yield int(words[1]), command


def _overwritten(view: View, contained: Contained, told: Collection[str]) -> Iterator[Lost]:
    """Uncommitted edits of which a later one by somebody else has left nothing."""
    for paths in view.state.known.values():
        for known in paths.values():
            chained = known.dirty and len(known.edits) > 1
            found = changes_of(view, known.edits[-CHAIN:]) if chained else []
            if any(one.id not in told for one in found[:-1]):
                yield from (one for one in _removed_in(found, view, contained) if one.change not in told)


def _removed_in(chain: Sequence[Change], view: View, contained: Contained) -> Iterator[Lost]:
    owners = [owner_of(view, one) for one in chain]
    for at, change in enumerate(chain[:-1]):
        others = [(one, owner) for one, owner in zip(chain, owners, strict=True) if one.id > change.id]
        others = [(one, owner) for one, owner in others if owner != owners[at]]
        if not others or not _is_gone(contained, change, chain[-1].new_blob):
            continue
        for one, owner in others:
            if _is_gone(contained, change, one.new_blob):
                yield _lost(view, change, one.recorded, owner or "")
                break


def _is_gone(contained: Contained, change: Change, now: str | None) -> bool:
    """Whether the edit added lines and a content has none of them. What nobody can read is not said to be gone."""
    old, new, there = (
        contained.of(change.file_path, blob) if blob else b"" for blob in (change.old_blob, change.new_blob, now)
    )
    if old is None or new is None or there is None:
        return False
    return is_gone(old, new, there)


def is_gone(old: bytes, new: bytes, now: bytes) -> bool:
    """Whether what makes `new` of `old` added lines with words in them, none of which `now` has."""
    before, after = set(old.split(b"\n")), {line.strip() for line in now.split(b"\n")}
    added = {line.strip() for line in new.split(b"\n") if line not in before and line.strip()}
    return bool(added) and not added & after


def _lost(view: View, change: Change, removed: str, by: str) -> Lost:
    return Lost(
        change.id,
        change.file_path,
        change.worktree or "",
        owner_of(view, change),
        session_in(change.evidence),
        change.timestamp,
        removed,
        by,
        change.new_blob or "",
    )
