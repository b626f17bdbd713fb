"""Which files are changes: what a worktree holds against what is known of it (rules 8 and 9)."""

from collections.abc import Mapping

from agentsync.base.settings import Settings, Watch, type_of
from agentsync.ledger.events import Baseline, Change, event_type, new_id, to_rfc3339
from agentsync.observe.agents import attribute
from agentsync.observe.carried import is_brought
from agentsync.observe.contents import Content
from agentsync.observe.drafts import Drafts
from agentsync.observe.gather import Gathered
from agentsync.observe.worktree import Scene


def judge(gathered: Gathered, scene: Scene, drafts: Drafts) -> None:
    """Add what the files of a worktree say. Raises NotAskedError."""
    name = scene.worktree.name
    first_sight = name not in drafts.fold.known
    if scene.paused:
        return
    settled: dict[str, Content] = {}
    edited: list[tuple[str, Content, Content]] = []
    for path, content in scene.files.items():
        known = drafts.known(name, path)
        if known and known.blob == content.blob:
            continue
        before = Content(known.blob, known.checksum) if known else _at_first(gathered, scene, drafts, path, content)
        if content.blob == before.blob:
            settled[path] = content
            continue
        if first_sight:
            settled[path] = before
        head = gathered.answers.at_head(scene.head, path)
        known_before = content.blob == head.blob or drafts.shelved(name, path, content.blob)
        if known_before or (scene.head and is_brought(gathered, drafts, path, head, content, scene.head)):
            settled[path] = content
        else:
            edited.append((path, before, content))
    if settled or first_sight:
        drafts.add(baseline(gathered, scene, settled, gathered.request.source))
    for path, before, after in edited:
        drafts.add(_change(gathered, scene, path, before, after))


def _at_first(gathered: Gathered, scene: Scene, drafts: Drafts, path: str, content: Content) -> Content:
    """What is known of a path in a worktree where it was never seen: HEAD's, unless it has only begun to be watched."""
    first_sight = scene.worktree.name not in drafts.fold.known
    return gathered.answers.at_head(scene.head, path) if first_sight or _is_new(path, drafts) else content


def _is_new(path: str, drafts: Drafts) -> bool:
    """Whether a path that nothing is known of has appeared; else it has only begun to be watched."""
    since = tuple(Watch(watch, "") for watch in drafts.fold.fixed.watch)
    return type_of(Settings(watch=since), path) is not None


def baseline(
    gathered: Gathered,
    scene: Scene,
    contents: Mapping[str, Content],
    source: str,
    tips: list[str] | None = None,
    watch: list[str] | None = None,
) -> Baseline:
    """What these paths hold, by nobody's edit."""
    now, at_head = gathered.request.now, gathered.answers.at_head
    return Baseline(
        id=new_id(now),
        timestamp=to_rfc3339(now),
        recorded="",
        worktree=scene.worktree.name,
        branch=scene.branch,
        commit=scene.head,
        source=source,
        files={
            path: {
                "blob": content.blob,
                "checksum": content.checksum,
                "dirty": content.blob != at_head(scene.head, path).blob,
            }
            for path, content in contents.items()
        },
        tips=tips,
        watch=watch,
    )


def _change(gathered: Gathered, scene: Scene, path: str, before: Content, after: Content) -> Change:
    now = gathered.request.now
    signature = scene.signatures[path]
    written = min(now, signature[2] / 1e9) if signature else now  # the file's own time; a deletion has none
    found = attribute(gathered.witness.of_file(scene.worktree, path, signature[2] / 1e9 if signature else None))
    return Change(
        id=new_id(now),
        timestamp=to_rfc3339(written),
        recorded="",
        file_path=path,
        file_type=type_of(gathered.settings, path) or "",
        event_type=event_type(before.blob, after.blob),
        old_checksum=before.checksum,
        new_checksum=after.checksum,
        agent_owner=found.agent_owner,
        evidence=found.evidence,
        confidence=found.confidence,
        also=found.also,
        author=None,
        source=gathered.request.source,
        worktree=scene.worktree.name,
        branch=scene.branch,
        commit=None,
        old_blob=before.blob,
        new_blob=after.blob,
        **gathered.contents.size(before, after)._asdict(),
    )
