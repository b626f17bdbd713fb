"""Server-sent events: the ledger as it grows, resumable by a record's id.

One listener at the ledger's end serves all streams. What is new becomes bytes once and lies in a ring; a stream is no
more than a place in the ledger. One that is too slow for the ring reads the file itself; nothing waits in its name.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from agentsync.ledger.history import entry_of
from agentsync.ledger.log import Ledger
from agentsync.ledger.tail import end_of
from agentsync.ledger.view import View
from agentsync.web.answers import encoded
from agentsync.web.log_pages import shown

HEARTBEAT = 15.0  # seconds; proxies close what is silent for a minute
RING = 2048  # frames kept for those who are not far behind
BATCH = 256  # frames sent at once to one who is
GROUP = 16  # streams that are told before other requests have their turn
PIECES = 8  # kept for those at the same place
MOST = 1000  # streams at a time
RETRY = b"retry: 2000\n\n"  # milliseconds after which a browser connects anew
BEAT = b": still here\n\n"
RESET = b'event: reset\ndata: {"reason":"the events since then are not known: load everything anew"}\n\n'


@dataclass(frozen=True)
class Frame:
    """A record as an event, or several, and where in the ledger the first begins and the next one does."""

    begin: int
    end: int
    data: bytes


class Streams:
    """All streams of an app. Made and used in one event loop."""

    def __init__(self, ledger: Ledger, heartbeat: float = HEARTBEAT) -> None:
        self.ledger = ledger
        self.heartbeat = heartbeat
        self.ring: deque[Frame] = deque(maxlen=RING)
        self.pieces: dict[int, Frame | None] = {}  # what is in the ring after a place: most streams are at the same
        self.end = end_of(ledger)  # up to where events are known
        self.file = 0  # counts the files that were the ledger
        self.count = 0
        self.closed = False
        self.calls = 0  # how often those who wait were called
        self._waiting: list[asyncio.Future[bool]] = []
        self._silence: asyncio.TimerHandle | None = None

    def take(self, lines: Sequence[tuple[int, bytes]] | None) -> None:
        """What was appended; None: another file is the ledger now."""
        self.pieces.clear()
        if lines is None:
            self.ring.clear()
            self.end = end_of(self.ledger)
            self.file += 1
        elif lines:
            offset, line = lines[-1]
            self.end = offset + len(line) + 1
            self.ring.extend(frame for offset, line in lines if (frame := frame_of(offset, line)))
        self._call(True)

    def close(self) -> None:
        """End all streams, so that the server can."""
        self.closed = True
        self._call(True)

    async def listen(self, last_id: str | None) -> AsyncIterator[bytes]:
        """The events after the record `last_id`, or from now on, for as long as somebody reads them.

        The first bytes come when the place is known: one who loads everything after them misses nothing.
        """
        self.count += 1
        try:
            file = self.file
            place = await asyncio.to_thread(place_after, self.ledger, last_id)
            yield RETRY
            if place is None:
                yield RESET
                place = await asyncio.to_thread(end_of, self.ledger)
            while not self.closed:
                calls = self.calls
                if file != self.file:
                    place, file = await asyncio.to_thread(end_of, self.ledger), self.file
                    yield RESET
                piece = await self._after(place)
                if piece:
                    place = piece.end
                    yield piece.data
                elif calls == self.calls and not await self._called():
                    yield BEAT
        finally:
            self.count -= 1

    def _call(self, news: bool) -> None:
        """Let those who wait go on, because there are news or because it has been silent for long."""
        self.calls += 1
        if self._silence:
            self._silence.cancel()
            self._silence = None
        waiting, self._waiting = self._waiting, []
        _tell(waiting, news)

    async def _called(self) -> bool:
        """Wait until somebody calls; whether there are news."""
        loop = asyncio.get_running_loop()
        if self._silence is None:
            self._silence = loop.call_later(self.heartbeat, self._call, False)
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiting.append(waiter)
        return await waiter

    async def _after(self, place: int) -> Frame | None:
        """The next events in one piece, as far as the ring knows or the file has them."""
        if self.end <= place:
            return None
        if not self.ring or self.ring[0].begin > place:
            return _joined(await asyncio.to_thread(_read, self.ledger, place))
        if place not in self.pieces:
            if len(self.pieces) == PIECES:
                self.pieces.clear()
            late = itertools.takewhile(lambda frame: frame.begin >= place, reversed(self.ring))
            self.pieces[place] = _joined(list(late)[::-1][:BATCH])
        return self.pieces[place]


def _tell(waiting: list[asyncio.Future[bool]], news: bool) -> None:
    """Let the first of them go on now, and the others after what else the event loop has to do."""
    for waiter in waiting[:GROUP]:
        if not waiter.done():
            waiter.set_result(news)
    if waiting[GROUP:]:
        asyncio.get_running_loop().call_soon(_tell, waiting[GROUP:], news)


def _joined(frames: list[Frame]) -> Frame | None:
    return Frame(frames[0].begin, frames[-1].end, b"".join(frame.data for frame in frames)) if frames else None


def _read(ledger: Ledger, place: int) -> list[Frame]:
    frames = (frame_of(offset, line) for offset, line in ledger.lines(place))
    return list(itertools.islice(filter(None, frames), BATCH))


def frame_of(offset: int, line: bytes) -> Frame | None:
    """A line of the ledger as an event: its id, its kind, and the record as `/api/sync/log` gives it."""
    entry = entry_of(line)
    if entry is None:
        return None
    kind = entry.kind if entry.kind.isascii() and entry.kind.isalpha() else "record"
    id_ = entry.id if entry.id.isascii() and entry.id.isprintable() else ""
    data = b"id: %s\nevent: %s\ndata: %s\n\n" % (id_.encode(), kind.encode(), encoded(shown(entry)))
    return Frame(offset, offset + len(line) + 1, data)


def place_after(ledger: Ledger, last_id: str | None) -> int | None:
    """Where the record after `last_id` begins; None if there is no such record. Without an id: the ledger's end."""
    if not last_id:
        return end_of(ledger)
    view = View(ledger).catch_up()
    if view.index is None or not view.events("id", last_id):  # also mends an index that was lost
        return None
    for offset in view.index.offsets(("id", last_id)):
        line = ledger.line_at(offset)
        if f'"id":"{last_id}"'.encode() in line:
            return offset + len(line) + 1
    return None
