"""What saves time, in one SQLite file that may be deleted at any time: the folded state, the index, files read before.

Nothing in it is believed unchecked. A piece carries a digest of its bytes, of its name, of the store that it was made
in and of the format; a bucket of the index has its digest in the index's root, and the root in the state
(`docs/decisions/cache.md`). What is damaged, a stranger's or of another format is as good as missing.

Whatever goes wrong (a full disk, a read-only folder, somebody else who writes) costs time and is not told.
"""

import os
import sqlite3
import stat
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from hashlib import sha256
from typing import Any

from agentsync.base import files, strict_json

FORMAT = 5  # another one is as good as none
NAME = "cache.sqlite"
READING, WRITING = 1.0, 0.1  # seconds to wait for others; without the state a replay would cost more
SPOILT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS piece (name TEXT PRIMARY KEY, data BLOB, digest BLOB)",
    "CREATE TABLE IF NOT EXISTS bucket (number INTEGER PRIMARY KEY, data BLOB)",
)


class Reading:
    """What can be asked of the cache."""

    owner = ""  # what a stranger's pieces do not fit

    def read(self, name: str) -> bytes | None:
        """The bytes of a piece; None if it is missing or not to be believed."""
        for data, digest in self._rows("SELECT data, digest FROM piece WHERE name = ?", name):
            if isinstance(data, bytes) and digest == self._digest(name, data):
                return data
        return None

    def bucket(self, number: int) -> bytes | None:
        """The bytes of a bucket, unchecked; None if it is missing."""
        for (data,) in self._rows("SELECT data FROM bucket WHERE number = ?", number):
            return data if isinstance(data, bytes) else None
        return None

    def _rows(self, query: str, key: str | int) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def _digest(self, name: str, data: bytes) -> bytes:
        return sha256(f"{self.owner}\0{name}\0".encode(errors="surrogateescape") + data).digest()


class Cache(Reading):
    """The cache of a store. Not for two threads at once."""

    def __init__(self, store: str) -> None:
        self.store = store
        self.path = f"{store}/{NAME}"
        self._db: sqlite3.Connection | None = None
        self._file = (0, 0)  # which file is open

    def __del__(self) -> None:
        self._close()

    def get(self, name: str) -> Any:
        """The JSON value of a piece; None if it is missing or not to be believed."""
        data = self.read(name)
        return None if data is None else strict_json.loads(data.decode())

    def put(self, pieces: Mapping[str, Any]) -> bool:
        """Keep JSON values; whether that was possible."""
        return self.update(lambda update: update.write(pieces))

    def update(self, act: Callable[["Update"], None]) -> bool:
        """Let `act` change several things in one step; whether that was possible. What `act` raises undoes it."""
        try:
            with closing(self._connect("rwc", WRITING)) as db:
                db.execute("PRAGMA synchronous = OFF")  # what a power cut tears does not fit its digest
                db.execute("BEGIN IMMEDIATE")
                for statement in _SCHEMA:
                    db.execute(statement)
                act(Update(db, self.owner))
                db.execute("COMMIT")
            return True
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in SPOILT:
                self._remove()  # the next one makes it anew
            return False
        except OSError:
            return False

    def _rows(self, query: str, key: str | int) -> list[tuple[Any, ...]]:
        try:
            found = os.lstat(self.path)
            if self._db is None or self._file != (found.st_dev, found.st_ino):
                self._close()
                self._db, self._file = self._connect("rw", READING), (found.st_dev, found.st_ino)
            return self._db.execute(query, (key,)).fetchall()
        except (sqlite3.Error, OSError, MemoryError):
            self._close()
            return []

    def _connect(self, mode: str, timeout: float) -> sqlite3.Connection:
        """Raises sqlite3.Error; OSError for what is no file, which SQLite might wait for or write through."""
        # A copy of a clone has another path, or is another folder there.
        self.owner = self.owner or f"{FORMAT}\0{os.path.realpath(self.store)}\0{os.stat(self.store).st_ino}"
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(os.lstat(self.path).st_mode):
                raise OSError(0, "not a regular file", self.path)
        if mode == "rwc":
            self._make()
        return sqlite3.connect(
            f"file:{_quoted(self.path)}?mode={mode}", timeout, uri=True, isolation_level=None, check_same_thread=False
        )

    def _make(self) -> None:
        """SQLite's journal gets the permissions of the file, and the file those of a shared store."""
        with suppress(FileExistsError):
            fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
            try:
                files.share(fd, self.store)
            finally:
                os.close(fd)

    def _close(self) -> None:
        if self._db:
            self._db.close()
        self._db = None

    def _remove(self) -> None:
        for path in (self.path, f"{self.path}-journal"):
            with suppress(OSError):
                os.unlink(path)


class Update(Reading):
    """Changes that are made together; what is asked of it nobody else can change meanwhile."""

    def __init__(self, db: sqlite3.Connection, owner: str) -> None:
        self.db = db
        self.owner = owner

    def write(self, pieces: Mapping[str, Any]) -> None:
        """Replace pieces by JSON values, or by bytes as they are."""
        for name, value in pieces.items():
            data = value if isinstance(value, bytes) else strict_json.dumps(value).encode()
            self.db.execute("REPLACE INTO piece VALUES (?, ?, ?)", (name, data, self._digest(name, data)))

    def write_buckets(self, buckets: Iterable[tuple[int, bytes]]) -> None:
        """Replace buckets of the index."""
        self.db.executemany("REPLACE INTO bucket VALUES (?, ?)", buckets)

    def empty_buckets(self) -> None:
        """Take all buckets out."""
        self.db.execute("DELETE FROM bucket")

    def _rows(self, query: str, key: str | int) -> list[tuple[Any, ...]]:
        return self.db.execute(query, (key,)).fetchall()


def _quoted(path: str) -> str:
    """A path in SQLite's URI; urllib would cost more than the rest of the cache."""
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
