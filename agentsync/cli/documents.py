"""`documents`: what is watched, and a line more or less in the configuration."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from agentsync.base import config, files, git
from agentsync.base.errors import OK, AgentsyncError
from agentsync.base.globs import is_glob
from agentsync.base.settings import CONFIG_PATH, Watch, pathspecs
from agentsync.cli.options import from_root, json_option, watched_paths
from agentsync.cli.session import Session
from agentsync.cli.tables import Table, show
from agentsync.cli.terminal import clean, print_json, say, warn
from agentsync.cli.words import count, meant
from agentsync.setup.changes import Write, carry_out
from agentsync.setup.documents import KNOWN, matched
from agentsync.setup.watch_list import with_watch, without_watch
from agentsync.status import names


class Documents(click.Group):
    """Its commands; whatever else is named is a document that somebody asks about."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """`documents PATH` is `documents list PATH`."""
        return super().resolve_command(ctx, args if args[0] in self.commands else ["list", *args])


@click.group(cls=Documents, invoke_without_command=True, subcommand_metavar="[PATH... | add PATH... | remove PATH...]")
@click.pass_context
@json_option
def documents(ctx: click.Context, as_json: bool) -> int:
    """List the watched documents, and what each glob matches; add one, or take one out of the configuration.

    \b
    Examples:
      agentsync documents
      agentsync documents CLAUDE.md          is it watched?
      agentsync documents add CLAUDE.md 'docs/adr/**/*.md'
      agentsync documents remove CLAUDE.md
    """
    return OK if ctx.invoked_subcommand else _list(Session(), as_json)


@documents.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--type", "type_", metavar="T", help="The type that reports and metrics count by. [default: by its name]")
def add(paths: tuple[str, ...], type_: str | None) -> int:
    """Watch PATH, a document or a glob in quotes, from now on.

    \b
    Example:
      agentsync documents add 'docs/adr/**/*.md' --type decisions
    """
    session = Session()
    text, where = _configuration(session)
    new: list[Watch] = []
    for path in from_root(session, paths):
        if path in (one.path for one in session.settings.watch):
            say(f"{clean(path)} is watched already")
            continue
        new.append(Watch(path, type_ or _type(path)))
        text = with_watch(text, new[-1], CONFIG_PATH)
    if not new:
        return OK
    carry_out([Write(where, data=text.encode())])
    say(*(f"now watches {clean(one.path)}: {_matches(one, there)}" for one, there in _found(session, new)))
    return OK


@documents.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", shell_complete=watched_paths)
def remove(paths: tuple[str, ...]) -> int:
    """Stop watching PATH; type it as `agentsync documents` shows it. What is recorded stays in the ledger.

    \b
    Example:
      agentsync documents remove 'docs/adr/**/*.md'
    """
    session = Session()
    text, where = _configuration(session)
    for path in from_root(session, paths):
        text = without_watch(text, path, CONFIG_PATH)
    carry_out([Write(where, data=text.encode())])
    say(*(f"no longer watches {clean(path)}" for path in from_root(session, paths)))
    return OK


@documents.command("list", hidden=True)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
def list_some(paths: tuple[str, ...]) -> int:
    """Show by which line of the configuration PATH is watched."""
    session = Session()
    rows = []
    for path in from_root(session, paths):
        watch = next((one for one in session.settings.watch if path == one.path or matched(one, {path})), None)
        if watch is None:
            warn(f"{clean(path)} is not watched{meant(path, names(session.settings))}")
        else:
            rows.append((clean(path), clean(watch.type), f"by {clean(watch.path)}" if is_glob(watch.path) else ""))
    show(Table(("DOCUMENT", "TYPE", ""), rows, path=0, drops=(1, 2)))
    session.check_config()
    return OK


def _list(session: Session, as_json: bool) -> int:
    found = _found(session, session.settings.watch)
    if as_json:
        print_json([{"path": one.path, "type": one.type, "documents": sorted(paths)} for one, paths in found])
        return OK
    rows = [(clean(one.path), clean(one.type), _matches(one, paths)) for one, paths in found]
    show(Table(("DOCUMENT", "TYPE", ""), rows, path=0, drops=(1, 2)))
    session.check_config()
    return OK


def _matches(watch: Watch, paths: set[str]) -> str:
    if is_glob(watch.path):
        return count(len(paths), "document")
    return "" if paths else "not there yet"


def _found(session: Session, watches: Sequence[Watch]) -> list[tuple[Watch, set[str]]]:
    """The documents of this worktree that these mean; git is asked once."""
    specs = pathspecs(session.settings._replace(watch=tuple(watches)))
    argv = ["ls-files", "-z", "-co", "--exclude-standard", "--", *specs]
    listed = git.run(argv, cwd=session.clone.worktree().root)
    there = {os.fsdecode(name) for name in listed.split(b"\0") if name}
    return [(one, matched(one, there)) for one in watches]


def _configuration(session: Session) -> tuple[str, str]:
    """What the configuration of this worktree says, and where it lies."""
    where = config.config_path(session.clone, session.clone.worktree())
    config.load(where)  # it is a plain file, and without a mistake
    data = files.read_document(session.clone.worktree().root, CONFIG_PATH)
    if data is None:
        raise AgentsyncError(f"{CONFIG_PATH} does not exist", hint="agentsync init")
    return data.decode(), where


def _type(path: str) -> str:
    """The type of a document that is known by its name."""
    return next((one.type for one in KNOWN if one.path == path or matched(one, {path})), "docs")
