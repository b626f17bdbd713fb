"""Branches that carry reports in their commits: git unites the regions, and conflicts about nothing but text."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from lab.repo import Repo, new_repo
from lab.report import PATH, clean_tree, hidden, shown
from lab.templates import copied

from agentsync.report import attributes, region
from agentsync.report.merge_regions import united
from agentsync.report.publish import publish
from agentsync.setup.git_filter import DRIVER

OLD, OURS, THEIRS = (f"0190000{n}-0000-7000-8000-000000000000" for n in (1, 2, 3))


@pytest.fixture
def lab(tmp_path: Path) -> Repo:
    """A repository where a report is text like any other, with one report in its first commits."""
    return copied(tmp_path / "repo", with_base)


def with_base(root: Path) -> Repo:
    repo = hidden(new_repo(root), commit="with-work")
    report(repo, "base")
    return repo


def report(repo: Repo, text: str) -> str:
    """An edit, and the report of it in the same commit; the id of the newest record that it shows."""
    repo.write(f"{text}\n", f"docs/{text.replace(' ', '-')}.md")
    repo.write(f"{text}\n{repo.read()}")
    made = consolidated(repo)
    repo.commit(message=text)
    assert shown(repo.git("show", f"HEAD:{PATH}")) == made
    return made


def consolidated(repo: Repo) -> str:
    """The id of the newest record that the report shows: the consolidation, or the overlaps after it."""
    seen = repo.look(asked=True).seen
    assert seen.consolidation and seen.view.state.page
    return seen.view.state.page.id


def one_region(repo: Repo, expected: str, commit: str = "HEAD") -> None:
    """A commit and the file show one report, whole and not edited."""
    for content in (repo.git("show", f"{commit}:{PATH}"), repo.read(PATH)):
        found = region.find(content.encode())
        assert found and found.intact and found.id == expected
        assert "<<<<<<<" not in content


def branch(repo: Repo, name: str, line: int | None = None, start: str = "main") -> str:
    """A branch with a report of its own and, beside it, an edit of a line of the report's file."""
    repo.git("switch", "-q", "-c", name, start)
    if line is not None:
        edit(repo, line, name)
    repo.write(f"{name}\n", "docs/other.md")
    made = consolidated(repo)
    repo.git("checkout", "-q", "--", "docs/other.md")
    repo.git("commit", "-q", "-a", "-m", name)
    repo.git("switch", "-q", start)
    assert shown(repo.git("show", f"{name}:{PATH}")) == made
    return made


def edit(repo: Repo, line: int, text: str) -> None:
    """Somebody writes over one line of their own in the report's file."""
    old = f"{PATH} line {line}\n"
    content = repo.read(PATH)
    assert old in content
    repo.write(content.replace(old, f"{text}\n"), PATH)


def test_a_merge_of_two_reports_shows_the_newer_one_and_both_texts(lab: Repo) -> None:
    branch(lab, "one", 0)
    newer = branch(lab, "two", 11)
    lab.git("switch", "-q", "one")
    lab.git("merge", "-q", "--no-edit", "two")
    one_region(lab, newer)
    assert lab.read(PATH).startswith("one\n") and "\ntwo\n" in lab.read(PATH)
    clean_tree(lab)


def test_the_newer_report_wins_from_either_side(lab: Repo) -> None:
    branch(lab, "one", 0)
    newer = branch(lab, "two", 11)
    lab.git("switch", "-q", "two")
    lab.git("merge", "-q", "--no-edit", "one")
    one_region(lab, newer)


def test_a_rebase_over_another_report_does_not_stop(lab: Repo) -> None:
    newer = branch(lab, "one", 0)
    lab.git("switch", "-q", "one")
    edit(lab, 5, "more")
    lab.git("commit", "-q", "-a", "-m", "more")
    lab.git("switch", "-q", "main")
    newest = branch(lab, "two", 11)
    lab.git("switch", "-q", "one")
    lab.git("rebase", "-q", "two")
    one_region(lab, newest)
    assert newest > newer
    assert [text for text in ("one\n", "more\n", "two\n") if text not in lab.read(PATH)] == []
    clean_tree(lab)


