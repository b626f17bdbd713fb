"""A word on stderr where something takes longer than a second, on a terminal only."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

QUIET = 1.0  # seconds


@contextmanager
def patience(what: str, done: Callable[[], float] | None = None) -> Iterator[None]:
    """Show after a second that work is going on, and what; `done` says how much of it is (0 to 1). Gone at the end."""
    if not sys.stderr.isatty():
        yield
        return
    ended = threading.Event()
    waiter = threading.Thread(target=_show, args=(what, done, ended), daemon=True)
    waiter.start()
    try:
        yield
    finally:
        ended.set()
        waiter.join()


def _show(what: str, done: Callable[[], float] | None, ended: threading.Event) -> None:
    if ended.wait(QUIET):
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=1.0 if done else None)
        while not ended.wait(0.1):
            if done:
                progress.update(task, completed=done())
