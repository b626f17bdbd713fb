"""A report that git does not see, in files of every line ending and encoding."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.report import PATH, TEXT, Lab, clean_tree, make, reported

from agentsync.report import region
from agentsync.report.outcome import owed

BARE = TEXT.removesuffix("\n")
ID = "$Id$\n" + TEXT


@dataclass(frozen=True)
class Form:
    """How the file lies in the worktree: `raw`; with which configuration and .gitattributes; `newline` of its region.

    `old` and `new`: an edit of it, as bytes of the worktree.
    """

    raw: bytes
    config: tuple[str, ...] = ()
    attributes: str = ""
    newline: bytes = b"\n"
    old: bytes = b"line 2"
    new: bytes = b"my line"


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


CRLF = b"\r\n"
FORMS = {
    "lf": Form(TEXT.encode()),
    "crlf": Form(crlf(TEXT), newline=CRLF),
    "no-final-newline": Form(BARE.encode()),
    "crlf-no-final-newline": Form(crlf(BARE), newline=CRLF),
    "empty": Form(b"", old=b"", new=b"my line\n"),
    "one-line-no-final-newline": Form(b"x", old=b"x", new=b"my line"),
    "mixed": Form(TEXT.replace("line 3\n", "line 3\r\n").encode()),
    "lone-carriage-returns": Form(TEXT.replace("line 3\n", "line 3\r").encode()),
    "autocrlf-true": Form(crlf(TEXT), config=("core.autocrlf=true",), newline=CRLF),
    "autocrlf-true-no-final-newline": Form(crlf(BARE), config=("core.autocrlf=true",), newline=CRLF),
    "autocrlf-input": Form(TEXT.encode(), config=("core.autocrlf=input",)),
    "safecrlf": Form(crlf(TEXT), config=("core.autocrlf=true", "core.safecrlf=true"), newline=CRLF),
    "safecrlf-no-final-newline": Form(crlf(BARE), config=("core.autocrlf=true", "core.safecrlf=true"), newline=CRLF),
    "safecrlf-input": Form(TEXT.encode(), config=("core.autocrlf=input", "core.safecrlf=true")),
    "eol-crlf": Form(crlf(TEXT), attributes="text eol=crlf", config=("core.safecrlf=true",), newline=CRLF),
    "eol-lf": Form(TEXT.encode(), attributes="text eol=lf", config=("core.safecrlf=true",)),
    "ident": Form(ID.encode(), attributes="ident"),
    "ident-crlf": Form(crlf(ID), attributes="ident text eol=crlf", newline=CRLF),
    "utf-8-with-bom": Form(("\ufeff" + TEXT).encode()),
    "latin-1": Form(TEXT.replace("line 3", "ligne trois, dépêche").encode("latin-1")),
}

USUAL = {"lf", "crlf", "no-final-newline", "empty", "autocrlf-true", "safecrlf", "utf-8-with-bom", "latin-1"}


def made(root: Path, form: Form) -> Lab:
    """A repository whose report's file has this form, as git itself would have checked it out."""
    safe = "core.safecrlf=true" in form.config
    settings = [word for one in form.config if one.startswith("core.auto") for word in ("--config", one)]
    attributes = {".gitattributes": f"/{PATH} {form.attributes}\n"} if form.attributes else {}
    root.parent.mkdir(exist_ok=True)
    subprocess.run(["git", "init", "-q", "--bare", root.parent / "empty"], check=True)
    subprocess.run(["git", "clone", "-q", *settings, root.parent / "empty", root], check=True, capture_output=True)
    lab = make(root, content=form.raw, files=attributes)
    lab.file.unlink()
    lab.git("checkout", "-q", "--", PATH)
    if not form.attributes.startswith("ident"):
        assert lab.file.read_bytes() == form.raw
    if safe:
        lab.git("config", "core.safecrlf", "true")  # not before: it refuses agentsync's own new files
    lab.consolidate()
    return lab


