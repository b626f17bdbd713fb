"""A handoff: one entry at the top of the journal, in the journal's own bytes, by whoever ran it."""

from __future__ import annotations

from typing import Any

import pytest
from lab.commands import agentsync
from lab.repo import Repo, read_only
from lab.templates import copied
from test_brief import JOURNAL, ONE, TWO, with_journal

from agentsync.agents import brief, handoff
from agentsync.agents.caller import Caller
from agentsync.agents.handoff import Commit, Work
from agentsync.ledger.events import from_rfc3339

ENTRY = "## new\n\nsaid\n\n---\n\n"
ME = Caller("codex-local", [], 1.0, "one", None, "command", "main", "side")


@pytest.fixture
def shared(tmp_path: Any) -> Repo:
    return copied(tmp_path / "repo", with_journal)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"# J\n\n## 2025-10-10 x\n", b"# J\n\n%s## 2025-10-10 x\n"),
        (b"# J\n\n## Rules\n\n## [2025-10-10] x\n", b"# J\n\n## Rules\n\n%s## [2025-10-10] x\n"),
        (b"# J\n\n## x\n\n## y\n", b"# J\n\n%s## x\n\n## y\n"),
        (b"# J\n\n```\n## 2025-10-10\n```\n\n## x\n", b"# J\n\n```\n## 2025-10-10\n```\n\n%s## x\n"),
        (b"# J\n## x\n", b"# J\n\n%s## x\n"),
        (b"# J", b"# J\n\n## new\n\nsaid\n\n---\n"),
        (b"", b"## new\n\nsaid\n\n---\n"),
        (b"\xff\n## x", b"\xff\n\n%s## x"),
    ],
)
def test_the_entry_is_the_first_one_and_all_else_is_as_it_was(before: bytes, after: bytes) -> None:
    expected = after.replace(b"%s", ENTRY.encode())
    assert handoff.insert(before, ENTRY) == expected
    crlf = before.replace(b"\n", b"\r\n")
    if b"\n" in before:
        assert handoff.insert(crlf, ENTRY) == expected.replace(b"\n", b"\r\n")


def test_an_entry_in_the_manner_of_the_journal() -> None:
    work = Work((Commit("a" * 40, "aaaaaaa", "Plan <b>"),), ("ROADMAP.md", "a`b.md"))
    assert handoff.entry(ME, work, "Fini.\n", "fr", 1_760_109_000) == (
        "## [2025-10-10 15:10 UTC] - Agent : codex-local\n"
        "\n"
        "- **Branche** : `side`\n"
        "- **Commits** :\n"
        "  - `aaaaaaa` Plan ‹b›\n"
        "- **Fichiers modifiés** :\n"
        "  - `ROADMAP.md`\n"
        "  - `a'b.md`\n"
        "\n"
        "Fini.\n"
        "\n"
        "---\n"
        "\n"
    )
    many = Work((), tuple(f"{n}.md" for n in range(handoff.LISTED + 2)))
    assert "  - … and 2 more\n" in handoff.entry(ME._replace(agent_owner=None), many, "x", "en", 0)


