"""The documentation is true: links lead somewhere, tables are what the code says, and examples run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.repo import Repo

from agentsync.base import settings
from agentsync.cli import COMMANDS
from agentsync.ledger import events
from agentsync.ledger.log import Ledger
from agentsync.ledger.verify import verify
from agentsync.observe import agent_signals
from agentsync.setup import hook_managers

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
EXAMPLE = DOCS / "examples" / "ledger.jsonl"


def text(name: str) -> str:
    """A page of docs/."""
    return (DOCS / name).read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """What `#...` may name in a page: its headings, in the form that forges give them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def links(page: Path) -> list[str]:
    """Where a page links to, other sites left out."""
    found = re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(page)))
    return [link for link in found if "://" not in link]


def in_table(page: str) -> list[list[str]]:
    """The cells of all table rows of a page."""
    lines = (line for line in page.splitlines() if line.startswith("|"))
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


class TestPages:
    @pytest.mark.parametrize("page", PAGES, ids=NAMES)
    def test_every_link_resolves(self, page: Path) -> None:
        """The file is there, and has the heading."""
        for link in links(page):
            name, _, anchor = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link

    def test_every_page_is_found_from_the_index(self) -> None:
        """Link by link."""
        found: set[Path] = set()
        todo = [DOCS / "index.md"]
        while todo:
            page = todo.pop()
            if page not in found:
                found.add(page)
                targets = [(page.parent / link.partition("#")[0]).resolve() for link in links(page)]
                todo += [target for target in targets if target.suffix == ".md"]
        assert set(DOCS.rglob("*.md")) <= found

    @pytest.mark.parametrize("page", PAGES, ids=NAMES)
    def test_nothing_is_left_to_do_and_no_machine_is_named(self, page: Path) -> None:
        """Pages speak of the product alone."""
        said = page.read_text(encoding="utf-8")
        assert not re.search(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b", said)
        assert not re.search(r"(?<![\w.])/(root|work|(home|Users)/(?!ada\b))", said)

    @pytest.mark.parametrize("page", PAGES, ids=NAMES)
    def test_files_of_the_project_that_a_page_names_are_there(self, page: Path) -> None:
        """`agentsync/x.py`, `tests/x.py`, `observe/x.py`, `hooks/x`."""
        pattern = r"`((?:agentsync|tests|hooks|bench|observe|cli)/[\w./-]+\w)`"
        for name in re.findall(pattern, page.read_text(encoding="utf-8")):
            if name not in OF_USERS:
                assert (ROOT / name).exists() or (ROOT / "agentsync" / name).exists(), name


# The program's files in the common dir, and hooks of users.
OF_USERS = {"agentsync/settings.json", "agentsync/pathspecs", "agentsync/ledger.jsonl", "hooks/NAME"}


class TestHowItWorks:
    def test_every_file_that_lies_in_git_s_directory_is_explained(self, repo: Repo) -> None:
        """What hooks, a consolidation, the cache and a poller leave behind."""
        repo.begin()
        repo.hooks()
        repo.commit("edited\n")
        repo.look("poller", asked=True)
        repo.view().save()
        store = Path(repo.clone().store)
        left = {path.name for path in store.iterdir()}
        left |= {path.name for path in store.parent.iterdir() if path.name.startswith("agentsync-")}
        named = {name for row in in_table(text("how-it-works.md")) for name in re.findall(r"`([^`]+)`", row[0])}
        assert left <= named
        assert {"ledger.jsonl", "cache.sqlite", "agentsync-report"} <= left


class TestConfiguration:
    def test_every_setting_stands_in_the_page(self) -> None:
        """Each key as the first cell of a row."""
        named = {row[0] for row in in_table(text("configuration.md"))}
        keys = (*settings.Settings._fields, *settings.Report._fields, *settings.Watch._fields)
        assert {f"`{key}`" for key in keys} <= named


class TestChangelog:
    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_command_is_mentioned(self, command: str) -> None:
        """By its name."""
        assert f"`{command}`" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


class TestLedgerFormat:
    def section(self, kind: str) -> str:
        """What the page says of a kind."""
        return text("ledger-format.md").partition(f"\n## `{kind}`\n")[2].partition("\n## ")[0]

    def lines(self) -> list[bytes]:
        """The example lines of the page."""
        blocks = re.findall(r"^```jsonl\n(.*?)^```$", text("ledger-format.md"), re.DOTALL | re.MULTILINE)
        return [line.encode() for block in blocks for line in block.splitlines()]

    def test_every_example_line_is_a_record_of_the_example_ledger(self) -> None:
        """It decodes, and nothing in it is lost by that."""
        whole = EXAMPLE.read_bytes().splitlines()
        for line in self.lines():
            stamp, event = events.decode(line)
            assert event is not None
            assert events.encode(stamp, event) == line + b"\n"
            assert line in whole

    @pytest.mark.parametrize("kind", events.KINDS)
    def test_each_kind_has_an_example(self, kind: str) -> None:
        """In its own section."""
        assert f'"kind":"{kind}"' in self.section(kind)

    def test_the_example_ledger_is_intact(self, tmp_path: Path) -> None:
        """`verify` finds nothing in it."""
        (tmp_path / "ledger.jsonl").write_bytes(EXAMPLE.read_bytes())
        verified = verify(Ledger(str(tmp_path)))
        assert not verified.findings
        assert verified.records == 13

    @pytest.mark.parametrize("kind", events.KINDS)
    def test_every_field_is_explained(self, kind: str) -> None:
        """In the kind's own table, or in the one for all."""
        tables = text("ledger-format.md").partition("\n## `")[0] + self.section(kind)
        named = {name for row in in_table(tables) for name in re.findall(r"`(\w+)`", row[0])}
        fields = (*events.Stamp._fields, *events.KINDS[kind]._fields)
        assert {"v", "kind", *fields} <= named


class TestAttribution:
    def test_every_signal_stands_in_the_page(self) -> None:
        """Variables, addresses, names, trailers, branches, weights and agents."""
        page = text("attribution.md").replace("\\|", "|")
        rows = (*agent_signals.ENVIRONMENT, *agent_signals.WEAK_ENVIRONMENT)
        variables = [name for row in rows for name, _ in row.wanted]
        trailers = [*agent_signals.PERSON_KEYS.values(), *(key[0] for key in agent_signals.FIXED_KEYS.values())]
        words = (
            *agent_signals.BRANCHES,
            *agent_signals.NAMES,
            *agent_signals.SHARED_NAMES,
            *agent_signals.KNOWN_AGENTS,
        )
        missing = [word for word in (*trailers, *words) if f"`{word}`" not in page]
        missing += [name for name in variables if not re.search(rf"`{name}[`=]", page)]
        missing += [row.match for row in agent_signals.ADDRESSES if f"`{row.match}" not in page]
        missing += [str(weight) for weight in agent_signals.WEIGHTS.values() if f"| {weight} |" not in page]
        assert missing == []


class TestHookManagers:
    def test_the_lines_to_add_are_those_that_init_prints(self) -> None:
        """For pre-commit, husky and lefthook."""
        page = text("ci.md")
        for manager in (hook_managers.PRE_COMMIT, hook_managers.HUSKY, hook_managers.LEFTHOOK):
            assert f"\n{manager.lines.format(name='post-commit')}\n```" in page


class TestExtending:
    def test_what_a_recipe_names_is_there(self) -> None:
        """Names in capital letters and functions, in the file that the recipe names."""
        for recipe in re.split(r"^## ", text("extending.md"), flags=re.MULTILINE)[1:]:
            files = [ROOT / name for name in re.findall(r"`(agentsync/[\w/]+\.py)`", recipe)]
            code = "".join(file.read_text(encoding="utf-8") for file in files)
            for name in re.findall(r"`([A-Z][A-Z_]+)`", recipe):
                assert name in OF_GIT or re.search(rf"^{name}\b", code, re.MULTILINE), (recipe.splitlines()[0], name)


OF_GIT = {"NAME", "MERGE_HEAD", "_TYPES"}


# What README's examples find: programs that are not to be run here, a repository, and what happens between two of them.
STAND_INS = {"make": 'exec grep -q "^$1:" {root}/Makefile', "pipx": "exit 0"}
README_DOCS = ("AGENTS.md", "ROADMAP.md", "docs/passation.md")
README_DAY: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("docs/passation.md", "15:02", {"CLAUDECODE": "1"}),
    ("AGENTS.md", "15:05", {"CODEX_THREAD_ID": "x"}),
    ("ROADMAP.md", "15:10", {}),
)


