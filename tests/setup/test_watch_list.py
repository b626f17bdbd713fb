"""A line more or less in the configuration."""

from __future__ import annotations

import pytest
from lab.commands import agentsync
from lab.repo import QUIET, Repo

from agentsync.base.config_text import default_text, parse
from agentsync.base.errors import AgentsyncError
from agentsync.base.settings import Watch
from agentsync.setup.watch_list import with_watch, without_watch

NEW = Watch("docs/adr/**/*.md", "decisions")
COMMENTED = """\
# ours
check_interval_seconds = 5  # often

[[watch]]  # the first
path = "AGENTS.md"
type = "docs"
# about AGENTS.md

# about the second
[[ watch ]]
path = "ROADMAP.md"
type = "docs"

[report]
language = "fr"
"""


def test_what_was_added_and_taken_out_leaves_the_text_as_it_was() -> None:
    for text in (COMMENTED, default_text(QUIET)):
        more = with_watch(text, NEW, "c.toml")
        assert more.startswith(text)
        assert parse(more.encode(), "c.toml").watch[-1] == NEW
        assert without_watch(more, NEW.path, "c.toml") == text


def test_comments_stay_with_what_they_stand_above() -> None:
    for path, header in (("AGENTS.md", "[[watch]]  # the first"), ("ROADMAP.md", "[[ watch ]]")):
        lines = f'{header}\npath = "{path}"\ntype = "docs"\n'
        left = without_watch(COMMENTED, path, "c.toml")
        assert lines in COMMENTED
        assert left.split() == COMMENTED.replace(lines, "").split()
        assert "\n\n\n" not in left


@pytest.mark.parametrize("text", ['watch = [{path = "AGENTS.md", type = "docs"}]\n', 'language = "fr"\n', ""])
def test_a_file_of_another_layout_is_left_alone(text: str) -> None:
    with pytest.raises(AgentsyncError):
        with_watch(text, NEW, "c.toml")
    with pytest.raises(AgentsyncError):
        without_watch(text, "AGENTS.md", "c.toml")


def test_a_document_is_watched_from_then_on_and_no_more(repo: Repo) -> None:
    repo.commit("text\n", "docs/adr/1.md")
    agentsync(repo.root, "init")
    agentsync(repo.root, "documents", "remove", "docs/adr/**/*.md")
    assert agentsync(repo.root / "docs", "documents", "add", "adr/**/*.md", "README.md").out.splitlines() == [
        "now watches docs/adr/**/*.md: 1 document",
        "now watches docs/README.md: not there yet",
    ]
    listed = {one["path"]: one for one in agentsync(repo.root, "documents", "--json").json}
    assert listed["docs/adr/**/*.md"] == {
        "path": "docs/adr/**/*.md",
        "type": "decisions",
        "documents": ["docs/adr/1.md"],
    }
    assert "already" in agentsync(repo.root, "documents", "add", "docs/README.md").out
    asked = agentsync(repo.root / "docs", "documents", "adr/1.md", "READM.md")
    assert asked.out.split() == ["DOCUMENT", "TYPE", "docs/adr/1.md", "decisions", "by", "docs/adr/**/*.md"]
    assert asked.err == "docs/READM.md is not watched; did you mean docs/README.md?\n"
    repo.commit("edited\n", "docs/adr/1.md")
    assert [one["file_path"] for one in repo.changes()] == ["docs/adr/1.md"]
    agentsync(repo.root, "documents", "remove", "docs/adr/**/*.md")
    assert "docs/adr" not in agentsync(repo.root, "documents").out
    assert "is not in .agentsync/config.toml" in agentsync(repo.root, "documents", "remove", "nosuch", code=1).err
    assert "outside of the repository" in agentsync(repo.root, "documents", "add", "../x", code=2).err
