"""What each key of the configuration may be. A new key is a field in `settings.py`, and its check here."""

import re
from collections.abc import Callable
from typing import Any

from agentsync.base.globs import path_problem
from agentsync.base.settings import Report, Settings, Watch

# What is wrong with a value, and what to write instead; None if nothing is.
Problem = tuple[str, str] | None
# A check gets the key, its value and its default.
Check = Callable[[str, Any, Any], Problem]

# Lowest and highest value of each number: a day, a million, a year, a century; 0 of `keep` means all.
RANGES = {
    "check_interval_seconds": (1, 86_400),
    "consolidation_threshold": (1, 1_000_000),
    "consolidation_interval_minutes": (1, 525_600),
    "stale_after_days": (0, 36_500),
    "keep": (0, 10_000),
}
MESSAGE = 1000  # characters
DOCUMENTS = (".md", ".markdown", ".txt", ".rst", ".adoc")
EXAMPLE = 'path = "docs/x.md" and type = "docs"'
_TYPE = re.compile(r"[a-z][a-z0-9_-]{0,31}")
# git-check-ref-format, narrower: what people call branches.
_BRANCH = re.compile(r"(?!-)(?!.*(?:\.\.|//|/\.|\.lock(?:/|$)|@\{))(?![./])[^\x00-\x20\x7f~^:?*\[\\]+(?<![./])")


def _number(key: str, value: Any, default: Any) -> Problem:
    low, high = RANGES[key]
    if type(value) is not int:  # a bool is an int to Python, not to people
        what = f"{key} is {kind(value)}, not a whole number"
    elif not low <= value <= high:
        what = f"{key} is {value if abs(value) < 10**18 else 'a number'} and not between {low} and {high}"
    else:
        return None
    return what, f"write {key} = {default}, or another whole number from {low} to {high}"


def _switch(key: str, value: Any, default: Any) -> Problem:
    if type(value) is bool:
        return None
    return f"{key} is {kind(value)}, not true or false", f"write {key} = {str(default).lower()}, without quotes"


def _choice(*choices: str) -> Check:
    def check(key: str, value: Any, default: Any) -> Problem:
        allowed = " or ".join(f'{key} = "{choice}"' for choice in choices)
        return None if value in choices else (f"{key} is {shown(value)}", f"write {allowed}")

    return _text(check)


def _text(check: Check) -> Check:
    """A check of texts, which refuses everything else."""

    def wrapped(key: str, value: Any, default: Any) -> Problem:
        if not isinstance(value, str):
            return f"{key} is {kind(value)}, not a text", f'write {key} = "{default}"'
        return check(key, value, default)

    return wrapped


def _branch(key: str, value: Any, default: Any) -> Problem:
    if not value or _BRANCH.fullmatch(value):
        return None
    return f"{key} {shown(value)} is not the name of a branch", f'write {key} = "main", or "" for the default branch'


def _message(key: str, value: Any, default: Any) -> Problem:
    if value.strip() and len(value) <= MESSAGE and value.replace("\n", "").isprintable():
        return None
    return f"{key} {shown(value)} cannot be the message of a commit", f'write {key} = "{default}"'


def _report_path(key: str, value: Any, default: Any) -> Problem:
    problem = path_problem(value)
    if problem is None and (set(value) & set("*?[\\") or not value.isprintable()):
        problem = ("the report is one file, whose name has no wildcard", f'write {key} = "{default}"')
    if problem is None and not value.lower().endswith(DOCUMENTS):
        problem = ("the report goes into a document", f"write a name that ends in {', '.join(DOCUMENTS)}")
    return problem and (f"{key} {shown(value)}: {problem[0]}", problem[1])


def _watched_path(key: str, value: Any, default: Any) -> Problem:
    problem = path_problem(value)
    return problem and (f"{key} {shown(value)}: {problem[0]}", problem[1])


def _type(key: str, value: Any, default: Any) -> Problem:
    if _TYPE.fullmatch(value):
        return None
    hint = 'write a word of small letters, digits, "-" and "_", at most 32, such as type = "docs"'
    return f"{key} is {shown(value)}", hint


KEYS: dict[type, dict[str, Check]] = {
    Settings: {
        "check_interval_seconds": _number,
        "consolidation_threshold": _number,
        "consolidation_interval_minutes": _number,
        "record_authors": _switch,
        "stale_after_days": _number,
    },
    Report: {
        "path": _text(_report_path),
        "language": _choice("fr", "en"),
        "keep": _number,
        "commit": _choice("agentsync", "with-work"),
        "branch": _text(_branch),
        "message": _text(_message),
    },
    Watch: {"path": _text(_watched_path), "type": _text(_type)},
}


def kind(value: object) -> str:
    """What a value is, in words."""
    names: dict[type, str] = {
        bool: "true or false",
        int: "a number",
        float: "a number with a point",
        str: "a text",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), "a date or time")


def shown(text: str) -> str:
    """For messages: short, and no control character, as it may reach a terminal."""
    return repr(text if len(text) <= 80 else text[:77] + "...")
