"""Every action with every fault: run, look once without a fault, and see what stands there."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lab.audit import audit
from lab.commands import agentsync

from agentsync.report import region
from torture import page
from torture.actions import ACTIONS, DOCUMENTS, TWO, Action, git
from torture.faults import STATE_CHANGING, Fault, calls_in, environment, faults, wrapper
from torture.forked import Origin

# What may lie about for as long as its process lives, and no longer.
LEFT_OVER = (".new", ".old", ".lock", ".gz~")
LOCKS = ("look.lock", "watch.lock", "report.lock", "settings.lock")


class Result(NamedTuple):
    """What came of one run: `outcome` of the action itself, and what was `wrong` after the next look."""

    action: str
    fault: Fault
    outcome: str
    wrong: tuple[str, ...]


class Campaign:
    """Repositories in a folder of their own: one to copy for each action, and the copy that is tried."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "calls"
        self.python = wrapper(folder, sys.executable)
        self.origin = Origin()

    def template(self, action: Action) -> Path:
        """The repository of an action; the hooks there start our interpreter by the wrapper."""
        root = self.folder / "template" / "".join(char if char.isalnum() else "-" for char in action.name)
        if not root.exists():
            action.prepare(root)
            for hook in (root / ".git/hooks").iterdir():
                text = re.sub(r"(?m)^agentsync_python=.*", f"agentsync_python={self.python}", hook.read_text())
                hook.write_text(text)
        return root

    def copy(self, action: Action) -> Path:
        """A fresh copy, always at the same place."""
        root = self.folder / "run"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self.template(action), root, symlinks=True)
        return root

    def faults(self, action: Action) -> list[Fault]:
        """All that may meet an action: found out by a run without any."""
        root = self.copy(action)
        self.log.unlink(missing_ok=True)
        status, calls = self.start(action, root, None)
        wrong = list(self.wrong(action, root))
        assert status == 0 and not wrong, f"{action.name} without a fault: {status}, {wrong}"
        return list(faults(calls, root))

    def start(self, action: Action, root: Path, fault: Fault | None) -> tuple[int, list[tuple[str, str]]]:
        """Do it, with a fault or none: the exit status, and the calls."""
        strace = fault.strace if fault else ["-e", f"trace={STATE_CHANGING}"]
        if action.mode is None:
            written = ["-y", "-s", "200", "-o", str(self.log), *strace]
            return self.origin.start(action.command, root, written), calls_in(self.log)
        if action.shell:
            self.trace_shell(root, strace)
        done = subprocess.run(
            action.command,
            cwd=root,
            env=environment(action.mode, strace, self.log),
            capture_output=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )
        return done.returncode, calls_in(self.log)

    def trace_shell(self, root: Path, strace: list[str]) -> None:
        """Put a hook in front of ours that starts its sh under strace."""
        hook = root / ".git/hooks/post-commit"
        hook.rename(f"{hook}-ours")
        hook.write_text(f'#!/bin/sh\nexec strace -y -qq -s 200 -o {self.log} {" ".join(strace)} sh "$0-ours" "$@"\n')
        hook.chmod(0o755)
        with hook.open("rb") as file:
            os.fsync(file.fileno())  # ours was, too

    def run(self, action: Action, fault: Fault) -> Result:
        """Do it once with a fault, look, and see."""
        root = self.copy(action)
        status, _ = self.start(action, root, fault)
        wrong = [] if action.mode is None or status == 0 else [f"git exited with {status}"]
        outcome = self.outcome(action, root, status)
        return Result(action.name, fault, outcome, (*wrong, *self.wrong(action, root)))

    def outcome(self, action: Action, root: Path, status: int) -> str:
        """Whether the action did what it should, said that it could not, or left it to the next look."""
        if action.gone:
            done = not (root / ".git/hooks/post-commit").exists()
        elif action.edited:
            done = set(recorded(root)) == set(action.edited)
        else:
            done = (root / ".git/hooks/post-commit").exists() and bool(records(root))
        if status:
            return "killed" if status < 0 or status == 137 else "refused, and said so"
        return "done" if done else "left to the next look"

    def wrong(self, action: Action, root: Path) -> Iterator[str]:
        """What is not as it should be after the next look."""
        for command in (*action.settle, *([] if action.gone else [("scan",)])):
            done = agentsync(root, *command, code=None)
            if done.code:
                yield f"then `agentsync {' '.join(command)}` exits with {done.code}: {done.said.strip()[:300]}"
        yield from wrong_documents(action, root)
        yield from left_over(root)
        if not action.gone:
            yield from wrong_ledger(action, root)
        committed = action.mode is not None and "sees" not in action.name
        if committed and (said := git(root, "status", "--porcelain", "--", *DOCUMENTS).strip()):
            yield f"git status: {said}"


def records(root: Path) -> list[dict[str, object]]:
    """What stands in the ledger; nothing where there is none, or its end is torn."""
    try:
        return audit(root / ".git/agentsync")
    except (OSError, AssertionError):
        return []


