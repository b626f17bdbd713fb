"""Commits that have not been looked at yet, read in one git process whatever their number."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from agentsync.base import git
from agentsync.base.settings import Settings, pathspecs, type_of
from agentsync.ledger.log import End
from agentsync.ledger.notes import CommitNote, RewritingNote, Waiting
from agentsync.ledger.view import View

BESIDE = 500  # tips beside branches that a baseline has at most: git reads each of them in every walk
PRUNE = 64  # seen tips after which those that are ancestors of others are dropped

_SETTINGS = {
    "diff.orderFile": "/dev/null",
    "log.showSignature": "false",
    "log.showRoot": "true",
    "log.follow": "false",
    "log.mailmap": "false",
    "i18n.logOutputEncoding": "UTF-8",
    "trailer.separators": ":",
}
_FORMAT = "%x00".join(("%H", "%P", "%an <%ae>", "%at", "%cn <%ce>", "%ct", "%(trailers:only,unfold)", "%s", "%b"))
_CONFIG = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
_HOW = (
    "--stdin --raw -z --no-abbrev --no-renames --no-ext-diff --no-textconv --no-color --no-notes --no-decorate "
    "--ignore-submodules=none --full-history --topo-order --reverse --diff-merges=combined"
).split()
_LOG = [*_CONFIG, "log", *_HOW, f"--format={_FORMAT}"]
# The same without names and messages, for a long history, a part of which may be gone.
TOUCHES = [*_CONFIG, "log", "--ignore-missing", *_HOW, "--format=%H%x00%P%x00%x00%at%x00%x00%x00%x00%x00"]


class Touch(NamedTuple):
    """A commit made a path's blob another one. `before`: the blob in each parent; None: no regular file there."""

    path: str
    before: tuple[str | None, ...]
    after: str | None


class Commit(NamedTuple):
    """A commit that touches a watched path. Times in seconds since 1970; `trailers`: "Key: value" lines."""

    sha: str
    parents: tuple[str, ...]
    author: str
    author_time: int
    committer: str
    commit_time: int
    trailers: str
    subject: str
    body: str
    touches: tuple[Touch, ...]


class Walk(NamedTuple):
    """What a walk found, oldest first, and from where to where it went."""

    commits: tuple[Commit, ...]
    tips: tuple[str, ...]  # everything reachable from these is seen, once `commits` are judged
    heads: dict[str, str]  # worktree name to the commit of its HEAD
    shallow: frozenset[str]
    seen: tuple[str, ...]
    notes: dict[str, CommitNote]  # by commit; those of a worktree in a rebase have to wait
    late: tuple[Commit, ...]  # commits with a note that speaks and that were seen before it came
    lone: frozenset[str]  # commits that have a note and are not in git's store
    rewritings: tuple[RewritingNote, ...] = ()  # without those of a worktree in a rebase
    lost: bool = False  # nothing of what was seen is in git's store any more: all of history was rewritten

    @property
    def originals(self) -> dict[str, list[str]]:
        """New commit to those that it replaces, as git told after rebases."""
        found: dict[str, list[str]] = {}
        for note in self.rewritings:
            for new, old in note.originals.items():
                found.setdefault(new, []).extend(one for one in old if one not in found[new])
        return found


class Span(NamedTuple):
    """How far back to go: what `tips` reach, committed since then (seconds since 1970), the newest `most` commits."""

    tips: Sequence[str]
    since: float | None
    most: int


class SeenTips:
    """The tips up to which history has been judged: in the cache, may be deleted; the walk is safe to repeat."""

    def __init__(self, view: View) -> None:
        self.view = view

    def read(self) -> list[str]:
        """The tips; none where the ledger does not hold any more what it held by then."""
        said = self.view.cache.get("seen") or {"end": [], "tips": []}
        return list(said["tips"]) if self.view.ledger.holds(End(*said["end"])) else []

    def write(self, tips: Sequence[str]) -> None:
        """Remember; where that fails, the next walk is longer."""
        if list(tips) == self.read():
            return
        cursor = self.view.cursor
        end = [cursor.offset, cursor.length, cursor.prev]
        self.view.cache.put({"seen": {"end": end, "tips": sorted(tips)}})


