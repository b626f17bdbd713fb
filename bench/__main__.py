"""`python -m bench`: run all benchmarks and rewrite the tables of docs/performance.md. `python -m bench NAME`: one."""

from __future__ import annotations

import argparse
import datetime
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from bench import (
    agents,
    append,
    beside,
    commit,
    filter,
    history,
    live,
    many_files,
    page,
    replay,
    setting_up,
    show,
    startup,
    watch,
)
from bench.harness import Benchmark, race
from bench.lab import CHECKOUT, Lab, Stolen, machine
from bench.report import markdown, rewrite, terminal

BENCHMARKS = (
    commit.BENCHMARK,
    startup.BENCHMARK,
    show.BENCHMARK,
    setting_up.BENCHMARK,
    filter.BENCHMARK,
    beside.BENCHMARK,
    replay.BENCHMARK,
    append.BENCHMARK,
    history.BENCHMARK,
    many_files.BENCHMARK,
    watch.EDIT,
    watch.IDLE,
    live.BENCHMARK,
    agents.BENCHMARK,
    page.BENCHMARK,
)
COMMANDS = 3000  # of git, on each side
RECORDS = 1_000_000  # in the long ledger
PAGE = CHECKOUT / "docs" / "performance.md"


def main(argv: list[str] | None = None) -> int:
    """Returns 0 whatever was measured: a benchmark is no test."""
    options = _parser().parse_args(argv)
    chosen = [only(one, options.only) for one in BENCHMARKS if not options.names or one.name in options.names]
    print(f"{machine()}\n")
    stolen = Stolen()
    with tempfile.TemporaryDirectory(prefix="agentsync-bench-") as folder:
        lab = Lab(
            Path(options.work or folder).resolve(),
            quick=options.quick,
            records=options.records,
            commands=options.commands,
        )
        results = []
        for benchmark in chosen:
            print(f"{benchmark.name} ...", file=sys.stderr, flush=True)
            if options.rounds:
                benchmark = replace(benchmark, rounds=options.rounds)
            try:
                results.append((benchmark, race(benchmark, lab)))
            finally:
                lab.end()
            print(terminal(*results[-1]), flush=True)
    taken = stolen.said()
    print(taken.strip())
    if options.write or not (options.names or options.quick or options.only):
        fewer = "" if options.commands == COMMANDS else f" with `--commands {options.commands}`"
        fewer += "" if options.records == RECORDS else f" with `--records {options.records}` in the long ledger"
        where = f"Measured {datetime.date.today().isoformat()}{fewer}: {machine()}.{taken}"
        titles = [benchmark.title for benchmark in BENCHMARKS]
        rewrite(PAGE, [markdown(*result, where) for result in results], titles)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(one.name for one in BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="small numbers: prove that everything runs")
    parser.add_argument("--write", action="store_true", help="rewrite the page's tables of these benchmarks")
    parser.add_argument("--only", action="append", metavar="TEXT", help="contestants whose name has this text")
    parser.add_argument("--rounds", type=int, help="how often each is measured")
    parser.add_argument("--records", type=int, default=RECORDS, help="in the long ledger (default: %(default)s)")
    parser.add_argument("--commands", type=int, default=COMMANDS, help="of git, beside consolidations (%(default)s)")
    parser.add_argument("--work", metavar="DIR", help="keep environments and repositories there")
    return parser


def only(benchmark: Benchmark, texts: list[str] | None) -> Benchmark:
    """A benchmark with the named contestants, and those that they are compared with."""
    if not texts:
        return benchmark
    first, *others = benchmark.contestants
    named = [one for one in others if any(text in one.name for text in texts)]
    beside = {one.against for one in named}
    return replace(benchmark, contestants=(first, *(one for one in others if one in named or one.name in beside)))


if __name__ == "__main__":
    raise SystemExit(main())
