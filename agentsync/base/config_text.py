"""`.agentsync/config.toml` to `Settings` and back: data only; each mistake is told with its line and what to write."""

import difflib
import re
import tomllib
from itertools import pairwise
from typing import Any

from agentsync.base.config_keys import EXAMPLE, KEYS, kind, shown
from agentsync.base.errors import ConfigError
from agentsync.base.globs import is_glob, literal
from agentsync.base.settings import SEED_WATCH, Report, Settings, Watch

MAX_BYTES = 64 << 10
MAX_WATCH = 1000
# More of these and `tomllib` takes minutes and gigabytes; they are counted before it sees them.
MAX_TABLES = 2000
MAX_DOTS = 8  # on a line, outside of texts and comments

Path = tuple[str | int, ...]


def parse(data: bytes, where: str) -> Settings:
    """The settings in a TOML document; `where` is what errors call it. Raises ConfigError with `where:line`."""
    page = _Page(_decoded(data, where), where)
    tree = page.tree()
    return Settings()._replace(
        **page.checked(tree, (), Settings()),
        report=Report()._replace(**page.checked(tree.get("report", {}), ("report",), Report())),
        watch=_watch(page, tree["watch"]) if "watch" in tree else SEED_WATCH,
    )


def default_text(settings: Settings) -> str:
    """The commented document that says exactly these settings."""
    entries = [watch_entry(one) for one in settings.watch]
    found = next((n for n, one in enumerate(settings.watch) if one not in SEED_WATCH), None)
    if found:
        entries[found] = f"{_FOUND}\n\n{entries[found]}"
    values = {**settings._asdict(), **settings.report._asdict()}
    quoted = {key: _quoted(value) for key, value in values.items() if isinstance(value, str)}
    switches = {key: str(value).lower() for key, value in values.items() if isinstance(value, bool)}
    return _TEMPLATE.format(**{**values, **quoted, **switches, "watch": "\n\n".join(entries)})


def watch_entry(watch: Watch) -> str:
    """The lines that watch one document or glob, without a newline at the end."""
    return f"[[watch]]\npath = {_quoted(watch.path)}\ntype = {_quoted(watch.type)}"


class _Page:
    """A document being checked: its text, and what it is called."""

    def __init__(self, text: str, where: str) -> None:
        self.text = text
        self.where = where
        self.plain = _STRINGS.sub(lambda found: re.sub(r"[^\n]", "_", found[0]), text)

    def tree(self) -> dict[str, Any]:
        """What TOML makes of it, once that costs no more than it should."""
        self._refuse_too_much()
        try:
            return tomllib.loads(self.text)
        except RecursionError:
            raise self.at_line(1, "the brackets are nested too deep", _SEE) from None
        except tomllib.TOMLDecodeError as error:
            found = re.search(r" \(at line (\d+), column \d+\)$", str(error))
            line = int(found[1]) if found else self.text.rstrip("\n").count("\n") + 1
            what = str(error)[: found.start()] if found else str(error).removesuffix(" (at end of document)")
            raise self.at_line(line, f"not TOML: {what[:200]}", _SEE) from None
        except ValueError:  # Python refuses to make a number of thousands of digits
            digits = re.search(r"[\d_]{4000}", self.text)
            line = self.text.count("\n", 0, digits.start() if digits else 0) + 1
            raise self.at_line(line, "a number with thousands of digits", _SEE) from None

    def _refuse_too_much(self) -> None:
        tables = 0
        for number, line in enumerate(self.plain.split("\n"), 1):
            tables += line.lstrip(" \t").startswith("[")
            if line.count(".") > MAX_DOTS:
                raise self.at_line(number, "too many dots in a key", _SEE)
            if tables > MAX_TABLES:
                raise self.at_line(number, f"more than {MAX_TABLES} tables", "watch folders with a glob")

    def checked(self, table: object, path: Path, defaults: Settings | Report | Watch) -> dict[str, Any]:
        """Those of a table's keys that have a check, each of them fine. Raises ConfigError."""
        if not isinstance(table, dict):
            name = "a watched path" if isinstance(defaults, Watch) else path[0]
            how = f"[[watch]] with {EXAMPLE}" if isinstance(defaults, Watch) else f"[{name}] on a line of its own"
            raise self.error(path, f"{name} is {kind(table)}, not a table", f"write {how}")
        known, checks = defaults._fields, KEYS[type(defaults)]
        for key in table:
            if key not in known:
                close = difflib.get_close_matches(key, known, 1)
                hint = f"did you mean {close[0]}?" if close else f"the keys here are {', '.join(known)}"
                raise self.error((*path, key), f"unknown key {shown(key)}", hint)
        for key in checks:
            problem = checks[key](key, table[key], getattr(defaults, key)) if key in table else None
            if problem:
                raise self.error((*path, key), *problem)
        return {key: table[key] for key in checks if key in table}

    def error(self, path: Path, what: str, hint: str) -> ConfigError:
        """The error about what stands at `path`, or about the table around it where that is not found."""
        return self.at_line(self.text.count("\n", 0, self._place(path)) + 1, what, hint)

    def at_line(self, line: int, what: str, hint: str) -> ConfigError:
        """The error about a line."""
        return ConfigError(f"{self.where}:{line}: {what}", hint=hint)

    def _place(self, path: Path) -> int:
        """Where a key begins, a table or the n-th entry `("watch", n)`; else what is around it; else 0."""
        table, *rest = map(str, path)
        heads = list(_HEAD.finditer(self.plain))
        entry = int(rest.pop(0)) if rest and isinstance(path[1], int) else 0
        stretches = zip(heads, pairwise([*(head.start() for head in heads), len(self.text)]), strict=True)
        named = [stretch for head, stretch in stretches if head[1] == table]
        if entry < len(named):
            start, end = named[entry]
            return next((at for key in rest if (at := self._key(key, start, end)) is not None), start)
        top = heads[0].start() if heads else len(self.text)
        found = (self._key(key, 0, top) for key in (".".join((table, *rest)), table))
        return next((at for at in found if at is not None), 0)

    def _key(self, key: str, start: int, end: int) -> int | None:
        """Where the key of a `key = value` begins, or a longer one as in `key.more = value`."""
        for found in _KEY.finditer(self.plain, start, end):
            written = re.sub(r"[ \t\"']", "", self.text[found.start(1) : found.end(1)])
            if written == key or written.startswith(f"{key}."):
                return found.start(1)
        return None


