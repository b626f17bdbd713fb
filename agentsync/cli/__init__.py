"""The command line: which commands there are, in the order in which the help shows them.

A new command is one function with a `click.command` decorator and one line here. A command's module is imported when
the command is called, and this module imports nothing: some commands must start without click (`__main__.py`).
"""

from __future__ import annotations

SECTIONS: tuple[tuple[str, dict[str, str]], ...] = (
    (
        "Set up",
        {
            "completion": "agentsync.cli.plumbing:completion",
        },
    ),
    (
        "Every day",
        {
        },
    ),
    (
        "For CI and hook managers",
        {
            "hook": "agentsync.cli.plumbing:hook",
        },
    ),
)
COMMANDS = {name: target for _, commands in SECTIONS for name, target in commands.items()}
