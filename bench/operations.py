"""A repository of some thousand commits made by every git operation, with agentsync's hooks at work; then the audit.

    python -m bench.operations --commits 3000 --seed 1

Every edit puts a text into a document that is nowhere else, so what the ledger must say is known: each edit that was
committed or polled counts once, wherever git carried it. It prints how often each operation ran, how many changes the
ledger has and how many it should have, and what `agentsync verify` finds. It is no test: it takes minutes.
"""

from __future__ import annotations

import argparse
import collections
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

DOCUMENTS = ("AGENTS.md", "ROADMAP.md", "docs/passation.md", "docs/architecture/00-Overview.md")
LINES = 200


class Players:
    """Two worktrees of a watched clone and a forge where nobody watches."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.done: collections.Counter[str] = collections.Counter()
        self.edits = 0  # that the ledger must have
        self.number = 0
        self.env = {**_sealed(folder / "home"), "AGENTSYNC_TRACE": "0"}
        self.clock = int(time.time()) - 3_000_000
        self.forge, self.here, self.linked = folder / "forge", folder / "here", folder / "linked"
        self.here.mkdir()
        self.git("init", "-q", "-b", "main", ".")
        for path in DOCUMENTS:
            file = self.here / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("".join(f"line {number}\n" for number in range(LINES)))
        (self.here / "code.py").write_text("0\n")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "first")
        self.agentsync("init")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "agentsync")
        config = self.here / ".agentsync" / "config.toml"
        config.write_text(
            config.read_text().replace("consolidation_threshold = 5", "consolidation_threshold = 1000000")
        )
        self.git("commit", "-q", "-a", "-m", "no reports in between")
        self.git("clone", "-q", str(self.here), str(self.forge))
        self.git("remote", "add", "origin", str(self.forge))
        self.git("worktree", "add", "-q", "-b", "linked", str(self.linked))
        self.base = self.changes()

    def git(self, *args: str, at: Path | None = None, check: bool = True, stdin: str | None = None) -> str:
        """Run git, at a later second than before."""
        self.clock += 1
        env = {**self.env, "GIT_AUTHOR_DATE": f"{self.clock} +0000", "GIT_COMMITTER_DATE": f"{self.clock} +0000"}
        done = subprocess.run(
            ["git", *args], cwd=at or self.here, env=env, capture_output=True, text=True, input=stdin, timeout=120
        )
        if check and done.returncode:
            raise SystemExit(f"git {' '.join(args)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout.strip() if check else f"{done.returncode}"

    def agentsync(self, *args: str) -> str:
        """Run agentsync."""
        done = subprocess.run(
            [sys.executable, "-m", "agentsync", *args], cwd=self.here, env=self.env, capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(f"agentsync {' '.join(args)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def changes(self) -> int:
        """How many changes the ledger has."""
        ledger = (self.here / ".git" / "agentsync" / "ledger.jsonl").read_text()
        return sum('"kind":"change"' in line for line in ledger.splitlines())

    def edit(self, at: Path | None = None) -> str:
        """A line that is nowhere else, in one of the documents; the document."""
        self.number += 1
        path = self.random.choice(DOCUMENTS)
        file = (at or self.here) / path
        lines = file.read_text().splitlines(keepends=True)
        lines[self.random.randrange(len(lines))] = f"edit {self.number}\n"
        file.write_text("".join(lines))
        return path

    def commit(self, at: Path | None = None) -> None:
        """One edit, committed."""
        path = self.edit(at)
        self.git("commit", "-q", "-m", f"edit {self.number}", "--", path, at=at)
        self.edits += 1

    def branch(self, name: str, commits: int) -> None:
        """A branch with some commits, and back."""
        self.git("switch", "-q", "-C", name)
        for _ in range(commits):
            self.commit()
        self.git("switch", "-q", "main")

    def stopped(self, how: str) -> bool:
        """Whether an operation stopped at a conflict; it is given up then."""
        if (self.here / ".git" / {"merge": "MERGE_HEAD", "cherry-pick": "CHERRY_PICK_HEAD"}.get(how, "")).is_file():
            self.git(how, "--abort")
            return True
        if how == "rebase" and (self.here / ".git" / "rebase-merge").exists():
            self.git("rebase", "--abort")
            return True
        return False

    # Each of these is an operation; OPERATIONS below says how often it is drawn.

    def plain_commit(self) -> None:
        self.commit()

    def elsewhere(self) -> None:
        self.number += 1
        (self.here / "code.py").write_text(f"{self.number}\n")
        self.git("commit", "-q", "-a", "-m", "code")

    def polled_then_committed(self) -> None:
        self.edit()
        self.edits += 1
        self.agentsync("scan")
        self.git("commit", "-q", "-a", "-m", f"edit {self.number}")

    def amend_message(self) -> None:
        self.git("commit", "-q", "--amend", "-m", f"amended {self.number}")

    def amend_content(self) -> None:
        self.commit()
        self.edit()
        self.edits += 1
        self.git("commit", "-q", "-a", "--amend", "-m", f"amended {self.number}")

    def merge(self) -> None:
        self.branch("topic", 2)
        self.commit()
        self.git("merge", "-q", "--no-edit", "topic", check=False)
        self.stopped("merge")

    def fast_forward(self) -> None:
        self.branch("topic", 2)
        self.git("merge", "-q", "--ff-only", "topic")

    def conflict_resolved(self) -> None:
        self.git("switch", "-q", "-C", "topic")
        self._line("AGENTS.md", 0)
        self.git("switch", "-q", "main")
        self._line("AGENTS.md", 0)
        self.git("merge", "-q", "--no-edit", "topic", check=False)
        self.number += 1
        lines = (self.here / "AGENTS.md").read_text().splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith(("<<<<<<<", "=======", ">>>>>>>"))]
        kept[0] = f"edit {self.number}\n"
        (self.here / "AGENTS.md").write_text("".join(kept))
        self.git("commit", "-q", "-a", "-m", "resolved by hand")
        self.edits += 1

    def _line(self, path: str, at: int) -> None:
        self.number += 1
        lines = (self.here / path).read_text().splitlines(keepends=True)
        lines[at] = f"edit {self.number}\n"
        (self.here / path).write_text("".join(lines))
        self.git("commit", "-q", "-a", "-m", f"edit {self.number}")
        self.edits += 1

    def octopus(self) -> None:
        for name, path in zip(("one", "two", "three"), DOCUMENTS, strict=False):
            self.git("switch", "-q", "-C", name, "main")
            self._line(path, self.random.randrange(LINES // 2))
        self.git("switch", "-q", "main")
        self.git("merge", "-q", "--no-edit", "one", "two", "three")

    def rebase(self) -> None:
        self.git("switch", "-q", "-C", "topic")
        self.commit()
        self.commit()
        self.git("switch", "-q", "main")
        self.commit()
        self.git("rebase", "-q", "main", "topic", check=False)
        self.stopped("rebase")
        self.git("switch", "-q", "main")

    def cherry_pick(self) -> None:
        self.branch("topic", 1)
        self.git("cherry-pick", "topic", check=False)
        self.stopped("cherry-pick")

    def squash(self) -> None:
        self.commit()
        self.commit()
        self.git("reset", "-q", "--soft", "HEAD~2")
        self.git("commit", "-q", "--allow-empty", "-m", "squashed")

    def revert(self) -> None:
        self.commit()
        self.git("revert", "--no-edit", "HEAD")
        self.edits += 1

    def stash(self) -> None:
        self.edit()
        self.edits += 1
        self.agentsync("scan")
        self.git("stash", "-q")
        self.elsewhere()
        self.git("stash", "pop", "-q")
        self.git("commit", "-q", "-a", "-m", f"edit {self.number}")

    def undone(self) -> None:
        self.edit()
        self.edits += 1
        self.agentsync("scan")
        self.git("checkout", "-q", "--", ".")

    def reset_hard_and_back(self) -> None:
        self.commit()
        self.git("reset", "-q", "--hard", "HEAD~1")
        self.agentsync("scan")
        self.git("reset", "-q", "--hard", "ORIG_HEAD")

    def switch_and_back(self) -> None:
        self.git("switch", "-q", "--detach", "HEAD~1")
        self.git("switch", "-q", "main")

    def in_the_other_worktree(self) -> None:
        self.git("reset", "-q", "--hard", "main", at=self.linked)
        self.commit(self.linked)
        self.git("merge", "-q", "--no-edit", "linked", check=False)
        self.stopped("merge")

    def pull(self) -> None:
        self.git("fetch", "-q", str(self.here), "main", at=self.forge)
        self.git("reset", "-q", "--hard", "FETCH_HEAD", at=self.forge)
        for _ in range(3):
            self.commit(self.forge)
        self.git("pull", "-q", "--ff-only", "origin", "main")

    def pull_rebase(self) -> None:
        self.git("fetch", "-q", str(self.here), "main", at=self.forge)
        self.git("reset", "-q", "--hard", "FETCH_HEAD", at=self.forge)
        before = self.edits
        self.commit(self.forge)
        self.commit()
        if self.git("pull", "-q", "--rebase", "origin", "main", check=False) != "0":
            self.stopped("rebase")
            self.edits = before + 1  # what was not pulled is not seen

    def am(self) -> None:
        self.git("fetch", "-q", str(self.here), "main", at=self.forge)
        self.git("reset", "-q", "--hard", "FETCH_HEAD", at=self.forge)
        self.commit(self.forge)
        self.git("am", "-q", stdin=self.git("format-patch", "--stdout", "-1", at=self.forge) + "\n")


OPERATIONS: tuple[tuple[Callable[[Players], None], int], ...] = (
    (Players.plain_commit, 12),
    (Players.elsewhere, 6),
    (Players.polled_then_committed, 4),
    (Players.amend_message, 2),
    (Players.amend_content, 2),
    (Players.merge, 3),
    (Players.fast_forward, 2),
    (Players.conflict_resolved, 2),
    (Players.octopus, 1),
    (Players.rebase, 3),
    (Players.cherry_pick, 3),
    (Players.squash, 2),
    (Players.revert, 2),
    (Players.stash, 2),
    (Players.undone, 2),
    (Players.reset_hard_and_back, 2),
    (Players.switch_and_back, 2),
    (Players.in_the_other_worktree, 2),
    (Players.pull, 2),
    (Players.pull_rebase, 2),
    (Players.am, 1),
)


def _sealed(home: Path) -> dict[str, str]:
    home.mkdir(parents=True)
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    person = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _ADA}
    return {**kept, **person, "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}


_ADA = (("NAME", "Ada"), ("EMAIL", "ada@example.org"))


def main() -> int:
    """Play, and print what came out; 1 if the ledger does not say what it must."""
    parser = argparse.ArgumentParser(prog="python -m bench.operations")
    parser.add_argument("--commits", type=int, default=3000, help="how many commits there shall be at least")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="agentsync-operations-") as folder:
        players = Players(Path(folder), options.seed)
        plays, weights = zip(*OPERATIONS, strict=True)
        begun = time.monotonic()
        misses: list[str] = []
        commits, said = 0, 0
        while commits < options.commits:
            play = players.random.choices(plays, weights)[0]
            expected, found = players.edits, players.changes()
            play(players)
            players.done[play.__name__] += 1
            off = (players.changes() - found) - (players.edits - expected)
            if off:
                misses.append(f"{play.__name__} ({off:+d})")
            commits = int(players.git("rev-list", "--count", "--all", "--reflog"))
            if commits - said >= 250:
                said = commits
                print(f"{commits} commits, {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
        players.agentsync("scan")
        found = players.changes() - players.base
        print(f"{commits} commits by {sum(players.done.values())} operations in {time.monotonic() - begun:.0f} s")
        for name, count in players.done.most_common():
            print(f"  {count:5}  {name}")
        print(f"edits made and seen: {players.edits}, changes in the ledger: {found}")
        print(f"operations after which the two differed: {dict(collections.Counter(misses))}")
        print(players.agentsync("verify").strip())
        return int(found != players.edits)


if __name__ == "__main__":
    sys.exit(main())
