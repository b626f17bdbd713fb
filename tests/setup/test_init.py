"""`init` puts in what is missing and says so; `uninstall` gives everything back byte for byte."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from lab.commands import agentsync
from lab.repo import DOCS, NOON, Repo, snapshot

from agentsync.base import config, config_text, git
from agentsync.base.errors import AgentsyncError, ConfigError
from agentsync.base.settings import Settings
from agentsync.setup import init as setup


def plan(
    repo: Repo, *, python: str = sys.executable, environ: dict[str, str] | None = None, **wish: object
) -> setup.Plan:
    return setup.plan_init(repo.clone(), setup.Wish(**wish), python=python, environ=environ or {})  # type: ignore[arg-type]


def init(repo: Repo, **wish: Any) -> setup.Plan:
    planned = plan(repo, **wish)
    setup.begin(repo.clone(), planned, now=NOON)
    setup.history_is_done(repo.clone())
    return planned


def uninstall(repo: Repo, *, purge: bool = False) -> None:
    setup.uninstall(repo.clone(), purge=purge)


def test_a_commit_after_init_is_recorded(repo: Repo) -> None:
    """The whole way: init on the command line, commit, and the change is there, by a hook."""
    agentsync(repo.root, "init", "--no-history")
    (repo.root / ".agentsync" / "config.toml").write_text(
        config_text.default_text(Settings()).replace("ROADMAP.md", "doc.md")
    )
    repo.commit("edited\n")
    assert [(change["file_path"], change["source"]) for change in repo.changes()] == [("doc.md", "hook")]


def test_the_history_is_taken_in_by_the_next_init_where_one_was_killed(repo: Repo) -> None:
    """Once."""
    repo.write("1. Begin\n", "ROADMAP.md")
    repo.git("add", "-A")
    repo.git("commit", "-qm", "plan")
    setup.begin(repo.clone(), plan(repo), now=NOON)
    for _ in range(2):
        agentsync(repo.root, "init", "--since", "2000-01-01")
        taken = [line["file_path"] for line in repo.lines() if line["kind"] == "change"]
        assert taken == ["AGENT_SYNC.md", "ROADMAP.md"]


def test_init_says_what_it_touches_and_what_to_commit(repo: Repo) -> None:
    """And git shows nothing else than that."""
    said = agentsync(repo.root, "init", "--verbose").said
    for path in (
        "hooks/post-commit",
        "info/exclude",
        ".agentsync/config.toml",
        ".agentsync/.gitignore",
        "ledger.jsonl",
    ):
        assert path in said
    assert "to commit:\n  git add .agentsync/.gitignore .agentsync/config.toml" in said
    shown = repo.git("status", "--porcelain", "-uall").split("\n")[:-1]
    assert shown == ["?? .agentsync/.gitignore", "?? .agentsync/config.toml"]


def test_a_second_init_changes_nothing_and_says_so(repo: Repo) -> None:
    """Not a byte, and no record."""
    init(repo)
    before = snapshot(repo.root)
    assert "nothing was changed" in agentsync(repo.root, "init").said
    assert snapshot(repo.root) == before


def test_a_dry_run_tells_the_same_and_touches_nothing(repo: Repo) -> None:
    """Neither where nothing is nor where all is there."""
    before = snapshot(repo.root)
    told = plan(repo).changes
    assert snapshot(repo.root) == before
    assert init(repo).changes == told
    assert plan(repo).changes == ()
    before = snapshot(repo.root)
    setup.plan_uninstall(repo.clone(), purge=True)
    assert snapshot(repo.root) == before


def test_the_ledger_begins_with_what_all_worktrees_hold(repo: Repo) -> None:
    """Edits from before init are nobody's change, in linked worktrees too."""
    other = repo.worktree("other", "-b", "other")
    other.write("uncommitted\n", "AGENT_SYNC.md")
    repo.write("uncommitted, too\n", "AGENT_SYNC.md")
    init(repo)
    assert repo.view().state.known.keys() == {"main", "other"}
    agentsync(repo.root, "scan")
    assert repo.changes() == []


def test_uninstall_gives_everything_back(repo: Repo) -> None:
    """Byte for byte, with a hook, an exclude file and a mode that were there before."""
    hook = repo.root / ".git" / "hooks" / "post-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 0\n")
    hook.chmod(0o750)
    (repo.root / ".git" / "info" / "exclude").write_text("*.tmp")
    before = snapshot(repo.root)
    init(repo)
    repo.git("status")
    assert snapshot(repo.root) != before
    uninstall(repo, purge=True)
    assert snapshot(repo.root) == before


