"""`.agentsync/config.toml` to `Settings` and back: data only; each mistake is told with its line and what to write."""

from __future__ import annotations

import difflib
import os
import re
import stat
import tomllib
from dataclasses import fields
from typing import Any

from agentsync.base.errors import ConfigError
from agentsync.base.files import read_all
from agentsync.base.globs import path_problem
from agentsync.base.settings import SEED_WATCH, Report, Settings, Watch, is_glob, literal
from agentsync.base.toml_lines import Path, lines_of

MAX_BYTES = 256 << 10
MAX_WATCH = 1000
LANGUAGES = ("fr", "en")
COMMITS = ("agentsync", "with-work")
TYPE = re.compile(r"[a-z][a-z0-9_-]{0,31}")
# Lowest and highest value of each number: a day, a million, a year; 0 of `keep` means all.
RANGES = {
    "check_interval_seconds": (1, 86_400),
    "consolidation_threshold": (1, 1_000_000),
    "consolidation_interval_minutes": (1, 525_600),
    "keep": (0, 10_000),
}


def load(path: str) -> Settings:
    """The settings of a file. Raises ConfigError, also where there is none or it is no plain file."""
    return read(path)[0]


def read(path: str) -> tuple[Settings, tuple[int, int, int]]:
    """The settings of a file, and the inode, size and mtime (ns) of what was read. Raises ConfigError."""
    try:
        data, status = _bytes_of(path)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read", cause=os.strerror(error.errno or 0), hint="`agentsync init` writes one"
        ) from None
    return parse(data, path), (status.st_ino, status.st_size, status.st_mtime_ns)


def parse(data: bytes, where: str) -> Settings:
    """The settings in a TOML document; `where` is what errors call it. Raises ConfigError with `where:line`."""
    page = _Page(_text(data, where), where)
    tree = page.tree()
    page.known(tree, (), Settings)
    numbers = {key: page.whole(tree, key) for key in RANGES if key in names_of(Settings)}
    return Settings(
        **numbers,
        record_authors=page.switch(tree, "record_authors", Settings().record_authors),
        report=_report(page, tree),
        watch=_watch(page, tree),
    )


def names_of(shape: type) -> list[str]:
    """The keys of a table of the configuration."""
    return [field.name for field in fields(shape)]


def default_text(settings: Settings) -> str:
    """The commented document that says exactly these settings."""
    report = settings.report
    entries = "\n\n".join(
        f"[[watch]]\npath = {_quoted(watch.path)}\ntype = {_quoted(watch.type)}" for watch in settings.watch
    )
    return _TEMPLATE.format(
        **{key: getattr(settings, key) for key in RANGES if key != "keep"},
        record_authors=str(settings.record_authors).lower(),
        path=_quoted(report.path),
        language=_quoted(report.language),
        keep=report.keep,
        commit=_quoted(report.commit),
        branch=_quoted(report.branch),
        watch=entries,
    )