def test_a_session_hands_over(shared: Repo) -> None:
    """Its commits and files, not a pull's; what others have typed in the journal before stays theirs; claims end."""
    upstream = Repo(shared.root.parent / "upstream")
    shared.git("clone", "-q", str(shared.root), str(upstream.root))
    upstream.commit("theirs\n", "pulled.py", "pulled")
    shared.git("pull", "-q", str(upstream.root), "HEAD")
    plan = shared.commit("plan\n", message="Plan", **ONE, GIT_COMMITTER_DATE="")
    shared.write("edit\n", "code.py")
    shared.write("# Journal\n\n## 2025-10-09 somebody\n", JOURNAL)
    agentsync(shared.root, "claim", "docs", **ONE)
    done = agentsync(shared.root, "handoff", "-m", "Plan done.", "-m", "Contracts next.", "--json", **ONE).json
    assert done["commits"][0] == plan and done["recorded"] and len(done["released"]) == 1
    assert {"doc.md", "code.py"} <= set(done["files"]) and not {"pulled.py", JOURNAL} & set(done["files"])
    text = shared.read(JOURNAL)
    assert text.startswith("# Journal\n\n## [20") and text.endswith("\n\n---\n\n## 2025-10-09 somebody\n")
    assert " UTC] - Agent: codex-local\n\n- **Branch**: `main`\n" in text and "Plan done.\n\nContracts next.\n" in text
    journal = [(one["agent_owner"], one["source"]) for one in shared.changes() if one["file_path"] == JOURNAL]
    assert journal == [(None, "scan"), ("codex-local", "scan")]
    kinds = [one["kind"] for one in shared.lines()]
    assert kinds[-2:] == ["handoff", "release"]
    assert shared.lines()[-2]["new_blob"] == shared.git("hash-object", JOURNAL).strip()
    assert agentsync(shared.root, "claims", "--json").json["claims"] == []
    shared.write("From a file.\n", "notes.md")
    again = agentsync(shared.root, "handoff", "-F", "notes.md", **ONE).out
    assert again == f"entry written: {JOURNAL} (0 commits, 2 files)\n" and "From a file." in shared.read(JOURNAL)
    assert agentsync(shared.root, "verify").code == 0


def test_a_journal_that_is_not_there_is_made(shared: Repo) -> None:
    (shared.root / JOURNAL).unlink()
    agentsync(shared.root, "handoff", "-m", "First.", **TWO)
    assert shared.read(JOURNAL).startswith("# Handover journal\n\n## [20")
    assert shared.read(JOURNAL).endswith("First.\n\n---\n")


def test_in_a_sandbox_the_entry_is_written_and_the_rest_is_a_note(
    shared: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next look knows who wrote it."""
    with monkeypatch.context() as sandbox:
        read_only(sandbox, shared.clone().store)
        done = agentsync(shared.root, "handoff", "-m", "From inside.", **ONE)
        assert "entry written" in done.out and "kept as a note in .agentsync/notes" in done.out
    agentsync(shared.root, "scan")
    assert shared.changes()[-1]["agent_owner"] == "codex-local"
    assert {"change", "handoff"} == {one["kind"] for one in shared.lines()[-2:]}


@pytest.mark.parametrize(
    ("content", "args", "code", "says"),
    [
        ("x\n", (), 2, "there is nothing to hand over"),
        ("x\n", ("-m", " "), 2, "there is nothing to hand over"),
        ("x\n", ("-m", "x" * 70_000), 2, "longer than 65536 characters"),
        ("x\n", ("-m", "x", "--since", "soon"), 2, "'soon' is not a time"),
        ("<<<<<<< HEAD\na\n=======\nb\n>>>>>>> x\n", ("-m", "x"), 1, "git has left a conflict in it"),
    ],
)
def test_what_is_not_written(shared: Repo, content: str, args: tuple[str, ...], code: int, says: str) -> None:
    shared.write(content, JOURNAL)
    assert says in agentsync(shared.root, "handoff", *args, code=code).err
    assert shared.read(JOURNAL) == content


def test_without_a_journal_it_says_how_to_have_one(ready: Repo) -> None:
    assert 'type = "passation"' in agentsync(ready.root, "handoff", "-m", "x", code=1).err


def test_a_session_that_left_without_a_word_is_named(shared: Repo) -> None:
    """In the next brief, by its tool's own word for itself, once it has been silent for two hours."""
    shared.commit("plan\n", **{**TWO, "AGENTSYNC_FOREGROUND": "1", "CLAUDECODE": "1"})
    agentsync(shared.root, "scan")
    done = from_rfc3339(shared.changes()[-1]["timestamp"])
    for minutes, named in ((60, False), (180, True), (25 * 60, False)):
        told = brief.gather(shared.view(), shared.settings, brief.Around(), ME, None, done + 60 * minutes)
        named_now = [line for line in brief.text(told) if line.startswith("no handoff: claude-code, session two, 20")]
        assert bool(named_now) is named
    agentsync(shared.root, "handoff", "-m", "Plan done.", **TWO)
    told = brief.gather(shared.view(), shared.settings, brief.Around(), ME, None, done + 180 * 60)
    assert told["left"] == []
