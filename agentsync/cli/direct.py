"""Commands that need neither click nor rich: agents and hook managers call them all the time.

The click commands call the same functions; `DOORS` in `__main__.py` says which command lines come here directly.
"""

from collections.abc import Callable

from agentsync import status
from agentsync.base.errors import OK
from agentsync.cli.session import Session
from agentsync.cli.terminal import print_json
from agentsync.status import Shown


def status_json() -> int:
    """`status --json`."""
    return _shown(lambda now: status.status(now.view.state, now.view.cursor, now.survey))


def pending_json() -> int:
    """`pending --json`."""
    return _shown(lambda now: status.pending(now.view.state, now.survey))


def checksums_json() -> int:
    """`checksums --json`."""
    return _shown(lambda now: status.checksums(now.view.state, now.survey))


def _shown(project: Callable[[Shown], object]) -> int:
    session = Session()
    print_json(project(session.shown()))
    session.check_config()
    return OK