def walk(
    clone: git.Clone,
    worktrees: Sequence[git.Worktree],
    settings: Settings,
    seen: list[str],
    ending: tuple[str, ...],
    waiting: Waiting,
) -> Walk:
    """The commits that touch a watched path, without those reachable from `seen`.

    From every branch, worktree and note: an amended commit that nothing reaches any more was an edit, but not one that
    a rebase made on its way. `ending`: the operations whose last hook is running in `clone.here`. While a worktree is
    in a rebase, its HEAD, its branch and its notes are left out: only at the end is it known which commit replaces
    which.
    """
    refs = branches(clone.folder)
    heads, left_out = _heads(worktrees, refs), set()
    for worktree in worktrees:
        moving = git.rebasing(worktree.git_dir)
        if moving is not None and not (worktree == clone.here and "rebase" in ending):
            left_out.add(worktree.name)
            refs.pop(moving, None)
    tips = {*refs.values(), *(head for name, head in heads.items() if name not in left_out)}
    notes = {note.commit: note for note in waiting.commits if note.worktree not in left_out}
    lone = _missing(clone.folder, [sha for sha in notes if sha not in tips])
    made = [sha for sha, note in notes.items() if sha not in lone and not note.picked]
    # Of tips with equal dates the one that is named last comes out first, and commits come in the order of their notes.
    new = list(dict.fromkeys([*sorted(tips.difference(made, seen)), *(sha for sha in made[::-1] if sha not in seen)]))
    commits: tuple[Commit, ...] = ()
    specs, before = pathspecs(settings), seen
    if new:
        seen, out = _log(clone.folder, new, seen, specs)
        commits = tuple(parsed(out, settings))
    found = {commit.sha for commit in commits}
    known = [sha for sha in made if sha not in found]
    return Walk(
        commits=commits,
        tips=tuple(sorted(tips)),
        heads=heads,
        shallow=_shallow(clone.common_dir),
        seen=tuple(seen),
        notes={sha: note for sha, note in notes.items() if sha not in lone},
        late=tuple(read(clone.folder, known, settings)) if known else (),
        lone=lone,
        rewritings=tuple(note for note in waiting.rewritings if note.worktree not in left_out),
        lost=bool(before) and not seen,
    )


def walk_back(clone: git.Clone, worktrees: Sequence[git.Worktree], settings: Settings, span: Span) -> Walk:
    """The commits of a span that touch a watched path, from every branch and worktree."""
    refs = branches(clone.folder)
    heads = sorted({*refs.values(), *_heads(worktrees, refs).values()})
    newest = [f"--max-count={span.most}", *([] if span.since is None else [f"--max-age={int(span.since)}"])]
    asked = "".join(f"{head}\n" for head in heads)
    args = [*_LOG, *newest, "--", *pathspecs(settings)]
    out = git.run(args, cwd=clone.folder, stdin=asked.encode(), env={"GIT_FLUSH": "0"}) if heads else b""
    asked += "".join(f"^{tip}\n" for tip in span.tips)
    later = _text(git.run(["rev-list", "--ignore-missing", "--stdin"], cwd=clone.folder, stdin=asked.encode())).split()
    commits = [commit for commit in parsed(out, settings) if commit.touches]
    seen = {*later}
    return Walk(
        commits=tuple(commit for commit in commits if commit.sha not in seen),
        tips=tuple(heads),
        heads={},  # what worktrees hold now has no part in it
        shallow=_shallow(clone.common_dir),
        seen=(),
        notes={},
        late=(),
        lone=frozenset(),
    )


def parents(folder: str, tips: Sequence[str], since: float | None) -> dict[str, tuple[str, ...]]:
    """The parents of each commit that the tips reach and that was committed since then (seconds since 1970)."""
    age = [] if since is None else [f"--max-age={int(since)}"]
    asked = "".join(f"{tip}\n" for tip in tips).encode()
    said = _text(git.run(["rev-list", "--parents", *age, "--stdin"], cwd=folder, stdin=asked))
    return {commit: tuple(found) for commit, *found in map(str.split, said.splitlines())}


