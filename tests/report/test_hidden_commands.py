"""git's commands over a report that git does not see: each does what it does without us."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.report import PATH, TEXT, Lab, both, clean_tree, consolidated, make, no_report_in, reported

from agentsync.report import region
from agentsync.report.outcome import Kind

OURS, THEIRS = "line 2\n", "line 9\n"  # so far from each other that git merges edits of both
EDITED = TEXT.replace(OURS, "my line\n")
MOVED = TEXT.replace(THEIRS, "their line\n")
UNITED = EDITED.replace(THEIRS, "their line\n")


@pytest.fixture(params=[False, True], ids=["unpublished", "published"])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Lab:
    """A repository with a report in its file, and an older one in its commits or none."""
    return consolidated(make(tmp_path / "repo"), published=request.param)


def edit(lab: Lab) -> None:
    """Somebody edits one line of the report's file."""
    lab.edit(OURS, "my line\n")


def other_branch(lab: Lab, name: str = "other") -> None:
    """A branch on which another line was edited; HEAD is where it was."""
    lab.git("switch", "-q", "-c", name)
    lab.edit(THEIRS, "their line\n")
    lab.git("commit", "-q", "-am", "their edit")
    lab.git("switch", "-q", "-")
    lab.pay()
    reported(lab)
    clean_tree(lab)


def ends(lab: Lab, text: str, *, dirty: bool = False) -> None:
    """The file has this text and, at the latest after the next look, the newest report, and git sees only the text."""
    assert lab.text() == text
    expected = [f" M {PATH}"] if dirty else []
    assert lab.status() == expected
    lab.pay()
    assert lab.text() == text
    reported(lab)
    if not dirty:
        clean_tree(lab)
    assert lab.status() == expected


def committed(lab: Lab, text: str, revision: str = "HEAD") -> None:
    """The commit has this text in the file and carries no report of its own."""
    assert lab.text_of(revision) == text
    no_report_in(lab, revision)


def add_p(lab: Lab) -> None:
    edit(lab)
    lab.edit(THEIRS, "another line\n")
    lab.git("add", "-p", stdin="s\ny\nn\n")
    lab.git("commit", "-q", "-m", "one hunk")
    committed(lab, EDITED)
    ends(lab, EDITED.replace(THEIRS, "another line\n"), dirty=True)


def commit_all(lab: Lab) -> None:
    edit(lab)
    lab.git("commit", "-q", "-am", "edit")
    committed(lab, EDITED)
    ends(lab, EDITED)


def commit_path(lab: Lab) -> None:
    edit(lab)
    lab.write("staged\n", "code.py")
    lab.git("add", "code.py")
    lab.git("commit", "-q", "-m", "edit", "--", PATH)
    committed(lab, EDITED)
    assert lab.status() == ["M  code.py"]
    lab.git("commit", "-q", "-m", "code")
    ends(lab, EDITED)


def commit_amend(lab: Lab) -> None:
    edit(lab)
    lab.git("commit", "-q", "-am", "edit")
    lab.edit(THEIRS, "their line\n")
    lab.git("commit", "-q", "-a", "--amend", "-m", "amended")
    committed(lab, UNITED)
    ends(lab, UNITED)


def add_all(lab: Lab) -> None:
    edit(lab)
    lab.git("add", "-A")
    assert lab.git("diff", "--name-only") == ""
    assert lab.git("diff", "--cached", "--numstat") == f"1\t1\t{PATH}\n"
    lab.git("commit", "-q", "-m", "edit")
    committed(lab, EDITED)
    ends(lab, EDITED)


def stash(lab: Lab) -> None:
    edit(lab)
    lab.git("stash")
    assert region.strip(lab.blob("stash@{0}")).decode() == EDITED
    ends(lab, TEXT)
    lab.git("stash", "pop")
    ends(lab, EDITED, dirty=True)


def stash_unpaid(lab: Lab) -> None:
    """Popped before anybody has put the region back."""
    edit(lab)
    lab.git("stash")
    lab.git("stash", "pop")
    ends(lab, EDITED, dirty=True)


def stash_keep(lab: Lab) -> None:
    """Another edit is staged, and stays."""
    edit(lab)
    lab.write("staged\n", "code.py")
    lab.git("add", "code.py")
    lab.git("stash", "-k")
    assert lab.text() == TEXT
    assert lab.status() == ["M  code.py"]
    lab.git("commit", "-q", "-m", "code")
    ends(lab, TEXT)
    lab.git("stash", "pop")
    ends(lab, EDITED, dirty=True)


