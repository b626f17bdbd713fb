"""What `agentsync status` prints, without click: people and agents ask all the time."""

import time

from agentsync import status as answers
from agentsync.base.errors import OK
from agentsync.cli import status_rows
from agentsync.cli.session import Session
from agentsync.cli.tables import Table, show
from agentsync.cli.terminal import say
from agentsync.cli.words import count, some

MOST_FILES, NAMED = 20, 3
HEADS = ("FILE", "TYPE", "STATE", "LAST CHANGE (UTC)", "BY")


def show_some() -> int:
    """`status`: of many documents those that matter most."""
    return _show(MOST_FILES)


def show_all() -> int:
    """`status --all`."""
    return _show(None)


def _show(most: int | None) -> int:
    session = Session()
    now = session.shown()
    shown = answers.status(now.view.state, now.view.cursor, now.survey)
    show(Table(("", ""), status_rows.summary(session, now, shown, time.time()), folds=1))
    rows = status_rows.files(shown, now, most)
    say("")
    show(Table(HEADS, rows, path=0, drops=(1, 3, 4)))
    left = shown["watched_files"] - len(now.survey.missing) - len(rows)
    if left > 0:
        say("", f"and {count(left, 'more document')}; `agentsync status --all` lists them")
    if now.survey.missing:
        say("", f"watched once they are there: {some(now.survey.missing, NAMED)}")
    notes = [*status_rows.notes(shown), *status_rows.removed(session, now)]
    if notes:
        say("", *notes)
    session.check_config()
    return OK
