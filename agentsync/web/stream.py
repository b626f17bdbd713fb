"""Server-sent events: that the ledger has changed, and how far it reaches. Who hears it asks again, by ETag.

An event is one small piece of bytes, made once for all who listen. Nothing is kept for anybody: one who was away or
reads slowly gets the newest event, which says as much as all before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from agentsync.ledger.log import Ledger

HEARTBEAT = 15.0  # seconds; proxies close what is silent for a minute
GROUP = 16  # streams that are told before other requests have their turn
MOST = 1000  # streams at a time
RETRY = b"retry: 2000\n\n"  # milliseconds after which a browser connects anew
BEAT = b": still here\n\n"


class Streams:
    """All streams of an app. Made and used in one event loop."""

    def __init__(self, ledger: Ledger, heartbeat: float = HEARTBEAT) -> None:
        self.ledger = ledger
        self.heartbeat = heartbeat
        self.count = 0
        self.closed = False
        self._changes = 0
        self._event = b""
        self._waiting: list[asyncio.Future[bool]] = []
        self._silence: asyncio.TimerHandle | None = None

    def changed(self) -> None:
        """Tell everybody; for whoever follows the ledger."""
        self._changes += 1
        self._event = event(self.ledger)
        self._wake(True)

    def close(self) -> None:
        """End all streams, so that the server can."""
        self.closed = True
        self._wake(True)

    def admit(self) -> bool:
        """Whether there is room for one more, who then has to `leave`."""
        if self.count >= MOST:
            return False
        self.count += 1
        return True

    def leave(self) -> None:
        """One of those admitted hears no more."""
        self.count -= 1

    async def listen(self) -> AsyncIterator[bytes]:
        """An event at once, and another one after each change, for as long as somebody reads them."""
        told = self._changes
        yield RETRY + event(self.ledger)
        while not self.closed:
            if told != self._changes:
                told = self._changes
                yield self._event
            elif not await self._woken():
                yield BEAT

    async def _woken(self) -> bool:
        """Wait until there are news (True), or until it has been silent for long."""
        loop = asyncio.get_running_loop()
        if self._silence is None:
            self._silence = loop.call_later(self.heartbeat, self._wake, False)
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiting.append(waiter)
        return await waiter

    def _wake(self, news: bool) -> None:
        if self._silence:
            self._silence.cancel()
            self._silence = None
        waiting, self._waiting = self._waiting, []
        _tell(waiting, news)


def _tell(waiting: list[asyncio.Future[bool]], news: bool) -> None:
    """Let the first of them go on now, and the others after what else the event loop has to do."""
    for waiter in waiting[:GROUP]:
        if not waiter.done():
            waiter.set_result(news)
    if waiting[GROUP:]:
        asyncio.get_running_loop().call_soon(_tell, waiting[GROUP:], news)


def event(ledger: Ledger) -> bytes:
    """The one event that there is; `offset` is the ledger's size in bytes."""
    return b'event: changed\ndata: {"offset":%d}\n\n' % ledger.size()
