"""Two report regions become one before git merges the texts around them: the one with the newer report.

Reports are rendered from the ledger, so neither side's is worth a conflict.
"""

from __future__ import annotations

from agentsync import region


def merge(base: str, ours: str, theirs: str) -> None:
    """Give the three files (their paths) the same region. Raises OSError, region.BrokenRegionError."""
    paths = (base, ours, theirs)
    contents = united(*map(_read, paths))
    for path, content in zip(paths, contents, strict=True):
        with open(path, "wb") as file:
            file.write(content)


def united(base: bytes, ours: bytes, theirs: bytes) -> tuple[bytes, bytes, bytes]:
    """The three with the newer of both sides' regions; as they are where a side has none, for git to judge."""
    one, other = region.find(ours), region.find(theirs)
    if one is None or other is None:
        return base, ours, theirs
    newer = ours if one.id >= other.id else theirs  # an id begins with its time
    return region.as_stored(base, newer), region.as_stored(ours, newer), region.as_stored(theirs, newer)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
