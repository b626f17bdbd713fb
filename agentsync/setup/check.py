"""What `agentsync check` looks at, for CI and pre-commit: read-only, offline, in a clone that may have no ledger."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agentsync.base import config, files
from agentsync.base.errors import AgentsyncError, ConfigError
from agentsync.base.git import Clone, Worktree
from agentsync.base.globs import is_glob, literal
from agentsync.base.settings import CONFIG_PATH, Settings
from agentsync.ledger.log import Ledger
from agentsync.report import region

_PLACE = re.compile(r"line (\d+): (.*)", re.DOTALL)


@dataclass(frozen=True)
class Finding:
    """Something wrong in a file of the repository. `line` counts from 1; 0: the file as a whole."""

    path: str
    line: int
    what: str
    hint: str
    warning: bool = False

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.what}" + (f", {self.hint}" if self.hint else "")


def check(clone: Clone, here: Worktree) -> list[Finding]:
    """All findings, in the order of CHECKS. Nothing is written."""
    settings, found = _settings(here)
    return [*found, *(finding for look in CHECKS for finding in look(clone, here, settings))]


def _settings(here: Worktree) -> tuple[Settings, list[Finding]]:
    path = f"{here.root}/{CONFIG_PATH}"
    if not os.path.lexists(path):
        hint = "`agentsync init` writes it; commit it, so that every clone watches the same"
        return Settings(), [Finding(CONFIG_PATH, 0, "missing, so the defaults apply", hint, warning=True)]
    try:
        return config.load(path), []
    except ConfigError as error:
        place = re.match(r":(\d+)?:? ?(.*)", error.message.removeprefix(path), re.DOTALL)
        line, what = (int(place[1] or 0), place[2]) if place else (0, error.message)
        return Settings(), [Finding(CONFIG_PATH, line, what, error.hint)]


def _report(clone: Clone, here: Worktree, settings: Settings) -> Iterator[Finding]:
    """The report region is well formed, without a conflict, and as agentsync wrote it."""
    path = settings.report.path
    try:
        content = files.read_document(here.root, path)
    except files.UnreadableError as error:
        yield Finding(path, 0, str(error), "put a regular file there")
        return
    try:
        found = region.find(content or b"")
    except region.BrokenRegionError as error:
        place = _PLACE.fullmatch(str(error))
        line, what = (int(place[1]), place[2]) if place else (0, str(error))
        yield Finding(path, line, what, "leave one begin and one end marker, then run `agentsync consolidate`")
        return
    if content and found and not found.intact:
        line = content.count(b"\n", 0, found.start) + 1
        hint = "write outside of the markers; `agentsync consolidate` moves what was typed below them"
        yield Finding(path, line, "the report was edited by hand", hint)


def _ledger(clone: Clone, here: Worktree, settings: Settings) -> Iterator[Finding]:
    """The ledger is intact, where there is one."""
    ledger = Ledger(clone.store)
    if not os.path.lexists(ledger.path):
        return
    from agentsync.ledger.verify import verify  # late: a fresh clone has no ledger

    path = os.path.relpath(ledger.path, here.root)
    try:
        verified = verify(ledger)
    except AgentsyncError as error:
        yield Finding(path, 0, error.cause or error.message, error.hint)
        return
    for finding in verified.findings:
        yield Finding(path, finding.line, finding.what, "see `agentsync verify`")


def _documents(clone: Clone, here: Worktree, settings: Settings) -> Iterator[Finding]:
    """Each document that is watched by its name is there."""
    for watch in settings.watch:
        path = literal(watch.path)
        if not is_glob(watch.path) and not os.path.lexists(f"{here.root}/{path}"):
            yield Finding(
                path, 0, "a watched file is missing", f"make it or take it out of {CONFIG_PATH}", warning=True
            )


CHECKS: tuple[Callable[[Clone, Worktree, Settings], Iterator[Finding]], ...] = (_report, _ledger, _documents)
