"""`scan`, `consolidate`, `report`, `agent` and `hook`."""

from __future__ import annotations

import fcntl
from pathlib import Path

from lab.commands import agentsync
from lab.repo import QUIET, Repo


def test_scan_tells_what_is_new_once(ready: Repo) -> None:
    ready.write("one\n")
    ready.write("one\n", "docs/other.md")
    out = agentsync(ready.root, "scan").out
    assert out.startswith("2 new changes\n")
    assert "modified  doc.md         unknown" in out
    assert agentsync(ready.root, "scan").out == "no new changes\n"
    assert agentsync(ready.root, "scan", "--json").json == {
        "count": 0,
        "changes": [],
        "consolidation": None,
        "reports": [],
        "paused": [],
        "problems": [],
    }


def test_scan_looks_at_all_worktrees_and_believes_who_speaks_for_this_one(ready: Repo) -> None:
    other = ready.worktree("other", "-b", "other")
    agentsync(ready.root, "scan")
    ready.write("ours\n")
    other.write("theirs\n")
    changes = agentsync(ready.root, "scan", "--json", AGENTSYNC_AGENT="aider").json["changes"]
    assert {one["worktree"]: one["agent_owner"] for one in changes} == {"main": "aider", "other": None}


def test_scan_says_what_it_did_not_look_at(ready: Repo) -> None:
    (Path(ready.clone().common_dir) / "MERGE_HEAD").write_text(ready.head())
    assert "paused: main: a merge is in progress" in agentsync(ready.root, "scan").out
    assert agentsync(ready.root, "scan", "--json").json["paused"] == [{"worktree": "main", "operation": "merge"}]


def test_consolidate_writes_the_report_and_answers_as_the_api_does(ready: Repo) -> None:
    ready.commit("one\n")
    ready.write("two\n", "docs/other.md")
    done = agentsync(ready.root, "consolidate", "--json").json
    assert done["status"] == "success"
    assert done["trigger"]["trigger_type"] == "manual"
    assert done["trigger"]["conditions_met"] == {"pending_changes": 2}
    assert done["trigger"]["timestamp"].endswith("Z")
    assert done["changes_consolidated"] == 2
    assert "**docs/other.md**" in ready.read("AGENT_SYNC.md")


def test_with_nothing_pending_it_says_so_and_writes_nothing(ready: Repo) -> None:
    before = ready.lines()
    assert agentsync(ready.root, "consolidate").out == "nothing new to report\n"
    assert agentsync(ready.root, "consolidate", "--json").json["trigger"] is None
    assert ready.lines() == before


def test_with_nothing_pending_a_merge_that_goes_on_is_no_failure(ready: Repo) -> None:
    """A report that shows the newest consolidation already is not owed."""
    ready.commit("one\n")
    agentsync(ready.root, "consolidate")
    (Path(ready.clone().common_dir) / "MERGE_HEAD").write_text(ready.head())
    assert agentsync(ready.root, "consolidate").out == "nothing new to report\n"


def test_if_due_waits_for_a_rule(repo: Repo) -> None:
    repo.settings = QUIET._replace(consolidation_threshold=2)
    repo.begin()
    repo.hooks()
    repo.write("one\n")
    assert agentsync(repo.root, "consolidate", "--if-due").out.endswith("no report is due yet\n")
    repo.write("one\n", "docs/other.md")
    out = agentsync(repo.root, "consolidate", "--if-due").out
    assert out.endswith("2 changes consolidated (threshold)\nreport written: AGENT_SYNC.md in main\n")


def test_a_report_that_cannot_be_written_is_told_with_its_reason(ready: Repo) -> None:
    ready.commit("one\n")
    (Path(ready.clone().common_dir) / "MERGE_HEAD").write_text(ready.head())
    done = agentsync(ready.root, "consolidate", code=1)
    assert done.out == "1 change consolidated (manual)\n"
    assert done.err.splitlines()[:2] == [
        "error: the report could not be written",
        "cause: main: a merge is in progress",
    ]
    (Path(ready.clone().common_dir) / "MERGE_HEAD").unlink()
    assert "report written" in agentsync(ready.root, "scan").out


def test_a_held_lock_is_exit_code_4_and_nothing_is_lost(ready: Repo) -> None:
    ready.write("one\n")
    with open(f"{ready.clone().store}/ledger.jsonl", "ab") as ledger:
        fcntl.flock(ledger, fcntl.LOCK_EX)
        done = agentsync(ready.root, "scan", code=4)
    assert done.err.startswith(
        f"error: the ledger is locked; 1 observation(s) kept in {ready.root}/.git/agentsync/notes\n"
    )
    assert agentsync(ready.root, "scan").out.startswith("1 new change\n")


def test_report_prints_what_the_files_may_not_hold(ready: Repo) -> None:
    assert agentsync(ready.root, "report").out == "no report yet\n"
    ready.commit("one\n")
    agentsync(ready.root, "consolidate")
    ready.commit("two\n")
    agentsync(ready.root, "consolidate")
    ready.git("checkout", "-q", "--", "AGENT_SYNC.md")
    assert agentsync(ready.root, "report").out.count("### Consolidation - ") == 2
    assert agentsync(ready.root, "report", "-n", "1").out.count("### Consolidation - ") == 1
    assert [one["count"] for one in agentsync(ready.root, "report", "--json").json] == [1, 1]


def test_agent_is_set_for_one_worktree(ready: Repo) -> None:
    other = ready.worktree("other", "-b", "other")
    assert agentsync(ready.root, "agent").out.startswith("unknown")
    assert agentsync(ready.root, "agent", "codex-local").out == "codex-local (setting: agentsync agent)\n"
    assert agentsync(other.root, "agent", "--json").json["agent_owner"] is None
    assert agentsync(ready.root, "agent", "--json", AGENTSYNC_AGENT="aider").json["agent_owner"] == "aider"
    assert agentsync(ready.root, "agent", "--unset").out.startswith("unknown")
    assert agentsync(ready.root, "agent", "No Name", code=2).err.count("is not an agent's name") == 1
    agentsync(ready.root, "agent", "x", "--unset", code=2)


def test_hook_does_what_the_git_hook_does_and_never_fails(ready: Repo, tmp_path: Path) -> None:
    ready.commit("one\n", AGENTSYNC="0")
    assert ready.count() == 0
    assert agentsync(ready.root, "hook", "post-commit").out == ""
    assert ready.count() == 1
    agentsync(tmp_path, "hook", "post-rewrite", "rebase")
    agentsync(ready.root, "hook", "no-such-hook", code=2)  # a mistake in a manager's file
    assert "hook managers" in agentsync(ready.root, "--help").out
    assert "Usage: agentsync hook" in agentsync(ready.root, "hook", "--help").out
