"""A report as a commit: that alone, on one branch, beside whatever anybody has staged, edited or is committing."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from lab.commands import agentsync, agentsync_process
from lab.hooks import calls, recorder
from lab.repo import Repo
from lab.report import PATH, clean_tree, edited, hidden, hidden_report, in_commit, newest, shown

from agentsync.base.errors import AgentsyncError
from agentsync.report import git_index, region
from agentsync.report import publish as publish_module
from agentsync.report.publish import Published, publish

KILLS = int(os.environ.get("AGENTSYNC_TEST_KILLS", "300")) // 20


@pytest.fixture
def lab(tmp_path: Path) -> Repo:
    """One consolidation, written and not published; nothing else to commit."""
    return hidden_report(tmp_path / "repo")


def published(repo: Repo) -> Published:
    """What `agentsync publish` does, in this process."""
    clone = repo.clone()
    assert clone.here
    return publish(clone, clone.here, repo.look().seen.view, repo.settings)


def refused(repo: Repo) -> AgentsyncError:
    """Why it does not; nothing has changed then."""
    repo.look()
    before = everything(repo)
    with pytest.raises(AgentsyncError) as caught:
        published(repo)
    assert everything(repo) == before
    return caught.value


def everything(repo: Repo) -> tuple[str, ...]:
    """What a refusal must not change."""
    status = repo.git("status", "--porcelain")
    return (repo.git("for-each-ref"), repo.git("ls-files", "-s", "-v"), status, repo.read(PATH), left(repo))


def left(repo: Repo) -> str:
    """What lies in the git directory and should not."""
    git_dir = Path(repo.git("rev-parse", "--absolute-git-dir").strip())
    names = [path.name for path in git_dir.iterdir()]
    return " ".join(name for name in names if name.endswith(".lock") or ".agentsync." in name)


def entries(repo: Repo) -> dict[str, str]:
    """Each index entry but the report's, with its flags."""
    out = repo.git("ls-files", "-s", "-t", "--debug", "-z")
    found = dict(line.split("\t", 1)[::-1] for line in repo.git("ls-files", "-s", "-v", "-z").split("\0")[:-1])
    assert "intent" not in out
    return {path: about for path, about in found.items() if path != PATH}


def test_the_commit_holds_the_region_alone(lab: Repo) -> None:
    before = lab.head()
    text = in_commit(lab)
    done = published(lab)
    assert done == Published(lab.head(), "main")
    assert lab.git("rev-parse", "HEAD^").strip() == before
    assert lab.git("diff", "--name-only", "HEAD^", "HEAD") == f"{PATH}\n"
    assert shown(in_commit(lab)) == newest(lab)
    assert region.strip(in_commit(lab).encode()) == text.encode()
    clean_tree(lab)
    assert lab.git("diff-files") == lab.git("diff-index", "--cached", "HEAD") == ""
    assert left(lab) == ""


def test_the_commit_says_what_it_is_and_stands_in_both_reflogs(lab: Repo) -> None:
    published(lab)
    assert lab.git("log", "-1", "--format=%an %ae %cn %s%n%b").startswith(
        "Ada ada@example.org Ada agentsync: report of 20"
    )
    for ref in ("HEAD", "main"):
        assert lab.git("reflog", "-1", "--format=%gs", ref).startswith("commit: agentsync: report of ")
    assert lab.git("rev-parse", "main@{1}") == lab.git("rev-parse", "HEAD^")


def test_a_second_publication_has_nothing_to_do(lab: Repo) -> None:
    published(lab)
    before = everything(lab)
    assert published(lab) == Published(None, "main")
    assert everything(lab) == before


def test_a_newer_report_takes_the_place_of_the_published_one(lab: Repo) -> None:
    published(lab)
    edited(lab)
    lab.commit()
    assert shown(in_commit(lab)) != newest(lab)
    published(lab)
    assert shown(in_commit(lab)) == newest(lab)
    clean_tree(lab)


def test_a_newer_report_of_another_clone_stays(lab: Repo) -> None:
    """It was published there and pulled here, where nothing has happened since."""
    text = region.put(in_commit(lab).encode(), "theirs\n", "ffffffff-0000-7000-8000-000000000000", "## x")
    blob = lab.git("hash-object", "-w", "--no-filters", "--stdin", stdin=text.decode()).strip()
    lab.git("update-index", "--cacheinfo", f"100644,{blob},{PATH}")
    lab.git("commit", "-q", "-m", "theirs")
    assert published(lab) == Published(None, "main")
    assert in_commit(lab).encode() == text


# What the user has at hand


