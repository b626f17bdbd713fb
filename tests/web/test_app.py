"""The endpoints: the seed's JSON key for key, as the commands print it, and cheap to ask for again."""

from __future__ import annotations

import asyncio
import fcntl
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from lab.commands import agentsync
from lab.live import SAME, quiet, with_client
from lab.repo import Repo
from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.routing import Mount

from agentsync.ledger import notes
from agentsync.ledger.events import Change
from agentsync.web import Access, create_app, guard, models, routes
from agentsync.web.service import AutoSyncService

# What the seed shows, with its own values.
SEED: dict[str, Any] = {
    "/api/sync/status": {
        "running": True,
        "pending_changes": 3,
        "last_consolidation": "2025-10-10T15:30:00",
        "watched_files": 8,
        "checksums_tracked": 6,
        "consolidation_threshold": 5,
        "check_interval_seconds": 30,
    },
    "/api/sync/pending-changes": {
        "count": 2,
        "changes": [
            {
                "file_path": "AGENT_SYNC.md",
                "event_type": "modified",
                "timestamp": "2025-10-10T15:25:00",
                "old_checksum": "abc123...",
                "new_checksum": "def456...",
                "agent_owner": "claude-code",
            }
        ],
    },
    "/api/sync/checksums": {
        "count": 6,
        "checksums": {
            "doc.md": {
                "checksum": "def456...",
                "last_modified": "2025-10-10T15:25:00",
                "agent_owner": "claude-code",
            }
        },
    },
}
CONSOLIDATED = {
    "status": "success",
    "trigger": {
        "trigger_type": "manual",
        "conditions_met": {"pending_changes": 2},
        "timestamp": "2025-10-10T15:35:00",
    },
    "changes_consolidated": 2,
}
TYPED: dict[str, type[Any]] = {
    "/api/sync/status": models.Status,
    "/api/sync/pending-changes": models.PendingChanges,
    "/api/sync/checksums": models.Checksums,
    "/api/sync/log": models.Log,
    "/api/sync/report": models.Reported,
    "/api/sync/timeline": models.Timeline,
    "/api/overlaps": models.Overlaps,
}


def assert_like(seed: Any, found: Any, where: str = "") -> None:
    """All keys of the seed, each with the seed's type."""
    assert type(found) is type(seed), f"{where}: {found!r}"
    if isinstance(seed, dict):
        for key, value in seed.items():
            assert key in found, f"{where}: no {key}"
            assert_like(value, found[key], f"{where}.{key}")
    elif isinstance(seed, list):
        for one in found:
            assert_like(seed[0], one, f"{where}[]")


def assert_typed(model: type[Any], body: bytes) -> None:
    """Every key has the type that the model says, and there is no key that the model does not name."""
    adapter = TypeAdapter(model)
    told = adapter.dump_python(adapter.validate_json(body, strict=True), mode="json")
    found = json.loads(body)
    if model is models.Log:  # of records, OpenAPI tells only what every kind has
        found["records"] = [{key: one[key] for key in told["records"][0]} for one in found["records"]]
    assert told == found


@pytest.fixture
def busy(repo: Repo) -> Repo:
    """A clone with something of everything: a report, owners, pending changes, an uncommitted one."""
    quiet(repo)
    repo.commit("one\n")
    repo.note({"CLAUDECODE": "1"})
    repo.look("hook")
    repo.commit("two\n", path="docs/other.md")
    repo.look(asked=True)
    repo.commit("three\n")
    repo.note({"CLAUDECODE": "1"})
    repo.look("hook")
    repo.write("four\n")
    repo.look(said="cursor")
    return repo


