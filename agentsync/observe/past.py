"""The history of the watched documents before watching began, taken in as changes of which no report is owed.

They are judged as the commits of a look are, among themselves: what came later explains nothing that was before it. The
same commit and path is never taken in twice, so this may be asked for again, with more of the past.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from agentsync.base.errors import LedgerError
from agentsync.base.settings import pathspecs
from agentsync.ledger import notes
from agentsync.ledger.events import Attribution, Change, Event, is_past
from agentsync.ledger.log import Ledger, ReplacedError
from agentsync.ledger.view import View
from agentsync.observe import commits, history
from agentsync.observe.answers import Answers
from agentsync.observe.before import Before
from agentsync.observe.contents import Contents, hex_length
from agentsync.observe.drafts import Drafts
from agentsync.observe.foreign import Foreign
from agentsync.observe.gather import Gathered
from agentsync.observe.glance import Looks
from agentsync.observe.history import Commit, Span, Walk
from agentsync.observe.look import record
from agentsync.observe.merges import Merges
from agentsync.observe.request import Request
from agentsync.observe.witness import Witness

DAYS = 90
COMMITS = 2000
PORTION = 128  # commits whose contents are in memory at the same time
TRIES = 5


class Taken(NamedTuple):
    """What was taken in: the changes, how many of them by each agent, and by how many authors the others.

    `limited`: there were more commits than were asked for.
    """

    changes: int
    agents: dict[str, int]
    authors: int
    limited: bool


def take_in(
    request: Request, since: float | None, most: int = COMMITS, tell: Callable[[float], object] = lambda share: None
) -> Taken:
    """Append what the newest `most` commits since then (seconds since 1970) did and the ledger does not have.

    `tell` hears how much is done (0 to 1). Raises LedgerError, LockedError, GitError.
    """
    view = View(Ledger(request.clone.store)).catch_up()
    for _ in range(TRIES):
        span = Span(view.state.tips, since, most)
        walk = history.walk_back(request.clone, request.worktrees, request.settings, span)
        events = _judged(request, view, walk, since, tell)
        try:
            with view.ledger.transaction(request.timeout) as transaction:
                cursor = view.cursor
                if view.catch_up().cursor != cursor and any(_is_recorded(view, event) for event in events):
                    continue  # somebody else has taken in the same meanwhile
                if events:
                    record(transaction, view, events, request.now)
        except ReplacedError:
            continue
        except OSError as error:
            raise LedgerError("cannot append to the ledger", cause=error.strerror or str(error)) from error
        view.save_if_worth()
        return _summary(events, limited=len(walk.commits) >= most)
    raise LedgerError("the ledger changes all the time", hint="try again")


class _PastDrafts(Drafts):
    """Drafts that know of nothing but the past."""

    def find(self, *key: str) -> list[Event]:
        """The events under an index key, newest first."""
        return [event for event in super().find(*key) if is_past(event)]


def _judged(
    request: Request, view: View, walk: Walk, since: float | None, tell: Callable[[float], object]
) -> Sequence[Event]:
    """The events to append, portion by portion: the contents of a long history do not fit into memory."""
    new = list(_unrecorded(view, walk.commits))
    gathered = _gathered(request, view, walk._replace(commits=tuple(new)))
    gathered.answers.learn_parents(history.parents(request.clone.folder, walk.tips, since) if new else {})
    drafts, specs = _PastDrafts(view), pathspecs(request.settings)
    for begin in range(0, len(new), PORTION):
        portion = new[begin : begin + PORTION]
        touches = [touch for commit in portion for touch in commit.touches]
        blobs = [(touch.path, blob) for touch in touches for blob in (*touch.before[:1], touch.after)]
        gathered.contents.read({blob for _, blob in blobs if blob})
        gathered.contents.ask(blobs)
        gathered.merges.ask(portion, specs)
        commits.judge_past(gathered, portion, drafts)
        gathered.contents.forget()
        tell((begin + len(portion)) / len(new))
    return drafts.events


def _unrecorded(view: View, walked: Iterable[Commit]) -> Iterator[Commit]:
    """The commits with those of their touches that the ledger does not have."""
    for commit in walked:
        touches = tuple(touch for touch in commit.touches if not view.events("commit", commit.sha, touch.path))
        if touches:
            yield commit._replace(touches=touches)


def _is_recorded(view: View, event: Event) -> bool:
    return isinstance(event, (Change, Attribution)) and bool(view.events("commit", event.commit or "", event.file_path))


def _gathered(request: Request, view: View, walk: Walk) -> Gathered:
    """What a look gathers, without files, notes, and what was known before: this is what was before."""
    clone, settings = request.clone, request.settings
    contents = Contents(clone.folder, settings.report.path, hex_length(clone.common_dir))
    answers = Answers(clone.folder, walk, contents)
    return Gathered(
        request=request,
        waiting=notes.Waiting(),
        taken=(),
        walk=walk,
        scenes={},
        contents=contents,
        merges=Merges(clone.folder, contents),
        answers=answers,
        before=Before(view.cache, (), settings, answers),
        foreign=Foreign(answers, request.worktrees),
        witness=Witness(source=request.source, here=None),
        looks=Looks(clone.store),
        seen=history.SeenTips(view),
    )


def _summary(events: Iterable[Event], *, limited: bool) -> Taken:
    changes = [event for event in events if isinstance(event, Change)]
    agents: dict[str, int] = {}
    for change in changes:
        if change.agent_owner:
            agents[change.agent_owner] = agents.get(change.agent_owner, 0) + 1
    authors = {change.author for change in changes if change.agent_owner is None and change.author}
    return Taken(len(changes), agents, len(authors), limited)
