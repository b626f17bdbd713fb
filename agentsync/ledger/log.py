"""The ledger's file: append under a lock, read forwards, backwards and as it grows, repair a torn tail.

The order of an append: open, lock, is the file at the path still the one that is open, cut a torn tail (kept beside),
one write of whole lines, fdatasync, look at the path once more. Only then is the record acknowledged. Whoever waited
for the lock of a file that was replaced meanwhile would write into nothing: hence both looks.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from typing import NamedTuple, Self

from agentsync.base import files, strict_json
from agentsync.base.crash import crash
from agentsync.base.errors import LedgerError
from agentsync.ledger.events import is_writer

LOCK_TIMEOUT = 2.0  # seconds that a hook waits; then what it saw stays a note
BLOCK = 1 << 20  # bytes read at once
LINE = 1 << 12  # bytes that most lines have less than
FIRST, LARGEST = 1 << 15, 1 << 22  # bytes read at a time from the end: a few lines are asked for most often
NO_LINE = "0" * 64  # the `prev` of the first line


class ReplacedError(Exception):
    """The file at the ledger's path is not the one that was written to: append again, with the same ids."""


class End(NamedTuple):
    """Where a line ends: the offset after its newline, its length without that, and its hash."""

    offset: int = 0
    length: int = 0
    prev: str = NO_LINE


