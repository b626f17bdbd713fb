"""Sealed off from the machine: what every test stands in, and the repository that most of them begin with."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from lab.repo import Repo, new_repo
from lab.sealing import seal_off

# The same examples in every run; speed is measured in bench/.
hypothesis.settings.register_profile("default", deadline=None, derandomize=True)
hypothesis.settings.register_profile("random", deadline=None, max_examples=10_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


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
