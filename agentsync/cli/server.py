"""What `agentsync serve` runs: the service, and uvicorn around its app. Imported only then."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator

import uvicorn

from agentsync.base.errors import OK, AgentsyncError
from agentsync.cli.serve import Serving
from agentsync.cli.session import Session
from agentsync.cli.terminal import clean, say
from agentsync.ledger.events import Consolidation
from agentsync.web import Access, create_app
from agentsync.web.connections import ACCEPTED, Once, Protocol
from agentsync.web.service import AutoSyncService

KEPT = 25  # seconds; a page asks every ten, and keeps its connection
GRACE = 5  # seconds for answers that are being given when the end comes
BACKLOG = 2048  # connections that wait
SWITCH = 0.0005  # seconds that a look may keep the interpreter from an answer that is being given; Python's are 0.005
FILES = 4096  # descriptors; a page keeps two connections, and 1000 pages may listen


log = logging.getLogger("agentsync.serve")


def run(session: Session, access: Access, options: Serving) -> int:
    """Serve until SIGTERM or SIGINT; the exit code. Raises LockedError where this clone is watched already."""
    _begin_log(options)
    sys.setswitchinterval(SWITCH)
    _allow_many_files()
    root = session.here.root if session.here else session.clone.common_dir
    return asyncio.run(_serve(AutoSyncService(root), access, options))


def _begin_log(options: Serving) -> None:
    """One line on stderr for each thing, with its time."""
    formatter = logging.Formatter("%(asctime)s %(levelname)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    handler.addFilter(Once())
    logging.basicConfig(handlers=[handler], level=options.level)
    logging.getLogger("uvicorn.error").setLevel(max(options.level, logging.WARNING))  # it tells how it starts
    logging.getLogger("uvicorn.access").setLevel(logging.INFO)


async def _serve(service: AutoSyncService, access: Access, options: Serving) -> int:
    app = create_app(service, access)
    server = _Server(_config(app, access_log=options.access_log))
    service.register_consolidation_callback(_consolidated)
    with _signals(server, app.state.streams.close):
        await service.start()
        try:
            with listening(options.host, options.port) as sock:
                url = _url(options.host, sock.getsockname()[1])
                service.say(f"agentsync serve, {url}")
                say(f"serving {clean(url)}sync-dashboard.html; Ctrl-C ends it")
                sys.stdout.flush()
                log.info("process %d serves %s of %s", os.getpid(), clean(url), clean(service.clone.folder))
                await server.serve(sockets=[sock])
        finally:
            await service.stop()
    log.info("ended")
    return OK


def _consolidated(trigger: Consolidation) -> None:
    changes = len(trigger.event_ids)
    log.info("consolidated %d change%s (%s)", changes, "" if changes == 1 else "s", clean(trigger.trigger_type))


def _allow_many_files() -> None:
    """Raise the soft limit, which is often 1024, as far as this user may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _config(app: object, *, access_log: bool) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        lifespan="off",  # the service is started and stopped here, where its errors are told
        log_config=None,
        access_log=access_log,
        server_header=False,
        proxy_headers=False,
        ws="none",
        http=Protocol,
        backlog=ACCEPTED,
        timeout_keep_alive=KEPT,
        timeout_graceful_shutdown=GRACE,
        h11_max_incomplete_event_size=1 << 15,
    )


class _Server(uvicorn.Server):
    """Leaves signals to `_signals`: uvicorn would wait for event streams, and then die of the signal."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin; more may wait in the kernel than asyncio takes at once."""
        await super().startup(sockets)
        for sock in sockets or ():
            sock.listen(BACKLOG)


@contextlib.contextmanager
def _signals(server: uvicorn.Server, close: Callable[[], None]) -> Iterator[None]:
    """End the server in order, from the first moment on."""

    def end() -> None:
        server.should_exit = True
        close()

    loop, numbers = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A bound socket. Raises AgentsyncError where that is not possible."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise AgentsyncError(f"{clean(host)} is not a known host or address", cause=str(error)) from None
    # Without its protocol asyncio does not take it for TCP, and answers wait 40 ms for the peer's delayed ACK.
    with socket.socket(family, kind, protocol) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(address)
            sock.listen(BACKLOG)
        except OSError as error:
            raise AgentsyncError(
                f"cannot listen on {clean(host)}, port {port}",
                cause=os.strerror(error.errno or 0),
                hint="another program has this port, perhaps the service of another clone: --port N",
            ) from None
        sock.setblocking(False)
        yield sock


def _url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{port}/"
