"""What a person is told when something cannot be done: a message, its cause, and what to type next."""

OK, ERROR, USAGE, FINDINGS, LOCKED = 0, 1, 2, 3, 4


class AgentsyncError(Exception):
    """An expected failure. `cause` says why it happened, `hint` what to do, `exit_code` is one of the above."""

    exit_code = ERROR

    def __init__(self, message: str, *, cause: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.hint = hint


class NotARepositoryError(AgentsyncError):
    """There is no git repository at or above the folder."""


class ConfigError(AgentsyncError):
    """The configuration cannot be used; the message names file and line."""


class LedgerError(AgentsyncError):
    """The ledger cannot be read or written."""


class LockedError(LedgerError):
    """Another process held a lock for too long."""

    exit_code = LOCKED


def not_set_up() -> AgentsyncError:
    """The error for a repository in which agentsync knows nothing yet."""
    return AgentsyncError(
        "agentsync is not set up in this repository",
        cause="nothing is recorded here yet",
        hint="agentsync init",
    )
