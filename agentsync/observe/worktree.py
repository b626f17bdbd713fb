"""Which files are changes: what a worktree holds against what is known of it (rules 8 and 9)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from agentsync.base import files, git
from agentsync.base.globs import is_glob, literal
from agentsync.base.settings import Settings, Watch, pathspecs, type_of
from agentsync.ledger.events import Baseline, Change, event_type, new_id, to_rfc3339
from agentsync.ledger.state import Known
from agentsync.observe.agents import attribute
from agentsync.observe.ancestry import NotAskedError
from agentsync.observe.contents import NOTHING, Content, Contents, of_file
from agentsync.observe.drafts import Drafts
from agentsync.observe.glance import Looks, Signature, around
from agentsync.observe.witness import Witness

Brought = Callable[[str, Content, Content, str], bool]


MATCHES = 200_000  # files that globs may match in one worktree; what is beyond is reported
ARGUMENTS = 1000  # paths given to git one by one; of more, it is asked for the whole tree


@dataclass(frozen=True)
class Scene:
    """What a worktree held when it was looked at. `files`: content by path; `signatures`: what to compare later."""

    worktree: git.Worktree
    head: str | None
    branch: str | None
    head_signature: tuple[object, ...]
    paused: git.Operation | None
    files: dict[str, Content]
    signatures: dict[str, tuple[int, ...] | None]
    problems: dict[str, str]
    at_head: dict[str, Content]
    around: dict[str, Signature] = field(default_factory=dict)

    def still_true(self, common_dir: str) -> bool:
        """Whether HEAD and every file are the ones that were read."""
        if git.head_signature(self.worktree, common_dir) != self.head_signature:
            return False
        root = self.worktree.root
        return all(git.signature(f"{root}/{path}") == signature for path, signature in self.signatures.items())


def unread(worktree: git.Worktree, head: str | None) -> Scene:
    """A worktree none of whose files was looked at."""
    return Scene(worktree, head, git.branch_of(worktree.git_dir), (), None, {}, {}, {}, {})


class Scanner:
    """Looks at the worktrees of one clone."""

    def __init__(self, clone: git.Clone, settings: Settings, contents: Contents, looks: Looks) -> None:
        self.clone = clone
        self.settings = settings
        self.contents = contents
        self.looks = looks
        self.offline = False  # while the ledger is locked, git is not asked

    def scan(
        self,
        worktree: git.Worktree,
        head: str | None,
        known: dict[str, Known] | None,
        probable: dict[str, list[Content]],
        ending: tuple[str, ...] = (),
    ) -> Scene:
        """Read what has to be read.

        `known`: None at first sight. `probable`: the paths that new commits touch, with the contents they likely have.
        """
        signature = git.head_signature(worktree, self.clone.common_dir)
        branch = git.branch_of(worktree.git_dir)
        paused = git.operation(worktree.git_dir, ending)
        scene = Scene(worktree, head, branch, signature, paused, {}, {}, {}, {})
        if paused:
            return scene
        known = known or {}
        scene.around.update(around(worktree, self.clone, self.settings, known))
        for path in self._paths(worktree, known, scene.problems):
            self._read(scene, path, [*probable.get(path, ()), *_contents_of(known.get(path))])
        self._leave_out_sparse(scene, known)
        wanted = [
            path
            for path, content in scene.files.items()
            if path not in known
            or (content.blob != known[path].blob and content.blob not in _blobs(probable.get(path)))
        ]
        if wanted:
            self._ask_head(scene, wanted)
        return scene

    def _paths(self, worktree: git.Worktree, known: Iterable[str], problems: dict[str, str]) -> list[str]:
        """The documents that are configured, that a glob matches, and that were known."""
        paths = dict.fromkeys(literal(watch.path) for watch in self.settings.watch if not is_glob(watch.path))
        if any(is_glob(watch.path) for watch in self.settings.watch):
            args = [
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
                "--deduplicate",
                "--",
                *pathspecs(self.settings),
            ]
            for name in git.run(args, cwd=worktree.root).split(b"\0")[:-1]:
                if len(paths) >= MATCHES:
                    problems["*"] = f"globs match more than {MATCHES} files; the rest is not watched"
                    break
                try:
                    paths[name.decode()] = None
                except UnicodeDecodeError:
                    problems[name.decode("utf-8", "replace")] = "a name that is not UTF-8"
        paths.update(dict.fromkeys(path for path in known if type_of(self.settings, path)))
        return list(paths)

    def _read(self, scene: Scene, path: str, probable: list[Content]) -> None:
        name, root = scene.worktree.name, scene.worktree.root
        signature = scene.signatures[path] = git.signature(f"{root}/{path}")
        content = NOTHING if signature is None else self.looks.content(name, path, signature)
        try:
            if content is None and (raw := files.read_document(root, path)) is not None:
                content = of_file(self.contents, root, path, raw, probable)
                self.contents.learn(path, raw, content)
                if signature:
                    self.looks.remember(name, path, signature, content)
            scene.files[path] = content or NOTHING
        except files.UnreadableError as error:
            scene.problems[path] = str(error)

    def _leave_out_sparse(self, scene: Scene, known: dict[str, Known]) -> None:
        """A file that a sparse checkout leaves out is not deleted."""
        missing = [p for p, content in scene.files.items() if content.blob is None and not _is_missing(known.get(p))]
        if not missing:
            return
        out = git.run(["--literal-pathspecs", "ls-files", "-t", "-z", "--", *missing], cwd=scene.worktree.root)
        for entry in out.decode("utf-8", "surrogateescape").split("\0"):
            if entry.startswith("S "):
                scene.files.pop(entry[2:], None)

    def at_head(self, scene: Scene, path: str) -> Content:
        """What a path holds in the worktree's HEAD. Raises NotAskedError if git would have to be asked, and may not."""
        if path not in scene.at_head:
            if self.offline:
                raise NotAskedError
            self._ask_head(scene, [path])
        return scene.at_head[path]

    def _ask_head(self, scene: Scene, paths: list[str]) -> None:
        blobs: dict[str, str | None] = dict.fromkeys(paths)
        if scene.head:
            few = paths if len(paths) <= ARGUMENTS else []
            args = ["--literal-pathspecs", "ls-tree", "-r", "-z", scene.head, "--", *few]
            for entry in git.run(args, cwd=self.clone.common_dir).decode("utf-8", "surrogateescape").split("\0")[:-1]:
                about, _, path = entry.partition("\t")
                mode, _, blob = about.split(" ")
                if mode.startswith("100") and path in blobs:
                    blobs[path] = blob
        self.contents.ask(blobs.items())
        scene.at_head.update({path: self.contents.of(path, blob) or NOTHING for path, blob in blobs.items()})


