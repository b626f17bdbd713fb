"""Times: RFC 3339 in UTC as records have them, and what people type for one."""

import re
import time
from datetime import datetime

SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_AGO = re.compile(r"(\d{1,9})\s*(s|min|m|h|d|w|y)")
_WRITTEN = re.compile(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3])(:[0-5]\d){2}Z", re.ASCII)


def to_rfc3339(seconds: float) -> str:
    """Seconds since 1970 as RFC 3339, UTC, whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def from_rfc3339(text: str) -> int:
    """Seconds since 1970. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"no time zone: {text}")
    return int(moment.timestamp())


def is_time(value: object) -> bool:
    """Whether a value is a time as `to_rfc3339` writes it."""
    if not isinstance(value, str) or not _WRITTEN.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)  # a 30th of February
        return True
    except ValueError:
        return False


def since(text: str, now: float) -> float:
    """Seconds since 1970 for `2h`, `3d`, `2025-10-10`, `2025-10-10T15:30:00Z`; no zone means UTC. Raises ValueError."""
    ago = _AGO.fullmatch(text)
    if ago:
        return now - int(ago[1]) * SECONDS[ago[2]]
    try:
        return from_rfc3339(text if re.search(r"(Z|[+-]\d\d:?\d\d)$", text[10:]) else _in_utc(text))
    except ValueError:
        raise ValueError(f"{text!r} is not a time: write 2h, yesterday, 2025-10-10 or 2025-10-10T15:30:00Z") from None


def _in_utc(text: str) -> str:
    return f"{text}T00:00:00+00:00" if len(text) == 10 else f"{text}+00:00"
