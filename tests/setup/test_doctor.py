"""`doctor` finds what keeps agentsync from working, says what to type, and mends what can be mended."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from lab.commands import agentsync
from lab.repo import NOON, Repo, new_repo, snapshot
from lab.templates import copied

from agentsync.setup import agent_coverage, doctor, init
from agentsync.setup import repository as repo_module
from agentsync.setup.patient import Patient, Result


@pytest.fixture
def clinic(tmp_path: Path) -> Repo:
    """A repository in which agentsync is set up, and all is well."""
    return copied(tmp_path / "repo", set_up)


def set_up(root: Path) -> Repo:
    repo = new_repo(root)
    repo.configure()
    init.init(repo.clone(), init.Wish(), python=sys.executable, environ={}, now=NOON)
    return repo


def patient(repo: Repo) -> Patient:
    return Patient(repo.clone(), sys.executable)


def findings(repo: Repo) -> list[Result]:
    return [result for result in doctor.examine(patient(repo)) if not result.ok]


def told(repo: Repo) -> list[tuple[str, str]]:
    return [(result.check, result.what) for result in findings(repo)]


def store(repo: Repo) -> Path:
    return Path(repo.clone().store)


def test_all_is_well_after_init(clinic: Repo) -> None:
    """Exit code 0, and a proof that what the hooks start can start."""
    said = agentsync(clinic.root, "doctor").said
    assert "FINDING" not in said
    assert f"proof: {sys.executable} starts, and finds agentsync" in said
    flat = json.loads(agentsync(clinic.root, "doctor", "--json").said)
    assert flat["ok"] is True
    assert {"git", "hooks", "proof", "ledger"} <= {one["check"] for one in flat["checks"]}


def test_an_examination_leaves_no_trace(clinic: Repo) -> None:
    """Neither in the repository nor among the temporary files, nor in a hook that stood there before."""
    hook = clinic.root / ".git" / "hooks" / "post-commit"
    saved = hook.with_name("post-commit.agentsync-saved")
    saved.write_text(f"#!/bin/sh\ntouch {clinic.root.parent}/called\n")
    saved.chmod(0o755)
    agentsync(clinic.root, "doctor")
    before = snapshot(clinic.root)
    assert findings(clinic) == []
    assert snapshot(clinic.root) == before
    assert not (clinic.root.parent / "called").exists()


def test_before_init_it_says_init(repo: Repo) -> None:
    """Not a traceback."""
    said = agentsync(repo.root, "doctor", code=3).said
    assert "FINDING  ledger: nothing is recorded here yet" in said
    assert "-> run `agentsync init`" in said


@pytest.mark.parametrize("harm", ["remove", "no permission", "no interpreter", "foreign"])
def test_a_hook_that_git_does_not_reach_is_found_and_mended(clinic: Repo, harm: str) -> None:
    """Gone, not executable, with a Python that is gone, or somebody else's."""
    hook = clinic.root / ".git" / "hooks" / "post-merge"
    if harm == "remove":
        hook.unlink()
    elif harm == "no permission":
        hook.chmod(0o644)
    elif harm == "no interpreter":
        hook.write_bytes(hook.read_bytes().replace(sys.executable.encode(), b"/nowhere/python"))
    else:
        hook.write_text("#!/bin/sh\nexit 0\n")
    (found,) = findings(clinic)
    assert found.check == "hooks"
    assert found.what.startswith("post-merge: ")
    assert "agentsync init" in found.hint
    agentsync(clinic.root, "doctor", "--fix")
    assert findings(clinic) == []


def test_a_hook_that_somebody_edited_is_found_and_mended(clinic: Repo) -> None:
    """It still says whose it is, and may do nothing."""
    hook = clinic.root / ".git" / "hooks" / "post-commit"
    hook.write_bytes(hook.read_bytes().replace(b"\nawake() {\n", b"\nawake() {\n    return 1\n"))
    assert told(clinic) == [("proof", f"{hook} differs from what `agentsync init` writes")]
    agentsync(clinic.root, "doctor", "--fix")
    assert findings(clinic) == []


@pytest.mark.parametrize(
    ("python", "says"),
    [
        ("#!/bin/sh\necho no such module >&2\nexit 1\n", "does not find agentsync: no such module"),
        ("#!/nowhere/python\n", "cannot be started"),
    ],
)
def test_an_interpreter_that_does_not_start_is_found(clinic: Repo, python: str, says: str) -> None:
    """As after an upgrade of Python: the file is there, what it needs is gone."""
    broken = clinic.root.parent / "python"
    broken.write_text(python)
    broken.chmod(0o755)
    init.init(clinic.clone(), init.Wish(), python=str(broken), environ={}, now=NOON)
    (found,) = [one for one in findings(clinic) if one.check == "proof"]
    assert says in found.what
    assert found.hint


