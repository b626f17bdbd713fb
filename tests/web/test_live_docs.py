"""docs/http.md and docs/embedding.md are true: every endpoint stands there, and what they show runs."""

from __future__ import annotations

import json
import plistlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
from lab.live import PATIENCE, quiet, served, until
from lab.repo import Repo

from agentsync.cli.group import cli
from agentsync.web import access, create_app, models
from agentsync.web.service import AutoSyncService

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
HTTP = (DOCS / "http.md").read_text(encoding="utf-8")
AGENTS = (DOCS / "for-agents.md").read_text(encoding="utf-8")
EMBEDDING = (DOCS / "embedding.md").read_text(encoding="utf-8")
# The seed's own lines, as they stand there.
SEED = (
    'curl -H "x-dev-bypass: 1" -H "X-User-ID: codex" \\\n  http://localhost:8000/api/sync/status',
    'curl -X POST -H "x-dev-bypass: 1" -H "X-User-ID: codex" \\\n  http://localhost:8000/api/sync/consolidate',
    'curl -X POST -H "x-dev-bypass: 1" \\\n  http://localhost:8000/api/sync/consolidate',
    "curl http://localhost:8000/api/metrics | grep sync_changes",
    "curl http://localhost:8000/api/metrics | grep sync_",
    "curl http://localhost:8000/api/metrics",
)
EXAMPLES: dict[str, type[Any]] = {
    "GET /api/sync/status": models.Status,
    "GET /api/sync/pending-changes": models.PendingChanges,
    "GET /api/sync/checksums": models.Checksums,
    "POST /api/sync/consolidate": models.Consolidated,
}


def blocks(page: str, language: str) -> list[str]:
    """The blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def curls(page: str = HTTP) -> Iterator[str]:
    """Each `curl` of a page's sh blocks, with its continuation lines."""
    for block in blocks(page, "sh"):
        joined = re.sub(r"\\\n", "\\\\\0", block)
        yield from (line.replace("\0", "\n") for line in joined.splitlines() if line.startswith("curl "))


def openapi(repo: Repo) -> dict[str, Any]:
    """What the app says of itself."""
    return create_app(AutoSyncService(repo.root)).openapi()


class TestHttp:
    def test_the_seed_s_lines_stand_in_the_page(self) -> None:
        assert set(SEED) <= set(curls())

    def test_every_curl_line_of_the_page_works_as_written(self, repo: Repo) -> None:
        """But for the port; those that print JSON print an answer, not a problem. And those for agents."""
        quiet(repo)
        repo.commit("edited\n")
        repo.look()
        lines = [*curls(), *curls(AGENTS)]
        assert len(lines) >= 10
        with served(repo.root) as server:
            for line in lines:
                command = line.replace("localhost:8000", f"localhost:{server.port}")
                done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=PATIENCE)
                assert done.returncode == 0, f"{line}\n{done}"
                assert done.stdout and '"about:blank"' not in done.stdout, line
                if "/api/sync/" in line and "events" not in line:
                    assert json.loads(done.stdout)
        assert repo.lines()[-1]["kind"] == "consolidation", "one of them has asked for it"

    def test_every_endpoint_stands_in_the_page_and_no_other(self, repo: Repo) -> None:
        """As the first cell of a row."""
        said = {tuple(one.split(" ")) for one in re.findall(r"^\| `([A-Z]+ /\S*)` \|", HTTP, re.MULTILINE)}
        there = {(method.upper(), path) for path, methods in openapi(repo)["paths"].items() for method in methods}
        assert said == there | {("GET", "/sync-dashboard.html"), ("GET", "/openapi.json")}

    def test_every_parameter_stands_in_the_page(self, repo: Repo) -> None:
        named = {name.lower() for name in re.findall(r"`(\S+?)(?:=\S+)?`", HTTP)}
        for path, methods in openapi(repo)["paths"].items():
            for operation in methods.values():
                assert not [one["name"] for one in operation.get("parameters", ()) if one["name"] not in named], path

    def test_every_status_stands_in_the_page(self, repo: Repo) -> None:
        rows = re.findall(r"^\| ([\d, ]+) \|", HTTP, re.MULTILINE)
        said = {int(number) for row in rows for number in row.split(", ")}
        there = {
            int(status)
            for methods in openapi(repo)["paths"].values()
            for operation in methods.values()
            for status in operation["responses"]
        }
        assert there - {200, 304, 400} == said

    @pytest.mark.parametrize("heading", EXAMPLES)
    def test_an_example_has_keys_that_are_there(self, heading: str) -> None:
        """And what the text names besides are all the others."""
        section = HTTP.partition(f"\n### `{heading}`\n")[2].partition("\n###")[0]
        example = json.loads(blocks(section, "json")[0])
        names = EXAMPLES[heading].__annotations__.keys()
        assert example.keys() <= names
        assert names - example.keys() <= set(re.findall(r"`(\w+)`", section))

    def test_the_rules_name_each_header(self) -> None:
        names = {name.lower() for name in re.findall(r"`([^`\n]+)`", HTTP)}
        assert {*access.PROOFS, *access.LOCAL} <= names

    def test_the_launchd_example_is_a_command_line_of_ours(self) -> None:
        listed = plistlib.loads((DOCS / "examples" / "agentsync.plist").read_bytes())
        program, flag, _, command, *options = listed["ProgramArguments"]
        assert (Path(program).name, flag, command) == ("agentsync", "-C", "serve")
        found = cli.get_command(click.Context(cli), command)
        assert found
        assert found.make_context("serve", options).params["port"] == 8765


