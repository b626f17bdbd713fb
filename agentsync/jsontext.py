"""JSON for the way of a commit: `json`'s own scanner and encoder in C, without `re`, which is most of its import.

Strict where `json` is not: no NaN, nothing before or after the value. Where an interpreter has not these C functions in
this form, `json` serves.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


class _Context:
    """What the scanner reads its options from."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_no_constant)


def _refuse(value: object) -> None:
    raise TypeError(f"{type(value).__name__} is not JSON")


if TYPE_CHECKING:

    def _scan(text: str, start: int) -> tuple[Any, int]: ...

    def _encode(value: object, level: int) -> tuple[str, ...]: ...

else:
    try:
        from _json import encode_basestring, make_encoder, make_scanner

        _scan = make_scanner(_Context)
        _encode = make_encoder(None, _refuse, encode_basestring, None, ":", ",", False, False, False)
        _encode([None, 1, 0.5, "", {}], 0)  # a function of another form fails here
    except (ImportError, TypeError):
        import json

        _scan = json.JSONDecoder(parse_constant=_no_constant).raw_decode
        _encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)

        def _encode(value, level):
            return (_encoder.encode(value),)


_SPACE = " \t\r\n"


def loads(text: str) -> Any:
    """The value of a JSON text. Raises ValueError, RecursionError."""
    stripped = text.strip(_SPACE)
    try:
        value, end = _scan(stripped, 0)
    except StopIteration:
        raise ValueError("no JSON value") from None
    except SystemError:
        raise ValueError(_what_is_wrong(stripped)) from None
    if end != len(stripped):
        raise ValueError(f"something follows the JSON value at character {end}")
    return value


def _what_is_wrong(text: str) -> str:
    """The scanner takes its errors from `json`, and in some versions only if that is imported already."""
    import json

    try:
        json.loads(text)
    except ValueError as error:
        return str(error)
    return "no JSON"


def dumps(value: object) -> str:
    """A JSON text without spaces, in characters as they are. Raises ValueError (NaN), TypeError."""
    return "".join(_encode(value, 0))


def load(path: str) -> Any:
    """The value in a UTF-8 file. Raises OSError, ValueError, RecursionError."""
    with open(path, encoding="utf-8") as file:
        return loads(file.read())
