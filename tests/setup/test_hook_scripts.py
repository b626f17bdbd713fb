"""The scripts in `hooks/`, installed into real repositories and started by real git."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from lab.hooks import WATCHED, Call, Lab, calls, make_lab, recorder
from lab.repo import Repo

import agentsync
from agentsync.base.git import HOOKS
from agentsync.setup.changes import carry_out

SHELLS = [found for shell in ("sh", "dash", "bash", "ksh", "busybox") if (found := shutil.which(shell))]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = make_lab(tmp_path)
    lab.install()
    return lab


def test_a_commit_that_touches_no_watched_path_starts_no_python(lab: Lab) -> None:
    lab.commit("other", "1")
    lab.commit("docs/beside", "1")
    assert lab.calls() == []


def test_a_commit_that_touches_a_watched_path_is_looked_at(lab: Lab) -> None:
    lab.commit(WATCHED, "1")
    assert lab.names() == ["post-commit"]


def test_deleting_and_renaming_a_watched_file_is_looked_at(lab: Lab) -> None:
    lab.git("mv", WATCHED, "elsewhere")
    lab.git("commit", "-qm", "moved")
    assert lab.names() == ["post-commit"]


@pytest.mark.parametrize(("path", "names"), [(WATCHED, ["post-commit"]), ("other", [])])
def test_the_first_commit_of_a_repository_is_as_any_other(lab: Lab, path: str, names: list[str]) -> None:
    lab.git("switch", "-q", "--orphan", "fresh")
    lab.calls()
    lab.commit(path, "1")
    assert lab.names() == names


def test_a_glob_reaches_git_as_it_stands_in_the_list(lab: Lab) -> None:
    lab.prepare(":(top,glob)notes/**/*.md", ":(top,literal)$(touch boom)`touch boom`;*")
    lab.commit("notes/a/b/c.md", "1")
    assert lab.names() == ["post-commit"]
    lab.commit("notes/a/b/c.txt", "1")
    assert lab.names() == []
    lab.commit("$(touch boom)`touch boom`;*", "1")
    assert lab.names() == ["post-commit"]
    assert not (lab.root / "boom").exists()


def test_spaces_and_backslashes_of_a_path_are_its_own(lab: Lab) -> None:
    path = " docs\\\\n \\t.md "
    lab.prepare(f":(literal){path}", "x")
    lab.commit(path, "1")
    assert lab.names() == ["post-commit"]
    lab.prepare(path)
    lab.commit(path, "2")
    assert lab.names() == ["post-commit"]


def test_pathspecs_mean_the_same_whatever_the_caller_set_for_pathspecs(lab: Lab) -> None:
    lab.prepare(":(top,glob)notes/*.md")
    lab.commit("notes/a.md", "1", GIT_LITERAL_PATHSPECS="0")
    assert lab.names() == ["post-commit"]
    lab.write("notes/a.md", "2")
    lab.git("commit", "-qam", "literal", GIT_LITERAL_PATHSPECS="1")
    assert lab.names() == ["post-commit"]


def test_the_last_line_of_the_list_counts_without_its_newline(lab: Lab) -> None:
    lab.watch_list.write_text(f":(top,literal)nothing\n:(top,literal){WATCHED}")
    lab.commit(WATCHED, "1")
    assert lab.names() == ["post-commit"]


@pytest.mark.parametrize("content", [None, "", ":(nonsense)x\n"])
def test_without_a_usable_list_every_commit_is_looked_at(lab: Lab, content: str | None) -> None:
    lab.watch_list.unlink()
    if content is not None:
        lab.watch_list.write_text(content)
    lab.commit("other", "1")
    assert lab.names() == ["post-commit"]


@pytest.mark.parametrize("seconds", [0, 5])
def test_a_configuration_not_older_than_the_list_is_looked_at(lab: Lab, seconds: int) -> None:
    config = lab.root / ".agentsync" / "config.toml"
    config.parent.mkdir()
    config.write_text("")
    made = lab.watch_list.stat().st_mtime
    os.utime(config, (made + seconds, made + seconds))
    os.utime(lab.watch_list, (made, made))
    lab.commit("other", "1")
    assert lab.names() == ["post-commit"]
    os.utime(config, (made - 5, made - 5))
    lab.commit("other", "2")
    assert lab.names() == []


def test_git_tells_nothing_when_its_objects_are_damaged_so_python_looks(lab: Lab) -> None:
    parent = lab.git("rev-parse", "HEAD").stdout.strip()
    lab.commit("other", "1")
    (lab.git_dir / "objects" / parent[:2] / parent[2:]).unlink()
    lab.run(str(lab.hooks / "post-commit"))
    assert lab.names() == ["post-commit"]


def _branch_with(lab: Lab, path: str, *texts: str) -> None:
    lab.git("switch", "-qc", "side")
    for text in texts:
        lab.commit(path, text)
    lab.git("switch", "-q", "main")
    lab.calls()


@pytest.mark.parametrize("how", ["--ff", "--no-ff"])
def test_a_merge_is_looked_at_if_it_brings_a_watched_path(lab: Lab, how: str) -> None:
    _branch_with(lab, WATCHED, "1")
    lab.git("merge", "-q", how, "-m", "merged", "side")
    assert [(call.name, call.args) for call in lab.calls()] == [("post-merge", ("0",))]


@pytest.mark.parametrize("how", ["--ff", "--no-ff"])
def test_a_merge_without_watched_paths_starts_no_python(lab: Lab, how: str) -> None:
    _branch_with(lab, "other", "1")
    lab.git("merge", "-q", how, "-m", "merged", "side")
    assert lab.calls() == []


def test_an_edit_and_its_revert_that_arrive_together_are_looked_at(lab: Lab) -> None:
    _branch_with(lab, WATCHED, "1", "0")
    lab.git("merge", "-q", "side")
    assert lab.names() == ["post-merge"]


def test_a_squash_is_looked_at(lab: Lab) -> None:
    _branch_with(lab, WATCHED, "1")
    lab.git("merge", "-q", "--squash", "side")
    assert [(call.name, call.args) for call in lab.calls()] == [("post-merge", ("1",))]


def test_a_merge_that_stopped_is_looked_at_when_it_is_committed(lab: Lab) -> None:
    _branch_with(lab, WATCHED, "1")
    lab.commit("main only", "1")
    lab.git("merge", "-q", "--no-commit", "side")
    lab.git("commit", "-qm", "merged")
    assert lab.names() == ["post-commit"]


def test_a_switch_is_looked_at_if_a_watched_path_differs(lab: Lab) -> None:
    _branch_with(lab, WATCHED, "1")
    lab.git("switch", "-q", "side")
    main, side = lab.git("rev-parse", "main", "side").stdout.split()
    assert [(call.name, call.args) for call in lab.calls()] == [("post-checkout", (main, side, "1"))]


def test_a_switch_between_equal_documents_or_to_a_new_branch_starts_no_python(lab: Lab) -> None:
    _branch_with(lab, "other", "1")
    lab.git("switch", "-q", "side")
    lab.git("switch", "-qc", "new")
    assert lab.calls() == []


def test_restoring_single_files_is_looked_at(lab: Lab) -> None:
    lab.git("checkout", "-q", "HEAD", "--", "other")
    assert [call.args[2] for call in lab.calls()] == ["0"]


def test_a_new_linked_worktree_is_looked_at_and_shares_the_hooks(lab: Lab) -> None:
    tree = lab.folder / "linked"
    lab.git("worktree", "add", "-q", str(tree))
    assert lab.names() == ["post-checkout"]
    (tree / "other").write_text("1")
    lab.git("commit", "-qam", "unwatched", cwd=tree)
    assert lab.names() == []
    (tree / WATCHED).write_text("1")
    lab.git("commit", "-qam", "watched", cwd=tree)
    assert lab.names() == ["post-commit"]


def test_amending_hands_the_pairs_on(lab: Lab) -> None:
    lab.commit(WATCHED, "1")
    lab.calls()
    old = lab.git("rev-parse", "HEAD").stdout.strip()
    lab.git("commit", "-q", "--amend", "-m", "better")
    new = lab.git("rev-parse", "HEAD").stdout.strip()
    first, second = lab.calls()
    assert (first.name, second.name, second.args) == ("post-commit", "post-rewrite", ("amend",))
    assert second.stdin == f"{old} {new}\n"


def test_amending_what_touches_no_watched_path_starts_no_python(lab: Lab) -> None:
    lab.commit("other", "1")
    lab.git("commit", "-q", "--amend", "-m", "better")
    assert lab.calls() == []


def test_a_rebase_is_looked_at_if_one_of_its_commits_touches_a_watched_path(lab: Lab) -> None:
    lab.git("switch", "-qc", "side")
    for path in ("a", WATCHED, "b"):
        lab.commit(path, "1")
    lab.git("switch", "-q", "main")
    lab.commit("other", "1")
    lab.git("switch", "-q", "side")
    lab.calls()
    lab.git("rebase", "-q", "main")
    *_, last = lab.calls()
    assert (last.name, last.args, last.stdin.count("\n")) == ("post-rewrite", ("rebase",), 3)


def test_a_rebase_without_watched_paths_starts_no_python(lab: Lab) -> None:
    _branch_with(lab, "a", "1")
    lab.commit("other", "1")
    lab.git("switch", "-q", "side")
    lab.git("rebase", "-q", "main")
    assert lab.calls() == []


@pytest.mark.parametrize(("path", "names"), [(WATCHED, ["post-applypatch"]), ("other", [])])
def test_a_patch_that_is_applied_is_looked_at_if_it_touches_a_watched_path(
    lab: Lab, path: str, names: list[str]
) -> None:
    _branch_with(lab, path, "1")
    patch = lab.git("format-patch", "-1", "--stdout", "side").stdout
    lab.run("git", "am", "-q", stdin=patch)
    assert lab.names() == names


def test_agentsync_0_switches_off_for_one_command(lab: Lab) -> None:
    lab.commit(WATCHED, "1", AGENTSYNC="0")
    assert lab.calls() == []
    lab.commit(WATCHED, "2")
    assert lab.names() == ["post-commit"]


@pytest.mark.parametrize(
    ("path", "env", "said"),
    [
        ("other", {}, ["no watched path was touched"]),
        (WATCHED, {}, ["a watched path was touched", "looking"]),
        (WATCHED, {"AGENTSYNC": "0"}, ["switched off by AGENTSYNC=0"]),
    ],
)
def test_a_trace_says_why(lab: Lab, path: str, env: dict[str, str], said: list[str]) -> None:
    lines = lab.commit(path, "1", AGENTSYNC_TRACE="1", **env).splitlines()
    assert lines == [f"agentsync: post-commit: {line}" for line in said]


def test_nothing_is_said_without_a_trace(lab: Lab) -> None:
    assert lab.commit(WATCHED, "1") == lab.commit("other", "1") == ""


def test_a_missing_interpreter_is_silence(lab: Lab) -> None:
    lab.python.unlink()
    assert lab.commit(WATCHED, "1") == ""
    assert "gone" in lab.commit(WATCHED, "2", AGENTSYNC_TRACE="1")


def test_a_failing_interpreter_changes_no_exit_status_of_git(lab: Lab) -> None:
    recorder(lab.python, lab.folder / "python.log", status=3)
    _branch_with(lab, WATCHED, "1")
    assert lab.git("switch", "-q", "side").stderr == ""


def _life(lab: Lab) -> list[int]:
    """A bit of everything that fires a hook; returns git's exit statuses."""
    said = [lab.git("switch", "-qc", "side", status=None)]
    for path, text in (("other", "1"), (WATCHED, "1")):
        lab.write(path, text)
        said.append(lab.git("commit", "-qam", text, status=None))
    said.append(lab.git("commit", "-q", "--amend", "-m", "amended", status=None))
    said.append(lab.git("switch", "-q", "main", status=None))
    lab.write("new", "1")
    lab.git("add", "new")
    said.append(lab.git("commit", "-qm", "main", status=None))
    said.append(lab.git("merge", "-q", "-m", "merged", "side", status=None))
    said.append(lab.git("switch", "-q", "side", status=None))
    said.append(lab.git("rebase", "-q", "main~1", status=None))
    said.append(lab.git("checkout", "-q", "--", "other", status=None))
    patch = lab.git("format-patch", "-1", "--stdout", "side").stdout
    said.append(lab.git("switch", "-qc", "patched", "side~1", status=None))
    said.append(lab.run("git", "am", "-q", stdin=patch, status=None))
    said.append(lab.git("worktree", "add", "-q", str(lab.folder / "linked"), status=None))
    assert all(done.stderr.strip() == "" for done in said), [done.stderr for done in said]
    return [done.returncode for done in said]