def test_a_cherry_pick_and_a_revert_do_not_conflict_in_the_region(lab: Repo) -> None:
    """What is reverted takes its report back with it, as any text; the next run writes the newest one."""
    older = branch(lab, "one", 0)
    newer = branch(lab, "two", 11)
    lab.git("switch", "-q", "one")
    lab.git("cherry-pick", "two")
    one_region(lab, newer)
    lab.git("revert", "--no-edit", "HEAD")
    assert f"{PATH} line 11\n" in lab.read(PATH)
    one_region(lab, older)


def test_stash_pop_over_another_report_does_not_conflict(lab: Repo) -> None:
    newer = branch(lab, "two", 11)
    edit(lab, 0, "mine")
    lab.git("stash", "-q")
    lab.git("merge", "-q", "two")
    lab.git("stash", "pop", "-q")
    one_region(lab, newer)
    assert lab.read(PATH).startswith("mine\n")


def test_texts_that_conflict_still_do_with_the_markers_outside_of_the_region(lab: Repo) -> None:
    branch(lab, "one", 5)
    newer = branch(lab, "two", 5)
    lab.git("switch", "-q", "one")
    assert "CONFLICT (content)" in lab.git("merge", "two", check=False)
    content = lab.read(PATH)
    found = region.find(content.encode())
    assert found and found.intact and found.id == newer
    outside = region.strip(content.encode()).decode()
    assert re.search(r"<<<<<<< .*\none\n(\|{7}.*\n.*\n)?=======\ntwo\n>>>>>>> ", outside)
    assert lab.git("ls-files", "-u", PATH)
    lab.write(re.sub(r"<<<<<<< .*\n(one\n)(?s:.*?)>>>>>>> .*\n", r"\1", content), PATH)
    lab.git("commit", "-q", "-a", "--no-edit")
    one_region(lab, newer)


def test_an_edit_right_above_the_region_does_not_conflict_with_a_new_report(lab: Repo) -> None:
    branch(lab, "one", 11)
    newer = branch(lab, "two", None)
    lab.git("switch", "-q", "one")
    lab.git("merge", "-q", "--no-edit", "two")
    one_region(lab, newer)
    assert "line 10\none\n<!-- agentsync:begin -->\n" in lab.read(PATH)


def test_three_branches_merge_at_once_if_one_of_them_has_a_new_report(lab: Repo) -> None:
    newest = branch(lab, "one", 0)
    for name, line in (("two", 4), ("three", 8)):
        lab.git("switch", "-q", "-c", name)
        edit(lab, line, name)
        lab.git("commit", "-q", "-a", "-m", name)
        lab.git("switch", "-q", "main")
    lab.git("merge", "-q", "--no-edit", "one", "two", "three")
    assert len(lab.git("rev-list", "--parents", "-n1", "HEAD").split()) == 4
    one_region(lab, newest)
    assert [text for text in ("one\n", "two\n", "three\n") if text not in lab.read(PATH)] == []
    clean_tree(lab)


def test_an_octopus_of_several_new_reports_conflicts_and_one_after_the_other_they_merge(lab: Repo) -> None:
    """git asks no driver in an octopus."""
    branch(lab, "one", 0)
    newest = branch(lab, "two", 8)
    lab.write("mine\n", "code.py")
    lab.commit()
    before = lab.head()
    lab.git("merge", "-q", "--no-edit", "one", "two", check=False)
    assert "<<<<<<<" in lab.read(PATH) and lab.head() == before
    lab.git("reset", "-q", "--hard")
    clean_tree(lab)
    lab.git("merge", "-q", "--no-edit", "one")
    lab.git("merge", "-q", "--no-edit", "two")
    one_region(lab, newest)


def test_a_report_on_one_side_only_comes_along(lab: Repo) -> None:
    lab.git("switch", "-q", "-c", "one")
    edit(lab, 0, "one")
    lab.git("commit", "-q", "-a", "-m", "one")
    lab.git("switch", "-q", "main")
    newer = branch(lab, "two")
    lab.git("switch", "-q", "one")
    lab.git("merge", "-q", "--no-edit", "two")
    one_region(lab, newer)


