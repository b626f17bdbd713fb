"""What `agentsync --help` teaches: the commands that people begin with, each in a few words; the others by name."""

from __future__ import annotations

TAUGHT = {
    "init": "set this clone up, and take in what happened before",
    "setup": "let the agents' own tools tell what they do",
    "documents": "what is watched; add a document, or take one out",
    "agent": "who works in this worktree",
    "doctor": "prove that everything is recorded, and mend it",
    "uninstall": "take everything out again; the ledger stays",
    "status": "what is recorded, uncommitted, unreported; who works",
    "log": "the changes, newest first; -p shows their lines",
    "show": "one change: by whom, how that is known, what it did",
    "consolidate": "write a report now",
    "publish": "commit the newest report, alone",
    "watch": "see edits before they are committed",
    "brief": "what others have changed since you last looked",
    "who": "who changed a file last, and who works on it now",
    "overlaps": "documents that two lines of work have both changed",
    "claim": "say what you work on",
    "handoff": "write what you leave at the top of the journal",
    "rescue": "what a document held, also if it was never committed",
    "serve": "a page of all this, an API and metrics, over HTTP",
    "export": "the page as one file",
    "check": "for CI: configuration, reports and ledger are in order",
}