def stash_keep_staged(lab: Lab) -> None:
    """The staged edit is one of the report's file itself."""
    edit(lab)
    lab.git("add", PATH)
    lab.edit(THEIRS, "their line\n")
    lab.git("stash", "-k")
    assert lab.text() == EDITED
    assert lab.status() == [f"M  {PATH}"]
    lab.pay()
    reported(lab)
    assert lab.status() == [f"M  {PATH}"]
    lab.git("commit", "-q", "-m", "edit")
    committed(lab, EDITED)
    lab.git("stash", "drop")
    ends(lab, EDITED)


def stash_keeps_the_report(lab: Lab) -> None:
    """Only another file is edited: the report stands where it stood."""
    before = lab.file.read_bytes()
    lab.write("edited\n", "code.py")
    lab.git("stash")
    lab.git("stash", "pop")
    assert lab.file.read_bytes() == before
    lab.git("checkout", "-q", "code.py")
    ends(lab, TEXT)


def rebase(lab: Lab) -> None:
    other_branch(lab)
    edit(lab)
    lab.git("commit", "-q", "-am", "edit")
    lab.git("rebase", "-q", "other")
    committed(lab, UNITED)
    ends(lab, UNITED)


def rebase_autostash(lab: Lab) -> None:
    other_branch(lab)
    edit(lab)
    lab.git("rebase", "-q", "--autostash", "other")
    ends(lab, UNITED, dirty=True)


def rebase_autostash_elsewhere(lab: Lab) -> None:
    other_branch(lab)
    lab.write("edited\n", "code.py")
    lab.git("rebase", "-q", "--autostash", "other")
    assert lab.status() == [" M code.py"]
    lab.git("checkout", "-q", "code.py")
    ends(lab, MOVED)


def merge(lab: Lab) -> None:
    other_branch(lab)
    edit(lab)
    lab.git("commit", "-q", "-am", "edit")
    lab.git("merge", "-q", "other")
    committed(lab, UNITED)
    ends(lab, UNITED)


def merge_conflict_elsewhere(lab: Lab) -> None:
    lab.git("switch", "-q", "-c", "other")
    lab.edit(THEIRS, "their line\n")
    lab.write("theirs\n", "code.py")
    lab.git("commit", "-q", "-am", "their edit")
    lab.git("switch", "-q", "-")
    lab.pay()
    edit(lab)
    lab.write("ours\n", "code.py")
    lab.git("commit", "-q", "-am", "edit")
    lab.git("merge", "-q", "other", check=False)
    assert lab.status() == [f"M  {PATH}", "UU code.py"]
    lab.write("both\n", "code.py")
    lab.git("commit", "-q", "-am", "merged")
    committed(lab, UNITED)
    ends(lab, UNITED)


def merge_conflict_with_our_report(lab: Lab) -> None:
    """git touches the report's file in no step, so the report still stands in it while the conflict is resolved."""
    lab.git("switch", "-q", "-c", "other")
    lab.write("theirs\n", "code.py")
    lab.git("commit", "-q", "-am", "their edit")
    lab.git("switch", "-q", "-")
    lab.write("ours\n", "code.py")
    lab.git("commit", "-q", "-am", "edit")
    lab.git("merge", "-q", "other", check=False)
    edit(lab)
    lab.write("both\n", "code.py")
    lab.git("commit", "-q", "-am", "merged")
    committed(lab, EDITED)
    ends(lab, EDITED)


def clashing(lab: Lab) -> None:
    """Branch "other" and HEAD have both edited one line of the report's file."""
    lab.git("switch", "-q", "-c", "other")
    lab.edit(OURS, "their line\n")
    lab.git("commit", "-q", "-am", "their edit")
    lab.git("switch", "-q", "-")
    lab.pay()
    edit(lab)
    lab.git("commit", "-q", "-am", "edit")


def resolve(lab: Lab) -> None:
    """The person keeps both lines."""
    assert lab.status() == [f"UU {PATH}"]
    kept = [line for line in lab.file.read_bytes().splitlines(True) if line[:7] not in (b"<" * 7, b"=" * 7, b">" * 7)]
    lab.file.write_bytes(b"".join(kept))
    lab.git("add", PATH)