def test_branches_that_had_no_report_before_merge_as_well(repo: Repo) -> None:
    """Both sides have added a region that their common ancestor has not."""
    hidden(repo, commit="with-work")
    branch(repo, "one", 0)
    newer = branch(repo, "two", 5)
    repo.git("switch", "-q", "one")
    repo.git("merge", "-q", "--no-edit", "two")
    one_region(repo, newer)


def test_files_with_carriage_returns_keep_them(lab: Repo) -> None:
    lab.git("config", "core.autocrlf", "false")
    lab.write(lab.read(PATH).replace("\n", "\r\n"), PATH)
    lab.commit(message="crlf")
    lab.git("switch", "-q", "-c", "one")
    lab.write(lab.read(PATH).replace(f"{PATH} line 0\r\n", "one\r\n"), PATH)
    lab.commit(message="one")
    lab.git("switch", "-q", "main")
    newer = branch(lab, "two")
    lab.git("switch", "-q", "one")
    lab.git("merge", "-q", "--no-edit", "two")
    one_region(lab, newer)
    content = (lab.root / PATH).read_bytes()
    assert content.count(b"\n") == content.count(b"\r\n")


@pytest.mark.parametrize("gone", ["interpreter", "package"])
def test_without_agentsync_it_is_gits_own_merge(lab: Repo, gone: str) -> None:
    """Texts that do not touch merge; two reports conflict, as they would without a driver."""
    words = lab.git("config", DRIVER).split(" ")
    words[-6 if gone == "interpreter" else -5] = "/gone"
    lab.git("config", DRIVER, " ".join(words).rstrip("\n"))
    lab.git("switch", "-q", "-c", "plain")
    edit(lab, 0, "plain")
    lab.git("commit", "-q", "-a", "-m", "plain")
    lab.git("switch", "-q", "main")
    branch(lab, "one")
    lab.git("merge", "-q", "--no-edit", "one")
    lab.git("merge", "-q", "--no-edit", "plain")
    assert lab.read(PATH).startswith("plain\n")
    branch(lab, "two")
    branch(lab, "three")
    lab.git("merge", "-q", "--no-edit", "two")
    assert "CONFLICT (content)" in lab.git("merge", "three", check=False)
    assert "<<<<<<< ours\n" in lab.read(PATH)


def test_a_driver_of_somebody_elses_stays(lab: Repo) -> None:
    lab.write(f"{PATH} merge=union\n", ".gitattributes")
    lab.commit(message="attributes")
    lab.look()
    report(lab, "another")
    assert lab.git("check-attr", "merge", PATH) == f"{PATH}: merge: union\n"


def test_a_marker_length_of_the_users_own_is_kept(lab: Repo) -> None:
    lab.write(f"{PATH} conflict-marker-size=11\n", ".gitattributes")
    lab.commit(message="attributes")
    branch(lab, "one", 5)
    branch(lab, "two", 5)
    lab.git("merge", "-q", "--no-edit", "one")
    lab.git("merge", "two", check=False)
    assert f"\n{'<' * 11} " in lab.read(PATH)


def test_a_bare_clone_merges_what_only_one_side_has_reported(lab: Repo) -> None:
    """As a forge's merge button does it: without any driver."""
    lab.git("switch", "-q", "-c", "one")
    edit(lab, 0, "one")
    lab.git("commit", "-q", "-a", "-m", "one")
    lab.git("switch", "-q", "main")
    newer = branch(lab, "two")
    bare = lab.root.parent / "bare.git"
    lab.git("clone", "-q", "--bare", ".", str(bare))
    tree = lab.git("-C", str(bare), "merge-tree", "--write-tree", "one", "two").strip()
    assert shown(lab.git("-C", str(bare), "show", f"{tree}:{PATH}")) == newer


# Pure


def text_with(consolidation: str, body: str = "x\n", text: bytes = b"a\n") -> bytes:
    return region.put(text, body, consolidation, "## h")


def test_the_newer_region_stands_in_all_three() -> None:
    base, ours, theirs = united(text_with(OLD), text_with(THEIRS, "y\n", b"b\n"), text_with(OURS, "z\n", b"c\n"))
    assert [shown(one) for one in (base, ours, theirs)] == [THEIRS] * 3
    assert [region.strip(one) for one in (base, ours, theirs)] == [b"a\n", b"b\n", b"c\n"]


