"""What Prometheus is told: the ledger's state and its surroundings as metric families. Pure.

Counters are folds of the ledger, so they survive a restart; only the two histograms are the process's own. A new metric
is a line in GAUGES, or a function `(Reading) -> Metric` and its name in METRICS.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentsync import __version__
from agentsync import status as shown_now
from agentsync.agents.overlaps import Overlap, counts
from agentsync.base.errors import AgentsyncError
from agentsync.base.text import clean
from agentsync.ledger.events import from_rfc3339
from agentsync.ledger.state import State
from agentsync.ledger.view import Cursor
from agentsync.observe.agents import KNOWN_AGENTS
from agentsync.status import Survey
from agentsync.web.durations import Durations, Looks

if TYPE_CHECKING:  # an extra, imported when it is called for
    from prometheus_client.metrics_core import Metric
    from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LABELS = frozenset(
    ("file_type", "agent", "source", "trigger_type", "file_path", "reason", "level", "le", "version", "python")
)
UNKNOWN, OTHER = "unknown", "other"
# How many names that anybody can make up get series of their own; all others together are "other".
MOST_NAMES = 50
MOST_FILES = 1000
TRIGGERS = ("manual", "threshold", "time_based")
SOURCES = ("hook", "poller", "scan", "history")


@dataclass(frozen=True)
class Reading:
    """What is measured, all at one moment (`now`, in seconds since 1970).

    `looks` and `callback_errors` are of the service of this process, where it is one.
    """

    state: State
    cursor: Cursor
    survey: Survey
    now: float
    overlaps: Sequence[Overlap] = ()
    looks: Looks | None = None
    callback_errors: int = 0


def exposition(reading: Reading, labels: Mapping[str, str] | None = None) -> bytes:
    """The metrics in Prometheus' text format (`CONTENT_TYPE`); `labels` are added to every sample.

    Raises AgentsyncError where prometheus_client is not installed.
    """
    try:
        from prometheus_client import CollectorRegistry, generate_latest
    except ImportError:
        raise AgentsyncError(
            "prometheus_client is not installed",
            cause="metrics are written by it",
            hint="reinstall it, in a checkout of agentsync: pipx install --force .",
        ) from None
    registry = CollectorRegistry()
    registry.register(_collector(reading, labels or {}))
    return generate_latest(registry)


def families(reading: Reading) -> Iterator[Metric]:
    """Every metric with its samples. Needs prometheus_client."""
    yield from (metric(reading) for metric in METRICS)
    for name, text, value in GAUGES:
        found = value(reading)
        yield _gauges(name, text, (), {} if found is None else {(): found})


def _collector(reading: Reading, labels: Mapping[str, str]) -> Collector:
    from prometheus_client.registry import Collector

    class Families(Collector):
        def collect(self) -> Iterator[Metric]:
            for family in families(reading):
                family.samples = [one._replace(labels={**labels, **one.labels}) for one in family.samples]
                yield family

    return Families()


def changes_detected(reading: Reading) -> Metric:
    """By file type and agent, as recorded."""
    detected, _ = _by_agent(reading)
    return _counter(
        "sync_changes_detected",
        "Changes of watched documents by file type and by the agent known when the change was recorded.",
        ("file_type", "agent"),
        detected,
    )


def changes_attributed(reading: Reading) -> Metric:
    """Of those counted as unknown, by the agent that a later commit named."""
    _, attributed = _by_agent(reading)
    return _counter(
        "sync_changes_attributed",
        "Changes recorded with an unknown agent, by the agent that a later commit named.",
        ("file_type", "agent"),
        attributed,
    )


def changes_seen(reading: Reading) -> Metric:
    """By who saw them: how much hooks and the poller cover."""
    sources = reading.state.sources
    label = _labels(sources, SOURCES)
    counts = _sum((((label[source],), count) for source, count in sources.items()), [(name,) for name in SOURCES])
    return _counter("sync_changes_seen", "Changes by who saw them first.", ("source",), counts)


def consolidations_triggered(reading: Reading) -> Metric:
    """By the rule that fired."""
    made = reading.state.consolidations
    label = _labels(made, TRIGGERS)
    counts = _sum((((label[trigger],), count) for trigger, count in made.items()), [(name,) for name in TRIGGERS])
    return _counter("sync_consolidations_triggered", "Consolidations by trigger.", ("trigger_type",), counts)


def status(reading: Reading) -> Metric:
    """Of each watched document."""
    state, survey = reading.state, reading.survey
    changed = shown_now.changed_paths(state, survey)
    worst: dict[tuple[str, ...], float] = {}
    for path in shown_now.watched_paths(state, survey)[:MOST_FILES]:
        key = (clean(path),)  # of two names that read the same, the worse is shown
        worst[key] = min(shown_now.sync_status(path, survey, changed), worst.get(key, shown_now.SYNCED))
    text = "State of a watched document: 1 synced, 0 changed since the last report, -1 missing or unreadable."
    return _gauges("sync_status", text, ("file_path",), worst)


def rejected_lines(reading: Reading) -> Metric:
    """Lines that were not folded."""
    counts: dict[tuple[str, ...], float] = {
        ("damaged",): len(reading.cursor.damaged),
        ("unknown_kind",): reading.cursor.unknown,
    }
    text = "Lines of the ledger that are not counted, by reason; damaged ones are looked for up to 20."
    return _gauges("sync_ledger_rejected_lines", text, ("reason",), counts)


def check_duration(reading: Reading) -> Metric:
    """Of this process."""
    took = reading.looks.checks if reading.looks else Durations()
    return _histogram("sync_check_duration_seconds", "How long a look at the watched documents took.", took)


def consolidation_duration(reading: Reading) -> Metric:
    """Of this process."""
    took = reading.looks.consolidations if reading.looks else Durations()
    text = "How long a look took that consolidated or wrote a report."
    return _histogram("sync_consolidation_duration_seconds", text, took)


def callback_errors(reading: Reading) -> Metric:
    """Of this process."""
    text = "Consolidation callbacks that failed."
    return _counter("sync_callback_errors", text, (), {(): reading.callback_errors})


def overlapping(reading: Reading) -> Metric:
    """By level."""
    found = _sum((((level,), n) for level, n in counts(reading.overlaps).items()), ())
    text = "Pairs of lines of work with edits each of a document that the other has not, by whether git can merge them."
    return _gauges("sync_overlaps", text, ("level",), found)


def build_info(reading: Reading) -> Metric:
    """Which program this is."""
    from prometheus_client.metrics_core import InfoMetricFamily

    python = ".".join(map(str, sys.version_info[:3]))
    return InfoMetricFamily(
        "sync_build", "Version of agentsync and of Python.", {"version": __version__, "python": python}
    )


METRICS: tuple[Callable[[Reading], Metric], ...] = (
    changes_detected,
    changes_attributed,
    changes_seen,
    consolidations_triggered,
    status,
    rejected_lines,
    check_duration,
    consolidation_duration,
    callback_errors,
    overlapping,
    build_info,
)


def _pending(reading: Reading) -> float:
    return len(reading.state.pending) + len(shown_now.waiting_changes(reading.state, reading.survey.waiting))


def _last(reading: Reading) -> float | None:
    last = reading.state.last
    return from_rfc3339(last.recorded) if last else None


def _since_last(reading: Reading) -> float | None:
    """As the time rule counts."""
    since = reading.state.last.recorded if reading.state.last else reading.state.since
    return max(0.0, reading.now - from_rfc3339(since)) if since else None


# Of each: its name, what it is, and its value; without a value there is no sample.
GAUGES: tuple[tuple[str, str, Callable[[Reading], float | None]], ...] = (
    ("sync_pending_changes", "Changes that no consolidation covers yet.", _pending),
    ("sync_last_consolidation_timestamp_seconds", "When the newest consolidation was recorded.", _last),
    (
        "sync_since_last_consolidation_seconds",
        "Time since the newest consolidation, or since watching began where there was none.",
        _since_last,
    ),
    (
        "sync_watched_files",
        "Watched documents, with those that a glob matches.",
        lambda r: len(shown_now.watched_paths(r.state, r.survey)),
    ),
    ("sync_missing_files", "Documents that are configured and not there.", lambda r: len(r.survey.missing)),
    ("sync_unreadable_files", "Documents that cannot be looked into.", lambda r: len(r.survey.unreadable)),
    ("sync_ledger_records", "Records in the ledger.", lambda r: r.cursor.records),
    ("sync_ledger_bytes", "Size of the ledger.", lambda r: r.cursor.offset),
    ("sync_poller_running", "Whether a poller watches this clone: 1 or 0.", lambda r: r.survey.running),
    ("sync_paused_worktrees", "Worktrees not looked at while git is at work there.", lambda r: len(r.survey.paused)),
    ("sync_owed_reports", "Worktrees whose report is not up to date yet.", lambda r: len(r.survey.owed)),
    (
        "sync_waiting_observations",
        "Observations that wait until the ledger can be written.",
        lambda r: sum(len(one.events) for one in r.survey.waiting),
    ),
    (
        "sync_configuration_valid",
        "Whether the configuration has no mistake: 1 or 0.",
        lambda r: r.survey.config_problem is None,
    ),
    (
        "sync_consolidation_threshold",
        "Pending changes at which a consolidation is due.",
        lambda r: r.survey.settings.consolidation_threshold,
    ),
    (
        "sync_consolidation_interval_seconds",
        "Time after which pending changes are consolidated, however few.",
        lambda r: r.survey.settings.consolidation_interval_minutes * 60,
    ),
)


def _by_agent(reading: Reading) -> tuple[dict[tuple[str, ...], float], dict[tuple[str, ...], float]]:
    """Changes as recorded, and those attributed later: both by file type and agent, with the same keys.

    What may come is there with 0 before it comes: a series that begins with 1 has no rate for its first change.
    """
    state = reading.state
    names = dict.fromkeys((*state.changes, *(watch.type for watch in reading.survey.settings.watch)))
    types = _labels(names, ())
    seen = {owner for counts in (state.changes, state.attributed) for owners in counts.values() for owner in owners}
    agents = [UNKNOWN, *(agent for agent in KNOWN_AGENTS if agent in seen)]
    keys = [(types[name], agent) for name in names for agent in agents]
    detected, attributed = (_sum(_by_owner(counts, types), keys) for counts in (state.changes, state.attributed))
    both = dict.fromkeys((*detected, *attributed), 0.0)
    return {**both, **detected}, {**both, **attributed}


def _by_owner(
    counts: Mapping[str, Mapping[str, int]], types: Mapping[str, str]
) -> Iterator[tuple[tuple[str, ...], float]]:
    for file_type, owners in counts.items():
        label = _labels(owners, KNOWN_AGENTS)
        for owner, count in owners.items():
            yield (types[file_type], label[owner]), count


def _labels(names: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """What each name is called in a label: itself, or "other" if too many came before it that are not `known`.

    The order is that of the ledger, so a name keeps its label for ever.
    """
    labels, left = {"": UNKNOWN, **{name: name for name in known}}, MOST_NAMES
    for name in names:
        if name not in labels:
            labels[name] = clean(name) if left else OTHER
            left = max(0, left - 1)
    return labels


def _sum(
    counts: Iterable[tuple[tuple[str, ...], float]], keys: Iterable[tuple[str, ...]]
) -> dict[tuple[str, ...], float]:
    """Counts under the same key together; `keys` are there in any case."""
    found = dict.fromkeys(keys, 0.0)
    for key, count in counts:
        found[key] = found.get(key, 0.0) + count
    return found


def _counter(name: str, text: str, labels: tuple[str, ...], counts: Mapping[tuple[str, ...], float]) -> Metric:
    from prometheus_client.metrics_core import CounterMetricFamily

    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in counts.items():
        family.add_metric(values, count)
    return family


def _gauges(name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]) -> Metric:
    from prometheus_client.metrics_core import GaugeMetricFamily

    family = GaugeMetricFamily(name, text, labels=labels)
    for label, value in values.items():
        family.add_metric(label, value)
    return family


def _histogram(name: str, text: str, durations: Durations) -> Metric:
    from prometheus_client.metrics_core import HistogramMetricFamily

    buckets, total = durations.snapshot()
    return HistogramMetricFamily(name, text, buckets=buckets, sum_value=total)
