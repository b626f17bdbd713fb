"""Two report regions become one before git merges the texts around them, so that git merges nothing but texts.

Reports are rendered from the ledger, so neither side's is worth a conflict.
"""

from agentsync.report import region


def merge(base: str, ours: str, theirs: str) -> None:
    """Give the three files (their paths) the same region. Raises OSError, region.BrokenRegionError."""
    paths = (base, ours, theirs)
    contents = united(*map(_read, paths))
    for path, content in zip(paths, contents, strict=True):
        with open(path, "wb") as file:
            file.write(content)


def united(base: bytes, ours: bytes, theirs: bytes) -> tuple[bytes, bytes, bytes]:
    """The three with one region: that of the only side that has changed it, else the newer one.

    Without any, where one side has taken the region out and the other has left it as it was.
    """
    old, one, other = (_report(content) for content in (base, ours, theirs))
    if one == old:
        chosen = theirs
    elif other == old:
        chosen = ours
    else:
        chosen = ours if one[0] >= other[0] else theirs  # an id begins with its time, and none is the oldest
    return region.as_stored(base, chosen), region.as_stored(ours, chosen), region.as_stored(theirs, chosen)


def _report(content: bytes) -> tuple[str, str]:
    """What tells one report from another: the newest consolidation's id, and the digest."""
    found = region.find(content)
    return (found.id, found.digest) if found else ("", "")


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
