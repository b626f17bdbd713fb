"""The main script of git's merge driver for the report's file. Arguments: base, ours, theirs, length of markers."""

import os
import sys

sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
try:
    from agentsync.report.merge_regions import merge

    merge(*sys.argv[1:4])
except Exception as error:  # git's own merge of the files as they are
    if os.environ.get("AGENTSYNC_TRACE", "0") != "0":
        print(f"agentsync: merge driver: {error!r}", file=sys.stderr)
base, ours, theirs, size = sys.argv[1:5]
labels = ["-L", "ours", "-L", "base", "-L", "theirs"]
os.execvp("git", ["git", "merge-file", f"--marker-size={size}", *labels, ours, base, theirs])