def _watch(page: _Page, entries: object) -> tuple[Watch, ...]:
    if not isinstance(entries, list):
        raise page.error(("watch",), f"watch is {kind(entries)}", "write [[watch]], with two brackets, for each path")
    if not entries:
        raise page.error(("watch",), "nothing is watched", f"write a [[watch]] with {EXAMPLE}, or leave watch out")
    if len(entries) > MAX_WATCH:
        raise page.error(("watch", MAX_WATCH), f"more than {MAX_WATCH} paths", "watch folders with a glob")
    watch: dict[str, Watch] = {}
    for number, entry in enumerate(entries):
        one = _entry(page, entry, ("watch", number))
        name = one.path if is_glob(one.path) else literal(one.path)
        if name in watch:
            what = f"path {shown(one.path)} is watched twice"
            raise page.error(("watch", number, "path"), what, "take one of the two out")
        watch[name] = one
    return tuple(watch.values())


def _entry(page: _Page, entry: object, at: Path) -> Watch:
    checked = page.checked(entry, at, Watch("docs/x.md", "docs"))
    for key in Watch._fields:
        if key not in checked:
            raise page.error(at, f"this [[watch]] has no {key}", f"write {EXAMPLE}")
    return Watch(**checked)


def _decoded(data: bytes, where: str) -> str:
    if len(data) > MAX_BYTES:
        what = f"{where}:1: larger than {MAX_BYTES >> 10} KiB"
        raise ConfigError(what, hint="watch folders with a glob instead of each file")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{where}:{line}: not UTF-8", hint="save the file as UTF-8") from None


def _quoted(text: str) -> str:
    escaped = "".join(
        f"\\u{ord(char):04x}" if char < " " or char == "\x7f" else "\\" + char if char in '"\\' else char
        for char in text
    )
    return f'"{escaped}"'


# Each alternative matches wherever its first character stands, so going through a text is linear, broken or not.
_STRINGS = re.compile(
    r'"""(?:[^"\\]|\\(?:.|\Z)|"(?!""))*+(?:"{3,5}|\Z)'
    r"|'''(?:[^']|'(?!''))*+(?:'{3,5}|\Z)"
    r'|"(?:[^"\\\n]|\\[^\n])*+"?'
    r"|'[^'\n]*+'?"
    r"|\#[^\n]*+",
    re.DOTALL,
)
_HEAD = re.compile(r"^[ \t]*+\[{1,2}[ \t]*+(\w++)[ \t]*+\]", re.MULTILINE)
_KEY = re.compile(r"^[ \t]*+([^\s=\[\]{}][^=\[\]{}\n]*+)=", re.MULTILINE)
_SEE = "docs/configuration.md shows each key with an example"
_FOUND = "# Found in this repository when agentsync was set up; take out what nobody shares."
_TEMPLATE = """\
# What agentsync watches in this repository, and when it reports. Data only: nothing here is ever executed.
# A change takes effect with the next git hook or command. Every key may be left out; then its default applies.

# Seconds between two looks of `agentsync watch`.
check_interval_seconds = {check_interval_seconds}

# So many pending changes make a report ...
consolidation_threshold = {consolidation_threshold}

# ... and so many minutes after the last report, one pending change is enough.
consolidation_interval_minutes = {consolidation_interval_minutes}

# Whether the ledger keeps the authors' names and e-mail addresses, as the commits have them.
record_authors = {record_authors}

# The dashboard marks a document that has not changed for so many days; 0: none.
stale_after_days = {stale_after_days}

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

# The message of such a commit; {{time}} is the report's.
message = {message}

# One [[watch]] for each document, or for a glob: * within a folder, ** across folders.
# The type is a word of your own; reports and metrics count by it.

{watch}
"""
