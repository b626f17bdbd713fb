"""agentsync's lines in a file that belongs to others too (`info/exclude`, `info/attributes`): in and out again."""

import re

_BEGIN = "# agentsync begin"
_END = "# agentsync end"
# The begin marker says what to give back: "new file", or "no newline" where the line before it had none.
_BLOCK = re.compile(rb"^# agentsync begin(?: \(([a-z ]+)\))?\n.*?^# agentsync end\n", re.DOTALL | re.MULTILINE)


def with_block(data: bytes | None, lines: str) -> bytes:
    """The file with our block, once, holding these lines; None stands for no file."""
    body = f"\n{lines}{_END}\n".encode(errors="surrogateescape")
    present = _BLOCK.search(data or b"")
    if data and present:
        begin = present[0].partition(b"\n")[0]
        return data[: present.start()] + begin + body + data[present.end() :]
    if data is None:
        return f"{_BEGIN} (new file)".encode() + body
    if data and not data.endswith(b"\n"):
        return data + f"\n{_BEGIN} (no newline)".encode() + body
    return data + _BEGIN.encode() + body


def without_block(data: bytes) -> bytes | None:
    """What the file was before `with_block`; lines added since by others stay."""
    present = _BLOCK.search(data)
    if not present:
        return data
    before, after = data[: present.start()], data[present.end() :]
    if present[1] == b"new file" and not before + after:
        return None
    if present[1] == b"no newline" and not after:
        before = before[:-1]
    return before + after


def below_block(data: bytes | None) -> bytes:
    """What others have added below our block."""
    present = _BLOCK.search(data or b"")
    return present.string[present.end() :] if present else b""


def block_lines(data: bytes | None) -> list[bytes]:
    """The lines of our block."""
    present = _BLOCK.search(data or b"")
    return present[0].split(b"\n")[1:-2] if present else []
