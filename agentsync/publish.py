"""`agentsync publish`: a commit with the newest report and nothing else, so that others see it.

The commit is put together beside the index and the files: whatever is staged or edited stays as it is. HEAD and the
index change together, while no other git can change either of them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from typing import TYPE_CHECKING

from agentsync import consolidate, files, git, index_entry, region
from agentsync.commit_hooks import CommitHooks
from agentsync.errors import AgentsyncError
from agentsync.lean import frozen
from agentsync.ledger import crash
from agentsync.phrases import PHRASES
from agentsync.render import render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agentsync.checkpoint import View
    from agentsync.git import Clone, Worktree
    from agentsync.settings import Settings

TRIES = 10  # new attempts after somebody else has moved the branch
PATIENCE = 2.0  # seconds
SIGNING = 600.0  # seconds; somebody may have to type a passphrase
MAIN = ("main", "master")
_SCRATCH = "agentsync-publish."


@frozen
class Published:
    """The commit with the report, None if the branch shows it already, and the branch."""

    commit: str | None
    branch: str


def publish(clone: Clone, worktree: Worktree, view: View, settings: Settings) -> Published:
    """Commit the newest report on the branch for reports. Raises AgentsyncError, with nothing changed."""
    _require_branch(clone, worktree, settings)
    _require_calm(worktree, settings)
    try:
        return _publish(clone, worktree, view, settings)
    except (git.GitError, OSError) as error:
        cause = error.cause if isinstance(error, git.GitError) else str(error)
        raise AgentsyncError(
            "the report could not be published", cause=cause, hint="nothing was changed; mend that, then try again"
        ) from None


def _require_calm(worktree: Worktree, settings: Settings) -> None:
    """Nothing is in the way. git holds its lock for a moment only, mostly: that is waited for."""
    deadline = time.monotonic() + PATIENCE
    while why := consolidate.obstacle(worktree, settings):
        if why != index_entry.LOCKED or time.monotonic() >= deadline:
            raise AgentsyncError("the report cannot be published now", cause=why, hint="end that, then try again")
        time.sleep(0.01)


def _publish(clone: Clone, worktree: Worktree, view: View, settings: Settings) -> Published:
    why = ""
    for _ in range(TRIES):
        branch = _require_branch(clone, worktree, settings)
        last = view.catch_up().state.last
        if last is None:
            raise AgentsyncError(
                "there is no report to publish",
                cause="nothing was consolidated yet",
                hint="agentsync consolidate --commit",
            )
        attempt = _Attempt(worktree, branch, settings.report.path, last.timestamp)
        body = render(consolidate.newest(view, settings.report.keep), settings.report.language)
        if not attempt.prepare(body, last.id, PHRASES[settings.report.language].heading):
            return Published(None, branch)
        if commit := attempt.commit():
            index_entry.note_stat(worktree, settings.report.path)
            return Published(commit, branch)
        why = attempt.why
    raise AgentsyncError(
        "the report could not be published",
        cause=why or "the branch is moving, or git's index is held by other commands all the time",
        hint="try again; nothing was changed",
    )


def required(here: Worktree | None) -> Worktree:
    """The worktree asked from. Raises AgentsyncError in a bare repository."""
    if here is None:
        raise AgentsyncError(
            "this is a bare repository",
            cause="a report is published in the worktree that has the branch checked out",
            hint="git worktree add ../DIR BRANCH, then agentsync -C ../DIR publish",
        )
    return here


def branch_of_reports(clone: Clone, settings: Settings) -> str:
    """The branch on which reports are published; "" where none can be told."""
    if settings.report.branch:
        return settings.report.branch
    remotes = git.run(["for-each-ref", "--format=%(refname) %(symref)", "refs/remotes/*/HEAD"], cwd=clone.common_dir)
    targets = dict(line.split(" ", 1) for line in remotes.decode(errors="surrogateescape").splitlines())
    origin = targets.get("refs/remotes/origin/HEAD") or next((one for one in targets.values() if one), "")
    if origin:
        return origin.split("/", 3)[3]
    listed = git.run(
        ["for-each-ref", "--format=%(refname:short)", *(f"refs/heads/{name}" for name in MAIN)], cwd=clone.common_dir
    )
    return next(iter(sorted(listed.decode().split(), key=MAIN.index)), "")


def _require_branch(clone: Clone, worktree: Worktree, settings: Settings) -> str:
    branch, here = branch_of_reports(clone, settings), git.branch_of(worktree.git_dir)
    if not branch:
        raise AgentsyncError(
            "nothing says on which branch reports are published",
            cause="the remote has no default branch here, and there is neither main nor master",
            hint='write branch = "NAME" under [report] in .agentsync/config.toml',
        )
    if here != branch:
        elsewhere = next((one for one in git.worktrees(clone) if git.branch_of(one.git_dir) == branch), None)
        raise AgentsyncError(
            f"reports are published on {branch} only",
            cause=f"this worktree has {here or 'a detached HEAD'}; two branches with reports would conflict in them",
            hint=f"agentsync -C {elsewhere.root} publish" if elsewhere else f"git switch {branch}, then try again",
        )
    return branch


class _Attempt:
    """One commit on top of the HEAD that is found when it is made. `why`: what git said when it could not move."""

    def __init__(self, worktree: Worktree, branch: str, path: str, timestamp: str) -> None:
        self.worktree, self.branch, self.path, self.timestamp = worktree, branch, path, timestamp
        self.why = ""
        status, head = git.answer(["rev-parse", "--verify", "-q", "HEAD^{commit}"], cwd=worktree.root)
        if status:
            raise AgentsyncError(
                f"{branch} has no commit yet",
                cause="a report is published into a file that is committed",
                hint=f"git add {path} && git commit, then try again",
            )
        self.head = head.decode().strip()

    def prepare(self, body: str, id_: str, heading: str) -> bool:
        """Store the file with the report as HEAD and the index are to have it; False if HEAD has it already."""
        mode, blob = self._in_head()
        old = self._content(blob)
        try:
            new = region.put(old, body, id_, heading)
            found = region.find(old)
        except region.BrokenRegionError as error:
            raise AgentsyncError(
                f"HEAD:{self.path}: {error}", hint=f"repair {self.path}, commit that, then try again"
            ) from None
        if new == old or (found and found.id > id_):  # an id begins with its time
            self._stage_region_of(old, blob)
            return False
        self.mode, self.blob = mode, self._store(new)
        self.entry = self._staged()
        if self.entry:
            same = self.entry.oid == blob
            self.staged = self.blob if same else self._store(_with_region(self._content(self.entry.oid), new))
        return True

    def _stage_region_of(self, old: bytes, blob: str) -> None:
        """Give the index HEAD's region: whoever was killed after moving the branch has left the one before it."""
        entry = self._staged()
        if entry and entry.oid != blob:
            indexed = self._content(entry.oid)
            staged = _with_region(indexed, old)
            if staged != indexed:
                index_entry.put(self.worktree, self.path, entry, self._store(staged))

    def commit(self) -> str:
        """Make the commit; "" if HEAD has moved or the index could not be had. Raises AgentsyncError."""
        with _scratch(self.worktree) as folder:
            index = f"{folder}/index"
            hooks = CommitHooks(self.worktree, index)
            tree = self._tree(index)
            hooks.run("pre-commit")
            if self._git("write-tree", env={"GIT_INDEX_FILE": index}) != tree:
                raise AgentsyncError(
                    "the hook pre-commit changed what would be committed",
                    cause="the commit of a report holds nothing else",
                    hint=f"let the hook leave {self.path} alone, then try again",
                )
            message = f"{folder}/COMMIT_EDITMSG"  # not git's own: somebody's editor may have that one open
            with open(message, "w", encoding="utf-8") as file:
                file.write(f"agentsync: report of {self.timestamp}\n")
            hooks.run("prepare-commit-msg", message, "message")
            hooks.run("commit-msg", message)
            new = self._commit_tree(tree, message, hooks.author)
            if not self._move(new):
                return ""
            hooks.env["GIT_INDEX_FILE"] = f"{self.worktree.git_dir}/index"
            with contextlib.suppress(AgentsyncError):
                hooks.run("post-commit")
        return new

    def _tree(self, index: str) -> str:
        """HEAD with the report, in an index that knows the files' stat and what a sparse checkout leaves out."""
        env = {"GIT_INDEX_FILE": index}
        real = f"{self.worktree.git_dir}/index"
        if os.path.exists(real):
            shutil.copyfile(real, index)
        self._git("read-tree", "--reset", self.head, env=env)
        self._git("update-index", "--cacheinfo", f"{self.mode},{self.blob},{self.path}", env=env)
        with contextlib.suppress(git.GitError):  # as for the others: a hook that asks git for edits is told of edits
            self._git("--literal-pathspecs", "add", "--refresh", "--", self.path, env=env)
        return self._git("write-tree", env=env)

    def _commit_tree(self, tree: str, message: str, author: dict[str, str]) -> str:
        with open(message, "rb") as file:
            text = git.run(["stripspace"], cwd=self.worktree.root, stdin=file.read())
        if not text:
            raise AgentsyncError("the commit message is empty", cause="a hook has emptied it")
        args = ["commit-tree", tree, "-p", self.head, *self._signed()]
        return git.run(args, cwd=self.worktree.root, stdin=text, env=author, timeout=SIGNING).decode().strip()

    def _move(self, new: str) -> bool:
        if self.entry is None:  # somebody has staged the file's deletion: it stays staged
            return self._update_ref(new)
        return index_entry.put(self.worktree, self.path, self.entry, self.staged, lambda: self._update_ref(new))

    def _update_ref(self, new: str) -> bool:
        if git.branch_of(self.worktree.git_dir) != self.branch:
            return False
        note = f"commit: agentsync: report of {self.timestamp}"
        try:
            self._git("update-ref", "-m", note, f"refs/heads/{self.branch}", new, self.head)
        except git.GitError as error:
            self.why = error.cause
            return False
        crash("publish")
        return True

    def _in_head(self) -> tuple[str, str]:
        said = self._git("--literal-pathspecs", "ls-tree", "-z", self.head, "--", self.path).rstrip("\0")
        mode, _, blob = said.partition("\t")[0].partition(" blob ")
        if not mode.startswith("100"):
            raise AgentsyncError(
                f"{self.path} is not in HEAD as a file",
                cause="a report is published into a file that is committed",
                hint=f"git add {self.path} && git commit, then try again",
            )
        return mode, blob

    def _staged(self) -> index_entry.Entry | None:
        """The entry that is to have the report; None if a deletion, a link or the intent to add the file is staged."""
        entry = index_entry.find(self.worktree, self.path)
        if entry is None or not entry.mode.startswith("100"):
            return None
        return None if entry.empty and index_entry.is_intended(self.worktree, self.path) else entry

    def _content(self, oid: str) -> bytes:
        return git.run(["cat-file", "blob", oid], cwd=self.worktree.root)

    def _store(self, data: bytes) -> str:
        args = ["hash-object", "-w", "--no-filters", "--stdin"]
        return git.run(args, cwd=self.worktree.root, stdin=data).decode().strip()

    def _signed(self) -> list[str]:
        status, out = git.answer(["config", "--type=bool", "--get", "commit.gpgsign"], cwd=self.worktree.root)
        return ["-S"] if status == 0 and out.strip() == b"true" else []

    def _git(self, *args: str, env: dict[str, str] | None = None) -> str:
        out = git.run(list(args), cwd=self.worktree.root, env=env)
        return out.decode(errors="surrogateescape").strip()


@contextlib.contextmanager
def _scratch(worktree: Worktree) -> Iterator[str]:
    """A folder for a private index and a message; those that a killed process has left are taken away."""
    for name in os.listdir(worktree.git_dir):
        pid = name.removeprefix(_SCRATCH)
        if name.startswith(_SCRATCH) and pid.isdigit() and not files.is_running(int(pid)):
            shutil.rmtree(f"{worktree.git_dir}/{name}", ignore_errors=True)
    folder = f"{worktree.git_dir}/{_SCRATCH}{os.getpid()}"
    os.mkdir(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _with_region(indexed: bytes, new: bytes) -> bytes:
    """What is staged, with the published region. Text whose markers are broken stays as it is."""
    try:
        return region.as_stored(indexed, new) if region.find(indexed) else region.insert(indexed, new)
    except region.BrokenRegionError:
        return indexed
