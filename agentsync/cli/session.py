"""Where a command works: the clone around the current folder, the settings in force, the ledger."""

import os
from functools import cached_property

from agentsync.base import config, git
from agentsync.base.errors import AgentsyncError, not_set_up
from agentsync.base.settings import Settings
from agentsync.ledger.log import Ledger
from agentsync.ledger.view import View
from agentsync.status import Shown, up_to_date

LONG = 4 << 20  # bytes without a cache that take about a quarter of a second


class Session:
    """The clone that a command is about. Raises NotARepositoryError."""

    def __init__(self) -> None:
        self.clone = git.locate(git.here())

    @property
    def here(self) -> git.Worktree | None:
        """The worktree asked from; None in a bare repository."""
        return self.clone.here

    @property
    def settings(self) -> Settings:
        """The settings in force; where the file is wrong these are the last valid ones."""
        return self.configuration.settings

    @cached_property
    def configuration(self) -> config.Configuration:
        """The configuration that holds here."""
        return config.in_force(self.clone, self.here)

    def valid_settings(self) -> Settings:
        """The settings of a file without a mistake. Raises ConfigError."""
        settings = self.settings
        self.check_config()
        return settings

    def check_config(self) -> None:
        """Raise ConfigError if the configuration has a mistake."""
        if self.configuration.problem:
            config.load(config.config_path(self.clone, self.here))

    def view(self) -> View:
        """The ledger, replayed. Raises AgentsyncError where nothing was set up."""
        view = View(Ledger(self.clone.store))
        if view.ledger.size() - view.cursor.offset > LONG:
            self._replay(view)
        view.catch_up()
        if view.state.since is None:
            raise not_set_up()
        return view

    def shown(self) -> Shown:
        """The ledger and what lies around it, after what waits was taken in. Raises AgentsyncError as `view` does."""
        return up_to_date(self.clone, self.configuration, self.view())

    def inside(self, path: str) -> str | None:
        """A path given from the current folder, as git has it from the root ("" for that); None outside of it."""
        root = self.here.root if self.here else os.path.realpath(".")
        folder, name = os.path.split(os.path.abspath(path))
        found = os.path.relpath(os.path.join(os.path.realpath(folder), name), root)
        return None if found.split("/")[0] == ".." else "" if found == "." else found

    def check_set_up(self) -> None:
        """Raise AgentsyncError where nothing was set up; the ledger is not replayed for that."""
        if Ledger(self.clone.store).size() == 0:
            raise not_set_up()

    @staticmethod
    def _replay(view: View) -> None:
        """Replay a long stretch once for all who come after: what comes of it is kept."""
        from agentsync.cli.terminal import patience

        with patience("replaying the ledger", lambda: view.reached / max(view.ledger.size(), 1)):
            view.catch_up()
            view.save()


def enter(directory: str) -> None:
    """Work in another folder. What git told a hook about its own repository does not hold there."""
    try:
        os.chdir(directory)
    except OSError as error:
        raise AgentsyncError(f"cannot enter {directory}", cause=error.strerror or "", hint="name a folder") from None
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX"):
        os.environ.pop(name, None)
