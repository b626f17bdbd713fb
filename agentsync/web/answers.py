"""An answer as it is sent: bytes, and the ETag that says them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from agentsync.base import strict_json

JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """A body and its ETag."""

    body: bytes
    etag: str
    media_type: str

    def is_had(self, if_none_match: str) -> bool:
        """Whether one who says so has this body already."""
        said = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
        return self.etag in said or "*" in said


def answer(body: bytes, media_type: str = JSON) -> Answer:
    """An answer whose ETag says the bytes, so that equal ones have equal tags, after a restart too."""
    return Answer(body, f'"{sha256(body).hexdigest()[:32]}"', media_type)


def encoded(value: object) -> bytes:
    """A value as JSON. A byte of a file name that is no UTF-8 becomes an escape."""
    return strict_json.dumps(value).encode(errors="backslashreplace")


class Once:
    """An answer that is made when it is first asked for, by one of those who ask at the same time."""

    def __init__(self) -> None:
        self.made: Answer | None = None
        self._lock = threading.Lock()

    def get(self, make: Callable[[], object]) -> Answer:
        """The JSON of what `make()` gives."""
        with self._lock:
            if self.made is None:
                self.made = answer(encoded(make()))
            return self.made
