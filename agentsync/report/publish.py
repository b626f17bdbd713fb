"""`agentsync publish`: a commit with the newest report and nothing else, so that others see it.

The commit is put together beside the index and the files: whatever is staged or edited stays as it is. HEAD and the
index change together, while no other git can change either of them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass

from agentsync.base import files, git
from agentsync.base.crash import crash
from agentsync.base.errors import AgentsyncError
from agentsync.base.git import Clone, Worktree
from agentsync.base.settings import Settings
from agentsync.ledger.view import View
from agentsync.report import consolidate, git_index, obstacle, pages, paid, region
from agentsync.report.commit_hooks import CommitHooks
from agentsync.report.phrases import PHRASES
from agentsync.report.publish_branch import require_branch

TRIES = 10  # new attempts after somebody else has moved the branch
PATIENCE = 2.0  # seconds
SIGNING = 600.0  # seconds; somebody may have to type a passphrase
_SCRATCH = "agentsync-publish."


@dataclass(frozen=True)
class Published:
    """The commit with the report, None if the branch shows it already, and the branch."""

    commit: str | None
    branch: str


def publish(clone: Clone, worktree: Worktree, view: View, settings: Settings) -> Published:
    """Commit the newest report on the branch for reports. Raises AgentsyncError, with nothing changed."""
    require_branch(clone, worktree, settings)
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
    while why := obstacle.of_report(worktree, settings):
        if why != obstacle.LOCKED or time.monotonic() >= deadline:
            raise AgentsyncError("the report cannot be published now", cause=why, hint="end that, then try again")
        time.sleep(0.01)


def _publish(clone: Clone, worktree: Worktree, view: View, settings: Settings) -> Published:
    branch = require_branch(clone, worktree, settings)
    why = ""
    with _scratch(worktree) as folder:
        hooks = CommitHooks(worktree, f"{folder}/index")
        for _ in range(TRIES):
            if git.branch_of(worktree.git_dir) != branch:
                branch = require_branch(clone, worktree, settings)
            page = _page(view.catch_up(), settings)
            attempt = _Attempt(worktree, branch, page, hooks)
            if not attempt.prepare():
                return Published(None, branch)
            if commit := attempt.commit(folder):
                paid.mark_paid(worktree, paid.shown(worktree))  # owed: its region may have to stand elsewhere now
                consolidate.write(clone, worktree, view, settings)
                return Published(commit, branch)
            why = attempt.why
    raise AgentsyncError(
        "the report could not be published",
        cause=why or "the branch is moving, or git's index is held by other commands all the time",
        hint="try again; nothing was changed",
    )


@dataclass(frozen=True)
class _Page:
    """The newest report: its file, its consolidation's id and time, Markdown, and the title of a new section."""

    path: str
    id: str
    timestamp: str
    body: str
    heading: str


def _page(view: View, settings: Settings) -> _Page:
    last, report = view.state.last, settings.report
    if last is None:
        raise AgentsyncError(
            "there is no report to publish", cause="nothing was consolidated yet", hint="agentsync consolidate --commit"
        )
    return _Page(report.path, last.id, last.timestamp, pages.body(view, settings), PHRASES[report.language].heading)


def required(here: Worktree | None) -> Worktree:
    """The worktree asked from. Raises AgentsyncError in a bare repository."""
    if here is None:
        raise AgentsyncError(
            "this is a bare repository",
            cause="a report is published in the worktree that has the branch checked out",
            hint="git worktree add ../DIR BRANCH, then agentsync -C ../DIR publish",
        )
    return here


