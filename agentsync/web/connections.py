"""What uvicorn leaves open: how long a request's head may take, how many connections there may be, what is logged."""

from __future__ import annotations

import asyncio
import logging
import resource
import time

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD = 10.0  # seconds from a request's first byte, or the connection's beginning, to the end of the head
ACCEPTED = 32  # connections that asyncio takes before it looks at any of them
HOUR = 3600.0  # seconds after which the same is said again
KINDS = 1000  # of messages, remembered
EACH_TIME = ("agentsync.serve", "uvicorn.access")  # one line for one thing that happened


def most() -> int:
    """How many connections there may be: fewer than descriptors, for the poller and git need some, too."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(16, soft * 3 // 4 - 2 * ACCEPTED)


class Protocol(H11Protocol):
    """uvicorn's protocol, which ends a connection that comes too much, and one whose request does not come."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection has begun."""
        super().connection_made(transport)
        if len(self.connections) > most():
            transport.abort()
        else:
            self._expect()

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        super().data_received(data)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended."""
        self._forget()
        super().connection_lost(exc)

    def _expect(self) -> None:
        """Wait for the rest of a head, if it has not come; what came of it already gives no more time."""
        if self.conn.their_state is not h11.IDLE:
            self._forget()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(HEAD, self.transport.abort)

    def _forget(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None


class Once(logging.Filter):
    """Lets an error of each kind through once an hour: what one client causes, a thousand cause, too."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[object, ...], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to say it."""
        if record.name in EACH_TIME:
            return True
        text = record.getMessage() if record.msg == "%s" else str(record.msg)
        kind = (record.name, text.partition("\n")[0], record.exc_info and record.exc_info[0])
        now = time.monotonic()
        if now - self._said.get(kind, -HOUR) < HOUR:
            return False
        if len(self._said) >= KINDS:
            self._said.clear()
        self._said[kind] = now
        return True
