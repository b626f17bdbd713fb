"""git's clean filter: hands git the report's file with the region as the index has it, or with none.

It runs inside of git's own commands (`add`, `status`, `diff`, `stash`, ...), so it reads no ledger, takes no lock,
waits for nothing longer than TIMEOUT, and whatever it cannot judge it passes through as it came.
"""

from __future__ import annotations

import os

from agentsync.base import files, git
from agentsync.report import paid, region

TIMEOUT = 3.0  # seconds for one question to git


class _UnsettledError(Exception):
    """The index does not say which region is right."""


def clean(path: str, content: bytes) -> bytes:
    """The file's bytes as git should store them. Raises what goes wrong; git then gets `content` as it is.

    Somebody who writes the whole file anew leaves the region out, and takes no published report out of git by that.
    """
    if len(content) > files.MAX_DOCUMENT or not region.is_text(content):
        return content
    found = region.find(content)
    here = git.locate(os.getcwd()).here
    if here is None or (git.operation(here.git_dir) and (found is None or found.id not in paid.written(here))):
        return content  # whoever resolves a conflict decides; what this worktree's reports wrote is no part of it
    try:
        return region.as_stored(content, _stored(path))
    except _UnsettledError:
        return content


def _stored(path: str) -> bytes:
    """The file as the index has it, else as HEAD has it, else nothing."""
    if (blob := _blob(f":0:{path}")) is not None:
        return blob
    # Unmerged: the one who resolves it decides. Or the blob is not here, and nobody knows which region it has.
    if git.as_called(["ls-files", "--stage", "-z", "--", path], timeout=TIMEOUT) != b"":
        raise _UnsettledError
    return _blob(f"HEAD:{path}") or b""


def _blob(name: str) -> bytes | None:
    return git.as_called(["cat-file", "blob", name], timeout=TIMEOUT)
