"""`serve` and `service`: the live side of a clone, in the foreground and for good."""

from __future__ import annotations

import logging
import os
import stat
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import click

from agentsync import web
from agentsync.base.errors import OK, ConfigError
from agentsync.base.files import read_all
from agentsync.cli.options import json_option
from agentsync.cli.session import Session
from agentsync.cli.terminal import clean, print_json, say
from agentsync.setup import systemd
from agentsync.web.access import Access, is_local

SHORTEST, LONGEST = 16, 4096  # characters of a token
PORT = 8000
LEVELS = ("error", "warning", "info")


class Serving(NamedTuple):
    """What `serve` was told to do."""

    host: str
    port: int
    token_file: str | None
    allow_remote: bool
    names: tuple[str, ...]
    behind_proxy: bool
    log_level: str
    access_log: bool

    @property
    def level(self) -> int:
        """The least level of what is logged."""
        return int(getattr(logging, self.log_level.upper()))

    def access(self) -> Access:
        """Who may. Raises UsageError, ConfigError."""
        token = read_token(self.token_file) if self.token_file else None
        if not is_local(self.host) and not (self.allow_remote and token):
            raise click.UsageError(
                f"{clean(self.host)} is reached from other machines: that needs --allow-remote and --token-file PATH"
            )
        also = self.names if self.host in ("0.0.0.0", "::", "") else (self.host, *self.names)  # noqa: S104
        return Access(also, token, self.behind_proxy)

    def arguments(self) -> list[str]:
        """The options once more, for a unit. Raises UsageError."""
        if self.port == 0:
            raise click.UsageError("a service that is to be found again needs a port of its own: --port")
        found = ["--host", self.host, "--port", str(self.port)]
        if self.token_file:
            found += ["--token-file", os.path.abspath(self.token_file)]
        found += [part for name in self.names for part in ("--name", name)]
        found += ["--log-level", self.log_level] if self.log_level != "info" else []
        flags = {"--allow-remote": self.allow_remote, "--behind-proxy": self.behind_proxy}
        return [*found, *(flag for flag, is_set in {**flags, "--access-log": self.access_log}.items() if is_set)]


def _shared(command: Callable[..., int]) -> Callable[..., int]:
    """The options that `serve` and `service install` have in common."""
    options = (
        click.option("--host", default="127.0.0.1", help="Address to listen on. [default: 127.0.0.1]"),
        click.option("--port", type=click.IntRange(0, 65535), default=PORT, help="Port; 0: any. [default: 8000]"),
        click.option("--token-file", metavar="PATH", help="A file with the token that everybody has to show."),
        click.option(
            "--allow-remote", is_flag=True, help="Listen on an address that other machines reach; needs --token-file."
        ),
        click.option(
            "--name", "names", multiple=True, metavar="NAME", help="Answer for this host name, too; may be repeated."
        ),
        click.option("--behind-proxy", is_flag=True, help="Believe a proxy's X-Forwarded-Prefix."),
        click.option("--log-level", type=click.Choice(LEVELS), default="info", help="What to say. [default: info]"),
        click.option("--access-log", is_flag=True, help="A line for each request, too."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@_shared
def serve(**given: Any) -> int:
    """Watch this clone as `agentsync watch` does, with API, dashboard and metrics over HTTP, until Ctrl-C.

    Only this machine is answered, unless --allow-remote and --token-file say otherwise.

    \b
    Examples:
      agentsync serve
      agentsync serve --port 8765
      agentsync serve --token-file ~/.config/agentsync/token
    """
    options = Serving(**given)
    access = options.access()
    session = Session()
    session.view()
    try:
        from agentsync.cli.server import run
    except ModuleNotFoundError as error:
        raise web.not_installed(error) from None
    return run(session, access, options)


@click.command()
@click.argument("action", type=click.Choice(["install", "status", "uninstall"]))
@_shared
@json_option
def service(action: str, as_json: bool, **given: Any) -> int:
    """Let systemd run `agentsync serve` for this clone, for you, from login on.

    install writes a user unit and starts it, with the options of `agentsync serve`; status says what is there and
    whether it runs; uninstall stops it and takes it out. Without systemd the unit is written all the same.

    \b
    Examples:
      agentsync service install --port 8765
      agentsync service status
      agentsync service uninstall
    """
    session = Session()
    unit = systemd.Unit(session.clone.worktree().root, session.clone.common_dir)
    if action == "install":
        options = Serving(**given)
        options.access()
        session.view()
        steps = systemd.install(unit, sys.executable, options.arguments())
    elif action == "uninstall":
        steps = systemd.uninstall(unit)
    else:
        return _show(systemd.status(unit), as_json)
    if as_json:
        print_json({"unit": unit.path, "steps": steps})
    else:
        say(*(clean(step) for step in steps))
    return OK


def _show(found: systemd.Found, as_json: bool) -> int:
    if as_json:
        print_json(vars(found))
        return OK
    say(f"unit:      {clean(found.path)} ({'installed' if found.installed else 'not installed'})")
    say(f"systemd:   {clean(found.systemd)}")
    say(f"this clone is {'watched by process ' + clean(found.watched_by) if found.watched_by else 'not watched'}")
    return OK


def read_token(path: str) -> str:
    """The token in a file that only its owner may read. Raises ConfigError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        hint = f"(umask 077; head -c 32 /dev/urandom | base64 >{path})"
        raise ConfigError(f"the token file {path} cannot be read", cause=error.strerror or "", hint=hint) from None
    try:
        status = os.fstat(fd)
        data = read_all(fd, LONGEST + 2) if stat.S_ISREG(status.st_mode) else b""
    finally:
        os.close(fd)
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"the token file {path} is not a regular file", hint="name a file that holds the token")
    if status.st_mode & 0o077:
        raise ConfigError(f"others may read the token file {path}", hint=f"chmod 600 {path}")
    token = data.strip().decode("ascii", "replace")
    if not SHORTEST <= len(token) <= LONGEST or not all("!" <= char <= "~" for char in token):
        what = f"a token has {SHORTEST} to {LONGEST} ASCII characters, without spaces"
        raise ConfigError(f"the token file {path} has no token", cause=what, hint="head -c 32 /dev/urandom | base64")
    return token
