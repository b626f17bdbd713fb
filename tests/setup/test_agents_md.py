"""`setup agents-md`: the block goes into what is there, and comes out byte for byte."""

from pathlib import Path

import pytest

from agentsync.setup import agents_md
from agentsync.setup.changes import carry_out

TEXTS = (b"", b"a\n", b"a", b"a\r\nb\r\n", b"a\r\nb", b"\xef\xbb\xbfa\n", b"\xef\xbb\xbf", b"a\r", b"\n\n", b"\xff\n")


@pytest.mark.parametrize("text", [None, *TEXTS])
@pytest.mark.parametrize("name", agents_md.NAMES)
def test_a_file_is_as_it_was_after_remove(tmp_path: Path, name: str, text: bytes | None) -> None:
    if text is not None:
        (tmp_path / name).write_bytes(text)
    carry_out(agents_md.plan_install(str(tmp_path)))
    written = [path.read_bytes() for path in tmp_path.iterdir()]
    assert len(written) == 1
    block = written[0].removeprefix(text or b"").strip()
    assert len(block.splitlines()) == 6
    assert len(block) <= 120 * 3
    assert agents_md.plan_install(str(tmp_path)) == []
    carry_out(agents_md.plan_remove(str(tmp_path)))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == ([] if text is None else [text])
