"""Server-sent events: every record once to everybody who listens, however often they connect."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from lab.live import PATIENCE, Served, eventually, quiet, served, until, with_service
from lab.repo import Repo

from agentsync.ledger.log import Ledger
from agentsync.ledger.tail import Tail
from agentsync.web import stream
from agentsync.web.service import AutoSyncService
from agentsync.web.stream import BEAT, RESET, RETRY, Streams


def parsed(frame: bytes) -> tuple[str, str, Any]:
    """Id, type and data of an event."""
    fields = dict(line.split(": ", 1) for line in frame.decode().rstrip("\n").split("\n"))
    return fields.get("id", ""), fields["event"], json.loads(fields["data"])


async def take(events: AsyncIterator[bytes], count: int) -> list[tuple[str, str, Any]]:
    """The next events; comments and the like are left out."""
    found: list[tuple[str, str, Any]] = []
    while len(found) < count:
        data = await asyncio.wait_for(anext(events), PATIENCE)
        found += [parsed(part + b"\n\n") for part in data.split(b"\n\n") if b"event: " in part]
    assert len(found) == count
    return found


def with_streams(repo: Repo, act: Callable[[Streams], Awaitable[None]]) -> None:
    """Act with streams that are told of what is appended, as a service tells them; nobody looks unasked."""

    async def feed(streams: Streams, tail: Tail) -> None:
        while True:
            lines = tail.new()
            if lines or lines is None:
                streams.take(lines)
            await asyncio.sleep(0.01)

    async def main() -> None:
        ledger = Ledger(repo.clone().store)
        streams = Streams(ledger)
        feeder = asyncio.create_task(feed(streams, Tail(ledger)))
        await act(streams)
        feeder.cancel()

    asyncio.run(asyncio.wait_for(main(), PATIENCE * 2))


def appended(repo: Repo, number: int) -> None:
    """So many more records."""
    for _ in range(number):
        repo.commit(f"{repo.time}\n")
    repo.look()


class TestOne:
    def test_each_record_is_an_event_as_the_log_shows_it(self, repo: Repo) -> None:
        """Its id is the record's, its type the kind; what was there before does not come."""
        quiet(repo)
        appended(repo, 2)

        async def act(streams: Streams) -> None:
            events = streams.listen(None)
            assert await anext(events) == RETRY
            waiting = asyncio.create_task(take(events, 2))
            repo.commit("new\n")
            await asyncio.to_thread(repo.look, asked=True)
            found = await waiting
            lines = repo.lines()[-2:]
            assert [(id_, kind) for id_, kind, _ in found] == [(line["id"], line["kind"]) for line in lines]
            assert [data for _, _, data in found] == [
                {**line, "known_owner": line.get("agent_owner"), "waiting": False} for line in lines
            ]

        with_streams(repo, act)

    def test_a_silent_stream_says_that_it_is_there(self, repo: Repo) -> None:
        async def main() -> None:
            events = Streams(Ledger(quiet(repo).clone().store), heartbeat=0.01).listen(None)
            assert [await anext(events) for _ in range(3)] == [RETRY, BEAT, BEAT]

        asyncio.run(main())

    def test_one_who_comes_back_gets_what_has_come_since(self, repo: Repo) -> None:
        """After each record, whether the ring knows the others or the file has to be read."""
        quiet(repo)
        appended(repo, 5)
        ids = [line["id"] for line in repo.lines()]

        async def resumed(streams: Streams, at: int) -> list[str]:
            events = streams.listen(ids[at])
            found = [id_ for id_, _, _ in await take(events, len(ids) - at - 1)]
            await events.aclose()  # type: ignore[attr-defined]
            return found

        async def main() -> None:
            from_file, from_ring = Streams(Ledger(repo.clone().store)), Streams(Ledger(repo.clone().store))
            from_ring.take(list(from_ring.ledger.lines()))
            for streams in (from_file, from_ring):
                for at in range(len(ids) - 1):
                    assert await resumed(streams, at) == ids[at + 1 :]
            assert from_file.count == 0

        asyncio.run(main())

    @pytest.mark.parametrize("last_id", ["01a2033e-91c5-77fa-a0dd-2a5358d43ed3", "x", "*", '","kind":"'])
    def test_one_whose_last_event_nobody_knows_is_told_to_load_anew(self, repo: Repo, last_id: str) -> None:
        """And gets what comes from then on."""
        quiet(repo)

        async def act(streams: Streams) -> None:
            events = streams.listen(last_id)
            assert [await anext(events) for _ in range(2)] == [RETRY, RESET]
            waiting = asyncio.create_task(take(events, 1))
            await asyncio.to_thread(appended, repo, 1)
            ((id_, _, _),) = await waiting
            assert id_ == repo.lines()[-1]["id"]

        with_streams(repo, act)

    def test_a_ledger_that_was_replaced_makes_everybody_load_anew(self, repo: Repo) -> None:
        """Not the whole of it is sent."""
        quiet(repo)
        appended(repo, 3)

        async def act(streams: Streams) -> None:
            events = streams.listen(None)
            await anext(events)
            waiting = asyncio.create_task(take(events, 2))
            await asyncio.sleep(0)
            aside = f"{streams.ledger.path}.aside"
            with open(streams.ledger.path, "rb") as source, open(aside, "wb") as copy:
                copy.write(source.read())
            os.replace(aside, streams.ledger.path)
            await eventually(lambda: streams.file == 1)
            await asyncio.to_thread(appended, repo, 1)
            (_, first, _), (id_, _, _) = await waiting
            assert first == "reset" and id_ == repo.lines()[-1]["id"]

        with_streams(repo, act)

    def test_the_end_of_the_server_ends_the_stream(self, repo: Repo) -> None:
        async def main() -> None:
            streams = Streams(Ledger(quiet(repo).clone().store))
            events = streams.listen(None)
            await anext(events)
            asyncio.get_running_loop().call_soon(streams.close)
            with pytest.raises(StopAsyncIteration):
                await asyncio.wait_for(anext(events), PATIENCE)
            assert streams.count == 0

        asyncio.run(main())


