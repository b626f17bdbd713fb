"""The click group: commands by name from the table, imported when they are needed, shown in sections."""

from __future__ import annotations

import importlib
import os

import click

from agentsync import __version__
from agentsync.base.errors import OK
from agentsync.cli import COMMANDS, SECTIONS
from agentsync.cli.overview import TAUGHT
from agentsync.cli.session import enter
from agentsync.cli.words import meant

NAME, COMPLETE = "agentsync", "_AGENTSYNC_COMPLETE"
EXIT_CODES = (
    (0, "fine"),
    (1, "error: stderr says what went wrong, why, and what to do"),
    (2, "the command line is wrong"),
    (3, "findings (check, verify, doctor; init where hooks are not reached)"),
    (4, "another process held the ledger's lock"),
)
EPILOG = "\b\n" + "\n".join(
    f"{'Exit codes:' if code == OK else '           '}  {code}  {text}" for code, text in EXIT_CODES
)


class Group(click.Group):
    """Commands of the table in `agentsync.cli`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """`help X` is `X --help`, `version` is `--version`; a misspelt command is told what was meant."""
        name, *rest = args
        if name == "help":
            args = [*rest[:1], "--help"] if rest else ["--help"]
        elif name == "version":
            args = ["--version"]
        if args[0].startswith("--"):
            self.parse_args(ctx, args)  # it shows what was asked for, and ends
        if args[0] not in COMMANDS:
            raise click.UsageError(f"unknown command {args[0]!r}{meant(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One block for each section, with the commands to begin with; the others by name."""
        for title, names in SECTIONS:
            if rows := [(name, TAUGHT[name]) for name in names if name in TAUGHT]:
                with formatter.section(title):
                    formatter.write_dl(rows)
        with formatter.section("And"), formatter.indentation():
            formatter.write_text(", ".join(name for name in COMMANDS if name not in TAUGHT))


def _enter(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None and not ctx.resilient_parsing:
        enter(value)


@click.group(cls=Group, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-C",
    "directory",
    metavar="DIR",
    is_eager=True,
    expose_value=False,
    callback=_enter,
    help="Work in the repository around DIR instead of the current folder.",
)
@click.version_option(__version__, message="agentsync %(version)s")
def cli() -> None:
    """Who changed the documents that agents and people share in this repository.

    Begin with `agentsync init`; then `agentsync status` and `agentsync log` have something to show. `agentsync help
    COMMAND` explains one, with examples.
    """


def run(argv: list[str]) -> int:
    """Run a command line (without the program's name); the exit code. Raises what the command raises."""
    if COMPLETE in os.environ:
        cli.main(argv, prog_name=NAME, complete_var=COMPLETE)
    try:
        # Not `cli.main`: it would end the process where a reader closes the pipe, and with 1.
        with cli.make_context(NAME, argv) as context:
            result = cli.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    return result if isinstance(result, int) else OK
