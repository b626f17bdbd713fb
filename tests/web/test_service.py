"""AutoSyncService in somebody's asyncio program."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from lab.live import eventually, quiet, ready, with_service
from lab.repo import Repo

import agentsync
from agentsync.base.errors import AgentsyncError, LockedError, NotARepositoryError
from agentsync.ledger.events import Consolidation
from agentsync.sync import sync
from agentsync.web import service as module
from agentsync.web import snapshots
from agentsync.web.service import AutoSyncService

THRESHOLD = 2


@pytest.fixture(autouse=True)
def no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a process of its own, as far as the one service of a process goes."""
    monkeypatch.setattr(module, "_service", None)


class TestWatching:
    def test_an_edit_is_pending_without_anybody_asking(self, repo: Repo) -> None:
        """And it is the seed's event, in the seed's words."""

        async def act(service: AutoSyncService) -> None:
            assert service.pending_changes == []
            repo.write("edited\n")
            await eventually(lambda: service.pending_changes)
            (change,) = service.pending_changes
            assert (change.file_path, change.event_type, change.agent_owner) == ("doc.md", "modified", None)
            assert service.watched_files == ["AGENT_SYNC.md", "doc.md", "docs/other.md"]
            assert service.checksums["doc.md"]["checksum"] == change.new_checksum
            status = service.get_status()
            assert (status["running"], status["pending_changes"], status["watched_files"]) == (True, 1, 3)

        with_service(ready(repo), act)
        assert [change["source"] for change in repo.changes()] == ["poller"]

    def test_the_same_is_known_after_a_restart_and_without_watching(self, repo: Repo) -> None:
        """It is the ledger that remembers."""
        ready(repo)
        repo.commit("edited\n")

        async def act(service: AutoSyncService) -> Any:
            return service.pending_changes, service.checksums, service.get_status()

        pending, checksums, status = with_service(repo, act)
        assert len(pending) == 1
        resting = AutoSyncService(repo.root)
        assert (resting.pending_changes, resting.checksums) == (pending, checksums)
        assert resting.get_status() == {**status, "running": False}
        assert with_service(repo, act)[0] == pending

    def test_numbers_that_are_given_hold_for_this_service_alone(self, repo: Repo) -> None:
        """The rule fires by them; the configuration and a hook's rules stay."""

        async def act(service: AutoSyncService) -> None:
            assert service.get_status()["consolidation_threshold"] == THRESHOLD
            repo.write("one\n")
            repo.write("two\n", "docs/other.md")
            await eventually(lambda: service.get_status()["last_consolidation"])

        with_service(ready(repo), act, consolidation_threshold=THRESHOLD)
        made = [line for line in repo.lines() if line["kind"] == "consolidation"]
        assert [line["conditions_met"] for line in made] == [{"pending_changes": 2, "threshold": THRESHOLD}]
        assert AutoSyncService(repo.root).settings == repo.settings

    @pytest.mark.parametrize("numbers", [{"check_interval_seconds": 0}, {"consolidation_threshold": True}])
    def test_a_number_that_the_configuration_would_not_take_is_refused(
        self, repo: Repo, numbers: dict[str, int]
    ) -> None:
        with pytest.raises(ValueError, match="whole number from 1"):
            AutoSyncService(repo.root, **numbers)

    def test_where_nothing_is_set_up_it_does_not_begin(self, repo: Repo) -> None:
        """It does not take a baseline behind anybody's back."""
        with pytest.raises(AgentsyncError, match="not set up"):
            with_service(repo, lambda service: asyncio.sleep(0))
        assert repo.lines() == []

    def test_outside_of_a_repository_it_cannot_be_made(self, tmp_path: Path) -> None:
        with pytest.raises(NotARepositoryError):
            AutoSyncService(tmp_path)

    def test_one_service_for_each_clone_and_the_second_says_who_has_it(self, repo: Repo) -> None:
        """In whichever worktree; after the first has ended, it may."""
        linked = ready(repo).worktree("linked", "-b", "linked")

        async def act(service: AutoSyncService) -> None:
            service.say("the first one")
            with pytest.raises(LockedError) as caught:
                await AutoSyncService(linked.root).start()
            assert caught.value.cause == f"by process {os.getpid()}, the first one"
            await service.start()  # it runs already: nothing to do

        with_service(repo, act)
        with_service(linked, lambda service: asyncio.sleep(0))

    def test_it_can_be_started_and_stopped_again_and_leaves_no_thread(self, repo: Repo) -> None:
        ready(repo)

        async def main() -> None:
            service = AutoSyncService(repo.root)
            for _ in range(3):
                await service.start()
                assert service.running
                await service.stop()
                await service.stop()
                assert not service.running

        before = threading.active_count()
        asyncio.run(main())
        assert threading.active_count() == before

    def test_a_failed_look_is_shown_until_one_succeeds(self, repo: Repo) -> None:
        """Among the problems of the status; nothing stops."""
        ledger = Path(ready(repo).clone().store) / "ledger.jsonl"

        async def act(service: AutoSyncService) -> None:
            await eventually(lambda: service.looks.checks.snapshot()[0][-1][1])
            mode = ledger.stat().st_mode
            ledger.rename(ledger.with_name("aside"))
            ledger.symlink_to(ledger.with_name("aside"))
            repo.write("edited\n")
            await eventually(lambda: service.failure)
            ledger.unlink()
            ledger.with_name("aside").rename(ledger)
            assert ledger.stat().st_mode == mode
            told = [one["problem"] for one in service.get_status()["problems"]]
            assert told == [f"the last look failed: {service.failure}"]
            assert service._watcher
            service._watcher.look_soon()
            await eventually(lambda: not service.failure and len(service.pending_changes) == 1)
            assert service.get_status()["problems"] == []

        with_service(repo, act)

    def test_what_nobody_foresaw_is_logged_and_outlived(
        self, repo: Repo, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A bug in one look does not end the poller."""
        monkeypatch.setattr(module, "RETRY", 0.01)
        looks = sync
        failures = iter([ZeroDivisionError("unforeseen")])

        def failing(request: Any) -> Any:
            for error in failures:
                raise error
            return looks(request)

        monkeypatch.setattr(module, "sync", failing)

        async def act(service: AutoSyncService) -> None:
            await eventually(lambda: "unforeseen" in caplog.text)
            repo.write("edited\n")
            await eventually(lambda: service.pending_changes)

        with_service(ready(repo), act)


class TestCallbacks:
    def test_it_is_called_with_the_trigger_when_the_report_is_on_disk(self, repo: Repo) -> None:
        """And has been called when the call that asked for the consolidation returns."""
        ready(repo)
        repo.commit("edited\n")
        heard: list[tuple[Consolidation, str]] = []

        async def act(service: AutoSyncService) -> None:
            service.register_consolidation_callback(lambda t: heard.append((t, repo.read("AGENT_SYNC.md"))))
            done = await service.trigger_manual_consolidation()
            assert done["status"] == "success" and done["changes_consolidated"] == 1
            assert done["reports"] == [{"worktree": "main", "status": "written", "reason": ""}]
            assert service.get_status()["owed"] == []
            ((trigger, report),) = heard
            assert (trigger.trigger_type, trigger.conditions_met) == ("manual", {"pending_changes": 1})
            assert trigger.timestamp == done["trigger"]["timestamp"] and trigger.timestamp in report
            nothing = await service.trigger_manual_consolidation()
            assert nothing["trigger"] is None and len(heard) == 1

        with_service(repo, act)

    def test_it_is_called_for_what_others_consolidate(self, repo: Repo) -> None:
        """Once for each, in order, and the report is in this worktree by then, though another one was asked from."""
        linked = ready(repo).worktree("linked", "-b", "linked")
        heard: list[str] = []

        async def act(service: AutoSyncService) -> None:
            def on_consolidation(trigger: Consolidation) -> None:
                assert trigger.timestamp in repo.read("AGENT_SYNC.md")
                heard.append(trigger.id)

            service.register_consolidation_callback(on_consolidation)
            for number in range(3):
                linked.write(f"{number}\n")
                argv = [sys.executable, "-m", "agentsync", "consolidate"]
                done = await asyncio.to_thread(subprocess.run, argv, cwd=linked.root, capture_output=True, check=True)
                assert b"consolidated" in done.stdout
            await eventually(lambda: len(heard) == 3)

        with_service(repo, act, check_interval_seconds=3600)  # nobody waits for the next whole look
        assert heard == [line["id"] for line in repo.lines() if line["kind"] == "consolidation"]

    def test_it_waits_for_a_report_that_is_owed(self, repo: Repo) -> None:
        """A merge is going on: nothing is written, nobody is told; afterwards both happen."""
        ready(repo)
        repo.git("switch", "-q", "-c", "side")
        repo.commit("theirs\n")
        repo.git("switch", "-q", "-")
        repo.commit("ours\n")
        repo.git("merge", "side", check=False)
        heard: list[Consolidation] = []

        async def act(service: AutoSyncService) -> None:
            service.register_consolidation_callback(heard.append)
            done = await service.trigger_manual_consolidation()
            assert done["changes_consolidated"] == 2
            assert [one["status"] for one in done["reports"]] == ["owed"]
            assert heard == [] and service.get_status()["owed"]
            repo.git("merge", "--abort")
            await eventually(lambda: heard)
            assert heard[0].timestamp in repo.read("AGENT_SYNC.md")

        with_service(repo, act)

    def test_what_one_raises_is_logged_and_counted_and_stops_nothing(
        self, repo: Repo, caplog: pytest.LogCaptureFixture
    ) -> None:
        ready(repo)
        repo.commit("edited\n")
        heard: list[str] = []

        def breaks(trigger: Consolidation) -> None:
            raise KeyError("of the callback's own")

        async def later(trigger: Consolidation) -> None:
            await asyncio.sleep(0)
            heard.append(trigger.trigger_type)

        async def act(service: AutoSyncService) -> None:
            service.register_consolidation_callback(breaks)
            service.register_consolidation_callback(later)
            await service.trigger_manual_consolidation()
            assert service.callback_errors == 1 and heard == ["manual"]

        with caplog.at_level(logging.ERROR, logger="agentsync"):
            with_service(repo, act)
        assert "of the callback's own" in caplog.text

    def test_one_may_ask_for_a_consolidation_and_may_not_stop_the_service(self, repo: Repo) -> None:
        ready(repo)
        repo.commit("edited\n")
        heard: list[str] = []

        async def act(service: AutoSyncService) -> None:
            async def again(trigger: Consolidation) -> None:
                heard.append(trigger.id)
                if len(heard) == 1:
                    repo.write("more\n")
                    await service.trigger_manual_consolidation()
                else:
                    await service.stop()

            service.register_consolidation_callback(again)
            await service.trigger_manual_consolidation()
            await eventually(lambda: len(heard) == 2)
            assert service.running and service.callback_errors == 1

        with_service(repo, act)

    def test_what_the_last_look_consolidates_is_told_before_the_end(self, repo: Repo) -> None:
        """stop() calls what is due."""
        ready(repo)
        heard: list[Consolidation] = []

        async def act(service: AutoSyncService) -> None:
            service.register_consolidation_callback(heard.append)
            await eventually(lambda: service.looks.checks.snapshot()[0][-1][1])
            assert service._follower
            service._follower.cancel()  # as if it had not come round again
            repo.write("edited\n")
            await asyncio.to_thread(service._consolidate)
            assert heard == []

        with_service(repo, act)
        assert len(heard) == 1


class TestSnapshots:
    def test_those_who_ask_at_once_share_one(self, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
        """200 dashboards cost one replay; what was recorded before somebody asked is always in it."""
        monkeypatch.setattr(snapshots, "FRESH", 1000.0)
        service = AutoSyncService(quiet(repo).root)
        around = service.snapshots.look_around
        made: list[object] = []

        def counted(state: Any) -> Any:
            made.append(state)
            return around(state)

        monkeypatch.setattr(service.snapshots, "look_around", counted)

        async def ask() -> list[int]:
            found = await asyncio.gather(*(asyncio.to_thread(service.snapshots.newest) for _ in range(200)))
            return [len(one.state.pending) for one in found]

        assert asyncio.run(ask()) == [0] * 200
        assert len(made) == 1
        repo.commit("edited\n")
        repo.look()
        assert asyncio.run(ask()) == [1] * 200
        assert len(made) == 2

    def test_what_was_seen_before_a_report_was_written_serves_nobody(
        self, repo: Repo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The ledger is the same then, and the survey young, and the report is owed no more."""
        monkeypatch.setattr(snapshots, "FRESH", 1000.0)
        service = AutoSyncService(quiet(repo).root)
        repo.look(asked=True)
        repo.commit("edited\n")
        seen: list[list[object]] = []

        def slow(request: Any) -> Any:
            monkeypatch.setattr(module, "sync", sync)
            monkeypatch.setattr(service.snapshots, "take_in", lambda state: None)  # it would wait for this very look
            done = sync(request._replace(asked=True), write=False)
            seen.append(service.get_status()["owed"])
            return sync(request) and done

        monkeypatch.setattr(module, "sync", slow)
        service._consolidate()
        assert seen == [[{"worktree": "main", "reason": ""}]]
        assert service.get_status()["owed"] == []

    def test_a_snapshot_is_another_one_only_if_something_else_is_shown(
        self, repo: Repo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """So its answers live for as long as they are right."""
        monkeypatch.setattr(snapshots, "FRESH", -1.0)
        service = AutoSyncService(ready(repo).root)
        first = service.snapshots.newest()
        assert service.snapshots.newest() is first and service.snapshots.fresh() is None
        (repo.root / "doc.md").unlink()
        assert service.snapshots.newest() is not first

    def test_it_keeps_so_many_answers_only(self, repo: Repo) -> None:
        """Anybody may ask with filters that nobody has asked with before."""
        snapshot = AutoSyncService(ready(repo).root).snapshots.newest()
        for number in range(snapshots.KEPT + 10):
            snapshot.answer(number, lambda now: len(now.state.pending))
        assert list(snapshot.answers) == list(range(10, snapshots.KEPT + 10))

    def test_a_note_is_taken_in_before_anything_is_shown(self, repo: Repo) -> None:
        """The look that the hook has started may not have come so far."""
        service = AutoSyncService(ready(repo).root)
        assert service.pending_changes == []
        repo.commit("edited\n", AGENTSYNC_FOREGROUND="")
        assert len(service.pending_changes) == 1


class TestTheOneOfTheProcess:
    def test_the_first_call_makes_it_and_the_others_get_it(self, repo: Repo) -> None:
        """A later call may leave everything out, or say the same."""
        made = agentsync.get_auto_sync_service(repo.root, consolidation_threshold=7)
        assert isinstance(made, agentsync.AutoSyncService)
        assert agentsync.get_auto_sync_service() is made
        assert agentsync.get_auto_sync_service(repo.root / "docs", consolidation_threshold=7) is made

    def test_another_clone_or_number_is_refused(self, repo: Repo, tmp_path: Path) -> None:
        other = tmp_path / "other"
        other.mkdir()
        agentsync.get_auto_sync_service(repo.root)
        with pytest.raises(ValueError, match="another consolidation_threshold"):
            agentsync.get_auto_sync_service(consolidation_threshold=7)
        subprocess.run(["git", "init", "-q", str(other)], check=True)
        with pytest.raises(ValueError, match="watches"):
            agentsync.get_auto_sync_service(other)

    def test_importing_the_package_imports_no_service(self) -> None:
        """A hook imports the package, too."""
        script = "import agentsync, sys; print('asyncio' in sys.modules, 'agentsync.web.service' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["False", "False"]
        with pytest.raises(AttributeError):
            agentsync.nothing_of_this_name  # noqa: B018
