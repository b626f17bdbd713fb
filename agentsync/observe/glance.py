"""What differs from the last look, as far as stat tells: no document is read, and git is not started.

A look remembers the stat of each document with what it held, and the stat of what else would make it look again: the
worktree's HEAD, and the folders in which a glob may find a new document.
"""

import os
import time
from collections.abc import Iterable, Mapping
from hashlib import md5
from typing import Any, NamedTuple

from agentsync.base import files, git
from agentsync.base.globs import is_glob
from agentsync.base.settings import Settings, type_of, watched
from agentsync.ledger.cache import Cache
from agentsync.ledger.events import event_type
from agentsync.ledger.state import Known, State
from agentsync.observe.contents import Content, Contents, hex_length, of_file

Signature = tuple[int, ...]

FRESH = 50_000_000  # ns within which two writes can leave the same times behind; such a stat proves nothing
HEAD = "/HEAD"  # no document is called so: paths begin at the worktree's root


class Looks:
    """Stat and content of files read before, per worktree, so that unchanged ones are not read again."""

    def __init__(self, store: str) -> None:
        self._cache = Cache(store)
        self._by_worktree: dict[str, dict[str, list[Any]]] = {}
        self._changed: set[str] = set()

    def _of(self, worktree: str) -> dict[str, list[Any]]:
        if worktree not in self._by_worktree:
            self._by_worktree[worktree] = self._cache.get(f"looks/{worktree}") or {}
        return self._by_worktree[worktree]

    def content(self, worktree: str, path: str, signature: Signature) -> Content | None:
        """What the file held when it had this signature."""
        found = self._of(worktree).get(path)
        return Content(found[1], found[2]) if found and found[0] == list(signature) else None

    def remember(self, worktree: str, path: str, signature: Signature, content: Content) -> None:
        """Keep what a file held, unless it is so young that a further write could leave the same signature."""
        if time.time_ns() - signature[-1] > FRESH and self.content(worktree, path, signature) != content:
            self._of(worktree)[path] = [list(signature), content.blob, content.checksum]
            self._changed.add(worktree)

    def save(self) -> None:
        """Keep them for the next process."""
        if self._changed:
            self._cache.put({f"looks/{worktree}": self._of(worktree) for worktree in self._changed})
            self._changed.clear()


class Glance(NamedTuple):
    """What a glance at one worktree showed.

    `edited`: documents that are not as they are known, with the type of the event that a look will make of them.
    `missing`: named in the configuration, not there, and not known either. `problems`: not to be looked into, and why.
    `moved`: something else differs, so that a look may find more.
    """

    edited: Mapping[str, str] = {}
    missing: tuple[str, ...] = ()
    problems: Mapping[str, str] = {}
    moved: bool = False


def glance(worktree: git.Worktree, clone: git.Clone, settings: Settings, state: State, looks: Looks) -> Glance:
    """Compare a worktree's files with what is known of them."""
    name, known = worktree.name, state.known.get(worktree.name)
    named = watched(settings).names
    edited: dict[str, str] = {}
    missing: list[str] = []
    problems: dict[str, str] = {}
    for path in dict.fromkeys((*named, *(one for one in known or () if type_of(settings, one)))):
        before = known.get(path, NOWHERE) if known else NOWHERE
        signature = git.signature(f"{worktree.root}/{path}")
        if signature is None and files.is_missing(f"{worktree.root}/{path}"):
            if before.blob is not None:
                edited[path] = event_type(before.blob, None)
            elif path in named:
                missing.append(path)
            continue
        seen = signature and looks.content(name, path, signature)
        if seen and before is not NOWHERE and seen.blob == before.blob:
            continue
        if why := files.why_unreadable(worktree.root, path):
            problems[path] = why
        else:
            edited[path] = event_type(before.blob, "some content")
    return Glance(
        edited, tuple(missing), problems, known is None or _has_moved(worktree, clone, settings, state, looks)
    )


NOWHERE = Known(None, None, False, ())


def really_edited(
    worktree: git.Worktree, clone: git.Clone, settings: Settings, state: State, edited: Mapping[str, str]
) -> dict[str, str]:
    """Of the documents that a glance has found, those whose content differs: this reads them, and may start git."""
    known = state.known.get(worktree.name, {})
    absent = left_out(worktree, [path for path, kind in edited.items() if kind == "deleted"])
    contents = Contents(clone.folder, settings.report.path, hex_length(clone.common_dir))
    found = {}
    for path, kind in edited.items():
        before = known.get(path, NOWHERE)
        if path in absent or (kind == "modified" and _holds(contents, worktree, path, before)):
            continue
        found[path] = kind
    return found


def _holds(contents: Contents, worktree: git.Worktree, path: str, known: Known) -> bool:
    try:
        raw = files.read_document(worktree.root, path) or b""
        expected = Content(known.blob, known.checksum)
        return of_file(contents, worktree.root, path, raw, [expected]).blob == known.blob
    except files.UnreadableError:
        return False


def left_out(worktree: git.Worktree, paths: list[str]) -> set[str]:
    """Of these missing files those that a sparse checkout leaves out: they are not deleted."""
    if not paths:
        return set()
    out = git.run(["--literal-pathspecs", "ls-files", "-t", "-z", "--", *paths], cwd=worktree.root)
    return {entry[2:] for entry in out.decode("utf-8", "surrogateescape").split("\0") if entry.startswith("S ")}


def _has_moved(worktree: git.Worktree, clone: git.Clone, settings: Settings, state: State, looks: Looks) -> bool:
    if any(watch.path not in state.watch for watch in settings.watch):
        return True
    now = around(worktree, clone, settings, state.known.get(worktree.name, ()))
    return any(looks.content(worktree.name, path, signature) is None for path, signature in now.items())


def around(worktree: git.Worktree, clone: git.Clone, settings: Settings, known: Iterable[str]) -> dict[str, Signature]:
    """The stat of HEAD and, where there are globs, of the known documents' folders, as `Looks` is to remember them."""
    found = {HEAD: _head(worktree, clone.common_dir)}
    if any(is_glob(watch.path) for watch in settings.watch):
        for folder in {os.path.dirname(path) for path in known}:
            found[f"{folder}/"] = git.signature(f"{worktree.root}/{folder}") or (0, 0, 0, 0)
    return found


def _head(worktree: git.Worktree, common_dir: str) -> Signature:
    """What `git.head_signature` says, in the shape of a file's signature: the newest of the times comes last."""
    branch, *stats = git.head_signature(worktree, common_dir)
    newest = max((stat[-1] for stat in stats if isinstance(stat, tuple)), default=0)
    digest = md5(repr((branch, stats)).encode(errors="surrogateescape"), usedforsecurity=False).hexdigest()
    return (int(digest[:15], 16), 0, 0, newest)
