"""Sealed off from the machine: what every test stands in, and the repository that most of them begin with."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from lab.repo import Repo, new_repo
from lab.sealing import seal_off
from lab.templates import copied
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

# The same examples in every run; speed is measured in bench/.
hypothesis.settings.register_profile("default", deadline=None, derandomize=True)
hypothesis.settings.register_profile("random", deadline=None, max_examples=10_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


# Their tests share servers, a browser or a demo, so one worker has all of each; other tests go to whoever is free.
TOGETHER = ("test_dashboard.py", "test_demo.py", "test_openapi.py", "test_serve.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return Scheduling(config, log)


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """What belongs together comes first, then one test at a time."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file.endswith(TOGETHER) else nodeid


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("early") is None)


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of its own, which stays where the test fails.

    pytest's own fixture reads all folders of the run to find a free name: ten milliseconds among thousands of tests.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"{request.node.originalname}-", dir=tmp_path_factory.getbasetemp()))
    failed = request.session.testsfailed
    yield folder
    if request.session.testsfailed == failed:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def sealed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration, agent or hook of whoever runs the tests speaks in them."""
    seal_off(monkeypatch, Path(tempfile.mkdtemp(prefix="home-", dir=tmp_path_factory.getbasetemp())))


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A repository with one commit of the three watched documents, before agentsync."""
    return new_repo(tmp_path / "repo")


@pytest.fixture
def ready(tmp_path: Path) -> Repo:
    """A clone that is set up, with hooks."""
    return copied(tmp_path / "repo", with_hooks)


def with_hooks(root: Path) -> Repo:
    repo = new_repo(root)
    repo.begin()
    repo.hooks()
    return repo
