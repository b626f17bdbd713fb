"""Programs that read git's configuration without git: they go on working beside agentsync's filter."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from dulwich import porcelain
from lab.report import PATH, Lab, both, reporting

from agentsync.report.attributes import FILTER
from agentsync.setup import doctor, git_filter
from agentsync.setup.patient import Patient


@both
def test_dulwich_adds_a_document_as_git_would(tmp_path: Path, published: bool) -> None:
    """It splits the command into words, and tells it no file's name."""
    lab = reporting(tmp_path / "it's a repo", published=published)
    before = lab.blob()
    lab.file.touch()
    assert porcelain.status(str(lab.root)).unstaged == []
    lab.edit("line 2", "my line")
    porcelain.add(str(lab.root), [str(lab.file)])
    assert lab.blob("") == before.replace(b"line 2", b"my line")


def test_git_filter_repo_rewrites_the_history(lab: Lab) -> None:
    """It takes each line of `git config --list` for a setting."""
    args = ["--force", "--refs", "main", "--message-callback", "return b'x\\n'"]
    argv = [sys.executable, "-m", "git_filter_repo", *args]
    subprocess.run(argv, cwd=lab.root, check=True, capture_output=True)
    assert lab.git("log", "-1", "--format=%s") == "x\n"
    assert lab.status() == []


def test_the_commands_are_one_program_with_plain_arguments(lab: Lab) -> None:
    for name, arguments in ((FILTER, "%f"), (git_filter.DRIVER, "%O %A %B %L")):
        command = lab.git("config", name).removesuffix("\n")
        assert "\n" not in command
        assert shlex.split(command)[0] == "sh" and command.endswith(f" {arguments}")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return reporting(tmp_path / "repo")


def test_the_command_of_an_earlier_version_is_brought_up_to_date(lab: Lab) -> None:
    """It had many lines; `doctor` says so, and `init` writes it anew."""
    lab.git("config", FILTER, f"agentsync_path=%f\nagentsync_python={sys.executable}\nexec cat")
    said = [one.what for one in doctor.report_hidden(Patient(lab.clone(), sys.executable))]
    assert said[0] == "git's filter is from another version"
    lab.init()
    assert git_filter.is_current(lab.clone(), sys.executable)


def test_a_clone_that_was_moved_keeps_its_filter(lab: Lab) -> None:
    """Without the program, too: no path of the clone is in the command."""
    for python in (sys.executable, "/gone/python"):
        git_filter.install(lab.clone(), python)
        lab.root = lab.root.rename(lab.root.with_name(f"moved{len(python)}"))
        lab.file.touch()
        assert lab.status() == []


def test_without_program_and_store_the_bytes_pass_through_in_silence(lab: Lab) -> None:
    git_filter.install(lab.clone(), "/gone/python")
    Path(lab.clone().store, "clean.sh").unlink()
    lab.edit("line 2", "my line")
    done = subprocess.run(["git", "add", PATH], cwd=lab.root, check=True, capture_output=True)
    assert done.stdout + done.stderr == b""
    assert lab.blob("") == lab.file.read_bytes()
