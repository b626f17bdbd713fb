"""`agentsync publish`: a commit with the newest report and nothing else, so that others see it.

The commit is put together beside the index and the files: whatever is staged or edited stays as it is. HEAD and the
index change together, while no other git can change either of them.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from typing import TYPE_CHECKING

from agentsync import consolidate, git, index_entry, region
from agentsync.errors import AgentsyncError
from agentsync.lean import frozen
from agentsync.phrases import PHRASES
from agentsync.render import render

if TYPE_CHECKING:
    from agentsync.checkpoint import View
    from agentsync.git import Clone, Worktree
    from agentsync.settings import Settings

TRIES = 10  # new attempts after somebody else has moved the branch
MAIN = ("main", "master")


@frozen
class Published:
    """The commit with the report, None if the branch shows it already, and the branch."""

    commit: str | None
    branch: str


def publish(clone: Clone, worktree: Worktree, view: View, settings: Settings) -> Published:
    """Commit the newest report on the branch for reports. Raises AgentsyncError, with nothing changed."""
    branch = _require_branch(clone, worktree, settings)
    why = consolidate.obstacle(worktree, settings)
    if why:
        raise AgentsyncError("the report cannot be published now", cause=why, hint="end that, then try again")
    last = view.state.last
    if last is None:
        raise AgentsyncError(
            "there is no report to publish", cause="nothing was consolidated yet", hint="agentsync consolidate --commit"
        )
    body = render(consolidate.newest(view, settings.report.keep), settings.report.language)
    heading = PHRASES[settings.report.language].heading
    for _ in range(TRIES):
        attempt = _Attempt(worktree, settings.report.path, last.timestamp)
        if not attempt.prepare(body, last.id, heading):
            return Published(None, branch)
        if commit := attempt.commit():
            index_entry.note_stat(worktree, settings.report.path)
            return Published(commit, branch)
    raise AgentsyncError(
        "the report could not be published",
        cause="the branch is moving, or git's index is held by other commands all the time",
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
    """One commit on top of the HEAD that is found when it is made."""

    def __init__(self, worktree: Worktree, path: str, timestamp: str) -> None:
        self.worktree, self.path, self.timestamp = worktree, path, timestamp
        self.head = self._git("rev-parse", "--verify", "HEAD^{commit}")

    def prepare(self, body: str, id_: str, heading: str) -> bool:
        """Store the file with the report as HEAD and the index are to have it; False if HEAD has it already."""
        mode, blob = self._in_head()
        old = git.run(["cat-file", "blob", blob], cwd=self.worktree.root)
        try:
            new = region.put(old, body, id_, heading)
        except region.BrokenRegionError as error:
            raise AgentsyncError(
                f"HEAD:{self.path}: {error}", hint=f"repair {self.path}, commit that, then try again"
            ) from None
        if new == old:
            return False
        self.mode, self.blob = mode, self._store(new)
        self.entry = index_entry.find(self.worktree, self.path)
        self.staged = ""
        if self.entry:
            indexed = git.run(["cat-file", "blob", self.entry.oid], cwd=self.worktree.root)
            self.staged = self.blob if self.entry.oid == blob else self._store(_with_region(indexed, new))
        return True

    def commit(self) -> str:
        """Make the commit; "" if HEAD has moved or the index could not be had. Raises AgentsyncError."""
        with tempfile.TemporaryDirectory(prefix="agentsync-", dir=self.worktree.git_dir) as folder:
            env = {"GIT_INDEX_FILE": f"{folder}/index"}
            self._git("read-tree", self.head, env=env)
            self._git("update-index", "--cacheinfo", f"{self.mode},{self.blob},{self.path}", env=env)
            self._hook("pre-commit", env=env)
            tree = self._git("write-tree", env=env)
            message = f"{folder}/COMMIT_EDITMSG"
            with open(message, "w", encoding="utf-8") as file:
                file.write(f"agentsync: report of {self.timestamp}\n")
            self._hook("prepare-commit-msg", message, "message", env=env)
            self._hook("commit-msg", message, env=env)
            new = self._git("commit-tree", tree, "-p", self.head, "-F", message, *self._signed())
        if not self._move(new):
            return ""
        self._hook("post-commit", check=False)
        return new

    def _move(self, new: str) -> bool:
        def update_ref() -> bool:
            note = f"commit: agentsync: report of {self.timestamp}"
            return git.answer(["update-ref", "-m", note, "HEAD", new, self.head], cwd=self.worktree.root)[0] == 0

        if self.entry is None:  # somebody has staged the file's deletion: it stays staged
            return update_ref()
        now = index_entry.find(self.worktree, self.path)
        if now != self.entry:
            return False
        return index_entry.put(self.worktree, self.path, self.entry.mode, self.staged, update_ref)

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

    def _store(self, data: bytes) -> str:
        args = ["hash-object", "-w", "--no-filters", "--stdin"]
        return git.run(args, cwd=self.worktree.root, stdin=data).decode().strip()

    def _signed(self) -> list[str]:
        status, out = git.answer(["config", "--type=bool", "--get", "commit.gpgsign"], cwd=self.worktree.root)
        return ["-S"] if status == 0 and out.strip() == b"true" else []

    def _hook(self, name: str, *args: str, env: dict[str, str] | None = None, check: bool = True) -> None:
        """Run the user's hook as `git commit` does; it may take as long as it likes, and refuse."""
        where = self._git("rev-parse", "--git-path", f"hooks/{name}")
        script = os.path.join(self.worktree.root, where)
        if not os.access(script, os.X_OK):
            return
        own = {"GIT_DIR": self.worktree.git_dir, "GIT_EDITOR": ":", "AGENTSYNC": "0", **(env or {})}
        done = subprocess.run([script, *args], cwd=self.worktree.root, env={**os.environ, **own}, stdout=2, check=False)
        if check and done.returncode:
            raise AgentsyncError(
                f"the hook {name} refused the commit", cause=f"{script} ended with {done.returncode}", hint="see above"
            )

    def _git(self, *args: str, env: dict[str, str] | None = None) -> str:
        out = git.run(list(args), cwd=self.worktree.root, env=env)
        return out.decode(errors="surrogateescape").strip()


def _with_region(indexed: bytes, new: bytes) -> bytes:
    """What is staged, with the published region. Text whose markers are broken stays as it is."""
    try:
        return region.as_stored(indexed, new) if region.find(indexed) else region.insert(indexed, new)
    except region.BrokenRegionError:
        return indexed
