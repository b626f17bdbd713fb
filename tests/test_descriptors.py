"""Programs that run for weeks: file descriptors are given back, and many open ones are no trouble."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

from lab.repo import Repo

MANY = 1100  # more than `select` can name
CROWDED = f"""
import os, resource
from agentsync.base import git
resource.setrlimit(resource.RLIMIT_NOFILE, (2 * {MANY}, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
while os.dup(0) < {MANY}:
    pass
print(git.run(["rev-parse", "--is-inside-work-tree"], cwd=".").decode().strip())
"""


def test_looking_again_and_again_keeps_no_file_open(repo: Repo) -> None:
    """Each look of a poller or a server makes its view anew."""
    repo.begin()
    for number in range(80):  # long enough for the cache to be written
        repo.write(f"edit {number}\n")
        repo.look(asked=number % 10 == 9)
    assert (Path(repo.clone().store) / "cache.sqlite").exists()
    names = [os.readlink(fd) for fd in Path("/dev/fd").iterdir() if os.path.lexists(fd)]
    assert not [name for name in names if name.startswith(str(repo.root))]


def test_git_is_asked_with_very_many_descriptors_open(repo: Repo) -> None:
    """As in a server with a thousand connections."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert hard == resource.RLIM_INFINITY or hard >= 2 * MANY, "this machine does not allow so many"
    done = subprocess.run([sys.executable, "-c", CROWDED], cwd=repo.root, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("true\n", "")
