"""The report's entry in git's index, changed without staging anybody's edit and almost without a lock.

git believes a file of another size to be modified, and asks no filter. So the file's new stat is noted in the moment in
which agentsync writes the region. That is done to a copy of the index, which then takes the index's place if nobody has
changed it meanwhile. The lock is a link to the copy: it stands for a fraction of a millisecond, where `git add` would
hold it while the filter runs.

An index that is not understood (a split one) is changed by git itself, in two steps: first the entry's stat is
forgotten, so that git compares contents, and afterwards it is noted anew.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

from agentsync.base import files, git, processes
from agentsync.base.exchange import Staged
from agentsync.report import git_index_bytes, region
from agentsync.report.outcome import NOTED, RACED, WRITTEN, Outcome, owed

TRIES = 8
PAUSE = 0.01  # seconds, a little more with each try
FOREIGN = owed("git may start somebody else's filter when its index is written, which hooks never do")
AT_WORK = owed("another git command is at work here, or git's index cannot be written")
_INTENT_TO_ADD = 1 << 29


class Entry(NamedTuple):
    """What the index has of a path. `tag`: of `ls-files -v`, "H" for an ordinary entry."""

    tag: str
    mode: str
    oid: str
    stage: str

    @property
    def merged(self) -> bool:
        """Whether there is one version of it."""
        return self.stage == "0"

    @property
    def empty(self) -> bool:
        """Whether its blob is the empty one, in either hash."""
        return self.oid.startswith(("e69de29bb2d1d6434b8b", "473a0f4c3be8a93681a2"))


def find(worktree: git.Worktree, path: str, index: str = "") -> Entry | None:
    """The path's entry, or the first of an unmerged path's; None if git does not track it.

    `index`: another index file than the worktree's.
    """
    args = ["--literal-pathspecs", "ls-files", "-s", "-v", "-z", "--", path]
    out = git.run(args, cwd=worktree.root, env={"GIT_INDEX_FILE": index} if index else None)
    for line in out.decode(errors="surrogateescape").split("\0")[:-1]:
        about, _, name = line.partition("\t")
        if name == path:
            return Entry(*about.split(" "))
    return None


def is_edited(worktree: git.Worktree, path: str) -> bool:
    """Whether the file holds an edit that is not staged, or git does not track it: there is no stat to note."""
    if find(worktree, path) is None:
        return True
    args = ["--literal-pathspecs", "diff", "--quiet", "--no-ext-diff", "--", path]
    return git.answer(args, cwd=worktree.root)[0] == 1


def is_intended(worktree: git.Worktree, path: str) -> bool:
    """Whether the entry only says that the path will be added (`git add -N`)."""
    out = git.run(["--literal-pathspecs", "ls-files", "--debug", "--", path], cwd=worktree.root).split()
    return b"flags:" in out and bool(int(out[out.index(b"flags:") + 1], 16) & _INTENT_TO_ADD)


def exchange(worktree: git.Worktree, path: str, file: Staged, before: bytes, stored: bytes, *, within: bool) -> Outcome:
    """Put a new region into the file that holds `before`, so that git sees at no moment that its size is another one.

    `stored`: the blob that the index is believed to have. NOTED; WRITTEN, where git has to compare contents; RACED if
    the file or the index has changed; or owed, while another git command is at work (but for that in whose hook this
    runs `within`). Raises OSError.
    """
    entry = find(worktree, path)
    if entry is None or (entry.empty and is_intended(worktree, path)):
        return _exchanged(file, before)  # git knows nothing of it, or no size
    index = f"{worktree.git_dir}/index"
    copy = f"{index}.agentsync.{os.getpid()}"
    clear(worktree)
    split = any(name.startswith("sharedindex.") for name in os.listdir(worktree.git_dir))
    try:
        for indexed in _unlocked(index):
            data = _copy(index, copy)
            place = None if split else git_index_bytes.find(data, os.fsencode(path))
            if place is None:  # an index that is not understood
                if within and has_foreign_filter(worktree):
                    return FOREIGN
                return _exchanged(file, before) if forget_stat(worktree, path) else AT_WORK
            signature, status = git.signature(file.path), os.lstat(file.path)
            same = git_index_bytes.is_blob(place, stored) and _as_stored(before, stored) == stored
            # Else nothing proves that the file was as the index has it.
            clean = same or git_index_bytes.matches(data, place, status, indexed[2])
            mtime = indexed[2] if git_index_bytes.is_racy(data, place, indexed[2]) else None
            steps = _Steps(index, copy, data, place, mtime, file, before)
            steps.write(f"{copy}.new", None)
            # Asked last of all: whoever begins before the lock stands reads an index that is about to be another.
            taken = None
            if not processes.at_work(worktree.root, within=within):
                taken = steps.take(indexed, signature, clean)
            if taken is not None:
                return (NOTED if clean else WRITTEN) if taken else RACED
        return AT_WORK
    finally:
        for name in (copy, f"{copy}.new"):
            with suppress(OSError):
                os.unlink(name)


def has_foreign_filter(worktree: git.Worktree) -> bool:
    """Whether git may start somebody else's filter when it writes the index: it compares files as old as that is."""
    said = git.answer(["config", "--name-only", "--get-regexp", r"^filter\..*\.(clean|process)$"], cwd=worktree.root)[1]
    return any(not name.startswith("filter.agentsync.") for name in said.decode(errors="replace").split())


