"""What somebody may put into a repository that others pull: configurations, documents and histories made to hurt."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

from agentsync.report.phrases import PHRASES

HEADING = PHRASES["en"].heading
BEGIN, END = "<!-- agentsync:begin -->", "<!-- agentsync:end -->"
MIB = 1 << 20
Put = Callable[[Path], None]  # into the worktree with this root


def _config(text: str | bytes) -> Put:
    return _file(".agentsync/config.toml", text)


def _file(path: str, text: str | bytes) -> Put:
    data = text.encode() if isinstance(text, str) else text

    def put(root: Path) -> None:
        there = root / path
        there.parent.mkdir(parents=True, exist_ok=True)
        if there.is_symlink() or there.exists():
            there.unlink()
        there.write_bytes(data)

    return put


def _instead(path: str, make: Callable[[Path], object]) -> Put:
    """Something that is no plain file, in the place of whatever is there."""

    def put(root: Path) -> None:
        there = root / path
        if there.is_symlink() or there.exists():
            there.rename(there.with_name(f"{there.name}.aside"))
        there.parent.mkdir(parents=True, exist_ok=True)
        make(there)

    return put


def _watch(*globs: str) -> str:
    return "".join(f'[[watch]]\npath = "{glob}"\ntype = "docs"\n' for glob in globs)


def _deep(path: str, glob: str) -> Put:
    """A glob, and a path that was made for it."""

    def put(root: Path) -> None:
        _config(_watch(glob, "doc.md"))(root)
        _file(path, "x\n")(root)

    return put


CONFIGURATIONS: dict[str, Put] = {
    "one dotted key": _config("a." * 16_000 + "a = 1\n"),
    "one dotted table": _config("[" + "a." * 100_000 + "a]\n"),
    "many dotted keys": _config("".join(f"a{n}.b.c.d.e.f.g.h = 1\n" for n in range(3000))),
    "dots with spaces": _config("a" + " . a" * 12_000 + " = 1\n"),
    "dots in quotes": _config('"a"' + '."a"' * 12_000 + " = 1\n"),
    "an inline dotted key": _config("x = {" + "a." * 20_000 + "a = 1}\n"),
    "many tables": _config("".join(f"[t{n}]\n" for n in range(25_000))),
    "many arrays of tables": _config("[[watch]]\n" * 7000),
    "tables below arrays": _config("".join(f"[[a]]\n[a.b{n}]\n" for n in range(4000))),
    "one table again and again": _config("[a.b.c.d.e.f]\n" * 4000),
    "tables on one line": _config("x = [" + "{a=1}," * 10_000 + "]\n"),
    "nested arrays": _config("x = " + "[" * 30_000 + "]" * 30_000 + "\n"),
    "nested tables": _config("x = " + "{a=" * 15_000 + "1" + "}" * 15_000 + "\n"),
    "an array that never ends": _config("x = [" + "1," * 30_000),
    "a number with many digits": _config("consolidation_threshold = " + "9" * 60_000 + "\n"),
    "a number with underscores": _config("keep = " + "1_" * 30_000 + "1\n"),
    "a hexadecimal number": _config("keep = 0x" + "f" * 60_000 + "\n"),
    "a float": _config("keep = 1e" + "9" * 60_000 + "\n"),
    "a fraction": _config("keep = 0." + "9" * 60_000 + "\n"),
    "a time": _config("keep = 1979-05-27T07:32:00." + "9" * 60_000 + "\n"),
    "a long key": _config("k" * 65_000 + " = 1\n"),
    "a key like ours": _config("consolidation_threshold" * 2500 + " = 1\n"),
    "a long text": _config('[report]\nmessage = "' + "x" * 65_000 + '"\n'),
    "a text that never ends": _config('x = """' + "a" * 65_000),
    "quotes": _config("'" * 65_000),
    "double quotes": _config('"' * 65_000),
    "backslashes": _config('x = "' + "\\" * 65_000),
    "escapes": _config('x = "' + "\\u0041" * 10_000 + '"\n'),
    "comments": _config("#\n" * 32_000),
    "one long comment": _config("#" * 65_000),
    "newlines": _config("\n" * 65_000),
    "carriage returns": _config("\r\n" * 32_000),
    "a lone carriage return": _config("a = 1\rb = 2\n"),
    "equal signs": _config("=" * 65_000),
    "brackets": _config("[" * 65_000),
    "open brackets on lines": _config("[a\n" * 20_000),
    "spaces": _config(" " * 65_000 + "= 1\n"),
    "spaces before brackets": _config((" " * 30 + "[\n") * 2000),
    "bad UTF-8": _config(b"\xff" * 65_000),
    "UTF-16": _config("keep = 1\n".encode("utf-16")),
    "a byte order mark": _config(b"\xef\xbb\xbf" * 20_000),
    "NUL": _config(b"\0" * 65_000),
    "control characters": _config('x = "' + "".join(map(chr, range(1, 32))) * 2000 + '"\n'),
    "1 MiB": _config("# x\n" * (MIB // 4)),
    "40 MiB": _config(b"#" * (40 * MIB)),
    "a thousand paths": _config(_watch(*(f"d{n}/x.md" for n in range(1000)))),
    "a thousand globs": _config(_watch(*(f"**/d{n}*/**/*.md" for n in range(1000)))),
    "paths of a thousand characters": _config(_watch(*("x" * 900 + str(n) for n in range(60)))),
    "all files": _config(_watch("**")),
    "a report in a source": _config('[report]\npath = "src.py"\n'),
    "a report in .gitmodules": _config('[report]\npath = ".gitmodules"\n'),
    "a report in .git": _config('[report]\npath = ".git/config.md"\n'),
    "a report outside": _config('[report]\npath = "../outside.md"\n'),
    "a report at the root": _config('[report]\npath = "/etc/motd.md"\n'),
    "a document outside": _config(_watch("../outside.md", "/etc/passwd")),
    "git's own files": _config(_watch(".git/config", ".GIT/hooks/post-commit", "x/.git/HEAD")),
    "a branch that is an option": _config('[report]\nbranch = "--upload-pack=touch boom"\n'),
    "a message with everything": _config('[report]\nmessage = "$(touch boom)`touch boom`%s{time.__class__}"\n'),
    "pathspec magic": _config(_watch(":(exclude)doc.md", ":!doc.md", "-c", "--output=boom")),
}

GLOBS: dict[str, Put] = {
    "eight times **": _deep("a/" * 60 + "x.md", "**/a/" * 8 + "*.md"),
    "** and a name": _deep("a/" * 900 + "x.md", "**/a/**/b"),
    "stars in one name": _deep("a" * 250, "*a" * 20 + "b"),
    "stars in a name below": _deep(("a" * 120 + "/") * 15 + "x", "**/" + "*a" * 20 + "b"),
    "** and folders": _deep("a/" * 900 + "x.md", "**/" + "a/" * 300 + "*z"),
    "stars in each folder": _deep("a" * 20 + "/" + ("a" * 20 + "/") * 40 + "x", "*a*a*/" * 60 + "z"),
    "question marks": _deep("a" * 250, "?" * 200 + "*" + "?" * 40 + "b"),
    "** everywhere": _deep("a/" * 300 + "x.md", "**/**/**/**/**/**/**/*a*/**/z"),
}

DOCUMENTS: dict[str, str | bytes] = {
    "headings in code that is never closed": f"```\n{(HEADING + chr(10)) * 25_000}",
    "headings": (HEADING + "\n") * 25_000,
    "headings in blocks of code": f"```\n{HEADING}\n```\n" * 20_000,
    "fences": f"{HEADING} x\n" + "```\n" * 250_000,
    "a long fence": "`" * MIB + f"\n{HEADING}\n",
    "begin markers": f"{BEGIN}\n" * 40_000,
    "end markers": f"{BEGIN}\n" + f"{END}\n" * 40_000,
    "markers in a line": BEGIN * 40_000,
    "a region that never ends": f"{BEGIN}\n" + "x\n" * 500_000,
    "short lines in a region": f"{BEGIN}\n" + "x\n" * 500_000 + f"{END}\n",
    "lines like ours in a region": f"{BEGIN}\n" + "- **x** : \n" * 90_000 + f"{END}\n",
    "blank lines in a region": f"{BEGIN}\n" + "\n" * MIB + f"{END}\n",
    "a long line in a region": f"{BEGIN}\n- **" + "x** : " * 150_000 + f"\n{END}\n",
    "many words in the marker": f"<!-- agentsync:begin {'a=b ' * 250_000}-->\nx\n{END}\n",
    "conflicts": "<<<<<<< a\n=======\n>>>>>>> b\n" * 30_000,
    "conflicts in a region": f"{BEGIN}\n" + "<<<<<<< a\n=======\n>>>>>>> b\n" * 30_000 + f"{END}\n",
    "carriage returns": "\r" * MIB,
    "mixed line ends": "a\r\nb\n" * 200_000,
    "NUL": b"\0" * MIB,
    "UTF-16": ("x\n" * MIB).encode("utf-16"),
    "bad UTF-8": b"\xff\xfe\xfd" * (MIB // 3),
    "byte order marks": b"\xef\xbb\xbf" * (MIB // 3),
    "one line": "x" * (8 * MIB),
    "16 MiB": b"x\n" * (8 * MIB),
    "17 MiB": b"x\n" * (17 * MIB // 2),
}

PLACES: dict[str, Callable[[Path], object]] = {
    "a FIFO": os.mkfifo,
    "a folder": Path.mkdir,
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a link outside": lambda path: path.symlink_to("/etc/passwd"),
}
PATHS = (
    ".agentsync",
    ".agentsync/config.toml",
    ".agentsync/notes",
    ".agentsync/ledger.jsonl",
    "AGENT_SYNC.md",
    "doc.md",
)

ATTRIBUTES: dict[str, str] = {
    "an encoding that there is not": "* working-tree-encoding=nonsense\n",
    "UTF-16": "* working-tree-encoding=UTF-16\n",
    "a filter that is not set up": "* filter=nobody diff=nobody merge=nobody\n",
    "our filter for everything": "* filter=agentsync merge=agentsync\n",
    "ident": "* ident\n",
    "many lines": "".join(f"d{n}/** filter=x{n}\n" for n in range(50_000)),
    "macros": "".join(f"[attr]m{n} m{n + 1}\n" for n in range(5000)) + "* m0\n",
}


def every() -> dict[str, Put]:
    """All of them, by a name that says what it is."""
    found = {f"configuration: {name}": put for name, put in CONFIGURATIONS.items()}
    found |= {f"glob: {name}": put for name, put in GLOBS.items()}
    for path in ("AGENT_SYNC.md", "doc.md"):
        found |= {f"{path}: {name}": _file(path, text) for name, text in DOCUMENTS.items()}
    for path in PATHS:
        found |= {f"{path}: {name}": _instead(path, make) for name, make in PLACES.items()}
    found |= {f"attributes: {name}": _file(".gitattributes", text) for name, text in ATTRIBUTES.items()}
    found |= {f"configuration: random {seed}": _config(_random(seed)) for seed in range(20)}
    return found


_PIECES = (
    "[", "]", "[[", "]]", "{", "}", "=", ".", ",", '"', "'", '"""', "'''", "\\", "#", "\n", "\r\n", "\0", "\ufeff",
    "watch", "path", "type", "report", "keep", "a", "1", "_", "-", "+", "inf", "true", "1979-05-27", "*", "**/", "é",
)  # fmt: skip


def _random(seed: int) -> str:
    """Pieces of TOML, each often enough to hurt."""
    chance = random.Random(seed)
    text = ""
    while len(text) < 60_000:
        text += "".join(chance.choices(_PIECES, k=chance.randint(1, 4))) * chance.choice((1, 1, 10, 1000))
    return text[:65_000]
