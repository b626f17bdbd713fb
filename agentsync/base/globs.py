"""Globs as git's `:(glob)` pathspecs read them, so that agentsync and git never disagree on what is watched.

`?` and `*` stay within a folder, `**` as a whole part crosses folders, `\\` takes the meaning from what follows. git
compares bytes, so this does: `?` is half an "é". No path can make a pattern slow: after a star the earliest fit is the
best one, so each group is atomic and nothing is tried twice.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_PATH = 1000  # characters
# What git's own matching is given: with more of these, and a path made for it, it would take minutes.
MAX_STARS = 3  # in all, "**" among them
MAX_FOLDERS = 8  # behind the first "**"
SEPARATOR, ONE, STAR, DEEP = "separator", "one", "star", "deep"
_TOKEN = re.compile(rb"\\.|\*+|.", re.DOTALL)
_WILD = re.compile(r"(?:[^\\*?\[]|\\.)*+[*?\[]", re.DOTALL)
_SET = re.compile(r"(?:[^\\\[]|\\.)*+\[", re.DOTALL)


class Token(NamedTuple):
    """A piece of a glob: its kind, how it is written, and for ONE the regular expression of the byte it stands for."""

    kind: str
    raw: bytes
    expression: bytes = b""


def is_glob(path: str) -> bool:
    """Whether a watched path has a `*`, `?` or `[` without a backslash before it."""
    return bool(_WILD.match(path))


def literal(path: str) -> str:
    """The name that a watched path without wildcards stands for: a backslash only says that the next is no wildcard."""
    return re.sub(r"\\(.)", r"\1", path, flags=re.DOTALL)


def escaped(path: str) -> str:
    """A path as the configuration would name it, where it has a wildcard's characters: the inverse of `literal`."""
    return re.sub(r"([*?\[\]\\])", r"\\\1", path)


def compiled(glob: str) -> re.Pattern[bytes]:
    """What a whole path (as bytes) has to match."""
    blocks: list[list[Token]] = [[]]  # what stands between two `**`: the earliest fit of a block will do
    for token in _tokens(glob.encode(errors="surrogateescape")):
        if token.kind == DEEP:
            blocks.append([])
        else:
            blocks[-1].append(token)
    result = _block(blocks[0])
    for number, block in enumerate(blocks[1:], 2):
        if not block:  # the glob ends in `**`
            return re.compile(result + b".*\\Z", re.DOTALL)
        rest = _block(block[1:])  # without the separator that ended `**`
        result += b"(?:.*/)?" + rest if number == len(blocks) else b"(?>(?:.*?/)??" + rest + b")"
    return re.compile(result + b"\\Z", re.DOTALL)


def for_git(glob: str) -> str:
    """A glob that git matches in no time against any path, and that matches at least as much."""
    written, stars, deep, folders = b"", 0, False, 0
    for token in _tokens(glob.encode(errors="surrogateescape")):
        again = deep and token.kind == DEEP
        stars += token.kind in (STAR, DEEP)
        deep = deep or token.kind == DEEP
        folders += deep and token.kind == SEPARATOR
        if again or stars > MAX_STARS or folders > MAX_FOLDERS:
            return (written[: written.rfind(b"/") + 1] + b"**").decode(errors="surrogateescape")
        written += token.raw
    return glob


def on_one_line(glob: str) -> str:
    """A glob without newlines that matches at least as much."""
    pieces = _TOKEN.findall(glob.encode(errors="surrogateescape"))
    return b"".join(b"?" if b"\n" in piece else piece for piece in pieces).decode(errors="surrogateescape")


def path_problem(path: str) -> tuple[str, str] | None:
    """What is wrong with the spelling of a watched path, and what to write instead; None if nothing is."""
    parts = path.split("/")
    rules = (
        (not path, "empty", "write the path from the repository's root, such as docs/x.md"),
        (len(path) > MAX_PATH, f"longer than {MAX_PATH} characters", "watch its folder with a glob"),
        ("\0" in path, "has a NUL, which no file name has", "take it out"),
        (path.startswith("/"), "outside the repository", "write it from the repository's root, with no / before it"),
        (
            re.search(r"\\(?![*?\[\]\\])", path.replace("\\\\", "")),  # before a dot it could hide ".." from the rules
            "has a \\ before a plain character",
            "write / between folders; \\ only before * ? [ ] \\",
        ),
        (path.endswith("/"), "a folder", f"write {path[:100]}** for all that is in it"),
        (".." in parts, "may lead out of the repository", "write it without .. from the repository's root"),
        (not all(parts) or "." in parts, "has an empty part", "write one / between names, and no ."),
        (".git" in path.lower().split("/"), "inside .git", "git's own files are not shared documents"),
        (parts[0].lower() == ".agentsync", "agentsync's own folder", "watch your own documents"),
        (_SET.match(path), "has a [, which git takes for a set", "write ? for any one character, \\[ for a bracket"),
        (is_glob(path) and "\n" in path, "has a newline beside a wildcard", "write ? for the newline"),
    )
    return next(((what, hint) for broken, what, hint in rules if broken), None)


def _tokens(glob: bytes) -> Iterator[Token]:
    """The pieces of a glob, in order."""
    # git compares the plain text before the first special character on its own and hands over the rest, so there `**`
    # stands at a beginning even in `a**/b`.
    first = re.search(rb"[*?\\]", glob)
    beginnings = (0, first.start() if first else 0)
    for found in _TOKEN.finditer(glob):
        raw, at, end = found[0], found.start(), found.end()
        if raw.startswith(b"*"):
            begins = at in beginnings or glob[at - 1 : at] == b"/"
            ends = end == len(glob) or glob[end : end + 1] == b"/"
            yield Token(DEEP if len(raw) > 1 and begins and ends else STAR, raw)
        elif raw == b"?":
            yield Token(ONE, raw, b"[^/]")
        else:
            yield Token(SEPARATOR, raw, b"/") if raw == b"/" else Token(ONE, raw, re.escape(raw[-1:]))


def _block(pieces: list[Token]) -> bytes:
    """The expression of pieces without `**`: between two stars of a folder's part the earliest fit will do."""
    result, run, starred = b"", b"", False
    for token in pieces:
        if token.kind == STAR:
            result += b"(?>[^/]*?" + run + b")" if starred else run
            run, starred = b"", True
        elif token.kind == SEPARATOR:
            result += (b"[^/]*" if starred else b"") + run + b"/"
            run, starred = b"", False
        else:
            run += token.expression
    return result + (b"[^/]*" if starred else b"") + run
