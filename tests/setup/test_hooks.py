"""What `init` puts into a clone's git directory, and `uninstall` takes out."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from lab.hooks import WATCHED, Lab, calls, make_lab, recorder

from agentsync import __version__
from agentsync.base import git
from agentsync.base.errors import AgentsyncError
from agentsync.base.git import HOOKS
from agentsync.setup import hook_managers, interpreter
from agentsync.setup.changes import carry_out
from agentsync.setup.hook_scripts import compose, read_script
from agentsync.setup.hooks import STATES, HookState
from agentsync.setup.local_files import GITIGNORE, plan_doors, plan_gitignore, plan_no_doors


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return make_lab(tmp_path)


def _states(lab: Lab) -> dict[str, HookState]:
    found = lab.states()
    assert [state.name for state in found] == list(HOOKS)
    assert all(state.state in STATES for state in found)
    return {state.name: state for state in found}


def _tree(folder: Path) -> dict[str, tuple[int, bytes | str]]:
    """Everything in a folder: mode, and content or target."""
    found: dict[str, tuple[int, bytes | str]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = (0, os.readlink(path))
        elif path.is_file():
            found[str(path.relative_to(folder))] = (path.stat().st_mode, path.read_bytes())
    return found


def test_install_says_what_it_wrote_and_a_second_time_does_nothing(lab: Lab) -> None:
    steps = lab.install()
    written = {Path(step.path).relative_to(lab.git_dir).as_posix() for step in steps if step.action == "write"}
    assert written == {"info/exclude", "agentsync/hooks.json", *(f"hooks/{name}" for name in HOOKS)}
    before = _tree(lab.git_dir)
    assert lab.install() == []
    assert _tree(lab.git_dir) == before
    assert {state.state for state in _states(lab).values()} == {"ours"}


def test_a_plan_says_the_same_and_touches_nothing(lab: Lab) -> None:
    recorder(lab.hooks / "post-commit", lab.folder / "log")
    before = _tree(lab.git_dir)
    changes = lab.planned()
    assert _tree(lab.git_dir) == before
    assert changes == lab.install()


@pytest.mark.parametrize("record", ["kept", "gone", "damaged"])
def test_uninstall_gives_everything_back_byte_for_byte(lab: Lab, record: str) -> None:
    """A plain hook, one that does not run, and a symlink; with and without the record of the installation."""
    recorder(lab.hooks / "post-commit", lab.folder / "log", mode=0o750)
    recorder(lab.hooks / "post-merge", lab.folder / "log", mode=0o640)
    recorder(lab.hooks / "real one", lab.folder / "log")
    (lab.hooks / "post-checkout").symlink_to("real one")
    (lab.hooks / "post-rewrite").symlink_to("nowhere")
    before = _tree(lab.git_dir)
    lab.install()
    assert {name: state.state for name, state in _states(lab).items()} == {
        "post-commit": "chained",
        "post-merge": "ours",
        "post-checkout": "chained",
        "post-rewrite": "ours",
        "post-applypatch": "ours",
    }
    if record == "gone":
        (lab.git_dir / "agentsync" / "hooks.json").unlink()
    elif record == "damaged":
        (lab.git_dir / "agentsync" / "hooks.json").write_text('{"folders": 3}')
    lab.watch_list.unlink()
    lab.uninstall()
    assert _tree(lab.git_dir) == before
    assert lab.uninstall() == []


@pytest.mark.parametrize("text", [None, b"", b"*.o\n", b"*.o", b"\xff\r\n*.o\r\n"])
def test_the_exclude_file_comes_back_byte_for_byte(lab: Lab, text: bytes | None) -> None:
    exclude = lab.git_dir / "info" / "exclude"
    exclude.unlink()
    if text is not None:
        exclude.write_bytes(text)
    lab.install()
    assert exclude.read_bytes().startswith(text or b"# agentsync begin")
    lab.uninstall()
    assert (exclude.read_bytes() if exclude.exists() else None) == text


def test_lines_that_others_add_to_the_exclude_file_stay(lab: Lab) -> None:
    exclude = lab.git_dir / "info" / "exclude"
    exclude.write_bytes(b"*.o")
    lab.install()
    with exclude.open("ab") as file:
        file.write(b"*.a\n")
    assert lab.install() == []
    lab.uninstall()
    assert exclude.read_bytes() == b"*.o\n*.a\n"


@pytest.mark.parametrize(
    ("local", "seen"), [(False, ["?? .agentsync/.gitignore", "?? .agentsync/config.toml"]), (True, [])]
)
def test_git_sees_of_the_folder_only_what_is_shared(lab: Lab, local: bool, seen: list[str]) -> None:
    lab.install(local=local)
    for name in (".gitignore", "config.toml", "ledger.jsonl", "notes/1"):
        lab.write(f".agentsync/{name}", "")
    assert lab.git("status", "--porcelain", "-uall").stdout.splitlines() == seen


def test_an_installation_for_oneself_can_become_one_for_all(lab: Lab) -> None:
    before = (lab.git_dir / "info" / "exclude").read_bytes()
    lab.install(local=True)
    assert [Path(step.path).name for step in lab.install()] == ["exclude"]
    lab.uninstall()
    assert (lab.git_dir / "info" / "exclude").read_bytes() == before


@pytest.mark.parametrize("obstacle", ["hooks", "agentsync"])
def test_a_git_directory_that_cannot_be_written_is_left_as_it_was(lab: Lab, obstacle: str) -> None:
    """A file stands where a folder has to be made, which stops whoever runs this, root too."""
    (lab.git_dir / obstacle).write_text("in the way")
    before = _tree(lab.git_dir)
    folders = sorted(os.listdir(lab.git_dir))
    with pytest.raises(AgentsyncError) as caught:
        lab.install()
    assert caught.value.message and caught.value.cause and caught.value.hint
    assert _tree(lab.git_dir) == before
    assert sorted(os.listdir(lab.git_dir)) == folders


def test_hooks_of_an_older_version_are_recognised_and_renewed(lab: Lab) -> None:
    lab.install()
    hook = lab.hooks / "post-commit"
    hook.write_text(hook.read_text().replace(f"# agentsync-hook {__version__}\n", "# agentsync-hook 0.0.1\n"))
    assert _states(lab)["post-commit"].state == "other version"
    assert [Path(step.path).name for step in lab.install()] == ["post-commit"]
    assert _states(lab)["post-commit"].state == "ours"


def test_a_hook_that_lost_its_executable_bit_is_found_and_repaired(lab: Lab) -> None:
    lab.install()
    (lab.hooks / "post-commit").chmod(0o644)
    assert _states(lab)["post-commit"].state == "not executable"
    lab.install()
    assert _states(lab)["post-commit"].state == "ours"


def test_a_hook_whose_interpreter_is_gone_is_found_and_repaired(lab: Lab) -> None:
    lab.install()
    moved = lab.python.rename(lab.folder / "moved 'python'\n")
    assert {state.state for state in _states(lab).values()} == {"interpreter gone"}
    lab.python = moved
    lab.install()
    assert {state.state for state in _states(lab).values()} == {"ours"}
    lab.commit(WATCHED, "1")
    assert lab.names() == ["post-commit"]


def test_a_hook_that_somebody_deleted_is_put_back_and_still_runs_the_saved_one(lab: Lab) -> None:
    recorder(lab.hooks / "post-commit", lab.folder / "log")
    lab.install()
    (lab.hooks / "post-commit").unlink()
    assert _states(lab)["post-commit"].state == "missing"
    lab.install()
    lab.commit(WATCHED, "1")
    assert len(calls(lab.folder / "log")) == 1
    assert lab.names() == ["post-commit"]


def test_a_hook_written_over_ours_is_told_and_never_lost(lab: Lab) -> None:
    first = recorder(lab.hooks / "post-commit", lab.folder / "log", name="first").read_bytes()
    lab.install()
    second = recorder(lab.hooks / "post-commit", lab.folder / "log", name="second").read_bytes()
    assert _states(lab)["post-commit"].state == "foreign"
    assert [step.action for step in lab.install()] == ["advise"]
    assert "keep" in [step.action for step in lab.uninstall()]
    assert (lab.hooks / "post-commit").read_bytes() == second
    assert (lab.hooks / "post-commit.agentsync-saved").read_bytes() == first


def _hooks_path(lab: Lab, value: str) -> None:
    lab.git("config", "core.hooksPath", value)


@pytest.mark.parametrize("where", [".githooks", "../outside"])
def test_nothing_is_written_where_core_hooks_path_leads_outside_the_git_directory(lab: Lab, where: str) -> None:
    lab.install()
    folder = (lab.root / where).resolve()
    folder.mkdir()
    _hooks_path(lab, where)
    steps = lab.install()
    assert [step.action for step in steps] == ["advise"] * 5
    assert "agentsync hook post-commit" in steps[0].note
    assert os.listdir(folder) == []
    assert {state.state for state in _states(lab).values()} == {"shadowed"}
    assert lab.git("config", "core.hooksPath").stdout == f"{where}\n"


def test_the_advised_line_in_a_folder_of_core_hooks_path_is_recognised(lab: Lab) -> None:
    lab.write(".githooks/post-commit", "#!/bin/sh\nagentsync hook post-commit\n")
    _hooks_path(lab, ".githooks")
    states = _states(lab)
    assert states["post-commit"].state == "called" and states["post-commit"].works
    assert states["post-merge"].state == "foreign" and states["post-merge"].advice


def test_a_folder_inside_the_git_directory_is_used_and_left_again(lab: Lab) -> None:
    _hooks_path(lab, ".git/mine/hooks")
    lab.install()
    lab.commit(WATCHED, "1")
    lab.commit("other", "1")
    assert lab.names() == ["post-commit"]
    lab.git("config", "--unset", "core.hooksPath")
    lab.uninstall()
    assert os.listdir(lab.git_dir / "mine" / "hooks") == []


def test_a_symlinked_hooks_folder_that_git_tracks_is_not_written(lab: Lab) -> None:
    (lab.root / "tracked").mkdir()
    lab.hooks.symlink_to("../tracked")
    assert [step.action for step in lab.install() if step.action != "write"] == ["advise"] * 5
    assert os.listdir(lab.root / "tracked") == []


def test_a_linked_worktree_installs_into_the_shared_folder(lab: Lab) -> None:
    tree = lab.folder / "linked"
    lab.git("worktree", "add", "-q", str(tree))
    lab.install(root=tree)
    assert {state.state for state in _states(lab).values()} == {"ours"}
    assert lab.install() == []
    assert {state.state for state in lab.states(tree)} == {"ours"}
    lab.uninstall(tree)
    assert {state.state for state in _states(lab).values()} == {"missing"}


def _interpreter(path: Path) -> str:
    return str(recorder(path, path.with_name("log")))


@pytest.mark.parametrize("via", ["file", "link", "folder", "pyvenv.cfg"])
def test_an_interpreter_that_git_tracks_is_refused(lab: Lab, via: str) -> None:
    python = lab.root / "env" / "bin" / "python"
    if via == "folder":
        _interpreter(lab.folder / "env" / "bin" / "python")
        (lab.root / "env").symlink_to(lab.folder / "env")
    elif via == "link":
        python.parent.mkdir(parents=True)
        python.symlink_to(lab.python)
    else:
        _interpreter(python)
        (lab.root / "env" / "pyvenv.cfg").write_text("home = elsewhere")
    interpreter.check_interpreter(str(lab.root), str(python))
    lab.git("add", "-f", {"folder": "env", "pyvenv.cfg": "env/pyvenv.cfg"}.get(via, "env/bin/python"))
    lab.python = python
    with pytest.raises(AgentsyncError, match="git tracks"):
        lab.install()
    assert not lab.hooks.exists()


@pytest.mark.parametrize(
    "path",
    [
        ".cache/uv/archive-v0/x1/bin/python",
        ".cache/uv/builds-v0/.tmp1/bin/python",
        ".cache/pipx/a1/bin/python",
        ".local/pipx/.cache/a1/bin/python",
        "wherever-PIPX_HOME-says/.cache/e5e6002b1ffd594/bin/python",
    ],
)
def test_a_throw_away_environment_is_refused_with_cause_and_hint(lab: Lab, path: str) -> None:
    lab.python = Path(_interpreter(lab.folder / path))
    with pytest.raises(AgentsyncError, match="throw-away") as caught:
        lab.install()
    assert str(lab.python) in caught.value.cause and caught.value.hint
    assert not lab.hooks.exists()


def test_an_environment_in_a_temporary_folder_serves_only_repositories_beside_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "TEMPORARY", (str(lab.folder / "tmp"),))
    monkeypatch.setenv("TMPDIR", "/")
    lab.python = Path(_interpreter(lab.folder / "tmp" / "env" / "bin" / "python"))
    with pytest.raises(AgentsyncError, match="throw-away"):
        lab.install()
    interpreter.check_interpreter(str(lab.folder / "tmp" / "repo"), str(lab.folder / "python"))
    lab.root = lab.root.rename(lab.folder / "tmp" / "repo")
    lab.install()


def test_an_interpreter_that_cannot_be_started_is_refused(lab: Lab) -> None:
    lab.python.chmod(0o644)
    with pytest.raises(AgentsyncError, match="cannot be started"):
        lab.install()


def test_a_hook_reads_back_as_it_was_composed(tmp_path: Path) -> None:
    for python in ("/usr/bin/python3", "/a 'b'/\"c\"\n$d/py\\thon", "/\udcff/python"):
        script = read_script(compose("post-commit", python, str(tmp_path / "hooks"), str(tmp_path)))
        assert script and script.python == python and script.current


def test_hooks_are_valid_posix_sh(lab: Lab) -> None:
    lab.install()
    for name in HOOKS:
        subprocess.run(["sh", "-n", lab.hooks / name], check=True)


def _doors(lab: Lab, *, local: bool = False, root: Path | None = None) -> list[str]:
    clone = git.locate(str(root or lab.root))
    changes = [*plan_gitignore(clone.worktree(), local=local), *plan_doors(clone, clone.worktree())]
    carry_out(changes)
    return [Path(change.path).name for change in changes]


def _no_doors(lab: Lab) -> list[str]:
    changes = plan_no_doors(git.locate(str(lab.root)).worktree())
    carry_out(changes)
    return [Path(change.path).name for change in changes]


def test_the_folder_gets_its_gitignore_and_a_way_to_the_ledger_once(lab: Lab) -> None:
    folder = lab.root / ".agentsync"
    assert _doors(lab) == [".gitignore", "ledger.jsonl"]
    assert _doors(lab) == []
    assert (folder / ".gitignore").read_bytes() == GITIGNORE
    assert os.readlink(folder / "ledger.jsonl") == "../.git/agentsync/ledger.jsonl"
    assert lab.git("status", "--porcelain", "-uall").stdout == "?? .agentsync/.gitignore\n"
    _no_doors(lab)
    assert os.listdir(folder) == []


def test_the_folder_of_one_who_shares_nothing_is_not_seen_by_git(lab: Lab) -> None:
    _doors(lab, local=True)
    lab.write(".agentsync/config.toml", "")
    assert lab.git("status", "--porcelain", "-uall").stdout == ""


def test_the_way_to_the_ledger_leads_from_a_linked_worktree_too(lab: Lab) -> None:
    tree = lab.folder / "linked"
    lab.git("worktree", "add", "-q", str(tree))
    _doors(lab, root=tree)
    (lab.git_dir / "agentsync").mkdir()
    (lab.git_dir / "agentsync" / "ledger.jsonl").write_text("here")
    assert (tree / ".agentsync" / "ledger.jsonl").read_text() == "here"


def test_what_somebody_else_put_into_the_folder_stays(lab: Lab) -> None:
    lab.write(".agentsync/.gitignore", "mine")
    lab.write(".agentsync/ledger.jsonl", "mine")
    assert _doors(lab) == []
    assert _no_doors(lab) == []
    assert (lab.root / ".agentsync" / "ledger.jsonl").read_text() == "mine"


def test_a_link_to_an_old_place_of_the_ledger_is_renewed(lab: Lab) -> None:
    (lab.root / ".agentsync").mkdir()
    (lab.root / ".agentsync" / "ledger.jsonl").symlink_to("/old/.git/agentsync/ledger.jsonl")
    assert "ledger.jsonl" in _doors(lab)
    assert os.readlink(lab.root / ".agentsync" / "ledger.jsonl") == "../.git/agentsync/ledger.jsonl"


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_folder_that_is_none_is_refused_and_not_followed(lab: Lab, kind: str) -> None:
    outside = lab.folder / "outside"
    outside.mkdir()
    if kind == "link":
        (lab.root / ".agentsync").symlink_to(outside)
    else:
        lab.write(".agentsync", "a file")
    for door in (_doors, _no_doors):
        with pytest.raises(AgentsyncError, match="is not a folder") as caught:
            door(lab)
        assert caught.value.cause and caught.value.hint
    assert os.listdir(outside) == []


def test_every_manager_has_advice_that_its_own_check_recognises(tmp_path: Path) -> None:
    """Who follows the advice to the letter is found to have followed it."""
    for index, manager in enumerate((*hook_managers.MANAGERS, hook_managers.ELSEWHERE)):
        top = tmp_path / str(index)
        top.mkdir()
        first, _, lines = manager.advice(str(top), "post-merge").partition("\n")
        assert not manager.calls_us(str(top), "post-merge")
        Path(first.removeprefix("add to ").removesuffix(":")).write_text(lines)
        assert manager.calls_us(str(top), "post-merge")
        shutil.rmtree(top)
