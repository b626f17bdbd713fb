"""Commands that need neither click nor rich: agents and hook managers call them all the time.

The click commands call the same functions; `DOORS` in `__main__.py` says which command lines come here directly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentsync import status
from agentsync.base.errors import OK
from agentsync.cli.context import Session
from agentsync.cli.output import print_json
from agentsync.ledger.view import View
from agentsync.status import Survey
from agentsync.survey import survey


def status_json() -> int:
    """`status --json`."""
    return _shown(lambda view, around: status.status(view.state, view.cursor, around))


def pending_json() -> int:
    """`pending --json`."""
    return _shown(lambda view, around: status.pending(view.state, around.waiting))


def checksums_json() -> int:
    """`checksums --json`."""
    return _shown(lambda view, around: status.checksums(view.state, around))


def _shown(project: Callable[[View, Survey], dict[str, Any]]) -> int:
    session = Session()
    view, around = seen(session)
    print_json(project(view, around))
    session.check_config()
    return OK


def seen(session: Session) -> tuple[View, Survey]:
    """The ledger, and what lies around it."""
    view = session.view()
    settings = session.settings
    return view, survey(session.clone, view.state, settings, session.problem)
