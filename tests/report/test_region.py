"""The report region: what lies outside comes back byte for byte, what somebody typed inside is not lost."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from agentsync.report.phrases import HEADINGS, PHRASES
from agentsync.report.region import BrokenRegionError, as_stored, find, put, section_language, strip
from agentsync.report.render import Fact, Report, render

ID = "0199d0e0-0000-7000-8000-000000000000"
HEADING = PHRASES["fr"].heading
BEGIN = "<!-- agentsync:begin digest=0123456789abcdef -->"
END = "<!-- agentsync:end -->"


def body_of(*times: str, language: str = "fr") -> str:
    facts = (Fact("AGENT_SYNC.md", "modified", "2025-10-10T15:25:00Z", "claude-code"),)
    return render([Report(ID, time, "manual", {"threshold": 5}, 1, 1, facts) for time in times], language)


BODY = body_of("2025-10-10T15:30:00Z")
NEWER = body_of("2025-10-10T16:30:00Z", "2025-10-10T15:30:00Z")


def report(content: bytes, body: str = BODY) -> bytes:
    return put(content, body, ID, HEADING)


def edited(content: bytes, old: str, new: str) -> bytes:
    assert content.count(old.encode()) == 1
    return content.replace(old.encode(), new.encode())


# --- where the region goes


def test_a_new_file_is_the_region_with_the_heading_inside() -> None:
    digest = find(report(b"")).digest  # type: ignore[union-attr]
    assert re.fullmatch("[0-9a-f]{12,}", digest)
    begin = f"<!-- agentsync:begin -->\n<!-- agentsync:report digest={digest} id={ID} -->"
    assert report(b"").decode() == f"{begin}\n\n{HEADING}\n\n{BODY}{END}\n"


def test_without_the_heading_the_region_stands_at_the_end_of_the_file() -> None:
    content = report(b"# Journal\n\ntext\n")
    assert content.startswith(b"# Journal\n\ntext\n<!-- agentsync:begin ")
    assert content.endswith(END.encode() + b"\n")
    assert content.count(HEADING.encode()) == 1


@pytest.mark.parametrize("heading", HEADINGS)
@pytest.mark.parametrize("space", ["", " ", "\t  "])
def test_under_the_heading_of_any_language_the_region_comes_first_and_older_reports_stay(
    heading: str, space: str
) -> None:
    older = "\n### Consolidation - 2025-10-09T08:00:00\n\nold\n\n---\n"
    content = report(f"# Journal\n\n{heading}{space}\n{older}".encode()).decode()
    before, after = content.split(f"{BODY}{END}\n")
    assert re.fullmatch(
        re.escape(f"# Journal\n\n{heading}{space}\n") + "<!-- agentsync:begin -->\n<!-- agentsync:report .* -->\n",
        before,
    )
    assert after == older


@pytest.mark.parametrize(
    "quote",
    [
        f"The section {HEADING} is made by a program.",
        f"{HEADING} (deprecated)",
        f"    {HEADING}",
        f"> {HEADING}",
        f"```markdown\n{HEADING}\n```",
        f"~~~\n```\n{HEADING}\n~~~",
        f"````\n```\n{HEADING}\n```\n````",
        f"```\n``` text\n{HEADING}\n```",
        f"``` `no fence\n```\n{HEADING}\n```",
    ],
)
def test_a_heading_in_prose_or_in_code_is_not_the_heading(quote: str) -> None:
    text = f"# Journal\n\n{quote}\n\nmore\n".encode()
    assert report(text).startswith(text + b"<!-- agentsync:begin")
    assert section_language(text) is None


@pytest.mark.parametrize("line", ["``inline``", "``` a ` b", "    ```", "```\ncode\n```", "~~~~\n~~~\n~~~~~"])
def test_a_heading_after_code_is_the_heading(line: str) -> None:
    text = f"{line}\n{HEADING}\n".encode()
    assert report(text).startswith(text + b"<!-- agentsync:begin")
    assert HEADING.encode() not in report(text)[len(text) :]


def test_the_first_of_two_headings_takes_the_region() -> None:
    first, second = HEADINGS
    content = report(f"{second}\n\n{first}\n".encode())
    assert content.startswith(f"{second}\n<!-- agentsync:begin".encode())


def test_the_section_tells_its_language() -> None:
    assert [section_language(f"# x\r\n{PHRASES[name].heading}\r\n".encode()) for name in PHRASES] == list(PHRASES)
    assert section_language(report(b"text")) == "fr"
    assert section_language(b"## other\n") is None


def test_markers_that_somebody_placed_are_where_the_region_goes() -> None:
    placed = f"top\n<!-- agentsync:begin -->\n{END}\nbottom\n".encode()
    assert find(placed).intact  # type: ignore[union-attr]
    content = report(placed)
    assert content.startswith(b"top\n<!-- agentsync:begin -->\n<!-- agentsync:report digest=")
    assert content.endswith(f"{BODY}{END}\nbottom\n".encode())


def test_a_region_keeps_its_place_when_its_body_changes() -> None:
    old = edited(report(b"top\n"), END + "\n", END + "\nbottom\n")
    new = report(old, NEWER)
    assert new.startswith(b"top\n<!-- agentsync:begin")
    assert new.endswith(f"{NEWER}{END}\nbottom\n".encode())
    assert strip(new) == b"top\nbottom\n"


def test_a_heading_that_somebody_moves_out_of_the_region_is_not_doubled() -> None:
    old = f"{HEADING}\n\n".encode() + edited(report(b""), f"\n{HEADING}\n\n", "")
    assert report(old).count(HEADING.encode()) == 1
    assert report(old).startswith(f"{HEADING}\n\n<!-- agentsync:begin".encode())


def test_a_region_whose_heading_somebody_deleted_gets_one_again() -> None:
    old = edited(report(f"{HEADING}\n".encode()), f"{HEADING}\n", "")
    assert report(old).count(HEADING.encode()) == 1
    assert report(report(old)) == report(old)


# --- bytes


def encoded(text: str) -> list[bytes]:
    return [text.encode(), ("\ufeff" + text).encode()]


PIECES = st.sampled_from(
    [b"\n", b"\r\n", b"\r", b"text", b"\xff\xfe", b"\xe9", b"\x00", b"```\n", b"# T\n", b"=======\n", b"- x"]
    + [b"agentsync:begin", b" <!-- agentsync:end -->", b"<!-- agentsync:begin x\n", b"<!-- agentsync:end --> \n"]
    + [heading.encode() + end for heading in HEADINGS for end in (b"", b"\n", b"\r\n")]
)
BOMS = st.sampled_from([b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])
RAW = st.builds(lambda bom, pieces: bom + b"".join(pieces), BOMS, st.lists(PIECES | st.binary(max_size=6), max_size=12))
MARKERLESS = RAW.filter(lambda content: not has_markers(content))


def has_markers(content: bytes) -> bool:
    try:
        return find(content) is not None
    except BrokenRegionError:
        return True


@given(MARKERLESS, st.sampled_from([BODY, NEWER]))
@example(b"", BODY)
@example(b"\xff\xfe", BODY)
@example(b"\xef\xbb\xbf", BODY)
@example(b"a\r\nb", BODY)
@example(b"a\r", BODY)
@example(b"a\r\nb\r", BODY)
@example(HEADING.encode(), BODY)
@example(HEADING.encode() + b"\r", BODY)
def test_what_was_put_is_stripped_without_a_trace(content: bytes, body: str) -> None:
    assert strip(content) == content
    once = report(content, body)
    assert strip(once) == content
    assert report(once, body) == once
    region = find(once)
    assert region is not None
    assert (region.intact, region.id) == (True, ID)
    assert body in region.body.decode()


@given(RAW, RAW)
@example(b"above", b"below")
@example(b"above\r\n", b"below")
@example(HEADING.encode(), b"\r\nbelow")
def test_a_new_report_changes_nothing_of_what_stands_around_the_region(above: bytes, below: bytes) -> None:
    assume(not has_markers(above))
    region = find(report(above))
    assert region is not None
    content = report(above)[: region.end] + below
    assume(strip(content) != content)
    new = report(content, NEWER)
    assert strip(new) == strip(content)
    assert new[find(new).end :] == below  # type: ignore[union-attr]
    assert report(new, NEWER) == new


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_region_has_the_line_ending_of_the_file(newline: str) -> None:
    content = report(f"a{newline}b".encode())
    assert content.count(newline.encode()) == content.count(b"\n")
    assert strip(content) == f"a{newline}b".encode()


def test_a_mixed_file_gets_what_most_of_its_lines_have() -> None:
    assert b"-->\r\n" in report(b"a\r\nb\r\nc\n")
    assert b"-->\r\n" not in report(b"a\r\nb\nc\n")


def test_a_file_that_is_all_region_keeps_the_line_ending_git_gave_it() -> None:
    checked_out = report(b"").replace(b"\n", b"\r\n")
    region = find(checked_out)
    assert region is not None
    assert region.intact
    assert report(checked_out) == checked_out


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig"])
def test_a_found_region_is_named_by_its_bytes(codec: str) -> None:
    head, tail = "é🤖\n".encode(codec), b"tail\n"
    content = report(head) + tail
    region = find(content)
    assert region is not None
    assert content[: region.start] == head
    assert content[region.end :] == tail


def test_a_missing_final_newline_becomes_real_once_somebody_writes_on_below() -> None:
    content = report(b"last")
    assert b" bare=yes " in content
    content += b"more\n"
    assert strip(content) == b"last\nmore\n"
    assert b"bare=yes" not in report(content, NEWER)
    assert strip(report(content, NEWER)) == b"last\nmore\n"


def test_an_end_marker_without_newline_is_one() -> None:
    assert strip(report(b"a\n").removesuffix(b"\n")) == b"a\n"
    assert report(report(b"a\n").removesuffix(b"\n")) == report(b"a\n")


# --- edited by hand


def test_an_untouched_region_is_intact_and_an_edited_one_is_not() -> None:
    content = report(b"# Journal\n")
    assert find(content).intact  # type: ignore[union-attr]
    assert not find(edited(content, "claude-code", "codex-local")).intact  # type: ignore[union-attr]
    assert not find(edited(content, "### Cons", "note\n### Cons")).intact  # type: ignore[union-attr]
    assert find(b"no region\n") is None


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("known", [True, False])
def test_text_typed_inside_moves_below_the_region(newline: str, known: bool) -> None:
    old = report(f"# Journal\n{HEADING}\n\nbelow\n".encode()).replace(b"\n", newline.encode())
    typed = edited(old, "### Cons", newline.join(["First note", "", "- second\xa0note", "### Cons"]))
    new = put(typed, NEWER, ID, HEADING, BODY if known else None)
    expected = f"{NEWER}{END}\n\nFirst note\n\n- second\xa0note\n\nbelow\n".replace("\n", newline)
    assert new.endswith(expected.encode())
    assert new.startswith(f"# Journal{newline}{HEADING}{newline}<!-- agentsync:begin".encode())
    assert find(new).intact  # type: ignore[union-attr]
    assert put(new, NEWER, ID, HEADING, NEWER) == new


def test_typed_text_and_the_text_below_stay_two_paragraphs() -> None:
    old = report(f"{HEADING}\nbelow\n".encode())
    new = report(edited(old, END, f"my note\n{END}"))
    assert new.endswith(f"{END}\n\nmy note\n\nbelow\n".encode())


def test_typed_text_moves_out_of_a_region_at_the_end_of_a_bare_file() -> None:
    new = report(edited(report(b"last"), END, f"my note\n{END}"))
    assert strip(new) == b"last\n\nmy note\n"
    assert report(new) == new


def test_an_altered_line_of_ours_is_kept_where_the_old_body_is_known() -> None:
    typed = edited(report(b"x\n"), "(agent: claude-code)", "(agent: somebody)")
    kept = put(typed, NEWER, ID, HEADING, BODY)
    assert strip(kept) == "x\n\n  - `modified` à 2025-10-10T15:25:00Z (agent: somebody)\n".encode()
    assert strip(put(typed, NEWER, ID, HEADING)) == b"x\n"


def test_typed_bytes_that_are_no_text_are_moved_as_they_are() -> None:
    typed = report(b"x\n").replace(END.encode(), b"caf\xe9 \x80\n" + END.encode())
    assert strip(report(typed)) == b"x\n\ncaf\xe9 \x80\n"
    assert strip(put(typed, BODY, ID, HEADING, BODY)) == b"x\n\ncaf\xe9 \x80\n"


def test_a_region_from_which_somebody_only_deleted_is_rendered_anew() -> None:
    content = report(b"x\n")
    assert report(edited(content, "**Conditions** : ", "")) != content
    assert report(edited(content, "---\n" + END, END)) == content


def test_an_untouched_report_in_words_of_another_version_is_replaced() -> None:
    assert report(report(b"x\n", "# Words that no report has\n")) == report(b"x\n")


def test_a_report_in_the_other_language_is_no_typed_text() -> None:
    english = put(b"x\n", body_of("2025-10-10T15:30:00Z", language="en"), ID, PHRASES["en"].heading)
    assert report(edited(english, "digest=", "digest=00")) == report(b"x\n")


@given(st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), min_size=1), max_size=5))
def test_no_typed_line_is_ever_lost(lines: list[str]) -> None:
    typed = report(b"x").replace(b"**Cond", "\n".join([*lines, "**Cond"]).encode())
    assume(strip(typed) == b"x")
    new = put(typed, NEWER, ID, HEADING, BODY)
    kept = strip(new).decode().split("\n")
    typed_lines = [line for line in lines if line.strip() and line not in BODY.split("\n")]
    assert [line for line in kept[1:] if line.strip()] == typed_lines
    assert put(new, NEWER, ID, HEADING, NEWER) == new


# --- broken


REPORT = f"{BEGIN}\nbody\n{END}\n"
BROKEN = {
    "line 2: a begin marker without an end marker": f"top\n{BEGIN}\nbody\n",
    "line 2: an end marker without a begin marker before it": f"top\n{END}\n",
    "line 1: an end marker without a begin marker before it": f"{END}\nbody\n{BEGIN}\n",
    "line 2: a second begin marker; the first is in line 1": f"{BEGIN}\n{BEGIN}\nbody\n{END}\n",
    "line 3: a second begin marker; the first is in line 1": f"{BEGIN}\na\n{BEGIN}\nb\n{END}\nc\n{END}\n",
    "line 4: a second begin marker; the first is in line 1": REPORT + REPORT,
    "line 4: a second end marker; the first is in line 3": REPORT + END,
    "line 2: a conflict marker of git inside the report region": (
        f"{BEGIN}\n<<<<<<< HEAD\na\n=======\nb\n>>>>>>> other\n{END}\n"
    ),
    "line 3: a conflict marker of git inside the report region": f"{BEGIN}\na\n>>>>>>> other\n{END}\n",
    "line 5: a conflict marker of git inside the report region": (
        f"<<<<<<< HEAD\n{BEGIN}\n=======\nb\n>>>>>>> other\n{END}\n"
    ),
    "line 3: a conflict marker of git inside the report region (diff3)": f"{BEGIN}\na\n||||||| base\n{END}\n",
    "line 2: a conflict that git left encloses the report region": f"a\n<<<<<<< HEAD\n{REPORT}=======\n>>>>>>> other\n",
    "line 1: a conflict that git left encloses the report region": f"<<<<<<< HEAD\nb\n=======\n{REPORT}>>>>>>> other\n",
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(("message", "text"), BROKEN.items())
def test_a_broken_region_is_named_by_line_and_left_as_it_is(message: str, text: str, newline: str) -> None:
    for content in encoded(text.replace("\n", newline)):
        with pytest.raises(BrokenRegionError) as error:
            find(content)
        assert str(error.value) == message.removesuffix(" (diff3)")
        with pytest.raises(BrokenRegionError):
            report(content)
        assert strip(content) == content


@pytest.mark.parametrize(
    "text",
    [
        f"see {END} here\n",
        f"  {END}\n",
        f"{END} \n",
        "<!-- agentsync:begin\n",
        "<!-- agentsync:beginning -->\n",
        "<!-- agentsync:begin x --> y\n",
        "<!-- agentsync:End -->\n",
        f"a\r{END}\r",
    ],
)
def test_what_is_not_a_whole_marker_line_is_text(text: str) -> None:
    for content in encoded(text):
        assert find(content) is None
        assert strip(content) == content
        assert strip(report(content)) == content


@pytest.mark.parametrize(
    "around",
    [
        "<<<<<<< HEAD\na\n=======\nb\n>>>>>>> other\n{}",
        "{}<<<<<<< HEAD\na\n=======\n>>>>>>> x\n",
        "<<<<<<< HEAD\n{}",
        "{}>>>>>>> x\n",
        "<<<<<<< a\n=======\n>>>>>>> b\n{}>>>>>>> x\n",
        "<<<<<<< a\n{}<<<<<<< b\n=======\n>>>>>>> c\n",
    ],
)
def test_a_conflict_elsewhere_does_not_break_the_region(around: str) -> None:
    assert find(around.format(REPORT).encode()) is not None


@pytest.mark.parametrize("body", [f"a\n{END}\n", "x\n<<<<<<< HEAD\n", "a\r\nb\n", "x <!-- agentsync:begin --> y\n"])
def test_a_body_that_would_break_the_region_is_refused(body: str) -> None:
    with pytest.raises(ValueError, match="body"):
        put(b"text\n", body, ID, HEADING)


@pytest.mark.parametrize("bad", ["a b", "x -->\n", "bare=yes"])
def test_an_id_that_would_break_the_marker_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="id"):
        put(b"text\n", BODY, bad, HEADING)


def test_a_region_without_a_consolidation_has_no_id() -> None:
    region = find(put(b"text\n", BODY, "", HEADING))
    assert region is not None
    assert (region.id, region.intact) == ("", True)


# --- the place that git is told

FEW = st.lists(st.sampled_from(["one", "two", "", HEADING]), max_size=6)


def standing(lines: list[str], at: int, body: str = BODY) -> bytes:
    """These lines with the region after so many of them."""
    block = report(b"", body).decode()
    return ("".join(f"{line}\n" for line in lines[:at]) + block + "".join(f"{line}\n" for line in lines[at:])).encode()


@given(FEW, st.integers(0, 6), st.integers(0, 6))
def test_where_nobody_has_edited_git_gets_what_it_has(lines: list[str], at: int, there: int) -> None:
    stored = standing(lines, there)
    assert as_stored(standing(lines, at, NEWER), stored) == stored
    assert as_stored("".join(f"{line}\n" for line in lines).encode(), stored) == stored


@given(FEW, st.integers(0, 6), FEW, st.integers(0, 6))
def test_the_text_that_git_gets_is_that_of_the_file(lines: list[str], at: int, old: list[str], there: int) -> None:
    content, stored = standing(lines, at, NEWER), standing(old, there)
    once = as_stored(content, stored)
    assert strip(once) == strip(content)
    assert as_stored(once, stored) == once


def test_a_region_in_another_place_than_the_published_one_is_no_edit_of_it() -> None:
    stored = standing(["a", "b", "c", "d"], 3)
    assert as_stored(standing(["new", "a", "b", "c", "d"], 1, NEWER), stored) == standing(
        ["new", "a", "b", "c", "d"], 4
    )
    assert as_stored(standing(["a", "b", "c", "new", "d"], 4, NEWER), stored) == standing(
        ["a", "b", "c", "new", "d"], 4
    )


def test_a_line_below_a_report_that_stands_behind_a_bare_text_is_one_line_of_difference() -> None:
    """Else it would conflict with the next publication."""
    stored = report(b"no newline")
    assert as_stored(report(b"no newline", NEWER) + b"below\n", stored) == stored + b"below\n"
    assert strip(stored + b"below\n") == b"no newline\nbelow\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_is_typed_right_below_the_begin_marker_moves_without_the_line_about_the_report(newline: str) -> None:
    text = newline.join(["no newline", "at the end"]).encode()
    content = report(text).replace(f"begin -->{newline}".encode(), f"begin -->{newline}typed{newline}".encode())
    found = find(content)
    assert found and found.id == ID and found.bare and not found.intact
    moved = put(content, NEWER, ID, HEADING)
    assert strip(moved) == text + newline.encode() * 2 + b"typed" + newline.encode()


# With a time that grows with the square, each of these would not come to its end.
LARGE = {
    "headings in code that is never closed": lambda: f"```\n{(HEADING + chr(10)) * 20_000}".encode(),
    "blocks of code": lambda: f"{HEADING} not\n{('```' + chr(10)) * 200_000}".encode(),
    "markers": lambda: b"<!-- agentsync:begin -->\n" * 40_000,
    "lines that somebody typed": lambda: edited(report(b""), BODY, BODY + "x\n" * 300_000),
    "blank lines between them": lambda: edited(report(b""), BODY, BODY + ("\n" * 50 + "x\n") * 10_000),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_document_made_to_take_long_takes_no_time(name: str) -> None:
    content = LARGE[name]()
    with contextlib.suppress(BrokenRegionError):
        assert BODY.encode() in report(content)
    with contextlib.suppress(BrokenRegionError):
        as_stored(content, report(b"old\n"))
