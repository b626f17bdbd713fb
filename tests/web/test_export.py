"""The page as one file: it opens from a disk, asks for nothing, and no text in it can become markup or run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lab.commands import agentsync
from lab.page import Looking, browser, edit, embedded, settled
from lab.repo import Repo

from agentsync.web.export import escaped, page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

# As a path, each `/` begins a new part.
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)><!--.md"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    with chromium.new_context(locale="en-GB", viewport={"width": 1280, "height": 900}) as made:
        yield made


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = settled(tmp_path / "repo", HOSTILE)
    edit(made, "AGENTS.md", "claude-code")
    edit(made, HOSTILE, "cursor")
    return made


def exported(repo: Repo) -> Path:
    """The file that the command makes."""
    file = repo.root.parent / "page.html"
    assert re.fullmatch(
        r"page written: .*page.html \(\d+ KiB\)\n", agentsync(repo.root, "export", "--html", str(file)).out
    )
    return file


class Tags(HTMLParser):
    """The elements of a page, as a parser sees them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.outside: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.outside += [str(value) for name, value in attrs if name in ("src", "href")]


class TestFile:
    def test_it_has_what_the_commands_say(self, repo: Repo) -> None:
        found = embedded(exported(repo).read_text(encoding="utf-8"))
        for name in ("status", "checksums"):
            assert found[name] == agentsync(repo.root, name, "--json").json
        timeline: Any = found["timeline"]
        assert timeline["changes"] == 2
        assert found.keys() == {"made", "status", "checksums", "timeline", "log", "report"}

    def test_it_needs_no_other_file(self, repo: Repo) -> None:
        tags = Tags(exported(repo).read_text(encoding="utf-8"))
        assert [one.partition(",")[0] for one in tags.outside] == ["data:image/svg+xml;base64", "#main"]
        assert (tags.names.count("script"), tags.names.count("style")) == (2, 1)

    def test_no_file_name_ends_the_block_that_it_stands_in(self, repo: Repo) -> None:
        html = exported(repo).read_text(encoding="utf-8")
        assert "alert(1)" in html
        assert "<script>alert" not in html
        assert "img" not in Tags(html).names

    @pytest.mark.parametrize("text", ["</script>", "<!--<script>", "]]>", "&lt;", "\u2028", "\\u003c", "é", "\x00"])
    def test_every_text_comes_out_as_it_went_in(self, text: str) -> None:
        """And the block has nothing that HTML could take for its own."""
        data: dict[str, object] = {text: [text]}
        assert json.loads(escaped(data)) == data
        assert not re.search(r"[<>&\u2028\x00]", escaped(data))

    def test_a_name_that_is_no_utf_8_does_not_stop_it(self) -> None:
        assert b"\\udce9" in page({"made": "\udce9"})

    def test_a_dash_is_stdout(self, repo: Repo) -> None:
        assert agentsync(repo.root, "export", "--html", "-").out.startswith("<!doctype html>\n")

    def test_it_replaces_an_older_one_whole_or_not_at_all(self, repo: Repo) -> None:
        """In a folder that is not there nothing is left behind."""
        file = exported(repo)
        edit(repo)
        before = file.read_bytes()
        assert exported(repo).read_bytes() != before
        done = agentsync(repo.root, "export", "--html", str(repo.root / "none" / "page.html"), code=1)
        assert done.err.startswith("error: cannot write ")
        assert list(file.parent.glob("page.html*")) == [file]

    def test_without_a_file_or_without_a_ledger_it_says_what_to_do(self, repo: Repo, tmp_path: Path) -> None:
        assert "--html" in agentsync(repo.root, "export", code=2).err
        other = tmp_path / "other"
        other.mkdir()
        Repo(other).git("init", "-q", ".")
        assert "hint: agentsync init" in agentsync(other, "export", "--html", "page.html", code=1).err


class TestInABrowser:
    def opened(self, file: Path, context: BrowserContext) -> Looking:
        looking = Looking(context.new_page())
        looking.page.goto(file.as_uri())
        looking.page.locator("#documents li").first.wait_for()
        return looking

    def test_it_opens_from_a_disk_with_everything_in_it(self, repo: Repo, context: BrowserContext) -> None:
        """Its policy lets its own styles and scripts through, and it asks for nothing."""
        file = exported(repo)
        looking = self.opened(file, context)
        page = looking.page
        assert page.locator("#changes li").count() == 2
        assert page.locator("#documents li").count() == 9
        assert page.locator("#agents li").count() == 2
        assert page.evaluate("getComputedStyle(document.body).maxWidth") != "none"
        page.locator("#agents button").filter(has_text="cursor").click()
        assert page.locator("#changes li").count() == 1
        page.locator("#changes summary").click()
        assert "MD5" in page.locator("#changes .detail").inner_text()
        assert [url for url in looking.requests if not url.startswith("data:")] == [file.as_uri()]
        assert looking.trouble == []

    def test_it_says_that_it_is_a_snapshot_and_of_when(self, repo: Repo, context: BrowserContext) -> None:
        file = exported(repo)
        page = self.opened(file, context).page
        made = str(embedded(file.read_text(encoding="utf-8"))["made"])
        assert page.locator("#connection").inner_text() == "Snapshot"
        said = page.locator("#notice").inner_text()
        assert said.startswith(f"A snapshot of {made.replace('T', ' ').removesuffix('Z')} UTC.")
        assert "agentsync export --html" in said

    def test_it_has_no_buttons_that_could_do_nothing(self, repo: Repo, context: BrowserContext) -> None:
        page = self.opened(exported(repo), context).page
        assert not any(page.locator(f"#{name}").is_visible() for name in ("refresh", "consolidate", "older"))

    def test_hostile_names_are_text(self, repo: Repo, context: BrowserContext) -> None:
        looking = self.opened(exported(repo), context)
        assert HOSTILE in looking.page.locator("#documents").inner_text()
        assert looking.page.locator("img").count() == 0
        assert looking.trouble == []

    def test_axe_finds_nothing(self, repo: Repo, context: BrowserContext) -> None:
        assert self.opened(exported(repo), context).findings() == []
