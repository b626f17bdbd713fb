"""The report's file as a mount of its own, as in a container: no other file can take its name."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from lab.report import PATH, Lab, consolidated, make, newest, shown

PACKAGE = Path(__file__).parent.parent.parent


def mounted(lab: Lab, script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script in a mount namespace of its own, where the file is mounted on itself."""
    unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs a mount namespace: root, or user namespaces; .ci/run runs it with sudo")
    file = shlex.quote(str(lab.file))
    agentsync = f"PYTHONPATH={shlex.quote(str(PACKAGE))} {shlex.quote(sys.executable)} -m agentsync"
    lines = f'set -e\nmount --bind {file} {file}\nagentsync() {{ {agentsync} "$@"; }}\n{script}'
    return subprocess.run([*unshare, "sh", "-c", lines], cwd=lab.root, capture_output=True, text=True, check=False)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return consolidated(make(tmp_path / "repo"))


def test_the_report_is_written_into_it(lab: Lab) -> None:
    """git does not see it, an edit of one's own stays, and nothing is left beside it."""
    before, inode = newest(lab), lab.file.stat().st_ino
    lab.edit("line 2", "my line")
    done = mounted(lab, "echo more >>docs/other.md; agentsync consolidate; git status --porcelain")
    assert done.returncode == 0, done
    assert "M AGENT_SYNC.md" in done.stdout  # the edit
    assert newest(lab) != before and shown(lab.read(PATH)) == newest(lab)
    assert "my line" in lab.read(PATH) and lab.file.stat().st_ino == inode
    assert list((lab.root / ".agentsync").glob("*.new")) == []


def test_while_somebody_has_it_open_the_report_is_owed(lab: Lab) -> None:
    """What they write is not lost."""
    text = lab.read(PATH)
    done = mounted(lab, f"exec 5>>{PATH}; echo more >>docs/other.md; agentsync consolidate || :; echo mine >&5")
    assert "is open for writing" in done.stdout + done.stderr
    assert lab.read(PATH) == text + "mine\n"
