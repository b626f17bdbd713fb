"""The documentation is true: links lead somewhere, tables are what the code says, and examples run."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from lab import first_hour, samples
from lab.first_hour import PLAYS, Play
from lab.repo import Repo
from lab.samples import CLI
from lab.stage import Stage, steady

from agentsync.base import settings
from agentsync.cli import COMMANDS
from agentsync.cli.tables import cells
from agentsync.ledger import events
from agentsync.ledger.log import Ledger
from agentsync.ledger.verify import verify
from agentsync.observe import agent_signals
from agentsync.setup import hook_managers

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
# Samples of other systems and services; tests of their own run what can be run of them.
BY_HAND = (DOCS / "http.md", DOCS / "ci.md")
TABLES = ("agentsync init", "agentsync status", "agentsync log")
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


README_DOCS = ("AGENTS.md", "ROADMAP.md", "docs/passation.md")
README_DAY: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("docs/passation.md", "15:02", {"CLAUDECODE": "1"}),
    ("AGENTS.md", "15:05", {"CODEX_THREAD_ID": "x"}),
    ("ROADMAP.md", "15:10", {}),
)


def stage_of_readme(folder: Path) -> Stage:
    """A stage with `your-repository`, which has one commit of three days ago."""
    stage = Stage(folder)
    root = stage.folder / "your-repository"
    for name in README_DOCS:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("begun\n")
    made = f"@{int(time.time()) - 3 * 86_400} +0000"
    date = {"GIT_AUTHOR_DATE": made, "GIT_COMMITTER_DATE": made}
    stage.run("cd your-repository && git init -q . && git add . && git commit -q -m begun && cd ..", **date)
    return stage


def a_day(stage: Stage) -> None:
    """Three changes in the repository of README."""
    for path, at, environ in README_DAY:
        date = {f"GIT_{role}_DATE": f"2025-10-10T{at}:00Z" for role in ("AUTHOR", "COMMITTER")}
        stage.run(f"echo more >>{path} && git commit -q -m more {path}", **date, **environ)


RUNNABLE = [page for page in PAGES if page != CLI and any(samples.samples(page)) and page not in BY_HAND]


WORKFLOWS = [*ROOT.glob(".github/workflows/*.yml"), DOCS / "examples" / "agentsync.yml"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=[path.name for path in WORKFLOWS])
def test_actions_of_others_are_named_by_their_commits(workflow: Path) -> None:
    """A tag may be moved to another commit by whoever owns it."""
    used = re.findall(r"uses: (.*)", workflow.read_text(encoding="utf-8"))
    assert used and all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", one) for one in used)


def test_the_page_on_security_names_tests_that_there_are() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)`", (DOCS / "security.md").read_text(encoding="utf-8"))
    assert named and all((ROOT / name).is_file() for name in named)


WRITE_ANEW = "; `make samples` writes it anew, if it is meant so"


class TestExamples:
    @pytest.mark.parametrize("page", RUNNABLE, ids=[str(page.relative_to(ROOT)) for page in RUNNABLE])
    def test_the_examples_of_a_page_run(self, page: Path, tmp_path: Path) -> None:
        """One after another, and say what stands there; `...` stands for anything."""
        stage = stage_of_readme(tmp_path)
        for sample in samples.samples(page):
            if page.name == "README.md" and sample.command.startswith("agentsync log"):
                a_day(stage)
            code, output = stage.run(sample.command)
            said = f"$ {sample.command}\n{output}"
            assert samples.fits(sample, output) if sample.output else code == 0, said

    def test_each_command_of_the_page_for_agents_runs(self, tmp_path: Path) -> None:
        """Those in its sh blocks, in their order; what they say is in the console blocks."""
        stage = stage_of_readme(tmp_path)
        stage.run("cd your-repository && agentsync init")
        a_day(stage)
        stage.run("echo lost >>docs/passation.md && agentsync scan && git checkout -q docs/passation.md")
        for block in re.findall(r"^```sh\n(.*?)^```$", text("for-agents.md"), re.DOTALL | re.MULTILINE):
            for line in re.findall(r"^(?:[A-Z_]+=\S+ )?agentsync .*", block, re.MULTILINE):
                code, output = stage.run(line)
                assert code == 0, f"$ {line}\n{output}"

    def test_readme_tells_on_one_screen_what_it_is_why_and_how_to_begin(self) -> None:
        """Forty lines, with the commands that somebody needs first, and a picture."""
        first = (ROOT / "README.md").read_text(encoding="utf-8").split("\n")[:40]
        for wanted in ("$ make demo", "$ pipx install .", "$ agentsync init", "![", "## Which documents"):
            assert any(wanted in line for line in first), wanted

    def test_there_are_examples(self) -> None:
        """README and the page for agents have some."""
        assert {ROOT / "README.md", DOCS / "for-agents.md"} <= set(RUNNABLE)

    def test_commands_say_what_their_page_shows(self, tmp_path: Path) -> None:
        """Each sample of docs/cli.md, run one after another in one repository."""
        stale = [f"$ {one.command}\n{output}" for one, output in samples.cli(tmp_path) if not samples.fits(one, output)]
        assert not stale, "\n".join(stale) + WRITE_ANEW

    @pytest.mark.parametrize("play", PLAYS, ids=[play.name for play in PLAYS])
    def test_the_first_hour_is_as_the_page_shows_it(self, play: Play, tmp_path: Path) -> None:
        """On a terminal, wide and narrow: nothing is wider than it, and every path is whole or cut in its middle."""
        page = steady(first_hour.PAGE.read_text(encoding="utf-8"))
        for columns in first_hour.WIDTHS:
            lines = list(first_hour.played(play, columns, tmp_path / str(columns)))
            assert steady(first_hour.session(iter(lines))) in page, f"at {columns} columns{WRITE_ANEW}"
            for command, output in lines:
                tables = [line for line in output.split("\n") if command.startswith(TABLES) and "  " in line]
                assert all(cells(line) <= columns for line in tables if not line.startswith("  git ")), output
