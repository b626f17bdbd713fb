"""Globs as git's `:(glob)` pathspecs read them, so that agentsync and git never disagree on what is watched.

`?` and `*` stay within a folder, `**` as a whole part crosses folders, `[a-z]` and `[!a-z]` are one byte, `\\` takes
the meaning from what follows. git compares bytes, so this does: `?` is half an "é". No path can make a pattern slow:
after a star the earliest fit is the best one, so each group is atomic and nothing is tried twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agentsync.base.settings import is_glob

MAX_PATH = 1000  # characters
SEPARATOR, ONE, STAR, DEEP = "separator", "one", "star", "deep"
NEVER = b"(?!)"
_SPECIAL = re.compile(rb"[*?\[\\]")
_CLASSES = {
    b"alnum": rb"[A-Za-z0-9]",
    b"alpha": rb"[A-Za-z]",
    b"blank": rb"[ \t]",
    b"cntrl": rb"[\x00-\x1f\x7f]",
    b"digit": rb"[0-9]",
    b"graph": rb"[!-~]",
    b"lower": rb"[a-z]",
    b"print": rb"[ -~]",
    b"punct": rb"[!-/:-@\[-`{-~]",
    b"space": rb"[ \t\n\r]",
    b"upper": rb"[A-Z]",
    b"xdigit": rb"[0-9A-Fa-f]",
}


@dataclass(frozen=True)
class Token:
    """A piece of a glob: its kind, how it is written, and for ONE the regular expression of the byte it stands for."""

    kind: str
    raw: bytes
    expression: bytes = b""


def compiled(glob: str) -> re.Pattern[bytes]:
    """What a whole path (as bytes) has to match."""
    return re.compile(_deep(list(tokens(glob.encode(errors="surrogateescape")))), re.DOTALL)


def is_whole(glob: str) -> bool:
    """Whether each `[` is closed and no backslash stands at the end; a glob that isn't whole matches nothing."""
    return all(token.expression != NEVER for token in tokens(glob.encode(errors="surrogateescape")))


def path_problem(path: str) -> tuple[str, str] | None:
    """What is wrong with the spelling of a watched path, and what to write instead; None if nothing is."""
    rules = (
        (not path, "empty", "write the path from the repository's root, such as docs/x.md"),
        (len(path) > MAX_PATH, f"longer than {MAX_PATH} characters", "watch its folder with a glob"),
        ("\0" in path, "has a NUL, which no file name has", "take it out"),
        (path.startswith("/"), "outside the repository", "write it from the repository's root, with no / before it"),
        (
            _stray_backslash(path),
            "has a \\ before a plain character",
            "write / between folders; \\ only before * ? [ ] \\",
        ),
        (path.endswith("/"), "a folder", f"write {path[:100]}** for all that is in it"),
        (".." in path.split("/"), "may lead out of the repository", "write it without .. from the repository's root"),
        (
            not all(path.split("/")) or "." in path.split("/"),
            "has an empty part",
            "write one / between names, and no .",
        ),
        (".git" in path.lower().split("/"), "inside .git", "git's own files are no shared documents"),
        (path.lower().split("/")[0] == ".agentsync", "agentsync's own folder", "watch your own documents"),
        (
            is_glob(path) and not is_whole(path),
            "has a [ that is not closed",
            "close it with ], or write \\[ for a bracket",
        ),
        (is_glob(path) and "\n" in path, "has a newline beside a wildcard", "write ? for the newline"),
    )
    return next(((what, hint) for broken, what, hint in rules if broken), None)


def on_one_line(glob: str) -> str:
    """A glob without newlines that matches at least as much."""
    pieces = (b"?" if b"\n" in token.raw else token.raw for token in tokens(glob.encode(errors="surrogateescape")))
    return b"".join(pieces).decode(errors="surrogateescape")


def tokens(glob: bytes) -> Iterator[Token]:
    """The pieces of a glob, in order."""
    first = _SPECIAL.search(glob)
    first_at = first.start() if first else len(glob)
    at = 0
    while at < len(glob):
        token = _token(glob, at, first_at)
        yield token
        at += len(token.raw)


