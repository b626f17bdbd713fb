"""`agentsync service`, by its files and by what it asks of systemctl: no systemd has to run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lab.commands import agentsync
from lab.live import quiet, served
from lab.repo import Repo

from agentsync.base.errors import AgentsyncError
from agentsync.setup import systemd

STAND_IN = """\
#!/bin/sh
echo "$*" >>{log}
case "$2" in is-active) echo {state}; [ {state} = active ];; *) exit {status};; esac
"""


class Systemd:
    """A stand-in for systemctl, and the folder of units."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "systemctl.log"
        self.program = folder / "bin" / "systemctl"
        self.program.parent.mkdir()
        for name in ("git", "sh"):  # a PATH on which no other systemctl lies
            found = shutil.which(name)
            assert found
            (self.program.parent / name).symlink_to(found)
        self.units = folder / "config" / "systemd" / "user"

    def there(self, state: str = "active", status: int = 0) -> None:
        """Let systemctl be there, and say this."""
        self.program.write_text(STAND_IN.format(log=self.log, state=state, status=status))
        self.program.chmod(0o755)

    def asked(self) -> list[str]:
        """What systemctl was asked, without the unit's name."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [re.sub(r" agentsync-\S+", "", line) for line in lines]

    def unit(self) -> Path:
        """The one unit that is there."""
        (path,) = self.units.iterdir()
        return path


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    made = Systemd(tmp_path)
    monkeypatch.setenv("PATH", str(made.program.parent))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return made


def test_install_writes_the_unit_and_starts_it(repo: Repo, bench: Systemd) -> None:
    """Its command is `serve` with the same options, in this worktree, by this interpreter."""
    bench.there()
    done = agentsync(quiet(repo).root, "service", "install", "--port", "8765", "--name", "notes", "--behind-proxy")
    unit = bench.unit()
    assert re.fullmatch(r"agentsync-repo-[0-9a-f]{8}\.service", unit.name)
    assert f"wrote {unit}\n" in done.out and f"ran systemctl --user restart {unit.name}\n" in done.out
    assert bench.asked() == ["--user daemon-reload", "--user enable", "--user restart"]
    command = next(line for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
    assert shlex.split(command.partition("=")[2]) == [
        *(sys.executable, "-m", "agentsync", "-C", str(repo.root), "serve"),
        *("--host", "127.0.0.1", "--port", "8765", "--name", "notes", "--behind-proxy"),
    ]
    again = agentsync(repo.root, "service", "install", "--port", "8766")
    assert "8766" in bench.unit().read_text() and again.code == 0


def test_the_unit_s_command_serves(repo: Repo, bench: Systemd) -> None:
    """As systemd would start it, but for the port."""
    agentsync(quiet(repo).root, "service", "install")
    command = next(line for line in bench.unit().read_text().splitlines() if line.startswith("ExecStart="))
    argv = shlex.split(command.partition("=")[2])
    argv[argv.index("--port") + 1] = "0"
    process = subprocess.Popen(argv, cwd="/", stdout=subprocess.PIPE, text=True)
    assert process.stdout and "serving http://127.0.0.1:" in process.stdout.readline()
    process.terminate()
    process.communicate()
    assert process.returncode == 0


def test_without_systemd_the_unit_is_written_and_what_to_run_is_told(repo: Repo, bench: Systemd) -> None:
    """Where systemctl is not installed, and where it reaches no user manager."""
    done = agentsync(quiet(repo).root, "service", "install")
    name = bench.unit().name
    assert (
        f"systemd is not available: start it with systemctl --user daemon-reload && systemctl --user enable {name}"
        in (done.out)
    )
    assert "(systemctl is not installed)" in done.out
    bench.program.write_text("#!/bin/sh\necho Failed to connect to bus: No medium found\nexit 1\n")
    bench.program.chmod(0o755)
    done = agentsync(repo.root, "service", "install")
    assert "(Failed to connect to bus: No medium found)" in done.out


def test_a_unit_that_does_not_start_is_an_error(repo: Repo, bench: Systemd) -> None:
    bench.there(status=1)
    done = agentsync(quiet(repo).root, "service", "install", code=1)
    assert "systemctl --user daemon-reload failed" in done.err


@pytest.mark.parametrize("state", ["active", "inactive", "failed"])
def test_status_says_what_systemd_says(repo: Repo, bench: Systemd, state: str) -> None:
    bench.there(state=state)
    quiet(repo)
    out = agentsync(repo.root, "service", "status").out
    assert "(not installed)" in out and f"systemd:   {state}\n" in out and "not watched" in out
    agentsync(repo.root, "service", "install")
    found = agentsync(repo.root, "service", "status", "--json").json
    assert found == {
        "unit": bench.unit().name,
        "path": str(bench.unit()),
        "installed": True,
        "systemd": state,
        "watched_by": "",
    }


def test_status_says_plainly_where_there_is_no_systemctl_and_who_watches(repo: Repo, bench: Systemd) -> None:
    with served(quiet(repo).root) as server:
        out = agentsync(repo.root, "service", "status").out
    assert "systemd:   systemctl is not installed\n" in out
    assert f"watched by process {server.process.pid}, agentsync serve, http://127.0.0.1:{server.port}/" in out


def test_uninstall_stops_it_and_takes_it_out(repo: Repo, bench: Systemd) -> None:
    """A second time there is nothing to do."""
    bench.there()
    agentsync(quiet(repo).root, "service", "install")
    bench.log.unlink()
    unit = bench.unit()
    done = agentsync(repo.root, "service", "uninstall")
    assert f"removed {unit}" in done.out and not unit.exists()
    assert bench.asked() == ["--user disable --now", "--user daemon-reload"]
    assert "is not there" in agentsync(repo.root, "service", "uninstall").out


@pytest.mark.parametrize("action", ["install", "uninstall"])
def test_a_unit_of_somebody_else_is_left_alone(repo: Repo, bench: Systemd, action: str) -> None:
    agentsync(quiet(repo).root, "service", "install")
    bench.unit().write_text("[Service]\n")
    done = agentsync(repo.root, "service", action, code=1)
    assert "was not written by agentsync" in done.err and bench.unit().read_text() == "[Service]\n"


def test_a_service_needs_a_port_that_stays(repo: Repo, bench: Systemd) -> None:
    assert "--port" in agentsync(quiet(repo).root, "service", "install", "--port", "0", code=2).err


class TestText:
    def command(self, root: str) -> str:
        lines = systemd.text(systemd.Unit(root, f"{root}/.git"), "/usr/bin/python3", ["--port", "1"]).splitlines()
        return next(line for line in lines if line.startswith("ExecStart="))

    def test_nothing_in_a_path_means_anything_to_systemd(self) -> None:
        """Quotes, spaces, specifiers and variables."""
        assert r'"-C" "/a b/\"c\"/100%%/$$HOME/d\\e" "serve"' in self.command('/a b/"c"/100%/$HOME/d\\e')

    def test_a_path_with_a_newline_is_refused(self) -> None:
        with pytest.raises(AgentsyncError):
            self.command("/a\nExecStartPre=/bin/evil")

    def test_two_clones_of_one_name_have_two_units(self) -> None:
        first, second = systemd.Unit("/a/notes", "/a/notes/.git"), systemd.Unit("/b/notes", "/b/notes/.git")
        assert first.name != second.name and first.name.startswith("agentsync-notes-")

    def test_units_lie_where_systemd_looks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("XDG_CONFIG_HOME")
        monkeypatch.setenv("HOME", "/home/ada")
        unit = systemd.Unit("/a/notes", "/a/notes/.git")
        assert unit.path == f"/home/ada/.config/systemd/user/{unit.name}"

    @pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
    def test_systemd_takes_the_unit(self, tmp_path: Path) -> None:
        unit = systemd.Unit(str(tmp_path), f"{tmp_path}/.git")
        path = tmp_path / unit.name
        path.write_text(systemd.text(unit, sys.executable, ["--port", "1"]))
        done = subprocess.run(
            ["systemd-analyze", "--user", "verify", str(path)], env=dict(os.environ), capture_output=True, text=True
        )
        assert unit.name not in done.stderr
