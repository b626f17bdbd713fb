"""The note that post-commit leaves, written by sh; and what it starts then, by what the last look has left in `due`."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from lab.hooks import WATCHED, Lab, calls, make_lab
from lab.live import until

from agentsync.observe.agent_variables import VARIABLES, told

ID = "0199d2a3-7a10-7abc-8def-0123456789ab"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """Hooks that may look in the background."""
    lab = make_lab(tmp_path)
    del lab.env["AGENTSYNC_FOREGROUND"]
    lab.install()
    return lab


def folder(lab: Lab) -> Path:
    return lab.git_dir / "agentsync" / "notes"


def notes(where: Path) -> list[dict[str, Any]]:
    """The notes in a folder, each a whole line."""
    lines = [path.read_bytes() for path in sorted(where.glob("*.json"))] if where.is_dir() else []
    assert all(line.endswith(b"}\n") and line.count(b"\n") == 1 for line in lines)
    return [json.loads(line) for line in lines]


def started(lab: Lab) -> list[str]:
    """What the hook has started since the last time one asked, in the background too: "look", or "hook"."""
    log = lab.folder / "python.log"
    until(lambda: log.exists() and log.read_text().endswith("\036"))
    return [call.args[3] for call in calls(log)]


def test_a_commit_leaves_a_note(lab: Lab) -> None:
    """Which commit, in which worktree, and which variables were set: no value that nobody needs."""
    lab.commit(WATCHED, "1", CLAUDECODE="1", CLAUDE_CODE_ENTRYPOINT="secret", CLAUDE_CODE_SESSION_ID="ab-12", HOME="/")
    head = lab.git("rev-parse", "HEAD").stdout.strip()
    assert notes(folder(lab)) == [
        {
            "v": 1,
            "kind": "commit",
            "hook": "post-commit",
            "commit": head,
            "worktree": "main",
            "variables": {"CLAUDE_CODE_SESSION_ID": "ab-12", "CLAUDECODE": "1", "CLAUDE_CODE_ENTRYPOINT": "1"},
            "tty": False,
            "devin": False,
            "picked": False,
        }
    ]
    assert next(folder(lab).iterdir()).name.startswith(f"{head}.")


def test_a_commit_of_nothing_that_is_watched_leaves_none(lab: Lab) -> None:
    lab.commit("other", "1", CLAUDECODE="1")
    assert not folder(lab).exists()


VALUES = (
    "",
    "0",
    "False",
    "1",
    "a b",
    "line\nbreak",
    '"quoted"\\',
    "$(touch boom)`touch boom`",
    "é",
    "\udcff",
    "x" * 64,
    "x" * 65,
    "x" * 128,
    "x" * 129,
    "claude-code_2-1-331_agent",
    "amp",
    "true",
    "head -n 10000 | cat",
    "*",
)


@pytest.mark.parametrize("value", VALUES)
def test_whatever_the_environment_holds_the_note_is_json(lab: Lab, value: str) -> None:
    """And it says what a look would say of the same environment."""
    environ = {variable.name: value for variable in VARIABLES}
    lab.commit(WATCHED, "1", **environ)
    assert [note["variables"] for note in notes(folder(lab))] == [told(environ)]
    assert not (lab.root / "boom").exists()


@pytest.mark.parametrize("name", ["linked", "a b", "é"])
def test_a_note_names_its_worktree_as_git_does(lab: Lab, name: str) -> None:
    tree = lab.folder / name
    lab.git("worktree", "add", "-q", "--detach", str(tree))
    (tree / WATCHED).write_text("1")
    lab.git("commit", "-qam", "there", cwd=tree)
    (git_dir,) = (lab.git_dir / "worktrees").iterdir()
    assert [note["worktree"] for note in notes(folder(lab))] == [git_dir.name]


def test_a_commit_that_is_picked_is_nobody_s_work_here(lab: Lab) -> None:
    lab.git("switch", "-qc", "side")
    lab.commit(WATCHED, "1", CLAUDECODE="1")
    lab.git("switch", "-q", "main")
    lab.git("cherry-pick", "side", CLAUDECODE="1", GIT_COMMITTER_DATE="2025-10-10T16:00:00Z")
    told_by = {note["commit"]: (note["picked"], note["variables"]) for note in notes(folder(lab))}
    side, head = lab.git("rev-parse", "side", "HEAD").stdout.split()
    assert told_by == {side: (False, {"CLAUDECODE": "1"}), head: (True, {})}


def test_where_the_store_takes_no_notes_they_lie_in_the_worktree(lab: Lab) -> None:
    """A file where the folder has to be stops root, too, as a read-only mount would."""
    folder(lab).write_text("")
    lab.commit(WATCHED, "1")
    assert [note["worktree"] for note in notes(lab.root / ".agentsync" / "notes")] == ["main"]


@pytest.mark.parametrize("link", [".agentsync", ".agentsync/notes"])
def test_no_link_is_followed(lab: Lab, link: str) -> None:
    """A branch may hold it. Without a note, the look comes at once."""
    outside = lab.folder / "outside"
    outside.mkdir()
    folder(lab).write_text("")
    (lab.root / link).parent.mkdir(exist_ok=True)
    (lab.root / link).symlink_to(outside)
    os.utime(lab.watch_list)
    assert lab.commit(WATCHED, "1") == ""
    assert list(outside.iterdir()) == []
    assert started(lab) == ["hook"]


def test_a_full_disk_leaves_no_half_note(lab: Lab) -> None:
    """A limit on the size of files is a disk that is full from the first byte on."""
    script = f"trap '' XFSZ; ulimit -f 0; exec {lab.hooks / 'post-commit'}"
    lab.commit(WATCHED, "1", AGENTSYNC="0")
    lab.run("sh", "-c", script, status=None)
    assert notes(folder(lab)) == []


@pytest.mark.parametrize(
    ("due", "seconds", "others", "paths", "command"),
    [
        (f"0 5 {ID}", 60, 0, 1, "look"),
        (f"3 5 {ID}", 60, 0, 1, "look"),
        (f"4 5 {ID}", 60, 0, 1, "hook"),
        (f"3 5 {ID}", 60, 1, 1, "hook"),
        (f"3 5 {ID}", 60, 0, 2, "hook"),
        (f"0 5 {ID}", -60, 0, 1, "hook"),
        ("0 5 -", 60, 0, 1, "look"),
        ("0 5 0199d2a3-7a10-7abc-8def-000000000000", 60, 0, 1, "hook"),
        ("", 60, 0, 1, "hook"),
        ("nonsense\n", 60, 0, 1, "hook"),
        (None, 0, 0, 1, "hook"),
    ],
)
def test_a_report_that_may_be_due_is_not_left_to_the_background(
    lab: Lab, due: str | None, seconds: float, others: int, paths: int, command: str
) -> None:
    """Pending changes, notes and this commit's paths reach the threshold; the hour is over; a report is not written."""
    lab.prepare(f":(top,literal){WATCHED}", ":(top,literal)second")
    (lab.git_dir / "agentsync-report").write_text(f"{ID}\nstat\n\n")
    folder(lab).mkdir()
    for number in range(others):
        (folder(lab) / f"{number}.json").write_text("{}\n")
    if due is not None:
        file = lab.git_dir / "agentsync" / "due"
        file.write_text(due)
        os.utime(file, (time.time() + seconds,) * 2)
    for path in (WATCHED, "second")[:paths]:
        lab.write(path, "1")
    lab.git("add", ".")
    lab.git("commit", "-qm", "edit")
    assert started(lab) == [command]


