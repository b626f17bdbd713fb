"""`watch`: the poller, for as long as it runs."""

from __future__ import annotations

import signal
import sys

import click

from agentsync import poller
from agentsync.base.errors import OK, AgentsyncError
from agentsync.cli.session import Session
from agentsync.cli.terminal import clean, say, warn
from agentsync.cli.words import count, who
from agentsync.ledger.events import Change
from agentsync.report.outcome import WRITTEN
from agentsync.sync import Synced

MOMENT = 0.5  # seconds


@click.command()
@click.option(
    "--interval", type=click.FloatRange(min=0.1), help="Seconds between two full looks. [default: as configured]"
)
@click.option("--once", is_flag=True, help="Look once at every worktree, apply the rules, and end.")
def watch(interval: float | None, once: bool) -> int:
    """Watch all worktrees of this clone, until Ctrl-C: changes that no hook sees, and the 60-minute rule.

    A change is recorded within about a third of a second. Who made it the poller cannot know, unless
    `agentsync agent NAME` has said who works in the worktree; a commit afterwards may tell.

    \b
    Examples:
      agentsync watch
      agentsync watch --interval 5
      agentsync watch --once             for a cron job
    """
    session = Session()
    session.view()
    failed: list[AgentsyncError] = []
    watcher = poller.Watcher(session.clone, _tell, failed.append if once else _complain, interval)
    if once:
        watcher.look_at_all()
        for error in failed:
            raise error
        return OK
    _stop_by_signal(watcher)
    _say("watching; Ctrl-C ends it")
    watcher.run()
    return OK


def _stop_by_signal(watcher: poller.Watcher) -> None:
    """End after the look that is going on; one that takes longer than a moment is broken off, as by a kill."""

    def stop(*_: object) -> None:
        watcher.stop()
        signal.setitimer(signal.ITIMER_REAL, MOMENT)

    signal.signal(signal.SIGALRM, lambda *_: sys.exit(OK))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def _tell(done: Synced) -> None:
    for event in done.seen.events:
        if isinstance(event, Change):
            by = who(event.agent_owner, event.author)
            _say(f"{event.timestamp}  {event.event_type:8}  {clean(event.file_path)}  {by}")
    if done.seen.consolidation:
        made = done.seen.consolidation
        _say(f"{made.timestamp}  {count(len(made.event_ids), 'change')} consolidated ({made.trigger_type})")
    for worktree, report in done.reports.items():
        if report == WRITTEN:
            _say(f"report written in {clean(worktree)}")


def _complain(error: AgentsyncError) -> None:
    warn(f"{error.message}: {error.cause}" if error.cause else error.message)


def _say(line: str) -> None:
    say(line)
    sys.stdout.flush()  # a log file shows each line at once