class _Attempt:
    """One commit on top of the HEAD that is found when it is made. `why`: what git said when it could not move.

    Between the question where HEAD is and its move lie no more processes than must be: so few come between.
    """

    def __init__(self, worktree: Worktree, branch: str, page: _Page, hooks: CommitHooks) -> None:
        self.worktree, self.branch, self.page, self.hooks = worktree, branch, page, hooks
        self.path = page.path
        self.signed = self._signed()
        self.why = ""
        status, head = git.answer(["rev-parse", "--verify", "-q", "HEAD^{commit}"], cwd=worktree.root)
        if status:
            raise AgentsyncError(
                f"{branch} has no commit yet",
                cause="a report is published into a file that is committed",
                hint=f"git add {self.path} && git commit, then try again",
            )
        self.head = head.decode().strip()

    def prepare(self) -> bool:
        """Store the file with the report as HEAD and the index are to have it; False if HEAD has it already."""
        mode, blob = self._in_head()
        old = self._content(blob)
        try:
            new = region.put(old, self.page.body, self.page.id, self.page.heading)
            found = region.find(old)
        except region.BrokenRegionError as error:
            raise AgentsyncError(
                f"HEAD:{self.path}: {error}", hint=f"repair {self.path}, commit that, then try again"
            ) from None
        if new == old or (found and found.id > self.page.id):  # an id begins with its time
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
                git_index.put(self.worktree, self.path, entry, self._store(staged))

    def commit(self, folder: str) -> str:
        """Make the commit; "" if HEAD has moved or the index could not be had. Raises AgentsyncError."""
        author = self.hooks.author
        tree = self._tree()
        args = ["commit-tree", tree, "-p", self.head, *self.signed]
        message = self._message(folder)
        new = (
            git.run(args, cwd=self.worktree.root, stdin=message, env=author, timeout=SIGNING, terminal=True)
            .decode()
            .strip()
        )
        if not self._move(new):
            return ""
        if self.hooks.has("post-commit"):
            self.hooks.env["GIT_INDEX_FILE"] = f"{self.worktree.git_dir}/index"
            with contextlib.suppress(AgentsyncError):
                self.hooks.run("post-commit")
        return new

    def _tree(self) -> str:
        """HEAD with the report, as the hook before a commit leaves it."""
        env = {"GIT_INDEX_FILE": self.hooks.index}
        real = f"{self.worktree.git_dir}/index"
        if os.path.exists(real):  # so it knows the files' stat, and what a sparse checkout leaves out
            shutil.copyfile(real, self.hooks.index)
        self._git("read-tree", "--reset", self.head, env=env)
        self._git("update-index", "--cacheinfo", f"{self.mode},{self.blob},{self.path}", env=env)
        tree = self._git("write-tree", env=env)
        if self.hooks.has("pre-commit"):
            with contextlib.suppress(git.GitError):
                self._git("--literal-pathspecs", "add", "--refresh", "--", self.path, env=env)
            self.hooks.run("pre-commit")
            if self._git("write-tree", env=env) != tree:
                raise AgentsyncError(
                    "the hook pre-commit changed what would be committed",
                    cause="the commit of a report holds nothing else",
                    hint=f"let the hook leave {self.path} alone, then try again",
                )
        return tree

    def _message(self, folder: str) -> bytes:
        """What the commit says, as the hooks leave it."""
        text = f"agentsync: report of {self.page.timestamp}\n".encode()
        if not self.hooks.has("prepare-commit-msg", "commit-msg"):
            return text
        path = f"{folder}/COMMIT_EDITMSG"  # not git's own: somebody's editor may have that one open
        with open(path, "wb") as file:
            file.write(text)
        self.hooks.run("prepare-commit-msg", path, "message")
        self.hooks.run("commit-msg", path)
        with open(path, "rb") as file:
            text = git.run(["stripspace"], cwd=self.worktree.root, stdin=file.read())
        if not text:
            raise AgentsyncError("the commit message is empty", cause="a hook has emptied it")
        return text

    def _move(self, new: str) -> bool:
        if self.entry is None:  # somebody has staged the file's deletion: it stays staged
            return self._update_ref(new)
        return git_index.put(self.worktree, self.path, self.entry, self.staged, lambda: self._update_ref(new))

    def _update_ref(self, new: str) -> bool:
        if git.branch_of(self.worktree.git_dir) != self.branch:
            return False
        note = f"commit: agentsync: report of {self.page.timestamp}"
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

    def _staged(self) -> git_index.Entry | None:
        """The entry that is to have the report; None if a deletion, a link or the intent to add the file is staged."""
        entry = git_index.find(self.worktree, self.path)
        if entry is None or not entry.mode.startswith("100"):
            return None
        return None if entry.empty and git_index.is_intended(self.worktree, self.path) else entry

    def _content(self, oid: str) -> bytes:
        return git.run(["cat-file", "blob", oid], cwd=self.worktree.root)

    def _store(self, data: bytes) -> str:
        return git.store_blob(data, cwd=self.worktree.root)

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
        return region.as_stored(indexed, new)
    except region.BrokenRegionError:
        return indexed
