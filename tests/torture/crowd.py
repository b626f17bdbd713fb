"""A crowd in one clone: people and agents commit, switch, reset, merge, add and remove worktrees, and are killed."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from lab.audit import audit
from lab.commands import agentsync

from agentsync.ledger.events import IMPORT
from torture import page

AUTHORS, SWITCHERS, MERGERS, BUILDERS, LOOKERS, EDITORS = 4, 4, 2, 2, 2, 2
CONFIGURATION = '[report]\nlanguage = "en"\n[[watch]]\npath = "AGENT_SYNC.md"\ntype = "sync"\n[[watch]]\n'
OURS = [sys.executable, "-m", "agentsync"]


class Crowd:
    """A clone, those who work in it, and what they have done."""

    def __init__(self, root: Path, *, ours: bool) -> None:
        self.root, self.ours = root, ours
        self.ends = False
        self.committed: set[str] = set()  # texts, each one edit
        self.seen: set[str] = set()  # texts that were not committed, and that a look has met
        self.tried: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self._make()

    def _make(self) -> None:
        (self.root / "main/docs").mkdir(parents=True)
        main = self.root / "main"
        self.run(main, "git", "init", "-q", "-b", "main", ".")
        (main / "AGENT_SYNC.md").write_text("# How we work\n")
        for number in range(AUTHORS + EDITORS):
            (main / f"docs/{number}.md").write_text("begun\n")
        (main / ".agentsync").mkdir()
        (main / ".agentsync/config.toml").write_text(f'{CONFIGURATION}path = "docs/*.md"\ntype = "docs"\n')
        self.run(main, "git", "add", "-A")
        self.run(main, "git", "commit", "-q", "-m", "first")
        if self.ours:
            self.run(main, *OURS, "init")
            self.run(main, "git", "add", "-A")
            self.run(main, "git", "commit", "-q", "-m", "set up")

    def run(self, where: Path, *argv: str) -> bool:
        """Run a program; whether it succeeded."""
        kind = " ".join(argv[:2]) if argv[0] == "git" else "agentsync"
        self.tried[kind] += 1
        done = subprocess.run(argv, cwd=where, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            self.failed[kind] += 1
        return done.returncode == 0

    def worktree(self, name: str) -> Path:
        """A worktree on a branch of its own."""
        self.run(self.root / "main", "git", "worktree", "add", "-q", "-b", name, f"../{name}", "main")
        return self.root / name

    def author(self, number: int) -> Callable[[], None]:
        """Somebody who writes and commits."""
        where, counter = self.worktree(f"author-{number}"), iter(range(10**9))

        def act() -> None:
            text = f"author {number} has written {next(counter)}\n"
            (where / f"docs/{number}.md").write_text(text)
            if self.run(where, "git", "commit", "-q", "-m", "edit", "--", f"docs/{number}.md"):
                self.committed.add(text)

        return act

    def editor(self, number: int) -> Callable[[], None]:
        """Somebody who saves in two steps, commits nothing, and looks."""
        where, counter = self.worktree(f"editor-{number}"), iter(range(10**9))

        def act() -> None:
            text = f"editor {number} has typed {next(counter)}\n"
            with (where / f"docs/{AUTHORS + number}.md").open("w") as file:
                time.sleep(random.random() / 50)
                file.write(text)
            if self.ours and self.run(where, *OURS, "scan"):
                self.seen.add(text)

        return act

    def switcher(self, number: int) -> Callable[[], None]:
        """Somebody who goes from branch to branch and throws away what lies about."""
        where = self.worktree(f"switcher-{number}")

        def act() -> None:
            branch = f"author-{random.randrange(AUTHORS)}"
            self.run(where, "git", "switch", "-q", "--detach", branch)
            self.run(where, "git", "clean", "-qfdx")
            self.run(where, "git", "reset", "-q", "--hard", f"author-{random.randrange(AUTHORS)}")

        return act

    def merger(self, number: int) -> Callable[[], None]:
        """Somebody who brings together what others have committed."""
        where = self.worktree(f"merger-{number}")

        def act() -> None:
            if not self.run(where, "git", "merge", "-q", "--no-edit", f"author-{random.randrange(AUTHORS)}"):
                self.run(where, "git", "reset", "-q", "--hard")

        return act

    def builder(self, number: int) -> Callable[[], None]:
        """A tool that adds a worktree for each of its tasks and removes it."""

        def act() -> None:
            branch = f"author-{random.randrange(AUTHORS)}"
            self.run(self.root / "main", "git", "worktree", "add", "-q", "--detach", f"../task-{number}", branch)
            self.run(self.root / "main", "git", "worktree", "remove", "--force", f"../task-{number}")

        return act

    def looker(self, number: int) -> Callable[[], None]:
        """Somebody who asks, or who runs the poller and has it killed."""

        def act() -> None:
            if not self.ours:
                time.sleep(0.5)
            elif number:
                self.run(self.root / "main", *OURS, random.choice(("status", "scan", "pending")))
            else:
                poller = subprocess.Popen([*OURS, "watch"], cwd=self.root / "main", stdout=-3, stderr=-3)
                time.sleep(5 * random.random())
                poller.send_signal(random.choice((signal.SIGKILL, signal.SIGTERM)))
                poller.wait()

        return act

    def work(self, seconds: float) -> None:
        """Let everybody work for so long."""
        crowd = (
            (self.author, AUTHORS),
            (self.editor, EDITORS),
            (self.switcher, SWITCHERS),
            (self.merger, MERGERS),
            (self.builder, BUILDERS),
            (self.looker, LOOKERS),
        )
        everybody = [make(number) for make, many in crowd for number in range(many)]
        threads = [threading.Thread(target=self._again_and_again, args=(act,)) for act in everybody]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self.ends = True
        for thread in threads:
            thread.join()

    def _again_and_again(self, act: Callable[[], None]) -> None:
        while not self.ends:
            act()

    def wrong(self) -> list[str]:
        """What is not as it should be once everybody has gone."""
        main = self.root / "main"
        done = agentsync(main, "scan", code=None)
        found = [f"scan: {done.said}"] if done.code else []
        changes = [one for one in audit(main / ".git/agentsync") if one["kind"] == "change" and one["source"] != IMPORT]
        blobs = Counter(str(change["new_blob"]) for change in changes)
        wanted = {_blob(text): text for text in (*self.committed, *self.seen)}
        found += [f"lost: {text.strip()}" for blob, text in wanted.items() if not blobs[blob]]
        found += [f"{times} times: {wanted.get(blob, blob)}" for blob, times in blobs.items() if times > 1]
        verified = agentsync(main, "verify", code=None)
        return found + ([f"verify: {verified.said}"] if verified.code else [])


def _blob(text: str) -> str:
    """git's id of it."""
    return hashlib.sha1(f"blob {len(text)}\0{text}".encode()).hexdigest()


