"""`log` and `show`, through a process of their own."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from pathlib import Path

import pytest
from lab.commands import agentsync
from lab.repo import Repo, new_repo
from lab.templates import copied

from agentsync.ledger import notes
from agentsync.ledger.events import Change

CLAUDE = "edit\n\nCo-Authored-By: Claude <noreply@anthropic.com>"


@pytest.fixture
def history(tmp_path: Path) -> Repo:
    """Three changes: doc.md by nobody, docs/other.md by claude-code, doc.md deleted."""
    return copied(tmp_path / "repo", three_changes)


def three_changes(root: Path) -> Repo:
    repo = new_repo(root)
    repo.begin()
    repo.hooks()
    repo.commit("one\n")
    repo.commit("two\n", "docs/other.md", CLAUDE)
    (repo.root / "doc.md").unlink()
    repo.commit()
    return repo


def rows(out: str) -> list[tuple[str, str]]:
    """Change and file of each row of a table of changes."""
    return [(line.split()[2], line.split()[3]) for line in out.splitlines()[1:]]


def test_the_newest_change_stands_first(history: Repo) -> None:
    expected = [("deleted", "doc.md"), ("modified", "docs/other.md"), ("modified", "doc.md")]
    assert rows(agentsync(history.root, "log").out) == expected
    assert rows(agentsync(history.root, "log", "-n", "2").out) == expected[:2]
    assert rows(agentsync(history.root, "log", "-n", "0").out) == expected


def test_an_unknown_owner_stands_beside_the_author(history: Repo) -> None:
    out = agentsync(history.root, "log").out.splitlines()
    assert "unknown (Ada)" in out[1]
    assert "claude-code" in out[2]


FILTERS: list[tuple[list[str], list[str]]] = [
    (["docs"], ["docs/other.md"]),
    (["docs/other.md", "doc.md"], ["doc.md", "docs/other.md", "doc.md"]),
    (["doc"], []),
    (["."], ["doc.md", "docs/other.md", "doc.md"]),
    (["--agent", "claude-code"], ["docs/other.md"]),
    (["--agent", "unknown"], ["doc.md", "doc.md"]),
    (["--type", "deleted"], ["doc.md"]),
    (["--type", "docs", "docs"], ["docs/other.md"]),
    (["--type", "sync"], []),
    (["--since", "2d"], ["doc.md", "docs/other.md", "doc.md"]),
    (["--since", "1min"], []),
    (["--since", "2999-01-01"], []),
    (["--since", "2001-01-01T00:00:00+02:00"], ["doc.md", "docs/other.md", "doc.md"]),
]


def test_filters_leave_out_what_was_not_asked_for(history: Repo) -> None:
    for args, found in FILTERS:
        assert [one["file_path"] for one in agentsync(history.root, "log", "--json", *args).records] == found, args


def test_a_filter_that_can_match_nothing_says_so(history: Repo) -> None:
    """On stderr, with what may have been meant; nothing found is no failure."""
    for args, said in (
        (["docs/othr.md"], "docs/othr.md is not watched; did you mean docs/other.md?\n"),
        (["code.py"], "code.py is not watched\n"),
        (["--agent", "claud-code"], "no agent is called claud-code; did you mean claude-code?\n"),
        (["--type", "delete"], "no document has the type delete; did you mean deleted?\n"),
        (["--agent", "codex-local"], ""),
        (["docs", "--since", "1min"], ""),
    ):
        assert (agentsync(history.root, "log", *args).err, args) == (said, args)


def test_since_understands_what_git_does(history: Repo) -> None:
    assert len(agentsync(history.root, "log", "--json", "--since", "20 years ago").records) == 3
    assert agentsync(history.root, "log", "--json", "--since", "1 minute ago").records == []
    assert "'gestern' is not a time" in agentsync(history.root, "log", "--since", "gestern", code=2).err


def test_paths_are_taken_from_the_current_folder(history: Repo) -> None:
    below = agentsync(history.root / "docs", "log", "--json", "other.md").records
    assert [record["file_path"] for record in below] == ["docs/other.md"]
    assert "outside of the repository" in agentsync(history.root, "log", "../x", code=2).err


def test_json_lines_are_the_records_as_they_stand_in_the_ledger(history: Repo) -> None:
    for option in ("--json", "--raw"):
        assert agentsync(history.root, "log", option, "--all", "-n", "0").records == history.lines()[::-1]


def test_all_shows_every_kind(history: Repo) -> None:
    history.commit("three\n")
    history.git("revert", "--no-edit", "HEAD")
    agentsync(history.root, "consolidate")
    out = agentsync(history.root, "log", "--all").out
    assert "consolidation  5 changes" in out
    assert "baseline       3 files" in out


def test_an_owner_that_a_later_commit_names_is_shown(history: Repo) -> None:
    history.write("dirty\n", "docs/other.md")
    agentsync(history.root, "scan")
    assert "unknown" in agentsync(history.root, "log", "-n", "1").out
    history.commit(message=CLAUDE)
    assert "claude-code" in agentsync(history.root, "log", "-n", "1").out
    only = agentsync(history.root, "log", "--agent", "claude-code", "--json").records
    assert [record["file_path"] for record in only] == ["docs/other.md", "docs/other.md"]
    shown = agentsync(history.root, "show", "--json", only[0]["id"]).json
    assert shown["agent_owner"] == "claude-code"
    latest = agentsync(history.root, "status").out.splitlines()
    assert [line.split()[-1] for line in latest if line.startswith("docs/other.md")] == ["claude-code"]
    for command in ("log --json -n 1", "log --raw -n 1", f"show --raw {only[0]['id']}"):
        (record,) = agentsync(history.root, *command.split()).records
        assert record["agent_owner"] == (None if "--raw" in command else "claude-code")
        assert record["id"] == only[0]["id"]
    assert [one["commit"] for one in shown["commits"]] == [history.head()]


def test_waiting_changes_come_first_and_are_marked(history: Repo) -> None:
    """They are taken in first by whoever shows something, if the ledger is not locked."""
    change = history.view().events("id", history.changes()[0]["id"])[0]
    clone = history.clone()
    assert isinstance(change, Change)
    new = change._replace(id="01a2032f-8f18-7343-ba35-714c6058b750", commit=None)
    notes.put(clone, clone.here, [new], history.time)
    with open(f"{clone.store}/ledger.jsonl", "ab") as ledger:
        fcntl.flock(ledger, fcntl.LOCK_EX)
        assert agentsync(history.root, "log").out.splitlines()[1].endswith("waiting")
        assert agentsync(history.root, "log", "--json").records[0]["waiting"] is True
        assert agentsync(history.root, "show", "--json", "6058b750").json["waiting"] is True
        assert "it waits to be written into the ledger" in agentsync(history.root, "show", "6058b750").out
    assert "waiting" not in agentsync(history.root, "log").out


def test_damaged_lines_and_newer_kinds_do_not_stop_it(history: Repo) -> None:
    """A kind that this version does not know is listed with the others, as it stands there."""
    last = history.lines()[-1]
    newer = {**last, "kind": "later", "id": "01a2032f-8f18-7343-ba35-714c6058b750", "seq": last["seq"] + 1, "files": {}}
    with open(f"{history.clone().store}/ledger.jsonl", "a") as ledger:
        ledger.write("nonsense\n" + json.dumps(newer) + '\n{"torn')
    assert len(agentsync(history.root, "log", "--json").records) == 3
    assert agentsync(history.root, "log", "--all", "--json").records[0] == newer
    assert "later" in agentsync(history.root, "log", "--all").out


def test_a_record_that_stands_twice_is_shown_once(history: Repo) -> None:
    path = Path(history.clone().store) / "ledger.jsonl"
    data = path.read_bytes()
    path.write_bytes(data + data.splitlines(keepends=True)[-1])
    assert len(agentsync(history.root, "log", "--json").records) == 3


def test_a_reader_that_has_enough_gets_no_complaint(history: Repo) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "agentsync", "log", "--follow", "--json"],
        cwd=history.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    assert json.loads(process.stdout.readline())["file_path"] == "doc.md"
    process.stdout.close()
    history.commit("more\n")
    assert process.wait(timeout=30) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


def test_follow_begins_with_the_oldest_and_goes_on_as_changes_come(history: Repo) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "agentsync", "log", "--follow", "--json", "-n", "2"],
        cwd=history.root,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        assert [json.loads(process.stdout.readline())["event_type"] for _ in range(2)] == ["modified", "deleted"]
        history.commit("again\n")
        assert json.loads(process.stdout.readline())["event_type"] == "created"
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_show_takes_any_beginning_or_end_that_fits_one_record(history: Repo) -> None:
    id_ = history.changes()[1]["id"]
    for part in (id_, id_[-8:], id_[:-1], id_.upper()):
        assert agentsync(history.root, "show", part, "--json").json["id"] == id_
    assert "4 records have an id with 01" in agentsync(history.root, "show", "01", code=1).err
    assert "no record has" in agentsync(history.root, "show", "ffffffff", code=1).err
    assert "is not an id" in agentsync(history.root, "show", 'x"\n', code=1).err


def test_show_tells_evidence_and_report(history: Repo) -> None:
    id_ = history.changes()[1]["id"]
    out = agentsync(history.root, "show", id_).out
    assert "because   the commit has the trailer Co-Authored-By (claude-code)\n" in out
    assert "reported  not yet\n" in out
    agentsync(history.root, "consolidate")
    assert "(manual, 3 changes)" in agentsync(history.root, "show", id_).out
    shown = agentsync(history.root, "show", "--json", id_).json
    covering = next(line for line in history.lines() if line["kind"] == "consolidation")
    assert shown["consolidated_by"] == covering["id"]
    consolidation = agentsync(history.root, "show", covering["id"]).out
    assert "changes       3" in consolidation
    assert [row.split()[2:4] for row in consolidation.splitlines()[-3:]] == [
        ["modified", "doc.md"],
        ["modified", "docs/other.md"],
        ["deleted", "doc.md"],
    ]


def test_show_has_the_lines_and_the_commit_as_git_tells_them(history: Repo) -> None:
    """What came and went before what only programs compare; of a created and a deleted document all of it."""
    history.git("config", "diff.external", "false")  # nobody else's program says what a change was
    history.commit("new \x1b[31m\n\tfirst\n", message="a subject with \x1b[31m")
    created, deleted, modified = (history.changes()[n]["id"] for n in (-1, -2, -3))
    out = agentsync(history.root, "show", created).out
    assert f"commit    {history.head()[:7]} a subject with \\x1b[31m\n" in out
    assert "size      +2 -0\n" in out and "\n@@ -0,0 +1,2 @@\n+new \\x1b[31m\n+\tfirst\n\nid " in out
    assert "size      +0 -1\n" in agentsync(history.root, "show", deleted).out
    out = agentsync(history.root, "show", modified).out
    assert "\n\n@@ -1,12 +1 @@\n-docs/other.md line 0\n" in out and "\n-docs/other.md line 11\n+two\n\nid " in out
    assert "@@" not in agentsync(history.root, "show", "--stat", modified).out


def test_a_content_that_was_never_committed_is_shown_as_long_as_the_file_has_it(history: Repo) -> None:
    history.write("not committed\n", "docs/other.md")
    agentsync(history.root, "scan")
    id_ = history.changes()[-1]["id"]
    out = agentsync(history.root, "show", id_).out
    assert "commit    not committed yet\n" in out and "\n-two\n+not committed\n\nid " in out
    history.write("gone\n", "docs/other.md")
    out = agentsync(history.root, "show", id_).out
    assert "size      +1 -1 (git does not have the content after it: it was never committed)\n" in out


LAYOUTS: list[tuple[list[str], str]] = [
    (["--oneline"], "{id} modified docs/other.md +1 -12  claude-code  {commit} edit\n"),
    (["--stat"], " docs/other.md | 13 +------------\n\n"),
    (["-p"], "Commit:  {commit} edit\n\n@@ -1,12 +1 @@\n-docs/other.md line 0\n"),
    (["-p", "--oneline"], "claude-code  {commit} edit\n\n@@ -1,12 +1 @@\n-docs/other.md line 0\n"),
    (
        ["--format", "%h|%s|%an|%ae|%(agent_owner)%x21%n%%|%q|%(q)"],
        "{commit}|edit|Ada|ada@example.org|claude-code!\n%|%q|%(q)\n",
    ),
]


@pytest.mark.parametrize(("args", "shown"), LAYOUTS)
def test_log_has_the_layouts_that_git_has(history: Repo, args: list[str], shown: str) -> None:
    """Of changes, and of whatever else the ledger holds; what it cannot fill in stays as it is."""
    change = history.changes()[1]
    expected = shown.replace("{id}", change["id"][-8:]).replace("{commit}", change["commit"][:7])
    assert expected in agentsync(history.root, "log", *args).out
    assert expected in agentsync(history.root, "log", "--all", *args).out
    assert agentsync(history.root, "log", *args, "docs/none.md").out == ""
    assert "leave out" in agentsync(history.root, "log", "--json", *args, code=2).err


def test_what_is_laid_out_is_clean(history: Repo) -> None:
    """No control character of a commit or a document reaches the terminal."""
    history.commit("new \x1b[31m\n", message="a subject with \x1b[31m")
    for args in (["-p"], ["--oneline"], ["--format", "%s"]):
        out = agentsync(history.root, "log", *args).out
        assert "a subject with \\x1b[31m" in out and "\x1b" not in out


def test_log_names_the_commits(history: Repo) -> None:
    """Of an edit that was seen before it was committed, too."""
    history.write("dirty\n", "docs/other.md")
    agentsync(history.root, "scan")
    history.commit(message="the subject")
    lines = agentsync(history.root, "log").out.splitlines()
    assert f"  {history.head()[:7]} the subject  " in lines[1]
