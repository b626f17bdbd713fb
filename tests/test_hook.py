"""The look that a commit starts in the background: real git, real hooks; each test waits for facts."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from lab.audit import audit
from lab.live import until
from lab.repo import Repo

from agentsync import hook
from agentsync.base import files, git, watchdog
from agentsync.base.background import try_lock
from agentsync.base.settings import Watch
from agentsync.ledger import notes
from agentsync.ledger.log import Ledger

COMMIT = "git commit -qam edit"


_GATE = """\
#!/bin/sh
echo $$ >{pid}.new
mv {pid}.new {pid}
read -r _ <{gate}
exec {python} "$@"
"""


def install(repo: Repo, python: Path, script: str) -> None:
    """Hooks that start a script in place of Python."""
    python.write_text(script)
    python.chmod(0o755)
    repo.begin()
    repo.hooks(str(python))
    repo.look()


class Slow:
    """A clone whose hooks start Python only when somebody opens the gate."""

    def __init__(self, repo: Repo, folder: Path) -> None:
        self.repo = repo
        self.gate, self.pid = folder / "gate", folder / "pid"
        os.mkfifo(self.gate)
        quoted = {"gate": shlex.quote(str(self.gate)), "pid": shlex.quote(str(self.pid))}
        install(repo, folder / "python", _GATE.format(**quoted, python=shlex.quote(sys.executable)))

    def open(self) -> None:
        """Let the one that stands there pass."""
        until(self._opened)

    def _opened(self) -> bool:
        try:
            fd = os.open(self.gate, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False  # nobody stands there yet
        os.write(fd, b"\n")
        os.close(fd)
        return True

    def started(self) -> int:
        """The process that stands at the gate, or has passed it."""
        until(self.pid.exists)
        return int(self.pid.read_text())

    def waiting(self) -> bool:
        return bool(notes.listed(self.repo.clone(), git.worktrees(self.repo.clone())))


@pytest.fixture
def slow(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slow:
    monkeypatch.delenv("AGENTSYNC_FOREGROUND")
    return Slow(repo, tmp_path)


def owners(repo: Repo) -> dict[str, str | None]:
    """Who made each commit's change, as it is known by now; one that was seen before its commit has none itself."""
    told: dict[str, str] = {}
    carrying: dict[str, str] = {}
    for line in repo.lines():
        if line["kind"] == "attribution":
            carrying.update(dict.fromkeys(line["event_ids"], line["commit"]))
            if line["agent_owner"]:
                told.update(dict.fromkeys(line["event_ids"], line["agent_owner"]))
    changes = repo.changes()
    return {one["commit"] or carrying[one["id"]]: one["agent_owner"] or told.get(one["id"]) for one in changes}


def is_at_work(store: str) -> bool:
    """Whether a look in the background holds the lock; by then it has left git's process group."""
    fd = try_lock(store)
    if fd is not None:
        os.close(fd)
    return fd is None


