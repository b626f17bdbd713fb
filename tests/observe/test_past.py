"""The history before watching began, taken in: it agrees with `git log`, owes no report, and is counted once."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
from lab.commands import agentsync
from lab.repo import DOCS, QUIET, Repo, describe, new_repo

from agentsync.base import git
from agentsync.ledger import history
from agentsync.ledger.events import to_rfc3339
from agentsync.observe import past
from agentsync.observe.request import Request
from agentsync.web import records

CLAUDE = "Co-Authored-By: Claude <noreply@anthropic.com>"


def take_in(repo: Repo, since: float | None = None, most: int = past.COMMITS) -> past.Taken:
    """As `agentsync import` does."""
    clone = repo.clone()
    request = Request(clone, repo.settings, "import", git.worktrees(clone), float(repo.time))
    return past.take_in(request, since, most)


def changes(repo: Repo) -> list[dict[str, Any]]:
    """The change records, seen or taken in."""
    return [line for line in repo.lines() if line["kind"] == "change"]


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return new_repo(tmp_path / "repo")


def as_git_says(repo: Repo, *span: str) -> dict[tuple[str, str], tuple[str, str, str, int, int]]:
    """Of each commit without a second parent, and each watched path: author, date, agent, lines added and removed."""
    form = "--format=%x01%H%x00%an <%ae>%x00%at%x00%(trailers:key=Co-Authored-By)%x00"
    asked = ["log", "--all", "--full-history", "--no-merges", "--no-renames", "--minimal", "--numstat", form, *span]
    found = {}
    for part in repo.git(*asked, "--", *DOCS).split("\x01")[1:]:
        commit, author, at, trailers, lines = part.split("\0")
        for line in filter(None, lines.split("\n")):
            added, removed, path = line.split("\t")
            agent = "claude-code" if "Claude" in trailers else ""
            found[commit, path] = (author, to_rfc3339(int(at)), agent, int(added), int(removed))
    return found


def as_recorded(repo: Repo) -> dict[tuple[str, str], tuple[Any, ...]]:
    """The same of the changes that were taken in."""
    return {
        (one["commit"], one["file_path"]): (
            one["author"],
            one["timestamp"],
            one["agent_owner"] or "",
            one["lines_added"],
            one["lines_removed"],
        )
        for one in changes(repo)
        if one["source"] == "import"
    }


def some_history(repo: Repo, chance: random.Random, commits: int) -> None:
    """Two branches that are merged now and then, agents and people, documents made, deleted, moved back and forth."""
    repo.git("branch", "side")
    for number in range(commits):
        branch = chance.choice(("main", "side"))
        repo.git("switch", "-q", branch)
        if chance.random() < 0.15:
            other = "side" if branch == "main" else "main"
            repo.git("merge", "-q", "--no-edit", "-X", "ours", other, check=False)
            if repo.git("ls-files", "--unmerged"):
                repo.git("merge", "--abort")
            continue
        path = chance.choice(("doc.md", "docs/other.md", "code.py"))
        lines = repo.read(path).splitlines(keepends=True) if (repo.root / path).exists() else []
        at = chance.randrange(len(lines) + 1)
        lines[at : at + chance.randrange(3)] = [f"{branch} {number} {n}\n" for n in range(chance.randrange(4))]
        if chance.random() < 0.1 and (repo.root / path).exists():
            (repo.root / path).unlink()
        else:
            repo.write("".join(lines), path)
        author = chance.choice(("Ada <ada@example.org>", "Grace <grace@example.org>"))
        trailer = f"\n\n{CLAUDE}" if chance.random() < 0.5 else ""
        repo.git("add", "-A")
        repo.git("commit", "-q", "--allow-empty", "--author", author, "-m", f"commit {number}{trailer}")
    repo.git("switch", "-q", "main")


@pytest.mark.parametrize("seed", range(3))
def test_it_agrees_with_git_on_every_commit(repo: Repo, seed: int) -> None:
    """The same commits and paths, authors, dates, agents, and lines; merges that git made alone are nobody's edit."""
    some_history(repo, random.Random(seed), 60)
    expected = as_git_says(repo)
    repo.begin()
    taken = take_in(repo)
    assert as_recorded(repo) == expected, describe(repo)
    assert (taken.changes, taken.limited) == (len(expected), False)
    assert taken.agents == {"claude-code": sum(one[2] != "" for one in expected.values())}
    state = repo.view().state
    assert not state.pending and state.taken_in == len(expected)
    known = state.known
    for _ in range(2):
        repo.look("poller")
        assert len(changes(repo)) == len(expected) and repo.view().state.known == known
        assert take_in(repo).changes == 0
    (Path(repo.clone().store) / "cache.sqlite").unlink()
    repo.look("poller")
    assert take_in(repo).changes == 0 and len(changes(repo)) == len(expected)