def carry_out(folder: Path, options: Namespace) -> int:
    """The crowd with agentsync, and for half as long without; 1 if anything was wrong."""
    seconds = min(options.seconds, 600.0)
    os.environ.pop("AGENTSYNC_FOREGROUND")
    crowd, alone = Crowd(folder / "crowd", ours=True), Crowd(folder / "alone", ours=False)
    crowd.work(seconds)
    alone.work(seconds / 2)
    wrong = crowd.wrong()
    print(*wrong, sep="\n")
    told = report(crowd, alone, wrong, seconds)
    print(told)
    if options.write:
        page.put("crowd", told)
    return int(bool(wrong))


def report(crowd: Crowd, alone: Crowd, wrong: list[str], seconds: float) -> str:
    """What they did, and what came of it, in Markdown."""
    lost, doubled = (sum(line.partition(": ")[0].endswith(word) for line in wrong) for word in ("lost", "times"))
    rows = [
        [f"`{kind}`", times, crowd.failed[kind], alone.tried[kind], alone.failed[kind]]
        for kind, times in sorted(crowd.tried.items())
    ]
    edits = len(crowd.committed) + len(crowd.seen)
    said = (
        f"{sum((AUTHORS, SWITCHERS, MERGERS, BUILDERS, LOOKERS, EDITORS))} at work for {seconds:.0f} seconds: {edits} "
        f"edits that had to be recorded, **{lost}** lost, **{doubled}** doubled, {len(wrong) - lost - doubled} other "
        "findings."
    )
    head = ["command", "times", "failed", "times without agentsync", "failed without"]
    return f"{said}\n\n{page.table(head, rows)}"
