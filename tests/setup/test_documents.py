"""What `init` proposes to watch."""

from __future__ import annotations

import subprocess

from lab.commands import agentsync
from lab.repo import Repo

from agentsync.base import config
from agentsync.base.settings import SEED_WATCH
from agentsync.setup.documents import KNOWN, MOST


def watched(repo: Repo) -> list[str]:
    """What the configuration watches beside the default's."""
    settings = config.load(f"{repo.root}/.agentsync/config.toml")
    assert settings.watch[: len(SEED_WATCH)] == SEED_WATCH
    return [one.path for one in settings.watch[len(SEED_WATCH) :]]


def track(repo: Repo, *paths: str) -> None:
    for path in paths:
        repo.write("text\n", path)
    repo.commit(message="documents")


def test_what_git_tracks_of_the_known_documents_is_watched(repo: Repo) -> None:
    known = ("CLAUDE.md", "docs/adr/1.md", "docs/adr/old/2.md", "packages/a/AGENTS.md", ".cursor/rules/x.mdc")
    track(repo, *known, "elsewhere/TODO.md")
    repo.write("not tracked\n", "GEMINI.md")
    said = agentsync(repo.root, "init").out
    assert watched(repo) == ["CLAUDE.md", ".cursor/rules/**/*.mdc", "**/AGENTS.md", "docs/adr/**/*.md"]
    assert f"watching   {len(known) + 1} documents: " in said  # and AGENT_SYNC.md
    config_text = repo.read(".agentsync/config.toml")
    assert config_text.count("# Found in this repository when agentsync was set up") == 1
    repo.commit("edited\n", "packages/a/AGENTS.md")
    assert [one["file_type"] for one in repo.changes()] == ["instructions"]


def test_where_there_is_nothing_of_them_the_default_is_written(repo: Repo) -> None:
    agentsync(repo.root, "init")
    assert watched(repo) == []
    assert "# Found in this repository" not in repo.read(".agentsync/config.toml")


def test_a_folder_with_too_many_is_left_to_a_person(repo: Repo) -> None:
    track(repo, *(f"specs/{n}.md" for n in range(MOST + 1)), "CLAUDE.md")
    agentsync(repo.root, "init")
    assert watched(repo) == ["CLAUDE.md"]


def test_a_document_is_proposed_once(repo: Repo) -> None:
    """A name, before a glob that matches it, too; and none of the default's."""
    track(repo, "CLAUDE.md", "AGENTS.md", "docs/architecture/00-Overview.md")
    agentsync(repo.root, "init")
    assert watched(repo) == ["CLAUDE.md"]
    assert len({one.path for one in KNOWN}) == len(KNOWN)


def test_from_a_folder_the_line_to_paste_works_there(repo: Repo) -> None:
    track(repo, "docs/x.md")
    said = agentsync(repo.root / "docs", "init").out
    line = said.partition("to commit:\n")[2].partition("\n")[0]
    subprocess.run(line, shell=True, cwd=repo.root / "docs", check=True)
    assert ".agentsync/config.toml" in repo.git("diff", "--cached", "--name-only").split()


def test_somebody_else_s_hooks_are_told_and_the_end_says_so(repo: Repo) -> None:
    (repo.root / ".husky").mkdir()
    repo.git("config", "core.hooksPath", ".husky")
    done = agentsync(repo.root, "init", code=3)
    assert "\nNOT RECORDING: husky holds git's hooks" in done.out
    assert 'agentsync hook post-commit "$@"' in done.out
    assert agentsync(repo.root, "init", "--json", code=3).json["steps"]
