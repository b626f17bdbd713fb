"""`init`, a commit, `doctor` and `uninstall` in odd repositories: they work, or are refused before a first write."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from lab.commands import agentsync
from lab.repo import Repo, new_repo, snapshot

PATH = "AGENT_SYNC.md"


def apart(repo: Repo, environ: dict[str, str]) -> Path:
    """A git directory elsewhere, told in the environment; the work tree has no .git."""
    git_dir = (repo.root / ".git").rename(repo.root.parent / "dotfiles.git")
    environ.update(GIT_DIR=str(git_dir), GIT_WORK_TREE=str(repo.root))
    return repo.root


def second(repo: Repo, environ: dict[str, str]) -> Path:
    """The same where the work tree has a .git, too: two repositories for one folder."""
    root = apart(repo, environ)
    subprocess.run(["git", "init", "-q", str(root)], check=True, env={**os.environ, "GIT_DIR": f"{root}/.git"})
    return root


def bare_dotfiles(repo: Repo, environ: dict[str, str]) -> Path:
    """The same with a bare repository: `git --git-dir=$HOME/.cfg --work-tree=$HOME`."""
    repo.git("config", "core.bare", "true")
    return apart(repo, environ)


def yadm(repo: Repo, environ: dict[str, str]) -> Path:
    """GIT_DIR alone; the git directory knows its work tree. Somebody stands in a folder below."""
    repo.git("config", "core.worktree", str(repo.root))
    apart(repo, environ)
    del environ["GIT_WORK_TREE"]
    return repo.root / "docs"


def beside(repo: Repo, environ: dict[str, str]) -> Path:
    """The work tree is a folder beside the .git, by core.worktree; commands find it from there."""
    tree = repo.root / "tree"
    tree.mkdir()
    for path in repo.root.iterdir():
        if path.name not in (".git", "tree"):
            path.rename(tree / path.name)
    repo.git("config", "core.worktree", "../tree")
    return tree


def trusted(repo: Repo, environ: dict[str, str]) -> Path:
    """Of another user, and git was told to trust it, as its hint says: by the work tree."""
    environ.update(GIT_TEST_ASSUME_DIFFERENT_OWNER="1", GIT_CONFIG_GLOBAL=str(repo.root.parent / "global"))
    repo.git("config", "--file", environ["GIT_CONFIG_GLOBAL"], "safe.directory", str(repo.root))
    return repo.root


def explicit(repo: Repo, environ: dict[str, str]) -> Path:
    """git does not start inside a git directory."""
    environ["GIT_CONFIG_GLOBAL"] = str(repo.root.parent / "global")
    repo.git("config", "--file", environ["GIT_CONFIG_GLOBAL"], "safe.bareRepository", "explicit")
    return repo.root


def shallow(repo: Repo, environ: dict[str, str]) -> Path:
    repo.commit("more\n")
    repo.git("clone", "-q", "--depth=1", f"file://{repo.root}", "../shallow")
    return repo.root.parent / "shallow"


def blobless(repo: Repo, environ: dict[str, str]) -> Path:
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.git("clone", "-q", "--filter=blob:none", f"file://{repo.root}", "../blobless")
    return repo.root.parent / "blobless"


def alternates(repo: Repo, environ: dict[str, str]) -> Path:
    repo.git("clone", "-q", "--shared", str(repo.root), "../alternates")
    return repo.root.parent / "alternates"


def submodule(repo: Repo, environ: dict[str, str]) -> Path:
    above = new_repo(repo.root.parent / "above")
    above.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repo.root), "below")
    return above.root / "below"


def sparse(repo: Repo, environ: dict[str, str]) -> Path:
    repo.git("sparse-checkout", "set", "--no-cone", "/AGENT_SYNC.md", "/doc.md", "/.agentsync")
    return repo.root


def unborn(repo: Repo, environ: dict[str, str]) -> Path:
    repo.git("init", "-q", "../unborn")
    return repo.root.parent / "unborn"


def sha256(repo: Repo, environ: dict[str, str]) -> Path:
    repo.git("init", "-q", "--object-format=sha256", "../sha256")
    return repo.root.parent / "sha256"


def named(name: bytes) -> Callable[[Repo, dict[str, str]], Path]:
    def moved(repo: Repo, environ: dict[str, str]) -> Path:
        return repo.root.rename(repo.root.parent / os.fsdecode(name))

    return moved


WORKING = {
    "told by GIT_DIR and GIT_WORK_TREE": apart,
    "a second repository": second,
    "bare dotfiles": bare_dotfiles,
    "yadm": yadm,
    "core.worktree": beside,
    "of another user, trusted": trusted,
    "safe.bareRepository": explicit,
    "shallow": shallow,
    "blobless": blobless,
    "alternates": alternates,
    "submodule": submodule,
    "sparse": sparse,
    "unborn": unborn,
    "sha256": sha256,
    "spaces and quotes": named(b'it\'s a "path" $HOME %f'),
    "newline": named(b"two\nlines"),
    "not UTF-8": named(b"caf\xe9"),
}


def changed(before: dict[str, tuple[int, bytes | str]], after: dict[str, tuple[int, bytes | str]]) -> set[str]:
    """What is another thing than before, but for what every commit changes."""
    paths = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    return {path for path in paths if not re.search(r"(^|/)(index|logs|refs|objects|COMMIT_EDITMSG|info)(/|$)", path)}


@pytest.mark.parametrize("kind", WORKING)
def test_it_works(repo: Repo, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A commit is recorded by its hook, says nothing, and `uninstall` leaves what was there before."""
    environ: dict[str, str] = {}
    folder = WORKING[kind](repo, environ)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    there = Repo(folder.parent if folder.name == "docs" else folder)
    store = there.root.parent / "dotfiles.git" if "GIT_DIR" in environ else there.root
    before, other = snapshot(store), snapshot(there.root / ".git")
    agentsync(folder, "init", "--local")
    (there.root / PATH).write_text("an edit\n")
    there.git("add", PATH)
    said = subprocess.run(["git", "commit", "-qm", "1"], cwd=folder, env=os.environ, check=True, capture_output=True)
    assert said.stdout + said.stderr == b""
    shown = agentsync(folder, "log", "--json").records
    assert [(change["file_path"], change["source"]) for change in shown[:1]] == [(PATH, "hook")]
    agentsync(folder, "consolidate")
    assert there.git("status", "--porcelain") == ""
    assert "FINDING" not in agentsync(folder, "doctor").said
    agentsync(folder, "uninstall", "--purge")
    assert changed(before, snapshot(store)) <= {PATH}
    if kind == "a second repository":
        assert snapshot(there.root / ".git") == other


