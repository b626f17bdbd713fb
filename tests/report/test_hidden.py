"""The clean filter as git runs it: the file on its standard input, what git is to store on its standard output."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lab.report import PATH, TEXT, Lab, consolidated, fresh

from agentsync.base import files, git
from agentsync.report import hidden, paid, region
from agentsync.report.attributes import FILTER
from agentsync.setup import git_filter
from agentsync.setup.hook_scripts import ENTRY

REPORTS = {"1": "the published report\n", "2": "the newest report\n\nwith more lines\n"}


def shown(text: bytes, id_: str) -> bytes:
    """The text with one of the two reports."""
    return region.put(text, REPORTS[id_], id_, "## Heading")


OLD, NEW = shown(TEXT.encode(), "1"), shown(TEXT.encode(), "2")
OTHER = NEW.replace(b"line 2\n", b"my line\n")
PROGRAMS = ("python", "awk", "mawk", "gawk", "busybox awk")


def through(lab: Lab, content: bytes, program: str = "python", path: str = PATH) -> bytes:
    """What the configured command makes of the bytes; `program`: the interpreter, or the awk that does without it."""
    command = git_filter.commands(sys.executable if program == "python" else "/gone/python")[FILTER]
    env = dict(os.environ)
    if program not in ("python", "awk"):
        folder = lab.root.parent / "bin"
        folder.mkdir(exist_ok=True)
        script = folder / "awk"
        script.write_text(f'#!/bin/sh\nexec {program} "$@"\n')
        script.chmod(0o755)
        env["PATH"] = f"{folder}:{env['PATH']}"
    quoted = path.replace("'", "'\\''")
    # As git does: %f is the quoted name, %% a percent sign.
    command = command.replace("%f", f"'{quoted}'").replace("%%", "%")
    done = subprocess.run(
        ["sh", "-c", command], cwd=lab.root, env=env, input=content, check=True, capture_output=True, timeout=30
    )
    assert done.stderr == b""
    return done.stdout


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository without any report."""
    return fresh(tmp_path / "repo")


def staged(lab: Lab, content: bytes) -> None:
    """The index has these bytes of the file, whatever they are."""
    args = ["git", "hash-object", "-w", "--stdin", "--no-filters"]
    oid = subprocess.run(args, cwd=lab.root, check=True, input=content, capture_output=True).stdout.decode().strip()
    lab.git("update-index", "--add", "--cacheinfo", f"100644,{oid},{PATH}")


def crlf(content: bytes) -> bytes:
    return content.replace(b"\n", b"\r\n")


def bare(content: bytes) -> bytes:
    """With its region behind a text that has no newline at its end."""
    found = region.find(content)
    assert found
    return shown(region.strip(content).removesuffix(b"\n"), found.id)


def above(content: bytes) -> bytes:
    """The same region, with text below it."""
    return content + b"below\n"


