"""Events for tests of the fold: one of each kind with all its fields, and random histories of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from agentsync.ledger.events import (
    Attribution,
    Baseline,
    Change,
    Claim,
    Consolidation,
    Dismissal,
    Event,
    Handoff,
    Overlaps,
    Release,
    new_id,
)

TIME = "2025-10-10T12:00:00Z"
PATHS = ("doc.md", "other.md")
WORKTREES = ("main", "other")
BLOBS = (None, "a" * 40, "b" * 40, "c" * 40)
OWNERS = (None, "claude-code", "human")
IDS = [new_id(number) for number in range(1, 30)]


def change(id_: str, *, blob: str | None = "b" * 40, **fields: Any) -> Change:
    """An uncommitted change of doc.md in main."""
    given_: dict[str, Any] = {
        "id": id_,
        "timestamp": TIME,
        "recorded": TIME,
        "file_path": "doc.md",
        "file_type": "docs",
        "event_type": "modified",
        "old_checksum": None,
        "new_checksum": "1",
        "agent_owner": None,
        "evidence": [],
        "confidence": 0.0,
        "also": [],
        "author": None,
        "source": "poller",
        "worktree": "main",
        "branch": "main",
        "commit": None,
        "old_blob": "a" * 40,
        "new_blob": blob,
    }
    return Change(**{**given_, **fields})


def attribution(ids: list[str], *, blob: str | None = "b" * 40, reason: str = "own", **fields: Any) -> Attribution:
    """The commit of such changes."""
    given_: dict[str, Any] = {
        "id": new_id(99),
        "timestamp": TIME,
        "recorded": TIME,
        "file_path": "doc.md",
        "event_ids": ids,
        "reason": reason,
        "carried_from": [],
        "agent_owner": None,
        "evidence": [],
        "confidence": 0.0,
        "also": [],
        "author": None,
        "committed_by": None,
        "source": "hook",
        "worktree": "main",
        "branch": "main",
        "commit": "f" * 40,
        "old_blob": "a" * 40,
        "new_blob": blob,
    }
    return Attribution(**{**given_, **fields})


def baseline(blob: str | None, *, dirty: bool = False, worktree: str = "main", **fields: Any) -> Baseline:
    """doc.md holds this, by nobody's edit."""
    files = {"doc.md": {"blob": blob, "checksum": None, "dirty": dirty}}
    given_: dict[str, Any] = {"branch": "main", "commit": None, "source": "scan", "files": files}
    return Baseline(id=new_id(98), timestamp=TIME, recorded=TIME, worktree=worktree, **{**given_, **fields})


def consolidation(ids: list[str]) -> Consolidation:
    return Consolidation(new_id(97), TIME, TIME, "manual", {"pending_changes": len(ids)}, ids, "scan")


def claim(id_: str, *paths: str, **fields: Any) -> Claim:
    """codex-local says until two that it works there."""
    given_: dict[str, Any] = {"expires": "2025-10-10T14:00:00Z", "note": None, "process": None, "branch": "main"}
    return Claim(id_, paths=list(paths), **{**_speaker(), **given_, **fields})


def release(*claims: str, **fields: Any) -> Release:
    return Release(new_id(96), claims=list(claims), **{**_speaker(), "reason": "asked", **fields})


def handoff(session: str, **fields: Any) -> Handoff:
    given_: dict[str, Any] = {"commits": [], "files": [], "branch": "main", "new_blob": None, "session": session}
    return Handoff(new_id(95), file_path="docs/passation.md", **{**_speaker(), **given_, **fields})


def overlaps(*ids: str) -> Overlaps:
    rows = [{"id": id_, "file_path": "doc.md", "level": "conflict", "one": "cursor", "other": "unknown"} for id_ in ids]
    return Overlaps(new_id(94), TIME, TIME, rows, "scan")


def dismissal(overlap: str) -> Dismissal:
    return Dismissal(new_id(93), overlap=overlap, file_path="doc.md", **_speaker())


def _speaker() -> dict[str, Any]:
    said = {"timestamp": TIME, "recorded": TIME, "agent_owner": "codex-local", "evidence": [], "confidence": 0.95}
    return {**said, "session": "one", "source": "command", "worktree": "main"}


ids = st.sampled_from(IDS)
sessions = st.sampled_from((None, "one", "two"))
places = {"file_path": st.sampled_from(PATHS), "worktree": st.sampled_from((*WORKTREES, None))}
commits = st.sampled_from((None, "d" * 40))
blobs = st.sampled_from(BLOBS)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(change, ids, blob=blobs, commit=commits, agent_owner=st.sampled_from(OWNERS), **places),
    st.builds(
        attribution,
        st.lists(ids, max_size=3),
        blob=blobs,
        reason=st.sampled_from(("own", "carried")),
        agent_owner=st.sampled_from(OWNERS),
        **places,
    ),
    st.builds(
        baseline,
        blobs,
        dirty=st.booleans(),
        worktree=st.sampled_from(WORKTREES),
        tips=st.sampled_from((None, ["e" * 40])),
        watch=st.sampled_from((None, ["doc.md"])),
    ),
    st.builds(consolidation, st.lists(ids, max_size=4)),
    st.builds(claim, ids, st.sampled_from(PATHS), session=sessions),
    st.builds(release, ids),
    st.builds(handoff, sessions),
    st.builds(overlaps, ids),
    st.builds(dismissal, ids),
)
histories = st.lists(events, max_size=30)
