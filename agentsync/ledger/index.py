"""Where in the ledger the records under a key lie: what is not state, because it grows with the history.

An entry has 12 bytes: six of a key's hash, six of an offset. Entries lie in buckets by the first bits of their hash, in
the cache and, of what came after it, in memory. Two keys may share a hash: whoever finds a record looks at it.

The root lists the digest of every bucket, so one that is damaged, missing, or older than the others is noticed before
it answers.
"""

from collections.abc import Iterable
from hashlib import md5, sha256

from agentsync.ledger.cache import Reading, Update
from agentsync.ledger.events import Attribution, Change, Consolidation, Event, is_past

BUCKETS = 1 << 12
HASH, ENTRY, DIGEST = 6, 12, 8  # bytes
NO_DIGEST = bytes(DIGEST)  # of a bucket without entries
EMPTY_ROOT = bytes(DIGEST * BUCKETS)
ROOT = "index"

Buckets = dict[int, bytearray]


class LostError(Exception):
    """What the cache has of the index does not fit together."""


def keys(event: Event) -> list[tuple[str, ...]]:
    """Under which keys an event can be found again. A new question to the ledger's past is one line here."""
    found: list[tuple[str, ...]] = [("id", event.id)]
    if isinstance(event, Attribution) and event.reason == "noted":
        found.append(("noted", event.commit, event.file_path))
    elif isinstance(event, (Change, Attribution)) and event.commit is not None:
        found.append(("commit", event.commit, event.file_path))
        found.append(("from", event.file_path, event.old_blob or ""))
        found.append(("at", event.file_path, event.timestamp))
    if is_past(event):
        found.append(("past",))
    if isinstance(event, Attribution):
        found.extend(("attributed", id_) for id_ in event.event_ids)
        found.extend(("carried", commit, event.file_path) for commit in event.carried_from)
    if isinstance(event, Consolidation):
        found.extend(("covered", id_) for id_ in event.event_ids)
    return found


def add(buckets: Buckets, event: Event, offset: int) -> None:
    """Enter an event that lies at an offset."""
    place = offset.to_bytes(ENTRY - HASH, "big")
    for key in keys(event):
        hash_ = hash_of(key)
        buckets.setdefault(_bucket_of(hash_), bytearray()).extend(hash_ + place)


def hash_of(key: tuple[str, ...]) -> bytes:
    """The hash of a key."""
    return md5("\0".join(key).encode(), usedforsecurity=False).digest()[:HASH]


def root_of(digest: str, cache: Reading) -> bytes:
    """The root with this digest, in hex. Raises LostError."""
    root = cache.read(ROOT) if digest else EMPTY_ROOT
    if root is None or (digest and sha256(root).hexdigest() != digest):
        raise LostError
    return root


def find(key: tuple[str, ...], root: bytes, cache: Reading, recent: Buckets) -> set[int]:
    """The offsets under a key, and perhaps others. Raises LostError."""
    hash_ = hash_of(key)
    number = _bucket_of(hash_)
    return {*_offsets(stored(number, root, cache), hash_), *_offsets(recent.get(number, b""), hash_)}


def stored(number: int, root: bytes | bytearray, cache: Reading) -> bytes:
    """A bucket as the root knows it. Raises LostError."""
    expected = root[number * DIGEST : (number + 1) * DIGEST]
    if expected == NO_DIGEST:
        return b""
    data = cache.bucket(number)
    if data is None or _digest(data) != expected:
        raise LostError
    return data


def save(update: Update, more: Buckets, digest: str) -> str:
    """Put more entries into the buckets under the root of this digest; the new root's. Raises LostError."""
    root = bytearray(root_of(digest, update))
    if not digest:
        update.empty_buckets()
    buckets = [(number, stored(number, root, update) + more[number]) for number in sorted(more)]
    update.write_buckets(buckets)
    for number, data in buckets:
        root[number * DIGEST : (number + 1) * DIGEST] = _digest(data)
    update.write({ROOT: bytes(root)})
    return sha256(root).hexdigest()


def differs(buckets: Buckets, root: bytes, cache: Reading) -> bool:
    """Whether what is stored are other entries than these. Raises LostError."""
    return any(_entries(buckets.get(number, b"")) != _entries(stored(number, root, cache)) for number in range(BUCKETS))


def _offsets(bucket: bytes | bytearray, hash_: bytes) -> Iterable[int]:
    at = bucket.find(hash_)
    while at >= 0:
        if at % ENTRY == 0:
            yield int.from_bytes(bucket[at + HASH : at + ENTRY], "big")
        at = bucket.find(hash_, at + 1)


def _entries(bucket: bytes | bytearray) -> list[bytes]:
    return sorted(bytes(bucket[at : at + ENTRY]) for at in range(0, len(bucket), ENTRY))


def _bucket_of(hash_: bytes) -> int:
    return int.from_bytes(hash_[:2], "big") % BUCKETS


def _digest(bucket: bytes | bytearray) -> bytes:
    return sha256(bucket).digest()[:DIGEST]
