"""The web side of a service: `create_app(service, access)`. Its packages are imported only when it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agentsync.base.errors import AgentsyncError
from agentsync.web.access import Access

if TYPE_CHECKING:
    from fastapi import FastAPI

    from agentsync.web.service import AutoSyncService

__all__ = ["Access", "create_app", "not_installed"]


def create_app(service: AutoSyncService, access: Access | None = None) -> FastAPI:
    """The API, the page and the metrics of a service, as an ASGI app. Raises AgentsyncError without the extra.

    Served by itself, it starts and stops the service; mounted into another app, it leaves both to that one.
    `app.state.streams.close()` ends the event streams, for a server that is to end.
    """
    try:
        from agentsync.web.app import build
    except ModuleNotFoundError as error:
        raise not_installed(error) from None
    return build(service, access or Access())


def not_installed(error: ModuleNotFoundError) -> Exception:
    """What to say where a package is missing; a module of our own would be a bug."""
    if (error.name or "").partition(".")[0] == "agentsync":
        return error
    return AgentsyncError(
        "a package of the web side is missing",
        cause=str(error),
        hint="reinstall it, in a checkout of agentsync: pipx install --force .",
    )
