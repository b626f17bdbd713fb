"""`python -m torture`: the whole of it, or a part; what it counted goes into docs/reliability.md."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from lab.sealing import seal

from torture import campaign
from torture.actions import ACTIONS


def main() -> int:
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the faults, from 0 to 1")
    parser.add_argument("--only", default="", help="actions whose name holds this")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no run later than this")
    options = parser.parse_args()
    home = tempfile.mkdtemp(prefix="torture-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    keep = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    os.environ.clear()
    os.environ.update({**keep, **seal(Path(home)), "PYTHONPATH": os.pathsep.join(sys.path[:1])})
    lab = campaign.Campaign(Path(home))
    ends = time.monotonic() + options.seconds
    for action in ACTIONS:
        if options.only not in action.name:
            continue
        every = lab.faults(action)
        picked = campaign.chosen(every, options.share, action.name)
        print(f"{action.name}: {len(picked)} of {len(every)}", flush=True)
        for fault in picked:
            if time.monotonic() > ends:
                break
            result = lab.run(action, fault)
            if result.wrong:
                print(action.name, fault, result.outcome, result.wrong, flush=True)
    return 0


sys.exit(main())
