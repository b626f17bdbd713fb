"""A commit: what git's hooks add to it."""

from __future__ import annotations

import time
from pathlib import Path

from bench.clones import long_clone, settle, short_clone, watched
from bench.harness import Benchmark, Contestant, Sample, Step
from bench.lab import UNWATCHED, WATCHED, Lab, text

THRESHOLD = 5  # the seed's: each fifth change consolidates


class Committer:
    """Makes commits of one path in one repository."""

    def __init__(self, lab: Lab, root: Path, path: str, **env: str) -> None:
        self.lab = lab
        self.root = root
        self.path = path
        self.env = env
        self.made = 0

    def commit(self) -> Sample:
        """Edit and add, then measure the commit alone."""
        self._add()
        sample = self._commit()
        settle(self.root)
        return sample

    def recorded(self) -> Sample:
        """Measure from git's return to the record in the ledger, of a commit that does not consolidate."""
        if self.made % THRESHOLD == THRESHOLD - 1:
            self.commit()
        self._add()
        before = self._size()
        self._commit()
        began = time.perf_counter()
        while self._size() == before:
            time.sleep(0.001)
        sample = Sample(time.perf_counter() - began)
        settle(self.root)
        return sample

    def _add(self) -> None:
        self.made += 1
        (self.root / self.path).write_text(text(1000 + self.made, 120))
        self.lab.run(self.root, "git", "add", "--", self.path)

    def _commit(self) -> Sample:
        return self.lab.timed(self.root, "git", "commit", "-q", "-m", f"edit {self.made}", **self.env)

    def _size(self) -> int:
        return (self.root / ".git" / "agentsync" / "ledger.jsonl").stat().st_size

    def plain(self) -> Sample:
        """A commit that does not consolidate: the ones that do are made between the measured ones."""
        if self.made % THRESHOLD == THRESHOLD - 1:
            self.commit()
        return self.commit()

    def consolidating(self) -> Sample:
        """A commit that does."""
        while self.made % THRESHOLD != THRESHOLD - 1:
            self.commit()
        return self.commit()


def no_hook(lab: Lab) -> Step:
    return Committer(lab, lab.repository("no-hook"), UNWATCHED).commit


def no_hook_document(lab: Lab) -> Step:
    return Committer(lab, lab.repository("no-hook-document"), WATCHED).commit


def empty_sh(lab: Lab) -> Step:
    root = lab.repository("sh")
    _executable(root / ".git" / "hooks" / "post-commit", "#!/bin/sh\nexit 0\n")
    return Committer(lab, root, WATCHED).commit


def husky(lab: Lab) -> Step:
    root = lab.repository("husky")
    lab.run(root, lab.command("node"), lab.node_command("husky/bin.js"))
    _executable(root / ".husky" / "post-commit", "exit 0\n")
    return Committer(lab, root, WATCHED).commit


def lefthook(lab: Lab) -> Step:
    root = lab.repository("lefthook")
    native = lab.node_command("lefthook-*/bin/lefthook")
    (root / "lefthook.yml").write_text("post-commit:\n  commands:\n    nothing:\n      run: 'true'\n")
    path = f"{Path(native).parent}:{lab.env['PATH']}"
    lab.run(root, native, "install", PATH=path)
    return Committer(lab, root, WATCHED, PATH=path).commit


def prek(lab: Lab) -> Step:
    return _pre_commit_like(lab, lab.command("prek"), "prek")


def pre_commit(lab: Lab) -> Step:
    return _pre_commit_like(lab, lab.command("pre-commit"), "pre-commit")


def _pre_commit_like(lab: Lab, command: str, name: str) -> Step:
    root = lab.repository(name)
    (root / ".pre-commit-config.yaml").write_text(
        "repos:\n- repo: local\n  hooks:\n  - {id: nothing, name: nothing, entry: 'true', language: system,"
        " stages: [post-commit], always_run: true, pass_filenames: false}\n"
    )
    lab.run(root, command, "install", "-t", "post-commit")
    return Committer(lab, root, WATCHED).commit


def untouched(lab: Lab) -> Step:
    return Committer(lab, short_clone(lab), UNWATCHED).commit


def untouched_million(lab: Lab) -> Step:
    return Committer(lab, long_clone(lab), UNWATCHED).commit


def touched(lab: Lab) -> Step:
    return Committer(lab, short_clone(lab), WATCHED).plain


def touched_foreground(lab: Lab) -> Step:
    return Committer(lab, watched(lab, "foreground", 100), WATCHED, AGENTSYNC_FOREGROUND="1").plain


def recorded(lab: Lab) -> Step:
    return Committer(lab, watched(lab, "recorded", 100), WATCHED).recorded


def touched_million(lab: Lab) -> Step:
    return Committer(lab, long_clone(lab), WATCHED).plain


def consolidating(lab: Lab) -> Step:
    return Committer(lab, watched(lab, "consolidating", 100), WATCHED).consolidating


def _executable(path: Path, script: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)


NOT, YES = "agentsync, no watched path touched", "agentsync, a watched path touched"
BENCHMARK = Benchmark(
    name="commit",
    title="A commit",
    about="`git commit` in a repository of 2,000 files and 500 commits. agentsync's note is durable when git returns, "
    "and a look in the background makes a record of it; every fifth change consolidates, its look and report are done "
    "when git returns, and it has a row of its own. The ledger has 100 records, the long one 1,000,000. Peers: their "
    "post-commit hook that runs `true`.",
    contestants=(
        Contestant("no hook", no_hook),
        Contestant("no hook, a document", no_hook_document),
        Contestant("sh, `exit 0`", empty_sh),
        Contestant("husky, empty hook", husky),
        Contestant("prek, empty hook", prek),
        Contestant("lefthook, empty hook (native)", lefthook),
        Contestant("pre-commit, empty hook", pre_commit),
        Contestant(NOT, untouched, target=1.25),
        Contestant(f"{NOT}, long ledger", untouched_million, target=1.1, against=NOT),
        Contestant(YES, touched, target=1.8),
        Contestant(f"{YES}, long ledger", touched_million, target=1.1, against=YES),
        Contestant(f"{YES}, looks in the foreground", touched_foreground, target=7.0),
        Contestant("from git's return to the record", recorded, most=0.5),
        Contestant("agentsync, a watched path touched, consolidates", consolidating, target=7.0),
    ),
    rounds=40,
    warm_up=3,
)
