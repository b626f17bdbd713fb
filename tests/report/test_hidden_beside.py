"""A report that git does not see, beside hook managers, editors, and those who set it up and take it out again."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.hooks import MANAGERS
from lab.repo import Repo
from lab.report import HIDDEN, PATH, clean_tree, edited, hidden, hidden_report, in_commit, initialise, newest, shown

from agentsync import status
from agentsync.base.config import Configuration
from agentsync.base.errors import LedgerError
from agentsync.base.exchange import Staged, exchange
from agentsync.report import paid, region
from agentsync.report.attributes import FILTER
from agentsync.report.outcome import owed as is_owed
from agentsync.report.publish import publish
from agentsync.setup import doctor, git_filter, init
from agentsync.setup.patient import Patient

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def lab(tmp_path: Path) -> Repo:
    """One consolidation, in the file and not in git."""
    return hidden_report(tmp_path / "repo")


def edit(repo: Repo, old: str, new: str) -> None:
    """Somebody edits a line of the report's file."""
    content = repo.read(PATH)
    assert old in content
    repo.write(content.replace(old, new), PATH)


# Hook managers


def managed(repo: Repo) -> None:
    """A life with commits whose hooks stash, check out and format: the edits stay, and no report is committed."""
    edit(repo, f"{PATH} line 1\n", "unstaged\n")
    repo.write("staged\n", "code.py")
    repo.git("add", "code.py")
    repo.git("commit", "-q", "-m", "with an unstaged edit beside it")
    assert shown(in_commit(repo)) is None
    assert "\nunstaged\n" in repo.read(PATH) and "unstaged" not in in_commit(repo)
    assert repo.git("show", "HEAD:code.py") == "staged\n"
    assert repo.git("diff", "--stat").splitlines()[0].strip().split()[0] == PATH
    repo.look()
    assert shown(repo.read(PATH)) == newest(repo)
    assert [one for one in repo.git("diff").splitlines() if one[:1] in "+-"][2:] == [
        f"-{PATH} line 1",
        "+unstaged",
    ]
    repo.git("commit", "-q", "-a", "-m", "all of it")
    assert shown(in_commit(repo)) is None
    assert "\nunstaged\n" in in_commit(repo)
    repo.look()
    assert shown(repo.read(PATH)) == newest(repo)
    clean_tree(repo)
    edited(repo)
    repo.git("commit", "-q", "-a", "-m", "a document")
    assert shown(in_commit(repo)) is None
    repo.look()
    assert shown(repo.read(PATH)) == newest(repo)
    clean_tree(repo)


