"""Server-sent events: everybody who listens hears that the ledger has changed, and none costs another anything."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import AsyncIterator

import httpx
import pytest
from lab.live import PATIENCE, eventually, quiet, served, until, with_client, with_service
from lab.repo import Repo

from agentsync.ledger.log import Ledger
from agentsync.web import stream
from agentsync.web.service import AutoSyncService
from agentsync.web.stream import BEAT, RETRY, Streams


def ledger_of(repo: Repo) -> Ledger:
    return Ledger(repo.clone().store)


async def first(events: AsyncIterator[bytes]) -> int:
    """The offset of what comes at once; it also says when to connect anew."""
    piece = await asyncio.wait_for(anext(events), PATIENCE)
    assert piece.startswith(RETRY)
    return offset_of(piece.removeprefix(RETRY))


def offset_of(piece: bytes) -> int:
    """Up to where the ledger reaches, of one event and nothing else."""
    kind, data = piece.decode().removesuffix("\n\n").split("\n")
    assert kind == "event: changed"
    said = json.loads(data.removeprefix("data: "))
    assert said.keys() == {"offset"}
    return int(said["offset"])


class TestOne:
    def test_an_event_says_how_far_the_ledger_reaches_and_nothing_of_what_is_in_it(self, repo: Repo) -> None:
        """One at once, so that who asks after it misses nothing, and one after each change."""
        ledger = ledger_of(quiet(repo))

        async def act(service: AutoSyncService) -> None:
            streams = Streams(ledger)
            service.listen(streams.changed)
            events = streams.listen()
            assert await first(events) == ledger.size()
            for number in range(3):
                repo.commit(f"{number}\n")
                await asyncio.to_thread(repo.look)
                # The poller may have seen the edit before the commit: then there is an event for each.
                while offset_of(await asyncio.wait_for(anext(events), PATIENCE)) != ledger.size():
                    pass

        with_service(repo, act)

    def test_a_silent_stream_says_that_it_is_there(self, repo: Repo) -> None:
        async def main() -> None:
            events = Streams(ledger_of(quiet(repo)), heartbeat=0.01).listen()
            await first(events)
            assert [await anext(events) for _ in range(2)] == [BEAT, BEAT]

        asyncio.run(main())

    def test_a_ledger_that_was_replaced_is_a_change(self, repo: Repo) -> None:
        """Also where it is shorter than before, as one is after a restore."""
        quiet(repo)
        for number in range(3):
            repo.commit(f"{number}\n")
        repo.look()
        ledger = ledger_of(repo)
        with open(ledger.path, "rb") as file:
            lines = file.read().splitlines(keepends=True)

        async def act(service: AutoSyncService) -> None:
            await eventually(lambda: service.looks.checks.snapshot()[1])  # the poller has looked
            streams = Streams(ledger)
            service.listen(streams.changed)
            events = streams.listen()
            before = await first(events)
            with open(f"{ledger.path}.restored", "wb") as file:
                file.writelines(lines[:-1])
            os.replace(f"{ledger.path}.restored", ledger.path)
            piece = await asyncio.wait_for(anext(events), PATIENCE)
            assert offset_of(piece) < before

        with_service(repo, act)


class TestMany:
    def test_200_hear_the_same_bytes_and_one_who_was_slow_hears_the_newest_alone(self, repo: Repo) -> None:
        """Nothing is kept for those who do not read."""
        ledger = ledger_of(quiet(repo))

        async def main() -> None:
            streams = Streams(ledger)
            slow = streams.listen()
            await first(slow)
            heard: list[list[bytes]] = [[] for _ in range(200)]

            async def reader(number: int) -> None:
                async for piece in streams.listen():
                    heard[number].append(piece)

            readers = [asyncio.create_task(reader(number)) for number in range(200)]
            await eventually(lambda: all(len(one) == 1 for one in heard))
            for number in range(2, 7):
                await asyncio.to_thread(repo.look, asked=True, now=float(repo.time + number))
                streams.changed()
                await eventually(lambda: {len(one) for one in heard} == {number})  # noqa: B023
            assert len({id(piece) for one in heard for piece in one[1:]}) == 5
            assert await anext(slow) is heard[0][-1]
            streams.close()
            await asyncio.gather(*readers)
            assert [piece async for piece in slow] == []

        asyncio.run(asyncio.wait_for(main(), PATIENCE * 2))

    def test_other_requests_have_their_turn_while_streams_are_told(self, repo: Repo) -> None:
        """They are told in groups."""
        ledger = ledger_of(quiet(repo))

        async def main() -> None:
            streams = Streams(ledger)
            placed: set[int] = set()
            told: set[int] = set()

            async def reader(number: int) -> None:
                async for _ in streams.listen():
                    (told if number in placed else placed).add(number)

            readers = [asyncio.create_task(reader(number)) for number in range(200)]
            await eventually(lambda: len(placed) == 200)
            streams.changed()
            counts = [0]
            while len(told) < 200:
                await asyncio.sleep(0)  # anybody else's turn
                counts.append(len(told))
            assert max(after - before for before, after in itertools.pairwise(counts)) <= stream.GROUP
            streams.close()
            await asyncio.gather(*readers)

        asyncio.run(asyncio.wait_for(main(), PATIENCE))

    def test_too_many_are_sent_away(self, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("agentsync.web.stream.MOST", 0)

        async def act(client: httpx.AsyncClient, service: AutoSyncService) -> None:
            answer = await client.get("/api/sync/events")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")

        with_client(quiet(repo), act)

    def test_a_place_is_taken_before_anything_is_answered(self, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of many who come at once, none is told 200 and then sent away."""
        monkeypatch.setattr("agentsync.web.stream.MOST", 2)
        streams = Streams(ledger_of(quiet(repo)))
        assert [streams.admit() for _ in range(4)] == [True, True, False, False]
        streams.leave()
        assert [streams.admit() for _ in range(2)] == [True, False]


class TestOverASocket:
    def test_a_reader_who_goes_may_come_back_and_the_server_ends_though_somebody_listens(self, repo: Repo) -> None:
        """SIGTERM: the streams end, the exit code is 0, no error is said."""
        quiet(repo)
        with served(repo.root) as server, httpx.Client(timeout=PATIENCE) as client:
            url = f"{server.url}/api/sync/events"
            with client.stream("GET", url) as answer:
                assert answer.headers["content-type"].startswith("text/event-stream")
                lines = answer.iter_lines()
                begin = [next(lines) for _ in range(5)]
                assert begin[:3] == ["retry: 2000", "", "event: changed"] and begin[3].startswith("data: ")
                repo.commit("edited\n")
                repo.look()
                assert next(lines) == "event: changed"
            with client.stream("GET", url) as answer:
                lines = answer.iter_lines()
                assert next(lines) == "retry: 2000"
                server.process.terminate()
                assert list(lines)[-1] == ""
            until(lambda: server.process.poll() is not None)
            assert server.process.returncode == 0
            assert server.process.stderr and server.process.stderr.read().endswith("INFO: ended\n")
