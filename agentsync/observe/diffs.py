"""What came and went with changes, line by line: of contents that git has, or that a worktree's file still holds."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from agentsync.base import git
from agentsync.ledger.events import Change
from agentsync.observe.contents import Contents, hex_length
from agentsync.observe.sizes import is_binary

LINES = 5_000  # of one diff that are shown
WIDEST = 2_000  # bytes of one line that are shown
# Whatever somebody has configured, git says the same.
_CONFIG = (
    "core.autocrlf=false",
    "core.safecrlf=false",
    "core.attributesFile=/dev/null",
    "diff.suppressBlankEmpty=false",
)
_DIFF = [
    *(word for setting in _CONFIG for word in ("-c", setting)),
    *"diff --no-index --no-color --no-ext-diff --no-textconv --no-renames --text".split(),
]


class Diff(NamedTuple):
    """The lines of a unified diff from its first hunk on; `left_out` more are not here. `why` there are none, if so.

    `added`, `removed`: how many lines came and went, shown or not.
    """

    lines: tuple[str, ...] = ()
    added: int = 0
    removed: int = 0
    left_out: int = 0
    why: str = ""


def of_change(change: Change, clone: git.Clone, report_path: str) -> Diff:
    """What lies between the two contents of a change. Raises GitError."""
    return of_changes([change], clone, report_path)[0]


def of_changes(changes: Sequence[Change], clone: git.Clone, report_path: str) -> list[Diff]:
    """The same of many: git is asked twice, however many they are. Raises GitError."""
    contents = Contents(clone.folder, report_path, hex_length(clone.common_dir))
    contents.read({blob for one in changes for blob in (one.old_blob, one.new_blob) if blob})
    roots = {one.name: one.root for one in git.worktrees(clone)}
    pairs = [_texts(one, contents, roots.get(one.worktree or "", clone.folder)) for one in changes]
    whys = [_why(change, *pair) for change, pair in zip(changes, pairs, strict=True)]
    found = _diffs({n: (old or b"", new or b"") for n, (old, new) in enumerate(pairs) if not whys[n]})
    return [found.get(n, Diff(why=why)) for n, why in enumerate(whys)]


def _texts(change: Change, contents: Contents, root: str) -> tuple[bytes | None, bytes | None]:
    """Both contents; None for one that nobody has any more."""
    old, new = (
        contents.clean_bytes(root, change.file_path, blob) if blob else b""
        for blob in (change.old_blob, change.new_blob)
    )
    if change.commit and change.file_path == contents.report_path:  # git has it together with a report
        old = _committed(change, f"{change.commit}^", change.old_blob, contents) if old is None else old
        new = _committed(change, change.commit, change.new_blob, contents) if new is None else new
    return old, new


def _committed(change: Change, commit: str, blob: str | None, contents: Contents) -> bytes | None:
    """The clean content in a commit, if it is the one with this id."""
    clean = contents.clean(change.file_path, git.blob(f"{commit}:{change.file_path}", cwd=contents.root))
    return clean if contents.blob_id(clean) == blob else None


def _why(change: Change, old: bytes | None, new: bytes | None) -> str:
    """Why there are no lines to be shown; "" if there are."""
    if old is None or new is None:
        which = "before" if old is None else "after"
        gone = "it was never committed" if change.commit is None else "it is not in this clone"
        return f"git does not have the content {which} it: {gone}"
    return "not text" if is_binary(old) or is_binary(new) else ""


def _diffs(pairs: Mapping[int, tuple[bytes, bytes]]) -> dict[int, Diff]:
    """The diffs of these contents, by their numbers; nothing of equal ones."""
    return dict(_parsed(compared(pairs, "--minimal"))) if pairs else {}


def compared(pairs: Mapping[int, tuple[bytes, bytes]], *options: str) -> bytes:
    """What `git diff` says of the contents of these pairs, as files `old/N` and `new/N`, in one process."""
    with tempfile.TemporaryDirectory() as folder:
        for side, name in enumerate(("old", "new")):
            os.mkdir(f"{folder}/{name}")
            for number, pair in pairs.items():
                with open(f"{folder}/{name}/{number}", "wb") as file:
                    file.write(pair[side])
        return git.answer([*_DIFF, *options, "old", "new"], cwd=folder)[1]


def _parsed(said: bytes) -> Iterator[tuple[int, Diff]]:
    """git's diffs of the files `old/N` and `new/N`. A content's lines begin with one of " +-", so none is a header."""
    for part in said.split(b"\ndiff --git ") if said else ():
        header, *lines = part.split(b"\n@@ ", 1)
        hunks = b"".join(b"@@ " + text for text in lines).removesuffix(b"\n").split(b"\n") if lines else []
        number = int(header.split(b"\n", 1)[0].rsplit(b"/", 1)[1])
        added, removed = (sum(line.startswith(sign) for line in hunks) for sign in (b"+", b"-"))
        shown = tuple(line[:WIDEST].decode(errors="replace") for line in hunks[:LINES])
        yield number, Diff(shown, added, removed, max(len(hunks) - LINES, 0))