def test_a_linked_worktree_whose_name_is_no_utf_8_works(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the background, too, where sh writes the name into the note; and the others go on."""
    repo.begin()
    repo.hooks()
    repo.look()
    monkeypatch.setenv("AGENTSYNC_FOREGROUND", "0")
    linked = repo.worktree(os.fsdecode(b"caf\xe9"), "-b", "linked")
    linked.commit("linked\n", CLAUDECODE="1")
    linked.wait_for_notes()
    repo.commit("main\n")
    repo.wait_for_notes()
    assert [change["worktree"] for change in repo.changes()] == ["caf\\xe9", "main"]
    assert repo.owners() == ["claude-code", None]
    agentsync(repo.root, "doctor")


def test_a_treeless_clone_is_refused_before_anything_is_touched(repo: Repo) -> None:
    """With what to type; then it works."""
    for name in ("allowFilter", "allowAnySHA1InWant"):
        repo.git("config", f"uploadpack.{name}", "true")
    repo.commit("more\n")
    repo.git("clone", "-q", "--filter=tree:0", f"file://{repo.root}", "../treeless")
    clone = Repo(repo.root.parent / "treeless")
    before = snapshot(clone.root)
    said = agentsync(clone.root, "init", code=1).err
    assert said.count("\n") == 3
    assert snapshot(clone.root) == before
    subprocess.run(said.partition("newer): ")[2], shell=True, cwd=clone.root, check=True, capture_output=True)
    agentsync(clone.root, "init")
    clone.commit("an edit\n", PATH)
    assert clone.count() == 1


@pytest.mark.parametrize("command", ["init", "uninstall", "scan"])
def test_a_repository_of_another_user_is_refused_with_the_path_that_git_names(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """In three lines, without git's tabs."""
    agentsync(repo.root, "init")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    before = snapshot(repo.root)
    said = agentsync(repo.root, command, code=1).err
    assert f"hint: git config --global --add safe.directory {repo.root}\n" in said
    assert said.count("\n") == 3 and "\t" not in said and "\\t" not in said
    assert snapshot(repo.root) == before


def test_a_hook_that_cannot_work_says_one_short_line(repo: Repo) -> None:
    """And `doctor` has the rest."""
    agentsync(repo.root, "init")
    (repo.root / ".git/shallow").mkdir()
    repo.write("edited\n", PATH)
    repo.git("add", PATH)
    done = subprocess.run(["git", "commit", "-qm", "1"], cwd=repo.root, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr.count("\n") <= 1 and len(done.stderr) < 300


def set_up_upstream(repo: Repo) -> None:
    """A repository whose main branch has the configuration, in French, and a branch from before that."""
    repo.git("rm", "-q", PATH)
    repo.commit(message="no report's file yet")
    repo.git("branch", "before")
    agentsync(repo.root, "init", "--language", "fr")
    repo.git("add", ".")
    repo.git("commit", "-qm", "agentsync")


@pytest.mark.parametrize("how", ["a branch from before", "nothing checked out", "the clone's own branch"])
def test_a_configuration_on_another_branch_holds_and_the_tree_is_left_alone(repo: Repo, how: str) -> None:
    """So that git can switch to it; and what is committed then is recorded."""
    set_up_upstream(repo)
    args = {"a branch from before": ["-b", "before"], "nothing checked out": ["--no-checkout"]}.get(how, [])
    repo.git("clone", "-q", *args, str(repo.root), "../fresh")
    fresh = Repo(repo.root.parent / "fresh")
    if how == "the clone's own branch":
        fresh.git("switch", "-q", "before")
        fresh.git("remote", "remove", "origin")
    before = fresh.git("status", "--porcelain", "-uall")
    done = agentsync(fresh.root, "init")
    assert "in French, from .agentsync/config.toml of " in done.said
    assert "to commit" not in done.said
    assert fresh.git("status", "--porcelain", "-uall") == before
    assert "nothing was changed" in agentsync(fresh.root, "init").said
    assert agentsync(fresh.root, "status", "--json").json["pending_changes"] == 0
    fresh.git(*(["reset", "-q", "--hard"] if how == "nothing checked out" else ["switch", "-q", "main"]))
    assert fresh.git("status", "--porcelain", "-uall") == ""
    fresh.commit("un\n", "ROADMAP.md")
    assert [change["event_type"] for change in fresh.changes()] == ["created"]
    agentsync(fresh.root, "consolidate")
    assert "Synchronisation automatique" in fresh.read(PATH)


def test_without_a_configuration_the_report_of_a_clone_without_checkout_is_not_made(repo: Repo) -> None:
    repo.git("clone", "-q", "--no-checkout", str(repo.root), "../fresh")
    fresh = Repo(repo.root.parent / "fresh")
    agentsync(fresh.root, "init")
    fresh.git("checkout", "-q", "main")
    assert fresh.read(PATH) == repo.read(PATH)


def test_a_configuration_whose_text_is_not_here_is_asked_for(repo: Repo) -> None:
    """In a partial clone without a checkout: nothing is fetched unasked, and the hint helps."""
    set_up_upstream(repo)
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.git("config", "uploadpack.allowAnySHA1InWant", "true")
    repo.git("clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{repo.root}", "../fresh")
    fresh = Repo(repo.root.parent / "fresh")
    said = agentsync(fresh.root, "init", code=1).err
    subprocess.run(said.partition("hint: ")[2].partition("  (")[0], shell=True, cwd=fresh.root, check=True)
    agentsync(fresh.root, "init")
    fresh.git("checkout", "-q", "main")
