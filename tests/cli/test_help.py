"""Help, manual and page of the command line say what the commands are."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from lab.commands import agentsync, agentsync_process
from lab.repo import Repo

from agentsync.cli import COMMANDS
from agentsync.cli.group import EXIT_CODES, cli
from agentsync.cli.manual import pages

DOCS = Path(__file__).parent.parent.parent / "docs"
# Their examples are run by their own tests.
CHANGES = {"init", "uninstall", "demo", "doctor", "watch", "serve", "service", "handoff", "mcp"}


def command(name: str) -> click.Command:
    """A command of the table."""
    found = cli.get_command(click.Context(cli), name)
    assert found
    return found


def section(name: str) -> str:
    """What docs/cli.md says of a command."""
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    found = re.search(rf"^### `agentsync {name}\b.*?(?=^##|\Z)", page, re.DOTALL | re.MULTILINE)
    assert found, f"docs/cli.md has no section on `agentsync {name}`"
    return found[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_stands_in_the_page(name: str) -> None:
    text = section(name)
    for parameter in command(name).params:
        if isinstance(parameter, click.Option):
            for option in (*parameter.opts, *parameter.secondary_opts):
                assert re.search(rf"`{option}\b", text), f"docs/cli.md says nothing of {name} {option}"
    assert f"    $ agentsync {name}" in text or name in ("completion", "scan")


def test_the_page_has_no_command_that_is_not_there() -> None:
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^### `agentsync ([a-z-]+)", page, re.MULTILINE)) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches_by_an_example(name: str) -> None:
    text = inspect.cleandoc(command(name).help or "")
    assert re.search(rf"^Examples?:\n.*\bagentsync {name}\b", text, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_starts_as_a_program(tmp_path: Path, name: str) -> None:
    """The other tests run commands in their own process."""
    assert f"agentsync {name}" in agentsync_process(tmp_path, name, "--help").out


def test_the_manual_is_made_of_the_commands_as_they_are() -> None:
    """`python -m agentsync.cli.manual docs/man` brings it up to date."""
    for name, text in pages().items():
        assert (DOCS / "man" / name).read_text(encoding="utf-8") == text


def test_the_help_shows_sections_and_exit_codes(tmp_path: Path) -> None:
    out = agentsync(tmp_path, "--help").out
    for title in ("Set up:", "Every day:", "For CI and hook managers:"):
        assert f"\n{title}\n" in out
    for code, text in EXIT_CODES:
        assert f"  {code}  {text}" in out
    assert "..." not in out.partition("\n")[2]
    assert out.count("\n") <= 55  # it teaches on one screen
    assert all(re.search(rf"\b{name}\b", out) for name in COMMANDS)


def examples() -> Iterator[str]:
    """The command lines in the help of every command that only touches the scratch repository."""
    for name in COMMANDS:
        for line in inspect.cleandoc(command(name).help or "").splitlines():
            found = re.match(r"  ((?:[A-Z_]+=\S+ )?agentsync (?:-C \S+ )?.*?)(?:   .*)?$", line)
            if found and name not in CHANGES and "|" not in line and "--follow" not in line:
                yield found[1]


def test_the_examples_of_the_help_run(repo: Repo) -> None:
    repo.begin()
    repo.hooks()
    repo.commit("one\n")
    (repo.root.parent / "other").symlink_to(repo.root)
    for line in examples():
        words = shlex.split(line.partition(">")[0].replace("4f2a91c3", repo.changes()[0]["id"]))
        env = dict(word.split("=") for word in words if word.startswith("AGENTSYNC_"))
        done = agentsync(repo.root, *words[len(env) + 1 :], code=None, **env)
        assert done.code == 0 or (words[1] == "check" and done.code == 3), f"{line}: {done}"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_asks_agentsync(tmp_path: Path, shell: str) -> None:
    assert f"_AGENTSYNC_COMPLETE={shell}_complete" in agentsync(tmp_path, "completion", shell).out


def test_agents_and_watched_documents_are_completed(repo: Repo) -> None:
    repo.begin()
    repo.hooks()

    def complete(words: str) -> str:
        count = str(len(words.split(" ")) - 1)
        return agentsync(repo.root, COMP_WORDS=words, COMP_CWORD=count, _AGENTSYNC_COMPLETE="bash_complete").out

    assert "plain,claude-code\n" in complete("agentsync agent claude")
    assert complete("agentsync log docs/") == "plain,docs/other.md\n"
    assert "plain,status\n" in complete("agentsync sta")
