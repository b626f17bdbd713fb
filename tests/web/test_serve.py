"""`agentsync serve`, as a process: who gets in, and how it ends."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from lab.commands import agentsync, agentsync_process
from lab.live import PATIENCE, SAME, Served, quiet, ready, served, shared_repo, until
from lab.repo import Repo

from agentsync.cli.server import FILES, listening

TOKEN = "correct-horse-battery-staple"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for those that leave it as it is."""
    with shared_repo(tmp_path_factory) as repo, served(ready(repo).root) as made:
        yield made


@pytest.fixture
def server(repo: Repo) -> Iterator[Served]:
    with served(ready(repo).root) as made:
        yield made


def refused(root: Path, *args: str) -> str:
    """What `serve` says where it does not begin; its exit status comes first."""
    done = agentsync(root, "serve", *args, code=None)
    assert done.out == ""
    return f"{done.code} {done.err}"


class TestBeginning:
    def test_it_shows_what_a_hook_and_the_poller_record(self, repo: Repo, server: Served) -> None:
        """A commit in another process is there with the next request, an edit soon after."""
        repo.commit("committed\n")
        assert httpx.get(f"{server.url}/api/sync/pending-changes").json()["count"] == repo.count() == 1
        repo.write("edited\n")
        until(lambda: httpx.get(f"{server.url}/api/sync/pending-changes").json()["count"] == 2)
        done = httpx.post(f"{server.url}/api/sync/consolidate", headers=SAME).json()
        assert done["changes_consolidated"] == 2 and done["trigger"]["timestamp"] in repo.read("AGENT_SYNC.md")

    def test_a_second_one_says_who_holds_the_clone(self, shared: Served) -> None:
        """`serve` and `watch` alike, with the address of the first."""
        for command in (("serve", "--port", "0"), ("watch",)):
            done = agentsync(shared.root, *command, code=4)
            assert f"by process {shared.process.pid}, agentsync serve, http://127.0.0.1:{shared.port}/" in done.err
        assert httpx.get(f"{shared.url}/healthz").status_code == 200

    def test_a_port_that_another_program_has_is_told_and_the_clone_is_free_again(self, repo: Repo) -> None:
        quiet(repo)
        with socket.create_server(("127.0.0.1", 0)) as other:
            said = refused(repo.root, "--port", str(other.getsockname()[1]))
        assert said.startswith("1 error: cannot listen on 127.0.0.1") and "--port" in said
        with served(repo.root):
            pass

    def test_where_nothing_is_set_up_it_does_not_begin(self, repo: Repo) -> None:
        assert refused(repo.root).startswith("1 error: agentsync is not set up")

    def test_without_the_extra_one_hint_says_what_to_install(
        self, repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And all other commands work."""
        for name in ("fastapi", "uvicorn", "prometheus_client"):
            (tmp_path / "missing" / name).mkdir(parents=True)
            (tmp_path / "missing" / name / "__init__.py").write_text(
                f'raise ModuleNotFoundError("No module named {name}", name="{name}")'
            )
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "missing"))
        done = agentsync_process(quiet(repo).root, "serve", code=1)
        assert (
            "error: a package of the web side is missing" in done.err
            and "reinstall it, in a checkout of agentsync: pipx install --force ." in done.err
        )
        for command in ("--help", "status", "doctor"):
            agentsync_process(repo.root, command, code=None if command == "doctor" else 0)
        agentsync_process(repo.root, "service", "status")

    def test_no_other_command_imports_the_extra(self) -> None:
        script = "import sys; from agentsync.cli.group import cli, run; run(['--help']); print(*sys.modules)"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert not {"fastapi", "uvicorn", "pydantic", "prometheus_client", "asyncio"} & set(done.stdout.split())


class TestEnding:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_it_with_0_and_frees_the_clone(self, repo: Repo, server: Served, number: int) -> None:
        server.process.send_signal(number)
        _, said = server.process.communicate(timeout=PATIENCE)
        assert server.process.returncode == 0
        assert [line.split(" ", 1)[1] for line in said.splitlines()] == [
            f"INFO: process {server.process.pid} serves http://127.0.0.1:{server.port}/ of {repo.root}",
            "INFO: ended",
        ]
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.url}/healthz")
        with served(repo.root) as again:
            assert httpx.get(f"{again.url}/healthz").status_code == 200

    def test_what_it_knew_is_known_after_a_kill(self, repo: Repo, server: Served) -> None:
        """It keeps nothing of its own."""
        repo.commit("edited\n")
        before = httpx.get(f"{server.url}/api/sync/pending-changes").json()
        server.process.kill()
        server.process.wait()
        with served(repo.root) as again:
            assert httpx.get(f"{again.url}/api/sync/pending-changes").json() == before


class TestTelling:
    def test_each_refusal_and_each_consolidation_is_one_line(self, repo: Repo) -> None:
        """With its time, and without a control character of whoever asks."""
        with served(quiet(repo).root) as server:
            url = f"{server.url}/api/sync/consolidate"
            httpx.get(f"{server.url}/a%1b%0ab", headers={"host": "evil.example"})
            httpx.get(f"{server.url}/a%1b%0ab", headers={"host": "evil.example"})
            httpx.post(url, headers={**SAME, "origin": "http://evil.example"})
            httpx.post(url, headers=SAME, content=b"x" * 70_000)
            repo.commit("edited\n")
            httpx.post(url, headers=SAME)
            code, said = server.end()
        lines = said.splitlines()
        assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", line) for line in lines)
        host = (
            r"WARNING: refused 421 to 127.0.0.1: GET /a\x1b\nb: this service does not answer for the host "
            "'evil.example' (if this is a name of the service's own: agentsync serve --name HOST)"
        )
        post = "to 127.0.0.1: POST /api/sync/consolidate:"
        assert (code, [line.split(" ", 1)[1] for line in lines][1:]) == (
            0,
            [
                host,
                host,
                f"WARNING: refused 403 {post} a page of another origin may not do this: 'http://evil.example'",
                f"WARNING: refused 413 {post} a body may have 65536 bytes",
                "INFO: consolidated 1 change (manual)",
                "INFO: ended",
            ],
        )

    def test_less_can_be_said_and_more(self, repo: Repo) -> None:
        with served(quiet(repo).root, "--log-level", "error") as server:
            httpx.get(server.url, headers={"host": "evil.example"})
            assert server.end() == (0, "")
        with served(repo.root, "--log-level", "warning", "--access-log") as server:
            httpx.get(f"{server.url}/healthz")
            assert re.fullmatch(r"\S+ INFO: 127\.0\.0\.1:\d+ - \"GET /healthz HTTP/1\.1\" 200\n", server.end()[1])


class TestSockets:
    """What only shows on a real connection."""

    def test_an_answer_does_not_wait_for_the_peer_to_acknowledge_its_head(self) -> None:
        """asyncio turns Nagle's algorithm off where it knows that the socket is TCP."""

        async def accepted() -> int:
            seen: asyncio.Future[int] = asyncio.get_running_loop().create_future()

            def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                transport = writer.get_extra_info("socket")
                seen.set_result(transport.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                writer.close()

            with listening("127.0.0.1", 0) as sock:
                async with await asyncio.start_server(connected, sock=sock):
                    _, writer = await asyncio.open_connection(*sock.getsockname())
                    writer.close()
                    return await seen

        assert asyncio.run(asyncio.wait_for(accepted(), PATIENCE))

    def test_it_may_open_more_files_than_a_shell_allows(self, repo: Repo) -> None:
        """A thousand pages are served where the soft limit is 1024, as it often is."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        try:
            with served(ready(repo).root) as server:
                limits = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert limits == (FILES if hard == resource.RLIM_INFINITY else min(FILES, hard), hard)

    def exchange(self, server: Served, request: bytes) -> bytes:
        """All that comes back, until the server closes."""
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as sock:
            sock.sendall(request)
            answer = b""
            while data := sock.recv(1 << 16):
                answer += data
        return answer

    def test_a_chunked_body_is_cut_off_where_it_is_too_large(self, shared: Served) -> None:
        """Without waiting for its end, and the rest is not taken for another request."""
        head = b"POST /api/sync/consolidate HTTP/1.1\r\nHost: localhost\r\nx-agentsync: 1\r\n"
        chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
        answer = self.exchange(shared, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 5)
        assert answer.startswith(b"HTTP/1.1 413 ") and answer.count(b"HTTP/1.1") == 1

    def test_what_follows_a_refused_request_is_not_answered(self, shared: Served) -> None:
        """A form may carry a whole request in its body."""
        inner = b"POST /api/sync/consolidate HTTP/1.1\r\nHost: localhost\r\nx-agentsync: 1\r\n\r\n"
        head = b"POST /api/sync/consolidate HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
        answer = self.exchange(shared, head + b"Content-Length: %d\r\n\r\n" % len(inner) + inner)
        assert answer.startswith(b"HTTP/1.1 403 ") and answer.count(b"HTTP/1.1") == 1

    @pytest.mark.parametrize("hosts", [b"", b"Host: localhost\r\nHost: evil.example\r\n", b"Host:\r\n"])
    def test_a_request_without_one_host_is_refused(self, shared: Served, hosts: bytes) -> None:
        answer = self.exchange(shared, b"GET /api/sync/status HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n")
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 421 "))

    def test_it_listens_on_this_machine_alone(self, shared: Served) -> None:
        """No other address of the machine has the port."""
        listening = Path("/proc/net/tcp")
        if not listening.exists():
            pytest.skip("no /proc/net/tcp to read")
        ports = [line.split()[1] for line in listening.read_text().splitlines()[1:]]
        assert [one for one in ports if one.endswith(f":{shared.port:04X}")][:1] == [f"0100007F:{shared.port:04X}"]


class TestTokens:
    @pytest.fixture
    def token(self, tmp_path: Path) -> Path:
        path = tmp_path / "token"
        path.write_text(f"{TOKEN}\n")
        path.chmod(0o600)
        return path

    def test_with_a_token_everybody_has_to_show_it(self, repo: Repo, token: Path) -> None:
        with served(quiet(repo).root, "--token-file", str(token)) as server:
            assert httpx.get(f"{server.url}/api/sync/status").status_code == 401
            shown = {"authorization": f"Bearer {TOKEN}"}
            assert httpx.get(f"{server.url}/api/sync/status", headers=shown).status_code == 200
            assert httpx.get(f"{server.url}/healthz").status_code == 200
            assert httpx.post(f"{server.url}/api/sync/consolidate", headers=SAME).status_code == 401

    def test_another_address_needs_a_token_and_a_flag(self, repo: Repo, token: Path) -> None:
        """Either alone is refused before anything listens."""
        quiet(repo)
        for args in ((), ("--allow-remote",), ("--token-file", str(token))):
            said = refused(repo.root, "--host", "0.0.0.0", "--port", "0", *args)
            assert said.startswith("2 ") and "--allow-remote" in said and "--token-file" in said
        options = ("--host", "0.0.0.0", "--token-file", str(token), "--allow-remote", "--name", "sync.example.org")
        with served(repo.root, *options) as server:
            shown = {"authorization": f"Bearer {TOKEN}"}
            for host, status in (("sync.example.org:80", 200), ("0.0.0.0", 421), ("evil.example", 421)):
                answer = httpx.get(f"{server.url}/api/sync/status", headers={**shown, "host": host})
                assert answer.status_code == status, host

    @pytest.mark.parametrize("content", ["", "\n", "short\n", "with a space in the middle\n", "é" * 20, "x" * 5000])
    def test_a_file_without_a_good_token_is_refused(self, repo: Repo, token: Path, content: str) -> None:
        token.write_text(content)
        assert "has no token" in refused(quiet(repo).root, "--token-file", str(token))

    def test_a_file_that_others_may_read_is_refused(self, repo: Repo, token: Path) -> None:
        token.chmod(0o640)
        said = refused(quiet(repo).root, "--token-file", str(token))
        assert said.startswith("1 ") and f"chmod 600 {token}" in said

    def test_a_file_that_is_none_is_refused(self, repo: Repo, tmp_path: Path) -> None:
        """Nor waited for."""
        quiet(repo)
        os.mkfifo(tmp_path / "fifo", 0o600)
        for path in (tmp_path / "nothing", tmp_path / "fifo"):
            assert refused(repo.root, "--token-file", str(path)).startswith("1 error: ")
