"""How failures are told."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from lab.commands import agentsync
from lab.repo import Repo

from agentsync import __version__
from agentsync.base import files
from agentsync.base.errors import AgentsyncError, LockedError
from agentsync.cli import failures


def raising(error: BaseException) -> int:
    """The exit code for an error."""

    def run(argv: list[str]) -> int:
        raise error

    return failures.guarded(run, ["scan", "a\x1b"])


def test_an_expected_failure_has_message_cause_and_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(AgentsyncError("no \x1b[31m", cause="one\ntwo", hint="do")) == 1
    assert capsys.readouterr().err == "error: no \\x1b[31m\ncause: one\n       two\nhint: do\n"
    assert raising(LockedError("locked")) == 4
    assert capsys.readouterr().err == "error: locked\n"


def test_a_bug_is_a_report_to_paste(capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(ZeroDivisionError("x\x1b")) == 1
    err = capsys.readouterr().err
    assert "please report" in err
    assert f"agentsync {__version__}, Python" in err
    assert "ZeroDivisionError" in err
    assert "in raising" not in err
    assert "\x1b" not in err


def test_the_system_may_fail_without_being_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(PermissionError(13, "Permission denied", "/x")) == 1
    assert capsys.readouterr().err == "error: /x: Permission denied\n"
    assert raising(KeyboardInterrupt()) == 130


def test_usage_errors_are_exit_code_2(tmp_path: Path) -> None:
    for args in (["nonsense"], ["log", "-n", "x"], ["show"], ["--nonsense"], ["status", "--jsn"]):
        done = agentsync(tmp_path, *args, code=2)
        assert done.out == ""
        assert "--help" in done.err


def test_a_misspelt_command_is_told_what_was_meant(tmp_path: Path) -> None:
    assert agentsync(tmp_path, "stauts", code=2).err == (
        "error: unknown command 'stauts'; did you mean status?\nhint: agentsync --help\n"
    )
    assert "does not use a hook 'nosuch', only post-commit" in agentsync(tmp_path, "hook", "nosuch", code=2).err


def test_help_and_version_are_words_too(tmp_path: Path) -> None:
    assert agentsync(tmp_path, "help", "log").out == agentsync(tmp_path, "log", "--help").out
    assert agentsync(tmp_path, "help").out == agentsync(tmp_path, "--help").out
    assert agentsync(tmp_path, "version").out == f"agentsync {__version__}\n"


def test_outside_of_a_repository_it_says_so(tmp_path: Path) -> None:
    for args in (["status"], ["status", "--json"], ["log"], ["-C", str(tmp_path), "pending", "--json"]):
        done = agentsync(tmp_path, *args, code=1)
        assert done.err.startswith("error: not in a git repository\ncause: ")
    assert agentsync(tmp_path, "-C", "nowhere", "status", code=1).err.startswith("error: cannot enter nowhere\n")


def test_the_version_is_told_in_both_ways(tmp_path: Path) -> None:
    assert agentsync(tmp_path, "--version").out == f"agentsync {__version__}\n"
    assert agentsync(tmp_path, "-C", ".", "--version").out == f"agentsync {__version__}\n"


def test_a_full_disk_is_told_and_not_a_bug(tmp_path: Path) -> None:
    with open("/dev/full" if os.path.exists("/dev/full") else os.devnull, "w") as full:
        command = [sys.executable, "-m", "agentsync", "completion", "bash"]
        done = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.stderr in ("", f"error: {os.strerror(28)}\n")
    assert done.returncode == (1 if os.path.exists("/dev/full") else 0)


def test_in_a_folder_that_is_gone_every_command_says_so(tmp_path: Path) -> None:
    """And a hook says nothing: there is nothing to look at."""
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f'rmdir "{gone}"; exec {sys.executable} -c "import sys; sys.path.append({str(ROOT)!r}); {RUN}" "$@"'
    for command in ("status", "init", "scan", "doctor", "hook"):
        argv = ["sh", "-c", script, "sh", command, "post-commit"][: 6 if command == "hook" else 5]
        gone.mkdir(exist_ok=True)
        done = subprocess.run(argv, cwd=gone, capture_output=True, text=True)
        if command == "hook":
            assert (done.returncode, done.stderr) == (0, "")
        else:
            assert done.returncode == 1
            assert done.stderr.startswith("error: the current folder is gone\ncause: ")
            assert "hint: cd " in done.stderr


ROOT = Path(__file__).parent.parent.parent
RUN = "from agentsync.__main__ import main; sys.exit(main())"


@pytest.mark.parametrize("command", [["metrics", "--textfile"], ["export", "--html"]], ids=["metrics", "export"])
def test_a_file_that_cannot_be_written_is_told_with_what_to_type(repo: Repo, command: list[str]) -> None:
    """Never by the temporary file's name, which nobody has asked for; and nothing of it stays."""
    agentsync(repo.root, "init")
    (repo.root / "file").write_text("")
    before = set(repo.root.iterdir())
    usual = "agentsync.prom" if command[0] == "metrics" else "dashboard.html"
    cases = {
        ".": ("it is a folder", f"name a file in it: ./{usual}"),
        "no such/x": ("the folder no such does not exist", "mkdir -p 'no such', then try again"),
        "file/x": ("file is not a folder", "name a file in a folder that you may write to"),
        "/dev/null": ("it is not a regular file", "name a regular file"),
        "x" * 300: ("File name too long", "name a file in a folder that you may write to, on a disk with room"),
    }
    for path, (cause, hint) in cases.items():
        said = agentsync(repo.root, *command, path, code=1).err.split("error: ")[1]
        assert said == f"cannot write {path}\ncause: {cause}\nhint: {hint}\n"
    assert set(repo.root.iterdir()) == before


def test_init_names_what_it_could_not_write_and_no_temporary_file(repo: Repo) -> None:
    (repo.root / ".git/info/exclude").unlink(missing_ok=True)
    (repo.root / ".git/info").rmdir()
    (repo.root / ".git/info").write_text("")
    said = agentsync(repo.root, "init", code=1).err
    assert said.startswith(f"error: {repo.root}/.git/info") and ".new" not in said


@pytest.mark.parametrize("temporary", [False, True])
def test_a_full_disk_under_init_is_told_as_that(repo: Repo, monkeypatch: pytest.MonkeyPatch, temporary: bool) -> None:
    """And not as a file that somebody has to make writable, nor by a temporary file's name."""
    real = files.write_all

    def full(fd: int, data: bytes) -> None:
        if temporary or os.readlink(f"/proc/self/fd/{fd}").startswith(str(repo.root)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(fd, data)

    monkeypatch.setattr(files, "write_all", full)
    said = agentsync(repo.root, "init", code=1).err
    assert "\ncause: No space left on device\nhint: free some space" in said
    assert said.startswith("error: a temporary folder cannot be created" if temporary else f"error: {repo.root}/.git/")


def test_a_folder_is_no_token_file(repo: Repo) -> None:
    """Nobody is told to take a folder's rights away."""
    agentsync(repo.root, "init")
    said = agentsync(repo.root, "serve", "--token-file", ".", code=1).err
    assert said == "error: the token file . is not a regular file\nhint: name a file that holds the token\n"
