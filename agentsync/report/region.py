"""The report region inside the bytes of a file: find it, take it out, put it in.

Two marker lines enclose it, and the first line inside tells about the report. The markers are always the same: git
merges a new report and an edit beside it only where an unchanged line stands between them.

What stands outside passes through byte for byte, whatever it is: text that is no UTF-8 is never decoded, a BOM stays,
and `strip(put(x, ...)) == x` for every x without marker lines. That is why the region says `bare=yes` where the file
did not end in a newline before the region was added behind it.

git's filter waits for this module, so it imports little: what is seldom needed is imported where it is.
"""

from hashlib import sha256

_MARKER = b"<!-- agentsync:"
_BEGIN = b"<!-- agentsync:begin "
_ABOUT = b"<!-- agentsync:report "
_END = b"<!-- agentsync:end -->"
_BARE = b" bare=yes"
_OURS, _BASE, _THEIRS = _CONFLICT = (b"<<<<<<<", b"|||||||", b">>>>>>>")
_BOM, _UTF_16 = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")


class BrokenRegionError(ValueError):
    """The markers do not enclose one region; the text says in which line and what is wrong."""


class Region:
    """The region at `start` to `end` (bytes; from the begin marker to behind the end marker's newline).

    `body` is what the markers enclose, as UTF-8 with LF. `id` names the newest consolidation shown ("": none).
    `intact`: the body is as agentsync wrote it. `bare`: the file's own text had no newline at its end. `newline` is the
    region's line ending.
    """

    def __init__(self, start: int, end: int, body: bytes, about: dict[str, str], newline: bytes) -> None:
        self.start, self.end, self.body, self.newline = start, end, body, newline
        self.digest, self.id = about.get("digest", ""), about.get("id", "")
        self.intact = self.digest == _digest(body) if self.digest else not body.strip()
        self.bare = about.get("bare") == "yes"


def find(content: bytes) -> Region | None:
    """The report region of a file, or None where there are no markers. Raises BrokenRegionError."""
    bom, text = _open(content)
    region = _locate(text)
    if region is not None:
        region.start += len(bom)
        region.end += len(bom)
    return region


def strip(content: bytes) -> bytes:
    """The file without its report region, as its authors wrote it; with broken markers the content as it is."""
    if _MARKER not in content:
        return content
    bom, text = _open(content)
    try:
        before, after, _ = _split(text)
    except BrokenRegionError:
        return content
    return bom + before + after


def put(content: bytes, body: str, consolidation_id: str, heading: str, rendered: str | None = None) -> bytes:
    """The file with `body` (lines end in LF) in its region, which is made if there is none.

    A new region lies under the section's heading, in any language; without one it lies at the end of the file, with
    `heading` inside. Lines that somebody typed inside the region move below it: those that are not in `rendered` (the
    body that agentsync wrote last), or, where that is None, those that do not look like a report's. Raises
    BrokenRegionError, and ValueError for a body or id that would break the region.
    """
    _refuse_markers(body, consolidation_id)
    bom, text = _open(content)
    before, after, region = _split(text)
    section = _section(before + after)
    if region is None and section:
        before, after = text[: section[0]], text[section[0] :]
    newline = _newline(before + after, region)
    inside = body if section else f"\n{heading}\n\n{body}"
    typed = _typed(region, rendered)
    if typed:
        typed = [b"", *typed, *([b""] if after and not after.startswith((b"\n", b"\r\n")) else [])]
    below = b"".join(line + newline for line in typed) + after
    gap = newline if before and not before.endswith(b"\n") else b""
    lines = _lines(inside, consolidation_id, bare=bool(gap) and not below)
    return bom + before + gap + b"".join(line + newline for line in lines) + below


def as_stored(content: bytes, stored: bytes) -> bytes:
    """The file as git should have it: with the region of `stored`, and where `stored` has it, or with none.

    Lines that somebody typed inside the region stand below it, as `put` would leave them. Raises BrokenRegionError.
    """
    there = _open(stored)[1]
    other = _locate(there)
    if (found := find(content)) is None and other is None:
        return content
    if found is None or not found.intact:
        content = put(content, "", "", "")
    bom, text = _open(content)
    before, after, region = _split(text)
    if other is None:
        return bom + before + after
    before, after = _parted(before, after, *_split(there)[:2])
    newline = _newline(before + after, region)
    gap = newline if before and not before.endswith(b"\n") else b""
    block = _as_lf(there[other.start : other.end])
    if not after:
        block = _with_bare(block, bool(gap))
    elif not block.endswith(b"\n"):
        block += b"\n"
    return bom + before + gap + block.replace(b"\n", newline) + after


