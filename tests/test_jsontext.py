"""JSON and hashes by CPython's own C functions, and without them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agentsync import digests, jsontext

PROGRAM = """
import sys
for name in sys.argv[1:]:
    sys.modules[name] = None
from agentsync import digests, jsontext
value = {"a": [None, True, 1, -2.5, "é\\u2028\\n\\""], "b": {}}
print(jsontext.dumps(value))
print(jsontext.loads(" " + jsontext.dumps(value) + "\\n") == value)
for text in ("", "NaN", "[1] 2", '{"a":1', '"\\x01"'):
    try:
        print(text, jsontext.loads(text))
    except ValueError:
        print("refused")
try:
    jsontext.dumps(float("nan"))
except ValueError:
    print("refused")
print([hash_(b"x").hexdigest() for hash_ in (digests.md5, digests.sha1, digests.sha256)])
"""
PRIVATE = ("_json", "_md5", "_sha1", "_sha2", "_sha256")


def said(*missing: str) -> str:
    """What the program prints where these modules cannot be imported."""
    root = str(Path(jsontext.__file__).resolve().parent.parent)
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.append({root!r})\n{PROGRAM}", *missing]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_an_interpreter_without_the_c_functions_says_the_same() -> None:
    """Then `json` and `hashlib` serve, and a hook takes longer."""
    expected = said()
    assert expected.count("refused") == 6
    assert said(*PRIVATE) == expected
    assert said("_json") == said("_md5") == expected


@pytest.mark.parametrize("text", ["", " ", "nul", "Infinity", "[1]]", "{}{}", "'a'"])
def test_what_is_not_exactly_one_value_is_refused(text: str) -> None:
    """Nothing before or after it, and no constant that JSON has not."""
    with pytest.raises(ValueError):
        jsontext.loads(text)
    assert digests.md5(b"").hexdigest() == "d41d8cd98f00b204e9800998ecf8427e"
