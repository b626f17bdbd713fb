"""The power is cut: an ext4 file system as its disk had it at some moment, while nobody had synced it.

The file system lies in a file behind a loop device; a copy of that file is what the disk has. It is mounted so that it
loses as much as POSIX allows: data is written long after the names (data=writeback, noauto_da_alloc). A further program
that syncs a file of its own makes the journal write all names at that moment, and nobody else's data. Needs root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from torture import page
from torture.actions import ACTIONS, Action, git
from torture.campaign import Campaign, recorded
from torture.faults import KILL, Fault

OPTIONS = "loop,data=writeback,noauto_da_alloc,commit=300"
POINTS = ("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "fsync", "fdatasync")
SIZE = 96 << 20  # bytes


class Cut(NamedTuple):
    """When the power was cut, what was wrong then, and whether a file that nobody synced was lost."""

    action: str
    when: str
    wrong: tuple[str, ...]
    bites: bool


def program(*argv: str) -> None:
    """Run a program of the system."""
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"{argv}: {done.stderr}")


@contextmanager
def mounted(image: Path, at: Path) -> Iterator[Path]:
    """A file system in a file, for the time of a `with`."""
    program("mount", "-o", OPTIONS, str(image), str(at))
    try:
        yield at
    finally:
        program("umount", str(at))


class Power:
    """One file system for all cuts, and a copy of it."""

    def __init__(self, folder: Path) -> None:
        self.lab = Campaign(folder)
        self.at, self.image, self.copy = folder / "mounted", folder / "image", folder / "copy"
        self.at.mkdir()

    def moments(self, action: Action) -> Iterator[Fault | None]:
        """After the end, and before each call that gives, takes or syncs a name."""
        yield None
        yield from (one for one in self.lab.faults(action) if one.kind == KILL and one.call in POINTS)

    def cut(self, action: Action, fault: Fault | None) -> Cut:
        """Begin an action, cut the power at a moment, and see what the disk has."""
        template = self.lab.template(action)
        self.image.unlink(missing_ok=True)
        with self.image.open("wb") as file:
            file.truncate(SIZE)
        program("mkfs.ext4", "-q", "-F", str(self.image))
        with mounted(self.image, self.at) as root:
            shutil.copytree(template, root / "run", symlinks=True)
            (root / "control").write_text("for weeks")
            program("sync")
            status, _ = self.lab.start(action, root / "run", fault)
            known = recorded(root / "run")
            _replace_carelessly(root / "control")
            _let_the_journal_be_written(root / "other")
            shutil.copyfile(self.image, self.copy)
        with mounted(self.copy, self.at) as root:
            bites = (root / "control").read_text() == ""
            acknowledged = known if status == 0 and fault is None else []
            wrong = list(_lost(root / "run", acknowledged))
            wrong += self.lab.wrong(action, root / "run")
        return Cut(action.name, str(fault and f"{fault.call} {fault.number}"), tuple(wrong), bites)


def _replace_carelessly(path: Path) -> None:
    new = path.with_suffix(".new")
    new.write_text("nobody syncs this")
    new.rename(path)


def _let_the_journal_be_written(path: Path) -> None:
    with path.open("wb") as file:
        os.fsync(file.fileno())


def _lost(root: Path, known: list[str]) -> Iterator[str]:
    """What was there and is not, before anybody looks again."""
    if missing := set(known).difference(recorded(root)):
        yield f"no longer in the ledger: {sorted(missing)}"
    for path in [root / ".git/config", root / ".git/HEAD", *(root / ".git/hooks").iterdir()]:
        if path.suffix not in (".new", ".old") and not path.read_bytes():
            yield f"{path.name} is empty"
    git(root, "config", "--list")


def carry_out(folder: Path, options: Namespace) -> int:
    """Cut the power during each action; 1 if anything was wrong."""
    if os.geteuid():
        print("cutting the power needs root, for the loop device: sudo make torture")
        return 1
    config = folder / "gitconfig"
    config.write_text(Path(os.environ["GIT_CONFIG_GLOBAL"]).read_text() + "[core]\n\tfsync = all\n")
    os.environ["GIT_CONFIG_GLOBAL"] = str(config)  # what git itself may lose is not counted here
    power, ends = Power(folder), time.monotonic() + options.seconds
    cuts: list[Cut] = []
    waiting = {action.name: (action, power.moments(action)) for action in ACTIONS if options.only in action.name}
    while waiting and time.monotonic() < ends and len(cuts) < options.runs:
        for name, (action, moments) in list(waiting.items()):
            for moment in moments:
                cuts.append(power.cut(action, moment))
                if cuts[-1].wrong:
                    print(cuts[-1], flush=True)
                break
            else:
                del waiting[name]
    told = report(cuts)
    print(told)
    if options.write:
        page.put("power", told)
    return int(any(cut.wrong for cut in cuts))


def report(cuts: list[Cut]) -> str:
    """How often the power was cut, and what came of it, in Markdown."""
    wrong, bites = sum(bool(cut.wrong) for cut in cuts), sum(cut.bites for cut in cuts)
    pairs = [(cut.action, "wrong" if cut.wrong else "as it should be") for cut in cuts]
    said = (
        f"{len(cuts)} cuts; after {wrong} of them something was lost. A file beside it that was replaced without being "
        f"synced came back empty {bites} times: so hard is the model."
    )
    return f"{said}\n\n{page.crossed(pairs, 'action')}"