def _parted(before: bytes, after: bytes, old_before: bytes, old_after: bytes) -> tuple[bytes, bytes]:
    """The text, parted where the old one is: else a comparison of the two would show that the region has moved.

    Where the old place lies among lines that are others now, the text is parted as near to its own place as can be.
    """
    old_before, old_after = _as_lf(old_before), _as_lf(old_after)
    if _as_lf(before) == old_before or _as_lf(after) == old_after:
        return before, after
    own, whole = _kept_lines(before), _kept_lines(before + after)
    old = _kept_lines(old_before + old_after)
    lines = [_as_lf(line) for line in whole]
    least = min(len(lines), len(old))
    head = next((n for n in range(least) if lines[n] != old[n]), least)
    tail = next((n for n in range(least - head) if lines[-1 - n] != old[-1 - n]), least - head)
    at, was = len(own), len(_kept_lines(old_before))
    if was < head:
        at = was
    elif was > len(old) - tail:
        at = was + len(lines) - len(old)
    else:
        at = min(max(at, head), len(lines) - tail)
    return b"".join(whole[:at]), b"".join(whole[at:])


def _kept_lines(text: bytes) -> list[bytes]:
    lines = text.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _as_lf(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n")


def _with_bare(block: bytes, bare: bool) -> bytes:
    """The lines of a region, saying or not saying that the text before it has no newline at its end."""
    head, about, rest = block.partition(_ABOUT)
    if not about:  # the attributes stand in the begin marker
        head, about, rest = b"", b"", block
    words, end, rest = rest.partition(b" -->")
    return head + about + words.replace(_BARE, b"") + (_BARE if bare else b"") + end + rest


def is_text(content: bytes) -> bool:
    """Whether lines can be told in it; UTF-16 without its byte order mark is full of zeros, at line ends at least."""
    wide = content.startswith(_UTF_16) or b"\n\0" in content or b"\0\n" in content
    return not wide and content.count(b"\0") * 4 <= len(content)


def section_language(content: bytes) -> str | None:
    """The language of the section's heading, or None where the file has no such heading outside of code."""
    section = _section(_open(content)[1])
    return section[1] if section else None


def _open(content: bytes) -> tuple[bytes, bytes]:
    """The byte order mark, if there is one, and the text."""
    return (_BOM, content[len(_BOM) :]) if content.startswith(_BOM) else (b"", content)


def _split(text: bytes) -> tuple[bytes, bytes, Region | None]:
    """What stands before and after the region; joined, it is the text as its authors wrote it."""
    region = _locate(text)
    if region is None:
        return text, b"", None
    before, after = text[: region.start], text[region.end :]
    # Where somebody wrote on behind the region, the newline before it has become theirs.
    if region.bare and not after:
        before = before.removesuffix(b"\n")
        if region.newline == b"\r\n":
            before = before.removesuffix(b"\r")
    return before, after, region


def _locate(text: bytes) -> Region | None:
    markers = _markers(text)
    if not markers:
        return None
    (start, inner, begin), (outer, end, _) = _pair(text, markers)
    _refuse_conflict(text, start, inner, outer, end)
    newline = b"\r\n" if text[inner - 2 : inner] == b"\r\n" else b"\n"
    body = text[inner:outer].replace(b"\r\n", b"\n")
    at = 0 if body.startswith(_ABOUT) else body.find(b"\n" + _ABOUT) + 1  # somebody may have typed above that line
    first, _, rest = body[at:].partition(b"\n")
    if first.startswith(_ABOUT) and first.endswith(b" -->"):
        about, body = first[len(_ABOUT) :], body[:at] + rest
    else:
        about = begin[len(_BEGIN) :]
    words = (word.partition("=") for word in about.removesuffix(b"-->").decode(errors="replace").split())
    attributes = {name: value for name, _, value in words}
    return Region(start, end, body, attributes, newline)


def _markers(text: bytes) -> list[tuple[int, int, bytes]]:
    """Start, end (behind the newline) and text of each line that is a marker."""
    found = []
    start = text.find(_MARKER)
    while start >= 0:
        end = text.find(b"\n", start) + 1 or len(text)
        line = text[start:end].rstrip(b"\r\n")
        if _begins_line(text, start) and (line == _END or (line.startswith(_BEGIN) and line.endswith(b" -->"))):
            found.append((start, end, line))
        start = text.find(_MARKER, end)
    return found


def _pair(text: bytes, markers: list[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    first = markers[0]
    if first[2] == _END:
        raise _broken(text, first[0], "an end marker without a begin marker before it")
    for marker in markers[1:]:
        if marker[2] != _END:
            raise _broken(text, marker[0], f"a second begin marker; the first is in line {_line(text, first[0])}")
    if len(markers) == 1:
        raise _broken(text, first[0], "a begin marker without an end marker")
    if len(markers) > 2:
        raise _broken(text, markers[2][0], f"a second end marker; the first is in line {_line(text, markers[1][0])}")
    return markers


def _refuse_conflict(text: bytes, start: int, inner: int, outer: int, end: int) -> None:
    """Raise BrokenRegionError where a conflict that git left is inside the region or around it."""
    inside = (text.find(b"\n" + mark, inner - 1, outer) for mark in _CONFLICT)
    if found := [at + 1 for at in inside if at >= 0]:
        raise _broken(text, min(found), "a conflict marker of git inside the report region")
    opened = _last_line(text, _OURS, start)
    if opened < 0 or _last_line(text, _THEIRS, start) > opened:
        return
    closed, reopened = text.find(b"\n" + _THEIRS, end - 1), text.find(b"\n" + _OURS, end - 1)
    if closed >= 0 and not 0 <= reopened < closed:
        raise _broken(text, opened, "a conflict that git left encloses the report region")


def _last_line(text: bytes, mark: bytes, end: int) -> int:
    """Where the last line before `end` begins that begins with `mark`, or -1."""
    at = text.rfind(b"\n" + mark, 0, end)
    if at >= 0:
        return at + 1
    return 0 if text.startswith(mark) else -1


def _broken(text: bytes, at: int, what: str) -> BrokenRegionError:
    return BrokenRegionError(f"line {_line(text, at)}: {what}")


def _begins_line(text: bytes, at: int) -> bool:
    return at == 0 or text[at - 1] == ord("\n")


def _line(text: bytes, at: int) -> int:
    return text.count(b"\n", 0, at) + 1


def _section(text: bytes) -> tuple[int, str] | None:
    """Where the line after the section's first heading outside of code begins, and the heading's language.

    Code is a fenced block (CommonMark 4.5).
    """
    from agentsync.report.phrases import PHRASES  # late: stripping, which every look does, needs no words

    languages = {phrases.heading.encode(): language for language, phrases in PHRASES.items()}
    if not any(heading in text for heading in languages):
        return None
    import re  # late: a hook that only takes a region out has no use for it

    headings = b"|".join(map(re.escape, languages))
    landmarks = rb"^(?: {0,3}(?P<run>`{3,}|~{3,})(?P<rest>[^\n]*)|(?P<heading>" + headings + rb")[^\S\n]*)(?:\n|\Z)"
    fence = b""
    for found in re.finditer(landmarks, text, re.MULTILINE):  # one pass, however often the heading stands in code
        run, rest, heading = found.group("run", "rest", "heading")
        if heading:
            if not fence:
                return found.end(), languages[heading]
        elif not fence:
            fence = run if run.startswith(b"~") or b"`" not in rest else b""
        elif run.startswith(fence) and not rest.strip():
            fence = b""
    return None


def _newline(outside: bytes, region: Region | None) -> bytes:
    """The line ending that most lines have; a file that is nothing but the region has the region's."""
    lines = outside.count(b"\n")
    if not lines and region:
        return region.newline
    return b"\r\n" if outside.count(b"\r\n") * 2 > lines else b"\n"


def _typed(region: Region | None, rendered: str | None) -> list[bytes]:
    """The lines of an edited region that somebody typed, with the blank lines between them."""
    if region is None or region.intact:
        return []
    from agentsync.report.phrases import HEADINGS
    from agentsync.report.render import is_report_line  # late: only needed after an edit by hand

    written = {*HEADINGS, *rendered.split("\n")} if rendered is not None else None
    typed: list[bytes] = []
    blank: list[bytes] = []
    for line in region.body.split(b"\n"):
        text = line.decode(errors="surrogateescape")
        if not text.strip():
            blank.append(line)
            continue
        if not (text in written if written is not None else is_report_line(text)):
            typed += [*blank, line] if typed else [line]
        blank = []
    return typed


def _lines(body: str, consolidation_id: str, *, bare: bool) -> list[bytes]:
    lines = body.removesuffix("\n").encode().split(b"\n")
    words = ["digest=" + _digest(b"\n".join([*lines, b""]))]
    if consolidation_id:
        words.append("id=" + consolidation_id)
    about = " ".join(words).encode() + (_BARE if bare else b"")
    return [_BEGIN + b"-->", _ABOUT + about + b" -->", *lines, _END]


def _digest(body: bytes) -> str:
    return sha256(body).hexdigest()[:16]


def _refuse_markers(body: str, consolidation_id: str) -> None:
    if consolidation_id.strip("0123456789abcdefABCDEF-"):
        raise ValueError(f"no id of a consolidation: {consolidation_id!r}")
    conflict = tuple(mark.decode() for mark in _CONFLICT)
    if "\r" in body or _MARKER.decode() in body or any(line.startswith(conflict) for line in body.split("\n")):
        raise ValueError("a report's body holds a marker, a conflict or a carriage return")
