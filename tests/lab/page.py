"""Repositories to look at, a real server for them, and a real browser (Debian's chromium)."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agentsync.base.settings import SEED_WATCH, Report, Settings, Watch
from agentsync.ledger.events import to_rfc3339
from lab.repo import Repo

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page

BROWSERS = ("/usr/bin/chromium", "/usr/bin/google-chrome")
ARGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
AXE = Path(__file__).parent.parent / "axe" / "node_modules" / "axe-core" / "axe.min.js"
SETTINGS = Settings(report=Report(language="en", commit="with-work"), watch=SEED_WATCH)
MISSING = "docs/architecture/10-Memoire.md"
TRAILERS = {
    "claude-code": "Co-Authored-By: Claude <noreply@anthropic.com>",
    "codex": "Co-Authored-By: Codex <noreply@openai.com>",
    "cursor": "Co-Authored-By: Cursor <cursoragent@cursor.com>",
    "copilot": "Co-authored-by: Copilot <198982749+Copilot@users.noreply.github.com>",
    "": "Reviewed-by: Ada",
}
HOUR, DAY = 3600, 86_400
PATIENCE = 20_000  # milliseconds that a page may need on a busy machine


def settled(root: Path, *more: str, days: int = 0) -> Repo:
    """A repository with the documents of the default configuration but one, and `more`, set up some days ago."""
    root.mkdir(parents=True)
    watch = (*SETTINGS.watch, *(Watch(path, "docs") for path in more))
    repo = Repo(root, SETTINGS._replace(watch=watch))
    repo.git("init", "-q", ".")
    for one in watch:
        if one.path != MISSING:
            repo.write(f"# {one.path}\n", one.path)
    repo.commit(message="The documents")
    repo.look(begin=True, now=time.time() - days * DAY)
    repo.hooks()
    return repo


def edit(repo: Repo, path: str = "AGENTS.md", who: str = "", **env: str) -> str:
    """An agent appends a line to a document and commits it, in a process of its own, with its hooks."""
    date = to_rfc3339(time.time() - 60)
    env = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, **env}
    repo.write(f"{repo.read(path)}one more line\n", path)
    return repo.commit(message=f"Edit\n\n{TRAILERS[who]}", **env)


def lively(repo: Repo, days: int = 12, changes: int = 42, seed: int = 4) -> None:
    """Some days of several agents, up to now; the last few changes are pending."""
    dice = random.Random(seed)
    now = int(time.time())
    paths = [watch.path for watch in repo.settings.watch if (repo.root / watch.path).exists()]
    moments = sorted(now - HOUR - int(dice.triangular(0, days * DAY, 0)) for _ in range(changes))
    for moment in [*moments, *(now - minutes * 60 for minutes in (55, 38, 21, 9, 4))]:
        date = to_rfc3339(moment)
        who, path = dice.choices(list(TRAILERS), [5, 3, 2, 1, 2])[0], dice.choice(paths)
        edit(repo, path, who, GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date, AGENTSYNC="0")
        repo.look(now=float(moment))


class Server:
    """`agentsync serve` in a process of its own."""

    def __init__(self, repo: Repo, *options: str) -> None:
        self.repo = repo
        self.options = options
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    @property
    def page(self) -> str:
        """The address of the page."""
        return f"http://127.0.0.1:{self.port}/sync-dashboard.html"

    def start(self) -> None:
        """Return when it says that it serves; a second time at the same port."""
        argv = [sys.executable, "-m", "agentsync", "serve", "--port", str(self.port), *self.options]
        self.process = subprocess.Popen(argv, cwd=self.repo.root, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        said = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/sync-dashboard\.html", said)
        assert found, said
        self.port = int(found[1])

    def stop(self) -> None:
        """Return when it is gone."""
        if self.process and self.process.stdout:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
            self.process.stdout.close()
            self.process = None


@contextmanager
def serving(repo: Repo, *options: str) -> Iterator[Server]:
    """A server, stopped in the end."""
    server = Server(repo, *options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def missing(reason: str) -> None:
    """Skip, or fail where AGENTSYNC_REQUIRE_BROWSER=1 says that nothing may be skipped."""
    if os.environ.get("AGENTSYNC_REQUIRE_BROWSER", "0") != "0":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def browser() -> Iterator[Browser]:
    """The browser, if there is one."""
    program = next((path for path in BROWSERS if os.access(path, os.X_OK)), None)
    if program is None:
        missing(f"there is no browser at {BROWSERS[0]} (on Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=ARGS)
        yield found
        found.close()


class Looking:
    """A page under observation: what went wrong in it and what it asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.trouble: list[str] = []
        self.requests: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("dialog", self._dismiss)
        page.on("console", lambda said: self._hear(said.text))
        page.on("request", lambda request: self.requests.append(request.url))

    def _dismiss(self, dialog: Dialog) -> None:
        self.trouble.append(dialog.message)
        dialog.dismiss()

    def _hear(self, text: str) -> None:
        if "Failed to load resource" not in text:  # a server that is gone, which tests make on purpose
            self.trouble.append(text)

    def findings(self) -> list[str]:
        """What axe has to say of the page as it is."""
        if not AXE.exists():
            missing("axe is not installed: make managers")
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in found["violations"]]


def embedded(html: str) -> dict[str, object]:
    """The snapshot in an exported page."""
    found = re.search(r'<script type="application/json" id="snapshot">(.*?)</script>', html, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))
