"""`agentsync serve` with many open dashboards, while nothing happens and while very many write."""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from bench.append import go, stand_ready
from bench.clones import watched
from bench.harness import Benchmark, Contestant, MissingError, Sample, Step
from bench.lab import Lab

RECORDS = 100_000
DASHBOARDS = 200
PROCESSES = 64
CHANGES = 10_000
ROUNDS = 1000


class Live:
    """A server over a long ledger, and what is measured of it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.root = watched(lab, "live", lab.size(RECORDS, 500))
        self.ledger = self.root / ".git" / "agentsync" / "ledger.jsonl"
        argv = [lab.agentsync, "serve", "--port", "0"]
        self.server = subprocess.Popen(argv, cwd=self.root, env=lab.env, stdout=subprocess.PIPE)
        lab.at_end(self.server)
        assert self.server.stdout
        found = re.search(rb"http://127.0.0.1:(\d+)/", self.server.stdout.readline())
        if not found:
            raise MissingError("failed: `agentsync serve` does not run")
        self.port = found[1].decode()

    def memory(self) -> float:
        """What the server has in memory now, in MiB."""
        status = Path(f"/proc/{self.server.pid}/status")
        if not status.exists():
            raise MissingError("no /proc here")
        return int(re.findall(r"VmRSS:\s+(\d+)", status.read_text())[0]) / 1024

    def run(self, changes: int) -> tuple[list[float], float]:
        """How long each read of the dashboards took (seconds), while so many changes came, and the memory after it.

        Raises MissingError if a dashboard did not hear how far the ledger reaches in the end.
        """
        count, every = self.lab.size(DASHBOARDS, 5), self.lab.size(10, 1)
        processes = self.lab.size(PROCESSES, 4) if changes else 0
        argv = self.lab.module("bench.appenders", "changes", str(self.ledger.parent), str(changes // (processes or 1)))
        editors = stand_ready(self.lab, argv, processes)  # that so many start at once is nobody's day
        pages = {what: self.dashboards(what, count, every) for what in ("listen", "read")}
        if editors:
            go(editors)
        else:
            self.server_rests(2 * every)
        end = self.ledger.stat().st_size
        said = b"%d\n" % end
        heard, read = (json.loads(pages[what].communicate(said, timeout=300)[0]) for what in ("listen", "read"))
        behind = count - sum(offset >= end for offset in heard["heard"])
        failed = len(heard["failed"]) + len(read["failed"])
        if behind or failed:
            raise MissingError(f"failed: {behind} of {count} did not hear of the end; {failed} ended")
        return read["took"], self.memory()

    def dashboards(self, what: str, count: int, every: float) -> subprocess.Popen[bytes]:
        """So many that listen or read, once they are connected."""
        argv = self.lab.module("bench.dashboards", what, self.port, str(count), str(every))
        started = subprocess.Popen(argv, env=self.lab.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lab.at_end(started)
        if started.stdout is None or started.stdout.readline() != b"ready\n":
            raise MissingError("failed: the dashboards do not run")
        return started

    def server_rests(self, seconds: float) -> None:
        """Let the dashboards poll for a while."""
        try:
            self.server.wait(seconds)
        except subprocess.TimeoutExpired:
            return
        raise MissingError("failed: the server has ended")


@lru_cache(maxsize=1)
def _server(lab: Lab) -> Live:
    return Live(lab)


def reads(changes: int) -> Callable[[Lab], Step]:
    """A contestant that runs once; each of its steps is one of the reads, drawn at random."""

    def prepare(lab: Lab) -> Step:
        live = _server(lab)
        drawn: list[Sample] = []

        def step() -> Sample:
            if not drawn:
                took, memory = live.run(lab.size(changes, min(changes, 40)))
                dice = random.Random(1)
                drawn.extend(Sample(one, memory) for one in dice.choices(took, k=ROUNDS))
            return drawn.pop()

        return step

    return prepare


BENCHMARK = Benchmark(
    name="live",
    title="`agentsync serve`: a read, by one of 200 dashboards",
    about="A ledger of 100,000 records. Each dashboard listens, and reads state, pending, documents and timeline every "
    "10 s. Then 64 processes append 10,000 changes in two minutes, and the consolidations that are due; each dashboard "
    "has to hear how far it reaches in the end. The memory is the server's, at the end.",
    contestants=(
        Contestant("agentsync, nothing happens", reads(0), most_99=0.05),
        Contestant("agentsync, 64 processes append", reads(CHANGES), most_99=0.05),
        Contestant("agentsync, the same once more", reads(CHANGES), most_99=0.05),
    ),
    rounds=ROUNDS,
    warm_up=0,
)
