"""Times as people type them: RFC 3339, a date, or how long ago."""

from __future__ import annotations

import re

from agentsync.ledger.events import from_rfc3339

SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGO = re.compile(r"(\d{1,9})\s*(s|min|m|h|d|w)")


def since(text: str, now: float) -> float:
    """Seconds since 1970 for `2h`, `3d`, `2025-10-10`, `2025-10-10T15:30:00Z`; no zone means UTC. Raises ValueError."""
    ago = _AGO.fullmatch(text)
    if ago:
        return now - int(ago[1]) * SECONDS[ago[2]]
    try:
        return from_rfc3339(text if re.search(r"(Z|[+-]\d\d:?\d\d)$", text[10:]) else _in_utc(text))
    except ValueError:
        raise ValueError(f"{text!r} is no time: write 2h, 3d, 2025-10-10 or 2025-10-10T15:30:00Z") from None


def _in_utc(text: str) -> str:
    return f"{text}T00:00:00+00:00" if len(text) == 10 else f"{text}+00:00"
