"""A commit's evidence is its note's, however late it comes; what a note came too late for is an attribution."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from lab.audit import audit
from lab.repo import Repo

from agentsync.ledger import notes
from agentsync.observe.gather import LONE
from agentsync.observe.witness import set_agent

CLAUDE = {"CLAUDECODE": "1"}
CODEX = {"CODEX_THREAD_ID": "x"}


@pytest.fixture
def watched(repo: Repo) -> Repo:
    """A repository with its baseline."""
    repo.begin()
    return repo


def left(repo: Repo) -> list[str]:
    """The commits whose notes still wait."""
    folder = Path(repo.clone().store) / notes.FOLDER
    return sorted(json.loads(path.read_text())["commit"] for path in folder.glob("*.json"))


def test_the_process_that_committed_speaks_however_late_anybody_looks(watched: Repo) -> None:
    """Each for its own commit, and for none of those without a note."""
    for text, variables in (("a\n", CLAUDE), ("b\n", None), ("c\n", CODEX), ("d\n", {})):
        watched.commit(text)
        if variables is not None:
            watched.note(variables)
    watched.look("poller")
    assert [c["agent_owner"] for c in watched.changes()] == ["claude-code", None, "codex-local", None]
    assert [c["source"] for c in watched.changes()] == ["hook", "history", "hook", "hook"]
    assert left(watched) == []


def test_who_is_said_in_the_note_or_for_its_worktree(watched: Repo) -> None:
    watched.commit("a\n")
    watched.note({"AGENTSYNC_AGENT": "smith", **CLAUDE})
    watched.look("poller")
    linked = watched.worktree("other", "-b", "other")
    here = linked.clone().here
    assert here
    set_agent(here, "jones")
    linked.commit("b\n")
    linked.note(CLAUDE)
    watched.look("poller")
    assert watched.owners() == ["smith", "jones"]


def test_a_note_that_comes_after_its_commit_was_recorded_names_the_owner(watched: Repo) -> None:
    """Once, and as sure as if it had come in time."""
    watched.commit("a\n")
    watched.look("poller")
    assert watched.owners() == [None]
    for _ in range(2):
        watched.note(CLAUDE)  # the second time, because it could not be removed
        watched.look("poller")
    noted = watched.lines()[-1]
    assert (noted["kind"], noted["reason"], noted["source"]) == ("attribution", "noted", "hook")
    assert (noted["commit"], noted["confidence"]) == (watched.head(), 0.95)
    assert noted["event_ids"] == [watched.changes()[0]["id"]]
    assert watched.owners() == ["claude-code"]
    assert watched.view().state.pending[noted["event_ids"][0]].agent_owner == "claude-code"
    assert [line["kind"] for line in watched.lines()] == ["baseline", "change", "attribution"]
    assert left(watched) == []
    audit(Path(watched.clone().store))


def test_the_same_for_an_edit_that_was_seen_before_it_was_committed(watched: Repo) -> None:
    """As sure as if the note had come in time: who commits an edit has made it, probably."""
    for late in (False, True):
        watched.write(f"{late}\n")
        watched.look("poller")
        watched.commit()
        if late:
            watched.look("poller")
        watched.note(CLAUDE)
        watched.look("poller")
    assert watched.owners() == ["claude-code", "claude-code"]
    confidences = [line["confidence"] for line in watched.lines() if line["kind"] == "attribution"]
    assert confidences == [0.76, 0.0, 0.76]


def test_a_late_note_replaces_no_owner(watched: Repo) -> None:
    """Whom the commit itself names stays; the note's word is kept beside it."""
    watched.commit("a\n", message="edit\n\nCo-Authored-By: Codex <noreply@openai.com>")
    watched.look("poller")
    watched.note(CLAUDE)
    watched.look("poller")
    assert watched.owners() == ["codex-local"]
    assert [line.get("agent_owner") for line in watched.lines()[1:]] == ["codex-local", "claude-code"]


def test_a_late_note_that_says_nothing_new_leaves_nothing(watched: Repo) -> None:
    watched.commit("a\n", message="edit\n\nCo-Authored-By: Claude <noreply@anthropic.com>")
    watched.commit("b\n")
    watched.look("poller")
    before = watched.lines()
    watched.note(CLAUDE, commit=watched.git("rev-parse", "HEAD~1").strip())
    watched.note()
    watched.look("poller")
    assert watched.lines() == before
    assert left(watched) == []


