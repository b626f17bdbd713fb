"""The dashboard in a real browser, in front of a real server, while real commits are made."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from lab.page import MISSING, Looking, Server, browser, edit, lively, serving, settled
from lab.repo import Repo
from lab.sealing import seal_off

from agentsync.web.export import PAGE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SHOTS = os.environ.get("AGENTSYNC_SCREENSHOTS", "")  # read before the environment is sealed
FILES = sorted(Path(PAGE).iterdir())
SCRIPTS = [file for file in FILES if file.suffix == ".js"]
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
# Timers of ten seconds are those of the polling.
NO_POLLING = (
    "{ const real = setTimeout; window.setTimeout = (f, ms, ...more) => ms === 10000 ? 0 : real(f, ms, ...more); }"
)
FAST_POLLING = NO_POLLING.replace("? 0 :", "? real(f, 100, ...more) :")
PASSATION = "docs/passation.md"
TOKEN = "k+/=" * 10
HOSTILE = "<img src=x onerror=alert(1)>.md"
TURNED, SEEN = "docs/\u202etxt.\x1b31m\u2066a\nb\u200b.md", r"docs/\u202etxt.\x1b31m\u2066a\x0ab\u200b.md"
LONG = f"docs/{'a-very-long-name-' * 6}.md", f"{'x' * 120}.md"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


Opened = Callable[..., Looking]


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Opened]:
    """Opens a page in a browser without a past; in the end nothing may have gone wrong in any of them."""
    looked = []
    with ExitStack() as stack:

        def open_(server: Server, fragment: str = "", script: str = "", **context: Any) -> Looking:
            made = stack.enter_context(chromium.new_context(**{"viewport": DESK, "locale": "en-GB", **context}))
            if script:
                made.add_init_script(script)
            looking = Looking(made.new_page())
            looked.append(looking)
            looking.page.goto(server.page + fragment)
            return looking

        yield open_
    assert [looking.trouble for looking in looked] == [[] for _ in looked]


@contextmanager
def shared(
    factory: pytest.TempPathFactory,
    fill: Callable[[Repo], None],
    *options: str,
    documents: tuple[str, ...] = (),
    days: int = 0,
) -> Iterator[Server]:
    """A server for several tests, of a clone that has further `documents` and was set up so many days ago."""
    with pytest.MonkeyPatch.context() as patch:
        seal_off(patch, factory.mktemp("home"))
        repo = settled(factory.mktemp("shared") / "repo", *documents, days=days)
        fill(repo)
        with serving(repo, *options) as made:
            yield made


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """For those that change something or stop the server."""
    with shared(tmp_path_factory, lambda repo: None) as made:
        yield made


@pytest.fixture
def server(changing: Server) -> Iterator[Server]:
    """The same, with nothing pending; it runs again when the test is over."""
    changing.repo.look(asked=True, now=time.time())
    yield changing
    if changing.process is None:
        changing.start()


@pytest.fixture
def repo(server: Server) -> Repo:
    """Its repository."""
    return server.repo


@pytest.fixture(scope="module")
def calm(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Nothing has changed."""
    with shared(tmp_path_factory, lambda repo: None) as made:
        yield made


