"""The endpoints: each a view of the ledger."""

from __future__ import annotations

import asyncio
import functools
import math
import os
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from agentsync import status
from agentsync.agents.overlaps import to_json
from agentsync.base.times import since as since_when
from agentsync.ledger import history
from agentsync.web import models, records
from agentsync.web.access import OF_PAGE
from agentsync.web.answers import JSON, Answer, answer, encoded
from agentsync.web.metrics import CONTENT_TYPE, Reading, exposition
from agentsync.web.problems import documented, problem, refused
from agentsync.web.service import AutoSyncService
from agentsync.web.snapshots import Snapshot
from agentsync.web.stream import MOST, Streams

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page")
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
CONSOLIDATIONS, PERIOD = 10, 60.0  # so many at the most in so many seconds
MINUTE = 60  # seconds for which nobody stops being at work
LONGEST = 1024  # characters of a filter
UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
SINCE = r"^([0-9]{1,9} ?(s|m|min|h|d|w)|[0-9]{4}-[01][0-9]-[0-3][0-9]([T ][0-9:.]{2,15}(Z|[+-][0-9]{2}:[0-9]{2})?)?)$"
_READ: dict[int | str, dict[str, Any]] = {
    200: {"headers": {"ETag": {"schema": {"type": "string"}}}},
    304: {"description": "What If-None-Match names is still right"},
}
_FOUND = {**_READ, **documented(404, 422), 200: _READ[200]}

Text = Annotated[str | None, Query(max_length=LONGEST)]


def routes(service: AutoSyncService, streams: Streams) -> APIRouter:
    """All endpoints for one service."""
    router = APIRouter(responses=documented())
    _reads(router, service)
    _lines_of_work(router, service)
    _log(router, service)
    _events(router, service, streams)
    _acts(router, service)
    _page(router)
    return router


