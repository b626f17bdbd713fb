"""Repositories, paths, files and configurations of every kind: section "And:" of the design, on real git."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab.audit import audit
from lab.repo import DOCS, QUIET, Repo

from agentsync.base import config_text
from agentsync.base import git as plumbing
from agentsync.base.settings import Settings, Watch
from agentsync.ledger.events import new_id


def watching(*paths: str) -> Settings:
    """Quiet settings that watch these paths."""
    return QUIET._replace(watch=tuple(Watch(path, "docs") for path in paths))


def fresh(tmp_path: Path, *init: str, name: str = "fresh") -> Repo:
    """A repository without a commit."""
    root = tmp_path / name
    root.mkdir()
    repo = Repo(root)
    repo.git("init", "-q", *init, ".")
    return repo


def known(repo: Repo, path: str = "doc.md", worktree: str = "main") -> str | None:
    """The blob that a path is known to have."""
    return repo.view().state.known[worktree][path].blob


def in_git(repo: Repo, path: str = "doc.md") -> str:
    """What git would store."""
    return repo.git("hash-object", "--path", path, "--", path).strip()


def problems(repo: Repo, worktree: str = "main") -> dict[str, str]:
    """What a look reports as not looked into."""
    return dict(repo.look().seen.scenes[worktree].problems)


class TestKindsOfRepositories:
    def test_the_first_commit(self, tmp_path: Path) -> None:
        """Before it there is no HEAD; what it brings was seen when it was written."""
        repo = fresh(tmp_path)
        repo.begin()
        repo.write("x\n")
        repo.look()
        repo.commit(message="first")
        repo.look()
        assert [c["event_type"] for c in repo.changes()] == ["created"]

    def test_the_first_commit_with_hooks_alone(self, tmp_path: Path) -> None:
        repo = fresh(tmp_path)
        repo.begin()
        repo.hooks()
        repo.commit("x\n", message="first")
        assert [(c["event_type"], c["source"]) for c in repo.changes()] == [("created", "hook")]

    def test_a_detached_head(self, repo: Repo) -> None:
        repo.git("switch", "-q", "--detach")
        repo.begin()
        repo.commit("x\n")
        repo.look()
        repo.commit("y\n")
        repo.git("switch", "-q", "-C", "main")
        repo.look()
        assert repo.count() == 2
        assert repo.changes()[0]["branch"] is None

    def test_a_shallow_clone(self, repo: Repo, tmp_path: Path) -> None:
        """Its boundary shows every file as created: that is nobody's edit. Deepening brings what is older."""
        for text in ("one\n", "two\n", "three\n"):
            repo.commit(text)
        repo.git("clone", "-q", "--depth=1", f"file://{repo.root}", str(tmp_path / "shallow"))
        shallow = Repo(tmp_path / "shallow")
        shallow.time = repo.time + 100
        shallow.begin()
        shallow.look()
        repo.commit("four\n")
        shallow.git("fetch", "-q", "--depth=1")
        shallow.git("reset", "-q", "--hard", "origin/main")
        shallow.look()
        assert known(shallow) == shallow.git("rev-parse", "HEAD:doc.md").strip()
        assert shallow.count() <= 1
        counted = shallow.count()
        shallow.git("fetch", "-q", "--deepen=1")
        shallow.look()
        assert shallow.count() <= counted + 1
        audit(Path(shallow.clone().store))

    def test_a_partial_clone_fetches_nothing(self, repo: Repo, tmp_path: Path) -> None:
        """What is not here has no checksum; git's store is what it was."""
        repo.git("config", "uploadpack.allowFilter", "true")
        repo.git("config", "uploadpack.allowAnySHA1InWant", "true")
        origin = f"file://{repo.root}"
        repo.git("clone", "-q", "--filter=blob:none", origin, str(tmp_path / "partial"))
        partial = Repo(tmp_path / "partial")
        partial.time = repo.time + 100
        partial.begin()
        repo.git("switch", "-qc", "feature")
        repo.commit("x\n")
        repo.commit("y\n")
        repo.git("switch", "-q", "main")
        repo.commit("z\n", "docs/other.md")
        repo.git("merge", "-q", "--no-ff", "feature")
        partial.git("fetch", "-q")
        partial.git("update-ref", "refs/heads/topic", "origin/main")
        before = objects(partial)
        partial.look()
        assert objects(partial) == before
        assert len(partial.changes()) == 3
        assert {c["new_checksum"] for c in partial.changes()} == {None}
        assert all(c["new_blob"] for c in partial.changes())

    def test_a_sparse_checkout_deletes_nothing(self, repo: Repo) -> None:
        """What it leaves out is as it was; taken in again it is no new edit."""
        repo.begin()
        repo.git("sparse-checkout", "set", "--no-cone", "/*", "!/docs/")
        assert not (repo.root / "docs/other.md").exists()
        repo.look()
        repo.git("sparse-checkout", "disable")
        repo.look()
        assert repo.count() == 0

    def test_init_in_a_sparse_checkout(self, repo: Repo) -> None:
        """Nor is what was out from the beginning; deleting it later in earnest is."""
        repo.git("sparse-checkout", "set", "--no-cone", "/*", "!/docs/")
        repo.begin()
        repo.look()
        repo.git("sparse-checkout", "disable")
        repo.look()
        assert repo.count() == 0
        (repo.root / "docs/other.md").unlink()
        repo.look()
        assert [c["event_type"] for c in repo.changes()] == ["deleted"]

    def test_a_submodule(self, repo: Repo, tmp_path: Path) -> None:
        """It is a clone of its own, with its own ledger; the superproject's is not touched."""
        inner = fresh(tmp_path, name="inner")
        inner.commit("x\n", message="first")
        repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.root), "sub")
        repo.commit(message="submodule")
        repo.begin()
        sub = Repo(repo.root / "sub")
        sub.time = repo.time
        sub.begin()
        sub.hooks()
        sub.commit("y\n")
        repo.look()
        assert (sub.count(), repo.count()) == (1, 0)
        assert sub.clone().store.startswith(str(repo.root / ".git" / "modules"))
        assert [w.root for w in plumbing.worktrees(sub.clone())] == [str(repo.root / "sub")]

    def test_a_bare_repository_with_worktrees(self, repo: Repo, tmp_path: Path) -> None:
        """There is no main worktree, and the linked ones share the ledger in the bare repository."""
        bare = tmp_path / "bare.git"
        repo.git("clone", "-q", "--bare", ".", str(bare))
        for name in ("one", "two"):
            subprocess.run(
                ["git", "-C", str(bare), "worktree", "add", "-q", "-b", name, str(tmp_path / name)], check=True
            )
        one, two = Repo(tmp_path / "one"), Repo(tmp_path / "two")
        two.time = one.time + 1000
        one.begin()
        one.hooks()
        one.commit("x\n")
        two.git("merge", "-q", "one")
        two.write("y\n")
        two.look()
        assert one.count() == 2
        assert {c["worktree"] for c in one.changes()} == {"one", "two"}
        assert one.clone().store == str(bare / "agentsync")

    def test_a_sha256_repository(self, tmp_path: Path) -> None:
        repo = fresh(tmp_path, "--object-format=sha256")
        repo.commit("x\n", message="first")
        repo.begin()
        repo.write("y\n")
        repo.look()
        repo.commit(message="second")
        repo.commit("z\n")
        repo.look()
        assert [len(c["new_blob"]) for c in repo.changes()] == [64, 64]
        assert known(repo) == in_git(repo)

    def test_a_git_directory_elsewhere(self, tmp_path: Path) -> None:
        repo = fresh(tmp_path, f"--separate-git-dir={tmp_path / 'elsewhere'}")
        repo.commit("x\n", message="first")
        repo.begin()
        repo.hooks()
        repo.commit("y\n")
        repo.look()
        assert repo.count() == 1

    def test_a_branch_that_exists_only_packed(self, repo: Repo) -> None:
        repo.begin()
        repo.commit("x\n")
        repo.git("pack-refs", "--all")
        repo.git("gc", "-q", "--prune=now")
        repo.look()
        assert repo.count() == 1