def commit(repo: Repo, command: str = COMMIT, **kwargs: Any) -> subprocess.Popen[str]:
    """Edit a document, and commit it by a shell's command in a session of its own."""
    repo.write(f"{time.monotonic_ns()}\n")
    return subprocess.Popen(
        ["sh", "-c", command],
        cwd=repo.root,
        env={**os.environ, "CLAUDECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        **kwargs,
    )


def test_git_returns_while_the_look_is_still_to_come(slow: Slow) -> None:
    """Whoever captures what git says has it at once; the note waits."""
    said, _ = commit(slow.repo, f'x=$({COMMIT} && echo committed); echo "$x"').communicate(timeout=60)
    assert said == "committed\n"
    assert slow.repo.count() == 0 and slow.waiting()
    slow.open()
    until(lambda: slow.repo.count() == 1)
    assert owners(slow.repo) == {slow.repo.head(): "claude-code"}
    until(lambda: not slow.waiting())


def test_a_look_at_work_holds_nothing_that_others_wait_for(slow: Slow) -> None:
    """Not even a descriptor that git's caller has handed down."""
    read, write = os.pipe()
    with Ledger(slow.repo.clone().store).transaction(60):
        process = commit(slow.repo, pass_fds=(write,))
        os.close(write)
        process.communicate(timeout=60)
        slow.open()
        until(lambda: is_at_work(slow.repo.clone().store))
        assert os.read(read, 1) == b""
    os.close(read)
    until(lambda: slow.repo.count() == 1)


def test_what_is_killed_when_git_returns_loses_nothing(slow: Slow) -> None:
    """As a container ends: the whole process group, the moment that git is done."""
    process = commit(slow.repo)
    process.communicate(timeout=60)
    with_gate = slow.started()
    os.killpg(process.pid, signal.SIGKILL)
    until(lambda: not files.is_running(with_gate))
    assert slow.repo.count() == 0 and slow.waiting()
    slow.repo.look()
    assert owners(slow.repo) == {slow.repo.head(): "claude-code"}
    assert not slow.waiting()


def test_a_closed_terminal_ends_no_look(slow: Slow) -> None:
    """The kernel tells everybody in the terminal's session; the look is not in it any more."""
    store = slow.repo.clone().store
    slow.repo.write("edited\n")
    with Ledger(store).transaction(60):
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(slow.repo.root)
            os.execvpe("sh", ["sh", "-c", f"{COMMIT}; cat"], {**os.environ, "CLAUDECODE": "1"})
        slow.started()
        slow.open()
        until(lambda: is_at_work(store))
        os.close(terminal)
        os.waitpid(child, 0)
    until(lambda: slow.repo.count() == 1)
    assert owners(slow.repo) == {slow.repo.head(): "claude-code"}


@pytest.mark.parametrize("at_work", [False, True])
def test_a_repository_that_is_removed_stays_removed(slow: Slow, at_work: bool) -> None:
    """Right after the commit, before the look begins, and while it is at work."""
    store, pid = slow.repo.clone().store, 0
    with Ledger(store).transaction(60):
        commit(slow.repo).communicate(timeout=60)
        pid = slow.started()
        if at_work:
            slow.open()
            until(lambda: is_at_work(store))
        shutil.rmtree(slow.repo.root)
    if not at_work:
        slow.open()
    until(lambda: not files.is_running(pid))
    assert not slow.repo.root.exists()


def test_a_note_that_comes_while_a_look_is_at_work_is_taken_in_by_it(slow: Slow) -> None:
    """The second look finds the lock held, and ends."""
    store = slow.repo.clone().store
    with Ledger(store).transaction(60):
        commit(slow.repo).communicate(timeout=60)
        first = slow.started()
        slow.open()
        until(lambda: is_at_work(store))
        slow.pid.unlink()
        commit(slow.repo).communicate(timeout=60)
        second = slow.started()
        slow.open()
        until(lambda: not files.is_running(second))
        assert files.is_running(first)
    until(lambda: slow.repo.count() == 2)
    until(lambda: not files.is_running(first))
    assert not slow.waiting()


def test_a_look_that_is_ended_after_a_rebase_leaves_the_pairs(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """git tells only once which commit replaces which, where a conflict was resolved by hand."""
    repo.begin()
    repo.git("switch", "-qc", "feature")
    old = repo.commit("mine\n")
    repo.git("switch", "-q", "main")
    repo.commit("theirs\n")
    repo.look()
    repo.git("rebase", "-q", "main", "feature", check=False)
    repo.write("both\n")
    repo.git("add", "-A")
    repo.git("rebase", "--continue")
    with monkeypatch.context() as patch:
        patch.chdir(repo.root)
        patch.setattr(sys, "stdin", io.StringIO(f"{old} {repo.head()}\n"))
        patch.setattr(hook, "sync", mock.Mock(side_effect=watchdog.OutOfTimeError))
        hook.main(["post-rewrite", "rebase"])
    repo.look()
    assert repo.count() == 2
    assert not notes.listed(repo.clone(), git.worktrees(repo.clone()))


def test_the_report_stands_in_the_file_when_git_returns(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit with which the threshold is reached waits for its look; the others do not."""
    monkeypatch.delenv("AGENTSYNC_FOREGROUND")
    repo.settings = repo.settings._replace(consolidation_threshold=3)
    repo.begin()
    repo.hooks()
    repo.look()
    for number in range(3):
        assert repo.view().state.last is None
        repo.commit(f"{number}\n")
    last = repo.view().state.last
    assert last and last.id in repo.read("AGENT_SYNC.md")


def test_what_goes_wrong_in_the_background_is_written_down(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """git's command says nothing of it."""
    repo.begin()
    repo.hooks()
    repo.look()
    monkeypatch.delenv("AGENTSYNC_FOREGROUND")
    ledger = Path(repo.clone().store) / "ledger.jsonl"
    ledger.rename(ledger.with_name("aside"))
    ledger.mkdir()
    said, _ = commit(repo).communicate(timeout=60)
    assert said == ""
    errors = Path(repo.clone().store) / "hook-errors.log"
    until(errors.exists)
    until(lambda: " look: " in errors.read_text())


_NEVER = """\
#!/bin/sh
case " $* " in *" log "*) exec sleep 1000 ;; esac
exec {git} "$@"
"""


@pytest.fixture
def hanging(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """A clone in which git never comes to the end of its history."""
    repo.begin()
    repo.hooks()
    repo.look()
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(_NEVER.format(git=shlex.quote(shutil.which("git") or "")))
    fake.chmod(0o755)
    repo.commit("edited\n", AGENTSYNC="0")
    repo.note({"CLAUDECODE": "1"})
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(repo.root)
    return repo


def test_a_look_that_takes_too_long_is_ended_and_loses_nothing(
    hanging: Repo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """git goes on, one line says so, and no hook waits for a look any more; until one has come to its end."""
    monkeypatch.setattr(watchdog, "FOREGROUND", 0.2)
    store = Path(hanging.clone().store)
    assert hook.main(["post-commit"], noted=True) == 0
    (said,) = capsys.readouterr().err.splitlines()
    assert "took too long" in said and hanging.count() == 0
    assert "took too long" in (store / "hook-errors.log").read_text()
    assert (store / watchdog.ENDED).exists()
    monkeypatch.setenv("PATH", os.environ["PATH"].partition(os.pathsep)[2])
    hanging.commit("again\n", CLAUDECODE="1")  # whose hook leaves its look to the background
    hanging.wait_for_notes()
    assert owners(hanging) == dict.fromkeys(hanging.git("rev-list", "-2", "HEAD").split(), "claude-code")
    until(lambda: not (store / watchdog.ENDED).exists())  # that look had time enough


def test_in_the_background_too(hanging: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "BACKGROUND", 0.2)
    store = hanging.clone().store
    hook.in_background(str(hanging.root), store, try_lock(store))
    assert "look: the look took too long" in Path(store, "hook-errors.log").read_text()
    assert not is_at_work(store) and hanging.count() == 0
    assert notes.listed(hanging.clone(), git.worktrees(hanging.clone()))


def test_a_look_that_the_kernel_has_ended_is_told_too(repo: Repo, tmp_path: Path) -> None:
    """By the hook's sh, which sees how it ended."""
    install(repo, tmp_path / "python", "#!/bin/sh\nkill -PROF $$\n")
    assert repo.commit("edited\n")
    store = Path(repo.clone().store)
    assert "post-commit: the look was killed" in (store / "hook-errors.log").read_text()
    assert (store / watchdog.ENDED).exists()


@pytest.mark.early
@pytest.mark.long
def test_git_waits_for_no_look_that_hangs(repo: Repo) -> None:
    """The time of a real hook, which waits for what is never written: git is back after it, and the note is there."""
    repo.begin()
    repo.hooks()
    repo.look()
    never = repo.root / ".git" / "agentsync-agent"
    os.mkfifo(never)
    repo.commit("edited\n", CLAUDECODE="1")
    assert (Path(repo.clone().store) / watchdog.ENDED).exists() and repo.count() == 0
    never.unlink()
    repo.look()
    assert owners(repo) == {repo.head(): "claude-code"}


AGENTS = ("codex-local", "claude-code", "gemini-cli", "goose", "aider", "amp", "cline", "human")
WORKTREES = 4
EACH = 125  # commits
# Two in one worktree take turns: where git's own index is locked, a commit may be made and its hook not be run. And
# they save as editors do: what looks meanwhile would see a file that is emptied and not written yet.
COMMITS = """
for n in $(seq {count}); do
    flock {turn} sh -c '
        echo "{name} $0" >{turn}.text && mv {turn}.text {path} && git add {path} && git commit -qm "{name} $0" -- {path}
    ' $n || exit 1
done
"""


@pytest.mark.early
@pytest.mark.long
def test_a_thousand_commits_while_looks_are_killed(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """8 processes in 4 worktrees, each an agent of its own: each commit once, each with the evidence of its process."""
    monkeypatch.delenv("AGENTSYNC_FOREGROUND")
    paths = [f"doc{number}.md" for number in range(len(AGENTS))]
    repo.settings = repo.settings._replace(watch=tuple(Watch(path, "docs") for path in paths))
    pids = tmp_path / "pids"
    script = f'#!/bin/sh\n[ "$4" = hook ] || echo $$ >>{pids}\nexec {sys.executable} "$@"\n'
    install(repo, tmp_path / "python", script)
    trees = [repo, *(repo.worktree(f"tree{number}") for number in range(1, WORKTREES))]
    for tree in trees:
        tree.configure()
        tree.look()
    running = [
        subprocess.Popen(
            [
                "sh",
                "-c",
                COMMITS.format(count=EACH, name=agent, path=path, turn=tmp_path / f"turn{number % WORKTREES}"),
            ],
            cwd=trees[number % WORKTREES].root,
            env={**os.environ, "AGENTSYNC_AGENT": agent},
            stdin=subprocess.DEVNULL,
        )
        for number, (agent, path) in enumerate(zip(AGENTS, paths, strict=True))
    ]
    chance, killed = random.Random(9), 0
    while any(process.poll() is None for process in running):
        time.sleep(chance.uniform(0.1, 1.0))
        for pid in map(int, pids.read_text().split() if pids.exists() else ()):
            if is_look(pid):
                os.kill(pid, signal.SIGKILL)
                killed += 1
    assert {process.wait() for process in running} == {0} and killed
    until(lambda: not any(is_look(int(pid)) for pid in pids.read_text().split()))
    repo.look()
    records = audit(Path(repo.clone().store))
    assert sum(record["kind"] == "change" for record in records) == EACH * len(AGENTS)
    made = repo.git("log", "--all", "--format=%H %s", "--", *paths).splitlines()
    assert owners(repo) == {line.split(" ")[0]: line.split(" ")[1] for line in made}
    assert notes.listed(repo.clone(), git.worktrees(repo.clone())) == set()


def is_look(pid: int) -> bool:
    """Whether this process is a look in the background (ids are given anew)."""
    with contextlib.suppress(OSError):
        return b"\0look\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False
