"""The entry of both console scripts, `agentsync` and `git-agentsync`.

Everybody asks for `status` all the time, and importing click costs more than the answer. So the command lines in
`DOORS` are answered without it, by the functions that the click commands call too.
"""

import gc
import importlib
import os
import sys

DOORS: dict[tuple[str, ...], str] = {
    ("status",): "status_page:show_some",
    ("status", "--json"): "direct:status_json",
    ("pending", "--json"): "direct:pending_json",
    ("checksums", "--json"): "direct:checksums_json",
    ("brief",): "briefing:as_text",
    ("brief", "--json"): "briefing:as_json",
    ("brief", "--hook"): "briefing:for_hook",
}


def main() -> int:
    """Run the command line of this process; its exit code."""
    argv = sys.argv[1:]
    if not _is_short(argv):
        return run(argv)
    gc.disable()  # so short a process leaves no garbage worth collecting
    code = run(argv)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # taking the interpreter down in order would cost a tenth of the answer


def run(argv: list[str]) -> int:
    """Run a command line without the program's name, in this process; its exit code."""
    if argv == ["--version"]:
        from agentsync import __version__

        sys.stdout.write(f"agentsync {__version__}\n")
        return 0
    from agentsync.cli.failures import guarded

    return guarded(_straight if _is_short(argv) else _commands, argv)


def _is_short(argv: list[str]) -> bool:
    rest = argv[2:] if argv[:1] == ["-C"] else argv
    return rest[:1] == ["hook"] or _asks_who(rest) or tuple(rest) in DOORS


def _asks_who(rest: list[str]) -> bool:
    """`who PATH...`, `who --json PATH...`, the way in which agents ask; anything else is click's to read."""
    paths = [word for word in rest[1:] if word != "--json"]
    return rest[:1] == ["who"] and bool(paths) and not any(path.startswith("-") for path in paths)


def _commands(argv: list[str]) -> int:
    from agentsync.cli.group import run

    return run(argv)


def _straight(argv: list[str]) -> int:
    if argv[:1] == ["-C"]:
        from agentsync.cli.session import enter

        enter(argv[1])
        argv = argv[2:]
    if argv[0] == "hook":
        from agentsync.base.git import HOOKS
        from agentsync.hook import main as hook  # a hook manager's line is on the way of a commit

        return hook(argv[1:]) if argv[1:2] and argv[1] in HOOKS else _commands(argv)
    if argv[0] == "who":
        from agentsync.cli import presence

        paths = [word for word in argv[1:] if word != "--json"]
        return presence.as_json(paths) if "--json" in argv else presence.as_text(paths)
    module, _, name = DOORS[tuple(argv)].partition(":")
    door: int = getattr(importlib.import_module(f"agentsync.cli.{module}"), name)()
    return door


if __name__ == "__main__":
    sys.exit(main())
