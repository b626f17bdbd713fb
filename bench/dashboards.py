"""Many open dashboards: `python -m bench.dashboards listen|read PORT COUNT EVERY`.

They listen to the events, or they read all that the page shows, every EVERY seconds: in two processes, so that no read
waits for the reader's own work on events. "ready" is printed when all are connected. A line on stdin is how far the
ledger reaches in the end: when all have heard that, how far each has and how long each read took (seconds) is printed
as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time

READS = ("status", "pending-changes", "checksums", "timeline")
PATIENCE = 120.0  # seconds


class Dashboard:
    """One page: what it heard, and how long it waited."""

    def __init__(self, port: int, every: float) -> None:
        self.port, self.every = port, every
        self.offset = 0
        self.took: list[float] = []
        self.tags: dict[str, str] = {}
        self.ready = asyncio.Event()

    async def listen(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"GET /api/sync/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while line := await reader.readline():
            if line == b"retry: 2000\n":
                self.ready.set()
            elif line.startswith(b"data: "):
                self.offset = json.loads(line[6:])["offset"]

    async def poll(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        await asyncio.sleep(random.random() * self.every)  # people open pages at different times
        self.ready.set()
        while True:
            for name in READS:
                await self.read(name, reader, writer)
            await asyncio.sleep(self.every)

    async def read(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began = time.perf_counter()
        tag = f"If-None-Match: {self.tags[name]}\r\n" if name in self.tags else ""
        writer.write(f"GET /api/sync/{name} HTTP/1.1\r\nHost: localhost\r\n{tag}\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        fields = dict(line.split(": ", 1) for line in head.strip().split("\r\n")[1:])
        await reader.readexactly(int(fields.get("content-length", 0)))
        assert head.split(" ")[1] in ("200", "304"), head
        self.tags[name] = fields["etag"]
        self.took.append(time.perf_counter() - began)


async def main(what: str, port: int, count: int, every: float) -> None:
    dashboards = [Dashboard(port, every) for _ in range(count)]
    tasks = [asyncio.create_task(one.listen() if what == "listen" else one.poll()) for one in dashboards]
    for one in dashboards:
        await asyncio.wait_for(one.ready.wait(), PATIENCE)
    print("ready", flush=True)
    end = int(await asyncio.to_thread(sys.stdin.readline))
    deadline = time.monotonic() + PATIENCE
    while what == "listen" and any(one.offset < end for one in dashboards) and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    heard, took = [one.offset for one in dashboards], [seconds for one in dashboards for seconds in one.took]
    failed = [repr(task.exception()) for task in tasks if task.done() and not task.cancelled()]
    print(json.dumps({"heard": heard, "took": took, "failed": failed}), flush=True)
    os._exit(0)  # pages are closed, not wound up


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