def staged_and_edited(repo: Repo) -> None:
    repo.write("staged\n", "code.py")
    repo.git("add", "code.py")
    repo.write("edited\n", "code.py")
    repo.write("edited\n")
    repo.write("new, staged\n", "new.py")
    repo.git("add", "new.py")
    repo.write("intended\n", "intended.py")
    repo.git("add", "-N", "intended.py")
    repo.git("rm", "-q", "--cached", "docs/other.md")
    repo.write("untracked\n", "untracked")


def test_what_is_staged_edited_and_intended_elsewhere_stays(lab: Repo) -> None:
    staged_and_edited(lab)
    before, status = entries(lab), lab.git("status", "--porcelain")
    flags = lab.git("ls-files", "--debug", "intended.py", "new.py", "code.py", "doc.md")
    published(lab)
    assert lab.git("diff", "--name-only", "HEAD^", "HEAD") == f"{PATH}\n"
    assert entries(lab) == before
    assert lab.git("ls-files", "--debug", "intended.py", "new.py", "code.py", "doc.md") == flags
    assert lab.git("status", "--porcelain") == status
    assert (lab.read("code.py"), lab.read("doc.md"), lab.read("untracked")) == ("edited\n", "edited\n", "untracked\n")


def own_text(repo: Repo, line: str) -> str:
    """Somebody writes a line at the top of the report's file."""
    text = f"{line}\n{repo.read(PATH)}"
    repo.write(text, PATH)
    return text


def test_an_edit_of_the_reports_file_stays_unstaged(lab: Repo) -> None:
    text = own_text(lab, "mine")
    published(lab)
    assert lab.read(PATH) == text
    assert lab.git("status", "--porcelain") == f" M {PATH}\n"
    assert [line for line in lab.git("diff").splitlines() if line[:1] in "+-"][2:] == ["+mine"]
    assert "mine" not in in_commit(lab)


def test_an_edit_of_the_reports_file_stays_staged_and_a_second_one_beside_it_not(lab: Repo) -> None:
    own_text(lab, "staged")
    lab.git("add", PATH)
    text = own_text(lab, "edited")
    published(lab)
    assert lab.read(PATH) == text
    assert lab.git("status", "--porcelain") == f"MM {PATH}\n"
    for args, line in ((("--cached",), "+staged"), ((), "+edited")):
        assert [one for one in lab.git("diff", *args).splitlines() if one[:1] in "+-"][2:] == [line]
    assert "staged" not in in_commit(lab)
    assert shown(lab.git("show", f":{PATH}")) == newest(lab)


@pytest.mark.parametrize("keep", [True, False])
def test_a_staged_deletion_of_the_reports_file_stays_staged(lab: Repo, keep: bool) -> None:
    lab.git("rm", "-q", *(["--cached"] if keep else []), PATH)
    lab.git("status")
    before = lab.git("ls-files", "-s")
    published(lab)
    assert lab.git("ls-files", "-s") == before
    assert lab.git("status", "--porcelain").splitlines() == [f"D  {PATH}", *([f"?? {PATH}"] if keep else [])]
    assert shown(in_commit(lab)) == newest(lab)


def test_the_intent_to_add_the_reports_file_stays_one(lab: Repo) -> None:
    lab.git("rm", "-q", "--cached", PATH)
    lab.git("add", "-N", PATH)
    before = lab.git("ls-files", "-s", "--debug", PATH)
    published(lab)
    assert lab.git("ls-files", "-s", "--debug", PATH) == before
    assert shown(in_commit(lab)) == newest(lab)