@pytest.fixture(scope="module")
def told(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Four changes of the last minute, none of them reported."""

    def fill(repo: Repo) -> None:
        for path, who in (("AGENTS.md", "claude-code"), ("ROADMAP.md", ""), ("AGENTS.md", ""), (PASSATION, "cursor")):
            edit(repo, path, who)

    with shared(tmp_path_factory, fill) as made:
        yield made


@pytest.fixture(scope="module")
def busy(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Three weeks of several agents, with reports."""
    with shared(tmp_path_factory, lambda repo: lively(repo, days=13), days=20) as made:
        yield made


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Documents with names that nobody expects, each changed."""

    def fill(repo: Repo) -> None:
        edit(repo, HOSTILE, GIT_AUTHOR_NAME="Eve &amp; Co")
        edit(repo, TURNED, GIT_AUTHOR_NAME="Eve\u202e evE")
        for path in LONG:
            edit(repo, path, "claude-code")

    with shared(tmp_path_factory, fill, documents=(HOSTILE, TURNED, *LONG)) as made:
        yield made


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that wants a token."""
    file = tmp_path_factory.mktemp("guarded") / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    with shared(tmp_path_factory, lambda repo: None, "--token-file", str(file)) as made:
        yield made


def texts(page: Page, selector: str) -> list[str]:
    """What the elements of a selector say, one after another, with single spaces."""
    return [re.sub(r"\s+", " ", text).strip() for text in page.locator(selector).all_inner_texts()]


def wait(page: Page, selector: str, text: str) -> None:
    """Until an element says so."""
    page.locator(selector).filter(has_text=text).first.wait_for()


def live(page: Page) -> None:
    """Until the page shows what is, and hears what comes."""
    page.locator("#connection[data-state=live]").wait_for()
    page.locator("#tiles .tile").first.wait_for()


class TestSections:
    def test_status_says_what_the_api_says(self, told: Server, opened: Opened) -> None:
        page = opened(told).page
        live(page)
        tiles = texts(page, "#tiles .tile")
        assert tiles[:3] == [
            "Service Active looks every 30 seconds",
            tiles[1],
            "Watched files 8 1 is missing or unreadable",
        ]
        assert re.fullmatch(r"Pending changes 4 of 5 reported at 5, or in \d+ \w+", tiles[1])
        assert re.fullmatch(r"Last consolidation None yet watching since [\d-]+ [\d:]+ UTC", tiles[3])
        assert page.locator("#place").inner_text() == "Worktree main · branch main"
        assert page.title() == "(4) agentsync"

    def test_pending_changes_are_listed_with_kind_time_owner_and_checksums(self, told: Server, opened: Opened) -> None:
        page = opened(told).page
        live(page)
        changes = told.repo.changes()
        old, new = (changes[0][key] for key in ("old_checksum", "new_checksum"))
        rows = texts(page, "#pending tbody tr")
        assert re.fullmatch(rf"AGENTS.md modified .* ago claude-code .*{old[:8]} → {new[:8]}", rows[0])
        assert re.match(r"ROADMAP.md modified .* ago unknown Ada ", rows[1])
        assert len(rows) == 4
        assert page.locator("#pending tbody code").first.get_attribute("title") == old
        time = page.locator("#pending time").first
        assert time.get_attribute("datetime") == changes[0]["timestamp"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", time.get_attribute("title") or "")

    def test_each_watched_file_has_state_checksum_last_change_and_owner(self, told: Server, opened: Opened) -> None:
        page = opened(told).page
        live(page)
        rows = {row.split(" ")[0]: row for row in texts(page, "#files tbody tr")}
        assert list(rows) == [watch.path for watch in told.repo.settings.watch]
        checksum = told.repo.changes()[3]["new_checksum"][:8]
        assert re.fullmatch(rf"{PASSATION} passation pending {checksum} .* ago cursor", rows[PASSATION])
        assert re.fullmatch(rf"{MISSING} architecture missing none none seen", rows[MISSING])
        assert re.match(r"CODEV_PROTOCOL.md docs in sync \w{8} none seen", rows["CODEV_PROTOCOL.md"])

    def test_the_timeline_counts_by_agent(self, told: Server, opened: Opened) -> None:
        page = opened(told).page
        live(page)
        legend = texts(page, "#legend li")
        assert legend == ["claude-code 1", "cursor 1", "unknown 2"]
        assert page.locator("#timeline .bar").count() >= 3
        page.locator("summary").click()
        assert texts(page, "#timeline-table thead th") == ["When", "Changes", "By", "Consolidations"]
        said = " ".join(texts(page, "#timeline-table tbody tr"))
        assert all(f"{owner} 1" in said for owner in ("claude-code", "cursor"))

    def test_consolidations_are_marked(self, busy: Server, opened: Opened) -> None:
        page = opened(busy).page
        live(page)
        page.get_by_label("30 days").check()
        wait(page, "#files th", "30 days")
        made = sum(line["kind"] == "consolidation" for line in busy.repo.lines())
        assert texts(page, "#legend li")[-1] == f"Consolidations {made}"
        page.locator("summary").click()
        covering = [row for row in texts(page, "#timeline-table tbody tr") if "covered" in row]
        assert page.locator("#timeline .mark").count() == len(covering) > 1

    def test_each_file_has_a_strip_of_its_changes(self, told: Server, opened: Opened) -> None:
        page = opened(told).page
        live(page)
        strips = page.locator("#files .strip")
        said = [strips.nth(at).get_attribute("aria-label") for at in range(strips.count())]
        assert said[2] == "2 changes: claude-code 1, unknown 1"
        assert said[0] == "0 changes"
        assert page.locator("#files .strip .bar").count() >= 4

    def test_hours_days_and_weeks_can_be_shown(self, busy: Server, opened: Opened) -> None:
        page = opened(busy).page
        live(page)
        totals = []
        for text in ("24 hours", "7 days", "30 days"):
            page.get_by_label(text).check()
            wait(page, "#files th", text)
            totals.append(sum(int(item.rsplit(" ", 1)[1]) for item in texts(page, "#legend li:not(:last-child)")))
        assert 5 <= totals[0] < totals[1] < totals[2] == len(busy.repo.changes())

    def test_where_nothing_happened_it_says_what_to_do_next(self, calm: Server, opened: Opened) -> None:
        page = opened(calm).page
        wait(page, "#timeline", "Edit a watched file")
        assert texts(page, "#pending") == [
            "Nothing is pending. The next change of a watched file shows up here, whoever makes it."
        ]
        assert not page.locator("#timeline-details").is_visible()


class TestButtons:
    def test_consolidate_writes_the_report_and_says_so(self, repo: Repo, server: Server, opened: Opened) -> None:
        edit(repo, "AGENTS.md", "claude-code")
        page = opened(server).page
        wait(page, "#pending", "AGENTS.md")
        page.get_by_role("button", name="Consolidate now").click()
        wait(page, "#outcome", "1 change consolidated.")
        wait(page, "#pending", "Nothing is pending.")
        wait(page, "#tiles .tile:nth-child(4)", "UTC")
        assert "(agent: claude-code)" in repo.read("AGENT_SYNC.md")
        assert repo.lines()[-1]["trigger_type"] == "manual"

    def test_with_nothing_pending_it_says_that_no_report_was_added(self, calm: Server, opened: Opened) -> None:
        page = opened(calm).page
        live(page)
        page.get_by_role("button", name="Consolidate now").click()
        wait(page, "#outcome", "Nothing was pending")

    def test_a_refusal_is_told_in_its_own_words(self, calm: Server, opened: Opened) -> None:
        page = opened(calm).page
        live(page)
        problem = json.dumps({"title": "Too Many Requests", "status": 429, "detail": "wait for 12 s"})
        page.route("**/consolidate", lambda route: route.fulfill(status=429, body=problem))
        page.get_by_role("button", name="Consolidate now").click()
        wait(page, "#outcome", "That did not work: wait for 12 s")

    def test_refresh_reads_everything_and_says_when(self, calm: Server, opened: Opened) -> None:
        looking = opened(calm)
        live(looking.page)
        before = len(looking.requests)
        looking.page.get_by_role("button", name="Refresh").click()
        wait(looking.page, "#outcome", "Up to date at")
        asked = {url.rpartition("/")[2] for url in looking.requests[before:]}
        assert {"status", "pending-changes", "checksums", "timeline"} <= asked


class TestFollowing:
    def test_a_commit_elsewhere_appears_at_once_without_reload(
        self, repo: Repo, server: Server, opened: Opened
    ) -> None:
        """By events alone: the ten seconds never pass."""
        page = opened(server, script=NO_POLLING).page
        live(page)
        page.evaluate("window.still = 'the same page'")
        edit(repo, "ROADMAP.md", "claude-code")
        wait(page, "#pending tbody tr", "ROADMAP.md")
        wait(page, "#legend", "claude-code")
        assert page.evaluate("window.still") == "the same page"
        assert page.locator("#announcer").inner_text() == "1 change is pending"

    def test_an_edit_that_nobody_commits_appears_as_well(self, repo: Repo, server: Server, opened: Opened) -> None:
        page = opened(server, script=NO_POLLING).page
        live(page)
        repo.write("typed\n", "AGENTS.md")
        wait(page, "#files tbody tr", "not committed")

    def test_without_events_it_asks_every_ten_seconds(self, repo: Repo, server: Server, opened: Opened) -> None:
        looking = opened(server, script=f"{FAST_POLLING} {NO_STREAM}")
        wait(looking.page, "#connection", "Every 10 seconds")
        edit(repo, "ROADMAP.md")
        wait(looking.page, "#pending tbody tr", "ROADMAP.md")

    def test_what_has_not_changed_is_not_sent_again(self, calm: Server, opened: Opened) -> None:
        page = opened(calm, script=FAST_POLLING).page
        live(page)
        with page.expect_response(lambda answer: answer.url.endswith("/checksums") and answer.status == 304):
            pass

    def test_the_server_stops_and_comes_back(self, repo: Repo, server: Server, opened: Opened) -> None:
        """The page says so plainly and since when, keeps what it has, and recovers with what happened meanwhile."""
        page = opened(server).page
        live(page)
        server.stop()
        wait(page, "#notice", "The server does not answer since")
        said = page.locator("#notice time").first
        assert re.search(r"\d\d:\d\d:\d\d UTC$", said.inner_text())
        assert page.locator("#connection").inner_text() == "No answer"
        assert page.get_by_role("button", name="Consolidate now").is_disabled()
        assert page.locator("#files tbody tr").count() == 8
        edit(repo, "ROADMAP.md")
        server.start()
        wait(page, "#pending tbody tr", "ROADMAP.md")
        live(page)
        assert not page.locator("#notice").is_visible()
        assert page.get_by_role("button", name="Consolidate now").is_enabled()

    def test_refresh_says_that_nobody_answers(self, server: Server, opened: Opened) -> None:
        page = opened(server).page
        live(page)
        server.stop()
        page.get_by_role("button", name="Refresh").click()
        wait(page, "#outcome", "No answer")

    def test_a_server_that_fails_is_told_with_its_reason(self, calm: Server, opened: Opened) -> None:
        page = opened(calm, script=FAST_POLLING).page
        live(page)
        problem = json.dumps({"title": "Internal Server Error", "detail": "cannot open the ledger"})
        page.route("**/status", lambda route: route.fulfill(status=500, body=problem))
        wait(page, "#notice", "The server could not answer: cannot open the ledger")
        page.unroute("**/status")
        page.locator("#notice").wait_for(state="hidden")

    def test_a_page_in_the_background_lets_go_of_its_stream(self, calm: Server, opened: Opened) -> None:
        """A browser opens six connections to a server; six such pages would leave none for the seventh."""
        page = opened(calm, script=HIDABLE).page
        live(page)
        page.evaluate("hide(true)")
        wait(page, "#connection", "Every 10 seconds")
        page.evaluate("hide(false)")
        live(page)


NO_STREAM = """
const ask = fetch;
window.fetch = (url, ...more) => url.endsWith("events") ? Promise.reject() : ask(url, ...more);
"""
HIDABLE = """
let hidden = false;
Object.defineProperty(document, "hidden", { get: () => hidden });
window.hide = (is) => { hidden = is; document.dispatchEvent(new Event("visibilitychange")); };
"""


class TestToken:
    def test_without_the_token_it_says_how_to_give_it(self, guarded: Server, opened: Opened) -> None:
        page = opened(guarded).page
        wait(page, "#notice", "The server wants a token.")
        assert page.locator("#tiles .tile").count() == 0

    def test_the_token_of_the_address_is_taken_and_not_left_there(self, guarded: Server, opened: Opened) -> None:
        """It stays for this tab, and no request carries it in its address."""
        looking = opened(guarded, f"#token={TOKEN}")
        live(looking.page)
        assert looking.page.url == guarded.page
        looking.page.reload()
        live(looking.page)
        assert not any(quote(TOKEN) in url or TOKEN in url for url in looking.requests[1:])

    def test_a_token_put_at_the_end_of_the_address_later_works_as_well(self, guarded: Server, opened: Opened) -> None:
        """That alone loads no page anew. A wrong one is told like none."""
        page = opened(guarded, "#token=wrong%").page
        wait(page, "#notice", "The server wants a token.")
        page.evaluate(f"location.hash = 'token={TOKEN}'")
        live(page)
        assert not page.locator("#notice").is_visible()
        assert page.url == guarded.page


class TestStrangers:
    def test_a_file_name_that_is_html_is_text(self, strange: Server, opened: Opened) -> None:
        page = opened(strange).page
        wait(page, "#pending tbody tr", HOSTILE)
        wait(page, "#files tbody tr", HOSTILE)
        assert page.locator("img").count() == 0
        assert "Eve &amp; Co" in page.locator("#pending tbody tr").filter(has_text=HOSTILE).inner_text()

    def test_what_is_not_drawn_in_a_name_or_turns_it_around_is_shown(self, strange: Server, opened: Opened) -> None:
        """Nothing else is anywhere in the page, titles included."""
        page = opened(strange).page
        wait(page, "#pending tbody tr", SEEN)
        wait(page, "#files tbody tr", SEEN)
        assert r"Eve\u202e evE" in page.locator("#pending tbody tr").filter(has_text=SEEN).inner_text()
        assert not set(page.content()) & set(TURNED.replace("\n", "")) - set(map(chr, range(32, 127)))
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/names.png", full_page=True)

    @pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
    def test_text_gets_in_as_text_only(self, file: Path) -> None:
        """Nothing here can make markup of a text, or run one."""
        code = file.read_text(encoding="utf-8")
        forbidden = (
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser|srcdoc|\.style\b"
        )
        assert not re.search(forbidden, code)

    def test_the_page_has_no_inline_script_or_style_and_asks_nobody_else(self) -> None:
        html = (Path(PAGE) / "sync-dashboard.html").read_text(encoding="utf-8")
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script>|<script(?! src=)|https?:", html)
        for file in FILES:
            found = re.findall(r"https?://[^\s\"')]+", file.read_text(encoding="utf-8"))
            assert set(found) <= {"http://www.w3.org/2000/svg"}, file.name


class TestPeople:
    def test_everything_can_be_done_with_the_keyboard(self, repo: Repo, server: Server, opened: Opened) -> None:
        edit(repo)
        page = opened(server).page
        wait(page, "#pending", "AGENTS.md")

        def focused() -> str:
            return str(page.evaluate("document.activeElement.textContent || document.activeElement.value").strip())

        page.keyboard.press("Tab")
        assert focused() == "Skip to the content"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowRight")
        wait(page, "#files th", "7 days")
        page.keyboard.press("Tab")
        assert focused() == "The same as a table"
        page.keyboard.press("Enter")
        page.locator("#timeline-table table").wait_for()
        page.keyboard.press("Tab")
        assert focused() == "Consolidate now"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        wait(page, "#outcome", "1 change consolidated.")
        page.keyboard.press("Tab")
        assert focused() == "Refresh"
        page.keyboard.press("Space")
        wait(page, "#outcome", "Up to date at")

    def test_what_happens_is_said_to_those_who_do_not_see_it(self, repo: Repo, server: Server, opened: Opened) -> None:
        page = opened(server).page
        live(page)
        edit(repo)
        wait(page, "#announcer[role=status]", "1 change is pending")
        server.stop()
        wait(page, "#notice[role=alert]", "does not answer")
        server.start()
        wait(page, "#announcer", "The server answers again.")

    def test_tables_say_what_they_are_about(self, told: Server, opened: Opened) -> None:
        """A caption, a heading for each column, and the name of each row."""
        page = opened(told).page
        live(page)
        for name in ("#pending", "#files", "#timeline-table"):
            table = page.locator(f"{name} table")
            assert table.locator("caption").text_content()
            assert table.locator("thead th:not([scope=col])").count() == 0
            assert table.locator("tbody th[scope=row]").count() == table.locator("tbody tr").count() > 0

    def test_a_table_that_is_open_stays_open_when_something_comes(
        self, repo: Repo, server: Server, opened: Opened
    ) -> None:
        edit(repo)
        page = opened(server).page
        page.locator("summary").click()
        edit(repo, "ROADMAP.md", "cursor")
        wait(page, "#timeline-table td", "cursor")
        assert page.locator("#timeline-table").is_visible()

    @pytest.mark.parametrize("look", ["light", "dark", "phone"])
    def test_axe_finds_nothing(self, busy: Server, opened: Opened, look: str) -> None:
        """In each look, with its table open, and when the server is gone."""
        scheme = "dark" if look == "dark" else "light"
        looking = opened(busy, color_scheme=scheme, viewport=PHONE if look == "phone" else DESK, script=FAST_POLLING)
        live(looking.page)
        looking.page.locator("summary").click()
        assert looking.findings() == []
        looking.page.route("**/api/**", lambda route: route.abort())
        looking.page.locator("#notice").wait_for()
        assert looking.findings() == []

    def test_axe_finds_nothing_where_nothing_happened(self, calm: Server, opened: Opened) -> None:
        looking = opened(calm)
        live(looking.page)
        assert looking.findings() == []

    def test_no_width_needs_scrolling_sideways(self, strange: Server, opened: Opened) -> None:
        """Even with a name that has no place to break."""
        page = opened(strange, locale="fr").page
        live(page)
        wait(page, "#pending tbody tr", LONG[0])
        for width in (320, 360, 500, 769, 820, 961, 993, 1100, 1280):
            page.set_viewport_size({"width": width, "height": 700})
            assert page.evaluate("document.documentElement.scrollWidth") <= width

    def test_who_wants_no_motion_gets_none(self, calm: Server, opened: Opened) -> None:
        page = opened(calm, reduced_motion="reduce").page
        assert page.evaluate("getComputedStyle(document.querySelector('button')).transitionDuration") == "0s"

    def test_agents_are_told_apart_by_more_than_colour(self, busy: Server, opened: Opened) -> None:
        """Each has a texture and a sign of its own."""
        page = opened(busy).page
        live(page)
        page.get_by_label("30 days").check()
        wait(page, "#files th", "30 days")
        fills = page.evaluate("[...document.querySelectorAll('#timeline .bar')].map((bar) => bar.getAttribute('fill'))")
        signs = page.evaluate(
            "[...document.querySelectorAll('#legend .sign path')].map((one) => one.getAttribute('d'))"
        )
        agents = len(texts(page, "#legend li:not(:last-child)"))
        drawn = page.evaluate("[...document.querySelectorAll('pattern')].map((one) => [one.id, one.innerHTML])")
        assert len({f"url(#{name})" for name, _ in drawn} & set(fills)) == agents >= 4
        assert len({texture for _, texture in drawn}) == len(drawn)
        assert len(set(signs)) == agents + 1


class TestLanguages:
    @pytest.mark.parametrize(
        ("locale", "lang", "title"),
        [
            ("fr-CA", "fr", "Changements en attente"),
            ("en-US", "en", "Pending changes"),
            ("de-DE", "en", "Pending changes"),
        ],
    )
    def test_the_browser_s_language_is_spoken(
        self, told: Server, opened: Opened, locale: str, lang: str, title: str
    ) -> None:
        page = opened(told, locale=locale).page
        wait(page, "#pending-title", title)
        assert page.evaluate("document.documentElement.lang") == lang
        wait(page, "#pending tbody tr", "modifié" if lang == "fr" else "modified")
        wait(page, "#pending time", "il y a" if lang == "fr" else "ago")

    def test_both_languages_say_everything(self, calm: Server, opened: Opened) -> None:
        """The same keys, the same values filled in, and every key that is asked for."""
        words = opened(calm).page.evaluate("WORDS")
        assert words["en"].keys() == words["fr"].keys()

        def braces(entry: Any) -> set[str]:
            return set(re.findall(r"\{(\w+)\}", json.dumps(entry))) - {"count"}

        assert {key: braces(entry) for key, entry in words["en"].items()} == {
            key: braces(entry) for key, entry in words["fr"].items()
        }
        asked = set(re.findall(r'\b(?:word|phrase)\("(\w+)"', "".join(file.read_text("utf-8") for file in SCRIPTS)))
        html = (Path(PAGE) / "sync-dashboard.html").read_text(encoding="utf-8")
        asked |= set(re.findall(r'data-word="(\w+)"', html))
        assert asked <= words["en"].keys()

    def test_the_page_as_it_is_written_is_in_english(self, calm: Server, opened: Opened) -> None:
        """Before the script has run, and for those without it."""
        html = (Path(PAGE) / "sync-dashboard.html").read_text(encoding="utf-8")
        words = opened(calm).page.evaluate("WORDS.en")
        written = re.findall(r'data-word="(\w+)">([^<]+)<', html)
        assert dict(written) == {key: words[key] for key, _ in written}


class TestLooks:
    def test_the_four_looks_are_kept_to_be_looked_at(
        self, tmp_path: Path, busy: Server, calm: Server, opened: Opened
    ) -> None:
        """Light, dark (in French), phone, and with nothing in it: PNG files in AGENTSYNC_SCREENSHOTS."""
        folder = Path(SHOTS) if SHOTS else tmp_path / "looks"
        looks: dict[str, tuple[Server, dict[str, Any]]] = {
            "light": (busy, {}),
            "dark": (busy, {"color_scheme": "dark", "locale": "fr-FR"}),
            "phone": (busy, {"viewport": PHONE, "device_scale_factor": 2}),
            "empty": (calm, {}),
        }
        for name, (shown, context) in looks.items():
            page = opened(shown, **context).page
            live(page)
            page.screenshot(path=folder / f"{name}.png", full_page=True)
        assert all((folder / f"{name}.png").stat().st_size > 20_000 for name in looks)
