"""The dashboard of a long ledger in a real browser: how long until all of it is there."""

from __future__ import annotations

import os
import re
import subprocess
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from bench import ledgers
from bench.clones import prepare
from bench.harness import Benchmark, Contestant, MissingError, Sample, Step
from bench.lab import CHECKOUT, Lab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

RECORDS = 100_000
PATIENCE = 60_000  # milliseconds
SIZE: ViewportSize = {"width": 1280, "height": 900}
PROGRAMS = ("/usr/bin/chromium", "/usr/bin/google-chrome")
ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
# The first frame after changes, agents, documents and the strip are all there; in milliseconds since the navigation.
WATCH = """
const parts = ["#changes li", "#agents li", "#documents li", "#pending strong"];
window.painted = new Promise((tell) => {
  const watch = () => {
    if (!parts.every((one) => document.querySelector(one))) return requestAnimationFrame(watch);
    return requestAnimationFrame(() => requestAnimationFrame(() => tell(performance.now())));
  };
  watch();
});
"""
# The same rows without what makes them, and with its styles in it.
STILL = """(styles) => {
  for (const one of document.querySelectorAll("script, link, noscript")) one.remove();
  document.head.append(Object.assign(document.createElement("style"), { textContent: styles }));
  return document.documentElement.outerHTML;
}"""


@lru_cache(maxsize=1)
def browser(lab: Lab) -> Browser:
    """Chromium, until the end. Raises MissingError."""
    program = next((one for one in PROGRAMS if os.access(one, os.X_OK)), None)
    if program is None:
        raise MissingError("not installed")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        raise MissingError("not installed") from None
    return sync_playwright().start().chromium.launch(executable_path=program, args=ARGS)


def clone(lab: Lab, name: str) -> Path:
    """A clone whose ledger ends now."""
    root, count = lab.repository(name), lab.size(RECORDS, 500)
    prepare(lab, root, count, start=time.time() - count * ledgers.STEP)
    return root


def started(lab: Lab, folder: Path, *argv: str) -> tuple[subprocess.Popen[bytes], str]:
    """A server, and the address that it prints."""
    server = subprocess.Popen(argv, cwd=folder, env=lab.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    lab.at_end(server)
    assert server.stdout
    found = re.search(rb"http://[^ )]+", server.stdout.readline())
    if not found:
        raise MissingError(f"failed: `{argv[0]}` does not serve")
    return server, found[0].decode().rstrip(";")


@lru_cache(maxsize=1)
def dashboard(lab: Lab) -> str:
    """The page of a server that has been asked before."""
    url = started(lab, clone(lab, "page"), lab.agentsync, "serve", "--port", "0")[1]
    painted(lab, url)
    return url


def opened(lab: Lab, context: BrowserContext, url: str) -> Page:
    """The page, once all of it is there."""
    context.add_init_script(WATCH)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    page.evaluate("window.painted")
    return page


def painted(lab: Lab, url: str) -> Sample:
    """How long that took in a browser without a past."""
    with browser(lab).new_context(viewport=SIZE) as context:
        return Sample(opened(lab, context, url).evaluate("window.painted") / 1000)


def static(lab: Lab) -> Step:
    """The same rows in a file, from Python's own server."""
    folder = lab.folder / "static"
    folder.mkdir(exist_ok=True)
    with browser(lab).new_context(viewport=SIZE) as context:
        styles = (CHECKOUT / "agentsync" / "web" / "page" / "dashboard.css").read_text(encoding="utf-8")
        html = opened(lab, context, dashboard(lab)).evaluate(STILL, styles)
    (folder / "page.html").write_text(f"<!doctype html>\n{html}", encoding="utf-8")
    argv = [lab.python, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"]
    url = started(lab, folder, *argv)[1]
    return lambda: painted(lab, f"{url}page.html")


def warm(lab: Lab) -> Step:
    url = dashboard(lab)
    return lambda: painted(lab, url)


def cold(lab: Lab) -> Step:
    root = clone(lab, "page-cold")

    def step() -> Sample:
        server, url = started(lab, root, lab.agentsync, "serve", "--port", "0")
        sample = painted(lab, url)
        server.terminate()
        server.wait(30)
        return sample

    return step


BENCHMARK = Benchmark(
    name="page",
    title="The dashboard, until all of it is there",
    about="A ledger of 100,000 records of the last 34 days; chromium without a cache, from the navigation to the frame "
    "that shows the strip, the changes, the agents and the documents. The static page has the same rows, made already.",
    contestants=(
        Contestant("a static page with the same rows", static),
        Contestant("agentsync", warm, most=1.0),
        Contestant("agentsync, the server has just begun", cold),
    ),
    rounds=10,
)