class TestReads:
    @pytest.mark.parametrize("path", SEED)
    def test_the_seed_s_keys_and_types_come_back(self, busy: Repo, path: str) -> None:
        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            answer = await client.get(path)
            assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
            if path.endswith("pending-changes"):
                assert answer.json()["count"] == 2
            assert_like(SEED[path], answer.json())

        with_client(busy, act)

    @pytest.mark.parametrize(
        ("path", "command"),
        [
            ("/api/sync/status", "status"),
            ("/api/sync/pending-changes", "pending"),
            ("/api/sync/checksums", "checksums"),
            ("/api/sync/report", "report"),
            ("/api/overlaps", "overlaps"),
        ],
    )
    def test_it_is_what_the_command_prints(self, busy: Repo, path: str, command: str) -> None:
        """While the service runs, the command says so too."""

        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            printed = (await asyncio.to_thread(agentsync, busy.root, command, "--json")).json
            found = (await client.get(path)).json()
            assert found == ({"report": printed[0]} if command == "report" else printed)

        with_client(busy, act)

    @pytest.mark.parametrize("path", TYPED)
    def test_openapi_tells_every_key(self, busy: Repo, path: str) -> None:
        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            assert_typed(TYPED[path], (await client.get(path)).content)

        with_client(busy, act)

    @pytest.mark.parametrize("path", [*TYPED, "/sync-dashboard.html"])
    def test_one_who_has_it_gets_304_until_something_changes(self, busy: Repo, path: str) -> None:
        """And its ETag is the same after a restart."""
        tags = []

        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            first = await client.get(path)
            tags.append(first.headers["etag"])
            assert not tags[0].startswith("W/")
            for asked in (tags[0], f'"other", {tags[0]}', f"W/{tags[0]}", "*"):
                again = await client.get(path, headers={"if-none-match": asked})
                assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tags[0])
            assert (await client.get(path, headers={"if-none-match": '"other"'})).status_code == 200
            if not path.startswith("/api") or path == "/api/overlaps" or len(tags) < 2:
                return
            busy.commit("five\n")
            busy.look(asked=True)
            new = await client.get(path, headers={"if-none-match": tags[0]})
            assert new.status_code == 200 and new.headers["etag"] != tags[0]

        with_client(busy, act)
        with_client(busy, act)
        assert tags[0] == tags[1]

    def test_200_who_ask_at_once_cost_one_answer(self, busy: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
        made: list[object] = []
        status = routes._status

        def counted(now: Any) -> Any:
            made.append(now)
            return status(now)

        monkeypatch.setattr(routes, "_status", counted)

        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            answers = await asyncio.gather(*(client.get("/api/sync/status") for _ in range(200)))
            assert {answer.status_code for answer in answers} == {200}
            assert len({answer.content for answer in answers}) == 1

        with_client(busy, act)
        assert len(made) == 1

    def test_metrics_count_the_ledger_and_the_looks_of_this_process(self, busy: Repo) -> None:
        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            await client.post("/api/sync/consolidate", headers=SAME)
            answer = await client.get("/api/metrics")
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
            lines = answer.text.splitlines()
            assert 'sync_changes_detected_total{agent="claude-code",file_type="docs"} 2.0' in lines
            assert 'sync_consolidations_triggered_total{trigger_type="manual"} 2.0' in lines
            assert "sync_consolidation_duration_seconds_count 1.0" in lines

        with_client(busy, act)

    def test_health_is_that_it_watches(self, busy: Repo) -> None:
        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            assert (await client.get("/healthz")).json() == {"status": "ok"}
            await service.stop()
            answer = await client.get("/healthz")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert (await client.get("/api/sync/status")).json()["running"] is False

        with_client(busy, act)

    def test_the_page_and_its_files_are_served_and_nothing_else(self, busy: Repo) -> None:
        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            answer = await client.get("/", follow_redirects=False)
            assert (answer.status_code, answer.headers["location"]) == (307, "/sync-dashboard.html")
            page = await client.get("/sync-dashboard.html")
            assert page.headers["content-type"] == "text/html; charset=utf-8" and "<!doctype html>" in page.text
            for path in ("/routes.py", "/../routes.py", "/%2e%2e/app.py", "/page", "/other.html", "/.html"):
                assert (await client.get(path)).status_code == 404, path

        with_client(busy, act)

    @pytest.mark.parametrize(
        ("behind_proxy", "said", "path"),
        [
            (True, "/tools/atlas", "/tools/atlas/"),
            (True, "/api/", "/api/"),
            (False, "/tools/atlas", "/"),
            (True, "//evil.example", "/"),
            (True, "https://evil.example", "/"),
            (True, "/../x", "/"),
            (True, "/a\\b", "/"),
        ],
    )
    def test_below_a_path_it_leads_to_where_its_proxy_serves_it(
        self, busy: Repo, behind_proxy: bool, said: str, path: str
    ) -> None:
        """If that is to be believed, and is a path; whatever it is, the endpoints stay where they are."""

        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            client.headers["x-forwarded-prefix"] = said
            answer = await client.get("/", follow_redirects=False)
            assert answer.headers["location"] == f"{path}sync-dashboard.html"
            for one in ("/api/sync/status", "/sync-dashboard.html", "/openapi.json"):
                assert (await client.get(one)).status_code == 200
            assert (await client.get("/openapi.json")).json()["servers"] == [{"url": "."}]

        with_client(busy, act, Access(behind_proxy=behind_proxy))

    def test_mounted_in_another_app_it_is_below_that_one_s_path(self, busy: Repo) -> None:
        async def main() -> None:
            outer = Starlette(routes=[Mount("/tools/atlas", create_app(AutoSyncService(busy.root)))])
            transport = httpx.ASGITransport(app=outer)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                answer = await client.get("/tools/atlas/", follow_redirects=False)
                assert answer.headers["location"] == "/tools/atlas/sync-dashboard.html"
                assert (await client.get("/tools/atlas/api/sync/status")).status_code == 200

        asyncio.run(main())

    def test_head_is_get_without_a_body(self, busy: Repo) -> None:
        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            for path in (*TYPED, "/healthz", "/nothing"):
                head, get = await client.head(path), await client.get(path)
                assert head.status_code == get.status_code and head.content == b""
                assert head.headers.get("etag") == get.headers.get("etag")
            assert (await client.head("/api/sync/events")).status_code == 405

        with_client(busy, act)


class TestDiff:
    def test_it_is_what_a_change_did_to_its_document(self, busy: Repo) -> None:
        """Of one that is committed and of one that is not, as text; and it stays the same."""
        committed, edited = busy.changes()[-2:]

        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            answer = await client.get(f"/api/changes/{committed['id']}/diff")
            assert_typed(models.Diff, answer.content)
            assert answer.json() == {
                "id": committed["id"],
                "file_path": "doc.md",
                "lines": ["@@ -1 +1 @@", "-one", "+three"],
                "added": 1,
                "removed": 1,
                "left_out": 0,
                "why": "",
            }
            had = {"if-none-match": answer.headers["etag"]}
            assert (await client.get(f"/api/changes/{committed['id']}/diff", headers=had)).status_code == 304
            found = (await client.get(f"/api/changes/{edited['id']}/diff")).json()
            assert found["lines"] == ["@@ -1 +1 @@", "-three", "+four"]

        with_client(busy, act)

    def test_what_nobody_has_any_more_is_told_with_its_reason(self, busy: Repo) -> None:
        (edited,) = busy.changes()[-1:]
        busy.write("five\n")

        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            found = (await client.get(f"/api/changes/{edited['id']}/diff")).json()
            assert (found["lines"], "never committed" in found["why"]) == ([], True)

        with_client(busy, act)

    def test_another_record_and_another_form_have_none(self, busy: Repo) -> None:
        """Nor has one that is no change."""
        report = next(line["id"] for line in busy.lines() if line["kind"] == "consolidation")

        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            for id_, status in ((report, 404), (report[:-1] + "0", 404), ("x", 422), ("..", 404)):
                assert (await client.get(f"/api/changes/{id_}/diff")).status_code == status, id_

        with_client(busy, act)


class TestLog:
    def test_pages_join_to_what_the_command_prints(self, busy: Repo) -> None:
        """Each record once, newest first, with its owner as is known today."""
        printed = agentsync(busy.root, "log", "--all", "--json", "-n", "0").records
        pending = {one["id"] for one in agentsync(busy.root, "pending", "--json").json["changes"]}

        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            for limit in (1, 2, 3, 500):
                records: list[Any] = []
                before, pages = None, 0
                while pages == 0 or before:
                    query = {"all": "true", "limit": str(limit), **({"before": before} if before else {})}
                    page = (await client.get("/api/sync/log", params=query)).json()
                    assert page["count"] == len(page["records"]) <= limit
                    records, before, pages = records + page["records"], page["next"], pages + 1
                for one in records:
                    told = one["kind"] == "change" and one["id"] in pending
                    assert (one.pop("waiting"), one.pop("pending")) == (False, told)
                assert records == printed

        with_client(busy, act)

    def test_an_owner_that_a_later_commit_told_is_known_on_every_page(self, repo: Repo) -> None:
        """Also where the telling commit stands on the page before."""
        quiet(repo)
        for path in ("doc.md", "docs/other.md"):
            repo.write("edited\n", path)
            repo.look()
        repo.commit()
        repo.note({"CLAUDECODE": "1"})
        repo.look("hook")

        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            first = (await client.get("/api/sync/log?limit=1")).json()
            second = (await client.get("/api/sync/log", params={"limit": "1", "before": first["next"]})).json()
            (record,) = second["records"]
            assert (record["agent_owner"], record["commit"]) == ("claude-code", first["records"][0]["commit"])
            assert record["commit"]
            mine = (await client.get("/api/sync/log", params={"agent": "claude-code", "before": first["next"]})).json()
            assert [mine["count"], first["records"][0]["agent_owner"]] == [1, "claude-code"]

        with_client(repo, act)

    def test_filters_are_those_of_the_command(self, busy: Repo) -> None:
        counts = {
            "": 4,
            "path=doc.md": 3,
            "path=docs": 1,
            "path=/docs/": 1,
            "path=docs&path=doc.md": 4,
            "path=nothing": 0,
            "agent=claude-code": 2,
            "agent=unknown": 1,
            "agent=cursor&path=doc.md": 1,
            "type=modified": 4,
            "type=deleted": 0,
            "since=3d": 4,
            "since=2001-01-01": 4,
            "since=2999-01-01T00:00:00Z": 0,
            "limit=2": 2,
        }

        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            found = {query: (await client.get(f"/api/sync/log?{query}")).json()["count"] for query in counts}
            assert found == counts

        with_client(busy, act)

    def test_a_page_looks_at_so_many_records_only_and_the_next_one_goes_on(
        self, busy: Repo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A filter that hardly anything passes costs no more than another."""
        monkeypatch.setattr("agentsync.web.records.EXAMINED", 2)

        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            found, before, pages = 0, None, 0
            while pages == 0 or before:
                query = {"path": "docs", **({"before": before} if before else {})}
                page = (await client.get("/api/sync/log", params=query)).json()
                found, before, pages = found + page["count"], page["next"], pages + 1
            assert found == 1 and pages > 2

        with_client(busy, act)

    def test_what_waits_in_a_note_is_on_the_first_pages(self, busy: Repo) -> None:
        """And says so, where it cannot be taken in; a page after it can be asked for."""
        noted(busy)

        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            with open(service.ledger.path, "rb") as ledger:
                fcntl.flock(ledger, fcntl.LOCK_EX)
                page = (await client.get("/api/sync/log?limit=1")).json()
                assert [one["waiting"] for one in page["records"]] == [True]
                second = (await client.get("/api/sync/log", params={"limit": "1", "before": page["next"]})).json()
                assert [one["waiting"] for one in second["records"]] == [False]
            service.snapshots.expire()  # a second has passed
            again = (await client.get("/api/sync/log?limit=1")).json()
            assert [one["waiting"] for one in again["records"]] == [False]

        with_client(busy, act, start=False)

    def test_what_has_not_its_form_is_told_as_a_problem(self, busy: Repo) -> None:
        wrong = ["limit=0", "limit=501", "limit=x", "since=yesterday", "since=2025-02-30", "before=x", "all=perhaps"]
        unknown = "before=01a2033e-91c5-77fa-a0dd-2a5358d43ed3"
        statuses = {**dict.fromkeys((*wrong, f"agent={'x' * 2000}"), 422), unknown: 404}

        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            for query, code in statuses.items():
                answer = await client.get(f"/api/sync/log?{query}")
                problem = answer.json()
                assert (answer.status_code, problem["status"]) == (code, code), query
                assert answer.headers["content-type"] == "application/problem+json"
                assert problem["type"] == "about:blank" and problem["detail"]

        with_client(busy, act)


def noted(repo: Repo) -> None:
    """Keep an observation as a note, as one who could not append."""
    clone = repo.clone()
    (change,) = repo.view().events("id", repo.changes()[-1]["id"])
    assert isinstance(change, Change)
    noted = change._replace(id="01a2033e-91c5-77fa-a0dd-2a5358d43ed3", new_blob="0" * 40)
    notes.put(clone, clone.here, [noted], repo.time)


class TestConsolidate:
    def test_the_seed_s_keys_and_types_come_back(self, busy: Repo) -> None:
        """The report is written by then; with nothing pending there is no trigger."""

        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            answer = await client.post("/api/sync/consolidate", headers=SAME)
            assert_typed(models.Consolidated, answer.content)
            done = answer.json()
            assert_like(CONSOLIDATED, done)
            assert done["changes_consolidated"] == 2 and done["trigger"]["timestamp"] in busy.read("AGENT_SYNC.md")
            left = (await client.get("/api/sync/pending-changes")).json()
            assert left == {"count": 0, "changes": [], "not_recorded": []}
            again = (await client.post("/api/sync/consolidate", headers=SAME, json={"any": "body"})).json()
            assert (again["status"], again["trigger"], again["changes_consolidated"]) == ("success", None, 0)

        with_client(busy, act)

    def test_too_many_are_told_when_the_next_may_come(self, busy: Repo) -> None:
        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            for _ in range(routes.CONSOLIDATIONS):
                assert (await client.post("/api/sync/consolidate", headers=SAME)).status_code == 200
            refused = await client.post("/api/sync/consolidate", headers=SAME)
            assert refused.status_code == 429 and 0 < int(refused.headers["retry-after"]) <= routes.PERIOD
            assert (await client.get("/api/sync/status")).status_code == 200

        with_client(busy, act)

    def test_a_held_lock_is_503_with_a_time_to_wait(self, busy: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
        """And nothing is lost: what was seen is in a note."""
        monkeypatch.setattr("agentsync.ledger.log.LOCK_TIMEOUT", 0.05)

        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            with open(f"{service.clone.store}/ledger.jsonl", "rb") as ledger:
                fcntl.flock(ledger, fcntl.LOCK_EX)
                answer = await client.post("/api/sync/consolidate", headers=SAME)
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
                assert answer.json()["hint"]

        with_client(busy, act)


class TestBodies:
    def test_one_that_is_too_large_is_refused_however_it_comes(self, busy: Repo) -> None:
        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            async def chunks() -> AsyncIterator[bytes]:
                for _ in range(65):
                    yield b"x" * 1024

            for content in (b"x" * (guard.LARGEST + 1), chunks()):
                answer = await client.post("/api/sync/consolidate", headers=SAME, content=content)
                assert answer.status_code == 413
            fits = await client.post("/api/sync/consolidate", headers=SAME, content=b"x" * guard.LARGEST)
            assert fits.status_code == 200

        with_client(busy, act)

    def test_one_that_does_not_come_is_not_waited_for(self, busy: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(guard, "PATIENCE", 0.05)

        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            async def nothing() -> AsyncIterator[bytes]:
                yield b"x"
                await asyncio.sleep(60)

            answer = await client.post("/api/sync/consolidate", headers=SAME, content=nothing())
            assert answer.status_code == 408

        with_client(busy, act)


class TestProblems:
    def test_every_error_is_one(self, busy: Repo) -> None:
        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            for method, path, code in (
                ("GET", "/nothing", 404),
                ("GET", "/api/sync/nothing", 404),
                ("POST", "/api/sync/status", 405),
                ("DELETE", "/api/sync/consolidate", 405),
                ("GET", "/api/sync/consolidate", 405),
            ):
                answer = await client.request(method, path, headers=SAME)
                assert (answer.status_code, answer.json()["status"]) == (code, code), path
                assert answer.headers["content-type"] == "application/problem+json"

        with_client(busy, act)

    def test_a_ledger_that_cannot_be_read_is_503_with_cause_and_hint(self, busy: Repo) -> None:
        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            ledger = Path(service.ledger.path)
            ledger.rename(ledger.with_name("aside"))
            ledger.symlink_to(ledger.with_name("aside"))
            answer = await client.get("/api/sync/log")
            assert answer.status_code == 503 and answer.json()["cause"] == "it is a symbolic link"
            assert (await client.get("/healthz")).status_code == 200

        with_client(busy, act)

    def test_a_bug_is_one_too_and_shows_nothing_of_itself(self, busy: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
        def breaks(now: object) -> dict[str, object]:
            raise ZeroDivisionError("a secret")

        monkeypatch.setattr(routes, "_status", breaks)

        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            answer = await client.get("/api/sync/status")
            assert answer.status_code == 500 and "secret" not in answer.text
            assert answer.json()["title"] == "Internal Server Error"
            assert answer.headers["x-content-type-options"] == "nosniff"

        with_client(busy, act)
