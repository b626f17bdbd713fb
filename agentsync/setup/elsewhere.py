"""A configuration on another branch than the one that is checked out: it holds here, and the tree is left alone.

A file of ours that git does not track here would keep git from switching to that branch.
"""

from __future__ import annotations

from dataclasses import dataclass

from agentsync.base import config_text, git
from agentsync.base.errors import AgentsyncError, ConfigError
from agentsync.base.git import Clone
from agentsync.base.settings import CONFIG_PATH, Settings

MOST = 50  # branches


@dataclass(frozen=True)
class Elsewhere:
    """The branch or commit that has a configuration (`ref`, as git names it), and what it says."""

    ref: str
    settings: Settings


def find(clone: Clone) -> Elsewhere | None:
    """The first valid configuration in HEAD, the remote's default branch, main, master, then the newest branches.

    Raises AgentsyncError where git knows of one and does not have it here (a partial clone).
    """
    for ref in _refs(clone)[:MOST]:
        try:
            if data := _configuration(clone, ref):
                return Elsewhere(ref, config_text.parse(data, f"{CONFIG_PATH} of {ref}"))
        except ConfigError:
            continue  # whoever works on that branch is told
    return None


def _configuration(clone: Clone, ref: str) -> bytes:
    if not git.answer(["ls-tree", ref, "--", CONFIG_PATH], cwd=clone.folder)[1]:
        return b""
    status, data = git.answer(["cat-file", "blob", f"{ref}:{CONFIG_PATH}"], cwd=clone.folder)
    if status:
        raise AgentsyncError(
            f"{ref} has a configuration whose text is not in this clone",
            cause="it is a partial clone, and agentsync fetches nothing by itself",
            hint=f"git show {ref}:{CONFIG_PATH}  (fetches it), then try again",
        )
    return data


def _refs(clone: Clone) -> list[str]:
    args = ["for-each-ref", "--sort=-committerdate", "--format=%(refname)", "refs/heads", "refs/remotes"]
    every = git.run(args, cwd=clone.folder).decode(errors="surrogateescape").split("\n")[:-1]
    first = ["refs/remotes/origin/HEAD", "refs/heads/main", "refs/heads/master"]
    return list(dict.fromkeys(["HEAD", *(ref for ref in first if ref in every), *every]))
