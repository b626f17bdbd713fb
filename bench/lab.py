"""Where the contestants run: a folder of its own, a sealed environment, agentsync as users have it, and its peers."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.harness import MissingError, Sample, timed

CHECKOUT = Path(__file__).resolve().parent.parent
MANAGERS = CHECKOUT / "tests" / "managers"
WATCHED = "docs/passation.md"
_RUN = "import runpy, sys; sys.path.append(sys.argv.pop(1)); runpy.run_module(sys.argv.pop(1), run_name='__main__')"
UNWATCHED = "src/part00/file0000.py"


class Lab:
    """One run of benchmarks. `quick`: small numbers, nothing installed; it proves that they run."""

    def __init__(self, folder: Path, *, quick: bool = False, records: int = 1_000_000, commands: int = 3000) -> None:
        self.folder = folder
        self.quick = quick
        self.records = 2000 if quick else records  # in the long ledger
        self.commands = 22 if quick else commands  # of git, beside consolidations
        self.env = _sealed(folder / "home")
        self._running: list[subprocess.Popen[bytes]] = []

    def at_end(self, process: subprocess.Popen[bytes]) -> None:
        """A process that runs until the benchmark is over."""
        self._running.append(process)

    def end(self) -> None:
        """End what still runs."""
        for process in self._running:
            process.terminate()
            process.communicate()  # closes its pipes, too
        self._running.clear()

    def size(self, full: int, quick: int) -> int:
        """A number of things, by mode."""
        return quick if self.quick else full

    @functools.cached_property
    def python(self) -> str:
        """The interpreter of an environment into which a wheel of this checkout is installed."""
        if self.quick:
            return sys.executable
        python = _environment(self.folder / "installed")
        _pip(python, str(CHECKOUT))  # the dependencies too, if they are not there yet
        _pip(python, "--force-reinstall", "--no-deps", "--compile", str(CHECKOUT))
        return python

    def module(self, name: str, *args: str) -> list[str]:
        """The command line that runs one of our modules with the installed agentsync, not with the checkout's."""
        return [self.python, "-I", "-c", _RUN, str(CHECKOUT), name, *args]

    @property
    def agentsync(self) -> str:
        """The command as users have it."""
        command = Path(self.python).with_name("agentsync")
        if not command.exists():
            raise MissingError("no command `agentsync`")
        return str(command)

    @functools.cached_property
    def _peers(self) -> str:
        """The interpreter of an environment that has the peers from PyPI, as many as can be had."""
        python = _environment(self.folder / "peers")
        with (CHECKOUT / "pyproject.toml").open("rb") as file:
            peers = tomllib.load(file)["dependency-groups"]["bench"]
        for peer in peers:
            with contextlib.suppress(subprocess.CalledProcessError):
                _pip(python, peer)
        return python

    def peer(self, module: str) -> str:
        """An interpreter that can import a peer's module: this one, or the peers'. Raises MissingError."""
        for python in self._interpreters():
            found = subprocess.run([python, "-c", f"import {module}"], env=self.env, capture_output=True, check=False)
            if not found.returncode:
                return python
        raise MissingError("not installed")

    def _interpreters(self) -> Iterator[str]:
        yield sys.executable
        if not self.quick:
            yield self._peers

    def command(self, name: str) -> str:
        """A peer's command, from PyPI or from this machine. Raises MissingError."""
        for python in self._interpreters():
            beside = Path(python).with_name(name)
            if beside.exists():
                return str(beside)
        found = shutil.which(name)
        if not found:
            raise MissingError("not installed")
        return found

    def node_command(self, *places: str) -> str:
        """A peer's file below node_modules: the first of these places that is there. Raises MissingError."""
        modules = MANAGERS / "node_modules"
        if not modules.exists() and not self.quick and shutil.which("npm"):
            subprocess.run(["npm", "ci", "--prefix", str(MANAGERS)], capture_output=True, check=False)
        for place in places:
            for path in sorted(modules.glob(place)):
                return str(path)
        raise MissingError("not installed")

    @functools.cached_property
    def template(self) -> Path:
        """A repository with 2,000 files and 500 commits; each benchmark works on copies."""
        root = self.folder / "template"
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        self.git(root, "init", "-q", "-b", "main", ".")
        stream = b"".join(_history(self.size(2000, 60), self.size(500, 20)))
        subprocess.run(["git", "fast-import", "--quiet"], cwd=root, env=self.env, input=stream, check=True)
        self.git(root, "reset", "-q", "--hard")
        return root

    def repository(self, name: str) -> Path:
        """A fresh copy of the template."""
        root = self.folder / "repositories" / name
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self.template, root, symlinks=True)
        self.git(root, "status", "--porcelain")  # the index learns the copies' inodes
        return root

    def git(self, root: Path, *args: str) -> str:
        """What git prints."""
        return (
            subprocess.run(["git", *args], cwd=root, env=self.env, capture_output=True, check=True)
            .stdout.decode()
            .strip()
        )

    def run(self, root: Path, *argv: str, **env: str) -> bytes:
        """Run something that is not measured. Raises CalledProcessError."""
        return subprocess.run(argv, cwd=root, env={**self.env, **env}, capture_output=True, check=True).stdout

    def timed(self, root: Path, *argv: str, **env: str) -> Sample:
        """Run something that is; its time alone."""
        return Sample(timed(argv, cwd=root, env={**self.env, **env}).value)

    def timed_with(self, root: Path, content: Path, *argv: str) -> Sample:
        """The same for something that reads a file from its standard input."""
        return Sample(timed(argv, cwd=root, env=self.env, content=content).value)


