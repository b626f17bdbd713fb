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

import httpx
import pytest
from lab.office import documents, office
from lab.page import MISSING, Looking, Server, browser, edit, serving, settled
from lab.repo import Repo
from lab.sealing import seal_off

from agentsync.web.export import PAGE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route

SHOTS = os.environ.get("AGENTSYNC_SCREENSHOTS", "")  # read before the environment is sealed
FILES = sorted(Path(PAGE).iterdir())
SCRIPTS = [file for file in FILES if file.suffix == ".js"]
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# Timers of ten seconds are those of the polling.
NO_POLLING = (
    "{ const real = setTimeout; window.setTimeout = (f, ms, ...more) => ms === 10000 ? 0 : real(f, ms, ...more); }"
)
FAST_POLLING = NO_POLLING.replace("? 0 :", "? real(f, 100, ...more) :")
WORDS = "import('./words.js').then((module) => module.WORDS)"
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
def shared(factory: pytest.TempPathFactory, make: Callable[[Path], Repo], *options: str) -> Iterator[Server]:
    """A server for several tests, of a clone that `make` makes in a folder of this name."""
    with pytest.MonkeyPatch.context() as patch:
        seal_off(patch, factory.mktemp("home"))
        with serving(make(factory.mktemp("shared") / "atlas"), *options) as made:
            yield made


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """For those that change something or stop the server."""
    with shared(tmp_path_factory, settled) as made:
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
    with shared(tmp_path_factory, settled) as made:
        yield made


