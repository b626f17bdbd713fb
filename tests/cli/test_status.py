"""`status`, `pending`, `checksums`, and what is taken in before they answer."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.commands import agentsync, agentsync_process
from lab.live import until
from lab.repo import DOCS, QUIET, Repo, read_only

from agentsync.base.settings import Watch

# What the API promises, key for key.
STATUS = {
    "running",
    "pending_changes",
    "last_consolidation",
    "watched_files",
    "checksums_tracked",
    "consolidation_threshold",
    "check_interval_seconds",
}
CHANGE = {"file_path", "event_type", "timestamp", "old_checksum", "new_checksum", "agent_owner"}
CHECKSUM = {"checksum", "last_modified", "agent_owner"}
HOSTILE = "docs/a\nb\x1b[31m\u202e.md"


def test_the_json_has_the_keys_of_the_api(ready: Repo) -> None:
    ready.commit("one\n")
    shown = agentsync(ready.root, "status", "--json").json
    assert shown.keys() >= STATUS
    assert shown["running"] is False
    assert shown["pending_changes"] == 1
    assert shown["last_consolidation"] is None
    assert shown["watched_files"] == shown["checksums_tracked"] == len(DOCS)
    assert shown["consolidation_threshold"] == 1000
    pending = agentsync(ready.root, "pending", "--json").json
    assert pending["count"] == 1 == len(pending["changes"])
    assert pending["changes"][0].keys() >= CHANGE
    checksums = agentsync(ready.root, "checksums", "--json").json
    assert checksums["count"] == len(DOCS)
    one = checksums["checksums"]["doc.md"]
    assert one.keys() >= CHECKSUM
    assert one["checksum"] == pending["changes"][0]["new_checksum"] == hashlib.md5(b"one\n").hexdigest()
    assert one["last_modified"] == pending["changes"][0]["timestamp"]


def test_the_way_without_click_says_what_the_commands_say(ready: Repo) -> None:
    """An option that stands elsewhere leads through click; the answer is the same."""
    ready.commit("one\n")
    for name in ("status", "pending", "checksums"):
        direct = agentsync(ready.root.parent, "-C", str(ready.root), name, "--json")
        through_click = agentsync(ready.root, name, "--json", "--json")
        assert direct == through_click == agentsync(ready.root, name, "--json")


def test_status_json_imports_neither_click_nor_rich_nor_gitpython(ready: Repo) -> None:
    traced = agentsync_process(ready.root, "status", "--json", PYTHONPROFILEIMPORTTIME="1").err
    imported = {line.rpartition("|")[2].strip() for line in traced.splitlines() if line.startswith("import time:")}
    assert "agentsync.status" in imported
    assert imported.isdisjoint({"click", "rich", "git"})


def test_a_document_is_in_sync_changed_or_in_error(ready: Repo) -> None:
    ready.commit("one\n")
    (ready.root / "docs/other.md").unlink()
    (ready.root / "docs/other.md").symlink_to("/etc/passwd")
    files = agentsync(ready.root, "status", "--json").json["files"]
    assert {path: file["sync_status"] for path, file in files.items()} == {
        "AGENT_SYNC.md": 1,
        "doc.md": 0,
        "docs/other.md": -1,
    }


def test_a_watched_document_that_never_was_is_missing(repo: Repo) -> None:
    repo.settings = QUIET._replace(watch=(*QUIET.watch, Watch("ROADMAP.md", "docs")))
    repo.begin()
    repo.hooks()
    shown = agentsync(repo.root, "status", "--json").json
    assert shown["missing"] == ["ROADMAP.md"]
    assert shown["files"]["ROADMAP.md"]["sync_status"] == -1
    assert (shown["watched_files"], shown["checksums_tracked"]) == (4, 3)
    text = agentsync(repo.root, "status").out
    assert "\n\nwatched once they are there: ROADMAP.md\n" in text and "\nROADMAP.md" not in text


def test_a_sparse_checkout_deletes_nothing(ready: Repo) -> None:
    ready.git("sparse-checkout", "set", "--no-cone", "/doc.md", "/AGENT_SYNC.md")
    assert not (ready.root / "docs/other.md").exists()
    shown = agentsync(ready.root, "status", "--json").json
    assert (shown["missing"], shown["files"]["docs/other.md"]["sync_status"]) == ([], 1)


def test_documents_that_a_glob_brings_in_count(repo: Repo) -> None:
    repo.settings = QUIET._replace(watch=(Watch("doc.md", "sync"), Watch("docs/*.md", "docs")))
    repo.begin()
    repo.hooks()
    assert agentsync(repo.root, "status", "--json").json["files"] == {
        "doc.md": {"file_type": "sync", "sync_status": 1},
        "docs/other.md": {"file_type": "docs", "sync_status": 1},
    }


def test_running_says_whether_a_poller_holds_its_lock(ready: Repo) -> None:
    with open(f"{ready.clone().store}/watch.lock", "w") as lock:
        assert agentsync(ready.root, "status", "--json").json["running"] is False
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert agentsync(ready.root, "status", "--json").json["running"] is True


def test_what_git_has_begun_is_shown_as_paused(ready: Repo) -> None:
    (Path(ready.clone().common_dir) / "MERGE_HEAD").write_text(ready.head())
    paused = agentsync(ready.root, "status", "--json").json["paused"]
    assert [(one["worktree"], one["operation"]) for one in paused] == [("main", "merge")]
    assert "paused: git is in the middle of a merge in main since " in agentsync(ready.root, "status").out


def test_a_report_that_could_not_be_written_is_owed(ready: Repo) -> None:
    ready.commit("one\n")
    ready.write("<!-- agentsync:begin -->\n", "AGENT_SYNC.md")
    agentsync(ready.root, "consolidate", code=1)
    owed = agentsync(ready.root, "status", "--json").json["owed"]
    assert [one["worktree"] for one in owed] == ["main"]
    assert "AGENT_SYNC.md: line 1" in owed[0]["reason"]


@pytest.fixture
def locked(ready: Repo) -> Iterator[Repo]:
    """A clone whose ledger somebody else holds the lock of."""
    with open(f"{ready.clone().store}/ledger.jsonl", "ab") as ledger:
        fcntl.flock(ledger, fcntl.LOCK_EX)
        yield ready


def test_an_edit_that_nobody_has_looked_at_is_shown_by_whoever_shows_something(ready: Repo) -> None:
    ready.write("one\n")
    assert agentsync(ready.root, "status", "--json").json["files"]["doc.md"]["sync_status"] == 0
    ready.write("two\n")
    assert [one["file_path"] for one in agentsync(ready.root, "pending", "--json").json["changes"]] == ["doc.md"] * 2
    ready.write("three\n")
    sums = agentsync(ready.root, "checksums", "--json").json["checksums"]
    assert sums["doc.md"]["checksum"] == hashlib.md5(b"three\n").hexdigest()
    ready.write("four\n")
    assert len(agentsync(ready.root, "log", "--json").records) == 4 == ready.count()


def test_a_commit_that_no_hook_saw_is_shown(ready: Repo) -> None:
    ready.commit("one\n", AGENTSYNC="0")
    assert ready.count() == 0
    assert agentsync(ready.root, "log", "--json").records[0]["commit"] == ready.head()


def test_a_rule_that_fires_writes_the_report(repo: Repo) -> None:
    """As any command does that looks: what is shown is after that."""
    repo.settings = QUIET._replace(consolidation_threshold=2)
    repo.begin()
    repo.hooks()
    repo.write("one\n")
    assert agentsync(repo.root, "status", "--json").json["pending_changes"] == 1
    repo.write("one\n", "docs/other.md")
    shown = agentsync(repo.root, "status", "--json").json
    assert (shown["pending_changes"], shown["owed"]) == (0, [])
    assert "### Consolidation - " in repo.read("AGENT_SYNC.md")


def test_what_is_kept_in_a_note_is_shown_at_once(locked: Repo) -> None:
    """Where the ledger is locked an edit is kept beside it, and taken in by the next one that can."""
    locked.write("one\n")
    shown = agentsync(locked.root, "status", "--json").json
    assert shown["pending_changes"] == 1
    assert [one["observations"] for one in shown["waiting"]] == [1]
    assert shown["not_recorded"] == []
    assert shown["files"]["doc.md"]["sync_status"] == 0
    assert [one["waiting"] for one in agentsync(locked.root, "pending", "--json").json["changes"]] == [True]
    assert "waiting" in agentsync(locked.root, "pending").out
    assert agentsync(locked.root, "log", "--json").records[0]["waiting"] is True
    assert locked.count() == 0


def test_what_cannot_even_be_kept_is_shown_as_not_recorded(locked: Repo) -> None:
    for folder in (Path(locked.clone().store), locked.root / ".agentsync"):
        (folder / "notes").write_text("stands in the way")
    locked.write("one\n")
    (locked.root / "docs/other.md").unlink()
    shown = agentsync(locked.root, "status", "--json").json
    told = [(one["worktree"], one["file_path"], one["event_type"]) for one in shown["not_recorded"]]
    assert told == [("main", "doc.md", "modified"), ("main", "docs/other.md", "deleted")]
    assert [file["sync_status"] for file in shown["files"].values()] == [1, 0, 0]
    text = agentsync(locked.root, "status").out
    assert "not recorded yet" in next(line for line in text.splitlines() if line.startswith("doc.md"))
    assert "not recorded yet: doc.md, edited in main (the ledger is locked; it could not be kept" in text
    assert "not recorded yet: docs/other.md, deleted" in agentsync(locked.root, "pending").out
    assert "not recorded yet: doc.md, edited" in agentsync(locked.root, "log").err


def test_where_git_is_read_only_an_edit_is_shown(ready: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept in a note beside the files, where a sandbox lets one write."""
    read_only(monkeypatch, ready.clone().store)
    ready.write("one\n")
    for _ in range(2):
        shown = agentsync(ready.root, "status", "--json").json
        assert (shown["pending_changes"], shown["not_recorded"]) == (1, [])
        assert shown["files"]["doc.md"]["sync_status"] == 0
    assert len(list((ready.root / ".agentsync/notes").iterdir())) == 1
    assert ready.count() == 0