def test_core_hookspath_elsewhere_is_found(clinic: Repo) -> None:
    """git does not look where our hooks are."""
    clinic.git("config", "core.hooksPath", str(clinic.root.parent / "elsewhere"))
    found = findings(clinic)
    assert {result.check for result in found} == {"hooks"}
    assert "core.hooksPath makes git look elsewhere" in found[0].what
    assert "core.hooksPath: git looks for hooks in" in agentsync(clinic.root, "doctor", code=3).said


def test_a_hook_in_a_folder_deeper_in_the_git_directory_is_proved(clinic: Repo) -> None:
    """It finds the common dir from where it lies."""
    clinic.git("config", "core.hooksPath", ".git/my/hooks")
    agentsync(clinic.root, "init")
    assert findings(clinic) == []


def test_a_held_lock_is_found_with_its_holder(clinic: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as the system tells."""
    monkeypatch.setattr(doctor, "PATIENCE", 0.0)
    fd = os.open(store(clinic) / "ledger.jsonl", os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        (found,) = findings(clinic)
    finally:
        os.close(fd)
    assert found.what.startswith("it is locked")
    if os.path.exists("/proc/locks"):
        assert f"by process {os.getpid()}" in found.what


def test_a_store_that_cannot_be_written_is_found(clinic: Repo) -> None:
    """A folder at the ledger's place stops root, too, as a read-only mount would."""
    (store(clinic) / "ledger.jsonl").unlink()
    (store(clinic) / "ledger.jsonl").mkdir()
    said = agentsync(clinic.root, "doctor", code=3).said
    assert "ledger" in said
    assert "bug in agentsync" not in said


def test_a_full_disk_keeps_the_commit_and_loses_nothing(clinic: Repo) -> None:
    """Files may grow to a limit, as on a full disk: the commit waits in its note, and --fix appends it."""
    clinic.write("edited\n")
    clinic.git("add", "doc.md")
    size = (store(clinic) / "ledger.jsonl").stat().st_size
    code = (
        "import resource, signal, subprocess, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size + 100}, {size + 100}))\n"
        "sys.exit(subprocess.run(['git', 'commit', '-qm', 'edit']).returncode)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=clinic.root, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert clinic.count() == 0
    assert list((store(clinic) / "notes").glob(f"{clinic.head()}*.json"))
    assert (store(clinic) / "ledger.jsonl").stat().st_size == size
    agentsync(clinic.root, "doctor", "--fix", code=None)
    assert clinic.count() == 1
    assert findings(clinic) == []


def test_a_damaged_line_is_found(clinic: Repo) -> None:
    """And `verify` is named for the rest."""
    with (store(clinic) / "ledger.jsonl").open("ab") as file:
        file.write(b"rubbish\n")
    (found,) = findings(clinic)
    assert (found.check, found.hint) == ("records", "agentsync verify")


def test_a_torn_tail_is_no_finding(clinic: Repo) -> None:
    """The next one who takes the lock cuts it."""
    with (store(clinic) / "ledger.jsonl").open("ab") as file:
        file.write(b"torn")
    assert findings(clinic) == []
    assert (store(clinic) / "ledger.jsonl").read_bytes().endswith(b"\n")


def test_a_shortened_ledger_is_found_until_somebody_accepts_it(clinic: Repo) -> None:
    """Hooks go on meanwhile."""
    clinic.commit("one\n")
    os.truncate(store(clinic) / "ledger.jsonl", (store(clinic) / "ledger.jsonl").read_bytes().index(b"\n") + 1)
    clinic.commit("two\n")
    (found,) = findings(clinic)
    assert found.check == "records"
    assert found.what.startswith("the ledger was shortened: it no longer holds what it held at ")
    agentsync(clinic.root, "doctor", "--fix")
    assert findings(clinic) == []


def test_notes_are_found_and_appended(clinic: Repo) -> None:
    """While the ledger is locked they wait; what else lies there is named and left alone."""
    ledger = store(clinic) / "ledger.jsonl"
    clinic.write("edited\n")
    folder = store(clinic) / "notes"
    fd = os.open(ledger, os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        agentsync(clinic.root, "scan", code=4)
        (folder / "notes.txt").write_text("mine")
        found = told(clinic)
    finally:
        os.close(fd)
    assert ("notes", "1 observation(s) not in the ledger yet") in found
    assert ("notes", f"{folder}/notes.txt is not a complete note") in found
    assert told(clinic) == [("notes", f"{folder}/notes.txt is not a complete note")]
    assert clinic.count() == 1


def test_an_owed_report_is_found_with_its_reason(clinic: Repo) -> None:
    """And paid by --fix once nothing hinders."""
    whole = clinic.read("AGENT_SYNC.md")
    clinic.write("<!-- agentsync:end -->\n", "AGENT_SYNC.md")
    agentsync(clinic.root, "scan", code=None)
    clinic.commit("edited\n")
    agentsync(clinic.root, "consolidate", code=1)
    (found,) = findings(clinic)
    assert found.check == "report"
    assert "end marker without a begin marker" in found.what
    clinic.write(whole, "AGENT_SYNC.md")
    agentsync(clinic.root, "doctor", "--fix")
    assert "Consolidation - " in clinic.read("AGENT_SYNC.md")


def test_a_paused_worktree_is_found_since_when(clinic: Repo) -> None:
    """A left-over rebase-apply is common."""
    (clinic.root / ".git" / "rebase-apply").mkdir()
    (clinic.root / ".git" / "rebase-apply" / "applying").touch()
    os.utime(clinic.root / ".git" / "rebase-apply" / "applying", (NOON, NOON))
    (found,) = [result for result in findings(clinic) if result.check == "paused"]
    assert found.what == "worktree main is paused: am has been in progress since 2025-10-10T12:00:00Z"
    assert "git am" in found.hint


def test_a_missing_and_an_unreadable_document_are_found(clinic: Repo) -> None:
    """With what to do."""
    (clinic.root / "doc.md").unlink()
    (clinic.root / "doc.md").mkdir()
    clinic.git("rm", "-q", "docs/other.md")
    clinic.git("commit", "-q", "-m", "gone")
    assert told(clinic) == [("documents", "doc.md cannot be watched: a directory")]
    assert "not there (yet): docs/other.md" in agentsync(clinic.root, "doctor", code=3).said


def test_an_edit_that_was_taken_out_by_a_killed_process_is_found(clinic: Repo) -> None:
    """Killed between two swaps, agentsync leaves somebody's edit beside the document; it is never removed unseen."""
    dead = subprocess.Popen(["true"])
    dead.wait()
    left = clinic.root / ".agentsync" / f"AGENT_SYNC.md.{dead.pid}.new"
    left.write_text(clinic.read("AGENT_SYNC.md") + "an edit\n")
    (found,) = told(clinic)
    assert found[0] == "leftovers" and "may hold an edit" in found[1]
    left.write_text(clinic.read("AGENT_SYNC.md"))
    agentsync(clinic.root, "doctor", "--fix", code=0)
    assert not left.exists()


def test_a_mistake_in_the_configuration_is_found(clinic: Repo) -> None:
    """The last valid one goes on."""
    clinic.write("keep = 1\n", ".agentsync/config.toml")
    (found,) = findings(clinic)
    assert found.check == "configuration"
    assert "config.toml:1: unknown key" in found.what
    assert "the last valid configuration goes on" in found.what


def test_errors_of_hooks_are_found_and_forgotten(clinic: Repo) -> None:
    """With their time; no control character reaches the terminal."""
    (store(clinic) / "hook-errors.log").write_text("2025-10-10T15:00:00Z post-commit: \x1b[31mdisk full\n")
    said = agentsync(clinic.root, "doctor", code=3).said
    assert "hook errors: 2025-10-10T15:00:00Z post-commit: \\x1b[31mdisk full" in said
    agentsync(clinic.root, "doctor", "--fix")
    assert findings(clinic) == []


def test_coverage_tells_who_saw_the_changes(clinic: Repo) -> None:
    """Hooks, or only others."""
    clinic.commit("one\n")
    clinic.write("two\n")
    agentsync(clinic.root, "scan")
    assert "coverage: changes seen: 1 by hook, 1 by scan" in agentsync(clinic.root, "doctor").said


def test_what_an_agents_own_hook_tells_is_counted(clinic: Repo) -> None:
    """One that was set up, and tells of nothing, is silent: Codex asks first whether it may run."""
    agentsync(clinic.root, "setup", "codex")
    for number in range(agent_coverage.ENOUGH):
        assert "silent" not in agentsync(clinic.root, "doctor", code=0).said
        clinic.write(f"{number}\n")
        agentsync(clinic.root, "scan", AGENTSYNC_AGENT="codex-local")
    said = agentsync(clinic.root, "doctor", code=3).said
    assert "agents: codex-local: 0 change(s) told by its own hook, 0 by commits, 5 by looks alone" in said
    assert "agents: codex-local's hook is silent: none of 5 edits" in said


def test_a_missing_door_is_found_and_made(clinic: Repo) -> None:
    """By doctor --fix, never behind anybody's back."""
    link = clinic.root / ".agentsync" / "ledger.jsonl"
    link.unlink()
    assert told(clinic) == [("symlink", "the symlink .agentsync/ledger.jsonl is missing")]
    clinic.commit("edited\n")
    assert not link.is_symlink()
    agentsync(clinic.root, "doctor", "--fix")
    assert link.read_bytes() == (store(clinic) / "ledger.jsonl").read_bytes()


def test_an_old_git_is_found(clinic: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the version that is needed."""
    monkeypatch.setattr(repo_module, "OLDEST", (99, 1))
    assert [(one.check, one.hint) for one in findings(clinic)] == [("git", "install 99.1 or newer")]


def test_a_check_that_cannot_be_made_is_a_finding(clinic: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are made all the same."""

    def broken(patient: Patient) -> list[Result]:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(doctor, "CHECKS", (broken, doctor.git_version))
    first, second = doctor.examine(patient(clinic))
    assert (first.ok, first.check, second.ok) == (False, "broken", True)
    assert "Input/output error" in first.what
