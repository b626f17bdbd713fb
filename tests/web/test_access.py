"""Who may: the table of Host, Origin, content type, header and token, each with its exact status."""

from __future__ import annotations

import itertools
from typing import Any

import httpx
import pytest
from lab.live import quiet, with_client
from lab.repo import Repo

from agentsync.web import Access, routes
from agentsync.web.access import HEADERS, is_local, is_open, refusal
from agentsync.web.service import AutoSyncService

TOKEN = "correct-horse-battery-staple"
JSON = "application/json"
# Of a state-changing request without a token file: Host, Origin, Content-Type, another header, the status.
CHANGES: tuple[tuple[str | None, str | None, str | None, str | None, int], ...] = (
    ("localhost:8000", None, None, "x-dev-bypass", 200),
    ("localhost:8000", None, None, "X-User-ID", 200),
    ("localhost:8000", None, None, "x-agentsync", 200),
    ("localhost:8000", None, JSON, None, 200),
    ("localhost:8000", None, "application/json; charset=utf-8", None, 200),
    ("LOCALHOST", None, "Application/JSON", None, 200),
    ("127.0.0.1:1", None, JSON, None, 200),
    ("[::1]:8000", None, JSON, None, 200),
    ("[::1]", None, JSON, None, 200),
    ("sync.example.org", None, JSON, None, 200),
    ("localhost:8000", "http://localhost:8000", JSON, None, 200),
    ("localhost:8000", "https://localhost:8000", JSON, None, 200),
    ("LocalHost:8000", "http://localhost:8000", None, "x-agentsync", 200),
    ("sync.example.org", "https://sync.example.org", JSON, None, 200),
    # A form, or a fetch without a preflight.
    ("localhost:8000", None, None, None, 403),
    ("localhost:8000", None, "text/plain", None, 403),
    ("localhost:8000", None, "application/x-www-form-urlencoded", None, 403),
    ("localhost:8000", None, "multipart/form-data; boundary=application/json", None, 403),
    ("localhost:8000", None, "text/plain; application/json", None, 403),
    ("localhost:8000", None, "application/jsonp", None, 403),
    ("localhost:8000", None, None, "x-other", 403),
    # Another origin, whatever else it sends.
    ("localhost:8000", "http://localhost:8001", JSON, "x-agentsync", 403),
    ("localhost:8000", "http://localhost", JSON, "x-agentsync", 403),
    ("localhost:8000", "http://127.0.0.1:8000", JSON, "x-agentsync", 403),
    ("localhost:8000", "http://evil.example", JSON, "x-agentsync", 403),
    ("localhost:8000", "http://localhost:8000.evil.example", JSON, "x-agentsync", 403),
    ("localhost:8000", "null", JSON, "x-agentsync", 403),
    ("localhost:8000", "", JSON, "x-agentsync", 403),
    ("localhost:8000", "file://", JSON, "x-agentsync", 403),
    ("localhost:8000", "http://localhost:8000", None, None, 403),
    ("localhost:8000", "http://localhost:8000", "text/plain", None, 403),
    # A foreign name that leads here, whose page is of the same origin then.
    ("evil.example", "http://evil.example", JSON, "x-agentsync", 421),
    ("evil.example:8000", None, JSON, "x-agentsync", 421),
    ("localhost.evil.example", None, JSON, "x-agentsync", 421),
    ("evil.example:localhost", None, JSON, "x-agentsync", 421),
    ("localhost@evil.example", None, JSON, "x-agentsync", 421),
    ("127.0.0.2", None, JSON, "x-agentsync", 421),
    ("::1", None, JSON, "x-agentsync", 421),
    ("localhost:", None, JSON, "x-agentsync", 421),
    ("localhost:١", None, JSON, "x-agentsync", 421),
    ("", None, JSON, "x-agentsync", 421),
    (None, None, JSON, "x-agentsync", 421),
)
# Of a read with a token file: path, Host, Authorization, the status.
READS: tuple[tuple[str, str, str | None, int], ...] = (
    ("/api/sync/status", "localhost", f"Bearer {TOKEN}", 200),
    ("/api/sync/status", "localhost", f"bearer {TOKEN}", 200),
    ("/api/sync/status", "localhost", None, 401),
    ("/api/sync/status", "localhost", "", 401),
    ("/api/sync/status", "localhost", "Bearer", 401),
    ("/api/sync/status", "localhost", "Bearer ", 401),
    ("/api/sync/status", "localhost", TOKEN, 401),
    ("/api/sync/status", "localhost", f"Basic {TOKEN}", 401),
    ("/api/sync/status", "localhost", f"Bearer {TOKEN}x", 401),
    ("/api/sync/status", "localhost", f"Bearer {TOKEN[:-1]}", 401),
    ("/api/sync/status", "localhost", "Bearer é", 401),
    ("/api/sync/status", "evil.example", f"Bearer {TOKEN}", 421),
    ("/api/sync/log", "localhost", None, 401),
    ("/api/sync/pending-changes", "localhost", None, 401),
    ("/api/sync/checksums", "localhost", None, 401),
    ("/api/sync/timeline", "localhost", None, 401),
    ("/api/sync/events", "localhost", None, 401),
    ("/api/metrics", "localhost", None, 401),
    ("/openapi.json", "localhost", None, 401),
    ("/nothing", "localhost", None, 401),
    ("/nothing/x.html", "localhost", None, 401),
    ("/healthz", "localhost", None, 200),
    ("/healthz", "evil.example", None, 421),
    ("/", "localhost", None, 307),
    ("/sync-dashboard.html", "localhost", None, 200),
    ("/words.js", "localhost", None, 200),
    ("/nothing.html", "localhost", None, 404),
)


