"""Overlaps: documents of which each of two lines of work has edits that the other has not.

By sets of edits, not by contents: an edit that git has carried over (rebased, cherry-picked, squashed) is the same one,
because the ledger says so. Only how bad it is, is told from the contents.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import combinations
from typing import NamedTuple

from agentsync.base import git
from agentsync.base.settings import Settings, type_of
from agentsync.base.times import to_rfc3339
from agentsync.ledger.events import Attribution, Change, Overlaps, new_id, session_in
from agentsync.ledger.history import change_of, commits_of, owner_today
from agentsync.ledger.state import Known
from agentsync.ledger.view import View
from agentsync.observe import history
from agentsync.observe.agents import attribute
from agentsync.observe.contents import Contents, hex_length
from agentsync.observe.lines import Graph, Line, graph, lines
from agentsync.observe.merges import three_way
from agentsync.observe.sizes import is_binary
from agentsync.observe.threeway import Three, conflicts
from agentsync.observe.witness import of_itself

CONFLICT, SAME_DOCUMENT = "conflict", "same document"
UNKNOWN, ASK = "unknown", "ask"
FAR = 64  # contents that are followed from one to another


class Side(NamedTuple):
    """One of the two lines of work: a worktree with its uncommitted edits, or a branch that no worktree has.

    `changes`: the ids of the edits that the other side has not; a commit's where the ledger has none. `owners`: who
    made them, "unknown" where nobody knows. `timestamp`: of the newest (RFC 3339).
    """

    worktree: str | None
    branch: str | None
    uncommitted: bool
    owners: tuple[str, ...]
    changes: tuple[str, ...]
    timestamp: str


class Overlap(NamedTuple):
    """A document of which each of two lines of work has edits that the other has not, by different owners.

    `level`: "conflict" where git cannot merge the two contents, else "same document". `id` stays the same until one
    of them edits it again.
    """

    id: str
    file_path: str
    level: str
    sides: tuple[Side, Side]


class Edit(NamedTuple):
    """An edit of a document. `lines`: the bits of the lines of work that have it. `by`: whom it is told from."""

    id: str
    owner: str
    by: str
    timestamp: str
    lines: int


class Uncommitted(NamedTuple):
    """A document of a worktree (line number `line`) that is not as in its commit, and the clean blobs of both.

    `edits`: the changes behind that, as far as they were made when it was not committed.
    """

    line: int
    path: str
    committed: str | None
    blob: str | None
    edits: tuple[str, ...]


Merge = tuple[bytes | None, bytes | None, bytes | None]  # ours, base, theirs; None: no file
Held = Mapping[str, Mapping[str, Edit]]  # by path, then by the edit's id


class Pair(NamedTuple):
    """Two lines, by number, and the edits of a document that only the one and only the other has."""

    path: str
    one: int
    other: int
    ours: tuple[Edit, ...]
    theirs: tuple[Edit, ...]


def find(clone: git.Clone, every: Sequence[git.Worktree], view: View, settings: Settings, now: float) -> list[Overlap]:
    """The overlaps of watched documents, conflicts first. Raises GitError, LedgerError."""
    known = {
        name: {path: one for path, one in paths.items() if type_of(settings, path)}
        for name, paths in view.state.known.items()
    }
    dirty = [name for name, paths in known.items() if any(one.dirty for one in paths.values())]
    at_work = lines(clone.folder, every, dirty, now)
    if len(at_work) < 2:
        return []
    found = graph(clone.folder, at_work, settings)
    contents = Contents(clone.folder, settings.report.path, hex_length(clone.common_dir))
    files = list(uncommitted(clone.folder, found, known, contents))
    held = Holdings(clone.folder, found, view, settings).edits(files)
    pairs = [one for one in overlapping(found, held) if are_different(one)]
    if not pairs:
        return []
    levels = Levels(clone.folder, found, files, contents).of(pairs)
    overlaps = [_overlap(found, pair, level) for pair, level in zip(pairs, levels, strict=True) if level]
    return sorted(overlaps, key=lambda one: (one.level != CONFLICT, one.file_path))


def uncommitted(
    folder: str, found: Graph, known: Mapping[str, Mapping[str, Known]], contents: Contents
) -> Iterator[Uncommitted]:
    """The documents that are known to be other than in the commit; after `reset --soft` they have no edits."""
    trees = [(number, line) for number, line in enumerate(found.lines) if line.worktree]
    blobs = history.blobs_at(folder, {(line.head, path) for _, line in trees for path in known.get(line.tree, {})})
    contents.ask((path, blob) for (_, path), blob in blobs.items())
    for number, line in trees:
        for path, one in known.get(line.tree, {}).items():
            committed = contents.of(path, blobs.get((line.head, path)))
            if committed and (one.dirty or committed.blob != one.blob):
                yield Uncommitted(number, path, committed.blob, one.blob, one.edits)


def overlapping(found: Graph, held: Held) -> list[Pair]:
    """The pairs of lines of which each has an edit of a document that the other has not."""
    pairs = []
    for path, edits in held.items():
        partial = [edit for edit in edits.values() if edit.lines != found.every]
        numbers = [number for number in range(len(found.lines)) if any(edit.lines >> number & 1 for edit in partial)]
        for one, other in combinations(numbers, 2):
            ours = tuple(edit for edit in partial if edit.lines >> one & 1 > edit.lines >> other & 1)
            theirs = tuple(edit for edit in partial if edit.lines >> one & 1 < edit.lines >> other & 1)
            if ours and theirs:
                pairs.append(Pair(path, one, other, ours, theirs))
    return pairs


def are_different(pair: Pair) -> bool:
    """Whether more than one has made these edits, as far as is known; who is unknown may be anybody."""
    return len({edit.by for edit in (*pair.ours, *pair.theirs)}) > 1 or not pair.ours[0].by


class Holdings:
    """Which edits each line of work has, by what the ledger knows of commits and files."""

    def __init__(self, folder: str, found: Graph, view: View, settings: Settings) -> None:
        self.folder, self.found, self.view, self.settings = folder, found, view, settings
        self._edits: dict[str, dict[str, Edit]] = {}
        self._older: list[tuple[str, str]] = []  # path and commit of edits that the ledger does not have

    def edits(self, files: Iterable[Uncommitted]) -> Held:
        """All edits that not every line has, and perhaps others."""
        for commit in self.found.commits.values():
            for touch in commit.touches:
                for id_ in self._of_commit(commit.commit, touch.path, merge=len(commit.parents) > 1):
                    self._have(touch.path, id_, commit.lines)
        rest = [one for one in files if self._have_uncommitted(one)]
        self._complete()
        for one in rest:
            if all(any(self._carriers(id_)) for id_ in one.edits):
                self._have(one.path, one.blob or "", 1 << one.line)
        return self._edits

    def _have_uncommitted(self, one: Uncommitted) -> bool:
        """Whether there may be more in it than its edits: if a part of them is committed, the rest has no record."""
        undone = self._undone(one.path, one.committed, one.edits, one.blob)
        for id_ in (*undone, *one.edits):
            self._have(one.path, id_, 1 << one.line)
        return not undone

    def _undone(self, path: str, old: str | None, edits: Sequence[str], blob: str | None) -> list[str]:
        """The edits of commits that lie before uncommitted ones: `reset --soft` has undone them."""
        first = change_of(self.view, edits[0]) if edits else None
        return self._between(path, old, first.old_blob if first else blob)

    def _between(self, path: str, old: str | None, new: str | None) -> list[str]:
        """The edits of commits that lead from one content to the other: a commit that was undone, or is brought."""
        ways: dict[str | None, list[str]] = {old: []}
        queue = [old]
        for blob in queue:  # it grows while it is walked
            if blob == new or len(ways) > FAR:
                break
            for event in self.view.events("from", path, blob or ""):
                if isinstance(event, (Change, Attribution)) and event.new_blob not in ways:
                    ways[event.new_blob] = [*ways[blob], *ids([event])]
                    queue.append(event.new_blob)
        return ways.get(new, [])

    def _of_commit(self, commit: str, path: str, *, merge: bool) -> list[str]:
        """The edits that a commit made or carries."""
        events = self.view.events("commit", commit, path)
        found = next((event for event in events if isinstance(event, (Change, Attribution))), None)
        if found is None:
            return [] if merge else [commit]
        return [*self._before(found), *ids([found])] if isinstance(found, Attribution) else [found.id]

    def _before(self, event: Attribution) -> list[str]:
        """The edits of undone commits that a commit has besides those which its record names, or that it carries."""
        path = event.file_path
        if event.reason == "own":
            return self._undone(path, event.old_blob, event.event_ids, event.old_blob)
        origins = (one for commit in event.carried_from for one in self.view.events("commit", commit, path))
        owns = [one for one in origins if isinstance(one, Attribution) and one.reason == "own"]
        return [id_ for one in owns for id_ in self._before(one)]

    def _have(self, path: str, id_: str, lines: int) -> None:
        edits = self._edits.setdefault(path, {})
        edits[id_] = edits[id_]._replace(lines=edits[id_].lines | lines) if id_ in edits else self._edit(id_, lines)

    def _edit(self, id_: str, lines: int) -> Edit:
        change = change_of(self.view, id_)
        if change is None:
            return Edit(id_, UNKNOWN, "", "", lines)
        commits = commits_of(self.view, id_)
        owner = owner_today(change, commits)
        session = session_in(change.evidence) or ""
        by = f"{owner} {session}" if owner else (change.author or "")
        return Edit(id_, owner or UNKNOWN, by, change.timestamp, lines)

    def _complete(self) -> None:
        """Say of each edit which lines have it by another commit, and of those from before the ledger who made it."""
        carriers: dict[str, list[tuple[str, str]]] = {}
        older: dict[str, list[str]] = {}
        for path, edits in self._edits.items():
            for id_, edit in edits.items():
                if edit.lines == self.found.every:
                    continue
                for commit in self._carriers(id_):
                    carriers.setdefault(commit, []).append((path, id_))
                if not edit.timestamp:
                    older.setdefault(id_, []).append(path)
        everywhere = self._in_base([commit for commit in carriers if commit not in self.found.commits])
        for commit, held in carriers.items():
            stretch = self.found.commits.get(commit)
            mask = self.found.every if commit in everywhere else stretch.lines if stretch else 0
            for path, id_ in held:
                self._have(path, id_, mask)
        self._learn(older)

    def _carriers(self, id_: str) -> Iterable[str]:
        events = (*self.view.events("id", id_), *self.view.events("attributed", id_))
        return [event.commit for event in events if isinstance(event, (Change, Attribution)) and event.commit]

    def _in_base(self, commits: Sequence[str]) -> set[str]:
        """Those of these commits that all lines have. What git has not any more, no line has."""
        if not commits or not self.found.base:
            return set()
        there = history.existing(self.folder, list(commits))
        asked = "".join((*(f"{commit}\n" for commit in there), f"^{self.found.base}\n"))
        apart = git.run(["rev-list", "--stdin"], cwd=self.folder, stdin=asked.encode()).decode().split()
        return set(there).difference(apart)

    def _learn(self, older: Mapping[str, Sequence[str]]) -> None:
        """Who made the commits from before the ledger."""
        commits = [id_ for id_ in older if id_ in self.found.commits]
        for commit in history.read(self.folder, commits, self.settings) if commits else ():
            owner = attribute(of_itself(commit)).agent_owner
            for path in older[commit.sha]:
                self._edits[path][commit.sha] = self._edits[path][commit.sha]._replace(
                    owner=owner or UNKNOWN, by=owner or commit.author, timestamp=to_rfc3339(commit.author_time)
                )


def ids(events: Iterable[Change | Attribution]) -> list[str]:
    """The edits behind records of commits; of those from before the ledger the ids of their commits."""
    found = ([one.id] if isinstance(one, Change) else one.event_ids or one.carried_from for one in events)
    return [id_ for ids in found for id_ in ids]


class Levels:
    """How bad overlaps are, from the contents of both lines and of what they have in common."""

    def __init__(self, folder: str, found: Graph, files: Iterable[Uncommitted], contents: Contents) -> None:
        self.folder, self.found, self.contents = folder, found, contents
        self.files = {(one.line, one.path): one.blob for one in files}
        self._committed: dict[tuple[str, str], str | None] = {}  # commit and path to blob
        self._bases: dict[tuple[int, int], list[str]] = {}
        self._asked: dict[tuple[str, str], list[str]] = {}  # the ancestors of two commits

    def of(self, pairs: Sequence[Pair]) -> list[str | None]:
        """The level of each; None where there is nothing to merge."""
        wanted = {(at, pair.path) for pair in pairs for at in (*self._heads(pair), *self._common(pair))}
        self._committed = history.blobs_at(self.folder, wanted)
        self.contents.read({blob for blob in self._committed.values() if blob})
        drivers = merge_drivers(self.folder, {pair.path for pair in pairs})
        merges = [self._merge(pair) for pair in pairs]
        levels = [told(one, drivers.get(pair.path, "")) for pair, one in zip(pairs, merges, strict=True)]
        asked = [n for n, level in enumerate(levels) if level == ASK]
        found = conflicts([Three(*(side or b"" for side in merges[n])) for n in asked])
        for n, conflict in zip(asked, found, strict=True):
            levels[n] = CONFLICT if conflict else SAME_DOCUMENT
        return levels

    def _heads(self, pair: Pair) -> tuple[str, str]:
        return self.found.lines[pair.one].head, self.found.lines[pair.other].head

    def _common(self, pair: Pair) -> list[str]:
        key = (pair.one, pair.other)
        if key not in self._bases:
            self._bases[key] = self.found.common(*key)
        return self._bases[key]

    def _merge(self, pair: Pair) -> Merge:
        base = self._ancestor(pair.path, self._common(pair))
        return self._content(pair.path, pair.one), base, self._content(pair.path, pair.other)

    def _ancestor(self, path: str, commits: Sequence[str]) -> bytes | None:
        """What a merge starts from. Lines that have merged each other have several ancestors: git merges these, too."""
        if not commits:
            return None
        base = self._committed_at(path, commits[0])
        for commit in commits[1:]:
            other = self._committed_at(path, commit)
            if base != other:
                before = self._ancestor(path, self._merge_bases(commits[0], commit))
                base = merged(base, before, other)
        return base

    def _merge_bases(self, one: str, other: str) -> list[str]:
        if (one, other) not in self._asked:
            said = git.answer(["merge-base", "--all", one, other], cwd=self.folder)[1]
            self._asked[one, other] = said.decode().split()
        return self._asked[one, other]

    def _committed_at(self, path: str, commit: str) -> bytes | None:
        if (commit, path) not in self._committed:
            self._committed.update(history.blobs_at(self.folder, [(commit, path)]))
        return self._clean(path, self._committed.get((commit, path)))

    def _content(self, path: str, number: int) -> bytes | None:
        line, key = self.found.lines[number], (number, path)
        if line.worktree and key in self.files:
            blob = self.files[key]
            return None if blob is None else self.contents.clean_bytes(line.worktree.root, path, blob) or b""
        return self._committed_at(path, line.head)

    def _clean(self, path: str, blob: str | None) -> bytes | None:
        data = self.contents.read({blob})[blob] if blob else None
        return None if data is None else self.contents.clean(path, data)


def merged(ours: bytes | None, base: bytes | None, theirs: bytes | None) -> bytes | None:
    """What git makes of two ancestors, with markers where it must."""
    if base == ours or ours == theirs:
        return theirs
    return ours if base == theirs else three_way(ours or b"", base or b"", theirs or b"")[1]


def told(merge: Merge, driver: str) -> str | None:
    """The level, where no lines have to be compared, else ASK; None where one content is all that a merge gives.

    `driver`: the attribute `merge` of the path.
    """
    ours, base, theirs = merge
    if ours == theirs or base in (ours, theirs):
        return None
    if ours is None or theirs is None:
        return CONFLICT  # deleted here, edited there
    if driver == "union":
        return SAME_DOCUMENT
    return CONFLICT if driver in ("unset", "binary") or is_binary(ours + theirs) else ASK


def merge_drivers(folder: str, paths: Iterable[str]) -> dict[str, str]:
    """The attribute `merge` of paths, where it is set."""
    stdin = "".join(f"{path}\0" for path in sorted(paths)).encode(errors="surrogateescape")
    said = git.run(["check-attr", "-z", "--stdin", "merge"], cwd=folder, stdin=stdin).decode(errors="surrogateescape")
    words = said.split("\0")
    return {path: value for path, value in zip(words[::3], words[2::3], strict=False) if value != "unspecified"}


def recorded(found: Iterable[Overlap], source: str, now: float) -> Overlaps:
    """What a report shows of them, as a record: of each side one owner, of different names if there are."""
    rows = []
    for one in found:
        ours, theirs = (side.owners for side in one.sides)
        other = next((owner for owner in theirs if owner != ours[0]), theirs[0])
        first = next((owner for owner in ours if owner != other), ours[0])
        rows.append({"id": one.id, "file_path": one.file_path, "level": one.level, "one": first, "other": other})
    return Overlaps(new_id(now), to_rfc3339(now), "", rows, source)


def _overlap(found: Graph, pair: Pair, level: str) -> Overlap:
    sides = (_side(found.lines[pair.one], pair.ours), _side(found.lines[pair.other], pair.theirs))
    said = "\0".join((pair.path, *sorted(edit.id for edit in (*pair.ours, *pair.theirs))))
    return Overlap(sha256(said.encode(errors="surrogateescape")).hexdigest()[:16], pair.path, level, sides)


def _side(line: Line, edits: Sequence[Edit]) -> Side:
    inside = sorted(edits, key=lambda edit: (edit.timestamp, edit.id))
    owners = tuple(dict.fromkeys(edit.owner for edit in inside))
    worktree = line.tree or None
    ids = tuple(edit.id for edit in inside)
    return Side(worktree, line.branch, line.uncommitted, owners, ids, inside[-1].timestamp)
