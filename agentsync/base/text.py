"""Text that is safe wherever people read it: names of files, agents and authors without control characters."""


def clean(text: str) -> str:
    """The text with everything that is not printable written as an escape.

    Every file name, author, branch and remote goes through here before it reaches a terminal or a label.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8, as the file system's codec gives it
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def escape_json(text: str) -> str:
    """JSON text in which everything that is not printable, so stands within a string, is an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _json_escaped(char) for char in text)


def _json_escaped(char: str) -> str:
    code = ord(char)
    if code > 0xFFFF:
        code -= 0x10000
        return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
    return f"\\u{code:04x}"
