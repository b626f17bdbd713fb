"""Answers made once for all who ask: cached by what they depend on, with a strong ETag."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from starlette.responses import Response

from agentsync import jsontext
from agentsync.digests import sha256
from agentsync.lean import frozen
from agentsync.timeline import HOUR

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any

    from starlette.requests import Request

    from agentsync.service import AutoSyncService, Snapshot

KEPT = 128  # answers
JSON = "application/json"


@frozen
class Answer:
    """A body and its ETag."""

    body: bytes
    etag: str
    media_type: str = JSON

    def to(self, request: Request) -> Response:
        """The response: 304 without the body for one who has it."""
        headers = {"etag": self.etag, "cache-control": "private, no-cache"}
        if _has(request.headers.get("if-none-match", ""), self.etag):
            return Response(status_code=304, headers=headers)
        return Response(self.body, headers=headers, media_type=self.media_type)


def answer(body: bytes, media_type: str = JSON) -> Answer:
    """An answer whose ETag says the bytes, so that equal ones have equal tags, after a restart too."""
    return Answer(body, f'"{sha256(body).hexdigest()[:32]}"', media_type)


def encoded(value: object) -> bytes:
    """A value as JSON. A byte of a file name that is no UTF-8 becomes an escape."""
    return jsontext.dumps(value).encode(errors="backslashreplace")


def _has(if_none_match: str, etag: str) -> bool:
    said = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in said or "*" in said


class Answers:
    """The answers of one service. Those of an older snapshot are made anew when somebody asks for them."""

    def __init__(self, service: AutoSyncService) -> None:
        self.service = service
        self.kept: OrderedDict[Hashable, tuple[int, Answer]] = OrderedDict()

    async def get(self, key: Hashable, make: Callable[[Snapshot], Any]) -> Answer:
        """The JSON of `make(snapshot)`, which runs in a thread where it was not made before."""
        fresh = self.service.fresh()
        found = self.kept.get(key)
        if fresh is not None and found is not None and found[0] == fresh.number:
            return found[1]
        return await asyncio.to_thread(self._made, key, make)

    def _made(self, key: Hashable, make: Callable[[Snapshot], Any]) -> Answer:
        now = self.service.snapshot()
        found = self.kept.get(key)
        if found is None or found[0] != now.number:
            found = now.number, answer(encoded(make(now)))
            self.kept[key] = found
            while len(self.kept) > KEPT:
                self.kept.popitem(last=False)
        return found[1]


def hour() -> int:
    """The hour it is: a timeline is the same for a whole one."""
    return int(time.time()) // HOUR