def recorded(root: Path, *, past: bool = False) -> list[str]:
    """The document of each change in the ledger: since watching began, or `past`: taken in from the history."""
    changes = [record for record in records(root) if record["kind"] == "change"]
    return [str(change["file_path"]) for change in changes if (change["source"] == "import") == past]


def wrong_ledger(action: Action, root: Path) -> Iterator[str]:
    try:
        audit(root / ".git/agentsync")
    except (OSError, AssertionError) as error:
        yield f"ledger: {error}"
        return
    found = Counter(recorded(root))
    for path in action.edited:
        if found[path] != 1:
            yield f"{path} was edited once, and stands {found[path]} times in the ledger"
    if sorted(past := recorded(root, past=True)) != sorted(DOCUMENTS):
        yield f"the history has each document once, the ledger {past}"
    if extra := set(found) - set(action.edited):
        yield f"nobody edited {extra}"
    if (done := agentsync(root, "verify", code=None)).code:
        yield f"verify: {done.said.strip()[:300]}"


def wrong_documents(action: Action, root: Path) -> Iterator[str]:
    """A document is what it was before or what somebody made of it; never a part, nor a mixture of two."""
    for path, text in DOCUMENTS.items():
        try:
            content = (root / path).read_bytes()
            region.find(content)
        except (OSError, region.BrokenRegionError) as error:
            yield f"{path}: {error}"
            continue
        own = region.strip(content).decode()
        heading = "\n## 🤖 Automatic synchronisation\n"
        if own not in (text, TWO, text + heading, text + heading + "\n"):
            yield f"{path} holds {own[:200]!r}"


def left_over(root: Path) -> Iterator[str]:
    """Files of ours that nobody needs any more."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), root)
            if name in LOCKS or path.startswith((".git/objects", ".git/agentsync/torn")):
                continue
            if name.endswith(LEFT_OVER) or ".agentsync." in name:
                yield f"left over: {'.'.join(part if not part.isdigit() else 'N' for part in path.split('.'))}"


def shuffled(lab: Campaign, options: Namespace) -> list[tuple[Action, Fault]]:
    """All pairs of action and fault, in an order in which any part is a fair sample; a seed has always the same."""
    pairs = [(action, fault) for action in ACTIONS if options.only in action.name for fault in lab.faults(action)]
    seed = str(options.seed)
    return sorted(pairs, key=lambda pair: hashlib.sha256(f"{seed}{pair[0].name}{pair[1]}".encode()).digest())


def carry_out(folder: Path, options: Namespace) -> int:
    """Try as many as are asked for, in several processes; tell each that is wrong. Returns 1 if any is."""
    pairs = shuffled(Campaign(folder), options)
    print(f"{len(pairs)} failing calls may be tried, in the order of --seed {options.seed}", flush=True)
    ends, results = time.time() + options.seconds, earlier(options.log)
    made = {(result.action, result.fault) for result in results}
    pairs = [pair for pair in pairs if (pair[0].name, pair[1]) not in made]
    with multiprocessing.Pool(options.jobs, _begin, (str(folder), ends)) as pool:
        named = [(action.name, fault) for action, fault in pairs[: options.runs]]
        for result in pool.imap_unordered(_try, named):
            if result is None:
                continue
            results.append(result)
            if result.wrong:
                print(result, flush=True)
            if options.log:
                with options.log.open("a") as log:
                    log.write(json.dumps(result) + "\n")
    told = report(results, len(made) + len(pairs))
    print(told)
    if options.write:
        page.put("faults", told)
    return int(any(result.wrong for result in results))


def earlier(log: Path | None) -> list[Result]:
    """What an earlier campaign has written into its log."""
    lines = log.read_text().splitlines() if log and log.exists() else []
    return [Result(action, Fault(*fault), *rest) for action, fault, *rest in map(json.loads, lines)]


def _begin(folder: str, ends: float) -> None:
    """Each process has a laboratory of its own."""
    global _lab, _ends
    own = Path(folder) / str(os.getpid())
    own.mkdir()
    _lab, _ends = Campaign(own), ends


def _try(pair: tuple[str, Fault]) -> Result | None:
    """One run, the action by its name; None when the time is over."""
    action = next(action for action in ACTIONS if action.name == pair[0])
    return _lab.run(action, pair[1]) if time.time() < _ends else None


_lab: Campaign
_ends: float


def report(results: list[Result], possible: int) -> str:
    """What was tried and what came of it, in Markdown."""
    wrong = sum(bool(result.wrong) for result in results)
    by_kind = page.crossed([(result.fault.kind, result.outcome) for result in results], "fault")
    by_action = page.crossed([(result.action, result.outcome) for result in results], "action")
    said = f"{len(results)} of {possible} possible runs were made; after the next look **{wrong}** of them were wrong."
    return f"{said}\n\n{by_kind}\n{by_action}"
