"""`agentsync publish`: a commit with the newest report and nothing else, so that others see it.

The commit is put together beside the index and the files, as `git notes` does: whatever is staged or edited stays as it
is, and no commit hooks run. HEAD and the index change together, while no other git can change either of them. Reports
are published on one branch: two branches with reports would conflict in them.
"""

import os
import time
from contextlib import suppress
from dataclasses import dataclass

from agentsync.base import git
from agentsync.base.crash import crash
from agentsync.base.errors import AgentsyncError
from agentsync.base.git import Clone, Worktree
from agentsync.base.settings import Settings
from agentsync.ledger.view import View
from agentsync.report import consolidate, git_index, obstacle, pages, paid, region
from agentsync.report.phrases import PHRASES

MAIN = ("main", "master")
TRIES = 10  # new attempts after somebody else has moved the branch
PATIENCE = 2.0  # seconds
SIGNING = 600.0  # seconds; somebody may have to type a passphrase


@dataclass(frozen=True)
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
            "the report could not be published", cause=cause, hint="nothing was changed; fix that, then try again"
        ) from None


def _publish(clone: Clone, worktree: Worktree, view: View, settings: Settings) -> Published:
    why = ""
    for _ in range(TRIES):
        branch = _require_branch(clone, worktree, settings)
        attempt = _Attempt(worktree, branch, _page(view.catch_up(), settings))
        if not attempt.prepare():
            return Published(None, branch)
        if commit := attempt.commit():
            paid.remember(worktree, paid.shown(worktree))  # owed: its region may have to stand elsewhere now
            consolidate.write(clone, worktree, view, settings)
            return Published(commit, branch)
        why = attempt.why
    raise AgentsyncError(
        "the report could not be published",
        cause=why or "the branch keeps moving, or other commands keep git's index locked",
        hint="try again; nothing was changed",
    )


# Where, and whether at all


def branch_of_reports(clone: Clone, settings: Settings) -> str:
    """The branch on which reports are published; "" where none can be told."""
    if settings.report.branch:
        return settings.report.branch
    remotes = git.run(["for-each-ref", "--format=%(refname) %(symref)", "refs/remotes/*/HEAD"], cwd=clone.folder)
    targets = dict(line.split(" ", 1) for line in remotes.decode(errors="surrogateescape").splitlines())
    origin = targets.get("refs/remotes/origin/HEAD") or next((one for one in targets.values() if one), "")
    if origin:
        return origin.split("/", 3)[3]
    heads = [f"refs/heads/{name}" for name in MAIN]
    listed = git.run(["for-each-ref", "--format=%(refname:short)", *heads], cwd=clone.folder).decode().split()
    return min(listed, key=MAIN.index, default="")


def _require_branch(clone: Clone, worktree: Worktree, settings: Settings) -> str:
    """The branch of reports, which the worktree has checked out. Raises AgentsyncError if it has not."""
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


def _require_calm(worktree: Worktree, settings: Settings) -> None:
    """Nothing is in the way. git holds its lock for a moment only, mostly: that is waited for."""
    deadline = time.monotonic() + PATIENCE
    while why := obstacle.of_report(worktree, settings):
        if why != obstacle.LOCKED or time.monotonic() >= deadline:
            raise AgentsyncError("the report cannot be published now", cause=why, hint="finish that, then try again")
        time.sleep(0.01)


# What


@dataclass(frozen=True)
class _Page:
    """The newest report: its file, the id of its newest record, Markdown, the title of a new section, the message."""

    path: str
    id: str
    body: str
    heading: str
    message: str


def _page(view: View, settings: Settings) -> _Page:
    last, page, report = view.state.last, view.state.page, settings.report
    if last is None or page is None:
        raise AgentsyncError(
            "no report to publish", cause="nothing has been reported yet", hint="agentsync consolidate --commit"
        )
    message = report.message.replace("{time}", last.timestamp)
    return _Page(report.path, page.id, pages.body(view, settings), PHRASES[report.language].heading, message)


