"""Where git could come to see a report, or a report could break git: each trap, and what is done about it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.report import (
    HIDDEN,
    PATH,
    TEXT,
    Lab,
    both,
    clean_tree,
    consolidated,
    fresh,
    make,
    no_report_in,
    reported,
    reporting,
)

from agentsync.base import git
from agentsync.base.errors import ConfigError
from agentsync.base.exchange import Staged
from agentsync.base.settings import Report, Watch
from agentsync.report import attributes, git_index, obstacle, region
from agentsync.report.outcome import CURRENT, WRITTEN, Kind
from agentsync.setup import doctor, git_filter
from agentsync.setup.patient import Patient

EDITED = TEXT.replace("line 2\n", "my line\n")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository with a report that is not published."""
    return reporting(tmp_path / "repo")


def edit(lab: Lab) -> None:
    """Somebody edits one line of the report's file."""
    lab.edit("line 2\n", "my line\n")


def owed(lab: Lab, why: str) -> None:
    """Nothing is written, and the reason is told."""
    before = lab.file.read_bytes() if lab.file.exists() else None
    report = lab.consolidate()
    assert report.kind is Kind.OWED and why in report.why
    assert (lab.file.read_bytes() if lab.file.exists() else None) == before


def paid(lab: Lab) -> None:
    """What was owed stands in the file after the next look, and git sees nothing of it."""
    assert lab.pay() == WRITTEN
    reported(lab)
    clean_tree(lab)


# ---- repositories of other kinds


def plain(root: Path) -> Lab:
    return fresh(root)


def index_v4(root: Path) -> Lab:
    lab = fresh(root)
    lab.git("update-index", "--index-version", "4")
    return lab


def split_index(root: Path) -> Lab:
    lab = fresh(root)
    lab.git("config", "core.splitIndex", "true")
    lab.git("update-index", "--split-index")
    assert list((lab.root / ".git").glob("sharedindex.*"))
    return lab


def untracked_cache(root: Path) -> Lab:
    lab = fresh(root)
    lab.git("update-index", "--force-untracked-cache")
    return lab


def sha256(root: Path) -> Lab:
    lab = make(root, init=["--object-format=sha256"])
    assert len(lab.head()) == 64
    return lab


def fsmonitor(root: Path) -> Lab:
    """A hook that tells git which file to look at; whatever it does not name, git takes for unchanged."""
    lab = fresh(root)
    hook = lab.root / ".git/watcher"
    hook.write_text(f"#!/bin/sh\nprintf 'token\\0{PATH}\\0docs/other.md\\0code.py\\0'\n")
    hook.chmod(0o755)
    lab.git("config", "core.fsmonitor", str(hook))
    lab.git("status")
    return lab


def linked_worktree(root: Path) -> Lab:
    return fresh(root).worktree("linked", "-b", "linked")


def submodule(root: Path) -> Lab:
    """Its git directory lies in the superproject's."""
    fresh(root.parent / "upstream")
    root.mkdir()
    outer = Lab(root)
    outer.git("init", "-q", ".")
    outer.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", "../upstream", "sub")
    outer.git("commit", "-q", "-m", "first")
    lab = Lab(root / "sub")
    lab.time = outer.time + 1000
    lab.init()
    return lab


def separate_git_dir(root: Path) -> Lab:
    return make(root, init=[f"--separate-git-dir={root.parent}/elsewhere"])


def with_hooks(root: Path) -> Lab:
    """agentsync's own hooks put the report back."""
    lab = fresh(root)
    lab.init(hooks=True)
    return lab