@pytest.fixture(scope="module")
def told(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Four changes of the last minute, none of them reported."""

    def make(root: Path) -> Repo:
        repo = settled(root)
        for path, who in (("AGENTS.md", "claude-code"), ("ROADMAP.md", ""), ("AGENTS.md", ""), (PASSATION, "cursor")):
            edit(repo, path, who)
        return repo

    with shared(tmp_path_factory, make) as made:
        yield made


@pytest.fixture(scope="module")
def busy(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Forty days of several agents in 31 documents and three worktrees, with reports."""
    with shared(tmp_path_factory, lambda root: office(root, 31, changes=30, days=40)) as made:
        yield made


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Documents with names and lines that nobody expects, each changed."""

    def make(root: Path) -> Repo:
        repo = settled(root, HOSTILE, TURNED, *LONG)
        repo.write(f"{repo.read(HOSTILE)}\t{HOSTILE}\u202e\n", HOSTILE)
        edit(repo, HOSTILE, GIT_AUTHOR_NAME="Eve &amp; Co")
        edit(repo, TURNED, GIT_AUTHOR_NAME="Eve\u202e evE")
        for path in LONG:
            edit(repo, path, "claude-code")
        return repo

    with shared(tmp_path_factory, make) as made:
        yield made


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that wants a token."""
    file = tmp_path_factory.mktemp("guarded") / "token"
    file.write_text(TOKEN)
    file.chmod(0o600)
    with shared(tmp_path_factory, settled, "--token-file", str(file)) as made:
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
    page.locator("#agents > *").first.wait_for()
    page.locator("#documents > *").first.wait_for()


def change(page: Page, text: str) -> Locator:
    """The newest change whose row says this."""
    return page.locator("#changes li").filter(has_text=text).first


def instead(page: Page, server: Server, **told: Any) -> None:
    """From now on the status tells this besides what it says now."""
    said = httpx.get(server.page.replace("sync-dashboard.html", "api/sync/status")).json()
    page.route("**/status", lambda route: route.fulfill(json={**said, **told}))


class TestStatus:
    def test_the_repository_comes_first_and_what_is_pending_next(self, told: Server, opened: Opened) -> None:
        page = opened(told).page
        live(page)
        assert page.locator("h1").inner_text() == "atlas"
        assert page.locator("#place").inner_text() == "worktree main · branch main"
        assert page.title() == "(4) atlas · agentsync"
        assert re.fullmatch(
            r"4 changes are not in a report yet · reported at 5, or in \d+ minutes · no report yet",
            page.locator("#pending").inner_text(),
        )

    def test_there_is_something_to_press_only_where_there_is_something_to_consolidate(
        self, calm: Server, told: Server, opened: Opened
    ) -> None:
        for server, is_there in ((calm, False), (told, True)):
            page = opened(server).page
            live(page)
            assert page.get_by_role("button", name="Consolidate now").is_visible() is is_there

    def test_the_newest_report_can_be_read(self, busy: Server, opened: Opened) -> None:
        page = opened(busy).page
        page.get_by_text("The newest report").click()
        wait(page, "#report-text", "threshold, ")
        made = [line for line in busy.repo.lines() if line["kind"] == "consolidation"][-1]
        assert page.locator("#report-text ul ul li").count() == len(made["event_ids"])

    def test_what_somebody_has_to_see_to_is_said(self, told: Server, opened: Opened) -> None:
        looking = opened(told, script=FAST_POLLING)
        live(looking.page)

        instead(
            looking.page,
            told,
            running=False,
            owed=[{"worktree": "main", "reason": "the file is missing"}],
            problems=[{"about": "ledger", "problem": "the line at byte 7 is damaged"}],
        )
        wait(looking.page, "#attention", "Nobody watches now")
        assert texts(looking.page, "#attention li")[1:] == [
            "ledger: the line at byte 7 is damaged",
            "main: its report is not written: the file is missing",
        ]

    def test_a_document_that_several_change_at_once_is_named_once(self, busy: Server, opened: Opened) -> None:
        """With whose edits where; of many the first ones."""
        page = opened(busy).page
        wait(page, "#attention", "docs/glossary.md: edits ")
        (line,) = texts(page, "#attention li")
        assert "main (claude-code)" in line and "billing (" in line
        sides: list[Any] = [{"worktree": name, "branch": None, "owners": []} for name in ("main", "side")]
        many = [{"file_path": f"{n}.md", "level": "conflict", "sides": sides} for n in (1, 1, 2, 3, 4, 5)]
        page.route("**/overlaps", lambda route: route.fulfill(json={"count": 6, "overlaps": many}))
        page.get_by_role("button", name="Refresh").click()
        wait(page, "#attention", "and 2 more documents: agentsync overlaps")
        assert texts(page, "#attention li")[0] == "1.md: edits that conflict, in main (unknown), side (unknown)"


class TestChanges:
    def test_each_says_who_what_how_much_and_where_newest_first(self, told: Server, opened: Opened) -> None:
        page = opened(told).page
        live(page)
        commits = [one["commit"][:7] for one in reversed(told.repo.changes())]
        rows = texts(page, "#changes summary")
        wanted = [
            rf"1 min ago cursor {PASSATION} .*\+1 −0 main {commits[0]}",
            rf"1 min ago unknown \(Ada\) AGENTS.md .*\+1 −0 main {commits[1]}",
            rf"1 min ago unknown \(Ada\) ROADMAP.md .*\+1 −0 main {commits[2]}",
            rf"1 min ago claude-code AGENTS.md .*\+1 −0 main {commits[3]}",
        ]
        assert all(re.fullmatch(want, re.sub("[12] min", "1 min", row)) for want, row in zip(wanted, rows, strict=True))
        assert texts(page, "#changes h3") == ["Today"]
        assert page.locator("#changes li.pending").count() == 4
        time = page.locator("#changes time").first
        assert time.get_attribute("datetime") == told.repo.changes()[-1]["timestamp"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", time.get_attribute("title") or "")

    def test_one_opens_to_what_came_and_went_which_is_asked_for_only_then(self, told: Server, opened: Opened) -> None:
        looking = opened(told)
        live(looking.page)
        assert not [url for url in looking.requests if "/diff" in url]
        row = change(looking.page, PASSATION)
        row.locator("summary").click()
        assert row.locator("pre").text_content() == f"@@ -1 +1,2 @@\n # {PASSATION}\n+one more line\n"
        record = told.repo.changes()[-1]
        old, new = record["old_checksum"][:8], record["new_checksum"][:8]
        assert re.search(rf"author Ada · MD5 {old} → {new}$", row.locator(".detail > p").inner_text())

    def test_what_cannot_be_shown_says_why(self, told: Server, opened: Opened) -> None:
        page = opened(told).page
        live(page)
        page.route("**/diff", lambda route: route.fulfill(json={"lines": [], "left_out": 0, "why": "not text"}))
        row = change(page, PASSATION)
        row.locator("summary").click()
        wait(page, "#changes .diff", "not text")

    def test_those_of_one_commit_say_it_once(self, busy: Server, opened: Opened) -> None:
        page = opened(busy).page
        live(page)
        commits = page.locator("#changes .commit")
        same = page.locator("#changes li.same")
        assert same.count() == commits.count() - len(set(texts(page, "#changes .commit"))) > 0

    def test_older_ones_are_there_on_demand_each_once(self, busy: Server, opened: Opened) -> None:
        page = opened(busy).page
        live(page)
        every = busy.repo.count()
        assert page.locator("#changes li").count() == 30 < every
        page.get_by_role("button", name="Show older changes").click()
        page.locator("#changes li").nth(every - 1).wait_for()
        page.get_by_role("button", name="Refresh").click()
        wait(page, "#outcome", "Up to date")
        assert page.locator("#changes li").count() == every
        assert not page.get_by_role("button", name="Show older changes").is_visible()

    def test_where_nothing_happened_it_says_what_to_do_next(self, calm: Server, opened: Opened) -> None:
        page = opened(calm).page
        live(page)
        assert texts(page, "#changes")[0].startswith("No change yet. Edit one of the documents and save or commit it")
        assert page.locator("#pending").inner_text() == "Every change is in a report · no report yet"


class TestAgents:
    def test_who_is_at_work_and_where(self, told: Server, opened: Opened) -> None:
        page = opened(told).page
        live(page)
        rows = texts(page, "#agents li")
        assert sorted(re.sub(r"\d+ min", "1 min", row) for row in rows) == [
            "claude-code 1 change in 30 days main · 1 min ago",
            "cursor 1 change in 30 days main · 1 min ago",
            "unknown 2 changes in 30 days main · 1 min ago",
        ]
        assert page.locator("#agents .dot").count() == 3

    def test_the_changes_of_one_can_be_shown_alone(self, told: Server, opened: Opened) -> None:
        page = opened(told).page
        live(page)
        page.locator("#agents button").filter(has_text="cursor").click()
        page.locator("#changes li").nth(1).wait_for(state="detached")
        assert [PASSATION in row for row in texts(page, "#changes li")] == [True]
        page.get_by_role("button", name="Show all changes").click()
        page.locator("#changes li").nth(3).wait_for()

    def test_they_are_told_apart_by_more_than_colour(self, busy: Server, opened: Opened) -> None:
        page = opened(busy).page
        live(page)
        signs = [one.get_attribute("d") for one in page.locator("#agents .sign path").all()]
        assert len(set(signs)) == len(signs) >= 4


class TestDocuments:
    def test_the_one_that_changed_last_comes_first_with_who_and_how_it_stands(
        self, told: Server, opened: Opened
    ) -> None:
        page = opened(told).page
        live(page)
        rows = [re.sub(r"\d+ min", "1 min", row) for row in texts(page, "#documents li")]
        assert sorted(rows[:3]) == [
            "AGENTS.md pending 1 min ago",
            "ROADMAP.md pending 1 min ago",
            f"{PASSATION} pending 1 min ago",
        ]
        assert rows[3] == "AGENT_SYNC.md no change seen"
        assert rows[-1] == f"{MISSING} not there yet"

    def test_one_shows_its_changes_alone_and_its_facts(self, told: Server, opened: Opened) -> None:
        page = opened(told).page
        live(page)
        page.locator("#documents button").filter(has_text="AGENTS.md").click()
        checksum = told.repo.changes()[2]["new_checksum"][:8]
        wait(page, "#chosen", f"type docs · MD5 {checksum}")
        page.locator("#changes li").nth(2).wait_for(state="detached")
        assert all("AGENTS.md" in row for row in texts(page, "#changes li"))
        page.locator("#documents button[aria-pressed=true]").click()
        page.locator("#changes li").nth(3).wait_for()

    def test_many_are_grouped_by_folder_and_found_by_a_part_of_the_name(self, busy: Server, opened: Opened) -> None:
        page = opened(busy).page
        live(page)
        folders = {f"{path.rpartition('/')[0]}/" if "/" in path else "At the top" for path in documents(31)}
        assert {row.rsplit(" ", 1)[0] for row in texts(page, "#documents summary")} == folders
        assert page.locator("#documents li").count() == 31
        page.get_by_role("searchbox", name="Find a document").fill("RUNBOOKS/de")
        page.locator("#documents li").nth(1).wait_for(state="detached")
        assert texts(page, "#documents summary") == ["docs/runbooks/ 1"]
        page.get_by_role("searchbox").fill("nothing like that")
        wait(page, "#documents", "No document is called like that.")

    def test_one_that_has_not_changed_for_long_is_marked(self, busy: Server, opened: Opened) -> None:
        """By `stale_after_days`; nobody has seen those change in forty days."""
        looking = opened(busy, script=FAST_POLLING)
        live(looking.page)
        wait(looking.page, "#documents .stale", "unchanged for 40 days")

        instead(looking.page, busy, stale_after_days=0)
        wait(looking.page, "#documents", "no change seen")
        assert looking.page.locator("#documents .stale").count() == 0


class TestButtons:
    def test_consolidate_writes_the_report_and_says_so(self, repo: Repo, server: Server, opened: Opened) -> None:
        edit(repo, "AGENTS.md", "claude-code")
        page = opened(server).page
        wait(page, "#pending", "1 change is not in a report yet")
        page.get_by_role("button", name="Consolidate now").click()
        wait(page, "#outcome", "1 change is in the report now.")
        wait(page, "#pending", "Every change is in a report")
        assert "(agent: claude-code)" in repo.read("AGENT_SYNC.md")
        assert repo.lines()[-1]["trigger_type"] == "manual"

    def test_a_refusal_is_told_in_its_own_words(self, told: Server, opened: Opened) -> None:
        page = opened(told).page
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
        asked = {url.rpartition("/")[2].partition("?")[0] for url in looking.requests[before:]}
        assert {"status", "checksums", "timeline", "log"} <= asked


class TestFollowing:
    def test_a_commit_elsewhere_appears_at_once_without_reload(
        self, repo: Repo, server: Server, opened: Opened
    ) -> None:
        """By events alone: the ten seconds never pass."""
        page = opened(server, script=NO_POLLING).page
        live(page)
        page.evaluate("window.still = 'the same page'")
        edit(repo, "ROADMAP.md", "claude-code")
        wait(page, "#changes li", "ROADMAP.md")
        wait(page, "#agents", "claude-code")
        assert page.evaluate("window.still") == "the same page"
        assert page.locator("#announcer").inner_text() == "1 change is pending"

    def test_an_edit_that_nobody_commits_appears_as_well(self, repo: Repo, server: Server, opened: Opened) -> None:
        page = opened(server, script=NO_POLLING).page
        live(page)
        repo.write("typed\n", "AGENTS.md")
        wait(page, "#documents li", "not committed")

    def test_without_events_it_asks_every_ten_seconds(self, repo: Repo, server: Server, opened: Opened) -> None:
        looking = opened(server, script=f"{FAST_POLLING} {NO_STREAM}")
        wait(looking.page, "#connection", "Every 10 seconds")
        edit(repo, "ROADMAP.md")
        wait(looking.page, "#changes li", "ROADMAP.md")

    def test_what_has_not_changed_is_not_sent_again(self, calm: Server, opened: Opened) -> None:
        page = opened(calm, script=FAST_POLLING).page
        live(page)
        with page.expect_response(lambda answer: answer.url.endswith("/checksums") and answer.status == 304):
            pass

    def test_the_server_stops_and_comes_back(self, repo: Repo, server: Server, opened: Opened) -> None:
        """The page says so plainly and since when, keeps what it has, and recovers with what happened meanwhile."""
        edit(repo)
        page = opened(server).page
        live(page)
        server.stop()
        wait(page, "#notice", "The server has not answered since")
        said = page.locator("#notice time").first
        assert re.search(r"\d\d:\d\d:\d\d UTC$", said.inner_text())
        assert page.locator("#connection").inner_text() == "No answer"
        assert page.get_by_role("button", name="Consolidate now").is_disabled()
        assert page.locator("#documents li").count() == 8
        edit(repo, "ROADMAP.md")
        server.start()
        wait(page, "#changes li", "ROADMAP.md")
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


class TestBelowAPath:
    def test_a_proxy_may_serve_it_below_any_path(self, told: Server, chromium: Browser) -> None:
        """One that leaves the path out of what it asks for; nothing is asked for outside of that path."""
        with chromium.new_context(locale="en-GB") as context:
            looking = Looking(context.new_page())
            page = looking.page
            below = told.page.replace("/sync-dashboard.html", "/tools/atlas/")

            def proxied(route: Route) -> None:
                url = route.request.url.replace("/tools/atlas/", "/")
                route.abort() if url.endswith("/events") else route.fulfill(response=route.fetch(url=url))

            page.route(f"{below}**", proxied)
            page.goto(f"{below}sync-dashboard.html")
            wait(page, "#connection", "Every 10 seconds")
            change(page, PASSATION).locator("summary").click()
            page.locator("#changes pre").wait_for()
            assert all(url.startswith(below) for url in looking.requests)


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
        assert page.locator("#changes > *").count() == 0

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
        wait(page, "#changes li", HOSTILE)
        wait(page, "#documents li", HOSTILE)
        assert page.locator("img").count() == 0
        assert "Eve &amp; Co" in change(page, HOSTILE).inner_text()

    def test_what_is_not_drawn_in_a_name_or_turns_it_around_is_shown(self, strange: Server, opened: Opened) -> None:
        """Nothing else is anywhere in the page, titles included."""
        page = opened(strange).page
        wait(page, "#changes li", SEEN)
        wait(page, "#documents li", SEEN)
        assert r"Eve\u202e evE" in change(page, SEEN).inner_text()
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
        assert not re.search(r'<style|\sstyle=|\son\w+=|<script>|<script(?! type="module" src=)|https?:', html)
        for file in FILES:
            found = re.findall(r"https?://[^\s\"')]+", file.read_text(encoding="utf-8"))
            assert set(found) <= {"http://www.w3.org/2000/svg"}, file.name


class TestPeople:
    def test_everything_can_be_done_with_the_keyboard(self, repo: Repo, server: Server, opened: Opened) -> None:
        edit(repo)
        page = opened(server).page
        page.get_by_role("button", name="Consolidate now").wait_for()

        def focused() -> str:
            return str(page.evaluate("document.activeElement.textContent || document.activeElement.value").strip())

        page.keyboard.press("Tab")
        assert focused() == "Skip to the changes"
        page.keyboard.press("Tab")
        assert focused() == "Refresh"
        page.keyboard.press("Space")
        wait(page, "#outcome", "Up to date at")
        page.keyboard.press("Tab")
        assert focused() == "Consolidate now"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        wait(page, "#outcome", "1 change is in the report now.")
        page.keyboard.press("Tab")
        if focused() != "The newest report":
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        wait(page, "#report-text", "1 change in 1 document")
        page.locator("#changes summary").first.focus()
        page.keyboard.press("Enter")
        page.locator("#changes pre").wait_for()
        page.keyboard.press("Tab")
        assert focused().startswith("@@")
        page.locator("#agents button").first.focus()
        page.keyboard.press("Enter")
        page.locator("#chosen").wait_for()

    def test_what_happens_is_said_to_those_who_do_not_see_it(self, repo: Repo, server: Server, opened: Opened) -> None:
        page = opened(server).page
        live(page)
        edit(repo)
        wait(page, "#announcer[role=status]", "1 change is pending")
        server.stop()
        wait(page, "#notice[role=alert]", "has not answered")
        server.start()
        wait(page, "#announcer", "The server answers again.")

    def test_a_change_that_is_open_stays_open_when_something_comes(
        self, repo: Repo, server: Server, opened: Opened
    ) -> None:
        edit(repo)
        page = opened(server).page
        live(page)
        page.locator("#changes summary").first.click()
        page.locator("#changes pre").wait_for()
        edit(repo, "ROADMAP.md", "cursor")
        wait(page, "#changes li", "cursor")
        assert page.locator("#changes pre").is_visible()

    @pytest.mark.parametrize("look", ["light", "dark", "phone"])
    def test_axe_finds_nothing(self, busy: Server, opened: Opened, look: str) -> None:
        """In each look, with a change and the report open, one document chosen, and when the server is gone."""
        scheme = "dark" if look == "dark" else "light"
        looking = opened(busy, color_scheme=scheme, viewport=PHONE if look == "phone" else DESK, script=FAST_POLLING)
        live(looking.page)
        looking.page.locator("#documents button").nth(1).click()
        looking.page.locator("#chosen").wait_for()
        looking.page.locator("#changes summary").first.click()
        looking.page.locator("#changes pre").first.wait_for()
        looking.page.locator("#report summary").click()
        looking.page.locator("#report-text li").first.wait_for()
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
        wait(page, "#changes li", LONG[0])
        for width in (320, 360, 500, 769, 820, 961, 993, 1100, 1280):
            page.set_viewport_size({"width": width, "height": 700})
            assert page.evaluate("document.documentElement.scrollWidth") <= width

    def test_who_wants_no_motion_gets_none(self, calm: Server, opened: Opened) -> None:
        page = opened(calm, reduced_motion="reduce").page
        assert page.evaluate("getComputedStyle(document.querySelector('button')).transitionDuration") == "0s"

    def test_a_phone_shows_31_documents_in_three_screens(self, busy: Server, opened: Opened) -> None:
        """The whole page, with the newest changes and the agents."""
        page = opened(busy, viewport=PHONE).page
        live(page)
        assert page.locator("#documents li").count() == 31
        assert page.evaluate("document.documentElement.scrollHeight") <= 3 * PHONE["height"]

    def test_what_a_server_said_that_is_gone_is_grey(self, busy: Server, opened: Opened) -> None:
        """And it is still to be read: axe looks at its contrast above."""
        page = opened(busy, script=FAST_POLLING).page
        live(page)
        page.route("**/api/**", lambda route: route.abort())
        page.locator("#notice").wait_for()
        colour = "(one) => getComputedStyle(one).color"
        colours = [page.locator(one).first.evaluate(colour) for one in ("#changes .added", "#changes .what", ".quiet")]
        assert len(set(colours)) == 1


class TestLanguages:
    @pytest.mark.parametrize(
        ("locale", "lang", "title"),
        [
            ("fr-CA", "fr", "Changements"),
            ("en-US", "en", "Changes"),
            ("de-DE", "en", "Changes"),
        ],
    )
    def test_the_browser_s_language_is_spoken(
        self, told: Server, opened: Opened, locale: str, lang: str, title: str
    ) -> None:
        page = opened(told, locale=locale).page
        wait(page, "#feed-title", title)
        assert page.evaluate("document.documentElement.lang") == lang
        wait(page, "#changes h3", "Aujourd’hui" if lang == "fr" else "Today")
        wait(page, "#changes time", "il y a" if lang == "fr" else "ago")

    def test_both_languages_say_everything(self, calm: Server, opened: Opened) -> None:
        """The same keys, the same values filled in, and every key that is asked for."""
        words = opened(calm).page.evaluate(WORDS)
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
        words = opened(calm).page.evaluate(WORDS)["en"]
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
