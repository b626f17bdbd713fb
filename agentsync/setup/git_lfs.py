"""git-lfs's hooks: `git lfs install` fails beside any hook that does not begin with its own text, so ours stands below.

It compares the first 1,024 bytes of a hook, without white space around them, with the texts that it has ever written.
What follows them runs all the same.
"""

from __future__ import annotations

import re

HOOKS = ("post-checkout", "post-commit", "post-merge")  # and `pre-push`, which is none of ours
COMPARED = 1024  # bytes
_HOOK = re.compile(rb'\A#!/bin/sh\ncommand -v git-lfs [^\n]*exit 2; \}\ngit lfs ([a-z-]+) "\$@"\n')


def text_of(hook: bytes) -> bytes:
    """git-lfs's hook, if there is nothing else in this one, or what stands below it; b"" for none."""
    found = _HOOK.match(hook)
    return found[0] if found and not hook[found.end() : COMPARED].strip() else b""


def below(hook: bytes) -> bytes:
    """What stands below git-lfs's text; all of a hook that does not begin with it."""
    return hook[len(text_of(hook)) :].lstrip() if text_of(hook) else hook


def joined(text: bytes, hook: bytes) -> bytes:
    """A hook that git-lfs takes for its own (`text`, as it wrote it), and that runs ours behind it."""
    return text.ljust(COMPARED, b"\n") + hook if text else hook


def named(text: bytes, name: str) -> bytes:
    """What git-lfs writes as the hook `name`, told by its hook `pre-push`; b"" where it writes none."""
    return text.replace(b"pre-push", name.encode()) if name in HOOKS else b""