class _Attempt:
    """One commit on top of the HEAD that is found when it is made. `why`: what git said when it could not move.

    Between the question where HEAD is and its move lie no more processes than must be: so few come between.
    """

    def __init__(self, worktree: Worktree, branch: str, page: _Page) -> None:
        self.worktree, self.branch, self.page, self.path = worktree, branch, page, page.path
        self.signed = self._signed()
        self.why = ""
        status, head = git.answer(["rev-parse", "--verify", "-q", "HEAD^{commit}"], cwd=worktree.root)
        if status:
            raise self._no_file(f"{branch} has no commit yet")
        self.head = head.decode().strip()

    def prepare(self) -> bool:
        """Store the file with the report as HEAD and the index are to have it; False if HEAD has it already."""
        self.mode, blob = self._in_head()
        old = self._content(blob)
        try:
            new = region.put(old, self.page.body, self.page.id, self.page.heading)
            found = region.find(old)
        except region.BrokenRegionError as error:
            raise AgentsyncError(
                f"HEAD:{self.path}: {error}", hint=f"repair {self.path}, commit that, then try again"
            ) from None
        self.entry = self._staged()
        if new == old or (found and found.id > self.page.id):  # an id begins with its time
            self._mend(old, blob)
            return False
        self.blob = self._store(new)
        if self.entry:
            same = self.entry.oid == blob
            self.staged = self.blob if same else self._store(_with_region(self._content(self.entry.oid), new))
        return True

    def _mend(self, old: bytes, blob: str) -> None:
        """Give the index HEAD's region: whoever was killed after moving the branch has left the one before it."""
        if self.entry and self.entry.oid != blob:
            indexed = self._content(self.entry.oid)
            staged = _with_region(indexed, old)
            if staged != indexed:
                git_index.put(self.worktree, self.path, self.entry, self._store(staged))

    def commit(self) -> str:
        """Make the commit; "" if HEAD has moved or the index could not be had. Raises AgentsyncError."""
        self._require_name()
        args = ["commit-tree", self._tree(), "-p", self.head, *self.signed]
        message = git.run(["stripspace"], cwd=self.worktree.root, stdin=self.page.message.encode())
        new = git.run(args, cwd=self.worktree.root, stdin=message, timeout=SIGNING).decode().strip()
        if self.entry is None:  # somebody has staged the file's deletion: it stays staged
            moved = self._update_ref(new)
        else:
            moved = git_index.put(self.worktree, self.path, self.entry, self.staged, lambda: self._update_ref(new))
        return new if moved else ""

    def _tree(self) -> str:
        """HEAD with the report, by an index of its own; `git_index` clears away what a killed process has left."""
        index = f"{self.worktree.git_dir}/index.agentsync.{os.getpid()}.publish"
        env = {"GIT_INDEX_FILE": index}
        try:
            self._git("read-tree", self.head, env=env)
            self._git("update-index", "--cacheinfo", f"{self.mode},{self.blob},{self.path}", env=env)
            return self._git("write-tree", "--missing-ok", env=env)
        finally:
            with suppress(OSError):
                os.unlink(index)

    def _update_ref(self, new: str) -> bool:
        if git.branch_of(self.worktree.git_dir) != self.branch:
            return False
        note = f"commit: {self.page.message.strip().splitlines()[0]}"
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
            raise self._no_file(f"{self.path} is not committed as a file")
        return mode, blob

    def _no_file(self, what: str) -> AgentsyncError:
        return AgentsyncError(
            what,
            cause="a report can only be published into a committed file",
            hint=f"git add {self.path} && git commit, then try again",
        )

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

    def _require_name(self) -> None:
        try:
            self._git("var", "GIT_COMMITTER_IDENT")
            self._git("var", "GIT_AUTHOR_IDENT")
        except git.GitError as error:
            raise AgentsyncError(
                "git does not know your name and address",
                cause=error.cause.splitlines()[0],
                hint='git config user.name "YOUR NAME" && git config user.email YOU@EXAMPLE.ORG',
            ) from None

    def _git(self, *args: str, env: dict[str, str] | None = None) -> str:
        out = git.run(list(args), cwd=self.worktree.root, env=env)
        return out.decode(errors="surrogateescape").strip()


def _with_region(indexed: bytes, new: bytes) -> bytes:
    """What is staged, with the published region. Text whose markers are broken stays as it is."""
    try:
        return region.as_stored(indexed, new)
    except region.BrokenRegionError:
        return indexed
