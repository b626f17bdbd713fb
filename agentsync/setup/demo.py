"""A quarter of an hour of three agents in a scratch repository: real git, real hooks, real reports, fixed dates.

Two agents commit in one clone; a third works elsewhere, where no hook runs, and a pull brings its commits. The hooks
are those that `init` installs, and only their clock is the timeline's, so that the story is the same each time.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

from agentsync.base import git
from agentsync.base.settings import SEED_WATCH
from agentsync.ledger.events import Change, decode, from_rfc3339
from agentsync.ledger.log import Ledger
from agentsync.ledger.view import View
from agentsync.report import region
from agentsync.setup import init

DAY = "2025-10-10"
LATENCY = 30  # seconds after a commit at which its hook looks
TIMEOUT = 60  # seconds for one git command
CLOCK = "AGENTSYNC_DEMO_CLOCK"
# What the hooks start in place of Python: Python, with the timeline's clock.
_WRAPPER = """\
#!/bin/sh
exec {python} -I -S -c 'import os, runpy, sys, time
now = float(os.environ["{clock}"])
time.time = lambda: now
sys.argv = sys.argv[3:]
runpy.run_path(sys.argv[0])' "$@"
"""


@dataclass(frozen=True)
class Agent:
    """Who commits: the name and e-mail address on the commit, and what its shell has in the environment."""

    name: str
    address: str
    environ: dict[str, str]


PERSON = Agent("Ada", "ada@example.org", {})
CLAUDE = Agent("Ada", "ada@example.org", {"CLAUDECODE": "1"})
CODEX = Agent("Ada", "ada@example.org", {"CODEX_THREAD_ID": "demo"})
CLOUD = Agent("Codex", "noreply@openai.com", {})


@dataclass(frozen=True)
class Edit:
    """An agent appends a line to a document and commits, at a time of DAY."""

    at: str
    agent: Agent
    path: str
    line: str
    told: str


HERE = (
    Edit("15:00", CLAUDE, "AGENT_SYNC.md", "- claude-code: memory module, until 16:00", "Claude Code notes its work"),
    Edit("15:02", CLAUDE, "docs/passation.md", "Memory: the index is rebuilt on start.", "Claude Code hands over"),
    Edit("15:05", CODEX, "AGENTS.md", "- Run the tests before a commit.", "Codex adds a rule"),
    Edit("15:08", CLAUDE, "AGENT_SYNC.md", "- claude-code: memory module, done", "Claude Code notes that it is done"),
    Edit("15:10", CODEX, "docs/architecture/00-Overview.md", "The index is a component.", "Codex draws the overview"),
)
ELSEWHERE = (
    Edit("15:04", CLOUD, "ROADMAP.md", "- Q1: export", "Plan the export"),
    Edit("15:07", CLOUD, "docs/architecture/30-Contracts.md", "GET /export", "Describe the export"),
)
PULL = "15:11"


def play(folder: str, python: str) -> Iterator[str]:
    """The story, line by line, played in an empty folder. The environment of this process should be `environment()`."""
    stage = Stage(os.path.realpath(folder), python)
    yield "A repository with the eight documents of the default configuration, one clone with hooks, one without."
    stage.build()
    yield ""
    for edit in HERE:
        stage.edit("work", edit)
        yield f"{edit.at}  {edit.told}: {edit.path}"
        yield f"       {stage.told()}"
    for edit in ELSEWHERE:
        stage.edit("cloud", edit)
    stage.git("cloud", "push", "-q")
    stage.git("work", "pull", "-q", "--no-rebase", at=PULL)
    yield f"{PULL}  git pull brings {len(ELSEWHERE)} commits of an agent in the cloud, made since {ELSEWHERE[0].at}"
    yield f"       {stage.told()}"
    yield from _section("The ledger", stage.log())
    yield from _section("Status", stage.status())
    yield from _section("AGENT_SYNC.md", stage.document("AGENT_SYNC.md"))


def _section(title: str, lines: list[str]) -> Iterator[str]:
    yield ""
    yield f"{title}"
    yield "-" * len(title)
    yield from lines


class Stage:
    """The scratch folder: `origin`, the clone `work` in which agentsync is set up, and the clone `cloud`."""

    def __init__(self, folder: str, python: str) -> None:
        self.folder = folder
        self.python = python

    @property
    def view(self) -> View:
        """The ledger, replayed."""
        return View(Ledger(f"{self.folder}/work/.git/agentsync")).catch_up()

    def build(self) -> None:
        """The clones, with all documents in one commit, and agentsync in one of them."""
        os.mkdir(f"{self.folder}/work")
        self.git("work", "init", "-q", "-b", "main", "--template=", ".")
        paths = [watch.path for watch in SEED_WATCH]
        for path in paths:
            self._append("work", path, f"# {os.path.basename(path).removesuffix('.md')}")
        self.git("work", "add", "--", *paths, at="14:50")
        self.git("work", "commit", "-q", "-m", "The documents", at="14:50")
        self.git("work", "clone", "-q", "--bare", ".", "../origin")
        self.git("work", "remote", "add", "origin", "../origin")
        self.git("work", "fetch", "-q", "origin")
        self.git("work", "branch", "-q", "--set-upstream-to=origin/main")
        self._init()
        self.git("work", "push", "-q", "origin", "main")
        self.git("work", "clone", "-q", "../origin", "../cloud")

    def _init(self) -> None:
        wrapper = f"{self.folder}/python"
        with open(os.open(wrapper, os.O_WRONLY | os.O_CREAT, 0o755), "w", encoding="utf-8") as file:
            file.write(_WRAPPER.format(python=shlex.quote(self.python), clock=CLOCK))
        clone = git.locate(f"{self.folder}/work")
        init.init(clone, init.Wish(language="en"), python=wrapper, environ={}, now=_seconds("14:55"))
        self.git("work", "add", ".agentsync", at="14:55")
        self.git("work", "commit", "-q", "-m", "agentsync", at="14:55")

    def edit(self, clone: str, edit: Edit) -> None:
        """Append a line and commit it."""
        self._append(clone, edit.path, edit.line)
        self.git(clone, "add", "--", edit.path, at=edit.at)
        self.git(clone, "commit", "-q", "-m", edit.told, at=edit.at, agent=edit.agent)

    def _append(self, clone: str, path: str, line: str) -> None:
        full = f"{self.folder}/{clone}/{path}"
        os.makedirs(os.path.dirname(full), exist_ok=True)
        before = b""
        with contextlib.suppress(FileNotFoundError), open(full, "rb") as file:
            before = file.read()
        found = region.find(before)
        start = found.start if found else len(before)
        with open(full, "wb") as file:
            file.write(before[:start] + f"{line}\n".encode() + before[start:])

    def git(self, clone: str, *args: str, at: str = "14:50", agent: Agent = PERSON) -> None:
        """Run git in a clone, as the agent, at a time of DAY; hooks look LATENCY seconds later."""
        date = f"{DAY}T{at}:00Z"
        who = {f"GIT_{role}_NAME": agent.name for role in ("AUTHOR", "COMMITTER")}
        who |= {f"GIT_{role}_EMAIL": agent.address for role in ("AUTHOR", "COMMITTER")}
        when = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, CLOCK: str(_seconds(at) + LATENCY)}
        subprocess.run(
            ["git", *args],
            cwd=f"{self.folder}/{clone}",
            env={**os.environ, **who, **when, **agent.environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            check=True,
        )

    def told(self) -> str:
        """What the hook has made of the newest commits."""
        view = self.view
        pending = len(view.state.pending)
        if pending == 0 and view.state.last:
            return f"recorded; the threshold is reached: {view.state.last.changes} changes consolidated"
        return f"recorded; {pending} pending"

    def log(self) -> list[str]:
        """The changes in the order of the ledger."""
        return [
            f"{change.timestamp}  {change.event_type}  {change.agent_owner or 'unknown':11}  {change.file_path:33}  "
            + _reasons(change)
            for change in self._changes()
        ]

    def _changes(self) -> Iterator[Change]:
        for _, line in Ledger(f"{self.folder}/work/.git/agentsync").lines():
            event = decode(line)[1]
            if isinstance(event, Change):
                yield event

    def status(self) -> list[str]:
        """What is pending, and what came last."""
        state = self.view.state
        last = state.last
        lines = [f"{len(state.pending)} pending; reported at 5, or after 60 minutes"]
        if last:
            lines.append(f"last report {last.timestamp}: {last.trigger_type}, {last.changes} changes")
        lines += [f"{path}: {latest.agent_owner}, {latest.timestamp}" for path, latest in sorted(state.latest.items())]
        return lines

    def document(self, path: str) -> list[str]:
        """A document as it lies in the clone; the line about the report, which is new each time, is shortened."""
        with open(f"{self.folder}/work/{path}", encoding="utf-8") as file:
            return re.sub(r"(<!-- agentsync:report ).*( -->)", r"\1...\2", file.read()).rstrip("\n").split("\n")


def _reasons(change: Change) -> str:
    return ", ".join(f"{reason['kind']} {reason['signal']}" for reason in change.evidence)


def _seconds(at: str) -> int:
    return from_rfc3339(f"{DAY}T{at}:00Z")


def environment(home: str) -> dict[str, str]:
    """The environment of the story: nothing of whoever plays it but where programs are."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "HOME": home,
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "AGENTSYNC_FOREGROUND": "1",  # the story goes on when git returns
    }


@contextlib.contextmanager
def sealed(home: str) -> Iterator[None]:
    """This process in the story's environment."""
    before, story = dict(os.environ), environment(home)
    os.environ.clear()
    os.environ.update(story)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def demo(python: str = sys.executable, *, keep: bool = False) -> Iterator[str]:
    """Play the story in a new temporary folder, which is removed in the end unless somebody wants to `keep` it."""
    folder = tempfile.mkdtemp(prefix="agentsync-demo-")
    try:
        with sealed(folder):
            yield from play(folder, python)
        if keep:
            yield ""
            yield f"The clone is in {folder}/work"
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
