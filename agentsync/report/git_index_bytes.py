"""git's index as bytes (gitformat-index(5)): where an entry's stat stands, and the same index with another one there.

Pure. Of what it does not know for sure (another version, a checksum that does not fit) it says nothing.
"""

import os
from collections.abc import Iterator
from hashlib import sha1, sha256
from struct import Struct
from typing import NamedTuple

_HEADER = Struct(">4sII")  # DIRC, version, number of entries
_STAT = Struct(">10I")  # ctime and mtime in s and ns, device, inode, mode, user, group, size
_MTIME, _MODE = 2, 6  # of these; the mode is not the file's but git's
_FLAGS = Struct(">H")
_EXTENDED, _ASSUMED, _STAGE, _LENGTH = 0x4000, 0x8000, 0x3000, 0x0FFF


class Place(NamedTuple):
    """Where an ordinary entry stands: its stat at `at`, its blob's id; `hashed`: bytes of a hash in this index."""

    at: int
    oid: bytes
    hashed: int


def find(data: bytes, path: bytes) -> Place | None:
    """The entry of a path; None if it has none, is unmerged or marked in some way, or the index is not understood."""
    hashed = _hash_size(data)
    for at, flags, name in _entries(data, hashed):
        if name == path:
            plain = not flags & (_EXTENDED | _ASSUMED | _STAGE)
            return Place(at, data[at + _STAT.size :][:hashed], hashed) if plain else None
        if name > path:
            break
    return None


def _entries(data: bytes, hashed: int) -> Iterator[tuple[int, int, bytes]]:
    """Where each entry begins, its flags and its name."""
    signature, version, count = _HEADER.unpack_from(data) if hashed else (b"", 0, 0)
    if signature != b"DIRC" or version not in (2, 3, 4):
        return
    at, name = _HEADER.size, b""
    for _ in range(count):
        (flags,) = _FLAGS.unpack_from(data, at + _STAT.size + hashed)
        begin = at + _STAT.size + hashed + _FLAGS.size * (2 if flags & _EXTENDED else 1)
        if version == 4:
            strip, begin = _varint(data, begin)
            end = data.index(b"\0", begin)
            name = name[: len(name) - strip] + data[begin:end]
            following = end + 1
        else:
            length = flags & _LENGTH
            end = data.index(b"\0", begin + (length if length < _LENGTH else 0))
            name = data[begin:end]
            following = at + ((end - at) // 8 + 1) * 8
        yield at, flags, name
        at = following


def is_racy(data: bytes, place: Place, mtime: int) -> bool:
    """Whether another entry is as young as the index (its `mtime` in ns).

    git does not trust such a stat, as the file may have changed since, and compares contents. In a younger index it
    would trust it.
    """
    second = mtime // 10**9  # some builds of git know whole seconds only
    entries = _entries(data, place.hashed)
    return any(_STAT.unpack_from(data, at)[_MTIME] >= second for at, _, _ in entries if at != place.at)


def is_blob(place: Place, content: bytes) -> bool:
    """Whether the entry's blob is this content."""
    return _hash(b"blob %d\0" % len(content) + content, place.hashed) == place.oid


def matches(data: bytes, place: Place, status: os.stat_result, index_mtime: int) -> bool:
    """Whether the entry's stat is this one, and proves anything: no file as young as the index (its mtime in ns)."""
    return _STAT.unpack_from(data, place.at) == _numbers(data, place, status) and status.st_mtime_ns < index_mtime


def with_stat(data: bytes, place: Place, status: os.stat_result | None) -> bytes:
    """The index with this stat for the entry; None: with no stat, so that git compares contents."""
    changed = bytearray(data[: -place.hashed])
    _STAT.pack_into(changed, place.at, *_numbers(data, place, status))
    return bytes(changed) + _hash(changed, place.hashed)


def _numbers(data: bytes, place: Place, status: os.stat_result | None) -> tuple[int, ...]:
    """What an entry says of its file."""
    mode = _STAT.unpack_from(data, place.at)[_MODE]
    if status is None:
        return (0,) * _MODE + (mode, 0, 0, 0)
    times = (*divmod(status.st_ctime_ns, 10**9), *divmod(status.st_mtime_ns, 10**9))
    rest = (status.st_dev, status.st_ino, mode, status.st_uid, status.st_gid, status.st_size)
    return tuple(number & 0xFFFFFFFF for number in (*times, *rest))


def _hash_size(data: bytes) -> int:
    """The length of a hash, told by the one over all that stands before it; 0 if it does not fit."""
    return next((size for size in (20, 32) if len(data) > size and _hash(data[:-size], size) == data[-size:]), 0)


def _hash(data: bytes | bytearray, size: int) -> bytes:
    digest = sha256(data) if size == 32 else sha1(data)
    return digest.digest()


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number as git packs it (varint.c), and where it ends."""
    byte = data[at]
    value = byte & 0x7F
    while byte & 0x80:
        at += 1
        byte = data[at]
        value = ((value + 1) << 7) + (byte & 0x7F)
    return value, at + 1