def test_an_edit_that_is_staged_while_the_index_is_copied_stays_staged(
    lab: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the question what is staged and the copy of the index there is time for a `git add`."""
    copy = git_index._copy

    def staging(index: str, to: str) -> bytes:
        monkeypatch.setattr(git_index, "_copy", copy)
        own_text(lab, "mine")
        lab.git("add", PATH)
        return copy(index, to)

    monkeypatch.setattr(git_index, "_copy", staging)
    assert published(lab).commit
    assert "mine" in lab.git("show", f":{PATH}") and "mine" not in in_commit(lab)
    monkeypatch.setattr(git_index, "_copy", staging)
    edited(lab)
    assert lab.git("show", f":{PATH}").count("mine") == 2


# Where


def test_only_on_the_branch_that_is_configured(repo: Repo) -> None:
    hidden(repo, branch="reports")
    edited(repo)
    error = refused(repo)
    assert error.message == "reports are published on reports only"
    assert error.cause.startswith("this worktree has main;") and error.hint == "git switch reports, then try again"
    repo.git("switch", "-qc", "reports")
    assert published(repo).branch == "reports"


def test_the_remotes_default_branch_is_asked_before_the_local_names(lab: Repo) -> None:
    lab.git("update-ref", "refs/remotes/origin/trunk", "HEAD")
    lab.git("update-ref", "refs/remotes/other/develop", "HEAD")
    lab.git("symbolic-ref", "refs/remotes/other/HEAD", "refs/remotes/other/develop")
    assert refused(lab).message == "reports are published on develop only"
    lab.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    assert refused(lab).message == "reports are published on trunk only"
    lab.git("switch", "-qc", "trunk")
    assert published(lab).branch == "trunk"


def test_main_comes_before_master_and_without_both_it_has_to_be_said(lab: Repo) -> None:
    lab.git("branch", "master")
    assert published(lab).branch == "main"
    lab.git("branch", "-m", "main", "work")
    edited(lab)
    assert refused(lab).message == "reports are published on master only"
    lab.git("branch", "-D", "master")
    assert 'branch = "NAME" under [report]' in refused(lab).hint


def test_a_detached_head_gets_no_report(lab: Repo) -> None:
    lab.git("switch", "-q", "--detach")
    error = refused(lab)
    assert "a detached HEAD" in error.cause and error.hint == "git switch main, then try again"


def test_a_branch_that_another_worktree_has_is_published_there(lab: Repo) -> None:
    other = lab.worktree("other", "-b", "side")
    error = refused(other)
    assert error.hint == f"agentsync -C {lab.root} publish"
    assert published(lab).commit


def test_a_linked_worktree_publishes_its_own_branch(repo: Repo) -> None:
    hidden(repo, branch="side")
    other = repo.worktree("other", "-b", "side")
    edited(repo)
    before = everything(repo)[1:]
    assert published(other).commit == other.head()
    assert everything(repo)[1:] == before
    assert shown(in_commit(other)) == newest(repo)
    clean_tree(other)


def test_a_branch_that_was_switched_at_the_last_moment_gets_nothing(lab: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both branches are at the same commit, so HEAD alone would not tell."""
    lab.git("branch", "side")
    tree = publish_module._Attempt._tree

    def switching(*args: object) -> str:
        lab.git("switch", "-q", "side")
        return tree(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(publish_module._Attempt, "_tree", switching)
    before = lab.git("for-each-ref")
    with pytest.raises(AgentsyncError, match="on main only"):
        published(lab)
    assert lab.git("for-each-ref") == before
    clean_tree(lab)


# What is not there


def test_without_a_report_there_is_nothing_to_publish(repo: Repo) -> None:
    hidden(repo)
    assert refused(repo).message == "no report to publish"


def test_a_file_that_is_not_committed_gets_no_report(lab: Repo) -> None:
    lab.git("rm", "-q", "--cached", PATH)
    lab.git("commit", "-q", "-m", "gone")
    error = refused(lab)
    assert error.message == f"{PATH} is not committed as a file" and error.hint.startswith(f"git add {PATH}")


def test_a_branch_without_a_commit_gets_no_report(lab: Repo) -> None:
    lab.git("checkout", "-q", "--orphan", "other")
    lab.settings = lab.settings._replace(report=lab.settings.report._replace(branch="other"))
    assert refused(lab).message == "other has no commit yet"


def test_broken_markers_in_head_are_named_with_their_line(lab: Repo) -> None:
    published(lab)
    text = in_commit(lab).replace("<!-- agentsync:end -->\n", "")
    lab.write(text, PATH)
    lab.commit()
    error = refused(lab)
    assert error.message.startswith(f"HEAD:{PATH}: line ") and error.hint.startswith(f"repair {PATH}")


@pytest.mark.parametrize("operation", ["merge", "lock", "pre-commit"])
def test_in_the_middle_of_something_else_nothing_is_published(
    lab: Repo, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish_module, "PATIENCE", 0.0)
    if operation == "pre-commit":
        monkeypatch.setenv("PRE_COMMIT", "1")
    else:
        (lab.root / ".git" / {"merge": "MERGE_HEAD", "lock": "index.lock"}[operation]).write_text(lab.head())
    error = refused(lab)
    assert error.message == "the report cannot be published now"


def test_a_git_directory_that_cannot_be_written_is_an_error_with_its_cause(lab: Repo) -> None:
    """Files where folders have to be stop root, too, as a read-only mount would."""
    for number in range(256):
        folder = lab.root / ".git" / "objects" / f"{number:02x}"
        if not folder.exists():
            folder.write_text("")
    error = refused(lab)
    assert error.message == "the report could not be published" and error.cause
    assert error.hint.startswith("nothing was changed")


def test_a_branch_that_cannot_be_moved_is_an_error_with_its_cause(lab: Repo) -> None:
    (lab.root / ".git" / "refs" / "heads" / "main.lock").write_text("")
    error = refused(lab)
    assert "main.lock" in error.cause


# No hooks; message, identity, signature


def test_no_commit_hook_runs(lab: Repo) -> None:
    """They check what people write. One that refuses everything keeps no report from being published."""
    log = lab.root.parent / "log"
    for name in ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit"):
        recorder(lab.root / ".git" / "hooks" / name, log, name=name, status=1)
    assert published(lab).commit == lab.head()
    assert calls(log) == []


def test_the_message_is_the_configurations(lab: Repo) -> None:
    message = "docs: report of {time}\n\nRefs: NOTES\n"
    lab.settings = lab.settings._replace(report=lab.settings.report._replace(message=message))
    published(lab)
    said = lab.git("log", "-1", "--format=%B").splitlines()
    assert said[0].startswith("docs: report of 20") and said[1:3] == ["", "Refs: NOTES"]
    assert lab.git("reflog", "-1", "--format=%gs").startswith("commit: docs: report of 20")


def test_our_own_hooks_do_not_look_and_the_next_look_finds_no_change(repo: Repo) -> None:
    hidden(repo, hooks=True)
    edited(repo)
    repo.commit()
    count = repo.count()
    published(repo)
    assert len([line for line in repo.lines() if line.get("commit") == repo.head()]) == 0
    repo.look()
    assert repo.count() == count
    clean_tree(repo)


def test_a_signature_is_made_where_commits_are_signed(lab: Repo) -> None:
    key = lab.root.parent / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    for name, value in (("gpg.format", "ssh"), ("user.signingkey", str(key)), ("commit.gpgsign", "yes")):
        lab.git("config", name, value)
    published(lab)
    assert "-----BEGIN SSH SIGNATURE-----" in lab.git("cat-file", "commit", "HEAD")
    lab.git("config", "user.signingkey", str(lab.root / "gone"))
    edited(lab)
    assert "gone" in refused(lab).cause


def test_who_has_no_name_is_told_what_to_type(lab: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.git("config", "user.useConfigOnly", "true")
    for role in ("AUTHOR", "COMMITTER"):
        for part in ("NAME", "EMAIL"):
            monkeypatch.delenv(f"GIT_{role}_{part}")
    error = refused(lab)
    assert error.message == "git does not know your name and address" and error.hint.startswith("git config user.name")


# Others at work


@pytest.mark.early
def test_a_head_that_moves_loses_nothing(lab: Repo) -> None:
    """Somebody commits in a loop; each of their commits stays on the branch with what it changed."""
    ended = threading.Event()
    made: list[str] = []
    pauses = random.Random(1)

    def commit() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            (lab.root / "code.py").write_text(f"{number}\n")
            done = subprocess.run(
                ["git", "commit", "-qam", f"theirs {number}"], cwd=lab.root, capture_output=True, check=False
            )
            if done.returncode == 0:
                made.append(f"theirs {number}")
            time.sleep(pauses.uniform(0.0, 0.5))

    theirs = threading.Thread(target=commit)
    theirs.start()
    succeeded = 0
    try:
        for _ in range(6):
            edited(lab)
            try:
                succeeded += published(lab).commit is not None
            except AgentsyncError as error:
                assert error.hint == "try again; nothing was changed"
    finally:
        ended.set()
        theirs.join()
    log = lab.git("log", "--format=%s", "main").splitlines()
    assert [line for line in reversed(log) if line.startswith("theirs")] == made
    assert sum(line.startswith("agentsync: report") for line in log) == succeeded > 0
    for line in lab.git("log", "--format=%H %s", "main").splitlines():
        commit_id, subject = line.split(" ", 1)
        names = lab.git("show", "--format=", "--name-only", commit_id).split()
        if subject.startswith("theirs"):
            assert set(names) <= {"code.py", "docs/other.md"}
            assert f"{subject.removeprefix('theirs ')}\n" == lab.git("show", f"{commit_id}:code.py")
        elif subject.startswith("agentsync: report"):
            assert names == [PATH]
    lab.git("add", "-A")
    lab.git("commit", "-q", "--allow-empty", "-m", "the rest")
    clean_tree(lab)


def test_a_commit_between_preparing_and_moving_the_branch_is_built_upon(
    lab: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = publish_module._Attempt._tree

    def committing(*args: object) -> str:
        monkeypatch.setattr(publish_module._Attempt, "_tree", tree)
        lab.commit("theirs\n", "code.py", "theirs")
        return tree(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(publish_module._Attempt, "_tree", committing)
    assert published(lab).commit
    assert lab.git("log", "-2", "--format=%s").splitlines()[1] == "theirs"
    assert lab.git("show", "HEAD:code.py") == "theirs\n"
    clean_tree(lab)


def test_two_who_publish_at_once_make_one_commit(lab: Repo) -> None:
    before = lab.head()
    argv = [sys.executable, "-m", "agentsync", "publish"]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    both = [subprocess.Popen(argv, cwd=lab.root, env=env, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted(process.communicate()[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert said[0] == "main shows the newest report already\n" and said[1].startswith("published on main: ")
    assert lab.git("rev-list", "--count", f"{before}..main").strip() == "1"
    clean_tree(lab)


def test_killed_after_the_branch_has_moved_the_next_publication_mends_the_index(lab: Repo) -> None:
    """The lock that was left is a link to a copy of the index, so it is known for ours and taken away."""
    agentsync_process(lab.root, "publish", code=-signal.SIGKILL, AGENTSYNC_CRASH="publish")
    assert "index.lock" in left(lab)
    assert agentsync(lab.root, "publish").said == "main shows the newest report already\n"
    assert lab.git("status", "--porcelain") == ""
    edited(lab)
    assert published(lab).commit
    assert left(lab) == ""


@pytest.mark.early
@pytest.mark.long
def test_killed_at_random_it_leaves_a_repository_that_can_be_used(lab: Repo) -> None:
    argv = [sys.executable, "-m", "agentsync", "publish"]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    began = time.monotonic()
    subprocess.run(argv, cwd=lab.root, env=env, check=True, capture_output=True)
    usual = time.monotonic() - began
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    moments = random.Random(seed)
    killed = 0
    for _ in range(KILLS):
        edited(lab)
        lab.commit()
        own_text(lab, f"mine {lab.time}")
        process = subprocess.Popen(
            argv, cwd=lab.root, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        time.sleep(moments.uniform(0.3, 1.1) * usual)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        killed += process.returncode != 0
        # git itself, killed while it held a lock, leaves that lock; we answer for ours.
        for lock in ("HEAD.lock", "refs/heads/main.lock"):
            (lab.root / ".git" / lock).unlink(missing_ok=True)
        agentsync(lab.root, "publish")
        assert left(lab) == ""
        assert shown(in_commit(lab)) == newest(lab)
        assert lab.git("status", "--porcelain") == f" M {PATH}\n"
        lab.commit(message="mine")
        clean_tree(lab)
    assert killed
    lab.git("fsck", "--strict")


# The commands


def test_the_commands_say_what_they_did(repo: Repo) -> None:
    hidden(repo)
    repo.write("1\n")
    said = agentsync(repo.root, "consolidate", "--commit").said
    assert f"published on main: {repo.head()[:12]}" in said
    assert shown(in_commit(repo)) == newest(repo)
    assert agentsync(repo.root, "publish").said == "main shows the newest report already\n"
    repo.write("2\n")
    told = json.loads(agentsync(repo.root, "consolidate", "--commit", "--json").said)
    assert told["published"] == {"commit": repo.head(), "branch": "main"}
    assert json.loads(agentsync(repo.root, "publish", "--json").said) == {"commit": None, "branch": "main"}
    repo.write("3\n")
    assert "published" not in json.loads(agentsync(repo.root, "consolidate", "--json").said)
    assert json.loads(agentsync(repo.root, "publish", "--json").said) == {"commit": repo.head(), "branch": "main"}


def test_a_refusal_is_message_cause_and_hint(lab: Repo) -> None:
    lab.git("switch", "-qc", "side")
    said = agentsync(lab.root, "publish", code=1).said
    assert "reports are published on main only" in said and "git switch main, then try again" in said


def test_a_bare_repository_has_nowhere_to_publish(lab: Repo) -> None:
    """The git directory itself is no worktree."""
    lab.git("config", "core.bare", "true")
    assert "this is a bare repository" in agentsync(lab.root / ".git", "publish", code=1).said


def test_a_report_that_git_sees_is_published_as_well(repo: Repo) -> None:
    hidden(repo, commit="with-work")
    edited(repo)
    repo.git("add", "docs")
    repo.git("commit", "-q", "-m", "mine")
    assert repo.git("status", "--porcelain") == f" M {PATH}\n"
    assert published(repo).commit
    assert repo.git("status", "--porcelain") == ""
