"""What `init` and `uninstall` need of a repository, asked before anything is touched."""

from __future__ import annotations

from agentsync.base import git
from agentsync.base.errors import AgentsyncError
from agentsync.base.git import Clone


def check_trusted(clone: Clone) -> None:
    """Raise git.GitError where git itself refuses to work, as in a repository of another user."""
    git.run(["rev-parse", "--git-dir"], cwd=clone.folder)


def check_trees(clone: Clone) -> None:
    """Raise AgentsyncError for a treeless clone: what a commit touched is not in it, and nothing is fetched unasked."""
    said = git.answer(["config", "-z", "--get-regexp", r"^remote\..*\.partialclonefilter$"], cwd=clone.folder)[1]
    for name, _, value in (entry.partition("\n") for entry in said.decode(errors="replace").split("\0")):
        if "tree:" in value:
            remote = name.removeprefix("remote.").removesuffix(".partialclonefilter")
            raise AgentsyncError(
                f"this is a treeless clone (--filter={value})",
                cause="which documents a commit touches is not known here, and agentsync fetches nothing by itself",
                hint="fetch the trees as well (git 2.36 or newer): "
                f"git config {name} blob:none && git fetch --refetch {remote}",
            )