def _heads(worktrees: Sequence[git.Worktree], refs: Mapping[str, str]) -> dict[str, str]:
    """The commits of the worktrees' HEADs, by name."""
    heads = {}
    for worktree in worktrees:
        branch = git.branch_of(worktree.git_dir)
        head = refs.get(f"refs/heads/{branch}") if branch else detached(worktree.git_dir)
        if head:
            heads[worktree.name] = head
    return heads


def every_tip(folder: str, tips: Sequence[str]) -> list[str]:
    """These tips, and what else this clone has: its stashes, and the newest of the tags and remotes' branches."""
    asked = [
        "for-each-ref",
        "--sort=-creatordate",
        "--format=%(objecttype) %(objectname) %(*objecttype) %(*objectname)",
    ]
    words = [line.split() for line in _text(git.run(asked, cwd=folder)).splitlines()]
    commits = [sha for line in words for kind, sha in zip(line[::2], line[1::2], strict=False) if kind == "commit"]
    stashes = _text(git.answer(["rev-list", "--walk-reflogs", "refs/stash", "--"], cwd=folder)[1]).split()
    beside = apart(folder, {*commits, *stashes}, tips)
    newest = [sha for sha in dict.fromkeys((*stashes, *commits)) if sha in beside]
    return sorted({*tips, *newest[:BESIDE]})


def branches(folder: str) -> dict[str, str]:
    """The commit of each branch, by full name."""
    out = git.run(["for-each-ref", "--format=%(objectname) %(refname)", "refs/heads"], cwd=folder)
    return {name: sha for sha, _, name in (line.partition(" ") for line in _text(out).splitlines())}


def prune(folder: str, walk: Walk, baseline: Sequence[str], unseen: Iterable[str]) -> list[str]:
    """What is seen after a walk; when these tips have become many, without those that are ancestors of others.

    `baseline`: the tips from which nothing was looked at when watching began; they may be many, and stay as they are.
    `unseen`: those that were walked in vain.
    """
    parents = {parent for commit in walk.commits for parent in commit.parents}
    tips = set(walk.tips).difference(unseen)
    every = sorted({*tips, *(tip for tip in walk.seen if tip not in parents)})
    if len(every) <= PRUNE + len(tips) + len(baseline):
        return every
    return sorted({*tips, *apart(folder, existing(folder, every), tips)})


def apart(folder: str, shas: Iterable[str], tips: Iterable[str]) -> set[str]:
    """Those of these commits that none of the tips reaches."""
    others = set(shas).difference(tips)
    if not others:
        return set()
    asked = "".join((*(f"{sha}\n" for sha in sorted(others)), *(f"^{tip}\n" for tip in tips)))
    return others.intersection(_text(git.run(["rev-list", "--stdin"], cwd=folder, stdin=asked.encode())).split())


def read(folder: str, shas: list[str], settings: Settings) -> Iterator[Commit]:
    """These commits, without their ancestors."""
    return parsed(_show(folder, shas, pathspecs(settings)), settings)


def blobs_at(folder: str, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str | None]:
    """The blob of each path in each commit, in one process; None where there is no file."""
    asked = [(at, path) for at, path in dict.fromkeys(wanted) if "\n" not in path]
    stdin = "".join(f"{at}:{path}\n" for at, path in asked).encode(errors="surrogateescape")
    rows = git.run(["cat-file", "--batch-check=%(objecttype) %(objectname)"], cwd=folder, stdin=stdin).splitlines()
    return {key: row[5:].decode() if row.startswith(b"blob ") else None for key, row in zip(asked, rows, strict=True)}


def newest(folder: str, tips: Iterable[str], without: Iterable[str], settings: Settings, most: int) -> list[Commit]:
    """The newest commits of watched paths that the tips reach and the others do not, newest first."""
    asked = "".join((*(f"{tip}\n" for tip in tips), *(f"^{tip}\n" for tip in without))).encode()
    out = git.run([*_LOG, "--date-order", f"--max-count={most}", "--", *pathspecs(settings)], cwd=folder, stdin=asked)
    return list(parsed(out, settings))[::-1]


