"""What somebody is perhaps still writing: a look waits for it a moment, and reads again before it believes it.

git writes the files of a worktree, then its index, then its HEAD; an editor may empty a file or take it away before it
writes it anew. In between stands what nobody has meant.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from agentsync.base import git
from agentsync.ledger.events import Change, Event
from agentsync.observe.gather import Gathered
from agentsync.observe.worktree import Scene

AT_REST = 0.1  # seconds after which what was written is what was meant


def rest(gathered: Gathered, events: Iterable[Event]) -> float:
    """Seconds to wait before the edits among these events are to be believed; 0 for none."""
    now = time.time()
    written = [
        moment
        for event in events
        if isinstance(event, Change) and event.commit is None
        for moment in _doubtful(gathered.scenes.get(event.worktree or ""), event.file_path)
    ]
    return max((AT_REST - (now - moment) for moment in written if 0 <= now - moment < AT_REST), default=0.0)


def _doubtful(scene: Scene | None, path: str) -> Iterable[float]:
    """When a file was emptied or taken away, or git wrote the index that knows of it, unless HEAD is newer."""
    if scene is None:
        return
    root, signature = scene.worktree.root, scene.signatures.get(path)
    if signature is None:
        folder = git.signature(f"{root}/{path}".rpartition("/")[0])
        yield folder[-1] / 1e9 if folder else 0.0
    elif signature[1] == 0:
        yield signature[-1] / 1e9
    index = scene.stand.index_file
    if index and (signature is None or signature[-1] <= index[-1]):
        moved = max((stat[-1] for stat in scene.stand.head if isinstance(stat, tuple)), default=0)
        yield index[-1] / 1e9 if index[-1] > moved else 0.0
