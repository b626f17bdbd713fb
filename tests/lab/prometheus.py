"""A real Prometheus, for as long as a test lasts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "docs" / "examples"
PATIENCE = 60  # seconds until a fact that has to come is given up
PAUSE = 0.05  # seconds between two looks for it


def program(name: str) -> str:
    """The path of `prometheus` or `promtool`; the test is skipped, or fails if it must not be, where there is none."""
    path = shutil.which(name)
    if path is None:
        reason = f"no {name}: on Debian and Ubuntu `apt-get install prometheus`"
        if os.environ.get("AGENTSYNC_REQUIRE_PROMETHEUS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def promtool(*args: str, stdin: bytes = b"") -> str:
    """What promtool has to say; it must find nothing wrong."""
    done = subprocess.run([program("promtool"), *args], input=stdin, capture_output=True, timeout=60, cwd=ROOT)
    said = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 0, said
    return said


class Prometheus:
    """One that listens at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def api(self, path: str, **params: str) -> Any:
        """The data of an answer; fails where it is an error."""
        data = urllib.parse.urlencode(params).encode() if params else None
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}", data, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path} {params}: {error.read().decode()}") from None

    def query(self, expression: str) -> dict[frozenset[tuple[str, str]], float]:
        """Series (without name, job and instance) to value, now."""
        result = self.api("query", query=expression)["result"]
        left_out = {"__name__", "job", "instance"}
        return {
            frozenset((name, value) for name, value in each["metric"].items() if name not in left_out): float(
                each["value"][1]
            )
            for each in result
        }

    def until(self, expression: str) -> None:
        """Wait until the expression has a result."""
        end = time.monotonic() + PATIENCE
        while not self.query(expression):
            assert time.monotonic() < end, f"{expression}: nothing; targets: {self.api('targets')['activeTargets']}"
            time.sleep(PAUSE)


@contextmanager
def scraping(address: str, folder: Path) -> Iterator[Prometheus]:
    """Prometheus with the files of docs/examples, but at this address (host:port) and ten times a second."""
    config = (EXAMPLES / "prometheus.yml").read_text(encoding="utf-8")
    config, targets = re.subn(r"127\.0\.0\.1:8000", address, config)
    config, intervals = re.subn(r"_interval: 15s", "_interval: 100ms", config)
    assert (targets, intervals) == (1, 2)
    folder.mkdir()
    (folder / "prometheus.yml").write_text(config, encoding="utf-8")
    for name in re.findall(r"^  - (prometheus-\w+\.yml)$", config, re.MULTILINE):
        shutil.copy(EXAMPLES / name, folder)
    log = folder / "log"
    argv = [program("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [*argv, "--web.listen-address=127.0.0.1:0"], stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr
        )
    try:
        yield Prometheus(f"http://{_listens(process, log)}")
    finally:
        process.terminate()
        process.wait(30)


def _listens(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + PATIENCE
    while True:
        said = log.read_text(encoding="utf-8")
        found = re.search(r'msg="Listening on" address=(\S+)', said)
        if found and "Server is ready to receive web requests" in said:
            return found[1]
        assert process.poll() is None and time.monotonic() < end, said
        time.sleep(PAUSE)