def merge_conflict_in_the_file(lab: Lab) -> None:
    clashing(lab)
    lab.git("merge", "-q", "other", check=False)
    assert lab.pay().kind is Kind.OWED
    resolve(lab)
    lab.git("commit", "-q", "--no-edit")
    committed(lab, TEXT.replace(OURS, "my line\ntheir line\n"))
    ends(lab, TEXT.replace(OURS, "my line\ntheir line\n"))


def rebase_conflict_in_the_file(lab: Lab) -> None:
    clashing(lab)
    lab.git("rebase", "-q", "other", check=False)
    assert lab.pay().kind is Kind.OWED
    resolve(lab)
    lab.git("rebase", "--continue")
    committed(lab, TEXT.replace(OURS, "their line\nmy line\n"))
    ends(lab, TEXT.replace(OURS, "their line\nmy line\n"))


def cherry_pick(lab: Lab) -> None:
    other_branch(lab)
    edit(lab)
    lab.git("commit", "-q", "-am", "edit")
    lab.git("cherry-pick", "other")
    committed(lab, UNITED)
    ends(lab, UNITED)


def revert(lab: Lab) -> None:
    edit(lab)
    lab.git("commit", "-q", "-am", "edit")
    lab.git("revert", "--no-edit", "HEAD")
    committed(lab, TEXT)
    ends(lab, TEXT)


def am(lab: Lab) -> None:
    other_branch(lab)
    mail = lab.git("format-patch", "--stdout", "HEAD..other")
    edit(lab)
    lab.git("commit", "-q", "-am", "edit")
    lab.git("am", "-q", stdin=mail)
    committed(lab, UNITED)
    ends(lab, UNITED)


def apply_index(lab: Lab) -> None:
    other_branch(lab)
    lab.git("apply", "--index", stdin=lab.git("diff", "HEAD", "other"))
    assert lab.status() == [f"M  {PATH}"]
    lab.git("commit", "-q", "-m", "applied")
    committed(lab, MOVED)
    ends(lab, MOVED)


def checkout_p(lab: Lab) -> None:
    """One of two edits is thrown away."""
    edit(lab)
    lab.edit(THEIRS, "another line\n")
    lab.git("checkout", "-p", "--", PATH, stdin="s\nn\ny\n")
    assert lab.git("diff", "--numstat") == f"1\t1\t{PATH}\n"
    ends(lab, EDITED, dirty=True)


def checkout_path(lab: Lab) -> None:
    edit(lab)
    lab.git("checkout", "-q", "--", PATH)
    ends(lab, TEXT)


def restore_staged(lab: Lab) -> None:
    edit(lab)
    lab.git("add", PATH)
    lab.git("restore", "--staged", PATH)
    ends(lab, EDITED, dirty=True)


def checkout_p_other(lab: Lab) -> None:
    """A hunk of another branch is taken over."""
    other_branch(lab)
    lab.git("checkout", "-p", "other", "--", PATH, stdin="y\n")
    lab.git("commit", "-q", "-am", "taken over")
    committed(lab, MOVED)
    ends(lab, MOVED)


def reset_soft(lab: Lab) -> None:
    edit(lab)
    lab.git("commit", "-q", "-am", "edit")
    lab.git("reset", "--soft", "HEAD^")
    assert lab.status() == [f"M  {PATH}"]
    lab.git("commit", "-q", "-m", "again")
    committed(lab, EDITED)
    ends(lab, EDITED)


def reset_mixed(lab: Lab) -> None:
    edit(lab)
    lab.git("commit", "-q", "-am", "edit")
    lab.git("reset", "-q", "HEAD^")
    ends(lab, EDITED, dirty=True)


def reset_hard(lab: Lab) -> None:
    edit(lab)
    lab.git("commit", "-q", "-am", "edit")
    lab.edit(THEIRS, "thrown away\n")
    lab.git("reset", "-q", "--hard", "HEAD^")
    ends(lab, TEXT)


def reset_keep(lab: Lab) -> None:
    edit(lab)
    lab.git("commit", "-q", "-am", "edit")
    lab.git("reset", "-q", "--keep", "HEAD^")
    ends(lab, TEXT)


def reset_merge(lab: Lab) -> None:
    edit(lab)
    lab.git("add", PATH)
    lab.git("reset", "-q", "--merge", "HEAD")
    ends(lab, TEXT)


def reset_path(lab: Lab) -> None:
    edit(lab)
    lab.git("add", PATH)
    lab.git("reset", "-q", "--", PATH)
    ends(lab, EDITED, dirty=True)