def objects(repo: Repo) -> set[str]:
    """The objects in git's store."""
    out = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch-check"], cwd=repo.root, capture_output=True, text=True
    )
    return set(out.stdout.splitlines())


CONVERSIONS: dict[str, tuple[dict[str, str], str, bytes, bytes]] = {
    "autocrlf true": ({"core.autocrlf": "true"}, "", b"a\r\nb\r\n", b"a\r\nc\r\n"),
    "autocrlf true, LF in the file": ({"core.autocrlf": "true"}, "", b"a\nb\n", b"a\nc\n"),
    "autocrlf input": ({"core.autocrlf": "input"}, "", b"a\r\nb\r\n", b"a\r\nc\r\n"),
    "autocrlf and safecrlf": ({"core.autocrlf": "true", "core.safecrlf": "true"}, "", b"a\r\nb\r\n", b"a\r\nc\r\n"),
    "safecrlf refuses": ({"core.autocrlf": "input", "core.safecrlf": "true"}, "*.md text", b"a\nb\n", b"a\nc\n"),
    "eol=crlf": ({}, "*.md text eol=crlf", b"a\r\nb\r\n", b"a\r\nc\r\n"),
    "CRLF, no attributes": ({}, "", b"a\r\nb\r\n", b"a\r\nc\r\n"),
    "mixed endings": ({}, "", b"a\r\nb\nc\r\n", b"a\nb\r\nc\n"),
    "-text": ({"core.autocrlf": "true"}, "*.md -text", b"a\r\nb\r\n", b"a\r\nc\r\n"),
    "ident": ({}, "*.md ident", b"$Id$\na\n", b"$Id$\nb\n"),
    "UTF-16": ({}, "*.md working-tree-encoding=UTF-16", "a\n".encode("utf-16"), "é\n".encode("utf-16")),
    "filter": (
        {"filter.rot.clean": "tr a-z n-za-m", "filter.rot.smudge": "tr a-z n-za-m"},
        "*.md filter=rot",
        b"hello\n",
        b"world\n",
    ),
    "no final newline": ({}, "", b"a\nb", b"a\nc"),
    "NUL": ({}, "", b"a\0b", b"a\0c"),
    "not UTF-8": ({}, "", b"\xff\xfea\xe9\n", b"\xe9\n"),
    "empty": ({}, "", b"", b"x"),
}


