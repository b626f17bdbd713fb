"""git's commands over a report that git does not see: each does what it does without agentsync (`lab/twins.py`)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from lab.report import PATH, TEXT, Lab, both, clean_tree, no_report_in, reported, reporting
from lab.twins import Twins

from agentsync.report import region
from agentsync.report.outcome import Kind

MINE = "edit line 2 -> my line\n"
COMMIT = f"{MINE}git commit -q -am edit\n"
AND_BACK = "git stash pop\n"
SCRIPTS = {
    "add -p": f"{MINE}edit line 9 -> another line\ngit add -p < s y n\ngit commit -q -m hunk",
    "add -A": f"{MINE}git add -A\nsays diff --cached\ngit commit -q -m edit",
    "commit -a": COMMIT,
    "commit PATH": f"{MINE}write code.py staged\ngit add code.py\ngit commit -q -m edit -- {PATH}\ngit commit -qm code",
    "commit --amend": f"{COMMIT}edit line 9 -> their line\ngit commit -q -a --amend -m amended",
    "stash, look, pop": f"{MINE}git stash\nlook\n{AND_BACK}",
    "stash, pop": f"{MINE}git stash\n{AND_BACK}",
    "stash -u": f"{MINE}write new.txt new\ngit stash -u\nlook\n{AND_BACK}",
    "stash -k beside a staged file": f"""
        {MINE}write code.py staged
        git add code.py
        git stash -k
        git commit -q -m code
        look
        {AND_BACK}""",
    "stash -k of a staged edit": f"""
        {MINE}git add {PATH}
        edit line 9 -> their line
        git stash -k
        look
        git commit -q -m edit
        git stash drop""",
    "stash of another file": f"write code.py edited\ngit stash\n{AND_BACK}git checkout -q code.py",
    "rebase": f"{COMMIT}git rebase -q other",
    "rebase --autostash": f"{MINE}git rebase -q --autostash other",
    "rebase --autostash elsewhere": "write code.py edited\ngit rebase -q --autostash other\ngit checkout -q code.py",
    "rebase with an edit": f"{MINE}git! rebase -q other",
    "merge": f"{COMMIT}git merge -q other",
    "merge --squash": f"{COMMIT}git merge -q --squash other\ngit commit -q -m squashed",
    "a conflict in another file": f"""
        git switch -q other
        write code.py theirs
        git commit -q -am theirs
        git switch -q -
        look
        {MINE}write code.py ours
        git commit -q -am edit
        git! merge -q other
        write code.py both
        git commit -q -am merged""",
    "a conflict, and the report in the file": f"""
        git switch -q -c third
        write code.py theirs
        git commit -q -am theirs
        git switch -q -
        write code.py ours
        git commit -q -am ours
        git! merge -q third
        {MINE}write code.py both
        git commit -q -am merged""",
    "a conflict in the file: merge": f"{COMMIT}git! merge -q clash\nlook\nresolve\ngit commit -q --no-edit",
    "a conflict in the file: rebase": f"{COMMIT}git! rebase -q clash\nlook\nresolve\ngit rebase --continue",
    "a conflict in the file: abort": f"{COMMIT}git! merge -q clash\nlook\ngit merge --abort",
    "a conflict in the file: stash": f"""
        {MINE}git stash
        look
        git merge -q clash
        git! stash pop
        look
        resolve
        git stash drop""",
    "cherry-pick": f"{COMMIT}git cherry-pick other",
    "revert": f"{COMMIT}git revert --no-edit HEAD",
    "am": f"git format-patch -q -o .git/mail HEAD..other\n{COMMIT}git am -q .git/mail/0001-their-edit.patch",
    "apply --index": "git diff --output=.git/patch HEAD other\ngit apply --index .git/patch\ngit commit -q -m applied",
    "checkout -p": f"{MINE}edit line 9 -> another line\ngit checkout -p -- {PATH} < s n y\nsays diff",
    "checkout PATH": f"{MINE}git checkout -q -- {PATH}",
    "checkout -p BRANCH": f"git checkout -p other -- {PATH} < y\ngit commit -q -am taken",
    "restore --staged": f"{MINE}git add {PATH}\ngit restore --staged {PATH}",
    "reset --soft": f"{COMMIT}git reset --soft HEAD^\ngit commit -q -m again",
    "reset --mixed": f"{COMMIT}git reset -q HEAD^",
    "reset --hard": f"{COMMIT}edit line 9 -> thrown away\ngit reset -q --hard HEAD^",
    "reset --keep": f"{COMMIT}git reset -q --keep HEAD^",
    "reset --merge": f"{MINE}git add {PATH}\ngit reset -q --merge HEAD",
    "reset PATH": f"{MINE}git add {PATH}\ngit reset -q -- {PATH}",
    "reset -p": f"{MINE}git add {PATH}\ngit reset -p < y",
    "switch": "git switch -q other\nlook\ngit switch -q -",
    "switch with an edit": f"git branch same\n{MINE}git switch -q same",
    "switch would lose an edit": f"{MINE}git! switch -q other",
    "switch -m": f"{MINE}git switch -q -m other",
    "diff": f"""
        says diff
        says diff HEAD
        says diff --cached
        git diff-index --quiet HEAD
        says ls-files -m
        says describe --always --dirty --exclude=*
        {MINE}says diff
        says diff HEAD --stat
        says ls-files -m""",
    "pull --rebase": f"""
        git clone -q --bare . ../forge
        git -C ../forge update-ref refs/heads/main other
        git remote add origin ../forge
        {COMMIT}git pull -q --rebase origin main""",
    "pull --ff-only": """
        git clone -q --bare . ../forge
        git -C ../forge update-ref refs/heads/main other
        git remote add origin ../forge
        git pull -q --ff-only origin main""",
    "bisect": f"{COMMIT}git bisect start HEAD HEAD^^\ngit bisect good\ngit bisect reset",
    "blame": f"says blame -s --root {PATH}\n{MINE}says blame -s --root {PATH}",
    "rm --cached and add": f"git rm -q --cached {PATH}\ngit add {PATH}\nsays diff --cached",
    "from a folder below": f"{MINE}git -C docs commit -q -a -m below",
}


@pytest.mark.parametrize(
    "published", [False, pytest.param(True, marks=pytest.mark.long)], ids=["unpublished", "published"]
)
@pytest.mark.parametrize("script", SCRIPTS)
def test_git_does_what_it_does_without_us(tmp_path: Path, script: str, published: bool) -> None:
    """Only the user's edit is in commits, stashes and diffs, and the report stands in the file again.

    Where an older one is in the commits, or none.
    """
    Twins(tmp_path, published=published).play(SCRIPTS[script])


@pytest.fixture(params=[False, True], ids=["unpublished", "published"])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Lab:
    """A repository with a report in its file, and an older one in its commits or none."""
    return reporting(tmp_path / "repo", published=request.param)


def test_each_worktree_has_its_own_file_and_index_and_its_removal_is_not_refused(lab: Lab) -> None:
    linked = lab.worktree("linked", "-b", "linked")
    lab.consolidate()
    for one in (lab, linked):
        reported(one)
        clean_tree(one)
    linked.edit("line 2", "my line")
    linked.git("commit", "-q", "-am", "edit")
    no_report_in(linked)
    linked.pay()
    reported(linked)
    clean_tree(linked)
    lab.git("worktree", "remove", "../linked")
    assert not linked.root.exists()
    lab.git("merge", "-q", "linked")
    lab.pay()
    assert lab.text() == TEXT.replace("line 2", "my line")
    reported(lab)
    clean_tree(lab)


def test_git_rm_does_not_refuse_and_on_the_branch_without_the_file_the_report_is_owed(lab: Lab) -> None:
    lab.git("switch", "-q", "-c", "without")
    lab.git("rm", "-q", PATH)
    lab.git("commit", "-q", "-m", "removed")
    report = lab.pay()
    assert report.kind is Kind.OWED and "missing" in report.why
    assert not lab.file.exists()
    lab.git("switch", "-q", "-")
    lab.pay()
    reported(lab)
    clean_tree(lab)


@both
def test_an_archive_has_the_region_of_the_commit_or_none(tmp_path: Path, published: bool) -> None:
    lab = reporting(tmp_path / "repo", published=published)
    packed = subprocess.run(["git", "archive", "HEAD", PATH], cwd=lab.root, check=True, capture_output=True).stdout
    assert (b"agentsync:begin" in packed) is published
    assert lab.newest().encode() not in packed
    worktree = subprocess.run(
        ["git", "archive", "--worktree-attributes", "HEAD", PATH], cwd=lab.root, check=True, capture_output=True
    ).stdout
    assert lab.newest().encode() not in worktree


def test_a_forge_merges_edits_around_a_first_publication_without_conflict(tmp_path: Path) -> None:
    """A bare clone has neither our filter nor our merge driver."""
    lab = reporting(tmp_path / "repo")
    lab.git("switch", "-q", "-c", "other")
    lab.edit("line 9", "their line")
    lab.git("commit", "-q", "-am", "their edit")
    lab.git("switch", "-q", "main")
    lab.pay()
    lab.edit("line 2", "my line")
    lab.git("commit", "-q", "-am", "edit")
    lab.publish()
    assert merged_by_a_forge(lab, "other") == TEXT.replace("line 2", "my line").replace("line 9", "their line")


def test_a_forge_merges_a_new_publication_with_edits_right_above_and_below_the_region(tmp_path: Path) -> None:
    lab = reporting(tmp_path / "repo")
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