def test_uninstall_gives_back_a_repository_without_the_report_file(repo: Repo) -> None:
    """What init made and nobody used is gone, in a repository with a linked worktree."""
    repo.git("rm", "-q", "AGENT_SYNC.md")
    repo.commit(message="without")
    repo.worktree("other", "-b", "other")
    before = snapshot(repo.root)
    init(repo)
    assert (repo.root / "AGENT_SYNC.md").exists()
    uninstall(repo, purge=True)
    assert snapshot(repo.root) == before


def test_uninstall_keeps_the_ledger_and_init_goes_on_with_it(repo: Repo) -> None:
    """Under the same writer; only --purge takes it."""
    init(repo)
    ledger = Path(repo.clone().store) / "ledger.jsonl"
    before = ledger.read_bytes()
    uninstall(repo)
    assert ledger.read_bytes() == before
    assert sorted(path.name for path in ledger.parent.iterdir()) == ["ledger.jsonl", "writer.json"]
    assert not (repo.root / ".agentsync").exists()
    assert not init(repo).begins
    repo.write("later\n", "AGENT_SYNC.md")
    agentsync(repo.root, "scan")
    assert len({line["writer"] for line in repo.lines()}) == 1


def test_uninstall_leaves_what_git_tracks_and_what_somebody_wrote(repo: Repo) -> None:
    """A committed configuration is everybody's; an edited one is its author's."""
    init(repo)
    path = repo.root / ".agentsync" / "config.toml"
    path.write_text(path.read_text() + "# mine\n")
    uninstall(repo)
    assert path.exists()
    init(repo)
    repo.git("add", ".agentsync")
    repo.git("commit", "-q", "-m", "agentsync")
    said = agentsync(repo.root, "uninstall").said
    assert "git tracks it" in said
    assert repo.git("status", "--porcelain") == ""


def test_a_fresh_clone_gets_its_part(repo: Repo, tmp_path: Path) -> None:
    """The configuration came with the clone and stays as it is; hooks, excludes and ledger are made."""
    init(repo, language="fr")
    repo.git("add", ".agentsync")
    repo.git("commit", "-q", "-m", "agentsync")
    repo.git("clone", "-q", str(repo.root), str(tmp_path / "clone"))
    fresh = Repo(tmp_path / "clone")
    done = init(fresh)
    assert done.settings.report.language == "fr"
    assert done.language_from == ".agentsync/config.toml"
    assert done.commit == ()
    assert done.begins
    assert (fresh.root / ".git" / "hooks" / "post-commit").exists()
    assert fresh.git("status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("section", "environ", "asked", "language", "source"),
    [
        ("## 🤖 Synchronisation automatique", {"LANG": "en_GB.UTF-8"}, None, "fr", "the section in AGENT_SYNC.md"),
        ("## 🤖 Automatic synchronisation", {"LANG": "fr_FR.UTF-8"}, None, "en", "the section in AGENT_SYNC.md"),
        ("", {"LANG": "fr_FR.UTF-8"}, None, "fr", "the locale (LANG=fr_FR.UTF-8)"),
        ("", {"LANG": "fr_FR.UTF-8", "LC_ALL": "de_DE"}, None, "en", "the locale (LC_ALL=de_DE)"),
        ("", {}, None, "en", "no section, no locale: the default"),
        ("## 🤖 Synchronisation automatique", {}, "en", "en", "--language"),
    ],
)
def test_the_language_is_the_sections_then_the_locales(
    repo: Repo, section: str, environ: dict[str, str], asked: str | None, language: str, source: str
) -> None:
    """Unless somebody says; and init tells which and why."""
    repo.write(f"# Notes\n\n{section}\n", "AGENT_SYNC.md")
    done = init(repo, environ=environ, language=asked)
    assert (done.settings.report.language, done.language_from) == (language, source)
    assert config.load(str(repo.root / ".agentsync" / "config.toml")).report.language == language


def test_another_language_than_the_configurations_is_refused(repo: Repo) -> None:
    """init edits no configuration."""
    init(repo, language="fr")
    with pytest.raises(AgentsyncError, match='says language = "fr"'):
        init(repo, language="en")