def _strangers(lab: Lab, status: int) -> None:
    for name in HOOKS:
        recorder(lab.hooks / name, lab.folder / "stranger.log", name=name, status=status)


def _seen(lab: Lab) -> list[Call]:
    def plain(text: str) -> str:
        return text.replace(str(lab.folder), "FOLDER")

    found = calls(lab.folder / "stranger.log")
    return [Call(one.name, tuple(map(plain, one.args)), plain(one.git_env), one.stdin) for one in found]


@pytest.mark.parametrize("status", [0, 1, 7])
@pytest.mark.parametrize("name", ["repo", "a 'b' \"c\"\n$(d) é"])
def test_a_strangers_hooks_see_no_difference(tmp_path: Path, status: int, name: str) -> None:
    """Arguments, input, git's environment and exit statuses are those of the same life without agentsync."""
    without, with_us = make_lab(tmp_path / "without", name), make_lab(tmp_path / "with", name)
    for lab in (without, with_us):
        _strangers(lab, status)
    with_us.install()
    assert _life(with_us) == _life(without)
    seen = _seen(with_us)
    assert seen == _seen(without)
    assert {call.name for call in seen} == set(HOOKS)
    assert set(with_us.names()) == set(HOOKS)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_does_the_same(tmp_path: Path, shell: str) -> None:
    labs = [make_lab(tmp_path / name) for name in ("as installed", "other shell")]
    for lab in labs:
        _strangers(lab, 1)
        lab.install()
    argument = " sh" if shell.endswith("busybox") else ""
    for name in HOOKS:
        hook = labs[1].hooks / name
        hook.write_text(hook.read_text().replace("#!/bin/sh", f"#!{shell}{argument}", 1))
    assert _life(labs[0]) == _life(labs[1])
    assert _seen(labs[0]) == _seen(labs[1])
    assert labs[0].names() == labs[1].names()


