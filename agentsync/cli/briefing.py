"""What `brief` and the tool of that name do, without click: agents ask at the start of each session."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from agentsync.agents import brief as briefs
from agentsync.agents import claims, readers
from agentsync.agents.brief import Brief, Seen
from agentsync.agents.caller import Caller, caller
from agentsync.agents.overlaps import overlaps
from agentsync.base import files
from agentsync.base.errors import OK
from agentsync.base.processes import has_ended
from agentsync.base.times import to_rfc3339
from agentsync.cli.session import Session
from agentsync.cli.terminal import print_json, say


def as_text(*, again: bool = False) -> int:
    """`brief`: with quotations."""
    return _tell(lambda session, brief: say(*quoting(session, brief)), again)


def for_hook(*, again: bool = False) -> int:
    """`brief --hook`: our words alone."""
    return _tell(lambda session, brief: say(*briefs.text(brief)), again)


def as_json(*, again: bool = False) -> int:
    """`brief --json`."""
    return _tell(lambda session, brief: print_json(brief), again)


def quoting(session: Session, brief: Brief) -> list[str]:
    """A brief with the newest entries of the journal as it is in this worktree."""
    lines, journal = briefs.text(brief), brief["journal"]
    if not (brief["new"] and journal and session.here):
        return lines
    try:
        data = files.read_document(session.here.root, journal["file_path"]) or b""
    except files.UnreadableError:
        return lines
    return briefs.with_journal(lines, data.decode(errors="replace"), journal["file_path"])


def told(session: Session, reader: Caller, *, again: bool) -> Brief:
    """What the reader has to know; it counts as told."""
    now, at = session.shown(), time.time()
    view, state = now.view, now.view.state
    around = briefs.Around(
        now.survey.waiting,
        now.survey.missing,
        overlaps(session.clone, view, session.settings, at),
        claims.active(state, at, has_ended),
    )
    before = None if again else readers.seen(session.clone.store, reader)
    found = briefs.gather(view, session.settings, around, reader, before, at)
    readers.remember(session.clone.store, reader, Seen(view.cursor.clock, to_rfc3339(at), briefs.digest(found)))
    return found


def _tell(show: Callable[[Session, Brief], None], again: bool) -> int:
    session = Session()
    show(session, told(session, caller(session.here, os.environ), again=again))
    session.check_config()
    return OK