class Ledger:
    """The ledger in a clone's store (`$common/agentsync`)."""

    def __init__(self, store: str) -> None:
        self.store = store
        self.path = f"{store}/ledger.jsonl"

    def size(self) -> int:
        """Bytes in the file; 0 where there is none. Raises LedgerError."""
        found = self._stat()
        return found.st_size if found else 0

    def inode(self) -> int:
        """Which file it is; 0 where there is none. Raises LedgerError."""
        found = self._stat()
        return found.st_ino if found else 0

    def _stat(self) -> os.stat_result | None:
        try:
            return os.stat(self.path, follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unreadable(self.path, error) from None

    def _open(self) -> int | None:
        """The file, open for reading; None if there is none. What else is in the way is told, and proves nothing."""
        try:
            return os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unreadable(self.path, error) from None

    def holds(self, end: End) -> bool:
        """Whether such a line still ends there. Raises LedgerError."""
        if not end.offset:
            return True
        fd = self._open()
        if fd is None:
            return False
        try:
            line = os.pread(fd, end.length + 1, end.offset - end.length - 1)
        except OSError as error:
            raise unreadable(self.path, error) from None
        finally:
            os.close(fd)
        return line[-1:] == b"\n" and line_hash(line[:-1]) == end.prev

    def lines(self, offset: int = 0) -> Iterator[tuple[int, bytes]]:
        """Each whole line from `offset` on, without its newline, with its own offset. A torn tail is not a line yet."""
        for start, block in self.blocks(offset):
            at = start
            for line in block.split(b"\n")[:-1]:
                yield at, line
                at += len(line) + 1

    def blocks(self, offset: int = 0, size: int = BLOCK) -> Iterator[tuple[int, bytes]]:
        """The same as pieces of whole lines, of about `size` bytes each."""
        fd = self._open()
        if fd is None:
            return
        try:
            rest = b""
            os.lseek(fd, offset, os.SEEK_SET)
            while data := os.read(fd, size):
                head, newline, tail = data.rpartition(b"\n")
                if not newline:
                    rest += data
                    continue
                block = rest + head + newline
                yield offset, block
                offset, rest = offset + len(block), tail
        except OSError as error:
            raise unreadable(self.path, error) from None
        finally:
            os.close(fd)

    def newest_lines(self, end: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Each whole line (that begins before the offset `end`), with its offset, newest first. Raises LedgerError."""
        fd = self._open()
        if fd is None:
            return
        try:
            yield from _backwards(fd, os.fstat(fd).st_size if end is None else end)
        except OSError as error:
            raise unreadable(self.path, error) from None
        finally:
            os.close(fd)

    def end(self) -> int:
        """The offset after the last whole line; what follows is being written or torn. Raises LedgerError."""
        offset, line = next(self.newest_lines(), (0, None))
        return 0 if line is None else offset + len(line) + 1

    def line_at(self, offset: int) -> bytes:
        """The line that begins at `offset`."""
        return next(self.blocks(offset, LINE))[1].partition(b"\n")[0]

    def transaction(self, timeout: float = LOCK_TIMEOUT) -> "Transaction":
        """The locked ledger, to be used in a `with`, which may raise LockedError or OSError (it cannot be written)."""
        return Transaction(self, timeout)

    def writer(self, inode: int) -> str:
        """The name under which this clone writes; it belongs to path and inode, so a copied clone begins a new one."""
        path = f"{self.store}/writer.json"
        here = {"path": os.path.realpath(self.store), "inode": inode}
        try:
            said = strict_json.load(path)
            if {**said, **here} == said and is_writer(said["writer"]):
                return str(said["writer"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            pass  # what cannot be read for a moment is no reason to write under another name
        name = f"clone-{os.urandom(5).hex()}"
        text = strict_json.dumps({"writer": name, **here}) + "\n"
        files.replace_file(path, text.encode(errors="surrogateescape"), durable=True)
        return name


def _backwards(fd: int, end: int) -> Iterator[tuple[int, bytes]]:
    rest, size, whole = b"", FIRST, False
    while end > 0:
        begin = max(0, end - size)
        block = os.pread(fd, end - begin, begin) + rest
        end, size = begin, min(size * 2, LARGEST)
        head, *lines = block.split(b"\n")
        at = begin + len(block)
        for number, line in enumerate(reversed(lines)):
            at -= len(line)
            if whole or number:  # what follows the last newline is no line yet
                yield at, line
            at -= 1
        whole = whole or bool(lines)
        rest = head
    if whole:
        yield 0, rest


class Follower:
    """Reads what is appended, each line once. Asking costs a `stat` while there is nothing.

    It begins at an offset, or at the ledger's end.
    """

    def __init__(self, ledger: Ledger, offset: int | None = None) -> None:
        self.ledger = ledger
        self.inode = ledger.inode()
        self.offset = ledger.end() if offset is None else offset

    def is_lost(self) -> bool:
        """Whether another file is the ledger now, or it was shortened. Raises LedgerError."""
        return self.ledger.inode() != self.inode or self.ledger.size() < self.offset

    def new(self) -> Iterator[tuple[int, bytes]]:
        """The whole lines since, with their offsets. Raises LedgerError."""
        if self.ledger.size() > self.offset:
            for offset, line in self.ledger.lines(self.offset):
                self.offset = offset + len(line) + 1
                yield offset, line


class Transaction:
    """The ledger while its lock is held, its tail repaired."""

    def __init__(self, ledger: Ledger, timeout: float) -> None:
        self.ledger = ledger
        self.timeout = timeout
        self.fd = -1

    def __enter__(self) -> Self:
        files.make_folder(self.ledger.store)
        deadline = time.monotonic() + self.timeout
        while True:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self.fd = os.open(self.ledger.path, flags, 0o644)
            try:
                files.share(self.fd, self.ledger.store)
                files.lock(self.fd, deadline - time.monotonic(), "the ledger")
                if not self.replaced():
                    self.repair()
                    return self
            except BaseException:
                os.close(self.fd)
                raise
            os.close(self.fd)  # somebody has put another file in its place: lock that one

    def __exit__(self, *failure: object) -> None:
        os.close(self.fd)  # and with it goes the lock

    def replaced(self) -> bool:
        """Whether the path names another file than the one that is open, or none."""
        try:
            there = os.stat(self.ledger.path, follow_symlinks=False)
        except FileNotFoundError:
            return True
        here = os.fstat(self.fd)
        return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)

    def writer(self) -> str:
        """The name under which this clone writes."""
        return self.ledger.writer(os.fstat(self.fd).st_ino)

    def append(self, lines: bytes) -> None:
        """Whole lines, durable when this returns. Raises OSError (nothing was written then) or ReplacedError."""
        size = os.fstat(self.fd).st_size
        try:
            files.write_all(self.fd, lines)
            crash("append")
            _sync(self.fd)
            if not size:  # a ledger that has just been made: its name has to last, too
                files.sync(self.ledger.store)
                files.sync(os.path.dirname(self.ledger.store))
        except OSError:
            os.ftruncate(self.fd, size)
            raise
        if self.replaced():
            raise ReplacedError

    def repair(self) -> None:
        """Cut what follows the last newline: a crash left it, nobody was told of it. It is kept in `torn/`."""
        size = os.fstat(self.fd).st_size
        if size == 0 or os.pread(self.fd, 1, size - 1) == b"\n":
            return
        end = size
        tail = b""
        while end > 0 and b"\n" not in tail:
            begin = max(0, end - BLOCK)
            tail = os.pread(self.fd, end - begin, begin) + tail
            end = begin
        torn = tail.rpartition(b"\n")[2]
        folder = f"{self.ledger.store}/torn"
        with suppress(OSError):  # a full disk must not keep us from mending
            files.make_folder(folder)
            files.replace_file(f"{folder}/{size - len(torn)}-{sha256(torn).hexdigest()[:12]}", torn, durable=True)
        os.ftruncate(self.fd, size - len(torn))


def line_hash(line: bytes) -> str:
    """What the next record's `prev` has to be: SHA-256, in hex, of a line without its newline."""
    return sha256(line).hexdigest()


def unreadable(path: str, error: OSError) -> LedgerError:
    """The error for a ledger that is there and cannot be opened."""
    cause = "it is a symbolic link" if os.path.islink(path) else os.strerror(error.errno or 0)
    return LedgerError(f"cannot open the ledger {path}", cause=cause, hint="agentsync doctor says what is wrong")


def _sync(fd: int) -> None:
    getattr(os, "fdatasync", os.fsync)(fd)
