"""The user's hooks around a commit that is made by plumbing: what `git commit` runs, with what it gives them."""

from __future__ import annotations

import errno
import os
import subprocess
from typing import TYPE_CHECKING

from agentsync import git
from agentsync.errors import AgentsyncError

if TYPE_CHECKING:
    from agentsync.git import Worktree


class CommitHooks:
    """Runs the hooks of a worktree for a commit that is made of the index file `index`."""

    def __init__(self, worktree: Worktree, index: str) -> None:
        self.worktree = worktree
        self.author = _author(worktree)
        programs = git.run(["--exec-path"], cwd=worktree.root).decode(errors="surrogateescape").strip()
        own = {
            "GIT_INDEX_FILE": index,
            "GIT_PREFIX": "",
            "GIT_EDITOR": ":",
            "GIT_EXEC_PATH": programs,
            "AGENTSYNC": "0",
        }
        if worktree.git_dir != f"{worktree.root}/.git":
            own["GIT_DIR"] = worktree.git_dir
        outside = git.without_local(os.environ)
        path = f"{programs}{os.pathsep}{outside.get('PATH', os.defpath)}"
        self.env = {**outside, **self.author, **own, "PATH": path}

    def run(self, name: str, *args: str) -> None:
        """Run one, if there is one; it may take as long as it likes. Raises AgentsyncError if it refuses."""
        where = git.run(["rev-parse", "--git-path", f"hooks/{name}"], cwd=self.worktree.root)
        script = os.path.join(self.worktree.root, os.fsdecode(where).removesuffix("\n"))
        if not os.access(script, os.X_OK) or os.path.isdir(script):
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
