"""The configuration as a value, and which paths it watches. `config.py` reads it from TOML."""

from __future__ import annotations

from agentsync.lean import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@frozen
class Watch:
    """One watched document, or a glob that names several (`*` within a folder, `**` across folders)."""

    path: str
    type: str


@frozen
class Report:
    """Where reports go (`path`, from the repository's root), in which language, how many are kept (0: all)."""

    path: str = "AGENT_SYNC.md"
    language: str = "fr"
    keep: int = 20
    commit: str = "with-work"


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


@frozen
class Settings:
    """All that a repository can set; the defaults are the seed's."""

    check_interval_seconds: int = 30
    consolidation_threshold: int = 5
    consolidation_interval_minutes: int = 60
    record_authors: bool = True
    report: Report = Report()
    watch: tuple[Watch, ...] = SEED_WATCH


def to_json(settings: Settings) -> dict[str, Any]:
    """The settings as JSON objects and arrays."""
    flat = settings._asdict()  # type: ignore[attr-defined]
    flat["report"] = settings.report._asdict()  # type: ignore[attr-defined]
    flat["watch"] = [[w.path, w.type] for w in settings.watch]
    return flat  # type: ignore[no-any-return]


def from_json(flat: dict[str, Any]) -> Settings:
    """The inverse of `to_json`."""
    watch = tuple(Watch(path, type_) for path, type_ in flat["watch"])
    return Settings(**{**flat, "report": Report(**flat["report"]), "watch": watch})
