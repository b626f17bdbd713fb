"""Answers made once for all who ask: cached by what they depend on, with a strong ETag."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from agentsync.base import strict_json
from agentsync.ledger.timeline import HOUR
from agentsync.web.service import AutoSyncService
from agentsync.web.snapshots import Snapshot

KEPT = 128  # answers
JSON = "application/json"


@dataclass(frozen=True)
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
    return strict_json.dumps(value).encode(errors="backslashreplace")


def _has(if_none_match: str, etag: str) -> bool:
    said = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in said or "*" in said


class Answers:
    """The answers of one service. Those of an older snapshot are made anew when somebody asks for them."""

    def __init__(self, service: AutoSyncService) -> None:
        self.service = service
        self.kept: OrderedDict[Hashable, _Kept] = OrderedDict()

    async def get(self, key: Hashable, make: Callable[[Snapshot], Any]) -> Answer:
        """The JSON of `make(snapshot)`, which runs in a thread where it was not made before; once for all who ask."""
        kept = self.kept.get(key)
        if kept is None:
            kept = self.kept[key] = _Kept()
            while len(self.kept) > KEPT:
                self.kept.popitem(last=False)
        fresh = self.service.fresh()
        if fresh is not None and kept.answer is not None and kept.number == fresh.number:
            return kept.answer
        return await asyncio.to_thread(self._made, kept, make)

    def _made(self, kept: _Kept, make: Callable[[Snapshot], Any]) -> Answer:
        now = self.service.snapshot()
        with kept.lock:
            # One that is newer than what was asked for serves as well.
            if kept.answer is None or kept.number < now.number:
                kept.answer = answer(encoded(make(now)))
                kept.number = now.number
            return kept.answer


class _Kept:
    """An answer, and the number of the snapshot that it was made of."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.answer: Answer | None = None
        self.number = 0


def hour() -> int:
    """The hour it is: a timeline is the same for a whole one."""
    return int(time.time()) // HOUR
