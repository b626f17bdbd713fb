"""`python -m torture PART...`: failing system calls, cut power, a crowd; docs/reliability.md gets the numbers."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.sealing import seal

from torture import campaign, crowd, power

PARTS = {"faults": campaign.carry_out, "power": power.carry_out, "crowd": crowd.carry_out}


@contextmanager
def sealed_off() -> Iterator[Path]:
    """A folder in memory, and an environment in which git knows nobody but us."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    home = Path(tempfile.mkdtemp(prefix="torture-", dir=memory))
    keep = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
    os.environ.clear()
    os.environ.update({**keep, **seal(home)})
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main() -> int:
    """0 if nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("part", nargs="?", choices=[*PARTS, "all"], default="all")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no further run after this time")
    parser.add_argument("--runs", type=int, default=sys.maxsize, help="failing calls to try; all by default")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="failing calls tried at the same time")
    parser.add_argument("--seed", default="0", help="another one gives another order")
    parser.add_argument("--only", default="", help="the actions whose name holds this")
    parser.add_argument("--log", type=Path, help="gets a line for each run; those that stand there are not made again")
    parser.add_argument("--write", action="store_true", help="write the numbers into docs/reliability.md")
    options = parser.parse_args()
    with sealed_off() as home:
        parts = PARTS.values() if options.part == "all" else [PARTS[options.part]]
        return max([carry_out(home, options) for carry_out in parts])


if __name__ == "__main__":
    sys.exit(main())
