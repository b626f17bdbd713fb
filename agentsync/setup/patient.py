"""The clone that `doctor` examines: what several checks ask of it is asked once."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from agentsync import status
from agentsync.base import config, git
from agentsync.base.errors import AgentsyncError
from agentsync.base.git import Clone
from agentsync.ledger import notes
from agentsync.ledger.log import Ledger
from agentsync.ledger.view import View
from agentsync.observe.request import Request
from agentsync.setup import hooks, repository
from agentsync.setup.changes import carry_out
from agentsync.setup.interpreter import check_interpreter
from agentsync.status import Survey
from agentsync.sync import sync


@dataclass(frozen=True)
class Result:
    """What a check found. `hint` is what to type; `fix` mends it, where that can be done."""

    check: str
    ok: bool
    what: str
    hint: str = ""
    fix: Callable[[], object] | None = None


class Patient:
    """The clone that is examined, and what several checks ask of it. Raises AgentsyncError in a bare repository."""

    def __init__(self, clone: Clone, python: str) -> None:
        self.clone = clone
        self.here = clone.worktree()
        self.python = python
        self.ledger = Ledger(clone.store)

    @cached_property
    def facts(self) -> repository.Facts:
        """What GitPython tells of the repository."""
        return repository.facts(self.clone.common_dir)

    @cached_property
    def configuration(self) -> config.Configuration:
        """The settings in force, and what is wrong with the file."""
        return config.in_force(self.clone, self.here)

    @cached_property
    def hooks(self) -> list[hooks.HookState]:
        """What became of each hook, post-commit first. Raises AgentsyncError."""
        return hooks.inspect(self.clone, self.here)

    def install_hooks(self) -> None:
        """Put in what is missing of the hooks. Raises AgentsyncError."""
        check_interpreter(self.here.root, self.python)
        carry_out(hooks.plan_install(self.clone, self.here, self.python))

    @cached_property
    def view(self) -> View:
        """The ledger, replayed. Raises LedgerError."""
        return View(self.ledger).catch_up()

    @cached_property
    def survey(self) -> Survey:
        """What lies around the ledger."""
        return status.survey(self.clone, self.view.state, self.configuration)

    def take_in(self) -> None:
        """Look first, if a note waits, as whoever shows something does; what cannot be taken in is found then."""
        with suppress(AgentsyncError, OSError):
            if notes.listed(self.clone, git.worktrees(self.clone)):
                self.look()

    def look(self) -> None:
        """Observe once, which takes in what waits and pays what is owed."""
        worktrees = git.worktrees(self.clone)
        sync(Request(self.clone, self.configuration.settings, "scan", worktrees, time.time()))