class Stage:
    """A folder in which the commands of a page are run, one after another."""

    def __init__(self, folder: Path) -> None:
        self.home = folder
        self.folder = folder / "example"
        self.folder.mkdir()
        self.where = folder / "where"
        programs = folder / "bin"
        programs.mkdir()
        for name, script in STAND_INS.items():
            (programs / name).write_text(f"#!/bin/sh\n{script.format(root=ROOT)}\n")
            (programs / name).chmod(0o755)
        self.environ = {
            **os.environ,
            "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "init.defaultBranch",
            "GIT_CONFIG_VALUE_0": "main",
        }
        self.repository()

    def repository(self) -> None:
        """`your-repository`, with one commit of three days ago."""
        root = self.folder / "your-repository"
        for name in README_DOCS:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text("begun\n")
        made = f"{int(time.time()) - 3 * 86_400} +0000"
        commit = f"GIT_AUTHOR_DATE='{made}' GIT_COMMITTER_DATE='{made}' git commit -q -m begun"
        self.run(f"cd your-repository && git init -q . && git add . && {commit} && cd ..")

    def a_day(self) -> None:
        """Three changes in the repository of README."""
        for path, at, environ in README_DAY:
            date = {f"GIT_{role}_DATE": f"2025-10-10T{at}:00Z" for role in ("AUTHOR", "COMMITTER")}
            self.run(f"echo more >>{path} && git commit -q -m more {path}", **date, **environ)

    def run(self, command: str, **environ: str) -> tuple[int, str]:
        """Exit code and output of a command; a `cd` in it stays."""
        done = subprocess.run(
            ["sh", "-c", f'{command}\nstatus=$?\npwd >"{self.where}"\nexit $status'],
            cwd=self.folder,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        self.folder = Path(self.where.read_text().removesuffix("\n"))
        return done.returncode, done.stdout.replace(f"{self.folder}/", "")


def plain(output: str) -> str:
    """Without what is another each time: the ends of ids, and how wide a column is."""
    return re.sub(r" +", " ", re.sub(r"\b[0-9a-f]{8}$", "ID", output, flags=re.MULTILINE))


def sessions(page: Path) -> Iterator[tuple[str, str]]:
    """Each command of a page's `console` blocks, with the output that stands below it ("" for: whatever it says)."""
    for block in re.findall(r"^```console\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


RUNNABLE = [page for page in PAGES if "```console\n" in page.read_text(encoding="utf-8")]


WORKFLOWS = [*ROOT.glob(".github/workflows/*.yml"), DOCS / "examples" / "agentsync.yml"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=[path.name for path in WORKFLOWS])
def test_actions_of_others_are_named_by_their_commits(workflow: Path) -> None:
    """A tag may be moved to another commit by whoever owns it."""
    used = re.findall(r"uses: (.*)", workflow.read_text(encoding="utf-8"))
    assert used and all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", one) for one in used)


def test_the_page_on_security_names_tests_that_there_are() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)`", (DOCS / "security.md").read_text(encoding="utf-8"))
    assert named and all((ROOT / name).is_file() for name in named)


class TestExamples:
    @pytest.mark.parametrize("page", RUNNABLE, ids=[str(page.relative_to(ROOT)) for page in RUNNABLE])
    def test_the_examples_of_a_page_run(self, page: Path, tmp_path: Path) -> None:
        """One after another, and say what stands there; `...` stands for anything."""
        stage = Stage(tmp_path)
        for command, expected in sessions(page):
            if page.name == "README.md" and command.startswith("agentsync log"):
                stage.a_day()
            code, output = stage.run(command)
            assert expected or code == 0, f"$ {command}\n{output}"
            pattern = re.escape(plain(expected)).replace(re.escape("..."), ".*")
            assert not expected or re.fullmatch(pattern, plain(output), re.DOTALL), f"$ {command}\n{output}"

    def test_each_command_of_the_page_for_agents_runs(self, tmp_path: Path) -> None:
        """Those in its sh blocks, in their order; what they say is in the console blocks."""
        stage = Stage(tmp_path)
        stage.run("cd your-repository && agentsync init")
        stage.a_day()
        stage.run("echo lost >>docs/passation.md && agentsync scan && git checkout -q docs/passation.md")
        for block in re.findall(r"^```sh\n(.*?)^```$", text("for-agents.md"), re.DOTALL | re.MULTILINE):
            for line in re.findall(r"^(?:[A-Z_]+=\S+ )?agentsync .*", block, re.MULTILINE):
                code, output = stage.run(line)
                assert code == 0, f"$ {line}\n{output}"

    def test_there_are_examples(self) -> None:
        """README and the page for agents have some."""
        assert {ROOT / "README.md", DOCS / "for-agents.md"} <= set(RUNNABLE)