def _exchanged(file: Staged, before: bytes) -> Outcome:
    return WRITTEN if file.exchange(before) else RACED


class _Steps(NamedTuple):
    """File and index changed together, so that whoever reads the index between sees the file unmodified, too.

    `copy`: a copy of `index_file`; `data`: the same as bytes; `mtime`: what it has to keep, in ns.
    `before`: what the file holds.
    """

    index_file: str
    copy: str
    data: bytes
    place: git_index_bytes.Place
    mtime: int | None
    file: Staged
    before: bytes

    def take(self, indexed: tuple[int, ...], signature: tuple[int, ...] | None, clean: bool) -> bool | None:
        """Lock, let git compare contents, exchange, note the new stat if the file was `clean`, unlock.

        False if the file is not what it was; None, with nothing done, if somebody holds the index or has changed it.
        """

        def act() -> bool:
            os.rename(f"{self.copy}.new", self.index_file)  # it stays if the file is another: no stat is right as well
            if git.signature(self.file.path) != signature or not self.file.exchange(self.before):
                return False
            self.write(self.copy, os.lstat(self.file.path) if clean else None)
            return True

        return _replaced(self.index_file, self.copy, indexed, act)

    def write(self, name: str, status: os.stat_result | None) -> None:
        """The index with this stat, into a file with the copy's mode, or into the copy itself, which is the lock."""
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(fd, os.stat(self.copy).st_mode & 0o777)
            files.write_all(fd, git_index_bytes.with_stat(self.data, self.place, status))
            if self.mtime is not None:
                os.utime(fd, ns=(self.mtime, self.mtime))
            os.fsync(fd)  # it holds what somebody has staged
        finally:
            os.close(fd)


def _as_stored(before: bytes, stored: bytes) -> bytes:
    try:
        return region.as_stored(before, stored)
    except region.BrokenRegionError:
        return before


def forget_stat(worktree: git.Worktree, path: str) -> bool:
    """Make git compare contents when it looks at the path next. False if the index could not be had."""
    return _change(worktree, lambda copy: _forget(worktree, path, copy) or None)


def note_stat(worktree: git.Worktree, path: str) -> bool:
    """Tell git the file's stat, if it holds what the index has. False if the index could not be had."""
    # Forgotten once more: a `git status` since then has noted the stat of the file before ours, and believes that.
    refresh = ["--literal-pathspecs", "add", "--refresh", "--", path]
    return _change(worktree, lambda copy: [*_forget(worktree, path, copy), refresh])


