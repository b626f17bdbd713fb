"""Commands that need neither click nor rich: agents and hook managers call them all the time.

The click commands call the same functions; `DOORS` in `__main__.py` says which command lines come here directly.
"""

from __future__ import annotations

from agentsync import views
from agentsync.cli.context import Session
from agentsync.cli.output import print_json
from agentsync.errors import OK
from agentsync.survey import survey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from agentsync.checkpoint import View
    from agentsync.views import Survey


def status_json() -> int:
    """`status --json`."""
    return _shown(lambda view, around: views.status(view.state, view.cursor, around))


def pending_json() -> int:
    """`pending --json`."""
    return _shown(lambda view, around: views.pending(view.state, around.waiting))


def checksums_json() -> int:
    """`checksums --json`."""
    return _shown(lambda view, around: views.checksums(view.state, around))


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