def test_a_missing_report_file_is_made_with_an_empty_region(repo: Repo) -> None:
    """In the language asked for; `check` finds nothing wrong with it."""
    (repo.root / "AGENT_SYNC.md").unlink()
    repo.git("rm", "-q", "--cached", "AGENT_SYNC.md")
    repo.git("commit", "-q", "-m", "without")
    assert "AGENT_SYNC.md" in init(repo, language="fr").commit
    assert "## 🤖 Synchronisation automatique" in repo.read("AGENT_SYNC.md")
    agentsync(repo.root, "check")


def test_a_report_file_that_somebody_deleted_is_not_made_again(repo: Repo) -> None:
    """It is in git: the deletion is theirs."""
    (repo.root / "AGENT_SYNC.md").unlink()
    init(repo)
    assert not (repo.root / "AGENT_SYNC.md").exists()


def test_local_shows_git_nothing(repo: Repo) -> None:
    """And stays so when init is run again without saying it."""
    done = init(repo, local=True)
    assert done.commit == ()
    assert repo.git("status", "--porcelain") == ""
    assert init(repo).changes == ()
    uninstall(repo, purge=True)
    assert not (repo.root / ".agentsync").exists()


def test_without_hooks_there_are_none(repo: Repo) -> None:
    """All else is there, and a scan sees the changes."""
    init(repo, hooks=False)
    assert not (repo.root / ".git" / "hooks" / "post-commit").exists()
    repo.write("edited\n", "AGENT_SYNC.md")
    agentsync(repo.root, "scan")
    assert repo.count() == 1


def test_a_bare_repository_is_set_up_from_its_worktree(repo: Repo, tmp_path: Path) -> None:
    """And says so where it is asked for elsewhere."""
    repo.git("clone", "-q", "--bare", str(repo.root), str(tmp_path / "bare"))
    bare = Repo(tmp_path / "bare")
    with pytest.raises(AgentsyncError, match="bare repository"):
        init(bare)
    bare.git("worktree", "add", "-q", "../tree", "main")
    tree = Repo(tmp_path / "tree")
    assert init(tree).begins
    tree.write("edited\n", "AGENT_SYNC.md")
    agentsync(tree.root, "scan")
    assert tree.count() == 1
    uninstall(tree, purge=True)
    assert not (tmp_path / "bare" / "agentsync").exists()


def test_on_a_branch_from_before_the_clones_settings_go_on(repo: Repo) -> None:
    """init there writes what the other branches have."""
    init(repo, language="fr")
    (repo.root / ".agentsync" / "config.toml").unlink()
    done = init(repo)
    assert done.settings.report.language == "fr"
    assert "other branches" in done.language_from


@pytest.mark.parametrize("python", ["/nowhere/python", "python3"])
def test_a_missing_interpreter_is_refused_before_anything_is_touched(repo: Repo, python: str) -> None:
    """Neither configuration nor ledger are there then."""
    before = snapshot(repo.root)
    with pytest.raises(AgentsyncError, match="cannot be started"):
        init(repo, python=python)
    assert snapshot(repo.root) == before


def test_a_tracked_interpreter_is_refused_before_anything_is_touched(repo: Repo) -> None:
    """Whoever writes the repository would have git run it."""
    repo.write("#!/bin/sh\n", "bin/python")
    (repo.root / "bin" / "python").chmod(0o755)
    repo.commit(message="python")
    before = snapshot(repo.root)
    with pytest.raises(AgentsyncError, match="tracks"):
        init(repo, python=str(repo.root / "bin" / "python"))
    assert snapshot(repo.root) == before


def test_a_configuration_with_a_mistake_is_refused(repo: Repo) -> None:
    """With its line; nothing is touched."""
    repo.write("consolidation_treshold = 5\n", ".agentsync/config.toml")
    before = snapshot(repo.root)
    with pytest.raises(ConfigError, match=r"config\.toml:1: unknown key"):
        init(repo)
    assert snapshot(repo.root) == before
    assert agentsync(repo.root, "init", code=1).said.count("did you mean consolidation_threshold?") == 1


def test_a_git_directory_that_cannot_be_written_is_refused(repo: Repo) -> None:
    """A file where the store has to be stops root, too, as a read-only mount would."""
    (repo.root / ".git" / "agentsync").write_text("")
    before = snapshot(repo.root)
    said = agentsync(repo.root, "init", code=1).said
    assert said.startswith("error: ")
    assert "hint: " in said
    assert "bug in agentsync" not in said
    assert snapshot(repo.root) == before