class _Page:
    """A document being checked: its text, what it is called, and on which line things are."""

    def __init__(self, text: str, where: str) -> None:
        self.text = text
        self.where = where

    def tree(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.text)
        except RecursionError:
            raise ConfigError(f"{self.where}:1: the brackets are nested too deep", hint=_SEE) from None
        except tomllib.TOMLDecodeError as error:
            found = re.search(r" \(at line (\d+), column \d+\)$", str(error))
            line = int(found[1]) if found else self.text.rstrip("\n").count("\n") + 1
            what = str(error)[: found.start()] if found else str(error).removesuffix(" (at end of document)")
            raise ConfigError(f"{self.where}:{line}: not TOML: {what[:200]}", hint=_SEE) from None
        except ValueError:  # Python refuses to make a number of thousands of digits
            digits = re.search(r"[\d_]{4000}", self.text)
            line = self.text.count("\n", 0, digits.start() if digits else 0) + 1
            raise ConfigError(f"{self.where}:{line}: a number with thousands of digits", hint=_SEE) from None

    def error(self, path: Path, what: str, hint: str) -> ConfigError:
        """The error about what stands at `path`, or about the table around it where nothing does."""
        lines = lines_of(self.text)
        while path and path not in lines:
            path = path[:-1]
        return ConfigError(f"{self.where}:{lines.get(path, 1)}: {what}", hint=hint)

    def known(self, table: dict[str, Any], path: Path, shape: type) -> None:
        keys = names_of(shape)
        for key in table:
            if key not in keys:
                close = difflib.get_close_matches(key, keys, 1)
                hint = f"did you mean {close[0]}?" if close else f"the keys here are {', '.join(keys)}"
                raise self.error((*path, key), f"unknown key {_shown(key)}", hint)

    def whole(self, table: dict[str, Any], key: str, path: Path = ()) -> int:
        default = getattr(Report() if path else Settings(), key)
        value = table.get(key, default)
        low, high = RANGES[key]
        if type(value) is not int:  # a bool is an int to Python, not to people
            what = f"{key} is {_kind(value)}, not a whole number"
        elif not low <= value <= high:
            what = f"{key} is {value if abs(value) < 10**18 else 'a number'} and not between {low} and {high}"
        else:
            return value
        raise self.error((*path, key), what, f"write {key} = {default}, or another whole number from {low} to {high}")

    def switch(self, table: dict[str, Any], key: str, default: bool) -> bool:
        value = table.get(key, default)
        if type(value) is not bool:
            what = f"{key} is {_kind(value)}, not true or false"
            raise self.error((key,), what, f"write {key} = {str(default).lower()}, without quotes")
        return value

    def word(self, table: dict[str, Any], key: str, path: Path, default: str) -> str:
        value = table.get(key, default)
        if not isinstance(value, str):
            raise self.error((*path, key), f"{key} is {_kind(value)}, not a text", f'write {key} = "{default}"')
        return value

    def choice(self, table: dict[str, Any], key: str, path: Path, choices: tuple[str, ...]) -> str:
        value = self.word(table, key, path, getattr(Report(), key))
        if value not in choices:
            allowed = " or ".join(f'{key} = "{choice}"' for choice in choices)
            raise self.error((*path, key), f"{key} is {_shown(value)}", f"write {allowed}")
        return value


def _bytes_of(path: str) -> tuple[bytes, os.stat_result]:
    if stat.S_ISLNK(os.lstat(os.path.dirname(path) or ".").st_mode) or stat.S_ISLNK(os.lstat(path).st_mode):
        raise ConfigError(
            f"{path}: a symbolic link", hint="put a plain file there, so that nothing outside the repository is read"
        )
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO would wait for ever
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{path}: not a plain file", hint="put a plain file there; `agentsync init` writes one")
        return read_all(fd, MAX_BYTES + 1), status
    finally:
        os.close(fd)


