"""What somebody is perhaps still writing: a look waits for it a moment, and reads again before it believes it.

git writes the files of a worktree, then its index, then its HEAD; an editor may empty a file or take it away before it
writes it anew. In between stands what nobody has meant.
"""

import time
from collections.abc import Iterable

from agentsync.base import git
from agentsync.ledger.events import Change, Event
from agentsync.observe.gather import Gathered
from agentsync.observe.worktree import Scene

AT_REST = 0.1  # seconds after which what was written is what was meant
BETWEEN = 1.0  # seconds that git may need from the index to HEAD, where others want the processor, too


def rest(gathered: Gathered, events: Iterable[Event]) -> float:
    """Seconds to wait before the edits among these events are to be believed; 0 for none."""
    now = time.time()
    edits = [event for event in events if isinstance(event, Change) and event.commit is None]
    return max((_left(gathered, event, now) for event in edits), default=0.0)


def _left(gathered: Gathered, event: Change, now: float) -> float:
    scene = gathered.scenes.get(event.worktree or "")
    if scene is None:
        return 0.0
    saved, staged = now - _saved(scene, event.file_path), now - _staged(scene, event.file_path)
    left = AT_REST - min((age for age in (saved, staged) if age >= 0), default=AT_REST)
    if 0 <= staged < BETWEEN and _is_elsewhere(gathered, event):
        left = BETWEEN - staged
    return max(left, 0.0)


def _saved(scene: Scene, path: str) -> float:
    """When a file was emptied or taken away; 0 for neither."""
    root, signature = scene.worktree.root, scene.signatures.get(path)
    if signature is None:
        folder = git.signature(f"{root}/{path}".rpartition("/")[0])
        return folder[-1] / 1e9 if folder else 0.0
    return signature[-1] / 1e9 if signature[1] == 0 else 0.0


def _staged(scene: Scene, path: str) -> float:
    """When git wrote the index that knows of a file, unless HEAD is newer; 0 if it has not."""
    index, signature = scene.stand.index_file, scene.signatures.get(path)
    if index is None or (signature is not None and signature[-1] > index[-1]):
        return 0.0
    moved = max((stat[-1] for stat in scene.stand.head if isinstance(stat, tuple)), default=0)
    return index[-1] / 1e9 if index[-1] > moved else 0.0


def _is_elsewhere(gathered: Gathered, event: Change) -> bool:
    """Whether a branch has this content at the path: git may be on its way there, and HEAD come last."""
    asked = "".join(f"{tip}:{event.file_path}\n" for tip in gathered.walk.tips).encode(errors="surrogateescape")
    said = git.run(["cat-file", "--batch-check=%(objectname)"], cwd=gathered.request.clone.folder, stdin=asked)
    found = {None if line.endswith(b" missing") else line.decode() for line in said.splitlines()}
    return event.new_blob in found
