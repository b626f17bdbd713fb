"""Contents of recorded states, kept so that nobody's words are lost: loose objects in a folder of our own.

They lie in `contents/` beside the ledger as git writes its own, so `GIT_ALTERNATE_OBJECT_DIRECTORIES` reads them; git
itself neither lists nor collects them. What is older than thirty days goes, and the oldest where there is too much.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha1, sha256
from typing import NamedTuple

from agentsync.base import files

FOLDER = "contents"
MOST = 64 << 20  # bytes on the disk
ROOM = 16 << 20  # bytes that may come between two prunings
LONGEST = 30 * 86_400  # seconds
AT_ONCE = 256  # contents kept of one look
LARGE = 1 << 16  # bytes, packed, after which it is always pruned; after others once in 256 times, by their ids


class _Object(NamedTuple):
    kept: float
    size: int
    path: str


def keep(store: str, contents: Mapping[str, bytes]) -> None:
    """Keep these contents by git's ids. Where that fails, they are not kept."""
    folder = f"{store}/{FOLDER}"
    with suppress(OSError):
        written = {blob: _keep(folder, blob, data) for blob, data in contents.items()}
        if any(size > LARGE or (size and blob.startswith("00")) for blob, size in written.items()):
            prune(store)


def _keep(folder: str, blob: str, data: bytes) -> int:
    """The bytes that were written for it: none where it was kept already, which makes it young again."""
    path = _path(folder, blob)
    with suppress(FileNotFoundError):
        os.utime(path)
        return 0
    import zlib  # late: most looks record nothing

    packed = zlib.compress(b"blob %d\0%b" % (len(data), data), 1)
    files.make_folder(os.path.dirname(path))
    whole = f"{folder}/{blob}.{os.getpid()}.new"  # where `leftovers` looks; not in one of 256 folders
    files.replace_file(whole, packed)
    os.replace(whole, path)
    return len(packed)


def read(store: str, blob: str) -> bytes | None:
    """A content that was kept; None if it is not there, or torn."""
    import zlib

    try:
        with open(_path(f"{store}/{FOLDER}", blob), "rb") as file:
            whole = zlib.decompress(file.read())
    except (OSError, zlib.error):
        return None
    digest = sha1 if len(blob) == 40 else sha256
    return whole.partition(b"\0")[2] if digest(whole).hexdigest() == blob else None


def prune(store: str, most: int = MOST - ROOM, longest: float = LONGEST) -> None:
    """Take away what is too old (seconds), and the oldest of what is too much (bytes)."""
    folder = f"{store}/{FOLDER}"
    left, oldest = most, time.time() - longest
    for one in sorted(_objects(folder), reverse=True):
        left -= one.size
        if left < 0 or one.kept < oldest:
            with suppress(OSError):
                os.unlink(one.path)


def _objects(folder: str) -> Iterator[_Object]:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            for one in os.scandir(entry.path):
                with suppress(FileNotFoundError):
                    found = one.stat(follow_symlinks=False)
                    yield _Object(found.st_mtime, max(found.st_size, found.st_blocks * 512), one.path)


def _path(folder: str, blob: str) -> str:
    return f"{folder}/{blob[:2]}/{blob[2:]}"