def reset_p(lab: Lab) -> None:
    edit(lab)
    lab.git("add", PATH)
    lab.git("reset", "-p", stdin="y\n")
    ends(lab, EDITED, dirty=True)


def switch(lab: Lab) -> None:
    other_branch(lab)
    lab.git("switch", "-q", "other")
    ends(lab, MOVED)
    lab.git("switch", "-q", "-")
    ends(lab, TEXT)


def switch_with_an_edit(lab: Lab) -> None:
    """The branch has the same file, so the edit comes along, and the report with it."""
    lab.git("branch", "same")
    edit(lab)
    lab.git("switch", "-q", "same")
    reported(lab)
    ends(lab, EDITED, dirty=True)


def switch_refuses_to_lose_an_edit(lab: Lab) -> None:
    other_branch(lab)
    edit(lab)
    before = lab.file.read_bytes()
    lab.git("switch", "-q", "other", check=False)
    assert lab.git("branch", "--show-current") == "main\n"
    assert lab.file.read_bytes() == before
    ends(lab, EDITED, dirty=True)


def switch_merge(lab: Lab) -> None:
    other_branch(lab)
    edit(lab)
    lab.git("switch", "-q", "-m", "other")
    ends(lab, UNITED, dirty=True)


def worktrees(lab: Lab) -> None:
    """Each has its own file, its own index and the same newest report; its removal is not refused."""
    linked = lab.worktree("linked", "-b", "linked")
    lab.consolidate()
    for one in (lab, linked):
        reported(one)
        clean_tree(one)
    edit(linked)
    linked.git("commit", "-q", "-am", "edit")
    committed(linked, EDITED)
    ends(linked, EDITED)
    lab.git("worktree", "remove", "../linked")
    assert not linked.root.exists()
    lab.git("merge", "-q", "linked")
    ends(lab, EDITED)


def blame(lab: Lab) -> None:
    """No line is "not committed yet"."""
    blamed = lab.git("blame", "-s", "--root", PATH).splitlines()
    assert len(blamed) == len(lab.blob().splitlines())
    assert not [line for line in blamed if line.startswith("00000000")]
    edit(lab)
    blamed = lab.git("blame", "-s", "--root", PATH).splitlines()
    assert [line.endswith("my line") for line in blamed if line.startswith("00000000")] == [True]
    ends(lab, EDITED, dirty=True)


def diff(lab: Lab) -> None:
    for args in ([], ["HEAD"], ["--cached"]):
        assert lab.git("diff", *args) == ""
    lab.git("diff-index", "--quiet", "HEAD")
    assert "dirty" not in lab.git("describe", "--always", "--dirty")
    assert lab.git("ls-files", "-m") == ""
    edit(lab)
    shown = lab.git("diff").splitlines()[4:]
    assert [line for line in shown if line[0] in "+-"] == ["-line 2", "+my line"]
    assert not any("agentsync:" in line for line in shown)
    ends(lab, EDITED, dirty=True)


def pull_rebase(lab: Lab) -> None:
    """A forge has moved on in the same file."""
    other_branch(lab)
    lab.git("clone", "-q", "--bare", ".", "../forge")
    lab.git("-C", "../forge", "update-ref", "refs/heads/main", "other")
    lab.git("remote", "add", "origin", "../forge")
    edit(lab)
    lab.git("commit", "-q", "-am", "edit")
    lab.git("pull", "-q", "--rebase", "origin", "main")
    committed(lab, UNITED)
    ends(lab, UNITED)


def pull_fast_forward(lab: Lab) -> None:
    other_branch(lab)
    lab.git("clone", "-q", "--bare", ".", "../forge")
    lab.git("-C", "../forge", "update-ref", "refs/heads/main", "other")
    lab.git("remote", "add", "origin", "../forge")
    lab.git("pull", "-q", "--ff-only", "origin", "main")
    ends(lab, MOVED)


def bisect(lab: Lab) -> None:
    edit(lab)
    lab.git("commit", "-q", "-am", "edit")
    lab.git("bisect", "start", "HEAD", "HEAD^^")
    lab.git("bisect", "good")
    lab.git("bisect", "reset")
    ends(lab, EDITED)


def rm(lab: Lab) -> None:
    """`git rm` does not refuse; on the branch without the file the report is owed, and back again it is paid."""
    lab.git("switch", "-q", "-c", "without")
    lab.git("rm", "-q", PATH)
    lab.git("commit", "-q", "-m", "removed")
    report = lab.pay()
    assert report.kind is Kind.OWED and "missing" in report.why
    assert not lab.file.exists()
    lab.git("switch", "-q", "-")
    ends(lab, TEXT)


