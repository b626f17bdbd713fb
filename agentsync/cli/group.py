"""The click group: commands by name from the table, imported when they are needed, shown in sections."""

from __future__ import annotations

import importlib
import os

import click

from agentsync import __version__
from agentsync.base.errors import OK
from agentsync.cli import COMMANDS, SECTIONS
from agentsync.cli.session import enter
from agentsync.cli.words import meant

NAME, COMPLETE = "agentsync", "_AGENTSYNC_COMPLETE"
EXIT_CODES = (
    (0, "fine"),
    (1, "error: stderr says what went wrong, why, and what to do"),
    (2, "the command line is wrong"),
    (3, "findings (check, verify, doctor)"),
    (4, "another process held the ledger's lock"),
)
EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code}  {text}" for code, text in EXIT_CODES)


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
        """One block for each section."""
        for title, names in SECTIONS:
            found = [(name, self.get_command(ctx, name)) for name in names]
            rows = [(name, one.get_short_help_str(200)) for name, one in found if one and not one.hidden]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


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

    agentsync notices every change to the watched documents, in git hooks, by looking, and in the history. It keeps
    them in a ledger in the clone and tells everybody in AGENT_SYNC.md.

    \b
    Examples:
      agentsync init              set agentsync up in this clone
      agentsync status            what is pending, and whether anything is wrong
      agentsync log -n 5          the newest five changes
      agentsync consolidate       write the report now
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
