"""Commands that agents call all the time, from start to end of their process."""

from __future__ import annotations

from bench.clones import long_clone, short_clone
from bench.harness import Benchmark, Contestant, Step
from bench.lab import Lab


def python(lab: Lab) -> Step:
    return lambda: lab.timed(lab.folder, lab.python, "-c", "pass")


def isolated(lab: Lab) -> Step:
    return lambda: lab.timed(lab.folder, lab.python, "-I", "-S", "-c", "pass")


def import_click(lab: Lab) -> Step:
    return lambda: lab.timed(lab.folder, lab.python, "-c", "import click")


def version(lab: Lab) -> Step:
    command = lab.agentsync
    return lambda: lab.timed(lab.folder, command, "--version")


def status(lab: Lab) -> Step:
    command, root = lab.agentsync, short_clone(lab)
    return lambda: lab.timed(root, command, "status", "--json")


def brief(lab: Lab) -> Step:
    command, root = lab.agentsync, short_clone(lab)
    return lambda: lab.timed(root, command, "brief")


def status_long(lab: Lab) -> Step:
    command, root = lab.agentsync, long_clone(lab)
    return lambda: lab.timed(root, command, "status", "--json")


VERSION = "`agentsync --version`"
BENCHMARK = Benchmark(
    name="startup",
    title="Commands",
    about="Whole processes. The ledgers have 100 and 1,000,000 records, and a cache.",
    contestants=(
        Contestant("`python -c pass`", python),
        Contestant("`python -I -S -c pass`", isolated),
        Contestant("`python -c 'import click'`", import_click),
        Contestant(VERSION, version, target=5.0),
        Contestant("`agentsync status --json`", status, target=1.6, against=VERSION),
        Contestant("`agentsync brief`", brief, target=1.6, against=VERSION),
        Contestant("`agentsync status --json`, long ledger", status_long, target=1.6, against=VERSION),
    ),
    rounds=30,
    warm_up=2,
)
