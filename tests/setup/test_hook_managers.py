"""Real hook managers, installed before agentsync and after it.

husky and lefthook come from the npm registry: `make managers` installs what `tests/managers/package-lock.json` names.
Without them their tests are skipped and say so; AGENTSYNC_REQUIRE_NODE=1 makes that a failure.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from lab.hooks import MANAGERS, WATCHED, Call, Lab, calls, make_lab, recorder

from agentsync.base.errors import AgentsyncError
from agentsync.base.git import HOOKS
from agentsync.setup.hooks import HookState

HOOKS_YAML = Path(__file__).parent.parent.parent / ".pre-commit-hooks.yaml"
STAGES = "[pre-commit, post-commit, post-checkout, post-merge, post-rewrite]"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = make_lab(tmp_path)
    recorder(tmp_path / "bin" / "agentsync", tmp_path / "agentsync.log")
    lab.env["PATH"] = f"{tmp_path / 'bin'}{os.pathsep}{lab.env['PATH']}"
    lab.env["PRE_COMMIT_HOME"] = str(tmp_path / "pre-commit")
    return lab


def _commands(lab: Lab) -> list[Call]:
    """How managers called the command `agentsync`, since the last time one asked."""
    return calls(lab.folder / "agentsync.log")


def _states(lab: Lab) -> dict[str, HookState]:
    return {state.name: state for state in lab.states()}


def _state_names(lab: Lab) -> list[str]:
    return [state.state for state in _states(lab).values()]


def _advice(lab: Lab) -> dict[str, tuple[Path, str]]:
    """What `install` tells a person: for each hook the file and the lines to add."""
    found = {}
    for step in lab.install():
        if step.action == "advise":
            where, _, lines = step.note.partition("\n")
            found[Path(step.path).name] = (Path(where.removeprefix("add to ").removesuffix(":")), lines)
    return found


def _pre_commit(lab: Lab, *args: str, status: int = 0) -> None:
    lab.run(sys.executable, "-m", "pre_commit", *args, status=status)


def _configure_pre_commit(lab: Lab, types: str = STAGES, repos: str = " []") -> None:
    lab.commit(".pre-commit-config.yaml", f"default_install_hook_types: {types}\nrepos:{repos}\n")
    lab.calls()


def test_pre_commit_beside_us_takes_only_its_own_hook(lab: Lab) -> None:
    """As most people have it, pre-commit takes pre-commit and nothing else."""
    _configure_pre_commit(lab, "[pre-commit]")
    _pre_commit(lab, "install")
    lab.install()
    assert _state_names(lab) == ["ours"] * 5
    lab.commit(WATCHED, "1")
    assert lab.names() == ["post-commit"]


@pytest.mark.long
def test_pre_commit_before_us_is_left_alone_and_the_advice_works(lab: Lab) -> None:
    _configure_pre_commit(lab)
    _pre_commit(lab, "install")
    theirs = (lab.hooks / "post-commit").read_bytes()
    advice = _advice(lab)
    assert sorted(advice) == ["post-checkout", "post-commit", "post-merge", "post-rewrite"]
    assert (lab.hooks / "post-commit").read_bytes() == theirs
    assert _state_names(lab) == ["foreign"] * 4 + ["ours"]
    path, lines = advice["post-commit"]
    path.write_text(path.read_text().replace("repos: []", "repos:\n" + lines))
    assert _state_names(lab) == ["called"] * 4 + ["ours"]
    lab.git("commit", "-qam", "as advised")
    lab.git("switch", "-qc", "side")
    lab.git("commit", "-q", "--amend", "-m", "better")
    called = _commands(lab)
    assert {call.args for call in called} == {("hook", "post-commit")}
    assert len(called) == 4  # commit, switch, and amend with its two hooks
    assert all("PRE_COMMIT=1" in call.git_env for call in called)
    assert _advice(lab) == {}


@pytest.mark.long
def test_pre_commit_after_us_runs_us_and_we_run_the_stranger(lab: Lab) -> None:
    """pre-commit passes no standard input on to the hook it found, so that post-rewrite gets no pairs."""
    log = lab.folder / "stranger.log"
    for name in HOOKS:
        recorder(lab.hooks / name, log, name=name)
    before = {name: (lab.hooks / name).read_bytes() for name in HOOKS}
    lab.install()
    _configure_pre_commit(lab)
    _pre_commit(lab, "install")
    calls(log)
    assert _state_names(lab) == ["behind"] * 4 + ["chained"]
    assert lab.install() == []
    lab.commit(WATCHED, "1")
    lab.git("commit", "-q", "--amend", "-m", "better")
    expected = [("post-commit", (), ""), ("post-commit", (), ""), ("post-rewrite", ("amend",), "")]
    ours = lab.calls()
    assert [(call.name, call.args, call.stdin) for call in ours] == expected
    assert [(call.name, call.args, call.stdin) for call in calls(log)] == expected
    assert not any("PRE_COMMIT=1" in call.git_env for call in ours)
    lab.uninstall()
    assert (lab.hooks / "post-commit.legacy").read_bytes() == before["post-commit"]
    _pre_commit(lab, "uninstall")
    assert {name: (lab.hooks / name).read_bytes() for name in HOOKS} == before


def test_pre_commit_after_us_keeps_a_strangers_exit_status(lab: Lab) -> None:
    recorder(lab.hooks / "post-checkout", lab.folder / "stranger.log", status=7)
    lab.install()
    _configure_pre_commit(lab)
    _pre_commit(lab, "install")
    lab.git("switch", "-qc", "side", status=1)  # git's answer to whatever failure
    lab.run(str(lab.hooks / "post-checkout"), "0", "0", "1", status=7)


def test_our_hook_behind_pre_commit_is_repaired_where_it_is(lab: Lab) -> None:
    lab.install()
    _configure_pre_commit(lab)
    _pre_commit(lab, "install")
    lab.python = lab.python.rename(lab.folder / "moved")
    assert _state_names(lab) == ["interpreter gone"] * 5
    lab.install()
    assert _state_names(lab) == ["behind"] * 4 + ["ours"]
    lab.commit(WATCHED, "1")
    assert lab.names() == ["post-commit"]


def test_pre_commit_uninstalled_again_gives_our_hooks_back(lab: Lab) -> None:
    lab.install()
    _configure_pre_commit(lab)
    _pre_commit(lab, "install")
    _pre_commit(lab, "uninstall")
    assert _state_names(lab) == ["ours"] * 5
    assert lab.install() == []


def test_pre_commit_that_overwrote_us_is_seen_and_advice_given(lab: Lab) -> None:
    recorder(lab.hooks / "post-commit", lab.folder / "stranger.log")
    stranger = (lab.hooks / "post-commit").read_bytes()
    lab.install()
    _configure_pre_commit(lab)
    _pre_commit(lab, "install", "-f")
    states = _states(lab)
    assert not states["post-commit"].works and ".pre-commit-config.yaml" in states["post-commit"].advice
    assert "post-commit" in _advice(lab)
    _pre_commit(lab, "uninstall")
    lab.install()
    assert _states(lab)["post-commit"].state == "chained"
    lab.uninstall()
    assert (lab.hooks / "post-commit").read_bytes() == stranger


def _offer(lab: Lab) -> str:
    """A repository that offers what our `.pre-commit-hooks.yaml` does; the part of a configuration that names it."""
    offer = lab.folder / "offer"
    lab.git("init", "-q", str(offer), cwd=lab.folder)
    shutil.copy(HOOKS_YAML, offer)
    lab.git("add", ".", cwd=offer)
    lab.git("commit", "-qm", "offered", cwd=offer)
    rev = lab.git("rev-parse", "HEAD", cwd=offer).stdout.strip()
    # `language: system` takes the command from PATH; the package as such is built and installed elsewhere.
    hooks = "".join(f"\n  - {{id: {name}, language: system}}" for name in ("agentsync-check", "agentsync-record"))
    return f"\n- repo: {offer}\n  rev: {rev}\n  hooks:{hooks}"


def test_what_we_offer_to_pre_commit_runs_at_its_stages(lab: Lab) -> None:
    _configure_pre_commit(lab, repos=_offer(lab))
    _pre_commit(lab, "install")
    _pre_commit(lab, "run", "--all-files")
    assert [call.args for call in _commands(lab)] == [("check",)]
    _pre_commit(lab, "run", "--hook-stage", "manual")
    assert [call.args for call in _commands(lab)] == [("check",)]
    lab.commit("other", "1")
    assert [call.args for call in _commands(lab)] == [("check",), ("hook", "post-commit")]
    lab.git("switch", "-qc", "side")
    lab.commit("other", "2")
    lab.git("switch", "-q", "main")
    _commands(lab)
    lab.git("merge", "-q", "side")
    assert [call.args for call in _commands(lab)] == [("hook", "post-commit")]
    assert _state_names(lab)[:4] == ["called"] * 4


def _node(lab: Lab, program: str, *args: str) -> None:
    found = MANAGERS / program
    if not (found.exists() and shutil.which("node")):
        missing = f"{program} is not installed: `make managers` (needs node and npm) does it"
        if os.environ.get("AGENTSYNC_REQUIRE_NODE", "0") != "0":
            pytest.fail(missing)
        pytest.skip(missing)
    lab.run(str(found), *args)


def _follow(lab: Lab, advice: dict[str, tuple[Path, str]]) -> None:
    for path, lines in advice.values():
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as file:
            file.write(f"{lines}\n")


def _called_by_manager(lab: Lab) -> None:
    """A bit of life; what the manager's hooks then called is looked at."""
    lab.commit(WATCHED, "1")
    old = lab.git("rev-parse", "HEAD").stdout.strip()
    lab.git("commit", "-q", "--amend", "-m", "better")
    new = lab.git("rev-parse", "HEAD").stdout.strip()
    lab.git("switch", "-qc", "side")
    called = _commands(lab)
    assert [call.args for call in called] == [
        ("hook", "post-commit"),
        ("hook", "post-commit"),
        ("hook", "post-rewrite", "amend"),
        ("hook", "post-checkout", new, new, "1"),
    ]
    assert called[2].stdin == f"{old} {new}\n"


