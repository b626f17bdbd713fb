"""Named points at which tests kill the process, so that what is found afterwards is what a real death would leave."""

import os
import signal


def crash(point: str) -> None:
    """Die here if the tests ask for it: AGENTSYNC_CRASH=append is a SIGKILL between write and sync."""
    if os.environ.get("AGENTSYNC_CRASH") == point:
        os.kill(os.getpid(), signal.SIGKILL)