def test_a_stranger_gets_a_long_list_of_pairs_whole_and_may_leave_it_unread(lab: Lab) -> None:
    head = lab.git("rev-parse", "HEAD").stdout.strip()
    pairs = f"{head} {head}\n" * 20_000
    recorder(lab.hooks / "post-rewrite.agentsync-saved", lab.folder / "stranger.log", status=5)
    lab.run(str(lab.hooks / "post-rewrite"), "rebase", stdin=pairs, status=5)
    assert [call.stdin for call in calls(lab.folder / "stranger.log")] == [pairs]
    deaf = lab.hooks / "post-rewrite.agentsync-saved"
    deaf.write_text("#!/bin/sh\nexit 6\n")
    assert lab.run(str(lab.hooks / "post-rewrite"), "rebase", stdin=pairs, status=6).stderr == ""


def test_a_strangers_hook_without_the_executable_bit_does_not_run(tmp_path: Path) -> None:
    lab = make_lab(tmp_path)
    recorder(lab.hooks / "post-commit", lab.folder / "stranger.log", mode=0o644)
    lab.install()
    assert lab.commit(WATCHED, "1") == ""
    assert calls(lab.folder / "stranger.log") == []
    assert lab.names() == ["post-commit"]


def test_variables_of_the_caller_reach_a_strangers_hook_unchanged(tmp_path: Path) -> None:
    lab = make_lab(tmp_path)
    hook = lab.hooks / "post-commit"
    hook.parent.mkdir()
    hook.write_text(f'#!/bin/sh\necho "$python $name $shell $PYTHON $list" >{tmp_path}/seen\n')
    hook.chmod(0o755)
    lab.install()
    lab.commit(WATCHED, "1", python="a", name="b", shell="c", PYTHON="d", list="e")
    assert (tmp_path / "seen").read_text() == "a b c d e\n"