def test_husky_before_us_is_left_alone_and_the_advice_works(lab: Lab) -> None:
    _node(lab, "husky")
    advice = _advice(lab)
    assert {path.relative_to(lab.root).as_posix() for path, _ in advice.values()} == {
        f".husky/{name}" for name in HOOKS
    }
    assert not list((lab.root / ".husky").glob("p*"))
    assert not lab.hooks.exists()
    assert _state_names(lab) == ["foreign"] * 5
    assert lab.git("config", "core.hooksPath").stdout == ".husky/_\n"
    _follow(lab, advice)
    assert _state_names(lab) == ["called"] * 5
    _called_by_manager(lab)


def test_husky_after_us_puts_us_in_the_shade_and_we_say_so(lab: Lab) -> None:
    lab.install()
    _node(lab, "husky")
    states = _states(lab)
    assert {state.state for state in states.values()} == {"shadowed"}
    assert str(lab.root / ".husky" / "post-commit") in states["post-commit"].advice
    lab.commit(WATCHED, "1")
    assert lab.names() == []
    _follow(lab, _advice(lab))
    lab.commit(WATCHED, "2")
    assert [call.args for call in _commands(lab)] == [("hook", "post-commit")]
    lab.uninstall()
    assert os.listdir(lab.hooks) == []


