"""git's own index, read and changed as bytes; git is asked whether it still understands it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lab.repo import Repo

from agentsync.report import git_index_bytes

LATER = 1 << 62  # ns
NAMES = (".a", "A.md", "docs/x y.md", "docs/long/" + "z" * 60, "é/ü.md", "w" * 200, "zz")


@pytest.fixture(params=["2", "3", "4", "sha256", "4 sha256"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Repo:
    """A repository whose index has that version, with a few hundred files."""
    repo = Repo(tmp_path / "indexed")
    repo.root.mkdir()
    repo.git("init", "-q", f"--object-format={'sha256' if 'sha256' in request.param else 'sha1'}")
    for name in (*NAMES, *(f"f{number}" for number in range(200))):
        repo.write(name, name)
    repo.git("add", ".")
    if request.param == "3":  # git writes it where an entry has a flag that version 2 has no place for
        repo.write("new", "intended")
        repo.git("add", "-N", "intended")
    elif request.param[0] == "4":
        repo.git("update-index", "--index-version", "4")
    assert index_of(repo)[4:8] == int(request.param[0] if request.param[0] in "34" else "2").to_bytes(4)
    return repo


def index_of(repo: Repo) -> bytes:
    return (repo.root / ".git/index").read_bytes()


def test_an_entry_is_found_and_git_reads_what_was_changed(made: Repo) -> None:
    """Files that were touched are as noted again, and no other entry has changed."""
    listed = made.git("ls-files", "-s", "-t")
    data = index_of(made)
    for name in NAMES:
        place = git_index_bytes.find(data, name.encode())
        status = os.lstat(made.root / name)
        assert place and git_index_bytes.matches(data, place, status, LATER)
        assert git_index_bytes.is_blob(place, name.encode()) and not git_index_bytes.is_blob(place, b"other")
        assert git_index_bytes.with_stat(data, place, status) == data
        os.utime(made.root / name, (1, 1))
        assert not git_index_bytes.matches(data, place, os.lstat(made.root / name), LATER)
        data = git_index_bytes.with_stat(data, place, os.lstat(made.root / name))
    assert made.git("diff-files")
    (made.root / ".git/index").write_bytes(data)
    assert made.git("diff-files", "--name-only") == ("intended\n" if (made.root / "intended").exists() else "")
    assert made.git("ls-files", "-s", "-t") == listed
    made.git("fsck")


def test_without_a_stat_git_compares_contents(made: Repo) -> None:
    """Also of a file that has another size than was noted: that is what a filter needs."""
    data = index_of(made)
    place = git_index_bytes.find(data, b"A.md")
    assert place
    (made.root / ".git/index").write_bytes(git_index_bytes.with_stat(data, place, None))
    assert made.git("diff-files", "--name-only", "--", "A.md") == "A.md\n"
    assert made.git("status", "--porcelain", "--", "A.md") == "A  A.md\n"


def test_an_entry_as_young_as_the_index_proves_nothing(made: Repo) -> None:
    """git calls it racily clean and compares contents; so do we."""
    data = index_of(made)
    place, status = git_index_bytes.find(data, b"A.md"), os.lstat(made.root / "A.md")
    assert place
    assert not git_index_bytes.matches(data, place, status, status.st_mtime_ns)
    assert git_index_bytes.matches(data, place, status, status.st_mtime_ns + 1)


def test_what_is_no_ordinary_entry_is_not_found(made: Repo) -> None:
    """Missing, intended, marked or unmerged ones."""
    assert git_index_bytes.find(index_of(made), b"nothing") is None
    assert git_index_bytes.find(index_of(made), b"A.m") is None
    made.git("update-index", "--assume-unchanged", "A.md")
    made.git("update-index", "--skip-worktree", "zz")
    made.write("x", "intent")
    made.git("add", "-N", "intent")
    blob = made.git("hash-object", "-w", "A.md").strip()
    made.git("update-index", "--index-info", stdin="".join(f"100644 {blob} {stage}\tboth\n" for stage in (1, 2, 3)))
    for name in (b"A.md", b"zz", b"intent", b"both"):
        assert git_index_bytes.find(index_of(made), name) is None
    assert git_index_bytes.find(index_of(made), b"w" * 200)


def test_an_index_that_is_not_whole_is_not_understood(made: Repo) -> None:
    """A checksum that does not fit, an unknown version, another file."""
    data = index_of(made)
    assert git_index_bytes.find(data[:-1] + bytes([data[-1] ^ 1]), b"A.md") is None
    for wrong in (b"", b"DIRC", data[:100], b"DIRC" + (9).to_bytes(4) + data[8:]):
        assert git_index_bytes.find(wrong, b"A.md") is None


def test_an_entry_as_young_as_the_index_is_told(made: Repo) -> None:
    """git compares such a file's contents; in an index that is younger it would not."""
    data = index_of(made)
    place, status = git_index_bytes.find(data, b"A.md"), os.lstat(made.root / "zz")
    assert place
    second = 10**9
    assert git_index_bytes.is_racy(data, place, status.st_mtime_ns)
    assert not git_index_bytes.is_racy(data, place, status.st_mtime_ns + 10 * second)
    os.utime(made.root / "A.md", ns=(0, status.st_mtime_ns + 100 * second))
    made.git("update-index", "-q", "--refresh", check=False)
    data = index_of(made)
    assert not git_index_bytes.is_racy(data, place, status.st_mtime_ns + 10 * second)  # its own is about to be another