@pytest.mark.parametrize("name", ["plain", "a 'b' \"c\"\n$(d) `e` é\\"])
def test_interpreter_and_repository_may_be_called_anything(tmp_path: Path, name: str) -> None:
    lab = make_lab(tmp_path / name, name)
    lab.install()
    lab.commit(WATCHED, "1")
    lab.commit("other", "1")
    assert lab.names() == ["post-commit"]


def test_a_moved_clone_goes_on(tmp_path: Path) -> None:
    lab = make_lab(tmp_path)
    recorder(lab.hooks / "post-commit", lab.folder / "stranger.log")
    lab.install()
    lab.root = lab.root.rename(tmp_path / "moved")
    lab.commit("other", "1")
    lab.commit(WATCHED, "1")
    assert lab.names() == ["post-commit"]
    assert len(calls(lab.folder / "stranger.log")) == 2


def test_a_bare_repository_with_worktrees_and_a_submodule_work(tmp_path: Path) -> None:
    lab = make_lab(tmp_path)
    bare, tree, above = tmp_path / "bare.git", tmp_path / "tree", make_lab(tmp_path / "above")
    lab.git("clone", "-q", "--bare", str(lab.root), str(bare))
    lab.git("worktree", "add", "-q", str(tree), "main", cwd=bare)
    above.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(lab.root), "sub")
    for root, common in ((tree, bare), (above.root / "sub", above.git_dir / "modules" / "sub")):
        carry_out(lab.planned(root=root))
        (common / "agentsync" / "pathspecs").write_text(f":(top,literal){WATCHED}\n")
        for path in ("other", WATCHED):
            (root / path).write_text("1")
            lab.git("commit", "-qam", path, cwd=root)
        assert lab.names() == ["post-commit"]


