"""The entry of both console scripts, `agentsync` and `git-agentsync`.

Agents ask for `status --json` all the time, and importing click costs more than the answer: what `DOORS` lists is
answered without it, by the same functions that the click commands call.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    pass


def main() -> int:
    """Run the command line of this process; its exit code."""
    argv = sys.argv[1:]
    if argv == ["--version"]:
        from agentsync import __version__

        print(f"agentsync {__version__}")
        return 0
    from agentsync.cli.failures import guarded

    return guarded(_run, argv)


def _run(argv: list[str]) -> int:
    from agentsync.cli.group import run

    return run(argv)


if __name__ == "__main__":
    sys.exit(main())