def merge_squash(lab: Lab) -> None:
    other_branch(lab)
    edit(lab)
    lab.git("commit", "-q", "-am", "edit")
    lab.git("merge", "-q", "--squash", "other")
    lab.git("commit", "-q", "-m", "squashed")
    committed(lab, UNITED)
    ends(lab, UNITED)


def rm_cached(lab: Lab) -> None:
    """git forgets the file and takes it in again: the report is not what it takes in, nor a region that HEAD has."""
    lab.git("rm", "-q", "--cached", PATH)
    lab.git("add", PATH)
    assert lab.git("diff", "--cached", "--name-only") == ""
    ends(lab, TEXT)


DEEDS: list[Callable[[Lab], None]] = [
    add_p,
    commit_all,
    commit_path,
    commit_amend,
    add_all,
    stash,
    stash_unpaid,
    stash_keep,
    stash_keep_staged,
    stash_keeps_the_report,
    rebase,
    rebase_autostash,
    rebase_autostash_elsewhere,
    merge,
    merge_conflict_elsewhere,
    merge_conflict_with_our_report,
    merge_conflict_in_the_file,
    rebase_conflict_in_the_file,
    cherry_pick,
    revert,
    am,
    apply_index,
    checkout_p,
    checkout_path,
    restore_staged,
    checkout_p_other,
    reset_soft,
    reset_mixed,
    reset_hard,
    reset_keep,
    reset_merge,
    reset_path,
    reset_p,
    switch,
    switch_with_an_edit,
    switch_refuses_to_lose_an_edit,
    switch_merge,
    worktrees,
    blame,
    diff,
    pull_rebase,
    pull_fast_forward,
    bisect,
    rm,
    rm_cached,
    merge_squash,
]


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)
def test_the_command_does_what_it_does_without_a_report(lab: Lab, deed: Callable[[Lab], None]) -> None:
    """Only the user's edit is in commits, stashes and diffs, and the report stands in the file again."""
    deed(lab)


@both
def test_an_archive_has_the_region_of_the_commit_or_none(tmp_path: Path, published: bool) -> None:
    lab = consolidated(make(tmp_path / "repo"), published=published)
    packed = subprocess.run(["git", "archive", "HEAD", PATH], cwd=lab.root, check=True, capture_output=True).stdout
    assert (b"agentsync:begin" in packed) is published
    assert lab.newest().encode() not in packed
    worktree = subprocess.run(
        ["git", "archive", "--worktree-attributes", "HEAD", PATH], cwd=lab.root, check=True, capture_output=True
    ).stdout
    assert lab.newest().encode() not in worktree


def test_a_forge_merges_edits_around_a_first_publication_without_conflict(tmp_path: Path) -> None:
    """A bare clone has neither our filter nor our merge driver."""
    lab = consolidated(make(tmp_path / "repo"))
    other_branch(lab)
    edit(lab)
    lab.git("commit", "-q", "-am", "edit")
    lab.publish()
    assert merged_by_a_forge(lab, "other") == UNITED


def test_a_forge_merges_a_new_publication_with_edits_right_above_and_below_the_region(tmp_path: Path) -> None:
    lab = consolidated(make(tmp_path / "repo"))
    lab.publish()
    lab.git("switch", "-q", "-c", "other")
    lab.pay()
    lab.edit("line 11\n", "line 11\nright above\n")
    lab.file.write_bytes(lab.file.read_bytes() + b"right below\n")
    lab.git("commit", "-q", "-am", "above and below")
    no_report_in(lab)
    lab.git("switch", "-q", "main")
    lab.consolidate()
    assert lab.publish().commit
    assert merged_by_a_forge(lab, "other") == TEXT + "right above\nright below\n"


def merged_by_a_forge(lab: Lab, branch: str) -> str:
    """The text of main and another branch, merged; with the report that main has."""
    lab.git("clone", "-q", "--bare", ".", "../forge")
    tree = lab.git("-C", "../forge", "merge-tree", "--write-tree", "main", branch).split()[0]
    merged = lab.git("-C", "../forge", "cat-file", "blob", f"{tree}:{PATH}").encode()
    found = region.find(merged)
    assert found and found.id == lab.region_of("main") and found.intact
    return region.strip(merged).decode()