def test_an_ancestor_without_a_region_gets_one() -> None:
    base, ours, theirs = united(b"a\n", text_with(OURS), text_with(THEIRS))
    assert base == ours == theirs == text_with(THEIRS)


def test_of_a_side_without_a_region_and_one_with_a_newer_report_the_report_stays() -> None:
    for sides in ((text_with(OLD), b"a\n", text_with(OURS)), (text_with(OLD), text_with(OURS), b"a\n")):
        assert united(*sides) == (text_with(OURS),) * 3


def test_a_region_that_one_side_has_taken_out_is_out() -> None:
    for sides in ((text_with(OLD), b"a\n", text_with(OLD)), (text_with(OLD), text_with(OLD), b"a\n")):
        assert united(*sides) == (b"a\n",) * 3


def test_what_has_no_region_at_all_is_as_it_was() -> None:
    assert united(b"a\n", b"b\r\n", b"") == (b"a\n", b"b\r\n", b"")


@pytest.mark.parametrize("side", ["main", "other"])
def test_a_first_publication_does_not_conflict_with_a_line_at_the_same_place(repo: Repo, side: str) -> None:
    """Both have added something at the end of the file; only on a forge, without the driver, is that a conflict."""
    hidden(repo)
    repo.git("switch", "-q", "-c", "other")
    repo.write(repo.read(PATH) + "appended\n", PATH)
    repo.git("commit", "-q", "-am", "append")
    repo.git("switch", "-q", "main")
    repo.write("report this\n")
    made = repo.look(asked=True).seen.consolidation
    here = repo.clone().here
    assert made and here
    assert publish(repo.clone(), here, repo.view(), repo.settings).commit
    repo.git("commit", "-qam", "doc")
    repo.git("switch", "-q", side)
    repo.git("merge", "-q", "--no-edit", "other" if side == "main" else "main")
    one_region(repo, made.id)
    assert "appended\n" in repo.read(PATH)
    clean_tree(repo)


def test_an_edit_right_above_a_report_is_picked_to_a_branch_without_one(repo: Repo) -> None:
    hidden(repo)
    repo.git("branch", "before")
    repo.write("report this\n")
    made = repo.look(asked=True).seen.consolidation
    here = repo.clone().here
    assert made and here
    assert publish(repo.clone(), here, repo.view(), repo.settings).commit
    edit(repo, 11, "right above")
    repo.git("commit", "-qm", "right above", "--", PATH)
    repo.git("stash", "-q")
    repo.git("switch", "-q", "before")
    repo.git("cherry-pick", "main")
    assert shown(repo.git("show", f"HEAD:{PATH}")) is None
    assert "right above\n" in repo.read(PATH)
    clean_tree(repo)


def test_the_driver_leaves_broken_files_as_they_are(lab: Repo, tmp_path: Path) -> None:
    """A region without its end is no region; git merges the lines then."""
    broken = text_with(OURS).replace(b"<!-- agentsync:end -->\n", b"")
    names = []
    for name, content in (("base", text_with(OLD)), ("ours", broken), ("theirs", text_with(OLD))):
        (tmp_path / name).write_bytes(content)
        names.append(str(tmp_path / name))
    driver = lab.git("config", DRIVER).replace("%O %A %B %L", " ".join([*names, "7"])).replace("%%", "%")
    done = subprocess.run(["sh", "-c", driver], cwd=lab.root, capture_output=True, check=False)
    assert done.returncode == 0
    assert (tmp_path / "ours").read_bytes() == broken


def test_the_attribute_follows_the_configuration(lab: Repo) -> None:
    """`with-work` needs the merge driver and no filter, `agentsync` needs both."""
    assert sorted(lab.git("check-attr", "filter", "merge", "--", PATH).splitlines()) == [
        f"{PATH}: filter: unspecified",
        f"{PATH}: merge: agentsync",
    ]
    lab.settings = lab.settings._replace(report=lab.settings.report._replace(commit="agentsync"))
    clone = lab.clone()
    assert clone.here
    assert attributes.way(clone, clone.here, lab.settings).hidden
    assert lab.git("check-attr", "filter", "merge", "--", PATH).count(": agentsync") == 2
