"""Commands that other programs call: hook managers and shells."""

from __future__ import annotations

import click

from agentsync.base.errors import OK


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def hook(name: str, args: tuple[str, ...]) -> int:
    """Look now, as the git hook NAME does; for the lines of pre-commit, husky and lefthook.

    It never fails: git goes on whatever happens here.

    \b
    Example:
      agentsync hook post-commit
    """
    from agentsync.base.git import HOOKS
    from agentsync.hook import main

    if name not in HOOKS:
        raise click.UsageError(f"agentsync does not use a hook {name!r}, only {', '.join(HOOKS)}")
    return main([name, *args])


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print the script that completes agentsync's commands in a shell.

    \b
    Examples:
      eval "$(agentsync completion bash)"      in ~/.bashrc
      eval "$(agentsync completion zsh)"       in ~/.zshrc
      agentsync completion fish | source       in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    from agentsync.cli.group import COMPLETE, NAME, cli

    found = get_completion_class(shell)
    if found:
        click.echo(found(cli, {}, NAME, COMPLETE).source())
    return OK
