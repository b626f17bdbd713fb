"""What somebody is perhaps still writing: a look waits for it a moment, and reads again before it believes it.

git writes the files of a worktree, then its index, then its HEAD; an editor may empty a file or take it away before it
writes it anew. In between stands what nobody has meant.
"""

import os
import time
from collections.abc import Iterable

from agentsync.base import files, git
from agentsync.ledger.events import Change, Event
from agentsync.observe.gather import Gathered
from agentsync.observe.request import Request
from agentsync.observe.worktree import Scene

AT_REST = 0.1  # seconds after which what was written is what was meant
BETWEEN = 1.0  # seconds that git may need from the index to HEAD, where others want the processor, too
TOLD = 2.0  # seconds after which an agent's own hook has told of an edit: it runs when the edit is made
AGAIN = 0.25  # seconds until one looks whether it has


def rest(gathered: Gathered, events: Iterable[Event]) -> float:
    """Seconds to wait before the edits among these events are to be believed; 0 for none."""
    now = time.time()
    edits = [event for event in events if isinstance(event, Change) and event.commit is None]
    return max((_left(gathered, event, now) for event in edits), default=0.0)


def _left(gathered: Gathered, event: Change, now: float) -> float:
    scene = gathered.scenes.get(event.worktree or "")
    if scene is None:
        return 0.0
    written, staged = now - _written(scene, event.file_path), now - _staged(scene, event.file_path)
    ages = (written if _is_empty(scene, event.file_path) else AT_REST, staged)
    left = AT_REST - min((age for age in ages if age >= 0), default=AT_REST)
    if event.agent_owner is None and 0 <= written < TOLD and _may_be_told(gathered.request, now):
        left = AGAIN
    if 0 <= staged < BETWEEN and _is_elsewhere(gathered, event):
        left = BETWEEN - staged
    return max(left, 0.0)


def _may_be_told(request: Request, now: float) -> bool:
    """Whether a note of an agent's hook may come: only the poller is there before it, and nobody waits for that."""
    if request.source != "poller" or now - request.now >= TOLD:
        return False
    return any(os.path.exists(f"{request.clone.store}/{name}") for name in (files.AGENT_PYTHON, files.AGENT_MARK))


def _written(scene: Scene, path: str) -> float:
    """When what stands there was written or, of a file that is gone, taken away; 0 for unknown."""
    stat = scene.signatures.get(path) or git.signature(f"{scene.worktree.root}/{path}".rpartition("/")[0])
    return stat[-1] / 1e9 if stat else 0.0


def _is_empty(scene: Scene, path: str) -> bool:
    """Whether a file was emptied or taken away."""
    signature = scene.signatures.get(path)
    return signature is None or signature[1] == 0


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
