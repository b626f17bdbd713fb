"""The reports to be shown, as facts from the ledger: what `render` makes Markdown of."""

from agentsync.base.settings import Settings
from agentsync.ledger.events import Consolidation
from agentsync.ledger.history import changes_of, owner_of
from agentsync.ledger.state import State
from agentsync.ledger.view import View
from agentsync.report.render import Fact, Overlap, Report, Zone, render


def body(view: View, settings: Settings) -> str:
    """What the region is to hold, as Markdown."""
    reports = newest(view, settings.report.keep)
    return render(reports, settings.report.language, zones(view.state), overlaps(view.state))


def zones(state: State) -> list[Zone]:
    """The claims that had not ended when the newest record that a report shows was made, oldest first."""
    moment = state.page.recorded if state.page else ""
    return [Zone(one.agent_owner, one.paths, one.expires) for one in state.claims.values() if one.expires > moment]


def overlaps(state: State) -> list[Overlap]:
    """Those of the newest record that tells of them, without what somebody has dismissed."""
    return [Overlap(one.file_path, one.level, one.one, one.other) for one in state.overlaps]


def newest(view: View, count: int) -> list[Report]:
    """The newest `count` consolidations (0: all) with their changes, newest first."""
    reports = [_report(view, event) for event in view.consolidations(count)]
    if reports and len(reports) == sum(view.state.consolidations.values()):
        reports[-1] = reports[-1]._replace(history=view.state.taken_in)
    return reports


def _report(view: View, event: Consolidation) -> Report:
    changes = changes_of(view, event.event_ids)
    facts = tuple(
        Fact(c.file_path, c.event_type, c.timestamp, owner_of(view, c), c.author, c.lines_added, c.lines_removed)
        for c in changes
    )
    paths = {change.file_path for change in changes}
    return Report(
        event.id, event.timestamp, event.trigger_type, event.conditions_met, len(event.event_ids), len(paths), facts
    )
