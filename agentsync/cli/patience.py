"""A word on stderr where something takes longer than a second, on a terminal only."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

QUIET = 1.0  # seconds


@contextmanager
def patience(what: str) -> Iterator[None]:
    """Show after a second that work is going on, and what; gone when it ends."""
    if not sys.stderr.isatty():
        yield
        return
    ended = threading.Event()
    waiter = threading.Thread(target=_show, args=(what, ended), daemon=True)
    waiter.start()
    try:
        yield
    finally:
        ended.set()
        waiter.join()


def _show(what: str, ended: threading.Event) -> None:
    if ended.wait(QUIET):
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task(what, total=None)
        ended.wait()
