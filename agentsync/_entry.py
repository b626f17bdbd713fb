"""The main script of a git hook: so small because Python compiles a main script anew each time."""

import gc
import os
import sys

gc.disable()  # a hook ends before there is anything to collect
sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
try:
    from agentsync.hook import main

    main(sys.argv[1:])
except BaseException:  # whatever it is, git goes on
    if os.environ.get("AGENTSYNC_TRACE", "0") != "0":
        raise
os._exit(0)  # taking the interpreter apart takes as long as the record
