"""What stands before every endpoint: access, the size of bodies, HEAD, and the headers of every answer."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentsync.web.access import HEADERS, SAFE, Access, prefix, refusal
from agentsync.web.problems import refused

LARGEST = 64 << 10  # bytes of a body
PATIENCE = 10.0  # seconds for a body to come
ENDLESS = "/api/sync/events"
_EXTRA = [(name.encode(), value.encode()) for name, value in HEADERS.items()]


class TooLargeError(Exception):
    """A body of more than LARGEST bytes."""


class Guard:
    """An ASGI middleware."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it here."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, _with_headers(send))

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        found = refusal(self.access, scope["method"], path, headers)
        if found:
            # What is left of a body would be taken for the next request.
            said = {**found.headers, "connection": "close"}
            await refused(scope, found.status, found.reason, said, found.hint)(scope, receive, send)
            return
        before = prefix(self.access, headers)
        if before:
            scope = {**scope, "root_path": before + scope.get("root_path", ""), "path": before + scope["path"]}
        if scope["method"] == "HEAD" and path != ENDLESS:
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        if scope["method"] not in SAFE:
            try:
                receive = _again(await _body(receive, headers.get("content-length", [])))
            except TooLargeError:
                answer = refused(scope, 413, f"a body may have {LARGEST} bytes", {"connection": "close"})
                await answer(scope, receive, send)
                return
            except TimeoutError:
                await refused(scope, 408, "the body did not come", {"connection": "close"})(scope, receive, send)
                return
        await self.app(scope, receive, send)


async def _body(receive: Receive, lengths: list[str]) -> list[Message]:
    """All of the body, read before anybody acts on the request. Raises TooLargeError, TimeoutError."""
    if any(not length.isdecimal() or int(length) > LARGEST for length in lengths):
        raise TooLargeError
    messages, size = [], 0
    async with asyncio.timeout(PATIENCE):
        while True:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            if size > LARGEST:
                raise TooLargeError
            if not message.get("more_body", False):
                return messages


def _again(messages: list[Message]) -> Receive:
    """The same messages once more; then nothing, as long as the client is there."""
    left = iter(messages)

    async def receive() -> Message:
        for message in left:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    return receive


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *_EXTRA]}
        await send(message)

    return sent


def _without_body(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return sent
