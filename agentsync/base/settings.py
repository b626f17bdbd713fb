"""The configuration as a value, and which paths it watches. `config.py` reads it from TOML."""

import re
from functools import lru_cache
from typing import Any, NamedTuple

from agentsync.base.globs import compiled, for_git, is_glob, literal, on_one_line

CONFIG_PATH = ".agentsync/config.toml"


class Watch(NamedTuple):
    """One watched document, or a glob that names several (`*` within a folder, `**` across folders).

    `path` is as it is written: `literal(path)` is the document's own name where `is_glob(path)` is false.
    """

    path: str
    type: str


class Report(NamedTuple):
    """Where reports go (`path`, from the repository's root), in which language, how many are kept (0: all).

    `commit`: who commits them, "agentsync" (git does not see them before `publish`) or "with-work" (whoever commits
    next). `branch`: where they are published; "": the remote's default branch, else main or master.
    `message`: what a commit of a report says, with `{time}` for the report's.
    """

    path: str = "AGENT_SYNC.md"
    language: str = "fr"
    keep: int = 20
    commit: str = "agentsync"
    branch: str = ""
    message: str = "agentsync: report of {time}"


SEED_WATCH = (
    Watch("AGENT_SYNC.md", "sync"),
    Watch("docs/passation.md", "passation"),
    Watch("AGENTS.md", "docs"),
    Watch("CODEV_PROTOCOL.md", "docs"),
    Watch("docs/architecture/00-Overview.md", "architecture"),
    Watch("docs/architecture/30-Contracts.md", "architecture"),
    Watch("docs/architecture/10-Memoire.md", "architecture"),
    Watch("ROADMAP.md", "docs"),
)


class Settings(NamedTuple):
    """All that a repository can set; the defaults are the seed's."""

    check_interval_seconds: int = 30
    consolidation_threshold: int = 5
    consolidation_interval_minutes: int = 60
    record_authors: bool = True
    stale_after_days: int = 30
    report: Report = Report()
    watch: tuple[Watch, ...] = SEED_WATCH


def to_json(settings: Settings) -> dict[str, Any]:
    """The settings as JSON objects and arrays."""
    watch = [one._asdict() for one in settings.watch]
    return {**settings._asdict(), "report": settings.report._asdict(), "watch": watch}


def from_json(flat: dict[str, Any]) -> Settings:
    """The inverse of `to_json`."""
    watch = tuple(Watch(**one) for one in flat["watch"])
    return Settings(**{**flat, "report": Report(**flat["report"]), "watch": watch})


# What lies beside documents and is none: locks, backups and swap files of editors, copies of programs that sync.
_BY_THE_WAY = re.compile(
    r"(?:^|/)(?:\.\#|~\$|\.~lock\.|\.syncthing\.|~syncthing~)[^/]*$"  # .#x.md, ~$x.md, .~lock.x.md#
    r"|(?:^|/)\#[^/]*\#$|~$|\.sw[a-p]$"  # #x.md#, x.md~, .x.md.swp
    r"|\([^/()]*conflicted copy[^/()]*\)[^/]*$"  # x (Ada's conflicted copy 2025-10-10).md
    r"|\.sync-conflict-[^/]*$",  # x.sync-conflict-20251010-153000-ABCDEFG.md
    re.IGNORECASE,
)


class Watched(NamedTuple):
    """What is watched, made ready for asking many times: names first, then globs in order."""

    names: dict[str, str]
    globs: tuple[tuple[re.Pattern[bytes], str, str], ...]

    def type_of(self, path: str) -> str | None:
        """The type of a path from the repository's root, None if it is not watched."""
        found = self.names.get(path)
        if found is None and self.globs and not _is_reserved(path):
            data = path.encode(errors="surrogateescape")
            # git also takes a glob for the name that it spells.
            found = next((type_ for glob, text, type_ in self.globs if glob.match(data) or text == path), None)
            return None if found and _BY_THE_WAY.search(path) else found
        return found


def watched(settings: Settings) -> Watched:
    """The settings' watch list, ready for asking; the same list is compiled once."""
    return _watched(settings.watch)


def type_of(settings: Settings, path: str) -> str | None:
    """The type of a path from the repository's root, None if it is not watched."""
    return _watched(settings.watch).type_of(path)


def pathspecs(settings: Settings) -> list[str]:
    """What is watched, for git. It may find more (below a folder where a document was, by a glob): ask `type_of`."""
    return [
        f":(top,glob){for_git(watch.path)}" if is_glob(watch.path) else f":(top,literal){literal(watch.path)}"
        for watch in settings.watch
    ]


def shell_pathspecs(settings: Settings) -> list[str]:
    """The same and the configuration itself, none with a newline in it, for a shell that reads lines.

    They find all that `pathspecs` finds, and at times more.
    """
    return [f":(top,literal){CONFIG_PATH}", *map(_on_one_line, pathspecs(settings))]


@lru_cache(maxsize=64)
def _watched(watch: tuple[Watch, ...]) -> Watched:
    names: dict[str, str] = {}
    for one in watch:
        if not is_glob(one.path):
            names.setdefault(literal(one.path), one.type)
    return Watched(names, tuple((compiled(one.path), one.path, one.type) for one in watch if is_glob(one.path)))


def _is_reserved(path: str) -> bool:
    parts = path.lower().split("/")
    return parts[0] == ".agentsync" or ".git" in parts


def _on_one_line(pathspec: str) -> str:
    if "\n" not in pathspec:
        return pathspec
    magic, _, path = pathspec.partition(")")
    if magic.endswith("literal"):
        path = re.sub(r"([*?\[\\])", r"\\\1", path)
    return ":(top,glob)" + on_one_line(path)
