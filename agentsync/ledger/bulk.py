"""Many lines at once: what `events.decode` says of each, several times as fast. Only for long ledgers; needs msgspec.

A block is decoded in one call, and its result is taken only if nothing in it could mean another thing to
`events.decode`; else the block is halved, down to a few lines, which `events.decode` gets. So a record in a form that
this program does not write costs time and changes nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import operator
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from agentsync.ledger import events

BLOCK = 1 << 18  # bytes; more do not fit a processor's cache
FEW = 8  # lines that are not worth halving
HEAD = f'{{"v":{events.VERSION},"kind":"'.encode()

_TYPES: dict[str, Any] = {
    "str": str,
    "str | None": str | None,
    "int": int,
    "float": float,
    "list[str]": list[str],
    "list[str] | None": list[str] | None,
    "list[dict[str, str]]": list[dict[str, str]],
    "dict[str, dict[str, Any]]": dict[str, dict[str, str | bool | None]],
    "dict[str, int]": dict[str, int],
}


def _of_length(length: int) -> Any:
    return Annotated[str, Meta(min_length=length, max_length=length)]


_STAMP = {"v": int, "writer": str, "seq": Annotated[int, Meta(gt=0)], "prev": str, "clock": _of_length(17)}
_FORMS = {**_STAMP, "id": _of_length(36), "timestamp": _of_length(20), "recorded": _of_length(20)}


def _record(event: Any) -> Any:
    """A class with the fields of an event and of its stamp. A field that may be null may be missing, too."""
    columns: list[Any] = list(_STAMP.items())
    for name in (field.name for field in dataclasses.fields(event)):
        text = event.__annotations__[name]
        type_ = _FORMS.get(name) or _TYPES[text]
        columns.append((name, type_, None) if "None" in text else (name, type_))
    return msgspec.defstruct(
        event.__name__,
        columns,
        namespace={"kind": event.kind, "__annotations__": {"kind": ClassVar[str]}},
        tag_field="kind",
        tag=event.kind,
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
    )


_RECORDS = {event.kind: _record(event) for event in events.KINDS}
_BASELINE = _RECORDS["baseline"]
_DECODER = msgspec.json.Decoder(functools.reduce(operator.or_, _RECORDS.values()))


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Without the collector of cycles: there are none in records, and it would look for them again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def pieces(offset: int, block: bytes) -> Iterator[tuple[int, bytes, list[Any]]]:
    """A block of whole lines in pieces with their offsets: many lines with the records in them, one for each line.

    A piece without records is a single line, without its newline, that `events.decode` has to look at.
    """
    records = decode(block)
    if records is not None:
        yield offset, block, records
    elif block.count(b"\n") <= FEW:
        for line in block.split(b"\n")[:-1]:
            yield offset, line, []
            offset += len(line) + 1
    else:
        half = block.find(b"\n", len(block) // 2) + 1
        if half == len(block):  # the last line is longer than all others together
            half = block.rfind(b"\n", 0, -1) + 1
        yield from pieces(offset, block[:half])
        yield from pieces(offset + half, block[half:])


def decode(block: bytes) -> list[Any] | None:
    """The records of a block of whole lines, or None if `events.decode` has to look at some.

    They have the attributes of an event and of its stamp.
    """
    count = block.count(b"\n")
    # Every line begins with HEAD, which can begin nothing inside a record of these types: no record spans two lines.
    if not block.startswith(HEAD) or block.count(b"\n" + HEAD) != count - 1:
        return None
    if b"\\" in block and b"\\u" in block:  # perhaps a lone surrogate, which is no text
        return None
    try:
        records: list[Any] = _DECODER.decode_lines(block)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return records if len(records) == count and _well_formed(records) else None


def _well_formed(records: list[Any]) -> bool:
    """Whether what is computed with has its form, asked of all records together. Lengths are known to fit."""
    ids, clocks, timestamps, recorded, writers = zip(*map(_COMPUTED, records), strict=True)
    return (
        _are_ids("".join(ids), len(records))
        and _are_clocks("".join(clocks), len(records))
        and _are_times(timestamps)
        and _are_times(recorded)
        and all(map(events.is_writer, set(writers)))
        and all(events.is_files(record.files) for record in records if type(record) is _BASELINE)
    )


_COMPUTED = operator.attrgetter("id", "clock", "timestamp", "recorded", "writer")
_HOUR = operator.itemgetter(slice(13))


def _are_ids(text: str, count: int) -> bool:
    columns = (text[8::36], text[13::36], text[18::36], text[23::36])
    return _without(text, b"0123456789abcdef") == b"-" * 4 * count and all(one == "-" * count for one in columns)


def _are_clocks(text: str, count: int) -> bool:
    return _without(text, b"0123456789abcdef") == b"." * count == text[12::17].encode()


def _are_times(times: tuple[str, ...]) -> bool:
    """Dates and hours repeat, so each is looked at once; of minutes and seconds the tens tell."""
    text = "".join(times)
    return (
        _without(text, b"0123456789") == b"--T::Z" * len(times)
        and text[13::20] == text[16::20] == ":" * len(times)
        and text[19::20] == "Z" * len(times)
        and not (text[14::20] + text[17::20]).strip("012345")
        and all(events.is_time(f"{hour}:00:00Z") for hour in set(map(_HOUR, times)))
    )


def _without(text: str, letters: bytes) -> bytes | None:
    return text.encode().translate(None, letters) if text.isascii() else None
