"""The one script that git starts: `hook NAME ARGS...` and `look STORE`, `clean PATH`, `merge BASE OURS THEIRS SIZE`.

So small because Python compiles a main script anew each time. What each mode needs is imported there and nowhere else.
"""

import gc
import os
import sys


def hook(*arguments: str, noted: bool = True) -> None:
    """Look now; the hook's sh has left a note, if it was a commit."""
    from agentsync.hook import main

    main([*arguments], noted=noted)


def look(*arguments: str) -> None:
    """The look that a commit's hook starts in the background: nobody waits for it."""
    start, store = os.getcwd(), os.path.abspath(arguments[0])
    from agentsync.base import background

    background.detach()
    if lock := background.try_lock(store):
        from agentsync.hook import in_background

        in_background(start, store, lock)


def clean(*arguments: str) -> None:
    """git's clean filter: the file's bytes from the standard input to the output; as they came if anything fails."""
    content = stored = sys.stdin.buffer.read()
    try:
        from agentsync.report.hidden import clean

        stored = clean(arguments[0], content)
    finally:
        sys.stdout.buffer.write(stored)
        sys.stdout.buffer.flush()


def merge(*arguments: str) -> None:
    """git's merge driver: it unites the two reports, then git merges the texts, whatever became of the first step."""
    base, ours, theirs, size = arguments
    try:
        from agentsync.report.merge_regions import merge

        merge(base, ours, theirs)
    except Exception as error:
        if tracing:
            print(f"agentsync: merge driver: {error!r}", file=sys.stderr)
    labels = ["-L", "ours", "-L", "base", "-L", "theirs"]
    os.execvp("git", ["git", "merge-file", f"--marker-size={size}", *labels, ours, base, theirs])


MODES = {"hook": hook, "look": look, "clean": clean, "merge": merge}

gc.disable()  # it ends before there is anything to collect
sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
tracing = os.environ.get("AGENTSYNC_TRACE", "0") != "0"
mode, *arguments = sys.argv[1:]
try:
    if mode in MODES:
        MODES[mode](*arguments)
    else:  # a hook that an earlier version wrote: it gives its own name at once, and leaves no note
        hook(mode, *arguments, noted=False)
except BaseException:  # whatever it is, git goes on; a filter's reader may have gone, too
    if tracing:
        raise
# Taking the interpreter apart takes as long as the record. `merge` comes here only if there is no git: a conflict.
os._exit(1 if mode == "merge" else 0)