def request_of(client: httpx.AsyncClient, method: str, path: str, headers: dict[str, str | None]) -> httpx.Request:
    """A request with exactly these headers."""
    made = client.build_request(method, path)
    del made.headers["host"]
    made.headers = httpx.Headers(
        [(name.encode(), value.encode()) for name, value in headers.items() if value is not None]
    )
    return made


@pytest.fixture
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many consolidations as the table has rows."""
    monkeypatch.setattr(routes, "CONSOLIDATIONS", 1000)


def test_a_change_is_made_by_whom_the_table_says(repo: Repo, unlimited: None) -> None:
    async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
        for host, origin, content_type, header, status in CHANGES:
            headers = {
                "host": host,
                "origin": origin,
                "content-type": content_type,
                **({header: "1"} if header else {}),
            }
            answer = await client.send(request_of(client, "POST", "/api/sync/consolidate", headers))
            assert answer.status_code == status, (headers, answer.text)
            assert status == 200 or answer.headers["content-type"] == "application/problem+json"

    with_client(quiet(repo), act, Access(also=("Sync.Example.org",)))


def test_a_refused_change_changes_nothing(repo: Repo) -> None:
    """Refused before anybody looks."""
    quiet(repo)
    repo.commit("edited\n")
    repo.look()
    lines = repo.lines()

    async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
        answer = await client.post(
            "/api/sync/consolidate", headers={"origin": "http://evil.example", "x-agentsync": "1"}
        )
        assert answer.status_code == 403 and "evil.example" in answer.json()["detail"]
        assert [len(service.pending_changes), repo.lines()] == [1, lines]

    with_client(repo, act)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_read_with_a_token_is_read_by_whom_the_table_says(repo: Repo, method: str) -> None:
    async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
        for path, host, authorization, status in READS:
            headers = {"host": host, "authorization": authorization}
            answer = await client.send(request_of(client, method, path, headers))
            assert answer.status_code == status, (path, headers, answer.text)
            assert (status == 401) == (answer.headers.get("www-authenticate") == "Bearer")

    with_client(quiet(repo), act, Access(token=TOKEN))


def test_every_combination_follows_from_the_three_rules() -> None:
    """Host first, then the token, then what a change needs."""
    hosts = {"localhost": True, "[::1]:80": True, "evil.example": False}
    origins = {
        None: True,
        "http://localhost": True,
        "http://[::1]:80": True,
        "http://evil.example": False,
        "null": False,
    }
    types = {None: False, JSON: True, "text/plain": False}
    headers = {None: False, "x-agentsync": True, "x-dev-bypass": True, "x-user-id": True, "x-other": False}
    tokens = {None: False, f"Bearer {TOKEN}": True, "Bearer x": False}
    for method, host, origin, type_, header, token in itertools.product(
        ("GET", "POST", "PUT", "DELETE", "PATCH", "QUERY"), hosts, origins, types, headers, tokens
    ):
        sent: dict[str, Any] = {"host": host, "origin": origin, "content-type": type_, "authorization": token}
        sent = {name: [value] for name, value in sent.items() if value is not None}
        sent.update({header: ["1"]} if header else {})
        same = origin is None or (origins[origin] and origin == f"http://{host}")
        expected = (
            421
            if not hosts[host]
            else 401
            if not tokens[token]
            else 403
            if method != "GET" and not (same and (types[type_] or headers[header]))
            else None
        )
        found = refusal(Access(token=TOKEN), method, "/api/sync/consolidate", sent)
        assert (found.status if found else None) == expected, (method, sent)


@pytest.mark.parametrize("name", ["host", "origin", "authorization", "content-type"])
def test_a_header_that_stands_twice_is_no_header(name: str) -> None:
    """A proxy may have looked at the other one."""
    headers = {
        "host": ["localhost"],
        "origin": ["http://localhost"],
        "authorization": [f"Bearer {TOKEN}"],
        "content-type": [JSON],
    }
    assert refusal(Access(token=TOKEN), "POST", "/", headers) is None
    assert refusal(Access(token=TOKEN), "POST", "/api", {**headers, name: headers[name] * 2})


def test_every_answer_has_the_headers_that_bind_a_browser(repo: Repo) -> None:
    """Answers, errors and refusals alike; and none opens anything to another origin."""

    async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
        for method, path, headers in (
            ("GET", "/api/sync/status", {}),
            ("GET", "/sync-dashboard.html", {}),
            ("GET", "/", {}),
            ("GET", "/nothing", {}),
            ("GET", "/api/sync/log?limit=0", {}),
            ("GET", "/api/sync/status", {"host": "evil.example"}),
            ("POST", "/api/sync/consolidate", {"origin": "http://evil.example"}),
            ("OPTIONS", "/api/sync/consolidate", {"origin": "http://evil.example"}),
        ):
            answer = await client.request(method, path, headers=headers)
            assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, (method, path)
            assert not [name for name in answer.headers if name.startswith("access-control")]

    with_client(quiet(repo), act)
    policy = HEADERS["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy


LISTENING = {
    **dict.fromkeys(("127.0.0.1", "localhost", "::1", "127.8.9.1"), True),
    **dict.fromkeys(("0.0.0.0", "::", "192.0.2.7", "example.org", "127.evil.example", ""), False),
}


@pytest.mark.parametrize(("host", "local"), LISTENING.items())
def test_which_addresses_other_machines_reach(host: str, local: bool) -> None:
    assert is_local(host) == local


def test_what_is_open_says_nothing_of_the_repository() -> None:
    assert not any(map(is_open, ("/api/sync/status", "/openapi.json", "/api/x.html", "/api/metrics", "/nothing")))