@pytest.mark.parametrize("kind", CONVERSIONS)
def test_contents_are_compared_as_git_stores_them(repo: Repo, kind: str) -> None:
    """Whatever git makes of the bytes in a file: an edit is one change, its commit none, and a checkout none.

    Of any document, and of the report's file, where the region is left out of what is compared.
    """
    config, attributes, first, second = CONVERSIONS[kind]
    paths = ("doc.md", "AGENT_SYNC.md")
    for name, value in config.items():
        repo.git("config", name, value)
    repo.write("\n".join(attributes.replace("*.md", path) for path in paths if attributes), ".gitattributes")
    for path in paths:
        (repo.root / path).write_bytes(first)
    repo.git("add", ".gitattributes", *paths)
    repo.git("commit", "-qm", "converted")
    repo.begin()
    assert repo.look().seen.events == (), "nothing has happened yet"
    for path in paths:
        (repo.root / path).write_bytes(second)
    repo.look()
    assert sorted(change["file_path"] for change in repo.changes()) == sorted(paths)
    assert [known(repo, path) for path in paths] == [in_git(repo, path) for path in paths]
    repo.git("commit", "-qm", "second", "--", *paths)
    repo.look()
    for path in paths:
        (repo.root / path).unlink()
    repo.git("checkout", "-q", "--", *paths)
    repo.look()
    repo.git("switch", "-q", "--detach", "HEAD~1")
    repo.look()
    repo.git("switch", "-q", "main")
    repo.look()
    assert repo.count() == len(paths)
    for change in repo.changes():
        name = f"HEAD:{change['file_path']}"
        stored = subprocess.run(["git", "show", name], cwd=repo.root, capture_output=True).stdout
        assert change["new_checksum"] == hashlib.md5(stored).hexdigest(), name


