"""When a report is due, told to the hooks' sh, which cannot read a ledger.

`due` in the store holds one line: how many changes are pending, the threshold, and the id of the newest record that a
report shows. The file's time is the moment from which the time's rule fires. It may be deleted at any time: then a hook
looks in the foreground, and it is made anew.
"""

import os
from contextlib import suppress

from agentsync.base import files
from agentsync.base.settings import Settings
from agentsync.ledger.events import from_rfc3339
from agentsync.ledger.state import State

NOTHING = "-"  # no report is to be written, or it was tried and something else stands in the way


def tell(store: str, state: State, settings: Settings, *, tried: bool = False) -> None:
    """Tell the hooks what is known after a look. `tried`: the newest report was to be written, and could not be."""
    since = state.last.recorded if state.last else state.since
    if since is None:
        return
    newest = state.page.id if state.page and not tried else NOTHING
    line = f"{len(state.pending)} {settings.consolidation_threshold} {newest}\n".encode()
    moment = from_rfc3339(since) + 60 * settings.consolidation_interval_minutes
    path = f"{store}/due"
    if _told(path) == (line, int(moment)):
        return
    with suppress(OSError):  # nothing depends on it but how soon a report stands in the file
        files.replace_file(path, line)
        os.utime(path, (moment, moment))


def _told(path: str) -> tuple[bytes, int] | None:
    try:
        with open(path, "rb") as file:
            return file.read(200), int(os.fstat(file.fileno()).st_mtime)
    except OSError:
        return None
