"""The app itself; imported by `create_app`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from agentsync import __version__
from agentsync.web import problems
from agentsync.web.access import Access
from agentsync.web.guard import Guard
from agentsync.web.routes import routes
from agentsync.web.service import AutoSyncService
from agentsync.web.stream import Streams


def build(service: AutoSyncService, access: Access) -> FastAPI:
    """The endpoints behind their guard."""
    streams = Streams(service.ledger)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        mine = not service.running
        if mine:
            await service.start()
        try:
            yield
        finally:
            streams.close()
            if mine:
                await service.stop()

    app = FastAPI(
        title="agentsync",
        version=__version__,
        summary="Who changed the documents that agents and people share in a git repository.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        servers=[{"url": "."}],  # where this document is, below whatever path
        root_path_in_servers=False,
    )
    app.state.streams = streams
    service.listen(streams.changed)
    problems.install(app)
    app.include_router(routes(service, streams))
    app.add_middleware(Guard, access=access)
    return app