BARE = TEXT.encode().removesuffix(b"\n")
LATIN = NEW.replace(b"line 3", b"ligne trois, d\xe9p\xeache")
# What the index has, what the file has, what git is to get.
TABLE = {
    "no-region": (TEXT.encode(), b"edited\n", b"edited\n"),
    "empty": (TEXT.encode(), b"", b""),
    "unpublished": (TEXT.encode(), NEW, TEXT.encode()),
    "unpublished-edited": (TEXT.encode(), OTHER, region.strip(OTHER)),
    "published": (OLD, NEW, OLD),
    "published-edited": (OLD, OTHER, OLD.replace(b"line 2\n", b"my line\n")),
    "below": (TEXT.encode(), above(NEW), TEXT.encode() + b"below\n"),
    "below-published": (OLD, above(NEW), above(OLD)),
    "crlf": (crlf(TEXT.encode()), crlf(NEW), crlf(TEXT.encode())),
    "crlf-published": (crlf(OLD), crlf(NEW), crlf(OLD)),
    "crlf-in-the-file-only": (OLD, crlf(NEW), crlf(OLD)),
    "crlf-in-the-index-only": (crlf(OLD), NEW, OLD),
    "no-final-newline": (BARE, bare(NEW), BARE),
    "no-final-newline-published": (bare(OLD), bare(NEW), bare(OLD)),
    "no-final-newline-crlf": (crlf(BARE), crlf(bare(NEW)), crlf(BARE)),
    "no-final-newline-crlf-published": (crlf(bare(OLD)), crlf(bare(NEW)), crlf(bare(OLD))),
    "nothing-but-the-region": (b"", region.put(b"", "report\n", "2", "## Heading"), b""),
    "one-line": (b"x", region.put(b"x", "report\n", "2", "## Heading"), b"x"),
    "latin-1": (TEXT.encode(), LATIN, region.strip(LATIN)),
    "percent-signs": (b"100 %f\n", region.put(b"100 %f %%\n", "1 % %f\n", "2", "## H"), b"100 %f %%\n"),
    "begin-without-end": (OLD, NEW.replace(b"<!-- agentsync:end -->\n", b""), None),
}
PYTHON_ONLY = {
    "utf-8-bom": (b"\xef\xbb\xbf" + TEXT.encode(), b"\xef\xbb\xbf" + NEW, b"\xef\xbb\xbf" + TEXT.encode()),
    "utf-16": (TEXT.encode(), ("\ufeff" + NEW.decode()).encode("utf-16-le"), None),
    "utf-16-published": (OLD, ("\ufeff" + NEW.decode()).encode("utf-16-be"), None),
    "nul-bytes": (TEXT.encode(), b"a\0b\n" + NEW, b"a\0b\n" + TEXT.encode()),
    "no-final-newline-in-the-index-only": (bare(OLD), NEW, OLD),
    "no-final-newline-in-the-file-only": (OLD, bare(NEW), bare(OLD)),
    "end-without-begin": (OLD, TEXT.encode() + b"<!-- agentsync:end -->\n", None),
    "doubled": (OLD, NEW + NEW, None),
    "conflict-inside": (OLD, NEW.replace(b"with more", b"<<<<<<< ours\nwith more"), None),
    "broken-in-the-index": (NEW.replace(b"<!-- agentsync:end -->\n", b""), NEW, None),
    "typed-inside": (TEXT.encode(), NEW.replace(b"with more lines\n", b"with more lines\ntyped\n"), ...),
    "as-the-index-has-it": (OLD, OLD, OLD),
    "no-region-in-the-file": (OLD, TEXT.encode(), OLD),
    "no-region-in-a-new-text": (OLD, b"all is new\n", b"all is new\n" + OLD.removeprefix(TEXT.encode())),
}


def installed(program: str) -> bool:
    """Whether this awk is there; git needs no more than one."""
    return program == "python" or bool(shutil.which(program.split()[0]))


def expected(content: bytes, wanted: bytes | None) -> bytes:
    return content if wanted is None else wanted


@pytest.mark.parametrize("program", [one for one in PROGRAMS if installed(one)])
def test_git_gets_the_region_of_the_index_or_none(lab: Lab, program: str) -> None:
    """The program, and the awk script that stands in where it is gone, say the same."""
    wrong = []
    for name, (indexed, content, wanted) in TABLE.items():
        staged(lab, indexed)
        if through(lab, content, program) != expected(content, wanted):
            wrong.append(name)
    assert wrong == []


@pytest.mark.parametrize("name", [name for name in PYTHON_ONLY if name != "typed-inside"])
def test_what_only_the_program_knows(lab: Lab, name: str) -> None:
    """Encodings, and everything that is passed through because it is no region."""
    indexed, content, wanted = PYTHON_ONLY[name]
    staged(lab, indexed)
    assert isinstance(wanted, bytes | None)
    assert through(lab, content) == expected(content, wanted)


@pytest.mark.parametrize("indexed", [TEXT.encode(), OLD], ids=["unpublished", "published"])
def test_lines_typed_inside_the_region_stand_below_it_in_what_git_gets(lab: Lab, indexed: bytes) -> None:
    """The report stays out and no byte of the user's is lost; the next report leaves the file in just that form."""
    staged(lab, indexed)
    content = NEW.replace(b"with more lines\n", b"with more lines\nTODO: typed by hand\n")
    given = through(lab, content)
    found = region.find(given)
    assert (found.id if found else None) == ("1" if indexed == OLD else None)
    written = region.put(content, "the next report\n", "3", "## Heading")
    assert region.strip(given) == region.strip(written)
    assert b"TODO: typed by hand\n" in region.strip(given)