def test_outside_of_a_repository_there_is_an_error_with_a_hint(tmp_path: Path) -> None:
    """For both commands."""
    for command in ("init", "uninstall"):
        assert "hint: run agentsync inside a repository" in agentsync(tmp_path, command, code=1).said


def test_json_has_what_the_text_has(repo: Repo) -> None:
    """Steps, what to commit, and the language."""
    flat = json.loads(agentsync(repo.root, "init", "--json", LANG="fr_FR.UTF-8").said)
    assert flat["language"] == "fr"
    assert ".agentsync/config.toml" in flat["commit"]
    assert {step["action"] for step in flat["steps"]} == {"write"}
    assert json.loads(agentsync(repo.root, "uninstall", "--json").said)["steps"]


def test_a_worktree_in_a_rebase_is_watched_from_its_head(repo: Repo) -> None:
    """init in the middle of an operation takes no half state for the baseline."""
    repo.git("branch", "side", "HEAD")
    repo.commit("ours\n")
    repo.git("switch", "-q", "side")
    repo.commit("theirs\n")
    repo.git("rebase", "-q", "main", check=False)
    assert git.operation(str(repo.root / ".git"))
    init(repo)
    repo.git("rebase", "--abort")
    agentsync(repo.root, "scan")
    assert repo.changes() == []
    assert set(DOCS)


def test_a_failure_half_way_leaves_everything_as_it_was(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the last step fails, the baseline: hooks, filter, attributes and files are taken back."""
    hook = repo.root / ".git/hooks/post-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\n")
    hook.chmod(0o755)
    before = snapshot(repo.root)

    def full(request: object) -> None:
        raise OSError(28, "No space left on device", "ledger.jsonl")

    monkeypatch.setattr(setup, "sync", full)
    with pytest.raises(AgentsyncError, match=r"ledger\.jsonl could not be changed; everything is as it was"):
        init(repo)
    assert snapshot(repo.root) == before
    monkeypatch.undo()
    assert init(repo).begins


def test_an_uninstall_that_fails_half_way_leaves_everything_as_it_was(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The configuration of git cannot be written: somebody holds its lock."""
    init(repo)
    (repo.root / ".git/config.lock").write_text("")
    before = snapshot(repo.root)
    with pytest.raises(AgentsyncError):
        uninstall(repo, purge=True)
    assert snapshot(repo.root) == before
    (repo.root / ".git/config.lock").unlink()
    uninstall(repo, purge=True)
    assert not (repo.root / ".git/agentsync").exists()


def test_what_no_look_has_taken_in_outlives_an_uninstall(repo: Repo) -> None:
    """A note is an observation that nobody else has."""
    init(repo)
    notes = repo.root / ".git/agentsync/notes"
    notes.mkdir(exist_ok=True)
    (notes / "a.json").write_text("{}\n")
    uninstall(repo)
    assert (notes / "a.json").exists()
    uninstall(repo, purge=True)
    assert not notes.exists()


def test_init_compiles_the_package(repo: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not every installer has done it, and a hook does not write there."""
    package = tmp_path / "site" / "agentsync"
    package.mkdir(parents=True)
    (package / "hook.py").write_text("x = 1\n")
    (package / "broken.py").write_text("x =\n")
    monkeypatch.setattr(setup, "PACKAGE", str(package))
    init(repo)
    assert [path.name.split(".")[0] for path in (package / "__pycache__").iterdir()] == ["hook"]


def test_uninstall_says_what_it_cannot_clean(repo: Repo) -> None:
    """A report whose markers are broken stays as it is."""
    init(repo)
    repo.write("edited\n", "AGENT_SYNC.md")
    agentsync(repo.root, "consolidate")
    broken = repo.read("AGENT_SYNC.md").replace("agentsync:end", "somebody was here")
    repo.write(broken, "AGENT_SYNC.md")
    said = agentsync(repo.root, "uninstall").said
    assert "its report stays in it" in said
    assert repo.read("AGENT_SYNC.md") == broken


@pytest.mark.parametrize("local", [False, True])
def test_a_gitignore_that_a_full_disk_left_empty_is_put_back(repo: Repo, local: bool) -> None:
    init(repo, local=local)
    path = repo.root / ".agentsync/.gitignore"
    before = path.read_bytes()
    path.write_bytes(b"")
    init(repo, local=local)
    assert path.read_bytes() == before
    path.write_bytes(b"# somebody's\n")
    init(repo, local=local)
    assert path.read_bytes() == b"# somebody's\n"
