"""What reaches a terminal: cleaned text, JSON, and a word where something takes long. `tables.py` has the tables."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agentsync.base import strict_json
from agentsync.base.text import clean as clean  # what the commands clean their names with
from agentsync.base.text import escape_json as escape_json

if TYPE_CHECKING:
    from threading import Event

QUIET = 1.0  # seconds until `patience` says something


def print_json(value: object) -> None:
    """One JSON value on a line of its own."""
    say(escape_json(strict_json.dumps(value)))


def say(*lines: str) -> None:
    """Lines to stdout, as UTF-8 whatever the locale."""
    stream = getattr(sys.stdout, "buffer", None)
    text = "".join(f"{line}\n" for line in lines)
    if stream is None:
        sys.stdout.write(text)
    else:
        sys.stdout.flush()
        stream.write(text.encode(errors="backslashreplace"))


def page(lines: Iterable[str]) -> None:
    """Lines that may be many: on a terminal through a pager, as git shows them; elsewhere without colours."""
    import click  # late: agents, who ask often, ask for JSON

    if not sys.stdout.isatty():
        say_styled(lines)
        return
    os.environ.setdefault("LESS", "FRX")
    os.environ["PAGER"] = os.environ.get("GIT_PAGER") or os.environ.get("PAGER") or "less"
    click.echo_via_pager((f"{line}\n" for line in lines), color=_colours())


def say_styled(lines: Iterable[str]) -> None:
    """Lines as they come, with their colours on a terminal."""
    import click

    for line in lines:
        say(line if _colours() else click.unstyle(line))


def _colours() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def warn(text: str) -> None:
    """A line to stderr; it must be clean already."""
    sys.stderr.write(f"{text}\n")


@contextmanager
def patience(what: str, done: Callable[[], float] | None = None) -> Iterator[None]:
    """Show after a second that work is going on, and what; `done` says how much of it is (0 to 1). Gone at the end."""
    if not sys.stderr.isatty():
        yield
        return
    import threading  # late: agents, who ask often, have no terminal

    ended = threading.Event()
    waiter = threading.Thread(target=_show, args=(what, done, ended), daemon=True)
    waiter.start()
    try:
        yield
    finally:
        ended.set()
        waiter.join()


def _show(what: str, done: Callable[[], float] | None, ended: "Event") -> None:
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