def test_the_line_for_husky_says_nothing_where_agentsync_is_not_installed(lab: Lab) -> None:
    _node(lab, "husky")
    _follow(lab, _advice(lab))
    (lab.folder / "bin" / "agentsync").unlink()
    lab.env["PATH"] = "/usr/bin:/bin"
    assert lab.commit(WATCHED, "1") == ""
    assert lab.git("switch", "-qc", "side").stderr == ""


def test_init_adds_the_lines_for_husky_where_somebody_asks_and_uninstall_takes_them_out(lab: Lab) -> None:
    """Byte for byte, with a script that is there and ends without a newline."""
    _node(lab, "husky")
    script = lab.root / ".husky" / "post-commit"
    script.write_text("true")
    before = _tree(lab)
    assert {step.action for step in lab.install(into="husky")} >= {"add"}
    assert _state_names(lab) == ["called"] * 5
    assert lab.install(into="husky") == []
    _called_by_manager(lab)
    lab.uninstall()
    assert _tree(lab) == {**before, WATCHED: "1"}


def test_lines_in_a_folder_of_husky_that_is_not_installed_yet(lab: Lab) -> None:
    """Both ways lead to us: before its install ours, then its own."""
    lab.write(".husky/pre-commit", "true\n")
    lab.install(into="husky")
    assert _state_names(lab) == ["ours"] * 5
    _node(lab, "husky")
    assert _state_names(lab) == ["called"] * 5


def test_lines_that_somebody_has_edited_are_left_to_them(lab: Lab) -> None:
    _node(lab, "husky")
    lab.install(into="husky")
    script = lab.root / ".husky" / "post-commit"
    script.write_text(script.read_text().replace("|| :", "|| true"))
    steps = {Path(step.path).name: step.action for step in lab.uninstall()}
    assert steps["post-commit"] == "keep" and steps["post-merge"] == "remove"
    assert "agentsync hook" in script.read_text()


@pytest.mark.parametrize("manager", ["husky", "lefthook"])
def test_a_manager_that_is_not_used_gets_no_file(lab: Lab, manager: str) -> None:
    with pytest.raises(AgentsyncError, match="not used here"):
        lab.planned(into=manager)


