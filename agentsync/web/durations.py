"""How long things took in this process: a histogram that needs no other package."""

from __future__ import annotations

import threading
from bisect import bisect_left
from itertools import accumulate

from agentsync.report.outcome import WRITTEN
from agentsync.sync import Synced

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Durations:
    """Durations in seconds, counted by upper bounds. Several threads may observe."""

    def __init__(self, bounds: tuple[float, ...] = BOUNDS) -> None:
        self.bounds = bounds
        self._total = 0.0
        self._counts = [0] * (len(bounds) + 1)
        self._lock = threading.Lock()

    def observe(self, seconds: float) -> None:
        """Count one more."""
        with self._lock:
            self._counts[bisect_left(self.bounds, seconds)] += 1
            self._total += seconds

    def snapshot(self) -> tuple[list[tuple[str, float]], float]:
        """How many took at most so long, for each bound as text ("+Inf": all of them), and the sum in seconds."""
        with self._lock:
            counts, total = list(self._counts), self._total
        return list(zip([*map(str, self.bounds), "+Inf"], accumulate(counts), strict=True)), total


class Looks:
    """How long the looks of this process took: all, and those that consolidated or wrote a report."""

    def __init__(self) -> None:
        self.checks = Durations()
        self.consolidations = Durations()

    def looked(self, done: Synced, seconds: float) -> None:
        """Count one more; for whoever calls `sync()` and holds a clock."""
        self.checks.observe(seconds)
        if done.seen.consolidation or WRITTEN in done.reports.values():
            self.consolidations.observe(seconds)