@pytest.mark.parametrize("program", [one for one in PROGRAMS[:2] if installed(one)])
def test_an_unmerged_path_passes_through(lab: Lab, program: str) -> None:
    """Whoever resolves the conflict decides."""
    stages = "".join(f"100644 {lab.git('rev-parse', f'HEAD:{PATH}').strip()} {n}\t{PATH}\n" for n in (1, 2, 3))
    lab.git("update-index", "--index-info", stdin=f"0 {'0' * 40}\t{PATH}\n{stages}")
    assert through(lab, NEW, program) == NEW


def test_a_file_that_the_index_does_not_know_gets_the_region_of_head(lab: Lab) -> None:
    """After `git rm --cached`: what is published stays."""
    staged(lab, OLD)
    lab.git("commit", "-q", "-m", "published")
    lab.git("rm", "-q", "--cached", PATH)
    assert through(lab, NEW) == OLD
    assert through(lab, NEW, path="unknown.md") == TEXT.encode()


def test_in_an_operation_a_region_of_somebody_else_passes_and_ours_does_not(lab: Lab) -> None:
    """A merge that takes another branch's report is not overruled; a `commit -a` in it carries none of ours."""
    (lab.root / ".git/MERGE_HEAD").write_text(lab.head() + "\n")
    assert through(lab, NEW) == NEW
    paid.remember(lab.here(), "2")
    assert through(lab, NEW) == TEXT.encode()


def test_outside_of_a_repository_the_bytes_pass_through(lab: Lab) -> None:
    lab.root = lab.root.parent
    assert through(lab, NEW) == NEW


def test_more_than_a_document_may_have_passes_through(lab: Lab) -> None:
    """Read, and not judged."""
    content = NEW + b"x" * files.MAX_DOCUMENT
    assert through(lab, content) == content


def test_a_git_that_does_not_answer_in_time_is_not_waited_for(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes pass through then, and the git is ended."""
    folder = lab.root.parent / "slow"
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\necho $$ >{folder}/pid\nexec sleep 600\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(hidden, "TIMEOUT", 2.0)
    monkeypatch.chdir(lab.root)
    assert hidden.clean(PATH, NEW) == NEW
    assert not files.is_running(int((folder / "pid").read_text()))


def test_whatever_goes_wrong_git_gets_the_bytes(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where git itself cannot be started, too."""
    env = {"PATH": "/nowhere"}
    args = [sys.executable, "-I", "-S", ENTRY, "clean", PATH]
    done = subprocess.run(args, cwd=lab.root, env=env, input=NEW, check=True, capture_output=True)
    assert done.stdout == NEW


def test_the_filter_is_a_lean_island(lab: Lab) -> None:
    """git waits for it: of this package it loads three modules, and of Python's nothing that takes long."""
    code = f"import os, sys; sys.argv[1:] = ['clean', {PATH!r}]; before = {{*sys.modules}}\n"
    code += "os._exit = lambda _: sys.stderr.write(' '.join({*sys.modules} - before))\n"
    code += f"__file__ = {ENTRY!r}\nexec(compile(open(__file__).read(), __file__, 'exec'))\n"
    argv = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(argv, cwd=lab.root, input=NEW, check=True, capture_output=True)
    assert done.stdout == TEXT.encode()
    loaded = set(done.stderr.decode().split())
    ours = {name for name in loaded if name.startswith("agentsync")}
    assert ours == {"agentsync", "agentsync.report", "agentsync.report.hidden", "agentsync.report.region"}
    assert loaded - ours <= {"__future__", "select", "hashlib", "_hashlib", "_blake2", "_sha2", "_sha3", "gc"}


def test_the_island_says_the_same_as_the_mainland() -> None:
    assert {part.split("/")[0] for part, _ in git.OPERATIONS} == {*hidden.STATES}
    assert hidden.LARGEST == files.MAX_DOCUMENT


def test_in_a_linked_worktree_the_index_of_that_worktree_counts(lab: Lab) -> None:
    """git exports GIT_DIR there, and GIT_INDEX_FILE while it stashes."""
    linked = lab.worktree("linked", "-b", "linked")
    staged(linked, OLD)
    assert through(lab, NEW) == TEXT.encode()
    assert through(linked, NEW) == OLD
    consolidated(lab)
    assert lab.blob("") == TEXT.encode()
