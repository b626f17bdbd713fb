"""What a worktree holds: HEAD, the operation that is going on, and the contents of the watched documents."""

import time
from collections.abc import Iterable
from typing import NamedTuple

from agentsync.base import files, git
from agentsync.base.globs import is_glob, literal
from agentsync.base.settings import Settings, pathspecs, type_of
from agentsync.ledger.state import Known
from agentsync.observe.answers import Answers
from agentsync.observe.contents import NOTHING, Content, Contents, of_file
from agentsync.observe.glance import Looks, Signature, around, left_out

MOMENT = 0.25  # seconds that a look waits for a git command that is half way; then it leaves the worktree out
MATCHES = 10_000  # files that globs may match in one worktree; what is beyond is reported


class Stand(NamedTuple):
    """Where git stands in a worktree: a command that is half way, the stat of the index, and of what HEAD is."""

    half_way: git.Operation | None
    index_file: Signature | None
    head: tuple[object, ...]


NOWHERE = Stand(None, None, ())


class Scene(NamedTuple):
    """What a worktree held when it was looked at. `files`: content by path; `stand`, `signatures`: to compare later."""

    worktree: git.Worktree
    head: str | None
    branch: str | None
    stand: Stand
    paused: git.Operation | None
    files: dict[str, Content]
    signatures: dict[str, tuple[int, ...] | None]
    problems: dict[str, str]
    around: dict[str, Signature] = {}

    def still_true(self, common_dir: str) -> bool:
        """Whether HEAD and every file are the ones that were read, and no git command has begun to write them."""
        if stand_of(self.worktree, common_dir) != self.stand or not git.is_there(self.worktree):
            return False
        root = self.worktree.root
        return all(git.signature(f"{root}/{path}") == signature for path, signature in self.signatures.items())


def unread(worktree: git.Worktree, head: str | None) -> Scene:
    """A worktree none of whose files was looked at."""
    return Scene(worktree, head, git.branch_of(worktree.git_dir), NOWHERE, None, {}, {}, {})


def stand_of(worktree: git.Worktree, common_dir: str) -> Stand:
    """What changes when git writes the worktree's files."""
    index = git.signature(f"{worktree.git_dir}/index")
    return Stand(git.half_way(worktree.git_dir), index, git.head_signature(worktree, common_dir))


def settled_stand_of(worktree: git.Worktree, common_dir: str) -> Stand:
    """The same, once no git command is half way; where that takes longer than a moment, with the one that is."""
    until = time.monotonic() + MOMENT
    while (stand := stand_of(worktree, common_dir)).half_way and time.monotonic() < until:
        time.sleep(0.005)
    return stand


def _first_checkout(head: str | None, stand: Stand) -> git.Operation | None:
    """A worktree that is being added has its commit before it has an index and files."""
    return git.Operation("first checkout", time.time()) if head and stand.index_file is None else None


class Scanner:
    """Looks at the worktrees of one clone."""

    def __init__(
        self,
        clone: git.Clone,
        settings: Settings,
        contents: Contents,
        answers: Answers,
        looks: Looks,
        *,
        within: bool,
    ) -> None:
        self.clone = clone
        self.settings = settings
        self.contents = contents
        self.answers = answers
        self.looks = looks
        self.within = within  # a git command may be waiting

    def scan(
        self,
        worktree: git.Worktree,
        head: str | None,
        stand: Stand,
        known: dict[str, Known] | None,
        probable: dict[str, list[Content]],
        ending: tuple[str, ...] = (),
    ) -> Scene:
        """Read what has to be read.

        `stand`: taken before git was asked for `head`. `known`: None at first sight. `probable`: the paths that new
        commits touch, with the contents they likely have.
        """
        branch = git.branch_of(worktree.git_dir)
        paused = git.operation(worktree.git_dir, ending) or stand.half_way or _first_checkout(head, stand)
        scene = Scene(worktree, head, branch, stand, paused, {}, {}, {})
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
            self.answers.ask_head(head, wanted)
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
                    if type_of(self.settings, name.decode()):
                        paths[name.decode()] = None
                except UnicodeDecodeError:
                    problems[name.decode("utf-8", "replace")] = "a name that is not UTF-8"
        paths.update(dict.fromkeys(path for path in known if type_of(self.settings, path)))
        return list(paths)

    def _read(self, scene: Scene, path: str, probable: list[Content]) -> None:
        name, root = scene.worktree.name, scene.worktree.root
        signature = scene.signatures[path] = git.signature(f"{root}/{path}")
        missing = signature is None and files.is_missing(f"{root}/{path}")
        content = NOTHING if missing else signature and self.looks.content(name, path, signature)
        try:
            if content is None and (raw := files.read_document(root, path)) is not None:
                content = of_file(self.contents, root, path, raw, probable, within=self.within)
                self.contents.learn(path, raw, content)
                if signature:
                    self.looks.remember(name, path, signature, content)
            scene.files[path] = content or NOTHING
        except files.UnreadableError as error:
            scene.problems[path] = str(error)

    def _leave_out_sparse(self, scene: Scene, known: dict[str, Known]) -> None:
        """A file that a sparse checkout leaves out is not deleted."""
        missing = [p for p, content in scene.files.items() if content.blob is None and not _is_missing(known.get(p))]
        for path in left_out(scene.worktree, missing):
            scene.files.pop(path, None)


def _is_missing(known: Known | None) -> bool:
    return known is not None and known.blob is None


def _blobs(contents: list[Content] | None) -> list[str | None]:
    return [content.blob for content in contents or ()]


def _contents_of(known: Known | None) -> list[Content]:
    return [Content(known.blob, known.checksum)] if known and known.blob else []