def _reads(router: APIRouter, service: AutoSyncService) -> None:
    @router.get("/api/sync/status", response_model=models.Status, responses=_READ)
    async def status(request: Request) -> Response:
        """What is pending, what is watched, and whether anything is wrong."""
        return await _answered(request, service, "status", _status)

    @router.get("/api/sync/pending-changes", response_model=models.PendingChanges, responses=_READ)
    async def pending_changes(request: Request) -> Response:
        """The changes that no report covers yet."""
        return await _answered(request, service, "pending", _pending)

    @router.get("/api/sync/checksums", response_model=models.Checksums, responses=_READ)
    async def checksums(request: Request) -> Response:
        """What each watched document is known to hold."""
        return await _answered(request, service, "checksums", _checksums)

    @router.get("/api/sync/report", response_model=models.Reported, responses=_READ)
    async def report(request: Request) -> Response:
        """The newest report, as `agentsync report -n 1 --json` prints it, with its first changes."""
        return await _answered(request, service, "report", lambda _: records.report(service.ledger))

    @router.get("/api/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """What Prometheus scrapes."""
        body = await asyncio.to_thread(_exposed, service)
        return Response(body, headers={"content-type": CONTENT_TYPE, "cache-control": "no-store"})

    @router.get("/healthz", response_model=models.Health)
    async def healthz() -> Response:
        """Whether the service watches."""
        if not service.running:
            return problem(503, "the service does not watch", {"retry-after": "5"})
        return JSONResponse({"status": "ok"}, headers={"cache-control": "no-store"})


def _lines_of_work(router: APIRouter, service: AutoSyncService) -> None:
    @router.get("/api/sync/timeline", response_model=models.Timeline, responses=_READ)
    async def timeline(request: Request) -> Response:
        """Thirty days by agent: how many changes on each of them; and who is at work now, where."""
        now = time.time()

        def made(snapshot: Snapshot) -> records.Timeline:
            days = service.snapshots.timeline(now)
            return records.told_of_agents(days, service.ledger, snapshot.survey.waiting, now)

        return await _answered(request, service, ("timeline", int(now) // MINUTE), made)

    @router.get("/api/overlaps", response_model=models.Overlaps, responses=_READ)
    async def overlaps(request: Request) -> Response:
        """The documents of which two lines of work have edits each that the other has not, conflicts first."""
        found = await asyncio.to_thread(service.snapshots.overlaps, time.time())
        return _sent(answer(encoded(to_json(found))), request)


async def _answered(
    request: Request, service: AutoSyncService, key: Hashable, make: Callable[[Snapshot], object]
) -> Response:
    """What the newest snapshot answers; made in a thread where nobody has asked for it before."""
    fresh = service.snapshots.fresh()
    made = fresh.made(key) if fresh else None
    if made is None:
        made = await asyncio.to_thread(lambda: service.snapshots.newest().answer(key, make))
    return _sent(made, request)


def _sent(answer: Answer, request: Request) -> Response:
    """The response: 304 without the body for one who has it."""
    headers = {"etag": answer.etag, "cache-control": "private, no-cache"}
    if answer.is_had(request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    return Response(answer.body, headers=headers, media_type=answer.media_type)


def _status(now: Snapshot) -> status.Status:
    return status.status(now.state, now.cursor, now.survey)


def _pending(now: Snapshot) -> status.PendingChanges:
    return status.pending(now.state, now.survey)


def _checksums(now: Snapshot) -> status.Checksums:
    return status.checksums(now.state, now.survey)


def _exposed(service: AutoSyncService) -> bytes:
    now, at = service.snapshots.newest(), time.time()
    overlaps = service.snapshots.overlaps(at)
    reading = Reading(now.state, now.cursor, now.survey, at, overlaps, service.looks, service.callback_errors)
    return exposition(reading)


def _log(router: APIRouter, service: AutoSyncService) -> None:
    @router.get("/api/sync/log", response_model=models.Log, responses=_FOUND)
    async def log(
        request: Request,
        path: Annotated[list[Annotated[str, Query(max_length=LONGEST)]], Query(max_length=50)] = [],  # noqa: B006
        agent: Text = None,
        since: Annotated[str | None, Query(pattern=SINCE, description="2h, 3d, 2025-10-10, or RFC 3339")] = None,
        type: Text = None,
        all: Annotated[bool, Query(description="Every kind of record, not only changes")] = False,
        before: Annotated[str | None, Query(pattern=UUID, description="An id: only older records")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> Response:
        """The ledger, newest first, a page at a time; filters as `agentsync log` has them."""
        try:
            begin = math.floor(since_when(since, time.time())) if since is not None else None
        except (ValueError, OverflowError) as error:
            return problem(422, f"since: {error}")
        asked = history.Filter(tuple(one.strip("/") for one in path), agent, begin, type, all)

        def made(now: Snapshot) -> dict[str, Any]:
            return records.page(service.ledger, now.survey.waiting, now.state.pending, asked, before, limit)

        try:
            return await _answered(request, service, (asked, before, limit), made)
        except records.UnknownRecordError:
            return problem(404, f"no record has the id {before}")

    @router.get("/api/changes/{id}/diff", response_model=models.Diff, responses=_FOUND)
    async def diff(request: Request, id: Annotated[str, Path(pattern=UUID)]) -> Response:
        """What came and went with a change, line by line."""
        try:
            return await _answered(
                request, service, ("diff", id), lambda now: records.diff(service, now.survey.waiting, id)
            )
        except records.UnknownRecordError:
            return problem(404, f"no change has the id {id}")


class _Events(StreamingResponse):
    """A stream that was admitted, from before its first byte on."""

    def __init__(self, streams: Streams, **response: Any) -> None:
        super().__init__(streams.listen(), **response)
        self.streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; whatever ends it makes room for another one."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.streams.leave()


def _events(router: APIRouter, service: AutoSyncService, streams: Streams) -> None:
    @router.get(
        "/api/sync/events",
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}}},
    )
    async def events() -> Response:
        """A server-sent event now and after each change of the ledger: `changed`, with its size as `offset`."""
        if not service.running or streams.closed:
            return problem(503, "the service does not watch", {"retry-after": "5"})
        if not streams.admit():
            return problem(503, f"{MOST} listeners are connected already", {"retry-after": "30"})
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return _Events(streams, headers=headers, media_type="text/event-stream")


def _acts(router: APIRouter, service: AutoSyncService) -> None:
    times: deque[float] = deque(maxlen=CONSOLIDATIONS)

    @router.post(
        "/api/sync/consolidate",
        response_model=models.Consolidated,
        responses={429: {**documented(429)[429], "headers": {"Retry-After": {"schema": {"type": "integer"}}}}},
    )
    async def consolidate(request: Request) -> Response:
        """Look, cover all pending changes with a report, and write it. A body is not read."""
        now = time.monotonic()
        if len(times) == CONSOLIDATIONS and now - times[0] < PERIOD:
            wait = math.ceil(PERIOD - (now - times[0]))
            why = f"more than {CONSOLIDATIONS} consolidations in {PERIOD:g} s"
            return refused(request.scope, 429, why, {"retry-after": str(wait)})
        times.append(now)
        done = await service.trigger_manual_consolidation()
        return Response(encoded(done), headers={"cache-control": "no-store"}, media_type=JSON)


def _page(router: APIRouter) -> None:
    @router.get("/", response_class=RedirectResponse, status_code=307, include_in_schema=False)
    async def root(request: Request) -> Response:
        """The page."""
        return RedirectResponse(f"{request.scope.get('root_path', '')}/sync-dashboard.html", 307)

    @router.get("/{name}", include_in_schema=False)
    async def file(request: Request, name: str) -> Response:
        """A file of the page."""
        suffix = os.path.splitext(name)[1]
        data = await asyncio.to_thread(_read, name) if suffix in OF_PAGE else None
        if data is None:
            return problem(404, f"there is no /{name}")
        return _sent(answer(data, f"{TYPES[suffix]}; charset=utf-8"), request)


def _read(name: str) -> bytes | None:
    if name not in _names():
        return None
    with open(os.path.join(PAGE, name), "rb") as source:
        return source.read()


@functools.cache
def _names() -> frozenset[str]:
    return frozenset(os.listdir(PAGE)) if os.path.isdir(PAGE) else frozenset()