def test_foreground_may_be_asked_for(lab: Lab) -> None:
    due = lab.git_dir / "agentsync" / "due"
    due.write_text("0 5 -\n")
    os.utime(due, (time.time() + 60,) * 2)
    lab.commit(WATCHED, "1", AGENTSYNC_FOREGROUND="1")
    assert started(lab) == ["hook"]
    lab.commit(WATCHED, "2", AGENTSYNC_FOREGROUND="0")
    assert started(lab) == ["look"]


@pytest.mark.parametrize(
    ("backend", "commits"),
    [("--merge", 20), ("--apply", 20), pytest.param("--interactive", 200, marks=pytest.mark.long)],
)
def test_a_rebase_of_many_commits_is_looked_at_once(lab: Lab, backend: str, commits: int) -> None:
    """Each pick leaves its note where post-commit fires; none starts a process."""
    for number in range(commits):
        lab.commit(WATCHED, f"{number}\n", AGENTSYNC="0")
    args = ["rebase", "-q", "--force-rebase", backend, f"HEAD~{commits}"]
    lab.git(*args, GIT_COMMITTER_DATE="2025-10-10T16:00:00Z", GIT_SEQUENCE_EDITOR=":")
    found = calls(lab.folder / "python.log")
    assert [call.args[3:5] for call in found if call.args[4] != "post-checkout"] == [("hook", "post-rewrite")]
    assert len(found) <= 2
    assert len(notes(folder(lab))) == (0 if backend == "--apply" else commits)
    assert all(note["picked"] for note in notes(folder(lab)))
