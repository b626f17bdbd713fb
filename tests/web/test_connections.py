"""Clients that take connections and send no request: the others are answered, and the poller does not notice."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import httpx
import pytest
import uvicorn
from lab.live import Served, ready, served, until
from lab.repo import Repo
from uvicorn.server import ServerState

from agentsync.web import connections
from agentsync.web.connections import Once, Protocol

DESCRIPTORS = 256
HALF = b"GET /api/sync/status HTTP/1.1\r\nHost: localhost\r\nX-Part: "


@pytest.fixture
def server(repo: Repo) -> Iterator[Served]:
    """A server that may open few files."""
    with served(ready(repo).root) as made:
        resource.prlimit(made.process.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        yield made


def half_a_request(server: Served) -> socket.socket:
    """A connection on which the rest of a head does not come."""
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    with suppress(OSError):
        sock.sendall(HALF)
    return sock


def test_the_poller_goes_on_and_little_is_said(repo: Repo, server: Served) -> None:
    with ExitStack() as opened:
        for _ in range(2 * DESCRIPTORS):
            opened.enter_context(half_a_request(server))
        repo.write("edited meanwhile\n")
        until(lambda: repo.count() == 1)

        def answers() -> bool:
            with suppress(httpx.TransportError):
                return httpx.get(f"{server.url}/healthz").status_code == 200
            return False

        until(answers)  # once the first of them have had their time
    server.process.terminate()
    said = server.process.communicate(timeout=30)[1]
    assert server.process.returncode == 0
    assert len(said) < 5000 and "Traceback" not in said, said


async def closed(parts: list[bytes]) -> bytes:
    """What comes back to whoever sends these parts, until the server closes; from a server with no app."""

    async def app(scope: object, receive: object, send: object) -> None:
        raise AssertionError("there is no whole request")

    config, state = uvicorn.Config(app, log_config=None, ws="none"), ServerState()
    loop = asyncio.get_running_loop()
    made = await loop.create_server(lambda: Protocol(config, state, {}), "127.0.0.1", 0)
    async with made:
        reader, writer = await asyncio.open_connection(*made.sockets[0].getsockname())
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0)
        try:
            return await asyncio.wait_for(reader.read(), 30)
        except ConnectionError:
            return b""
        finally:
            writer.close()


@pytest.mark.parametrize("parts", [[], [b"G"], [HALF], [b"GET / HTTP/1.1\r\n", b"Host: ", b"localhost\r\n"]])
def test_a_head_has_its_time(monkeypatch: pytest.MonkeyPatch, parts: list[bytes]) -> None:
    monkeypatch.setattr(connections, "HEAD", 0.05)
    assert asyncio.run(closed(parts)) == b""


def test_a_connection_too_many_is_closed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "most", lambda: 0)
    assert asyncio.run(closed([])) == b""


def test_an_error_of_one_kind_is_said_once() -> None:
    once = Once()

    def said(text: str, *args: object, name: str = "asyncio") -> bool:
        return once.filter(logging.LogRecord(name, logging.ERROR, "", 0, text, args, None))

    assert said("out of descriptors\nsocket: <1>")
    assert not said("out of descriptors\nsocket: <2>")
    assert said("out of descriptors", name="uvicorn.error")
    assert said("%s", "one cause") and said("%s", "another cause") and not said("%s", "one cause")
