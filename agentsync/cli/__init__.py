"""The command line: which commands there are, in the order in which the help shows them.

A new command is one function with a `click.command` decorator and one line here. A command's module is imported when
the command is called, and this module imports nothing: some commands must start without click (`__main__.py`).
"""

from __future__ import annotations

SECTIONS: tuple[tuple[str, dict[str, str]], ...] = (
    (
        "Set up",
        {
            "init": "agentsync.cli.setting_up:init",
            "uninstall": "agentsync.cli.setting_up:uninstall",
            "doctor": "agentsync.cli.checking:doctor",
            "demo": "agentsync.cli.playing:demo",
            "agent": "agentsync.cli.agent:agent",
            "completion": "agentsync.cli.plumbing:completion",
        },
    ),
    (
        "Every day",
        {
            "status": "agentsync.cli.status:status",
            "pending": "agentsync.cli.status:pending",
            "checksums": "agentsync.cli.status:checksums",
            "log": "agentsync.cli.log:log",
            "show": "agentsync.cli.show:show_record",
            "report": "agentsync.cli.act:report",
            "scan": "agentsync.cli.act:scan",
            "consolidate": "agentsync.cli.act:consolidate",
            "publish": "agentsync.cli.publish:publish",
            "watch": "agentsync.cli.watch:watch",
        },
    ),
    (
        "Live",
        {
            "serve": "agentsync.cli.serve:serve",
            "service": "agentsync.cli.serve:service",
            "metrics": "agentsync.cli.metrics:metrics",
            "export": "agentsync.cli.export:export",
        },
    ),
    (
        "For CI and hook managers",
        {
            "check": "agentsync.cli.checking:check",
            "verify": "agentsync.cli.checking:verify",
            "hook": "agentsync.cli.plumbing:hook",
        },
    ),
)
COMMANDS = {name: target for _, commands in SECTIONS for name, target in commands.items()}