def _is_missing(known: Known | None) -> bool:
    return known is not None and known.blob is None


def _blobs(contents: list[Content] | None) -> list[str | None]:
    return [content.blob for content in contents or ()]


def _contents_of(known: Known | None) -> list[Content]:
    return [Content(known.blob, known.checksum)] if known and known.blob else []


def judge(scanner: Scanner, scene: Scene, drafts: Drafts, witness: Witness, now: float, brought: Brought) -> None:
    """Add what the files of a worktree say. Raises NotAskedError.

    `brought(path, old, new, head)`: whether git brought a content from other commits, without committing it here.
    """
    name = scene.worktree.name
    first_sight = name not in drafts.fold.known
    if scene.paused:
        return
    settled: dict[str, Content] = {}
    edited: list[tuple[str, Content, Content]] = []
    for path, content in scene.files.items():
        known = drafts.known(name, path)
        if known and known.blob == content.blob:
            continue
        before = Content(known.blob, known.checksum) if known else _at_first(scanner, scene, drafts, path, content)
        if content.blob == before.blob:
            settled[path] = content
            continue
        if first_sight:
            settled[path] = before
        head = scanner.at_head(scene, path)
        known_before = content.blob == head.blob or drafts.shelved(name, path, content.blob)
        if known_before or (scene.head and brought(path, head, content, scene.head)):
            settled[path] = content
        else:
            edited.append((path, before, content))
    if settled or first_sight:
        drafts.add(baseline(scene, settled, witness.source, now))
    for path, before, after in edited:
        drafts.add(_change(scene, scanner.settings, witness, path, before, after, now))


def _at_first(scanner: Scanner, scene: Scene, drafts: Drafts, path: str, content: Content) -> Content:
    """What is known of a path in a worktree where it was never seen: HEAD's, unless it has only begun to be watched."""
    first_sight = scene.worktree.name not in drafts.fold.known
    return scanner.at_head(scene, path) if first_sight or _is_new(path, drafts) else content


def _is_new(path: str, drafts: Drafts) -> bool:
    """Whether a path that nothing is known of has appeared; else it has only begun to be watched."""
    since = tuple(Watch(watch, "") for watch in drafts.fold.fixed.watch)
    return type_of(Settings(watch=since), path) is not None


def baseline(
    scene: Scene,
    contents: dict[str, Content],
    source: str,
    now: float,
    tips: list[str] | None = None,
    watch: list[str] | None = None,
) -> Baseline:
    """What these paths hold, by nobody's edit."""
    return Baseline(
        id=new_id(now),
        timestamp=to_rfc3339(now),
        recorded="",
        worktree=scene.worktree.name,
        branch=scene.branch,
        commit=scene.head,
        source=source,
        files={
            path: {
                "blob": content.blob,
                "checksum": content.checksum,
                "dirty": path in scene.at_head and content.blob != scene.at_head[path].blob,
            }
            for path, content in contents.items()
        },
        tips=tips,
        watch=watch,
    )


def _change(
    scene: Scene, settings: Settings, witness: Witness, path: str, before: Content, after: Content, now: float
) -> Change:
    found = attribute(witness.of_file(scene.worktree.name))
    signature = scene.signatures[path]
    written = min(now, signature[2] / 1e9) if signature else now  # the file's own time; a deletion has none
    return Change(
        id=new_id(now),
        timestamp=to_rfc3339(written),
        recorded="",
        file_path=path,
        file_type=type_of(settings, path) or "",
        event_type=event_type(before.blob, after.blob),
        old_checksum=before.checksum,
        new_checksum=after.checksum,
        agent_owner=found.agent_owner,
        evidence=found.evidence,
        confidence=found.confidence,
        also=found.also,
        author=None,
        source=witness.source,
        worktree=scene.worktree.name,
        branch=scene.branch,
        commit=None,
        old_blob=before.blob,
        new_blob=after.blob,
    )