def test_commits_that_were_amended_before_anybody_looked_are_edits(watched: Repo) -> None:
    """In the order in which they were made, also within one second."""
    moment = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), f"{watched.time} +0000")
    watched.commit("a\n", **moment)
    watched.note(CLAUDE)
    for text in ("b\n", "c\n"):
        watched.write(text)
        watched.git("commit", "-qa", "--amend", "-m", "amended", env=moment)
        watched.note(CODEX)
    watched.look("poller")
    watched.look("poller")
    assert watched.owners() == ["claude-code", "codex-local", "codex-local"]
    blobs = [watched.git("hash-object", "--stdin", stdin=text).strip() for text in ("a\n", "b\n", "c\n")]
    assert [c["new_blob"] for c in watched.changes()] == blobs
    assert watched.view().state.known["main"]["doc.md"].blob == blobs[-1]
    assert watched.view().state.latest["doc.md"].id == watched.changes()[-1]["id"]


def test_an_agent_that_amends_a_person_s_message_owns_nothing(watched: Repo) -> None:
    """Whenever it is found out."""
    for look_between in (False, True):
        watched.commit(f"{look_between}\n")
        watched.note()
        if look_between:
            watched.look("poller")
        watched.git("commit", "-q", "--amend", "-m", "better")
        watched.note(CLAUDE)
        watched.look("poller")
    watched.note(CLAUDE)
    watched.look("poller")
    assert watched.owners() == [None, None]


def test_an_agent_that_rewrites_what_was_there_before_watching_began_owns_nothing(repo: Repo) -> None:
    """Neither by its process nor by its trailer; what it adds to it is its own."""
    claude = "better\n\nCo-Authored-By: Claude <noreply@anthropic.com>"
    repo.write("uncommitted\n", "docs/other.md")
    repo.begin()
    repo.git("commit", "-q", "--amend", "-m", claude)
    repo.note(CLAUDE)
    repo.git("commit", "-qam", claude)  # what was dirty then
    repo.note(CLAUDE)
    repo.look("poller")
    assert (repo.owners(), {line.get("agent_owner") for line in repo.lines()}) == ([], {None})
    repo.write("more\n")
    repo.git("commit", "-qa", "--amend", "--no-edit")
    repo.note(CLAUDE)
    repo.look("poller")
    assert [(c["file_path"], c["agent_owner"]) for c in repo.changes()] == [("doc.md", "claude-code")]


def test_who_carries_an_edit_has_not_made_it(watched: Repo) -> None:
    """Not by the message of an agent that amends, by a committer, or by the branch that it lies on."""
    watched.commit("a\n")
    watched.note()
    watched.git("commit", "-q", "--amend", "-m", "better\n\nCo-Authored-By: Claude <noreply@anthropic.com>")
    watched.note(CLAUDE)
    watched.look("poller")
    watched.git("switch", "-q", "-c", "claude/rebased", "HEAD~1")
    watched.commit("unwatched\n", "code.py")
    cloud = {"GIT_COMMITTER_NAME": "Claude", "GIT_COMMITTER_EMAIL": "noreply@anthropic.com"}
    watched.git("cherry-pick", "main", env=cloud)
    watched.git("commit", "-q", "--amend", "-m", "plain", env=cloud)
    watched.look("poller")
    assert watched.owners() == [None]


def test_a_person_may_say_later_who_made_it(watched: Repo) -> None:
    watched.commit("a\n")
    watched.look("poller")
    watched.git("commit", "-q", "--amend", "-m", "a\n\nCo-Authored-By: Claude <noreply@anthropic.com>")
    watched.note()
    watched.look("poller")
    assert watched.owners() == ["claude-code"]


def test_a_note_is_silent_about_what_its_process_did_not_make(watched: Repo) -> None:
    """A commit applied for another author, and one that a rebase or cherry-pick makes anew."""
    watched.commit("a\n", GIT_AUTHOR_NAME="Grace", GIT_AUTHOR_EMAIL="grace@example.org")
    watched.note(CLAUDE)
    watched.commit("b\n")
    watched.note(CLAUDE, picked=True)
    watched.look("poller")
    assert watched.owners() == [None, None]


def test_a_commit_that_a_rebase_made_on_its_way_is_no_edit(watched: Repo) -> None:
    watched.commit("a\n")
    watched.note(picked=True)
    watched.git("reset", "-q", "--hard", "HEAD~1")
    watched.look("poller")
    assert (watched.count(), left(watched)) == (0, [])


def test_notes_wait_while_a_rebase_goes_on_in_their_worktree(watched: Repo) -> None:
    watched.commit("a\n")
    watched.note(CLAUDE)
    folder = Path(watched.clone().common_dir) / "rebase-merge"
    folder.mkdir()
    (folder / "head-name").write_text("refs/heads/main\n")
    watched.look("poller")
    assert (watched.count(), left(watched)) == (0, [watched.head()])
    (folder / "head-name").unlink()
    folder.rmdir()
    watched.look("poller")
    assert (watched.owners(), left(watched)) == (["claude-code"], [])


