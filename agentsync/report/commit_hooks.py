"""The user's hooks around a commit that is made by plumbing: what `git commit` runs, with what it gives them."""

from __future__ import annotations

import errno
import functools
import os
import subprocess

from agentsync.base import git
from agentsync.base.errors import AgentsyncError
from agentsync.base.git import Worktree

NAMES = ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit")


class CommitHooks:
    """Runs the hooks of a worktree for a commit that is made of the index file `index`."""

    def __init__(self, worktree: Worktree, index: str) -> None:
        self.worktree = worktree
        self.index = index
        asked = [word for name in NAMES for word in ("--git-path", f"hooks/{name}")]
        where = os.fsdecode(git.run(["rev-parse", *asked], cwd=worktree.root)).splitlines()
        self.scripts = {name: os.path.join(worktree.root, path) for name, path in zip(NAMES, where, strict=True)}

    @functools.cached_property
    def author(self) -> dict[str, str]:
        """Who commits, as variables for hooks and for git. Raises AgentsyncError where nobody has told git."""
        return _author(self.worktree)

    @functools.cached_property
    def env(self) -> dict[str, str]:
        """The environment that hooks get."""
        root, git_dir = self.worktree.root, self.worktree.git_dir
        programs = git.run(["--exec-path"], cwd=root).decode(errors="surrogateescape").strip()
        own = {"GIT_INDEX_FILE": self.index, "GIT_PREFIX": "", "GIT_EDITOR": ":", "GIT_EXEC_PATH": programs}
        if git_dir != f"{root}/.git":
            own["GIT_DIR"] = git_dir
        outside = git.without_local(os.environ)
        path = f"{programs}{os.pathsep}{outside.get('PATH', os.defpath)}"
        return {**outside, **self.author, **own, "PATH": path, "AGENTSYNC": "0"}

    def has(self, *names: str) -> bool:
        """Whether there is any of these hooks."""
        return any(os.access(self.scripts[name], os.X_OK) and not os.path.isdir(self.scripts[name]) for name in names)

    def run(self, name: str, *args: str) -> None:
        """Run one, if there is one; it may take as long as it likes. Raises AgentsyncError if it refuses."""
        script = self.scripts[name]
        if not self.has(name):
            return
        try:
            status = self._start([script, *args])
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise AgentsyncError(f"the hook {name} cannot be run", cause=f"{script}: {error.strerror}") from None
            status = self._start(["sh", script, *args])  # without a #! line, as git does it
        if status:
            raise AgentsyncError(
                f"the hook {name} refused the commit", cause=f"{script} ended with {status}", hint="see above"
            )

    def _start(self, argv: list[str]) -> int:
        # What it prints must not get between the lines of --json.
        nothing = subprocess.DEVNULL
        return subprocess.run(
            argv, cwd=self.worktree.root, env=self.env, stdin=nothing, stdout=2, check=False
        ).returncode


def _author(worktree: Worktree) -> dict[str, str]:
    """Who commits, as variables for hooks and for git. Raises AgentsyncError where nobody has told git."""
    try:
        git.run(["var", "GIT_COMMITTER_IDENT"], cwd=worktree.root)
        said = git.run(["var", "GIT_AUTHOR_IDENT"], cwd=worktree.root)
    except git.GitError as error:
        raise AgentsyncError(
            "git does not know who commits",
            cause=error.cause.splitlines()[0],
            hint='git config user.name "YOUR NAME" && git config user.email YOU@EXAMPLE.ORG',
        ) from None
    who, seconds, zone = said.decode(errors="surrogateescape").strip().rsplit(" ", 2)
    name, _, address = who.removesuffix(">").rpartition(" <")
    return {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": address, "GIT_AUTHOR_DATE": f"@{seconds} {zone}"}