KINDS: list[Callable[[Path], Lab]] = [
    plain,
    index_v4,
    split_index,
    untracked_cache,
    sha256,
    fsmonitor,
    linked_worktree,
    submodule,
    separate_git_dir,
    with_hooks,
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_in_a_repository_of_any_kind_git_sees_no_report(tmp_path: Path, kind: Callable[[Path], Lab]) -> None:
    """Reports of several sizes, an edit, a stash, a rebase, a new file: nothing refuses and nothing shows."""
    lab = kind(tmp_path / "repo")
    main = lab.git("branch", "--show-current").strip()
    lab.settings = HIDDEN._replace(report=HIDDEN.report._replace(branch=main))
    consolidated(lab)
    edit(lab)
    assert lab.status() == [f" M {PATH}"]
    lab.git("commit", "-q", "-am", "edit")
    assert lab.text_of() == EDITED
    no_report_in(lab)
    lab.pay()
    clean_tree(lab)
    lab.consolidate()
    assert lab.publish().commit
    lab.consolidate()
    reported(lab)
    clean_tree(lab)
    lab.git("branch", "base", "HEAD^^")
    lab.git("switch", "-q", "-c", "topic")
    lab.edit("line 9\n", "their line\n")
    lab.git("stash")
    lab.pay()
    lab.git("stash", "pop")
    lab.git("commit", "-q", "-am", "topic")
    lab.git("rebase", "-q", "--onto", "HEAD^", "HEAD^")
    no_report_in(lab)
    lab.pay()
    reported(lab)
    clean_tree(lab)
    lab.write("new\n", "new.txt")
    assert lab.status() == ["?? new.txt"]


# ---- another size


def around(monkeypatch: pytest.MonkeyPatch, before: Callable[[], object], after: Callable[[], object]) -> None:
    """Something happens right before and right after the file is exchanged."""
    exchange = Staged.exchange

    def wrapped(staged: Staged, expected: bytes) -> bool:
        before()
        done = exchange(staged, expected)
        after()
        return done

    monkeypatch.setattr(Staged, "exchange", wrapped)


def test_git_sees_no_edit_between_the_steps_of_a_report(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right after the file is exchanged, and before the index has the new stat: nothing shows, nothing refuses."""
    seen = []

    def status() -> None:
        seen.append(lab.status())

    around(monkeypatch, lambda: None, status)
    lab.consolidate()
    assert seen == [[]]
    reported(lab)
    clean_tree(lab)
    lab.git("rebase", "-q", "HEAD^")


def test_git_sees_no_edit_before_the_file_is_exchanged(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """An edit of the user's shows, and nothing else."""
    edit(lab)
    seen = []
    # diff, not status: it does not write the index.
    around(monkeypatch, lambda: seen.append(lab.git("diff", "--numstat")), lambda: None)
    lab.consolidate()
    assert seen == [f"1\t1\t{PATH}\n"]


def test_a_status_at_the_worst_moment_leaves_no_edit_behind(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """It notes the stat of the old file in the index, and then the file has another size."""
    around(monkeypatch, lab.status, lambda: None)
    lab.consolidate()
    monkeypatch.undo()
    reported(lab)
    clean_tree(lab)
    lab.git("rebase", "-q", "HEAD^")


def test_what_was_not_noted_in_the_index_is_noted_by_the_next_look(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report is not settled before; nobody writes the file a second time."""
    with monkeypatch.context() as patch:
        patch.setattr(git_index, "note_stat", lambda *_: False)
        lab.consolidate()
    written = git.signature(str(lab.file))
    lab.pay()
    clean_tree(lab)
    assert git.signature(str(lab.file)) == written
    assert lab.pay() == CURRENT


@both
def test_reports_that_grow_and_shrink_stay_unseen(tmp_path: Path, published: bool) -> None:
    """git calls a file of another size modified without asking any filter."""
    settings = HIDDEN._replace(report=HIDDEN.report._replace(keep=2))
    lab = consolidated(make(tmp_path / "repo", settings), published=published)
    sizes = set()
    for keep in (2, 5, 1):
        lab.settings = HIDDEN._replace(report=HIDDEN.report._replace(keep=keep))
        lab.consolidate()
        clean_tree(lab)
        lab.git("rebase", "-q", "HEAD^")
        lab.git("merge", "-q", "HEAD^")
        sizes.add(lab.file.stat().st_size)
    assert len(sizes) > 1
    linked = lab.worktree("linked")
    lab.consolidate()
    reported(linked)
    lab.git("worktree", "remove", "../linked")


def test_a_stash_of_another_file_keeps_the_report(lab: Lab) -> None:
    before = lab.file.read_bytes()
    lab.write("edited\n", "code.py")
    lab.git("stash")
    assert lab.file.read_bytes() == before


@pytest.mark.parametrize("mode", [0o600, 0o755])
def test_the_file_keeps_its_mode(lab: Lab, mode: int) -> None:
    """And nothing is left beside it."""
    lab.file.chmod(mode)
    if mode & 0o100:
        lab.git("commit", "-q", "-am", "mode")
    lab.consolidate()
    assert lab.file.stat().st_mode & 0o777 == mode
    reported(lab)
    clean_tree(lab)
    assert not list((lab.root / ".agentsync").glob("*.new"))


@pytest.mark.parametrize("by_rename", [False, True], ids=["in-place", "by-rename"])
def test_an_edit_between_reading_and_writing_is_not_lost(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, by_rename: bool
) -> None:
    """What comes out of the exchange is not what was read: it goes back, and the report is put into the new text."""
    lines = iter(["first\n", "second\n"])

    def somebody_saves() -> None:
        if line := next(lines, ""):
            saved = lab.root / "saved"
            saved.write_bytes(lab.file.read_bytes().replace(b"line 2\n", f"line 2\n{line}".encode()))
            if by_rename:
                saved.rename(lab.file)
            else:
                lab.file.write_bytes(saved.read_bytes())
                saved.unlink()

    around(monkeypatch, somebody_saves, lambda: None)
    lab.consolidate()
    assert lab.text() == TEXT.replace("line 2\n", "line 2\nsecond\nfirst\n")
    reported(lab)
    assert lab.git("diff", "--numstat") == f"2\t0\t{PATH}\n"


# ---- the index


def held(lab: Lab, lock: str = "index.lock") -> Path:
    path = Path(lab.here().git_dir) / lock
    path.write_bytes(b"")
    return path


def test_a_held_index_lock_makes_the_report_owed(lab: Lab) -> None:
    """It is left alone, however old it may be."""
    lab.write("committed before\n", "docs/other.md")
    lab.git("commit", "-q", "-am", "before")
    lock = held(lab)
    os.utime(lock, (0, 0))
    before = lab.file.read_bytes()
    (report,) = lab.look(asked=True).reports.values()
    assert report.kind is Kind.OWED and "index.lock" in report.why
    assert lab.file.read_bytes() == before
    assert lock.exists()
    lock.unlink()
    paid(lab)


def test_a_lock_taken_in_between_makes_the_report_owed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written while git would not learn of it."""
    monkeypatch.setattr(git_index, "PAUSE", 0)
    lab.write("committed before\n", "docs/other.md")
    lab.git("commit", "-q", "-am", "before")
    with monkeypatch.context() as patch:
        patch.setattr(obstacle, "of_index", lambda *_: "")
        lock = held(lab)
        before = lab.file.read_bytes()
        (report,) = lab.look(asked=True).reports.values()
    assert report.kind is Kind.OWED
    assert lab.file.read_bytes() == before
    assert lock.exists()
    assert not list(lock.parent.glob("index.agentsync.*"))
    lock.unlink()
    paid(lab)


def test_what_somebody_stages_in_between_is_not_lost(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy of the index is thrown away then, and made again."""
    staged: list[str] = []
    copied = git_index._copy

    def racing(index: str, copy: str) -> bytes:
        made = copied(index, copy)
        if len(staged) < 3:
            staged.append(f"staged{len(staged)}.txt")
            lab.write("staged\n", staged[-1])
            lab.git("add", staged[-1])
        return made

    monkeypatch.setattr(git_index, "_copy", racing)
    lab.consolidate()
    assert staged
    reported(lab)
    assert lab.status() == [f"A  {name}" for name in staged]
    assert lab.git("diff-files", "--name-only") == ""


def test_an_edit_that_somebody_stages_in_between_stays_staged(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the report's file itself: its old blob is not put back over the new one."""
    done: list[bool] = []
    signature = git_index._copy

    def racing(index: str, copy: str) -> object:
        if not done:
            done.append(True)
            edit(lab)
            lab.git("add", PATH)
        return signature(index, copy)

    monkeypatch.setattr(git_index, "_copy", racing)
    lab.consolidate()
    monkeypatch.undo()
    lab.pay()
    assert done
    assert lab.status() == [f"M  {PATH}"]
    assert lab.blob("").decode() == EDITED
    reported(lab)


def test_the_lock_of_a_killed_agentsync_is_taken_away(lab: Lab) -> None:
    """Its copy tells that it was ours: both are one file."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    git_dir = Path(lab.here().git_dir)
    copy = git_dir / f"index.agentsync.{gone.pid}"
    shutil.copy(git_dir / "index", copy)
    os.link(copy, git_dir / "index.lock")
    lab.write("edit\n", "docs/other.md")
    assert list(lab.look(asked=True).reports.values()) == [WRITTEN]
    assert not list(git_dir.glob("index.agentsync.*"))
    assert not (git_dir / "index.lock").exists()


def test_a_foreign_lock_beside_the_copy_of_a_killed_agentsync_is_left(lab: Lab) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    git_dir = Path(lab.here().git_dir)
    copy = git_dir / f"index.agentsync.{gone.pid}"
    shutil.copy(git_dir / "index", copy)
    lock = held(lab)
    lab.write("edit\n", "docs/other.md")
    assert [one.kind for one in lab.look(asked=True).reports.values()] == [Kind.OWED]
    assert lock.exists()
    assert not copy.exists()


def test_the_lock_of_a_running_agentsync_is_left(lab: Lab) -> None:
    git_dir = Path(lab.here().git_dir)
    copy = git_dir / f"index.agentsync.{os.getppid()}"
    shutil.copy(git_dir / "index", copy)
    os.link(copy, git_dir / "index.lock")
    lab.write("edit\n", "docs/other.md")
    assert [one.kind for one in lab.look(asked=True).reports.values()] == [Kind.OWED]
    assert copy.exists()
    assert (git_dir / "index.lock").exists()


def test_an_unmerged_path_makes_the_report_owed(lab: Lab) -> None:
    """No operation says so: a stash was popped over another edit."""
    edit(lab)
    lab.git("stash")
    lab.pay()
    lab.edit("line 2\n", "another line\n")
    lab.git("commit", "-q", "-am", "another edit")
    lab.git("stash", "pop", check=False)
    assert lab.status() == [f"UU {PATH}"]
    lab.write("edit\n", "docs/other.md")
    before = lab.file.read_bytes()
    (report,) = lab.look(asked=True).reports.values()
    assert report.kind is Kind.OWED and "unmerged" in report.why
    assert lab.file.read_bytes() == before
    resolved = region.strip(lab.file.read_bytes()) if b"agentsync:begin" in before else before
    lab.file.write_bytes(
        resolved.split(b"<<<<<<<")[0] + b"my line\n" + resolved.split(b">>>>>>> ")[1].split(b"\n", 1)[1]
    )
    lab.git("add", PATH)
    lab.git("stash", "drop")
    lab.pay()
    reported(lab)
    assert lab.blob("").decode() == EDITED


def test_a_file_that_a_sparse_checkout_leaves_out_is_not_made(lab: Lab) -> None:
    lab.git("sparse-checkout", "set", "--no-cone", "/docs/", "/.agentsync/")
    assert not lab.file.exists()
    owed(lab, "sparse")
    assert lab.status() == []
    lab.git("sparse-checkout", "disable")
    paid(lab)


def test_a_file_that_git_is_told_to_skip_is_left_as_it_is(lab: Lab) -> None:
    lab.git("update-index", "--skip-worktree", PATH)
    owed(lab, "sparse")
    lab.git("update-index", "--no-skip-worktree", PATH)
    paid(lab)


def test_a_file_that_is_assumed_to_be_unchanged_is_left_as_it_is(lab: Lab) -> None:
    lab.git("update-index", "--assume-unchanged", PATH)
    owed(lab, "assumed to be unchanged")
    lab.git("update-index", "--no-assume-unchanged", PATH)
    paid(lab)


@pytest.mark.parametrize("empty", [False, True], ids=["text", "empty"])
def test_a_file_that_will_be_added_gets_its_report_and_is_added_without_it(tmp_path: Path, empty: bool) -> None:
    """`git add -N`: the intention stays what it is."""
    lab = fresh(tmp_path / "repo")
    lab.git("rm", "-q", "--cached", PATH)
    lab.git("commit", "-q", "-m", "not tracked")
    if empty:
        lab.file.write_bytes(b"")
    lab.git("add", "-N", PATH)
    lab.consolidate()
    reported(lab)
    assert lab.status() == [f" A {PATH}"]
    assert lab.git("diff", "--cached", "--name-only") == ""
    assert "agentsync:begin" not in lab.git("diff")
    lab.git("commit", "-q", "-am", "added")
    assert lab.blob().decode() == ("" if empty else TEXT)
    lab.pay()
    clean_tree(lab)


def test_a_file_that_git_does_not_track_gets_its_report(tmp_path: Path) -> None:
    """And is added without it."""
    lab = fresh(tmp_path / "repo")
    lab.git("rm", "-q", "--cached", PATH)
    lab.git("commit", "-q", "-m", "not tracked")
    lab.consolidate()
    reported(lab)
    assert lab.status() == [f"?? {PATH}"]
    lab.git("add", PATH)
    assert lab.blob("").decode() == TEXT


def test_while_pre_commit_runs_the_report_is_owed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has stashed away what is not staged, and a file that changes fails the commit."""
    with monkeypatch.context() as patch:
        patch.setenv("PRE_COMMIT", "1")
        owed(lab, "pre-commit")
    paid(lab)


@pytest.mark.parametrize(
    ("operation", "begin", "end"),
    [
        ("merge", ["merge", "--no-commit", "--no-ff", "other"], ["merge", "--abort"]),
        ("cherry-pick", ["cherry-pick", "clash"], ["cherry-pick", "--abort"]),
        ("revert", ["revert", "--no-edit", "HEAD^"], ["revert", "--abort"]),
        ("rebase", ["rebase", "clash"], ["rebase", "--abort"]),
        ("bisect", ["bisect", "start"], ["bisect", "reset"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_in_the_middle_of_an_operation_the_report_is_owed(
    lab: Lab, operation: str, begin: list[str], end: list[str]
) -> None:
    """And paid when it is over."""
    lab.git("switch", "-q", "-c", "other")
    lab.write("theirs\n", "theirs.txt")
    lab.git("add", "theirs.txt")
    lab.git("commit", "-q", "-m", "other")
    lab.git("switch", "-q", "-c", "clash")
    lab.write("theirs\n", "code.py")
    lab.git("commit", "-q", "-am", "clash")
    lab.git("switch", "-q", "main")
    for text in ("ours\n", "ours again\n"):
        lab.write(text, "code.py")
        lab.git("commit", "-q", "-am", text)
    lab.write("edit\n", "docs/other.md")
    lab.git("commit", "-q", "-am", "watched")
    if operation == "revert":
        begin = ["revert", "--no-edit", "HEAD~2"]
    lab.git(*begin, check=False)
    (report,) = lab.look(asked=True).reports.values()
    assert report.kind is Kind.OWED, report
    assert operation in report.why
    lab.git(*end)
    lab.pay()
    reported(lab)
    clean_tree(lab)


# ---- filters of others


def attribute(lab: Lab) -> str:
    """The filter that git uses for the file."""
    return lab.git("check-attr", "filter", "--", PATH).rsplit(": ", 1)[1].strip()


def upper(lab: Lab) -> None:
    """Somebody's filter: git stores capitals."""
    lab.git("config", "filter.caps.clean", "tr a-z A-Z")
    lab.git("config", "filter.caps.smudge", "tr A-Z a-z")


CAPS = f"{PATH} filter=caps\n"


def test_a_foreign_filter_from_before_init_stays(tmp_path: Path) -> None:
    """The report is plain text then: git allows for one filter."""
    root = tmp_path / "repo"
    root.mkdir()
    early = Lab(root)
    early.git("init", "-q", ".")
    upper(early)
    lab = make(root, content=TEXT.lower().encode(), files={".gitattributes": CAPS})
    assert attribute(lab) == "caps"
    assert lab.blob().decode() == TEXT.upper()
    report = lab.consolidate()
    assert report == WRITTEN
    assert attribute(lab) == "caps"
    reported(lab)
    assert lab.status() == [f" M {PATH}"]


def test_a_foreign_filter_that_a_checkout_brings_and_takes_away(lab: Lab) -> None:
    """Its branch has its filter, with the report as plain text; on the others the report is hidden as before."""
    upper(lab)
    lab.git("switch", "-q", "-c", "caps")
    lab.write(CAPS, ".gitattributes")
    lab.pay()
    lab.git("add", ".gitattributes")
    lab.git("commit", "-q", "-m", "caps")
    assert attribute(lab) == "caps"
    lab.consolidate()
    reported(lab)
    assert lab.status() == [f" M {PATH}"]
    lab.git("add", PATH)
    lab.git("commit", "-q", "-m", "all of it in capitals")
    assert lab.blob().startswith(TEXT.upper().encode())
    lab.git("switch", "-q", "main")
    lab.pay()
    assert attribute(lab) == "agentsync"
    assert lab.text() == TEXT
    reported(lab)
    clean_tree(lab)
    edit(lab)
    lab.git("commit", "-q", "-am", "edit")
    assert lab.blob().decode() == EDITED


def test_a_foreign_filter_that_is_taken_away_again(lab: Lab) -> None:
    """Without a checkout: somebody edits .gitattributes."""
    upper(lab)
    lab.write(CAPS, ".gitattributes")
    lab.pay()
    assert attribute(lab) == "caps"
    (lab.root / ".gitattributes").unlink()
    lab.pay()
    assert attribute(lab) == "agentsync"
    lab.consolidate()
    reported(lab)
    clean_tree(lab)


def info_attributes(lab: Lab) -> Path:
    return Path(lab.clone().common_dir, "info/attributes")


@both
def test_lines_that_others_add_below_ours_do_not_count(tmp_path: Path, published: bool) -> None:
    """The last line wins for git, so ours goes to the end; the others' stay where they are, after an uninstall, too."""
    lab = consolidated(make(tmp_path / "repo"), published=published)
    before = lab.blob()
    upper(lab)
    with info_attributes(lab).open("a") as file:
        file.write(f"{PATH} filter=caps\n")
    assert attribute(lab) == "caps"
    lab.pay()
    assert attribute(lab) == "agentsync"
    lab.consolidate()
    clean_tree(lab)
    edit(lab)
    lab.git("commit", "-q", "-m", "edit", "--", PATH)
    assert lab.blob() == before.replace(b"line 2", b"my line")
    git_filter.remove(lab.clone())
    assert info_attributes(lab).read_text() == f"{PATH} filter=caps\n"


def test_doctor_asks_git_which_filter_counts(tmp_path: Path) -> None:
    """As after `git annex init`, before any report; `init` puts it right, and so does `doctor --fix`."""
    lab = make(tmp_path / "repo")
    findings = [("report filter", f"git sees the reports in worktree main: its attributes give {PATH} caps filter")]
    for repair in (lambda _: lab.init(), doctor.mend):
        with info_attributes(lab).open("a") as file:
            file.write(f"{PATH} filter=caps\n")
        results = doctor.examine(Patient(lab.clone(), sys.executable))
        assert [(one.check, one.what) for one in results if not one.ok and one.check == "report filter"] == findings
        repair(results)
        assert attribute(lab) == "agentsync"


def test_where_git_gives_our_filter_to_no_file_the_report_is_plain_text(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the reason: what git says counts, not what we wrote."""
    monkeypatch.setattr(attributes, "in_force", lambda *_: "")
    assert attributes.way(lab.clone(), lab.here(), lab.settings) == attributes.Way(
        hidden=False, why=f"git's attributes give {PATH} no filter"
    )


def test_an_attribute_in_a_folder_counts_too(tmp_path: Path) -> None:
    """The .gitattributes that is nearest to the file decides for git, and so it does for us."""
    settings = HIDDEN._replace(report=Report(language="en", path="docs/notes/SYNC.md"))
    lab = consolidated(make(tmp_path / "repo", settings))
    upper(lab)
    lab.write("*.md filter=caps\n", "docs/notes/.gitattributes")
    lab.pay()
    said = lab.git("check-attr", "filter", "--", lab.path)
    assert said.endswith(": caps\n")
    (lab.root / "docs/notes/.gitattributes").unlink()
    lab.pay()
    clean_tree(lab)


def test_lines_of_others_in_the_attributes_stay(lab: Lab) -> None:
    """The common info/attributes is not ours alone."""
    path = Path(lab.clone().common_dir) / "info/attributes"
    path.write_bytes(b"*.bin binary\n" + path.read_bytes() + b"*.txt text\n")
    upper(lab)
    lab.write(CAPS, ".gitattributes")
    lab.pay()
    (lab.root / ".gitattributes").unlink()
    lab.pay()
    data = path.read_bytes()
    assert data.startswith(b"*.bin binary\n")
    assert b"*.txt text\n" in data
    assert data.count(b"filter=agentsync") == 1


def test_without_the_filter_the_report_is_owed(lab: Lab) -> None:
    """Somebody has taken it out of the configuration: git would see every report."""
    lab.git("config", "--remove-section", "filter.agentsync")
    owed(lab, "not installed")
    lab.init()
    paid(lab)


# ---- the program is gone


AWKS = [name for name in ("mawk", "busybox awk", "gawk") if shutil.which(name.split()[0])]


def without_program(lab: Lab, awk: str) -> dict[str, str]:
    """The interpreter of the filter is gone; the environment in which awk is this one."""
    folder = lab.root.parent / "bin"
    folder.mkdir()
    (folder / "awk").write_text(f'#!/bin/sh\nexec {awk} "$@"\n')
    (folder / "awk").chmod(0o755)
    git_filter.install(lab.clone(), python="/gone/bin/python")
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("awk", "form", "published"),
    [(awk, form, number % 2 == 0) for awk in AWKS for number, form in enumerate(("lf", "crlf", "bare-crlf", "bare"))],
)
def test_without_the_program_reports_stay_out_of_commits(tmp_path: Path, awk: str, form: str, published: bool) -> None:
    """git is not broken, says nothing, and stores what it would store with the program."""
    text = TEXT.removesuffix("\n") if form.startswith("bare") else TEXT
    text = text.replace("\n", "\r\n") if form.endswith("crlf") else text
    lab = reporting(tmp_path / "repo", published=published, content=text.encode())
    carried = lab.blob()
    env = without_program(lab, awk)
    lab.file.touch()
    assert lab.git("status", "--porcelain", env=env) == ""
    edit_line = ("line 2", "my line")
    lab.edit(*edit_line)
    done = subprocess.run(
        ["git", "commit", "-qam", "edit"], cwd=lab.root, env={**os.environ, **env}, check=True, capture_output=True
    )
    assert done.stdout + done.stderr == b""
    assert lab.blob() == carried.replace(b"line 2", b"my line")
    assert lab.text() == text.replace(*edit_line)


def test_a_program_that_fails_leaves_git_its_bytes(lab: Lab) -> None:
    """A broken installation loses nothing: the file is stored as it is."""
    broken = lab.root.parent / "python"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    git_filter.install(lab.clone(), python=str(broken))
    edit(lab)
    lab.git("commit", "-q", "-am", "edit")
    assert lab.blob() == lab.file.read_bytes()


@pytest.mark.parametrize("folder", ["100%f", "%", "with space", "it's"])
def test_the_program_may_lie_anywhere(lab: Lab, folder: str) -> None:
    """git takes %f in the command for the file's name, and a shell reads the rest."""
    python = lab.root.parent / folder / "python"
    python.parent.mkdir()
    ran = lab.root.parent / "ran"
    python.write_text(f'#!/bin/sh\n: >{ran}\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    git_filter.install(lab.clone(), python=str(python))
    assert git_filter.program(lab.clone()) == str(python)
    edit(lab)
    lab.git("commit", "-q", "-am", "edit")
    assert ran.exists()
    assert lab.blob().decode() == EDITED


# ---- the file moves


def test_a_moved_file_is_committed_without_a_report(lab: Lab) -> None:
    """`git mv` moves the index entry; only who commits the rest of the file commits the report, too."""
    lab.git("mv", PATH, "NOTES.md")
    lab.git("commit", "-q", "-m", "moved")
    assert lab.blob("HEAD", "NOTES.md").decode() == TEXT
    report = lab.pay()
    assert report.kind is Kind.OWED and "missing" in report.why


def test_a_moved_file_that_the_configuration_follows_is_hidden_again(lab: Lab) -> None:
    """And what git is told of the old name does no harm."""
    lab.settings = HIDDEN._replace(report=Report(language="en", path="NOTES.md"))
    lab.path = "NOTES.md"
    lab.git("mv", PATH, "NOTES.md")
    lab.configure()
    lab.pay()
    assert lab.status() == [" M .agentsync/config.toml", f"R  {PATH} -> NOTES.md"]
    lab.git("commit", "-q", "-am", "moved")
    assert lab.blob().decode() == TEXT
    lab.consolidate()
    reported(lab)
    clean_tree(lab)
    assert lab.git("check-attr", "filter", "--", "NOTES.md").endswith(": agentsync\n")


NAMES = [
    "with space.md",
    'with "quotes".md',
    "it's.md",
    "#sharp.md",
    "!bang.md",
    "%f %%.md",
    "$(touch owned).md",
    "`touch owned`;.md",
    "-option.md",
    "docs/ümläut 🤖.md",
    " leading and trailing .md",
    ":(glob)x.md",
]


@pytest.mark.parametrize("name", NAMES)
def test_the_report_may_have_any_name(tmp_path: Path, name: str) -> None:
    """Nothing in it is a pattern, a placeholder or a command to git or its shell."""
    report = Report(language="en", path=name)
    lab = make(tmp_path / "repo", HIDDEN._replace(report=report, watch=(*HIDDEN.watch[1:], Watch(PATH, "docs"))))
    consolidated(lab, published=True)
    edit(lab)
    lab.git("commit", "-q", "-am", "edit")
    assert lab.text_of() == EDITED
    no_report_in(lab)
    lab.git("stash")
    lab.consolidate()
    clean_tree(lab)
    without_program(lab, "awk" if not AWKS else AWKS[0])
    lab.file.touch()
    assert lab.status() == []
    assert not (lab.root / "owned").exists()


@pytest.mark.parametrize("name", ["new\nline.md", "tab\there.md", "star*.md", "which?.md", "[x].md", "back\\slash.md"])
def test_a_name_that_would_be_a_pattern_or_two_lines_is_refused(tmp_path: Path, name: str) -> None:
    """By the configuration, with nothing touched; should one come to us otherwise, it stands for itself alone."""
    lab = fresh(tmp_path / "repo")
    lab.settings = HIDDEN._replace(report=HIDDEN.report._replace(path=name))
    with pytest.raises(ConfigError):
        lab.init()
    assert attributes.way(lab.clone(), lab.here(), lab.settings).hidden
    near = [name, f"docs/{name}", name.replace("*", "s"), name.replace("?", "x"), "x.md", name.replace("\\", "")]
    said = lab.git("check-attr", "-z", "filter", "--", *near).split("\0")[2::3]
    assert [value == "agentsync" for value in said] == [one == name for one in near]


# ---- text typed inside the region


@both
def test_text_typed_inside_the_region_is_committed_below_it(tmp_path: Path, published: bool) -> None:
    """`commit -a` does not say "nothing to commit"; the next look leaves the file as git has it."""
    lab = reporting(tmp_path / "repo", published=published)
    carried = lab.region_of()
    lab.edit("\n---\n<!-- agentsync:end", "\nTODO: typed by hand\n\n---\n<!-- agentsync:end")
    assert lab.status() == [f" M {PATH}"]
    lab.git("commit", "-q", "-am", "typed")
    assert lab.region_of() == carried
    assert lab.text_of() == TEXT + "\nTODO: typed by hand\n"
    lab.consolidate()
    assert lab.text() == TEXT + "\nTODO: typed by hand\n"
    reported(lab)
    clean_tree(lab)


def test_text_typed_inside_the_region_survives_a_checkout_after_the_commit(lab: Lab) -> None:
    lab.edit("\n---\n<!-- agentsync:end", "\nTODO: typed by hand\n\n---\n<!-- agentsync:end")
    lab.git("commit", "-q", "-am", "typed")
    lab.git("switch", "-q", "-c", "other", "HEAD^")
    lab.git("switch", "-q", "main")
    lab.pay()
    assert "TODO: typed by hand\n" in lab.text()


# ---- where the filter runs


def test_from_a_folder_below_and_from_elsewhere(lab: Lab) -> None:
    """git starts the filter in the worktree's root, wherever it was called."""
    edit(lab)
    lab.git("-C", "docs", "commit", "-q", "-a", "-m", "below")
    assert lab.text_of() == EDITED
    no_report_in(lab)
    lab.edit("line 9\n", "their line\n")
    other = Lab(lab.root.parent)
    other.git(f"--git-dir={lab.root}/.git", f"--work-tree={lab.root}", "commit", "-q", "-a", "-m", "elsewhere")
    assert lab.text_of() == EDITED.replace("line 9\n", "their line\n")
    no_report_in(lab)


def test_in_a_linked_worktree_git_names_its_directory(lab: Lab) -> None:
    """GIT_DIR and GIT_WORK_TREE, as a hook of that worktree has them: its own index counts."""
    lab.publish()
    linked = lab.worktree("linked", "-b", "linked")
    linked.git("reset", "-q", "--hard", "HEAD^")
    linked.pay()
    clean_tree(linked)
    edit(linked)
    env = {"GIT_DIR": linked.here().git_dir, "GIT_WORK_TREE": str(linked.root)}
    linked.git("commit", "-q", "-a", "-m", "edit", env=env)
    assert linked.blob().decode() == EDITED
    edit(lab)
    lab.git("commit", "-q", "-am", "edit")
    no_report_in(lab)
    assert lab.region_of()


def test_another_index_has_its_own_region(lab: Lab) -> None:
    """GIT_INDEX_FILE, as `stash` and `commit -- PATH` set it."""
    older = lab.head()
    lab.publish()
    edit(lab)
    env = {"GIT_INDEX_FILE": ".git/another"}
    lab.git("read-tree", older, env=env)
    lab.git("add", PATH, env=env)
    assert lab.git("cat-file", "blob", f":{PATH}", env=env) == EDITED
    lab.git("add", PATH)
    assert region.find(lab.blob(""))