def put(worktree: git.Worktree, path: str, entry: Entry, oid: str, meanwhile: Callable[[], bool] | None = None) -> bool:
    """Give the path's entry another blob. `meanwhile` is called while no other git can change the index.

    False, with nothing changed, if it is not `entry` any more, the index could not be had, or `meanwhile` says so.
    """
    # What the entry is must be asked of the copy: somebody may have staged an edit since the caller looked.
    return _change(
        worktree,
        lambda copy: [_cacheinfo(entry.mode, oid, path)] if find(worktree, path, copy) == entry else None,
        meanwhile,
    )


def _forget(worktree: git.Worktree, path: str, copy: str) -> list[list[str]]:
    """The command that gives the entry the blob which it has, and no stat; none where it has no stat anyway."""
    entry = find(worktree, path, copy)
    if entry is None or not entry.merged or (entry.empty and is_intended(worktree, path)):
        return []
    return [_cacheinfo(entry.mode, entry.oid, path)]


def _cacheinfo(mode: str, oid: str, path: str) -> list[str]:
    return ["update-index", "--cacheinfo", f"{mode},{oid},{path}"]


def _change(
    worktree: git.Worktree,
    commands: Callable[[str], list[list[str]] | None],
    meanwhile: Callable[[], bool] | None = None,
) -> bool:
    """Let git change a copy of the index, then put it in the index's place. `commands` None: it must not be changed."""
    index = f"{worktree.git_dir}/index"
    copy = f"{index}.agentsync.{os.getpid()}"
    clear(worktree)
    try:
        for indexed in _unlocked(index):
            _copy(index, copy)
            made = git.signature(copy)
            wanted = commands(copy)
            if wanted is None:
                return False
            for args in wanted:
                git.run(args, cwd=worktree.root, env={"GIT_INDEX_FILE": copy})
            if git.signature(copy) == made and meanwhile is None:
                return True
            files.sync(copy)
            done = None
            if not processes.at_work(worktree.root, within=True):
                done = _replaced(index, copy, indexed, meanwhile or (lambda: True))
            if done is not None:
                return done
        return False
    except (OSError, git.GitError):
        return False
    finally:
        with suppress(OSError):
            os.unlink(copy)


def _unlocked(index: str) -> Iterator[tuple[int, ...]]:
    """The index's signature whenever nobody holds it, a little later each time."""
    for attempt in range(TRIES):
        time.sleep(PAUSE * attempt)
        signature = git.signature(index)
        if signature is not None and not os.path.lexists(f"{index}.lock"):
            yield signature


def _copy(index: str, copy: str) -> bytes:
    """The same bytes with the same mtime, by which git tells entries that are as young as the index."""
    with open(index, "rb") as file:
        data = file.read()
        status = os.fstat(file.fileno())
    files.replace_file(copy, data, status.st_mode & 0o777)
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
    return data


def _replaced(index: str, copy: str, before: tuple[int, ...], act: Callable[[], bool]) -> bool | None:
    """Put the copy in the index's place if `act`, called while no git can change the index, says so; whether it did.

    None, with `act` not called, if somebody holds the index or has changed it since `before`.
    """
    lock = f"{index}.lock"
    try:
        os.link(copy, lock)
    except FileExistsError:
        return None
    try:
        wanted = act() if git.signature(index) == before else None
        if wanted:
            os.rename(lock, index)
        return wanted
    finally:
        files.unlock(copy, lock)


def clear(worktree: git.Worktree) -> None:
    """Take away what an agentsync that was killed has left: its copy, and the lock that is the same file."""
    lock = f"{worktree.git_dir}/index.lock"
    for name in os.listdir(worktree.git_dir):
        pid = name.removeprefix("index.agentsync.").partition(".")[0]
        if not name.startswith("index.agentsync.") or not pid.isdigit() or files.is_running(int(pid)):
            continue
        copy = f"{worktree.git_dir}/{name}"
        files.unlock(copy, lock)
        with suppress(OSError):
            os.unlink(copy)
