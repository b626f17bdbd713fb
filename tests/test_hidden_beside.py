"""A report that git does not see, beside hook managers, editors, and those who set it up and take it out again."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Repo
from hidden_lab import PATH, clean_tree, consolidated, hidden, in_commit, no_report_in, shown
from test_hook_managers import MANAGERS

from agentsync import debts, doctor, files, region, survey, views
from agentsync.errors import LedgerError


@pytest.fixture
def lab(repo: Repo) -> Repo:
    """One consolidation, in the file and not in git."""
    hidden(repo)
    consolidated(repo)
    repo.commit()
    clean_tree(repo)
    return repo


def newest(repo: Repo) -> str:
    last = repo.view().state.last
    assert last
    return last.id


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
    no_report_in(repo)
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
    no_report_in(repo)
    assert "\nunstaged\n" in in_commit(repo)
    repo.look()
    assert shown(repo.read(PATH)) == newest(repo)
    clean_tree(repo)
    consolidated(repo)
    repo.git("commit", "-q", "-a", "-m", "a document")
    no_report_in(repo)
    repo.look()
    assert shown(repo.read(PATH)) == newest(repo)
    clean_tree(repo)


def test_the_pre_commit_framework_stashes_and_brings_back(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its hook looks at what is staged while all else is stashed away, in every stage."""
    monkeypatch.setenv("PRE_COMMIT_HOME", str(repo.root.parent / "pre-commit"))
    hook = "{id: ID, name: ID, language: system, always_run: true, pass_filenames: false, stages: [ID], entry: ENTRY}"
    entry = "\"sh -c '! grep -q unstaged AGENT_SYNC.md || git diff --cached --quiet -- code.py'\""
    record = f"\"sh -c 'PYTHONPATH={Path(__file__).parent.parent} {sys.executable} -m agentsync hook post-commit'\""
    repo.write(
        "default_install_hook_types: [pre-commit, post-commit]\nrepos:\n- repo: local\n  hooks:\n"
        f"  - {hook.replace('ID', 'pre-commit').replace('ENTRY', entry)}\n"
        f"  - {hook.replace('ID', 'post-commit').replace('ENTRY', record)}\n",
        ".pre-commit-config.yaml",
    )
    hidden(repo)
    repo.commit(message="pre-commit")
    consolidated(repo)
    repo.commit()
    subprocess.run([sys.executable, "-m", "pre_commit", "install"], cwd=repo.root, check=True, capture_output=True)
    managed(repo)


def node(repo: Repo, program: str, *args: str) -> None:
    if not (MANAGERS / program).exists():
        pytest.fail(f"{program} is not installed: `make managers` does it")
    subprocess.run([str(MANAGERS / program), *args], cwd=repo.root, check=True, capture_output=True)


def test_husky_with_a_hook_that_stages_everything_commits_no_report(repo: Repo) -> None:
    hidden(repo, hooks=True)
    consolidated(repo)
    repo.commit()
    node(repo, "husky")
    repo.write("git diff --cached --name-only | xargs git add --\n", ".husky/pre-commit")
    line = f"PYTHONPATH={Path(__file__).parent.parent} {sys.executable} -m agentsync hook post-commit\n"
    repo.write(line, ".husky/post-commit")
    repo.commit(message="husky")
    managed(repo)


def test_lefthook_with_a_formatter_that_stages_what_it_fixed_commits_no_report(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{MANAGERS}{os.pathsep}{os.environ['PATH']}")
    hidden(repo, hooks=True)
    consolidated(repo)
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


@pytest.mark.parametrize("editor", EDITORS)
def test_no_line_is_lost_that_an_editor_saves_while_reports_are_written(
    lab: Repo, editor: Callable[[Path, str], None]
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
        for number in range(25):
            lab.write(f"edit {number}\n", "docs/other.md")
            with contextlib.suppress(LedgerError):  # the file changes faster than it can be looked at
                lab.look(asked=True)
    finally:
        ended.set()
        typing.join()
    text = lab.read(PATH)
    assert [line for line in lines if text.count(line) != 1] == []
    lab.look()
    assert shown(lab.read(PATH)) == newest(lab)
    assert region.strip(lab.read(PATH).encode()).decode() == "".join(
        [*reversed(lines), *(f"{PATH} line {n}\n" for n in range(12))]
    )
    lab.commit()
    no_report_in(lab)
    clean_tree(lab)


@pytest.mark.parametrize("mode", ["w", "r+", "a"] if SAFE else [])
def test_a_file_that_is_open_for_writing_is_not_replaced(lab: Repo, mode: str) -> None:
    """What is written into it later would go nowhere; the report is owed until it is closed."""
    text = lab.read(PATH)
    with (lab.root / PATH).open(mode) as file:
        lab.write("edit\n", "docs/other.md")
        (payment,) = lab.look(asked=True).payments
        assert (payment.status, payment.reason) == ("owed", f"{PATH} is open for writing in another program")
        file.write("typed\n" + text if mode != "a" else "typed\n")
    lab.look()
    assert "typed\n" in lab.read(PATH)
    assert shown(lab.read(PATH)) == newest(lab)


def test_a_file_that_is_open_for_reading_is_replaced(lab: Repo) -> None:
    """As `tail -f` has it."""
    with (lab.root / PATH).open() as file:
        assert shown(file.read()) == newest(lab)
        assert consolidated(lab) == shown(lab.read(PATH))


def test_what_is_saved_between_the_two_exchanges_stays(lab: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file was another one than expected, so it is put back; just then somebody saves."""
    swap = files._swap
    saves = iter(["first\n", "second\n"])

    def saving(one: str, other: str) -> None:
        if text := next(saves, None):
            by_rename(lab.root / PATH, text)
        swap(one, other)

    before = (lab.root / PATH).read_bytes()
    monkeypatch.setattr(files, "_swap", saving)
    assert not files.exchange(str(lab.root), PATH, before, b"ours\n")
    assert lab.read(PATH).startswith("second\n")
    assert not list((lab.root / ".agentsync").glob("*.new"))


# What doctor and status say


def said(repo: Repo) -> dict[str, str]:
    """What is wrong, by the check that found it."""
    clone = repo.clone()
    assert clone.here
    results = doctor.examine(doctor.Patient(clone, clone.here, sys.executable))
    return {result.check: f"{result.what}|{result.hint}" for result in results if not result.ok}


def owed(repo: Repo) -> str:
    """Why status says that this worktree's report is owed."""
    repo.write(f"edit {repo.time}\n", "docs/other.md")
    repo.look(asked=True)
    assert debts.is_owed(_here(repo), repo.view().state, repo.settings)
    return survey.survey(repo.clone(), repo.view().state, repo.settings).owed["main"]


def _here(repo: Repo):  # type: ignore[no-untyped-def]
    here = repo.clone().here
    assert here
    return here


def test_all_is_well_and_both_say_so(lab: Repo) -> None:
    assert "report filter" not in said(lab) and "report" not in said(lab)
    about = survey.survey(lab.clone(), lab.view().state, lab.settings)
    assert about.owed == {}
    assert views.status(lab.view().state, lab.view().cursor, about)["owed"] in ({}, [])