NAMES = (
    "with space.md",
    " edge .md",
    'quo"te.md',
    "apo'strophe.md",
    "new\nline.md",
    "tab\there.md",
    "📝 émoji/ünï.md",
    "-option.md",
    "back\\slash.md",
    ":(top)magic.md",
    "a/b/c/d/e.md",
    "$(date).md",
    "\x01control.md",
)


def test_any_name(repo: Repo) -> None:
    """Seen in the file, in the commit, by the hook."""
    repo.settings = watching("doc.md", *(name.replace("\\", "\\\\") for name in NAMES))
    repo.begin()
    repo.hooks()
    for name in NAMES:
        repo.write("x\n", name)
    repo.look()
    repo.commit(message="it")
    for name in NAMES:
        repo.write("y\n", name)
    repo.commit()
    expected = [(name, event) for name in NAMES for event in ("created", "modified")]
    assert sorted((c["file_path"], c["event_type"]) for c in repo.changes()) == sorted(expected)
    assert {c["source"] for c in repo.changes() if c["event_type"] == "modified"} == {"hook"}
    repo.look()
    assert repo.count() == len(expected)
    assert {name: known(repo, name) for name in NAMES} == {name: in_git(repo, name) for name in NAMES}


class TestPaths:
    def test_a_missing_path_is_created_when_it_appears(self, repo: Repo) -> None:
        repo.settings = watching("doc.md", "later/new.md")
        repo.begin()
        assert known(repo, "later/new.md") is None
        repo.look()
        repo.write("x\n", "later/new.md")
        repo.look()
        assert [(c["file_path"], c["event_type"]) for c in repo.changes()] == [("later/new.md", "created")]

    @pytest.mark.parametrize("target", ["outside.md", "/etc/hostname", "docs/other.md", "dangling", "doc.md"])
    def test_a_symlink_is_reported_and_never_followed(self, repo: Repo, tmp_path: Path, target: str) -> None:
        (tmp_path / "outside.md").write_text("secret\n")
        repo.begin()
        (repo.root / "doc.md").unlink()
        os.symlink(tmp_path / target if target == "outside.md" else target, repo.root / "doc.md")
        repo.write("x\n", "docs/other.md")
        assert problems(repo) == {"doc.md": "a symbolic link"}
        assert [c["file_path"] for c in repo.changes()] == ["docs/other.md"]

    def test_a_symlink_as_a_folder_on_the_way(self, repo: Repo, tmp_path: Path) -> None:
        """`docs -> /somewhere`: O_NOFOLLOW alone would guard only the last part of the path."""
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "other.md").write_text("secret\n")
        repo.begin()
        repo.git("rm", "-qr", "docs")
        os.symlink(tmp_path / "outside", repo.root / "docs")
        repo.write("x\n")
        said = problems(repo)
        assert said.keys() == {"docs/other.md"} and "symbolic link" in said["docs/other.md"]
        assert [c["file_path"] for c in repo.changes()] == ["doc.md"]

    def test_a_committed_symlink_is_no_document(self, repo: Repo) -> None:
        """In the commit the document is gone; what the link names is not what git stores."""
        repo.begin()
        (repo.root / "doc.md").unlink()
        os.symlink("code.py", repo.root / "doc.md")
        repo.commit(message="link")
        repo.look()
        repo.look()
        assert [c["event_type"] for c in repo.changes()] == ["deleted"]

    @pytest.mark.parametrize("kind", ["fifo", "directory", "large", "unreadable"])
    def test_what_is_no_document_is_reported(self, repo: Repo, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nobody waits for a FIFO's other end, and the others are still checked."""
        repo.begin()
        path = repo.root / "doc.md"
        path.unlink()
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "directory":
            path.mkdir()
            (path / "in it").write_text("x")
        elif kind == "large":
            with open(path, "wb") as file:
                file.truncate((16 << 20) + 1)
        else:
            path.write_text("secret")
            self.refuse(monkeypatch, "doc.md")
        repo.write("x\n", "docs/other.md")
        said = problems(repo)
        assert list(said) == ["doc.md"] and said["doc.md"]
        assert [c["file_path"] for c in repo.changes()] == ["docs/other.md"]

    @staticmethod
    def refuse(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        """Root may read everything, so permissions prove nothing where tests run as root."""
        real = os.open

        def opened(path: Any, *args: Any, **kwargs: Any) -> int:
            if path == name:
                raise PermissionError(13, "Permission denied", path)
            return real(path, *args, **kwargs)

        monkeypatch.setattr(os, "open", opened)

    def test_a_large_file_in_a_commit(self, repo: Repo) -> None:
        """It is a change all the same, but nobody reads 17 MiB for its checksum."""
        repo.begin()
        with open(repo.root / "doc.md", "wb") as file:
            file.truncate((16 << 20) + 1)
        repo.commit(message="large")
        repo.look()
        assert [(c["event_type"], c["new_checksum"]) for c in repo.changes()] == [("modified", None)]

    def test_a_newly_watched_path_has_a_baseline(self, repo: Repo) -> None:
        """Nobody edited it because somebody named it."""
        repo.begin()
        repo.settings = watching(*DOCS, "code.py")
        repo.look()
        assert repo.count() == 0
        repo.write("x\n", "code.py")
        repo.look()
        assert [c["file_path"] for c in repo.changes()] == ["code.py"]

    def test_a_newly_watched_path_committed_before(self, repo: Repo) -> None:
        """Its old commits are older than the watching."""
        repo.begin()
        repo.commit("x\n", "code.py")
        repo.look()
        repo.settings = watching(*DOCS, "code.py")
        repo.look()
        repo.git("switch", "-qc", "other", "HEAD~1")
        repo.look()
        assert repo.count() == 0

    def test_a_newcomer_of_a_glob_is_created(self, repo: Repo) -> None:
        """What was there when the glob was named is not."""
        repo.begin()
        repo.settings = watching(*DOCS, "*.py")
        repo.look()
        repo.write("x\n", "new.py")
        repo.look()
        repo.commit(message="new")
        repo.look()
        assert [(c["file_path"], c["event_type"]) for c in repo.changes()] == [("new.py", "created")]

    def test_a_path_no_longer_watched_is_left_alone(self, repo: Repo) -> None:
        repo.begin()
        repo.settings = watching("AGENT_SYNC.md")
        repo.commit("x\n")
        repo.look()
        assert repo.count() == 0

    def test_a_path_watched_again(self, repo: Repo) -> None:
        """What happened to it meanwhile is known from its commits, or as one edit; never as two."""
        repo.begin()
        repo.settings = watching("AGENT_SYNC.md")
        repo.look()
        repo.commit("x\n")
        repo.look()
        repo.settings = QUIET
        repo.look()
        repo.look()
        assert repo.count() <= 1
        assert known(repo) == in_git(repo)


class TestConfiguration:
    def test_a_branch_from_before_init_keeps_the_configuration(self, repo: Repo) -> None:
        """`.agentsync/config.toml` is not there; the clone's last valid one goes on."""
        repo.git("branch", "old")
        repo.settings = watching("doc.md", "code.py")
        repo.begin()
        repo.hooks()
        repo.git("add", "-f", ".agentsync/config.toml")
        repo.git("commit", "-qm", "config")
        repo.git("switch", "-q", "old")
        assert not (repo.root / ".agentsync/config.toml").exists()
        repo.commit("x\n", "code.py")
        assert [c["file_path"] for c in repo.changes()] == ["code.py"]

    def test_a_changed_configuration_takes_effect_with_the_next_hook(self, repo: Repo) -> None:
        repo.begin()
        repo.hooks()
        path = repo.root / ".agentsync/config.toml"
        path.write_text(path.read_text() + '\n[[watch]]\npath = "code.py"\ntype = "docs"\n')
        repo.commit("one\n", "code.py")
        repo.commit("two\n", "code.py")
        assert [c["file_path"] for c in repo.changes()][-1:] == ["code.py"]

    def test_a_broken_configuration_leaves_the_last_valid_one(self, repo: Repo) -> None:
        repo.begin()
        repo.hooks()
        (repo.root / ".agentsync/config.toml").write_text("watch = [[[")
        repo.commit("x\n")
        assert repo.count() == 1


class TestEnvironment:
    def test_a_linked_worktrees_hook(self, repo: Repo) -> None:
        """git exports GIT_DIR there, and a relative GIT_INDEX_FILE."""
        repo.begin()
        repo.hooks()
        other = repo.worktree("other", "-b", "other")
        other.commit("x\n")
        assert [(c["worktree"], c["source"]) for c in repo.changes()] == [("other", "hook")]

    def test_commit_of_one_path_with_others_staged(self, repo: Repo) -> None:
        """`git commit -- path` runs hooks with a temporary GIT_INDEX_FILE."""
        repo.begin()
        repo.hooks()
        repo.write("x\n")
        repo.write("y\n", "docs/other.md")
        repo.git("add", "docs/other.md")
        repo.git("commit", "-qm", "one", "--", "doc.md")
        assert {c["file_path"] for c in repo.changes()} == {"doc.md", "docs/other.md"}
        repo.git("commit", "-qam", "rest")
        repo.look()
        assert repo.count() == 2

    def test_variables_that_name_another_repository(self, repo: Repo, tmp_path: Path) -> None:
        """An agent started from a hook of repository A looks at B."""
        other = fresh(tmp_path)
        other.commit("x\n", message="first")
        repo.begin()
        repo.write("x\n")
        env = {
            **os.environ,
            "GIT_INDEX_FILE": str(other.root / ".git/index"),
            "GIT_OBJECT_DIRECTORY": str(other.root / ".git/objects"),
            "GIT_PREFIX": "docs/",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_EXTERNAL_DIFF": "false",
            "GIT_TRACE": "1",
            "GIT_TRACE2": "1",
            "GIT_CONFIG_PARAMETERS": "'core.bare=true'",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "core.bare",
            "GIT_CONFIG_VALUE_0": "true",
        }
        script = (
            "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]); from lab.repo import Repo\n"
            "repo = Repo(Path(sys.argv[1])); repo.time += 100; repo.look()"
        )
        argv = [sys.executable, "-c", script, str(repo.root), str(Path(__file__).parent.parent)]
        said = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60)
        assert said.returncode == 0, said.stderr
        assert repo.count() == 1

    def test_under_pre_commit_only_commits_are_read(self, repo: Repo) -> None:
        """It stashes unstaged edits away while hooks run: they are not undone, and the report waits."""
        repo.settings = QUIET._replace(consolidation_threshold=1)
        repo.begin()
        repo.hooks()
        repo.write("dirty\n", "docs/other.md")
        repo.look()
        report = repo.read("AGENT_SYNC.md")
        repo.write("x\n")
        repo.git("commit", "-qm", "x", "--", "doc.md", env={"PRE_COMMIT": "1"})
        assert repo.count() == 2
        assert repo.read("AGENT_SYNC.md") == report
        repo.look()
        assert repo.count() == 2
        assert repo.read("AGENT_SYNC.md") != report


HOSTILE = {
    "log.showSignature": "true",
    "log.follow": "true",
    "log.date": "human",
    "log.mailmap": "true",
    "log.decorate": "full",
    "log.showRoot": "false",
    "log.diffMerges": "first-parent",
    "log.excludeDecoration": "refs/*",
    "format.pretty": "%H nonsense",
    "format.notes": "true",
    "diff.noprefix": "true",
    "diff.mnemonicPrefix": "true",
    "diff.renames": "copies",
    "diff.external": "false",
    "diff.relative": "true",
    "diff.algorithm": "patience",
    "diff.context": "0",
    "diff.interHunkContext": "100",
    "diff.ignoreSubmodules": "all",
    "diff.submodule": "log",
    "diff.wordRegex": ".",
    "diff.colorMoved": "zebra",
    "diff.md.textconv": "echo converted",
    "diff.md.command": "false",
    "diff.suppressBlankEmpty": "true",
    "color.ui": "always",
    "color.diff": "always",
    "core.quotePath": "true",
    "core.pager": "false",
    "core.fsmonitor": "false",
    "core.untrackedCache": "true",
    "core.attributesFile": "{home}/attributes",
    "core.excludesFile": "{home}/excludes",
    "core.abbrev": "4",
    "core.precomposeUnicode": "true",
    "core.commitGraph": "false",
    "core.multiPackIndex": "false",
    "i18n.logOutputEncoding": "latin1",
    "status.short": "true",
    "status.showUntrackedFiles": "no",
    "status.relativePaths": "false",
    "merge.conflictStyle": "diff3",
    "merge.renames": "false",
    "merge.ff": "false",
    "grep.patternType": "perl",
    "notes.displayRef": "*",
    "trailer.separators": "=",
    "submodule.recurse": "true",
    "safe.bareRepository": "all",
    "fetch.prune": "true",
    "pager.log": "false",
    "alias.log": "!false",
    "gpg.program": "false",
    "column.ui": "always",
    "branch.sort": "-committerdate",
    "tag.sort": "-version:refname",
    "extensions.worktreeConfig": "false",
}


def a_day(repo: Repo) -> list[Any]:
    """Some of everything; what the ledger says of it, without what differs from clone to clone."""
    (repo.root / "doc.md").write_text("".join(f"zeile {n}\n" for n in range(12)))
    repo.commit("*.md diff=md\n", ".gitattributes")
    repo.begin()
    repo.commit(
        repo.read().replace("zeile 3", "dreiß"), message="drei\n\nCo-Authored-By: Claude <noreply@anthropic.com>"
    )
    repo.look()
    repo.git("switch", "-qc", "feature")
    repo.commit(repo.read().replace("zeile 5", "fünf"), message="fünf")
    repo.git("switch", "-q", "main")
    repo.commit(repo.read().replace("zeile 8", "acht"), message="acht", GIT_AUTHOR_NAME="Ünal Ö.")
    repo.git("merge", "-q", "--no-ff", "feature")
    repo.git("cherry-pick", "--allow-empty", "-x", "HEAD^2", check=False)
    repo.git("cherry-pick", "--abort", check=False)
    repo.look()
    repo.git("mv", "-f", "docs/other.md", "moved.md")
    repo.commit(message="moved")
    repo.look()
    repo.git("switch", "-qc", "side", "HEAD~2")
    repo.commit(repo.read().replace("zeile 0", "null"), message="null")
    repo.git("rebase", "-q", "main")
    repo.write("eins\n" + repo.read())
    repo.look()
    repo.git("stash", "-q")
    repo.look()
    repo.git("stash", "pop", "-q")
    repo.look()
    fields = ("kind", "file_path", "event_type", "old_checksum", "new_checksum", "author", "agent_owner", "reason")
    return [[line.get(field) for field in fields] for line in repo.lines()]


def test_no_git_configuration_changes_the_result(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a user's git is told to do with its output, what the ledger says is the same."""
    twin = tmp_path / "twin"
    subprocess.run(["cp", "-r", str(repo.root), str(twin)], check=True)
    plain = a_day(repo)
    assert [line[0] for line in plain].count("change") == 6, plain
    home = tmp_path / "hostile"
    home.mkdir()
    (home / "attributes").write_text("*.md diff=md\n")
    (home / "excludes").write_text("*\n")
    for name, value in HOSTILE.items():
        subprocess.run(["git", "config", "-f", str(home / "config"), name, value.format(home=home)], check=True)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / "config"))
    assert a_day(Repo(twin)) == plain