def test_the_entry_ends_quietly_whatever_happens(tmp_path: Path) -> None:
    """A package that cannot be imported is silence and exit status 0; a trace shows the error."""
    assert agentsync.__file__
    entry = tmp_path / "agentsync" / "_entry.py"
    entry.parent.mkdir()
    shutil.copy(Path(agentsync.__file__).with_name("_entry.py"), entry)
    (tmp_path / "agentsync" / "hook.py").write_text("raise RuntimeError('broken')")
    lab = make_lab(tmp_path / "lab")
    command = (sys.executable, "-I", "-S", str(entry), "hook", "post-commit")
    assert lab.run(*command).stderr == ""
    assert "broken" in lab.run(*command, status=1, AGENTSYNC_TRACE="1").stderr


def test_a_hook_that_an_earlier_version_wrote_goes_on(repo: Repo) -> None:
    """It names itself and leaves no note, so Python leaves it."""
    repo.begin()
    repo.hooks()
    hook = repo.root / ".git/hooks/post-commit"
    entry = Path(agentsync.__file__).with_name("_entry.py")
    hook.write_text(f'#!/bin/sh\n{sys.executable} -I -S {entry} post-commit "$@"\n')
    repo.commit("edited\n", CLAUDECODE="1")
    assert [(change["source"], change["agent_owner"]) for change in repo.changes()] == [("hook", "claude-code")]