def _tree(lab: Lab) -> dict[str, str]:
    """The files of the worktree, without the managers' own."""
    files = (path for path in lab.root.rglob("*") if path.is_file() and not {".git", "_"} & set(path.parts))
    return {path.relative_to(lab.root).as_posix(): path.read_text() for path in files}


LEFTHOOK = "post-commit:\n  commands:\n    other:\n      run: 'true'\n"


def test_lefthook_before_us_keeps_its_hook_and_we_take_the_others(lab: Lab) -> None:
    lab.write("lefthook.yml", LEFTHOOK)
    _node(lab, "lefthook", "install")
    theirs = (lab.hooks / "post-commit").read_bytes()
    assert list(_advice(lab)) == ["post-commit"]
    assert (lab.hooks / "post-commit").read_bytes() == theirs
    assert _state_names(lab) == ["foreign"] + ["ours"] * 4
    lab.uninstall()
    assert os.listdir(lab.hooks) == ["post-commit"]
    assert (lab.hooks / "post-commit").read_bytes() == theirs


def test_the_advice_for_lefthook_works_for_every_hook(lab: Lab) -> None:
    lab.write("lefthook.yml", "".join(f"{name}:\n  commands: {{other: {{run: 'true'}}}}\n" for name in HOOKS))
    _node(lab, "lefthook", "install")
    advice = _advice(lab)
    assert sorted(advice) == sorted(HOOKS)
    (lab.root / "lefthook.yml").write_text("")
    _follow(lab, advice)
    _node(lab, "lefthook", "install")
    assert _state_names(lab) == ["called"] * 5
    _called_by_manager(lab)


LEFTHOOK_FILES = {
    "commands": "# ours\npost-commit:\n  parallel: true # why\n  commands:\n    a:\n      run: 'true'\npost-merge:\n",
    "jobs": "post-commit:\n  jobs:\n  - run: 'true' # why\n\n# last",
    "scripts": "post-commit:\n    scripts:\n        a.sh:\n            runner: sh\n",
}


@pytest.mark.parametrize("text", LEFTHOOK_FILES.values(), ids=LEFTHOOK_FILES)
def test_init_adds_the_lines_for_lefthook_and_uninstall_takes_them_out(lab: Lab, text: str) -> None:
    lab.write("lefthook.yml", text)
    _node(lab, "lefthook", "install")
    lab.install(into="lefthook")
    assert "called" in _state_names(lab) and "foreign" not in _state_names(lab)
    added = (lab.root / "lefthook.yml").read_text()
    assert all(comment in added for comment in re.findall("# .*", text))
    lab.commit(WATCHED, "1")
    assert [call.args for call in _commands(lab)] == [("hook", "post-commit")]
    lab.uninstall()
    assert (lab.root / "lefthook.yml").read_text() == text


@pytest.mark.parametrize(
    "text",
    [
        "post-commit: {commands: {a: {run: 'true'}}}\n",
        "post-commit:\n  commands: {a: {run: 'true'}}\n",
        "'post-commit':\n  commands:\n    a:\n      run: 'true'\n",
        "post-commit:\r\n  commands:\r\n    a:\r\n      run: 'true'\r\n",
    ],
)
def test_a_lefthook_file_in_another_style_is_left_to_a_person(lab: Lab, text: str) -> None:
    lab.write("lefthook.yml", text)
    _node(lab, "lefthook", "install")
    assert [step.action for step in lab.install(into="lefthook") if step.path.endswith("post-commit")] == ["advise"]
    assert (lab.root / "lefthook.yml").read_bytes() == text.encode()


def test_lefthook_after_us_moves_us_aside_and_we_say_so(lab: Lab) -> None:
    recorder(lab.hooks / "post-commit", lab.folder / "stranger.log")
    stranger = (lab.hooks / "post-commit").read_bytes()
    lab.install()
    lab.write("lefthook.yml", LEFTHOOK)
    _node(lab, "lefthook", "install")
    states = _states(lab)
    assert states["post-commit"].state == "foreign" and "lefthook.yml" in states["post-commit"].advice
    assert [state.state for state in states.values()][1:] == ["ours"] * 4
    _node(lab, "lefthook", "uninstall")
    assert _states(lab)["post-commit"].state == "chained"
    lab.write("lefthook.yml", LEFTHOOK)
    _node(lab, "lefthook", "install")
    lab.uninstall()
    _node(lab, "lefthook", "uninstall")
    assert (lab.hooks / "post-commit").read_bytes() == stranger