def test_a_hook_in_the_same_hostile_place(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sh of the hooks asks git, too."""
    repo.begin()
    repo.hooks()
    for name, value in HOSTILE.items():
        subprocess.run(["git", "config", "-f", str(tmp_path / "config"), name, value.format(home=tmp_path)], check=True)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    repo.write("x\n")
    repo.git("commit", "-qam", "x")
    repo.write("x\n", "code.py")
    repo.git("commit", "-qam", "y")
    assert [(c["file_path"], c["source"]) for c in repo.changes()] == [("doc.md", "hook")]


def replace_refs(repo: Repo) -> None:
    """`git replace` shows another commit than the one that was made."""
    repo.git("replace", "HEAD", "HEAD~1")


def grafts(repo: Repo) -> None:
    (repo.root / ".git/info").mkdir(exist_ok=True)
    (repo.root / ".git/info/grafts").write_text(f"{repo.head()}\n")


def left_over(repo: Repo) -> None:
    """An `am` that nobody has ended: looking at files pauses, looking at commits does not."""
    (repo.root / ".git/rebase-apply").mkdir()
    (repo.root / ".git/rebase-apply/applying").touch()


@pytest.mark.parametrize("trick", [replace_refs, left_over])
def test_commits_are_seen_all_the_same(repo: Repo, trick: Callable[[Repo], None]) -> None:
    repo.begin()
    repo.commit("x\n")
    trick(repo)
    repo.look()
    assert repo.count() == 1


def test_ids_sort_by_time() -> None:
    """A UUIDv7 begins with its milliseconds."""
    assert new_id(1.0) < new_id(2.0) < new_id(4e9)


def test_pre_commit_alone_begins_a_ledger(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody has run init: from the first recorded commit on, without reading a file under its stash."""
    from agentsync import hook

    monkeypatch.chdir(repo.root)
    monkeypatch.setenv("PRE_COMMIT", "1")
    (repo.root / ".agentsync").mkdir()
    (repo.root / ".agentsync" / "config.toml").write_text(config_text.default_text(QUIET))
    assert hook.main(["post-commit"]) == 0
    assert [line["kind"] for line in repo.lines()] == ["baseline"]
    repo.commit("x\n")
    assert hook.main(["post-commit"]) == 0
    assert [(c["event_type"], c["file_path"]) for c in repo.changes()] == [("modified", "doc.md")]
    monkeypatch.delenv("PRE_COMMIT")
    repo.look()
    assert repo.count() == 1


def test_a_hook_goes_on_behind_a_damaged_line(repo: Repo) -> None:
    """In a process of its own, where nothing has imported the modules that tests import."""
    repo.begin()
    repo.hooks()
    ledger = Path(repo.clone().store) / "ledger.jsonl"
    for damage in (b'{"v":1,"kind"\n', b'"\x01"\n', b"{\n", b"\xff\n", b"[1,\n"):
        with ledger.open("ab") as file:
            file.write(damage)
    repo.commit("x\n")
    assert not (Path(repo.clone().store) / "hook-errors.log").exists()
    sources = [
        json.loads(line)["source"] for line in ledger.read_bytes().splitlines() if line.startswith(b'{"v":1,"kind":')
    ]
    assert sources == ["init", "hook"]
