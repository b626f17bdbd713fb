"""A service of a scratch repository: in this process, or as `agentsync serve`."""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentsync.base import config
from agentsync.web import Access, create_app
from agentsync.web.service import AutoSyncService
from lab.repo import Repo, new_repo
from lab.sealing import seal_off

PATIENCE = 30.0  # seconds after which a fact that does not come is a failure
SAME = {"x-dev-bypass": "1"}


def until(fact: Callable[[], object]) -> None:
    """Wait for a fact."""
    deadline = time.monotonic() + PATIENCE
    while not fact():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.01)


async def eventually(fact: Callable[[], object]) -> None:
    """The same in an event loop."""
    deadline = time.monotonic() + PATIENCE
    while not fact():
        assert time.monotonic() < deadline, "it did not come"
        await asyncio.sleep(0.01)


def ready(repo: Repo) -> Repo:
    """A clone that is set up, with hooks."""
    repo.begin()
    repo.hooks()
    return repo


def quiet(repo: Repo) -> Repo:
    """The same without hooks: only looks that somebody asks for find changes."""
    repo.begin()
    repo.configure()
    assert config.in_force(repo.clone(), repo.clone().here).settings == repo.settings
    return repo


@contextlib.contextmanager
def shared_repo(factory: pytest.TempPathFactory) -> Iterator[Repo]:
    """A repository for all tests of a module, sealed off as those of one test are."""
    with pytest.MonkeyPatch.context() as patch:
        seal_off(patch, factory.mktemp("home"))
        yield new_repo(factory.mktemp("shared") / "repo")


def with_service(repo: Repo, act: Callable[[AutoSyncService], Awaitable[Any]], **numbers: int) -> Any:
    """What `act(service)` gives, with a service that runs."""

    async def main() -> Any:
        service = AutoSyncService(repo.root, **numbers)
        await service.start()
        try:
            return await act(service)
        finally:
            await service.stop()

    return asyncio.run(asyncio.wait_for(main(), PATIENCE * 2))


def with_client(
    repo: Repo,
    act: Callable[[httpx.AsyncClient, AutoSyncService], Awaitable[Any]],
    access: Access | None = None,
    *,
    start: bool = True,
) -> Any:
    """What `act(client, service)` gives, with an app around a service (that runs, if it is to `start`)."""

    async def served(service: AutoSyncService) -> Any:
        transport = httpx.ASGITransport(app=create_app(service, access), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
            return await act(client, service)

    return with_service(repo, served) if start else asyncio.run(served(AutoSyncService(repo.root)))


class Served:
    """A process `agentsync serve`."""

    def __init__(self, root: Path, *args: str) -> None:
        self.root = root
        self.process = subprocess.Popen(
            [sys.executable, "-m", "agentsync", "serve", "--port", "0", *args],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout and self.process.stderr
        line = self.process.stdout.readline()
        found = re.search(r"http://\S+:(\d+)/", line)
        if found is None:
            raise AssertionError(f"{line}{self.process.communicate(timeout=PATIENCE)}")
        self.url = f"http://localhost:{found[1]}"
        self.port = int(found[1])

    def end(self) -> tuple[int, str]:
        """Stop it by SIGTERM: its exit status, and what it complained of."""
        self.process.terminate()
        _, said = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said


@contextlib.contextmanager
def served(root: Path, *args: str) -> Iterator[Served]:
    """A server for the time of a `with`."""
    made = Served(root, *args)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.communicate()
