"""Errors as RFC 9457 has them: `application/problem+json`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Scope

from agentsync.base.errors import AgentsyncError, LockedError
from agentsync.base.text import clean
from agentsync.web.access import HEADERS

MEDIA_TYPE = "application/problem+json"
LONGEST = 200  # characters of a path that are logged
log = logging.getLogger("agentsync.serve")
BUSY = 2  # seconds after which a held lock is worth another try


class Problem(BaseModel):
    """What went wrong."""

    type: str = Field("about:blank", description="What kind of problem: always about:blank, the status says it")
    title: str = Field(description="The status in words")
    status: int
    detail: str = Field(description="What is wrong with this request, or here")
    cause: str | None = Field(None, description="Why")
    hint: str | None = Field(None, description="What to do about it")


DOCUMENTED: dict[str, Any] = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Answers for OpenAPI, beside those that every request may get."""
    every = sorted({400, 401, 403, 405, 408, 413, 421, 500, 503, *statuses})
    return {status: {"description": HTTPStatus(status).phrase, "content": DOCUMENTED} for status in every}


def problem(
    status: int,
    detail: str,
    headers: Mapping[str, str] | None = None,
    *,
    cause: str | None = None,
    hint: str | None = None,
) -> JSONResponse:
    """The answer."""
    said = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        cause=cause or None,
        hint=hint or None,
    )
    return JSONResponse(said.model_dump(), status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def refused(
    scope: Scope, status: int, detail: str, headers: Mapping[str, str] | None = None, hint: str | None = None
) -> JSONResponse:
    """The answer to a request that somebody has to be told of: one line of the service's own output says it, too."""
    client = (scope.get("client") or ("?",))[0]
    asked = clean(f"{scope['method']} {scope['path'][:LONGEST]}")
    log.warning("refused %d to %s: %s: %s%s", status, client, asked, detail, f" ({hint})" if hint else "")
    return problem(status, detail, headers, hint=hint)


def install(app: FastAPI) -> None:
    """Answer every error like this."""
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(AgentsyncError, _of_agentsync)
    app.add_exception_handler(OSError, _of_system)
    app.add_exception_handler(Exception, _of_bug)


def _of_http(request: Request, error: Any) -> JSONResponse:
    detail = f"there is no {request.url.path}" if error.status_code == 404 else str(error.detail)
    return problem(error.status_code, detail, error.headers)


def _of_validation(request: Request, error: Any) -> JSONResponse:
    found = ("; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors()))[:500]
    return problem(422, found)


def _of_agentsync(request: Request, error: Any) -> JSONResponse:
    headers = {"retry-after": str(BUSY)} if isinstance(error, LockedError) else None
    return problem(503, error.message, headers, cause=error.cause, hint=error.hint)


def _of_system(request: Request, error: Any) -> JSONResponse:
    return problem(503, "the clone cannot be read", cause=error.strerror or str(error))


def _of_bug(request: Request, error: Any) -> JSONResponse:
    # Answered outside of the guard, so with its headers.
    return problem(500, "this is a bug in agentsync", HEADERS, hint="the service's own output has the trace")
