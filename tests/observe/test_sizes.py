"""How large a change is, and its lines: as git counts and shows them, of what is committed and of what is not."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from lab.repo import QUIET, Repo, new_repo

from agentsync.ledger.events import Change
from agentsync.observe import diffs, sizes

REPORT = QUIET.report.path


def numstat(folder: Path, pairs: list[tuple[bytes, bytes]]) -> list[tuple[int, int]]:
    """What git says of many pairs at once."""
    for side, name in enumerate(("old", "new")):
        (folder / name).mkdir()
        for number, pair in enumerate(pairs):
            (folder / name / str(number)).write_bytes(pair[side])
    asked = ["git", "diff", "--no-index", "--no-renames", "--minimal", "--numstat", "old", "new"]
    said = subprocess.run(asked, cwd=folder, capture_output=True, text=True, check=False).stdout
    found = {int(line.rsplit("/", 1)[1].rstrip("}")): line.split("\t") for line in said.splitlines()}
    return [(int(found[n][0]), int(found[n][1])) if n in found else (0, 0) for n in range(len(pairs))]


def some_text(chance: random.Random) -> bytes:
    """Few different lines, so that many of them recur; some without a newline at the end."""
    lines = [chance.choice((b"", b"a", b"b", b"c", b"d\r")) for _ in range(chance.randrange(12))]
    return b"\n".join(lines) + chance.choice((b"", b"\n"))


def edited(chance: random.Random, text: bytes) -> bytes:
    """Some lines of a long text moved, removed, written anew."""
    lines = text.split(b"\n")
    for _ in range(chance.randrange(6)):
        at = chance.randrange(len(lines))
        lines[at : at + chance.randrange(3)] = chance.choices((b"new", b"other", *lines), k=chance.randrange(3))
    return b"\n".join(lines)


def test_lines_are_counted_as_git_counts_them(tmp_path: Path) -> None:
    chance = random.Random(1)
    long = b"\n".join(b"line %d" % (n % 97) for n in range(400))
    pairs = [(some_text(chance), some_text(chance)) for _ in range(600)]
    pairs += [(edited(chance, long), edited(chance, long)) for _ in range(100)]
    assert [tuple(sizes.between(*pair)) for pair in pairs] == numstat(tmp_path, pairs)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (None, b"a\n"),
        (b"a\n", None),
        (b"a\0b\n", b"a\n"),
        (b"".join(b"%d\n" % n for n in range(30_000)), b"".join(b"%d\n" % n for n in range(30_000, 0, -1))),
    ],
    ids=["old is gone", "new is gone", "binary", "too long to be compared"],
)
def test_what_cannot_be_counted_is_unknown(old: bytes | None, new: bytes | None) -> None:
    assert sizes.between(old, new) == sizes.UNKNOWN


def recorded(repo: Repo) -> tuple[Change, int | None, int | None]:
    """The newest change, and its lines as the ledger has them."""
    line = repo.changes()[-1]
    (event,) = repo.view().events("id", line["id"])
    assert isinstance(event, Change)
    return event, line["lines_added"], line["lines_removed"]


def lines_of(repo: Repo) -> tuple[str, ...]:
    """The lines of the newest change that came and went."""
    found = diffs.of_change(recorded(repo)[0], repo.clone(), REPORT)
    return tuple(line for line in found.lines if line[0] in "+-") or (found.why,)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = new_repo(tmp_path / "repo")
    made.begin()
    return made


def test_each_way_to_a_change_counts_its_lines(repo: Repo) -> None:
    """Committed, not committed, edited once more, deleted, created; found in history, and beside a report."""
    first = repo.read().splitlines(keepends=True)
    repo.commit("".join(["begin\n", *first[1:]]))
    repo.look()
    assert recorded(repo)[1:] == (1, 1) and lines_of(repo) == ("-doc.md line 0\n".strip(), "+begin")
    repo.write("".join(["begin\n", "more\n", *first[1:]]))
    repo.look()
    assert recorded(repo)[1:] == (1, 0) and lines_of(repo) == ("+more",)
    repo.write("".join(["begin\n", "more\n", "most\n", *first[1:]]))
    repo.look()  # what it was before was never committed, and nobody has it any more
    assert recorded(repo)[1:] == (None, None) and "was never committed" in lines_of(repo)[0]
    (repo.root / "docs/other.md").unlink()
    repo.commit()
    repo.look()
    assert recorded(repo)[1:] == (0, 12)
    repo.commit("one\ntwo\n", "docs/other.md")
    repo.look()
    assert recorded(repo)[1:] == (2, 0) and lines_of(repo) == ("+one", "+two")
    repo.commit("a\0b", "docs/other.md")
    repo.look()
    assert recorded(repo)[1:] == (None, None) and lines_of(repo) == ("not text",)
    repo.look(asked=True)
    text = repo.read(REPORT)
    assert "agentsync:begin" in text
    repo.commit(f"mine\n{text}", REPORT)
    repo.look()
    assert recorded(repo)[1:] == (1, 0) and lines_of(repo) == ("+mine",)


def test_a_long_diff_is_cut(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffs, "LINES", 3)
    repo.commit("".join(f"{n}\n" for n in range(100)))
    repo.look()
    found = diffs.of_change(recorded(repo)[0], repo.clone(), REPORT)
    assert (len(found.lines), found.added, found.removed, found.left_out) == (3, 100, 12, 110)
