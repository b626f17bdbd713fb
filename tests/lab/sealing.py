"""Where tests stand: nothing of the machine and of whoever runs them is known there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

GIT = Path(__file__).parent / "git"


def seal(home: Path) -> dict[str, str]:
    """The environment in which git knows nobody but us."""
    return {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(GIT / "config"),
        "GIT_TEMPLATE_DIR": str(GIT / "template"),
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.org",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@example.org",
        "GIT_EDITOR": "true",
        "GIT_MERGE_AUTOEDIT": "no",
        "GIT_TERMINAL_PROMPT": "0",
        "TZ": "UTC",
        "AGENTSYNC_FOREGROUND": "1",  # what a commit leaves is in the ledger when git returns
    }


def seal_off(patch: pytest.MonkeyPatch, home: Path) -> None:
    """No configuration, agent or hook of whoever runs the tests speaks in what follows."""
    keep = {"PATH", "TMPDIR", "LANG", "HYPOTHESIS_STORAGE_DIRECTORY"}
    for name in list(os.environ):
        if name not in keep and not name.startswith(("PYTEST", "COV", "AGENTSYNC_REQUIRE", "PIP_", "SSL_", "UV_")):
            patch.delenv(name)
    for name, value in seal(home).items():
        patch.setenv(name, value)
    tests = Path(__file__).parent.parent  # programs that a test writes import the lab, too
    patch.setenv("PYTHONPATH", str(tests))