def _show(folder: str, shas: list[str], pathspecs: list[str]) -> bytes:
    asked = "".join(f"{sha}\n" for sha in shas).encode()
    return git.run([*_LOG, "--no-walk", "--", *pathspecs], cwd=folder, stdin=asked)


def _log(folder: str, new: list[str], seen: list[str], pathspecs: list[str]) -> tuple[list[str], bytes]:
    args = [*_LOG, "--", *pathspecs]
    for attempt in (1, 2):
        asked = "".join((*(f"{tip}\n" for tip in new), *(f"^{tip}\n" for tip in seen)))
        try:
            # Not a write for each commit; in this one place, because log starts no program that would inherit it.
            return seen, git.run(args, cwd=folder, stdin=asked.encode(), env={"GIT_FLUSH": "0"})
        except git.GitError:
            if attempt == 2:
                raise
            seen = existing(folder, seen)  # one that was pruned from git's store is fatal
    raise AssertionError


def _missing(folder: str, shas: list[str]) -> frozenset[str]:
    return frozenset(shas).difference(existing(folder, shas)) if shas else frozenset()


def existing(folder: str, shas: list[str]) -> list[str]:
    """Those of these commits that git has."""
    asked = "".join(f"{sha}\n" for sha in shas).encode()
    out = _text(git.run(["cat-file", "--batch-check"], cwd=folder, stdin=asked)).splitlines()
    return [sha for sha, line in zip(shas, out, strict=True) if line.split(" ")[1] == "commit"]


def detached(git_dir: str) -> str | None:
    """The commit of a HEAD that names no branch; None where it names one, or is gone."""
    try:
        with open(f"{git_dir}/HEAD", encoding="utf-8", errors="replace") as file:
            head = file.readline().strip()
    except FileNotFoundError:  # the worktree is being removed
        return None
    return None if head.startswith("ref:") else head


def _shallow(common_dir: str) -> frozenset[str]:
    try:
        with open(f"{common_dir}/shallow", encoding="utf-8") as file:
            return frozenset(file.read().split())
    except FileNotFoundError:
        return frozenset()


def parsed(out: bytes, settings: Settings) -> Iterator[Commit]:
    """git's NUL-separated tokens as commits: nine fields of `_FORMAT`, then a raw entry and a path for each touch."""
    tokens = iter(_text(out).split("\0"))
    header: list[str] = []
    touches: list[Touch] = []
    for token in tokens:
        token = token.lstrip("\n")
        if token.startswith(":"):
            path = next(tokens)
            if _is_text(path) and type_of(settings, path):
                touches.append(_touch(token, path))
        elif token:
            if header:
                yield _commit(header, touches)
            header, touches = [token, *(next(tokens) for _ in range(8))], []
    if header:
        yield _commit(header, touches)


def _touch(raw: str, path: str) -> Touch:
    """`:mode mode blob blob M`; of a merge one colon, one mode and one blob more for each further parent."""
    parents = len(raw) - len(raw.lstrip(":"))
    words = raw.lstrip(":").split(" ")
    modes, blobs = words[: parents + 1], words[parents + 1 : 2 * parents + 2]
    regular = [blob if mode.startswith("100") else None for mode, blob in zip(modes, blobs, strict=True)]
    return Touch(path, tuple(regular[:-1]), regular[-1])


def _is_text(path: str) -> bool:
    """Whether a path is UTF-8; one that is not can stand neither in the configuration nor in the ledger."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _commit(fields: list[str], touches: list[Touch]) -> Commit:
    header = [field.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for field in fields]
    sha, parents, author, at, committer, ct, trailers, subject, body = header
    times = _seconds(at), _seconds(ct)
    return Commit(
        sha, tuple(parents.split()), author, times[0], committer, times[1], trailers, subject, body, tuple(touches)
    )


def _seconds(text: str) -> int:
    """git takes any number for a date; ours must fit a calendar."""
    return min(max(int(text), 0), 253402300799) if text.lstrip("-").isdigit() else 0


def _text(out: bytes) -> str:
    return out.decode("utf-8", "surrogateescape")