def test_the_pre_commit_framework_stashes_and_brings_back(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its hook looks at what is staged while all else is stashed away, in every stage."""
    monkeypatch.setenv("PRE_COMMIT_HOME", str(repo.root.parent / "pre-commit"))
    hook = "{id: ID, name: ID, language: system, always_run: true, pass_filenames: false, stages: [ID], entry: ENTRY}"
    entry = "\"sh -c '! grep -q unstaged AGENT_SYNC.md || git diff --cached --quiet -- code.py'\""
    record = (
        f"\"sh -c 'PYTHONPATH={Path(__file__).parent.parent.parent} {sys.executable} -m agentsync hook post-commit'\""
    )
    repo.write(
        "default_install_hook_types: [pre-commit, post-commit]\nrepos:\n- repo: local\n  hooks:\n"
        f"  - {hook.replace('ID', 'pre-commit').replace('ENTRY', entry)}\n"
        f"  - {hook.replace('ID', 'post-commit').replace('ENTRY', record)}\n",
        ".pre-commit-config.yaml",
    )
    hidden(repo)
    repo.commit(message="pre-commit")
    edited(repo)
    repo.commit()
    subprocess.run([sys.executable, "-m", "pre_commit", "install"], cwd=repo.root, check=True, capture_output=True)
    managed(repo)


def node(repo: Repo, program: str, *args: str) -> None:
    """As tests/test_hook_managers.py has it: skipped without node, unless AGENTSYNC_REQUIRE_NODE=1."""
    if not ((MANAGERS / program).exists() and shutil.which("node")):
        missing = f"{program} is not installed: `make managers` (needs node and npm) does it"
        (pytest.fail if os.environ.get("AGENTSYNC_REQUIRE_NODE", "0") != "0" else pytest.skip)(missing)
    subprocess.run([str(MANAGERS / program), *args], cwd=repo.root, check=True, capture_output=True)


def test_husky_with_a_hook_that_stages_everything_commits_no_report(repo: Repo) -> None:
    hidden(repo, hooks=True)
    edited(repo)
    repo.commit()
    node(repo, "husky")
    repo.write("git diff --cached --name-only | xargs git add --\n", ".husky/pre-commit")
    line = f"PYTHONPATH={ROOT} {sys.executable} -m agentsync hook post-commit\n"
    repo.write(line, ".husky/post-commit")
    repo.commit(message="husky")
    managed(repo)


def test_lefthook_with_a_formatter_that_stages_what_it_fixed_commits_no_report(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{MANAGERS}{os.pathsep}{os.environ['PATH']}")
    hidden(repo, hooks=True)
    edited(repo)
    repo.commit()
    repo.write(
        "pre-commit:\n  commands:\n    format:\n      run: cat {staged_files} >/dev/null\n      stage_fixed: true\n",
        "lefthook.yml",
    )
    node(repo, "lefthook", "install")
    repo.commit(message="lefthook")
    managed(repo)


# Editors


def by_rename(path: Path, line: str) -> None:
    """Writes another file and renames it, as vim and VS Code do."""
    other = path.with_name(".editor")
    other.write_text(f"{line}{path.read_text()}")
    other.replace(path)


def in_place(path: Path, line: str) -> None:
    """Opens the file, empties it and writes it anew, as nano and `write_text` do."""
    text = path.read_text()
    with path.open("w") as file:
        time.sleep(0.001)
        file.write(f"{line}{text}")


def without_emptying(path: Path, line: str) -> None:
    """Writes over the file's bytes from its beginning."""
    with path.open("r+") as file:
        text = file.read()
        file.seek(0)
        file.write(f"{line}{text}")


# Only Linux tells who has a file open for writing; elsewhere the moment between emptying and writing is unprotected.
SAFE = hasattr(fcntl, "F_SETLEASE")
EDITORS = (by_rename, in_place, without_emptying) if SAFE else (by_rename,)


@pytest.mark.parametrize("looks", [5, pytest.param(25, marks=pytest.mark.long)])
@pytest.mark.parametrize("editor", EDITORS)
def test_no_line_is_lost_that_an_editor_saves_while_reports_are_written(
    lab: Repo, editor: Callable[[Path, str], None], looks: int
) -> None:
    ended = threading.Event()
    lines: list[str] = []
    pauses = random.Random(1)

    def type_on() -> None:
        while not ended.is_set():
            lines.append(f"typed {len(lines)}\n")
            editor(lab.root / PATH, lines[-1])
            time.sleep(pauses.uniform(0.0, 0.1))

    typing = threading.Thread(target=type_on)
    typing.start()
    try:
        for number in range(looks):
            lab.write(f"edit {number}\n", "docs/other.md")
            with contextlib.suppress(LedgerError):  # the file changes faster than it can be looked at
                lab.look(asked=True)
    finally:
        ended.set()
        typing.join()
    text = lab.read(PATH)
    assert [line for line in lines if text.count(line) != 1] == []
    for _ in range(5):  # the last of the editor's saves may still keep one look from writing
        lab.look()
        if shown(lab.read(PATH)) == newest(lab):
            break
    assert shown(lab.read(PATH)) == newest(lab)
    assert region.strip(lab.read(PATH).encode()).decode() == "".join(
        [*reversed(lines), *(f"{PATH} line {n}\n" for n in range(12))]
    )
    lab.commit()
    assert shown(in_commit(lab)) is None
    clean_tree(lab)


@pytest.mark.parametrize("mode", ["w", "r+", "a"] if SAFE else [])
def test_a_file_that_is_open_for_writing_is_not_replaced(lab: Repo, mode: str) -> None:
    """What is written into it later would go nowhere; the report is owed until it is closed."""
    text = lab.read(PATH)
    with (lab.root / PATH).open(mode) as file:
        lab.write("edit\n", "docs/other.md")
        (report,) = lab.look(asked=True).reports.values()
        assert report == is_owed(f"{PATH} is open for writing in another program")
        file.write("typed\n" + text if mode != "a" else "typed\n")
    lab.look()
    assert "typed\n" in lab.read(PATH)
    assert shown(lab.read(PATH)) == newest(lab)


def test_a_file_that_is_open_for_reading_is_replaced(lab: Repo) -> None:
    """As `tail -f` has it."""
    with (lab.root / PATH).open() as file:
        assert shown(file.read()) == newest(lab)
        assert edited(lab) == shown(lab.read(PATH))


def test_what_is_saved_between_the_two_exchanges_stays(lab: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file was another one than expected, so it is put back; just then somebody saves."""
    swap = Staged._swap
    saves = iter(["first\n", "second\n"])

    def saving(staged: Staged) -> None:
        if text := next(saves, None):
            by_rename(lab.root / PATH, text)
        swap(staged)

    before = (lab.root / PATH).read_bytes()
    monkeypatch.setattr(Staged, "_swap", saving)
    assert not exchange(str(lab.root), PATH, before, b"ours\n")
    assert lab.read(PATH).startswith("second\n")
    assert not list((lab.root / ".agentsync").glob("*.new"))


# What doctor and status say


def said(repo: Repo) -> dict[str, str]:
    """What is wrong, by the check that found it."""
    results = doctor.examine(Patient(repo.clone(), sys.executable))
    return {result.check: f"{result.what}|{result.hint}" for result in results if not result.ok}


def owed(repo: Repo) -> str:
    """Why status says that this worktree's report is owed."""
    repo.write(f"edit {repo.time}\n", "docs/other.md")
    repo.look(asked=True)
    assert paid.is_owed(_here(repo), repo.view().state, repo.settings)
    return status.survey(repo.clone(), repo.view().state, Configuration(repo.settings)).owed["main"]


def _here(repo: Repo):  # type: ignore[no-untyped-def]
    here = repo.clone().here
    assert here
    return here


def test_all_is_well_and_both_say_so(lab: Repo) -> None:
    lab.look()
    assert "report filter" not in said(lab) and "report" not in said(lab)
    about = status.survey(lab.clone(), lab.view().state, Configuration(lab.settings))
    assert about.owed == {}
    assert status.status(lab.view().state, lab.view().cursor, about)["owed"] == []


def test_without_the_filter_both_name_the_command(lab: Repo) -> None:
    lab.git("config", "--remove-section", "filter.agentsync")
    assert "is not installed; `agentsync init` does that" in owed(lab)
    assert said(lab)["report filter"] == "git's filter is not installed|agentsync init"
    assert "is not installed" in said(lab)["report"]
    patient = Patient(lab.clone(), sys.executable)
    assert doctor.mend(doctor.examine(patient)) == []
    assert "report filter" not in said(lab) and "report" not in said(lab)
    assert shown(lab.read(PATH)) == newest(lab)


def test_an_interpreter_that_is_gone_is_named_and_reports_go_on(lab: Repo) -> None:
    """sh and awk keep them from git."""
    script = lab.git("config", FILTER).rstrip("\n")
    lab.git("config", FILTER, script.replace(sys.executable, "/gone/python"))
    edited(lab)
    lab.commit()
    assert shown(in_commit(lab)) is None
    clean_tree(lab)
    assert said(lab)["report filter"] == "git's filter calls an interpreter that is gone|agentsync init"
    assert initialise(lab).changes[0].note == "git's filter and merge driver for the reports"
    assert "report filter" not in said(lab)


def test_a_filter_of_somebody_elses_is_named_and_no_finding(lab: Repo) -> None:
    lab.git("config", "filter.theirs.clean", "cat")
    lab.write(f"{PATH} filter=theirs\n", ".gitattributes")
    edited(lab)
    assert "report filter" not in said(lab) and "report" not in said(lab)
    results = doctor.examine(Patient(lab.clone(), sys.executable))
    (what,) = [result.what for result in results if result.check == "report filter"]
    assert what == f"{PATH} has filter=theirs in worktree main, so git sees the reports there"


def test_a_sparse_checkout_is_named_with_what_to_type(lab: Repo) -> None:
    lab.git("sparse-checkout", "set", "--no-cone", "/*", f"!/{PATH}")
    assert owed(lab) == f"{PATH} is left out by a sparse checkout"
    what, hint = said(lab)["report filter"].split("|")
    assert what == f"no report is written in worktree main: {PATH} is left out by a sparse checkout"
    assert hint == f"git sparse-checkout add {PATH}"


def test_a_lock_is_named_with_what_to_do_about_a_forgotten_one(lab: Repo) -> None:
    lock = lab.root / ".git" / "index.lock"
    lock.write_text("")
    assert owed(lab) == "another git command holds index.lock"
    assert said(lab)["report filter"].split("|")[1] == f"wait; if no git command is running, remove {lock}"
    lock.unlink()
    assert "report filter" not in said(lab)


def test_a_file_that_git_is_told_to_believe_is_named_with_what_to_type(lab: Repo) -> None:
    lab.git("update-index", "--assume-unchanged", PATH)
    assert "is assumed to be unchanged" in owed(lab)
    assert said(lab)["report filter"].split("|")[1] == f"git update-index --no-assume-unchanged {PATH}"


def test_a_file_that_was_moved_is_missing_and_the_command_is_named(lab: Repo) -> None:
    lab.git("mv", PATH, "NOTES.md")
    lab.git("commit", "-q", "-m", "moved")
    assert shown(lab.git("show", "HEAD:NOTES.md")) is None
    lab.look()
    why = f"{PATH} is missing; `agentsync consolidate` makes it"
    assert status.survey(lab.clone(), lab.view().state, Configuration(lab.settings)).owed == {"main": why}
    assert said(lab)["report"] == f"not written in worktree main: {why}|agentsync consolidate"


# In, again, and out


def texts(repo: Repo) -> tuple[bytes | None, ...]:
    paths = (repo.root / ".git" / name for name in ("config", "info/attributes"))
    return tuple(path.read_bytes() if path.exists() else None for path in paths)


def notes(plan: init.Plan) -> list[str]:
    return [Path(step.path).name for step in plan.changes if step.action == "write"]


def test_init_again_changes_nothing(lab: Repo) -> None:
    before = texts(lab)
    stats = [os.stat(lab.root / ".git" / name) for name in ("config", "info/attributes")]
    assert initialise(lab).changes == ()
    assert texts(lab) == before
    assert [os.stat(lab.root / ".git" / name) for name in ("config", "info/attributes")] == stats


def test_init_again_repairs_a_removed_attribute_and_a_changed_command(lab: Repo) -> None:
    before = texts(lab)
    (lab.root / ".git/info/attributes").unlink()
    assert notes(initialise(lab, dry_run=True)) == ["attributes"]
    assert not (lab.root / ".git/info/attributes").exists()
    assert notes(initialise(lab)) == ["attributes"]
    assert texts(lab) == before
    lab.git("config", git_filter.DRIVER, "false")
    assert notes(initialise(lab, dry_run=True)) == ["config"]
    assert lab.git("config", git_filter.DRIVER) == "false\n"
    assert notes(initialise(lab)) == ["config"]
    assert texts(lab) == before
    clean_tree(lab)


@pytest.mark.parametrize("attributes", [None, b"", b"*.bin binary\n", b"*.bin binary"])
def test_a_dry_run_lists_what_git_is_told_and_touches_nothing(repo: Repo, attributes: bytes | None) -> None:
    if attributes is not None:
        (repo.root / ".git/info/attributes").write_bytes(attributes)
    before = texts(repo)
    listed = notes(initialise(repo, dry_run=True))
    assert texts(repo) == before and not (repo.root / ".git/agentsync").exists()
    assert [name for name in listed if name in ("config", "attributes")] == ["config", "attributes"]
    assert notes(initialise(repo)) == listed


def test_a_local_one_hides_the_report_as_well(repo: Repo) -> None:
    repo.settings = HIDDEN
    repo.configure()
    initialise(repo, local=True)
    clean_tree(repo)
    edited(repo)
    assert shown(repo.read(PATH)) == newest(repo)
    repo.git("commit", "-q", "-a", "-m", "edit")
    assert shown(in_commit(repo)) is None
    clean_tree(repo)
    uninstall(repo)
    clean_tree(repo)


def uninstall(repo: Repo) -> None:
    init.uninstall(repo.clone(), purge=True)


def configured(repo: Repo, commit: str) -> None:
    """Somebody writes another value into the configuration and commits that."""
    repo.settings = repo.settings._replace(report=repo.settings.report._replace(commit=commit))
    repo.configure()
    repo.git("add", ".agentsync")
    repo.git("commit", "-q", "-m", commit, "--", ".agentsync")


def test_the_configuration_may_change_its_mind(lab: Repo) -> None:
    """With the next report git sees it, or does not any more; what is committed stays committed."""
    configured(lab, "with-work")
    edited(lab)
    assert lab.git("status", "--porcelain").splitlines() == [f" M {PATH}", " M docs/other.md"]
    lab.commit()
    committed = shown(in_commit(lab))
    assert committed == newest(lab)
    configured(lab, "agentsync")
    edited(lab)
    lab.commit()
    assert shown(in_commit(lab)) == committed != newest(lab)
    assert shown(lab.read(PATH)) == newest(lab)
    clean_tree(lab)
    configured(lab, "with-work")
    lab.look()
    assert lab.git("check-attr", "filter", "--", PATH) == f"{PATH}: filter: unspecified\n"
    assert lab.git("status", "--porcelain") == f" M {PATH}\n"


@pytest.mark.parametrize("attributes", [None, b"", b"*.bin binary\n", b"*.bin binary"])
@pytest.mark.parametrize("ending", ["\n", ""])
def test_uninstall_leaves_gits_own_files_as_they_were(repo: Repo, attributes: bytes | None, ending: str) -> None:
    path = repo.root / ".git/config"
    path.write_text(f"{path.read_text()}# mine\n[user]\n\tname = Ada{ending}")
    if attributes is not None:
        (repo.root / ".git/info/attributes").write_bytes(attributes)
    before = texts(repo)
    text = repo.read(PATH)
    hidden(repo)
    edited(repo)
    assert texts(repo) != before
    uninstall(repo)
    assert texts(repo) == before
    assert repo.read(PATH) == text
    assert repo.git("status", "--porcelain", "--", PATH) == ""


def test_uninstall_leaves_the_published_region_and_takes_the_newer_one_out(lab: Repo) -> None:
    clone = lab.clone()
    assert clone.here
    publish(clone, clone.here, lab.look().seen.view, lab.settings)
    published = newest(lab)
    edited(lab)
    lab.commit()
    assert shown(lab.read(PATH)) != published
    uninstall(lab)
    assert lab.read(PATH) == in_commit(lab)
    assert shown(lab.read(PATH)) == published
    clean_tree(lab)


def test_uninstall_leaves_no_region_in_the_index_that_head_does_not_have(lab: Repo) -> None:
    """A publication was taken back softly, and edits are staged and not staged beside it."""
    clone = lab.clone()
    assert clone.here
    publish(clone, clone.here, lab.look().seen.view, lab.settings)
    lab.git("reset", "-q", "--soft", "HEAD^")
    edit(lab, f"{PATH} line 1\n", "staged\n")
    lab.git("add", PATH)
    edit(lab, f"{PATH} line 9\n", "edited\n")
    assert shown(lab.git("show", f":{PATH}"))
    uninstall(lab)
    assert shown(lab.git("show", f":{PATH}")) is None
    assert shown(lab.read(PATH)) is None
    plain = in_commit(lab).replace(f"{PATH} line 1\n", "staged\n")
    assert lab.git("show", f":{PATH}") == plain
    assert lab.read(PATH) == plain.replace(f"{PATH} line 9\n", "edited\n")
    assert lab.git("status", "--porcelain") == f"MM {PATH}\n"


def test_uninstall_in_a_clone_with_worktrees_cleans_each(lab: Repo) -> None:
    other = lab.worktree("other", "-b", "side")
    edited(lab)
    lab.commit()
    assert shown(other.read(PATH)) == shown(lab.read(PATH)) == newest(lab)
    uninstall(lab)
    for one in (lab, other):
        assert one.read(PATH) == in_commit(one)
        clean_tree(one)