class TestMany:
    def test_200_get_every_record_once_though_some_read_slowly(
        self, repo: Repo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing is kept for the slow: with a ring that is too short for them they read the file."""
        monkeypatch.setattr(stream, "RING", 4)
        monkeypatch.setattr(stream, "BATCH", 3)
        quiet(repo)

        async def act(streams: Streams) -> None:

            placed: set[int] = set()

            async def reader(number: int) -> list[str]:
                found: list[str] = []
                async for data in streams.listen(None):
                    placed.add(number)
                    found += [parsed(part)[0] for part in data.split(b"\n\n") if b"event: " in part]
                    if len(found) >= 30:
                        return found
                    await asyncio.sleep(0.05 * (number % 3))
                return found

            readers = [asyncio.create_task(reader(number)) for number in range(200)]
            await eventually(lambda: len(placed) == 200)
            for _ in range(5):
                await asyncio.to_thread(appended, repo, 6)
            expected = [line["id"] for line in repo.lines() if line["kind"] == "change"]
            assert len(expected) == 30
            assert await asyncio.wait_for(asyncio.gather(*readers), PATIENCE) == [expected] * 200
            assert len(streams.ring) == 4

        with_streams(repo, act)

    def test_other_requests_have_their_turn_between_them(self, repo: Repo) -> None:
        """One who reads does not wait until 200 have been told."""
        quiet(repo)

        async def main() -> None:
            ledger = Ledger(repo.clone().store)
            streams, tail = Streams(ledger), Tail(ledger)
            placed: set[int] = set()
            told: set[int] = set()

            async def reader(number: int) -> None:
                async for data in streams.listen(None):
                    (told if b"event: " in data else placed).add(number)

            readers = [asyncio.create_task(reader(number)) for number in range(200)]
            await eventually(lambda: len(placed) == 200)
            await asyncio.to_thread(appended, repo, 1)
            streams.take(tail.new())
            counts = [0]
            while len(told) < 200:
                await asyncio.sleep(0)  # anybody else's turn
                counts.append(len(told))
            assert max(after - before for before, after in itertools.pairwise(counts)) <= stream.GROUP
            streams.close()
            await asyncio.gather(*readers)

        asyncio.run(asyncio.wait_for(main(), PATIENCE))


def listen(server: Served, count: int, **headers: str) -> list[tuple[str, str, Any]]:
    """The next events of a server, over a socket."""
    found: list[tuple[str, str, Any]] = []
    part: list[str] = []
    with httpx.stream("GET", f"{server.url}/api/sync/events", headers=headers, timeout=PATIENCE) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            part.append(line)
            if not line:
                if any(one.startswith("event: ") for one in part):
                    found.append(parsed("\n".join(part).encode()))
                part = []
            if len(found) == count:
                break
    return found


class TestOverASocket:
    def test_a_reader_who_goes_costs_nothing_and_comes_back_where_it_was(self, repo: Repo) -> None:
        """By the header, as browsers do it, and by the query, as programs may."""
        quiet(repo)
        appended(repo, 3)
        ids = [line["id"] for line in repo.lines()]
        with served(repo.root) as server:
            assert [id_ for id_, _, _ in listen(server, 3, **{"last-event-id": ids[0]})] == ids[1:]
            appended(repo, 2)
            ids = [line["id"] for line in repo.lines()]
            assert [id_ for id_, _, _ in listen(server, 2, **{"last-event-id": ids[3]})] == ids[4:6]
            with httpx.stream(
                "GET", f"{server.url}/api/sync/events?last_event_id={ids[4]}", timeout=PATIENCE
            ) as answer:
                assert any(ids[5] in line for line in answer.iter_lines())

    def test_too_many_are_sent_away(self, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("agentsync.web.routes.MOST", 0)

        async def act(service: AutoSyncService) -> None:
            from agentsync.web import create_app

            transport = httpx.ASGITransport(app=create_app(service))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                answer = await client.get("/api/sync/events")
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")

        with_service(quiet(repo), act)

    def test_the_server_ends_though_somebody_listens(self, repo: Repo) -> None:
        """SIGTERM: the streams end, the exit code is 0, nothing is said."""
        with served(quiet(repo).root) as server, httpx.Client(timeout=PATIENCE) as client:
            with client.stream("GET", f"{server.url}/api/sync/events") as answer:
                lines = answer.iter_lines()
                assert next(lines) == "retry: 2000"
                server.process.terminate()
                assert list(lines) == [""]
            until(lambda: server.process.poll() is not None)
            assert server.process.returncode == 0
            assert server.process.stderr and server.process.stderr.read() == ""
