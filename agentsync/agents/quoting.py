"""What others have chosen (paths, names, texts), made harmless for whoever reads it as a language model.

Two kinds: words, which may stand in what a hook says, since nothing in them reads as a sentence; and quotations, which
only a command or a tool shows, marked as such.
"""

import re
from collections.abc import Iterable, Iterator

from agentsync.base.text import clean

WORD = 96  # characters of a path or name
WIDTH = 200  # characters of a quoted line
_PLAIN = re.compile(r"[A-Za-z0-9._/@+-]+")


def word(text: str) -> str:
    """A path or a name as one word: everything but letters, digits and `._/@+-` is percent-encoded; its middle goes.

    So whoever chooses the names of files cannot speak in an agent's instructions.
    """
    if not _PLAIN.fullmatch(text):
        data = text.encode(errors="surrogateescape")
        text = "".join(chr(byte) if _PLAIN.fullmatch(chr(byte)) and byte < 0x80 else f"%{byte:02X}" for byte in data)
    return text if len(text) <= WORD else f"{text[: WORD // 3]}...{text[-(WORD - WORD // 3 - 3) :]}"


def quoted(lines: Iterable[str]) -> Iterator[str]:
    """Lines of somebody's text as a quotation: no control, bidi or zero-width character, no fence, no tag.

    Each begins with `> `, so nothing in it can end the quotation.
    """
    for line in lines:
        text = clean(line.replace("\t", "    ")).replace("<", "‹").replace(">", "›")
        text = re.sub(r"[`~]{3,}", "'''", text)
        yield f"> {text[:WIDTH]}{'…' if len(text) > WIDTH else ''}".rstrip()