class TestEmbedding:
    def test_what_there_is_is_what_the_class_has(self) -> None:
        """Every public name of the seed's contract in the table, and nothing else."""
        rows = re.findall(r"^\| `(?:await )?(\w+)", EMBEDDING, re.MULTILINE)
        assert all(hasattr(AutoSyncService, name) or name == "callback_errors" for name in rows)
        of_others = {"clone", "ledger", "listen", "say", "settings"}
        public = {name for name in vars(AutoSyncService) if not name.startswith("_")}
        assert public - of_others == set(rows) - {"callback_errors"}

    def test_the_plain_example_runs(self, repo: Repo) -> None:
        """And its callback is called."""
        quiet(repo)
        repo.commit("edited\n")
        done = subprocess.run(
            [sys.executable, "-c", blocks(EMBEDDING, "python")[0]], cwd=repo.root, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "3 watched\n" in done.stdout
        assert done.stdout.endswith("consolidated: manual\n1 in the report\n"), done.stdout

    def test_the_fastapi_example_runs_with_its_own_routes_and_ours(self, repo: Repo, tmp_path: Path) -> None:
        """Started as the page says; the service begins and ends with the program, and its callback is called."""
        quiet(repo)
        (tmp_path / "program.py").write_text("\n".join(blocks(EMBEDDING, "python")[1:]))
        command = re.findall(r"`(uvicorn [^`]+)`", EMBEDDING)[0].split()
        process = subprocess.Popen(
            # Unbuffered: uvicorn ends by the signal, whatever is still to be printed.
            [sys.executable, "-u", "-m", *command, "--port", "0", "--app-dir", str(tmp_path)],
            cwd=repo.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr and process.stdout
        try:
            found = None
            while found is None:
                line = process.stderr.readline()
                assert line, "it ended"
                found = re.search(r"http://127\.0\.0\.1:\d+", line)
            url = found[0]
            assert httpx.get(f"{url}/hello").json() == {"hello": "world"}
            assert httpx.get(f"{url}/api/sync/status").json()["running"] is True
            assert httpx.get(f"{url}/api/sync/status", headers={"host": "evil.example"}).status_code == 421
            assert httpx.get(f"{url}/sync-dashboard.html").status_code == 200
            repo.write("edited\n")
            # Watching began a day ago, and the program's own interval is an hour.
            until(lambda: httpx.get(f"{url}/api/sync/status").json()["last_consolidation"])
            process.terminate()
            printed, _ = process.communicate(timeout=PATIENCE)
            assert "Consolidation: time_based\n" in printed
        finally:
            process.kill()
            process.communicate()
        with served(repo.root):
            pass  # the lock is free
