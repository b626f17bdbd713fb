"""Whether an installed hook works: its very text is run by git on a commit, in a repository made for that.

It is not run where it lies: that would look at the user's files, and run a stranger's hook that is chained to it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile

from agentsync.base import config, config_text, files, git
from agentsync.base.settings import CONFIG_PATH, Settings, Watch
from agentsync.ledger.log import Ledger
from agentsync.ledger.view import View
from agentsync.observe.request import Request
from agentsync.sync import sync

TIMEOUT = 60  # seconds
DOCUMENT = "document.md"


def prove(path: str, common_dir: str) -> str:
    """Try the post-commit hook at `path`; what is wrong with it, "" for nothing."""
    with tempfile.TemporaryDirectory(prefix="agentsync-proof-") as folder:
        root = os.path.realpath(folder)
        scratch = Scratch(root)
        try:
            scratch.begin(path, os.path.relpath(os.path.realpath(os.path.dirname(path)), os.path.realpath(common_dir)))
            said = scratch.commit("edited\n")
        except (OSError, subprocess.SubprocessError) as error:
            return f"the hook could not be tried: {error}"
        changes = View(Ledger(f"{root}/.git/agentsync"), with_index=False).catch_up().state.sources
        return "" if changes == {"hook": 1} else f"the installed hook recorded nothing: {said or 'it said nothing'}"


class Scratch:
    """A repository with one document, which nothing of the user's configuration reaches."""

    def __init__(self, root: str) -> None:
        self.root = root
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LANG") if name in os.environ}
        who = {f"GIT_{role}_{part}": "proof" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        sealed = {"HOME": root, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "AGENTSYNC_TRACE": "1"}
        sealed["AGENTSYNC_FOREGROUND"] = "1"
        self.env = {**kept, **who, **sealed}

    def begin(self, hook: str, folder: str) -> None:
        """One commit, a baseline, and the hook in the same place as where it came from."""
        self.git("init", "-q", "--template=", ".")
        settings = Settings(watch=(Watch(DOCUMENT, "docs"),))
        files.create(self.root, CONFIG_PATH, config_text.default_text(settings).encode())
        self.commit("first\n")
        clone = git.Clone(f"{self.root}/.git", git.Worktree("main", self.root, f"{self.root}/.git"))
        config.in_force(clone, clone.here)
        sync(Request(clone, settings, "init", git.worktrees(clone), 0, begin=True))
        os.makedirs(f"{self.root}/.git/{folder}", exist_ok=True)
        with open(hook, "rb") as file:
            script = file.read()
        files.replace_file(f"{self.root}/.git/{folder}/post-commit", script, 0o755)
        self.git("config", "core.hooksPath", f"{self.root}/.git/{folder}")

    def commit(self, text: str) -> str:
        """Commit the document with this text; what was said on stderr."""
        with open(f"{self.root}/{DOCUMENT}", "w", encoding="utf-8") as file:
            file.write(text)
        self.git("add", DOCUMENT)
        return self.git("commit", "-q", "--no-gpg-sign", "-m", "proof")

    def git(self, *args: str) -> str:
        """Run git here; what it said on stderr."""
        done = subprocess.run(
            ["git", *args], cwd=self.root, env=self.env, capture_output=True, timeout=TIMEOUT, check=True
        )
        return done.stderr.decode(errors="replace").strip()
