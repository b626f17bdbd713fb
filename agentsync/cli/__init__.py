"""The command line: which commands there are, in the order in which the help shows them.

A new command is one function with a `click.command` decorator and one line here. A command's module is imported when
the command is called, and this module imports nothing: some commands must start without click (`__main__.py`).
"""

SECTIONS: tuple[tuple[str, dict[str, str]], ...] = (
    (
        "Set up",
        {
            "init": "agentsync.cli.init:init",
            "uninstall": "agentsync.cli.init:uninstall",
            "documents": "agentsync.cli.documents:documents",
            "import": "agentsync.cli.past:import_history",
            "doctor": "agentsync.cli.check:doctor",
            "demo": "agentsync.cli.demo:demo",
            "agent": "agentsync.cli.agent:agent",
            "setup": "agentsync.cli.setup:setup",
            "completion": "agentsync.cli.hook:completion",
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
            "report": "agentsync.cli.report:report",
            "scan": "agentsync.cli.scan:scan",
            "consolidate": "agentsync.cli.consolidate:consolidate",
            "publish": "agentsync.cli.consolidate:publish",
            "watch": "agentsync.cli.watch:watch",
        },
    ),
    (
        "For agents",
        {
            "brief": "agentsync.cli.brief:brief",
            "who": "agentsync.cli.who:who",
            "active": "agentsync.cli.who:active",
            "overlaps": "agentsync.cli.overlaps:overlaps",
            "rescue": "agentsync.cli.rescue:rescue",
            "claim": "agentsync.cli.claims:claim",
            "release": "agentsync.cli.claims:release",
            "claims": "agentsync.cli.claims:claims",
            "handoff": "agentsync.cli.handoff:handoff",
            "mcp": "agentsync.cli.mcp:mcp",
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
            "check": "agentsync.cli.check:check",
            "verify": "agentsync.cli.check:verify",
            "hook": "agentsync.cli.hook:hook",
        },
    ),
)
COMMANDS = {name: target for _, commands in SECTIONS for name, target in commands.items()}