def machine() -> str:
    """What class of machine this is."""
    git = subprocess.run(["git", "version"], capture_output=True, check=True).stdout.decode().split()[2]
    version = ".".join(map(str, sys.version_info[:3]))
    return f"{os.cpu_count()} cores, {os.uname().sysname} {os.uname().machine}, Python {version}, git {git}"


class Stolen:
    """How much of the processors' time went to other machines on the same hardware, since this was made."""

    def __init__(self) -> None:
        self.before = _ticks()

    def said(self) -> str:
        """A sentence; "" where the system does not tell, or it was less than a hundredth of what was used."""
        used, stolen = (now - then for now, then in zip(_ticks(), self.before, strict=True))
        share = round(100 * stolen / (used + stolen)) if stolen else 0
        return f" Other machines on its hardware took {share} % of the processors meanwhile." if share else ""


def _ticks() -> tuple[int, int]:
    """What the processors have worked so far, and what was stolen from them (Linux, /proc/stat)."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0, 0
    user, nice, system, _, _, irq, softirq, steal = map(int, stat.read_text().split()[1:9])
    return user + nice + system + irq + softirq, steal


def _sealed(home: Path) -> dict[str, str]:
    """No configuration or agent of whoever measures, and nothing that keeps Python from using its .pyc files."""
    home.mkdir(parents=True, exist_ok=True)
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
    }


def _environment(folder: Path) -> str:
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, check=True)
    return str(python)


def _pip(python: str, *args: str) -> None:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([python, "-m", "pip", "install", "-q", *args], env=env, capture_output=True, check=True)


def text(seed: int, lines: int = 120) -> str:
    """A document of some kilobytes."""
    return "".join(f"{seed}.{line}: what was decided, and why it was decided like that\n" for line in range(lines))


def _paths(files: int) -> Sequence[str]:
    from agentsync.base.settings import SEED_WATCH

    return [*(watch.path for watch in SEED_WATCH), *(f"src/part{n % 50:02}/file{n:04}.py" for n in range(files))]


def _history(files: int, commits: int) -> Iterator[bytes]:
    """A stream for `git fast-import`: all files at once, then one file a commit, one in ten a watched document."""
    paths = _paths(files)
    yield _commit(0, [(path, text(n, 120)) for n, path in enumerate(paths)])
    for number in range(1, commits):
        path = paths[number // 10 % 8] if number % 10 == 0 else paths[8 + number % files]
        yield _commit(number, [(path, text(number, 121))])


def _commit(number: int, contents: Sequence[tuple[str, str]]) -> bytes:
    when = f"Ada <ada@example.org> {1_760_000_000 + number * 60} +0000"
    parts = [f"commit refs/heads/main\ncommitter {when}\n", _data(f"commit {number}")]
    parts += [f"M 100644 inline {path}\n{_data(content)}" for path, content in contents]
    return "".join(parts).encode()


def _data(content: str) -> str:
    return f"data {len(content.encode())}\n{content}\n"
