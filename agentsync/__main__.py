"""The entry of both console scripts, `agentsync` and `git-agentsync`.

Agents ask for `status --json` all the time, and importing click costs more than the answer. So the command lines in
`DOORS` are answered without it, by the functions that the click commands call too.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

DOORS: dict[tuple[str, ...], str] = {
    ("status", "--json"): "status_json",
    ("pending", "--json"): "pending_json",
    ("checksums", "--json"): "checksums_json",
}


def main() -> int:
    """Run the command line of this process; its exit code."""
    argv = sys.argv[1:]
    if argv == ["--version"]:
        from agentsync import __version__

        sys.stdout.write(f"agentsync {__version__}\n")
        return 0
    from agentsync.cli.failures import guarded

    return guarded(_run, argv)


def _run(argv: list[str]) -> int:
    place, rest = (argv[1], argv[2:]) if argv[:1] == ["-C"] and len(argv) > 2 else (None, argv)
    door = _door(rest)
    if door is None:
        from agentsync.cli.group import run

        return run(argv)
    if place is not None:
        from agentsync.cli.context import enter

        enter(place)
    return door()


def _door(argv: list[str]) -> Callable[[], int] | None:
    if argv[:1] == ["hook"] and len(argv) > 1 and not argv[1].startswith("-"):
        from agentsync.hook import main as hook  # the way of a commit

        return lambda: hook(argv[1:])
    name = DOORS.get(tuple(argv))
    if name is None:
        return None
    from agentsync.cli import fast

    door: Callable[[], int] = getattr(fast, name)
    return door


if __name__ == "__main__":
    sys.exit(main())
