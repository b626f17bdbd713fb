"""Sealed off from the machine: what every test stands in, and the repository that most of them begin with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from lab.repo import DOCS, Repo, seal

hypothesis.settings.register_profile("default", deadline=None)  # speed is measured in bench/
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.register_profile("long", deadline=None, max_examples=10_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True)
def sealed(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration, agent or hook of whoever runs the tests speaks in them."""
    home = tmp_path_factory.mktemp("home")
    keep = {"PATH", "TMPDIR", "LANG", "HYPOTHESIS_STORAGE_DIRECTORY"}
    for name in list(os.environ):
        if name not in keep and not name.startswith(("PYTEST", "COV", "AGENTSYNC_REQUIRE", "PIP_", "SSL_", "UV_")):
            monkeypatch.delenv(name)
    for name, value in seal(home).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))  # programs that a test writes import the lab, too


@pytest.fixture
def repo(tmp_path: Path) -> Iterator[Repo]:
    """A repository with one commit of the three watched documents, before agentsync."""
    root = tmp_path / "repo"
    root.mkdir()
    made = Repo(root)
    made.git("init", "-q", ".")
    for path in DOCS:
        made.write("".join(f"{path} line {n}\n" for n in range(12)), path)
    made.write("not watched\n", "code.py")
    made.commit(message="first")
    yield made
