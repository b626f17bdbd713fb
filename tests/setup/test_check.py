"""`check` finds what is wrong in a repository, in a fresh clone too, and writes nothing at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lab.commands import agentsync
from lab.repo import Repo, new_repo, snapshot
from lab.templates import copied

from agentsync.setup import check
from agentsync.setup.check import Finding


@pytest.fixture
def shared(tmp_path: Path) -> Repo:
    """A repository with its configuration and a report, committed, and no ledger of its own."""
    return copied(tmp_path / "repo", with_report)


def with_report(root: Path) -> Repo:
    repo = new_repo(root)
    repo.configure()
    repo.begin()
    repo.commit("edited\n")
    repo.look(asked=True)
    repo.git("add", "-f", ".agentsync/config.toml", "AGENT_SYNC.md")
    repo.git("commit", "-q", "-m", "agentsync")
    return repo


def found(repo: Repo) -> list[Finding]:
    clone = repo.clone()
    assert clone.here
    return check.check(clone, clone.here)


def told(repo: Repo) -> list[str]:
    return [str(one) for one in found(repo) if not one.warning]


def line_of(repo: Repo, start: str) -> int:
    return next(n for n, line in enumerate(repo.read("AGENT_SYNC.md").split("\n"), 1) if line.startswith(start))


def test_nothing_is_found_in_order(shared: Repo) -> None:
    """Neither here nor in a fresh clone without a ledger."""
    assert found(shared) == []
    assert agentsync(shared.root, "check", "--strict").said == "nothing found\n"
    shared.git("clone", "-q", ".", "../fresh")
    assert agentsync(shared.root.parent / "fresh", "check", "--strict").said == "nothing found\n"


def test_nothing_is_written(shared: Repo) -> None:
    """Not in the tree, not in .git, whatever is found."""
    for path, text in (("AGENTS.md", "x"), ("AGENT_SYNC.md", "x"), (".agentsync/config.toml", "[")):
        shared.write(text, path)
        before = snapshot(shared.root)
        agentsync(shared.root, "check", code=None)
        agentsync(shared.root, "check", "--json", code=None)
        assert snapshot(shared.root) == before


def test_a_mistake_in_the_configuration_is_named_with_its_line(shared: Repo) -> None:
    """And with what to write instead."""
    shared.write(shared.read(".agentsync/config.toml").replace("keep = 20", "kep = 20"), ".agentsync/config.toml")
    line = shared.read(".agentsync/config.toml").split("\n").index("kep = 20") + 1
    assert told(shared) == [f".agentsync/config.toml:{line}: unknown key 'kep', did you mean keep?"]
    assert agentsync(shared.root, "check", code=3).said.startswith(f".agentsync/config.toml:{line}: ")


def test_a_configuration_that_is_no_plain_file_is_found(shared: Repo) -> None:
    """It is not followed."""
    path = shared.root / ".agentsync" / "config.toml"
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert told(shared)[0].startswith(".agentsync/config.toml: a symbolic link")


def test_a_report_edited_by_hand_is_found(shared: Repo) -> None:
    """At the line of its begin marker; text outside of the region is everybody's."""
    shared.write("my own words\n" + shared.read("AGENT_SYNC.md"), "AGENT_SYNC.md")
    assert told(shared) == []
    shared.write(shared.read("AGENT_SYNC.md").replace("modified", "created"), "AGENT_SYNC.md")
    (only,) = told(shared)
    assert only.startswith(f"AGENT_SYNC.md:{line_of(shared, '<!-- agentsync:begin')}: the report was edited by hand")


def test_broken_markers_are_found(shared: Repo) -> None:
    """With the line and what is wrong."""
    shared.write(shared.read("AGENT_SYNC.md").replace("<!-- agentsync:end -->\n", ""), "AGENT_SYNC.md")
    line = line_of(shared, "<!-- agentsync:begin")
    assert told(shared)[0].startswith(f"AGENT_SYNC.md:{line}: a begin marker without an end marker")


def test_a_conflict_in_the_report_is_found(shared: Repo) -> None:
    """As git leaves it."""
    text = shared.read("AGENT_SYNC.md").replace(
        "**Modified files**", "<<<<<<< HEAD\n=======\n>>>>>>> side\n**Modified files**"
    )
    shared.write(text, "AGENT_SYNC.md")
    assert told(shared)[0].startswith(f"AGENT_SYNC.md:{line_of(shared, '<<<<<<<')}: a conflict marker of git")


def test_a_report_that_is_no_plain_file_is_found(shared: Repo) -> None:
    """Nothing outside of the repository is read."""
    path = shared.root / "AGENT_SYNC.md"
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert told(shared)[0].startswith("AGENT_SYNC.md: a symbolic link")


def test_a_damaged_ledger_is_found(shared: Repo) -> None:
    """Where there is one."""
    path = Path(shared.clone().store) / "ledger.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"kind":"change"', b'"kind":7', 1))
    assert told(shared)[0].startswith(".git/agentsync/ledger.jsonl:2: damaged: field 'kind'")


def test_a_missing_document_is_a_warning_unless_strict(shared: Repo) -> None:
    """Its exit code says so."""
    (shared.root / "docs" / "other.md").unlink()
    assert agentsync(shared.root, "check").said.startswith("warning: docs/other.md: a watched file is missing")
    found = agentsync(shared.root, "check", "--strict", code=3).said
    assert found.startswith("docs/other.md: a watched file is missing")


def test_a_repository_without_a_configuration_is_warned(repo: Repo) -> None:
    """It may be the branch from before; with --strict it is a finding."""
    agentsync(repo.root, "check")
    assert ".agentsync/config.toml: missing" in agentsync(repo.root, "check", "--strict", code=3).said


def test_json_says_whether_all_is_well(shared: Repo) -> None:
    """With path, line, what and hint of each finding."""
    assert json.loads(agentsync(shared.root, "check", "--json").said) == {"ok": True, "findings": []}
    (shared.root / "doc.md").unlink()
    flat = json.loads(agentsync(shared.root, "check", "--json").said)
    assert flat["ok"] is True
    assert flat["findings"][0] == {
        "path": "doc.md",
        "line": 0,
        "what": "a watched file is missing",
        "hint": "make it or take it out of .agentsync/config.toml",
        "warning": True,
    }
    assert json.loads(agentsync(shared.root, "check", "--strict", "--json", code=3).said)["ok"] is False