def test_a_commit_that_touches_no_watched_file_leaves_nothing(watched: Repo) -> None:
    before = watched.lines()
    watched.commit("x\n", "code.py")
    watched.note(CLAUDE)
    watched.look("poller")
    assert (watched.lines(), left(watched)) == (before, [])


def test_a_commit_older_than_the_baseline_stays_so(repo: Repo) -> None:
    repo.commit("a\n")
    repo.begin()
    repo.note(CLAUDE)
    repo.look("poller")
    assert (repo.count(), left(repo)) == (0, [])


def test_the_note_of_a_commit_that_git_does_not_have_is_kept_for_an_hour(watched: Repo) -> None:
    """It may be another clone's, or its commit was collected."""
    path = watched.note(CLAUDE, commit="ab" * 20)
    os.utime(path, (watched.time, watched.time))
    watched.look("poller")
    assert path.exists()
    watched.time += int(LONE) + 1
    watched.look("poller")
    assert not path.exists()


def killed(*_: int) -> None:
    """What stands for SIGKILL where everything happens in one process."""
    raise KeyboardInterrupt


def test_a_note_stays_until_its_outcome_is_in_the_ledger(watched: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.commit("a\n")
    watched.note(CLAUDE)
    with monkeypatch.context() as patch:
        patch.setenv("AGENTSYNC_CRASH", "append")
        patch.setattr("os.kill", killed)
        with pytest.raises(KeyboardInterrupt):
            watched.look("poller")
    assert left(watched) == [watched.head()]
    watched.look("poller")
    assert (watched.owners(), left(watched)) == (["claude-code"], [])


def test_a_note_in_the_worktree_counts_like_one_in_the_store(watched: Repo) -> None:
    """Where git's folder was read-only for whoever committed."""
    watched.commit("a\n")
    path = watched.note(CLAUDE)
    elsewhere = watched.root / notes.IN_WORKTREE
    elsewhere.mkdir(parents=True)
    path.rename(elsewhere / path.name)
    watched.look("poller")
    assert watched.owners() == ["claude-code"]
    assert not list(elsewhere.iterdir())


def test_what_breaks_off_is_set_aside_when_it_is_old(watched: Repo) -> None:
    watched.commit("a\n")
    path = watched.note(CLAUDE)
    path.write_bytes(path.read_bytes()[:-1])
    for age, kept in ((10, True), (100, False)):
        os.utime(path, (watched.time - age, watched.time - age))
        watched.look("poller")
        assert path.exists() is kept
    assert (path.parent / notes.TORN / path.name).exists()
    assert watched.owners() == [None]


def test_a_thousand_notes_at_once(watched: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two agents in two worktrees, each commit with its own; git is asked a few times, not for each."""
    linked = watched.worktree("other", "-b", "other")
    agents = {"": {}, "claude-code": CLAUDE, "codex-local": CODEX}
    expected = []
    for repo, branch, path in ((watched, "main", "doc.md"), (linked, "other", "docs/other.md")):
        expected += fast_commits(repo, branch, path, 500, list(agents))
        for commit, agent in expected[-500:]:
            repo.note(agents[agent], commit=commit)
    asked = tmp_path / "asked"
    counting = tmp_path / "bin" / "git"
    counting.parent.mkdir()
    counting.write_text(f'#!/bin/sh\necho "$@" >>"{asked}"\nexec "{shutil.which("git")}" "$@"\n')
    counting.chmod(0o755)
    monkeypatch.setenv("PATH", f"{counting.parent}:{os.environ['PATH']}")
    watched.look("poller")
    assert 0 < len(asked.read_text().splitlines()) < 50
    assert {(c["commit"], c["agent_owner"] or "") for c in watched.changes()} == set(expected)
    assert watched.count() == 1000
    assert left(watched) == []


def fast_commits(repo: Repo, branch: str, path: str, count: int, agents: list[str]) -> list[tuple[str, str]]:
    """Many commits on a branch, and which agent's turn each was."""
    lines = []
    for number in range(count):
        text = f"{branch} {number}\n"
        lines += [f"commit refs/heads/{branch}", f"committer Ada <ada@example.org> {repo.time + number} +0000"]
        lines += ["data 0", *([f"from refs/heads/{branch}^0"] if not number else [])]
        lines += [f"M 100644 inline {path}", f"data {len(text)}", text]
    repo.git("fast-import", "--quiet", stdin="\n".join(lines))
    repo.git("reset", "-q", "--hard")
    made = repo.git("rev-list", "--reverse", f"-{count}", branch).split()
    return [(commit, agents[number % len(agents)]) for number, commit in enumerate(made)]