def _token(glob: bytes, at: int, first_special: int) -> Token:
    char = glob[at : at + 1]
    if char == b"*":
        return _stars(glob, at, first_special)
    if char == b"[":
        return _set(glob, at)
    if char == b"?":
        return Token(ONE, char, b"[^/]")
    raw = glob[at : at + 2] if char == b"\\" else char
    if raw == b"\\":
        return Token(ONE, raw, NEVER)
    return Token(SEPARATOR, raw, b"/") if raw[-1:] == b"/" else Token(ONE, raw, re.escape(raw[-1:]))


def _stars(glob: bytes, at: int, first_special: int) -> Token:
    end = at
    while glob[end : end + 1] == b"*":
        end += 1
    # git compares the plain text before the first special character on its own and hands over the rest, so there `**`
    # stands at a beginning even in `a**/b`.
    begins = at in (0, first_special) or glob[at - 1 : at] == b"/"
    ends = end == len(glob) or glob[end : end + 1] == b"/" or glob[end : end + 2] == b"\\/"
    return Token(DEEP if end - at > 1 and begins and ends else STAR, glob[at:end])


def _set(glob: bytes, start: int) -> Token:
    """`[...]`: the bytes it stands for, as wildmatch.c of git reads it."""
    at = start + 1
    negated = glob[at : at + 1] in (b"!", b"^")
    at += negated
    members: set[int] = set()
    before = None  # the byte that a range could begin with
    first = True
    while first or glob[at : at + 1] != b"]":
        first = False
        found, before, at = _member(glob, at, before)
        if found is None:
            return Token(ONE, glob[start:], NEVER)
        members |= found
    if negated:
        members = set(range(256)) - members
    return Token(ONE, glob[start : at + 1], _one_of(members - {ord("/")}))


def _one_of(members: set[int]) -> bytes:
    sign, listed = (b"^", set(range(256)) - members) if len(members) > 128 else (b"", members)
    return b"[" + sign + b"".join(b"\\x%02x" % byte for byte in sorted(listed)) + b"]" if listed else b"[^\\x00-\\xff]"


def _member(glob: bytes, at: int, before: int | None) -> tuple[set[int] | None, int | None, int]:
    """One member of a set: its bytes (None: the set is not whole), what a range may begin with, where to go on."""
    char = glob[at : at + 1]
    if char == b"-" and before is not None and glob[at + 1 : at + 2] not in (b"", b"]"):
        last, at = _plain(glob, at + 1)
        return (None if last is None else set(range(before, last + 1))), None, at
    if char == b"[" and glob[at + 1 : at + 2] == b":":
        end = glob.find(b"]", at + 2)
        if end < 0:
            return None, None, at
        if end > at + 2 and glob[end - 1 : end] == b":":
            return _class(glob[at + 2 : end - 1]), None, end + 1
    byte, at = _plain(glob, at)
    return (None if byte is None else {byte}), byte, at


def _plain(glob: bytes, at: int) -> tuple[int | None, int]:
    at += glob[at : at + 1] == b"\\"
    return (glob[at], at + 1) if at < len(glob) else (None, at)


def _class(name: bytes) -> set[int] | None:
    expression = _CLASSES.get(name)
    if expression is None:
        return None
    return {byte for byte in range(256) if re.match(expression, bytes((byte,)))}


def _deep(pieces: list[Token]) -> bytes:
    """The expression of a glob: what stands between two `**` is a block, and the earliest fit of a block will do."""
    blocks: list[list[Token]] = [[]]
    for token in pieces:
        if token.kind == DEEP:
            blocks.append([])
        else:
            blocks[-1].append(token)
    result = _block(blocks[0])
    for number, block in enumerate(blocks[1:], 2):
        if not block:  # the glob ends in `**`
            return result + b".*\\Z"
        rest = _block(block[1:])  # without the separator that ended `**`
        none_too = b"?" if block[0].raw == b"/" else b""  # written `\\/`, git wants one folder at least
        last = number == len(blocks)
        result += b"(?:.*/)" + none_too + rest if last else b"(?>(?:.*?/)" + none_too * 2 + rest + b")"
    return result + b"\\Z"


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


def _stray_backslash(path: str) -> bool:
    # Before a dot or a slash it could hide ".." and "//" from the rules.
    rest = path.replace("\\\\", "")
    return any(char == "\\" and rest[at + 1 : at + 2] not in tuple("*?[]!^-") for at, char in enumerate(rest))