def test_while_a_merge_goes_on_an_edit_is_not_in_sync(ready: Repo) -> None:
    (Path(ready.clone().common_dir) / "MERGE_HEAD").write_text(ready.head())
    ready.write("conflict\n")
    shown = agentsync(ready.root, "status", "--json").json
    assert [one["reason"] for one in shown["not_recorded"]] == ["a merge is in progress"]
    assert shown["files"]["doc.md"]["sync_status"] == 0
    assert ready.count() == 0


def test_where_nothing_differs_no_git_is_started(ready: Repo, tmp_path: Path) -> None:
    """And nothing is written; a look that finds nothing more comes first."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\necho >>'{folder}/started'\nexec '{shutil.which('git')}' \"$@\"\n")
    (folder / "git").chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    ready.write("one\n")

    def starts_git(*command: str) -> bool:
        (folder / "started").unlink(missing_ok=True)
        agentsync(ready.root, *command, PATH=path)
        return (folder / "started").exists()

    assert starts_git("status", "--json")
    until(lambda: not starts_git("status", "--json"))
    assert not any(starts_git(*line.split()) for line in ("pending", "checksums", "log", "report"))


def test_status_says_whether_hooks_record_and_who_is_at_work(ready: Repo) -> None:
    now = time.time()
    ready.commit("one\n", CLAUDECODE="1", GIT_AUTHOR_DATE=f"@{now:.0f} +0000", GIT_COMMITTER_DATE=f"@{now:.0f} +0000")
    ready.wait_for_notes()
    text = agentsync(ready.root, "status").out
    assert "\nRecording    git's hooks, last ran just now\n" in text
    assert "\nAt work      claude-code in main just now\n" in text
    ready.git("config", "core.hooksPath", ".husky")
    text = agentsync(ready.root, "status").out
    assert "\nRecording    NOT RECORDING: husky holds git's hooks; `agentsync init --husky` adds the lines\n" in text


def test_status_says_what_is_not_committed_and_what_is_not_reported(ready: Repo) -> None:
    def state(path: str = "doc.md") -> str:
        return agentsync(ready.root, "status").out.partition(f"\n{path} ")[2].partition("  20")[0].split("  ")[-1]

    assert "\nUnreported   nothing\n" in agentsync(ready.root, "status").out
    ready.write("one\n")
    text = agentsync(ready.root, "status").out
    assert "\nUncommitted  doc.md\nUnreported   1 change in 1 document; reported when there are 1000, or in " in text
    assert state() == "uncommitted, unreported"
    ready.git("commit", "-qam", "one")
    assert state() == "unreported"
    agentsync(ready.root, "consolidate")
    assert state() == "up to date"
    ready.worktree("other", "-b", "other").write("two\n")
    text = agentsync(ready.root, "status").out
    assert "\nUncommitted  1 document in other\n" in text
    assert "\nLast report  just now, 1 change (asked for)\n" in text


def test_of_many_documents_status_lists_what_matters(repo: Repo) -> None:
    repo.settings = QUIET._replace(watch=(Watch("docs/**/*.md", "docs"),))
    for number in range(30):
        repo.write("one\n", f"docs/{number:02}.md")
    repo.commit(message="many")
    repo.begin()
    repo.hooks()
    repo.commit("two\n", "docs/29.md")
    text = agentsync(repo.root, "status").out
    rows = [line for line in text.splitlines() if line.startswith("docs/")]
    assert rows[0].startswith("docs/29.md  docs  unreported")
    assert len(rows) == 20 and "\nand 11 more documents; `agentsync status --all` lists them\n" in text
    assert agentsync(repo.root, "status", "--all").out.count("\ndocs/") == 31


def test_a_damaged_line_is_a_problem(ready: Repo) -> None:
    with open(f"{ready.clone().store}/ledger.jsonl", "ab") as ledger:
        ledger.write(b"\x1b nonsense\n")
    problems = agentsync(ready.root, "status", "--json").json["problems"]
    assert [one["about"] for one in problems] == ["ledger"]


@pytest.mark.parametrize("command", ["status", "pending", "checksums", "log"])
@pytest.mark.parametrize("option", [(), ("--json",)])
def test_no_control_character_reaches_the_terminal(repo: Repo, command: str, option: tuple[str, ...]) -> None:
    """Whatever files and authors are called."""
    repo.settings = QUIET._replace(watch=(Watch("docs/*", "docs"),))
    repo.write("one\n", HOSTILE)
    repo.commit(message="hostile")
    repo.begin()
    repo.hooks()
    repo.commit("two\n", HOSTILE, GIT_AUTHOR_NAME="E\x1b[2J\u202evil")
    out = agentsync(repo.root, command, *option).out
    assert "a\\nb\\" in out
    assert all(line.isprintable() for line in out.split("\n"))


def test_a_mistake_in_the_configuration_is_told_with_its_line(ready: Repo) -> None:
    """The last valid settings go on; the exit code says that something is wrong. Hooks go on, too."""
    config = ready.root / ".agentsync/config.toml"
    config.write_text(config.read_text().replace("keep = ", "kept = "))
    line = 1 + config.read_text().split("\n").index("kept = 20")
    for command in (["status"], ["status", "--json"], ["checksums"], ["report"]):
        done = agentsync(ready.root, *command, code=1)
        assert f"config.toml:{line}" in done.err.split("\n")[0]
        assert done.out
    assert agentsync(ready.root, "scan", code=1).out == ""
    ready.commit("one\n")
    assert ready.count() == 1


@pytest.mark.parametrize(
    "command", ["status", "pending", "checksums", "log", "show 1", "report", "scan", "consolidate"]
)
def test_without_init_a_command_says_what_to_do_and_writes_nothing(repo: Repo, command: str) -> None:
    done = agentsync(repo.root, *command.split(), code=1)
    assert done.err.splitlines()[-1] == "hint: agentsync init"
    assert not Path(repo.clone().store).exists()


def test_each_worktree_has_its_own_checksums_and_the_clone_one_list_of_changes(ready: Repo) -> None:
    other = ready.worktree("other", "-b", "other")
    other.write("theirs\n")
    agentsync(ready.root, "scan")
    ours = agentsync(ready.root, "checksums", "--json").json["checksums"]["doc.md"]["checksum"]
    theirs = agentsync(other.root, "checksums", "--json").json["checksums"]["doc.md"]["checksum"]
    assert ours != theirs == hashlib.md5(b"theirs\n").hexdigest()
    assert agentsync(ready.root, "pending", "--json").json == agentsync(other.root, "pending", "--json").json
