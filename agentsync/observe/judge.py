"""The second part of a look: what was gathered is judged against what the ledger says."""

from agentsync.ledger.view import View
from agentsync.observe import commits, uncommitted, worktree
from agentsync.observe.drafts import Drafts, take_in
from agentsync.observe.gather import Gathered
from agentsync.report.decide import Trigger, decide


def judge(gathered: Gathered, view: View) -> Drafts:
    """The events to append. Raises NotAskedError."""
    drafts = Drafts(view)
    if gathered.request.begin or view.state.since is None:
        _begin(gathered, drafts)
        return drafts
    take_in(gathered.waiting.observations, drafts)
    commits.judge(gathered, drafts)
    for scene in gathered.scenes.values():
        uncommitted.judge(gathered, scene, drafts)
    _watch_more(gathered, drafts)
    return drafts


def trigger_of(gathered: Gathered, drafts: Drafts) -> Trigger | None:
    """The rule that fires once the drafts are in the ledger."""
    request = gathered.request
    return decide(drafts.fold.state(), request.now, request.settings, asked=request.asked)


def _begin(gathered: Gathered, drafts: Drafts) -> None:
    """The baseline: what is reachable is seen, and uncommitted edits are nobody's."""
    here = gathered.request.clone.here
    tips, watch = list(gathered.walk.tips), [watch.path for watch in gathered.settings.watch]
    scenes = list(gathered.scenes.values())
    if not scenes and here:  # no file may be read now: what they hold shows at their first sight
        scenes = [worktree.unread(here, gathered.walk.heads.get(here.name))]
    for scene in scenes:
        if scene.worktree == here or len(scenes) == 1:
            drafts.add(uncommitted.baseline(gathered, scene, scene.files, "init", tips, watch))
        else:
            drafts.add(uncommitted.baseline(gathered, scene, scene.files, "init"))


def _watch_more(gathered: Gathered, drafts: Drafts) -> None:
    """Paths that the configuration names anew have a baseline from now on."""
    already = drafts.fold.fixed.watch
    new = [watch.path for watch in gathered.settings.watch if watch.path not in already]
    scene = next((scene for scene in gathered.scenes.values() if not scene.paused), None)
    if new and scene:
        tips = sorted({*drafts.fold.fixed.tips, *gathered.walk.tips})
        drafts.add(uncommitted.baseline(gathered, scene, {}, gathered.request.source, tips, [*already, *new]))