def _text(data: bytes, where: str) -> str:
    if len(data) > MAX_BYTES:
        raise ConfigError(
            f"{where}:1: larger than {MAX_BYTES >> 10} KiB", hint="watch folders with a glob instead of each file"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{where}:{line}: not UTF-8", hint="save the file as UTF-8") from None


def _report(page: _Page, tree: dict[str, Any]) -> Report:
    table = tree.get("report", {})
    if not isinstance(table, dict):
        raise page.error(("report",), f"report is {_kind(table)}, not a table", "write [report] on a line of its own")
    page.known(table, ("report",), Report)
    path = page.word(table, "path", ("report",), Report().path)
    problem = path_problem(path)
    if problem is None and (set(path) & set("*?[\\") or not path.isprintable()):
        problem = ("the report is one file, whose name has no wildcard", f'write path = "{Report().path}"')
    if problem:
        raise page.error(("report", "path"), f"path {_shown(path)}: {problem[0]}", problem[1])
    return Report(
        path,
        page.choice(table, "language", ("report",), LANGUAGES),
        page.whole(table, "keep", ("report",)),
        page.choice(table, "commit", ("report",), COMMITS),
        _branch(page, table),
    )


def _branch(page: _Page, table: dict[str, Any]) -> str:
    branch = table.get("branch", "")
    if type(branch) is not str:
        problem = f"branch is {_kind(branch)}, not a text"
    elif branch and not _BRANCH.fullmatch(branch):
        problem = f"branch {_shown(branch)} is no name of a branch"
    else:
        return branch
    raise page.error(("report", "branch"), problem, 'write branch = "main", or "" for the default branch')


def _watch(page: _Page, tree: dict[str, Any]) -> tuple[Watch, ...]:
    entries = tree.get("watch")
    if entries is None:
        return SEED_WATCH
    if not isinstance(entries, list):
        raise page.error(("watch",), f"watch is {_kind(entries)}", "write [[watch]], with two brackets, for each path")
    if not entries:
        raise page.error(("watch",), "nothing is watched", f"write a [[watch]] with {_EXAMPLE}, or leave watch out")
    if len(entries) > MAX_WATCH:
        raise page.error(("watch", MAX_WATCH), f"more than {MAX_WATCH} paths", "watch folders with a glob")
    watch = tuple(_entry(page, entry, ("watch", number)) for number, entry in enumerate(entries))
    _refuse_doubled(page, watch)
    return watch


def _entry(page: _Page, entry: object, at: Path) -> Watch:
    if not isinstance(entry, dict):
        raise page.error(at, f"a watched path is {_kind(entry)}, not a table", f"write [[watch]] with {_EXAMPLE}")
    page.known(entry, at, Watch)
    for key in ("path", "type"):
        if key not in entry:
            raise page.error(at, f"this [[watch]] has no {key}", f"write {_EXAMPLE}")
    path, type_ = page.word(entry, "path", at, "docs/x.md"), page.word(entry, "type", at, "docs")
    problem = path_problem(path)
    if problem:
        raise page.error((*at, "path"), f"path {_shown(path)}: {problem[0]}", problem[1])
    if not TYPE.fullmatch(type_):
        hint = 'write a word of small letters, digits, "-" and "_", 32 at the most, such as type = "docs"'
        raise page.error((*at, "type"), f"type is {_shown(type_)}", hint)
    return Watch(path, type_)


def _refuse_doubled(page: _Page, watch: tuple[Watch, ...]) -> None:
    seen: dict[str, int] = {}
    for number, one in enumerate(watch):
        name = one.path if is_glob(one.path) else literal(one.path)
        if seen.setdefault(name, number) != number:
            what = f"path {_shown(one.path)} is watched twice"
            raise page.error(("watch", number, "path"), what, "take one of the two out")


def _kind(value: object) -> str:
    names: dict[type, str] = {
        bool: "true or false",
        int: "a number",
        float: "a number with a point",
        str: "a text",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), "a date or time")


def _shown(text: str) -> str:
    """For messages: short, and no control character, as it may reach a terminal."""
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _quoted(text: str) -> str:
    escaped = "".join(
        f"\\u{ord(char):04x}" if char < " " or char == "\x7f" else "\\" + char if char in '"\\' else char
        for char in text
    )
    return f'"{escaped}"'


# git-check-ref-format, narrower: what people call branches.
_BRANCH = re.compile(r"(?!-)(?!.*(?:\.\.|//|/\.|\.lock(?:/|$)|@\{))(?![./])[^\x00-\x20\x7f~^:?*\[\\]+(?<![./])")
_EXAMPLE = 'path = "docs/x.md" and type = "docs"'
_SEE = "docs/configuration.md shows each key with an example"
_TEMPLATE = """\
# What agentsync watches in this repository, and when it reports. Data only: nothing here is ever executed.
# A change takes effect with the next git hook or command. Every key may be left out; then its default holds.

# Seconds between two looks of `agentsync watch`.
check_interval_seconds = {check_interval_seconds}

# So many pending changes make a report ...
consolidation_threshold = {consolidation_threshold}

# ... and so many minutes after the last report, one pending change is enough.
consolidation_interval_minutes = {consolidation_interval_minutes}

# Whether the ledger keeps the authors' names and e-mail addresses, as the commits have them.
record_authors = {record_authors}

[report]
# The document that gets the reports, from the repository's root.
path = {path}

# "fr" or "en".
language = {language}

# How many reports the document shows, newest first; 0 shows all.
keep = {keep}

# "agentsync": git does not see the reports, until `agentsync publish` commits them alone.
# "with-work": a report is text like any other, and committed by whoever commits next.
commit = {commit}

# The branch on which reports are published; "" is the remote's default branch, else main or master.
branch = {branch}

# One [[watch]] for each document, or for a glob: * within a folder, ** across folders.
# The type is a word of your own; reports and metrics count by it.

{watch}
"""
