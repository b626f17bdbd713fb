"""What history held before watching began: edits without a record, known wherever git carries them afterwards.

Only git knows them, and to ask costs more the longer the history is. So the cache keeps a hash for each of them, and
git is asked where one fits: where content leaves a state that was left before, or a commit has an old one's time.
"""

from collections.abc import Iterator, Sequence
from hashlib import md5
from typing import NamedTuple

from agentsync.base.settings import Settings, pathspecs
from agentsync.ledger.cache import Cache
from agentsync.ledger.index import HASH, hash_of
from agentsync.observe import history
from agentsync.observe.answers import Answers
from agentsync.observe.contents import Content, Contents

FEW = 3  # paths of which git is asked one by one; then it is asked of all
PIECE = "before"  # of the cache: the digest of what was asked, then the hashes


class Earlier(NamedTuple):
    """An edit of a path, made before watching began. Blobs are of the clean content."""

    commit: str
    file_path: str
    author_time: int
    old_blob: str | None
    new_blob: str | None
    event_ids: tuple[str, ...] = ()  # no change in the ledger is behind it


class Before:
    """The edits of all commits that the tips of the baseline reach. Every question may raise NotAskedError."""

    def __init__(self, cache: Cache, tips: Sequence[str], settings: Settings, answers: Answers) -> None:
        self.cache = cache
        self.tips = list(tips)
        self.settings = settings
        self.answers = answers
        self._hashes: bytes | None = None
        self._made = b""
        self._edits: dict[str, dict[tuple[str, ...], list[Earlier]]] = {}  # by path
        self._is_whole = False

    def leaving(self, path: str, blob: str | None) -> list[Earlier]:
        """The edits that made another content of this one."""
        return self._found("from", path, blob or "")

    def at(self, path: str, author_time: int) -> list[Earlier]:
        """The edits whose author was at work in this second."""
        return self._found("at", path, str(author_time))

    def of_commit(self, commit: str, path: str) -> list[Earlier]:
        """What a commit did to a path; nothing if it was not there before watching began."""
        return self._of(path).get(("commit", path, commit), [])

    def of_created(self, path: str) -> list[Earlier]:
        """All edits of a path that was not always there."""
        return self._of(path).get(("path", path), []) if self.leaving(path, None) else []

    def prepare(self) -> None:
        """Make the hashes now, so that no hook has to."""
        self._kept()

    def save(self) -> None:
        """Keep what was made; failing costs the next one time."""
        if self._made:
            self.cache.put({PIECE: self._made})

    def _found(self, *key: str) -> list[Earlier]:
        return self._of(key[1]).get(key, []) if self.tips and self._may_hold(hash_of(key)) else []

    def _may_hold(self, hash_: bytes) -> bool:
        hashes = self._kept()
        at = hashes.find(hash_)
        while at >= 0 and at % HASH:
            at = hashes.find(hash_, at + 1)
        return at >= 0

    def _kept(self) -> bytes:
        """The hashes, out of the cache if they are of these tips and pathspecs."""
        if self._hashes is None:
            asked = md5("\n".join([*self.tips, "", *pathspecs(self.settings)]).encode(), usedforsecurity=False).digest()
            kept = self.cache.read(PIECE)
            if kept is None or not kept.startswith(asked):
                told = self._read(None)
                keys = [key for edits in self._edits.values() for key in edits if key[0] in ("from", "at")]
                kept = asked + b"".join(sorted(map(hash_of, keys)))
                self._made = kept if told else b""
            self._hashes = kept[len(asked) :]
        return self._hashes

    def _of(self, path: str) -> dict[tuple[str, ...], list[Earlier]]:
        """The edits of a path by the keys under which they are asked for."""
        if path not in self._edits and self.tips and not self._is_whole:
            self._read(path if len(self._edits) < FEW else None)
        return self._edits.setdefault(path, {})

    def _read(self, path: str | None) -> bool:
        """Ask git for the edits of a path (None: of all that is watched); whether it could tell in time."""
        self._is_whole = path is None
        specs = pathspecs(self.settings) if path is None else [f":(top,literal){path}"]
        status, out = self.answers.ask(*history.TOUCHES, "--", *specs, stdin="\n".join(self.tips))
        if status:
            return False
        contents, report = self.answers.contents, self.answers.contents.report_path
        touches = [(commit, touch) for commit in history.parsed(out, self.settings) for touch in commit.touches]
        touches = [(commit, touch) for commit, touch in touches if touch.path not in self._edits]
        contents.ask((t.path, blob) for _, t in touches if t.path == report for blob in (*t.before, t.after))
        for commit, touch in touches:
            for edit in _edits(commit, touch, contents):
                for key in _keys(edit):
                    self._edits.setdefault(touch.path, {}).setdefault(key, []).append(edit)
        return True


def _edits(commit: history.Commit, touch: history.Touch, contents: Contents) -> Iterator[Earlier]:
    """What a commit made of each parent's content."""
    for before in dict.fromkeys(touch.before):
        old, new = Content(before, None), Content(touch.after, None)
        if touch.path == contents.report_path:  # only this one may be another in git than it is compared
            old, new = contents.of(touch.path, before) or old, contents.of(touch.path, touch.after) or new
        if old.blob != new.blob:
            yield Earlier(commit.sha, touch.path, commit.author_time, old.blob, new.blob)


def _keys(edit: Earlier) -> list[tuple[str, ...]]:
    path = edit.file_path
    searched = [("from", path, edit.old_blob or ""), ("at", path, str(edit.author_time))]
    return [*searched, ("commit", path, edit.commit), ("path", path)]