def stored(lab: Lab, text: bytes) -> bytes:
    """What git would store of these bytes if there were no agentsync."""
    args = ["git", "-c", "filter.agentsync.clean=", "hash-object", "-w", "--stdin", f"--path={PATH}"]
    oid = subprocess.run(args, cwd=lab.root, check=True, input=text, capture_output=True).stdout.decode().strip()
    return subprocess.run(["git", "cat-file", "blob", oid], cwd=lab.root, check=True, capture_output=True).stdout


def holds(lab: Lab, form: Form, text: bytes) -> None:
    """The file is this text and the newest report in the text's own form; git sees neither."""
    reported(lab)
    clean_tree(lab)
    raw = lab.file.read_bytes()
    assert region.strip(raw) == text
    found = region.find(raw)
    assert found and found.newline == form.newline
    inside = raw[found.start : found.end]
    assert inside.count(b"\n") == inside.count(form.newline) > 5
    assert region.strip(lab.blob()) == stored(lab, text)


@pytest.mark.parametrize(
    "form",
    [pytest.param(form, id=name, marks=() if name in USUAL else pytest.mark.long) for name, form in FORMS.items()],
)
def test_the_text_passes_in_its_own_form_and_only_the_edit_is_committed(tmp_path: Path, form: Form) -> None:
    """A report, an edit of the user's, another report, git's own writing of the file; and again with one published."""
    lab = made(tmp_path / "repo", form)
    one_life(lab, form, form.old, form.new, published=False)
    assert lab.publish().commit
    lab.consolidate()
    one_life(lab, form, form.new, form.old, published=True)


def one_life(lab: Lab, form: Form, old: bytes, new: bytes, *, published: bool) -> None:
    text = region.strip(lab.file.read_bytes())
    holds(lab, form, text)
    carried = lab.region_of()
    assert bool(carried) is published

    raw = lab.file.read_bytes()
    lab.file.write_bytes(raw.replace(old, new, 1))
    lab.git("add", PATH)
    lab.git("commit", "-q", "-m", "edit")
    edited = text.replace(old, new, 1)
    assert lab.region_of() == carried
    assert region.strip(lab.blob()) == stored(lab, edited)
    assert lab.file.read_bytes() == raw.replace(old, new, 1)
    clean_tree(lab)

    lab.consolidate()
    holds(lab, form, edited)
    lab.file.unlink()
    lab.git("checkout", "-q", "--", PATH)
    clean_tree(lab)
    fresh = region.strip(lab.file.read_bytes())
    assert stored(lab, fresh) == stored(lab, edited)
    lab.pay()
    holds(lab, form, fresh)


@pytest.mark.parametrize("name", ["lf", "no-final-newline", "crlf", "safecrlf-no-final-newline", "empty"])
def test_what_is_taken_from_a_stash_is_in_its_own_form(tmp_path: Path, name: str) -> None:
    """The edit is stashed and popped; the text behind a region that is on its way out has its last line whole."""
    form = FORMS[name]
    lab = made(tmp_path / "repo", form)
    assert lab.publish().commit
    lab.consolidate()
    text = region.strip(lab.file.read_bytes())
    lab.file.write_bytes(lab.file.read_bytes().replace(form.old, form.new, 1))
    lab.git("stash")
    lab.pay()
    holds(lab, form, text)
    lab.git("stash", "pop")
    assert region.strip(lab.file.read_bytes()) == text.replace(form.old, form.new, 1)
    assert lab.status() == [f" M {PATH}"]


@pytest.mark.parametrize(
    ("codec", "attributes"),
    [
        ("utf-16-le", "text working-tree-encoding=UTF-16LE"),
        ("utf-16", "text working-tree-encoding=UTF-16"),
        ("utf-16", ""),
    ],
)
def test_utf_16_gets_no_report(tmp_path: Path, codec: str, attributes: str) -> None:
    """The report is owed, and the file stays as it is."""
    raw = TEXT.encode(codec)
    lab = make(tmp_path / "repo", content=raw, files={".gitattributes": f"/{PATH} {attributes}\n"})
    assert lab.consolidate() == owed(f"{PATH} is not UTF-8 text")
    assert lab.file.read_bytes() == raw
    clean_tree(lab)