def test_an_edit_that_git_carried_is_one_change(repo: Repo) -> None:
    """Picked to another branch, and a merge in which somebody wrote something new."""
    repo.git("switch", "-qc", "side")
    repo.commit("side\n")
    repo.git("switch", "-q", "main")
    repo.commit("other\n", "docs/other.md")
    repo.git("cherry-pick", "side")
    repo.git("switch", "-q", "side")
    repo.commit("left\n")
    repo.git("switch", "-q", "main")
    repo.commit("right\n")
    repo.git("merge", "-q", "side", check=False)
    repo.commit("both\n", message="merged by hand")
    repo.begin()
    take_in(repo, repo.time - 3600)
    made = [(one["file_path"], one["event_type"]) for one in changes(repo)]
    assert len(made) == len(DOCS) + 5, describe(repo)  # the first commit's; side, other, left, right, both
    carried = [line for line in repo.lines() if line["kind"] == "attribution"]
    assert [(line["reason"], len(line["event_ids"]), line["source"]) for line in carried] == [("carried", 1, "import")]


def test_what_is_made_after_watching_began_stays_for_a_look(repo: Repo) -> None:
    """Whoever asks for more of the past takes nothing from the report; and what was known stays known."""
    repo.commit("one\n")
    repo.begin()
    repo.commit("two\n")
    assert take_in(repo).changes == len(DOCS) + 1
    repo.look("poller")
    assert len(repo.view().state.pending) == 1
    repo.git("commit", "-q", "--amend", "-m", "another message")
    repo.look("poller")
    assert len(changes(repo)) == len(DOCS) + 2


def test_stashes_and_what_no_branch_has_are_nobody_s_history(repo: Repo) -> None:
    repo.write("stashed\n")
    repo.git("stash", "-q")
    repo.commit("gone\n")
    repo.git("reset", "-q", "--hard", "HEAD~1")
    repo.begin()
    assert take_in(repo).changes == len(DOCS)


def test_a_span_and_a_number_bound_it_and_more_can_be_had_later(repo: Repo) -> None:
    """Each commit once, however often; `log` has it by when it happened, after what watching saw."""
    made = [repo.commit(f"{n}\n") for n in range(6)]
    begin = int(repo.git("log", "-1", "--format=%ct", made[3]))
    repo.begin()
    assert take_in(repo, begin).changes == 3
    repo.write("dirty\n", "docs/other.md")
    repo.look("poller")
    assert take_in(repo, None, 5) == past.Taken(2, {}, 1, True)
    assert take_in(repo).changes == 1 + len(DOCS)
    entries = list(history.newest(repo.view().ledger))
    edits = [entry for entry in entries if entry.kind == "change"]
    assert edits[0].file_path == "docs/other.md" and edits[0].commit is None
    assert [entry.commit for entry in edits[1:7]] == made[::-1]
    recent = [entry.commit for entry in history.newest(repo.view().ledger, (), float(begin)) if entry.kind == "change"]
    assert recent == [None, *made[:2:-1]]
    assert repo.view().state.latest["doc.md"].timestamp == edits[1].timestamp


def test_the_first_report_says_how_many_and_no_other(repo: Repo) -> None:
    repo.commit("one\n")
    repo.begin()
    take_in(repo)
    for number in range(2):
        repo.commit(f"more {number}\n")
        repo.look(asked=True)
    text = repo.read(QUIET.report.path)
    assert re.findall(r"\*\*History\*\*: (\d+) change", text) == ["4"]
    assert text.index("**History**") > text.rindex("### Consolidation")
    assert text.count("  - `modified` at") == 2


def test_init_takes_in_the_last_days_unless_told_otherwise(tmp_path: Path) -> None:
    """And `import` the rest; what it says is counted from what was recorded."""
    for args, number in (((), 4), (("--no-history",), 0), (("--since", "1h"), 0)):
        repo = new_repo(tmp_path / f"repo{number}{len(args)}")
        repo.configure()
        repo.commit("one\n", message=f"edit\n\n{CLAUDE}")
        out = agentsync(repo.root, "init", "--no-hooks", *args).out
        assert len(changes(repo)) == number
        assert ("4 changes of the last 90 days: 1 by 1 agent, the others by 1 author" in out) == (number == 4), out
        assert agentsync(repo.root, "status", "--json").json["pending_changes"] == 0
        out = agentsync(repo.root, "import", "--since", "1y").out
        assert out.startswith(f"taken in: {4 - number} changes since ") and len(changes(repo)) == 4
        assert agentsync(repo.root, "import", "--json").json["changes"] == 0
        assert agentsync(repo.root, "verify").code == 0


def test_pages_of_the_log_go_on_into_the_past(repo: Repo) -> None:
    """Wherever in the ledger it stands: every record once, in the order of the whole."""
    repo.begin()
    repo.commit("one\n")
    repo.look()
    take_in(repo)
    repo.commit("two\n")
    repo.look()
    ledger, asked = repo.view().ledger, history.Filter()
    found: list[str] = []
    before: str | None = None
    while before or not found:
        page = records.page(ledger, (), (), asked, before, 2)
        found += [one["id"] for one in page["records"]]
        before = page["next"]
    expected = [entry.id for entry in history.newest(ledger) if entry.kind == "change"]
    assert found == expected and len(found) == len(DOCS) + 2
