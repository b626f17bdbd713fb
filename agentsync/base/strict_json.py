"""JSON as the ledger wants it: no NaN, nothing after the value, text in characters as they are."""

import json
from typing import Any


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=vars)


def loads(text: str) -> Any:
    """The value of a JSON text. Raises ValueError, RecursionError."""
    return _DECODER.decode(text)


def dumps(value: object) -> str:
    """A JSON text without spaces, in characters as they are; of a dataclass its fields. Raises ValueError (NaN)."""
    return _ENCODER.encode(value)


def load(path: str) -> Any:
    """The value in a file of ours, which may hold names of files. Raises OSError, ValueError, RecursionError."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return loads(file.read())
