"""Sealed off from the machine: what every test stands in, and the repository that most of them begin with."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest
from lab.repo import Repo, new_repo, seal_off

# The same examples in every run; speed is measured in bench/.
hypothesis.settings.register_profile("default", deadline=None, derandomize=True)
hypothesis.settings.register_profile("random", deadline=None, max_examples=10_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True)
def sealed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration, agent or hook of whoever runs the tests speaks in them."""
    seal_off(monkeypatch, tmp_path_factory.mktemp("home"))


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """A repository with one commit of the three watched documents, before agentsync."""
    return new_repo(tmp_path / "repo")
