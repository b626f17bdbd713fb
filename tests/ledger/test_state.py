"""State is a fold: it does not matter where the replay begins, and no state is changed by what comes after it."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.events import (
    IDS,
    TIME,
    WORKTREES,
    attribution,
    baseline,
    change,
    claim,
    consolidation,
    events,
    handoff,
    histories,
    release,
)

from agentsync.ledger.events import Change, Consolidation, Event, new_id
from agentsync.ledger.state import CLAIMS, SHELF, UNOWNED, Known, Shelved, State, apply, replay


@given(histories, histories)
def test_a_replay_may_begin_anywhere(first: list[Event], second: list[Event]) -> None:
    """That is what makes a cache possible."""
    assert replay(first + second, State()) == replay(second, replay(first, State()))


@given(histories, events)
def test_a_state_is_not_changed_by_what_comes_after_it(history: list[Event], event: Event) -> None:
    before = replay(history, State())
    kept = copy.deepcopy(before)
    apply(event, before)
    assert before == kept


@given(histories)
def test_one_by_one_is_the_same_as_all_at_once(history: list[Event]) -> None:
    state = State()
    for event in history:
        state = apply(event, state)
    assert state == replay(history, State())


@given(histories)
def test_what_is_pending_is_what_no_later_consolidation_covers(history: list[Event]) -> None:
    """Counted by other means; what is pending has the owner that was found last."""
    pending: set[str] = set()
    for event in history:
        if isinstance(event, Change):
            pending.add(event.id)
        elif isinstance(event, Consolidation):
            pending -= set(event.event_ids)
    assert set(replay(history, State()).pending) == pending


def test_a_default_state_is_shared_by_nobody() -> None:
    """Folding into it must not leak into the next fold."""
    apply(change(IDS[0]), State())
    assert State().pending == {} and State().known == {}


def test_edits_pile_up_until_they_are_committed() -> None:
    two = replay([change(IDS[0]), change(IDS[1], blob="c" * 40)], State())
    assert two.known["main"]["doc.md"] == Known("c" * 40, "1", True, (IDS[0], IDS[1]))
    done = apply(attribution(IDS[:2], blob="c" * 40), two)
    assert done.known["main"]["doc.md"] == Known("c" * 40, "1", False, ())
    assert list(done.pending) == IDS[:2], "a commit does not make a change less pending"


def test_what_vanishes_uncommitted_goes_on_the_shelf_and_comes_back() -> None:
    """A stash, a reset, an undo: content and edits wait for a pop."""
    edited = replay([baseline("a" * 40), change(IDS[0])], State())
    stashed = apply(baseline("a" * 40), edited)
    assert stashed.shelf == {"main": {"doc.md": (Shelved("b" * 40, (IDS[0],)),)}}
    popped = apply(baseline("b" * 40, dirty=True), stashed)
    assert popped.known["main"]["doc.md"].edits == (IDS[0],)
    assert not any(popped.shelf["main"].values())


def test_the_shelf_has_an_end() -> None:
    """A clone that stashes for years does not carry all of it in its state."""
    state = State()
    for number in range(SHELF + 20):
        state = replay([change(new_id(number), blob=f"{number:040x}"), baseline("a" * 40)], state)
    shelf = state.shelf["main"]["doc.md"]
    assert len(shelf) == SHELF
    assert shelf[-1].blob == f"{SHELF + 19:040x}", "the newest stay"


def test_an_attribution_fills_an_owner_and_overrides_none() -> None:
    unknown, said = change(IDS[0]), change(IDS[1], agent_owner="human", blob="c" * 40)
    state = replay([unknown, said, attribution(IDS[:2], agent_owner="claude-code")], State())
    assert [pending.agent_owner for pending in state.pending.values()] == ["claude-code", "human"]
    assert state.latest["doc.md"].agent_owner == "human"


def test_the_first_baseline_begins_the_clock_and_later_ones_do_not() -> None:
    first = baseline(None, tips=["e" * 40])
    later = first._replace(recorded="2026-01-01T00:00:00Z", tips=["f" * 40])
    state = replay([first, later], State())
    assert (state.since, state.tips) == (TIME, ("f" * 40,))


@pytest.mark.parametrize("worktree", WORKTREES)
def test_worktrees_do_not_know_of_each_other(worktree: str) -> None:
    state = replay([change(IDS[0], worktree=worktree)], State())
    assert list(state.known) == [worktree]


def test_counts_are_by_type_owner_source_and_trigger() -> None:
    history: list[Event] = [change(IDS[0]), change(IDS[1], agent_owner="human", source="hook"), consolidation(IDS[:2])]
    state = replay(history, State())
    assert state.changes == {"docs": {"": 1, "human": 1}}
    assert state.sources == {"poller": 1, "hook": 1}
    assert state.consolidations == {"manual": 1}
    assert state.last is not None and state.last.changes == 2


def test_an_owner_who_is_found_later_is_counted_apart() -> None:
    """What was counted as unknown stays so: a counter that goes down would be read as a restart."""
    history: list[Event] = [change(IDS[0]), change(IDS[1], file_type="sync"), change(IDS[2], agent_owner="human")]
    history += [consolidation(IDS[:3]), attribution(IDS[:3], agent_owner="claude-code")]
    state = replay(history, State())
    assert state.changes == {"docs": {"": 1, "human": 1}, "sync": {"": 1}}
    assert state.attributed == {"docs": {"claude-code": 1}, "sync": {"claude-code": 1}}
    assert state.unowned == {}


def test_the_first_commit_that_names_an_owner_counts() -> None:
    history: list[Event] = [
        change(IDS[0]),
        *(attribution(IDS[:1], agent_owner=owner) for owner in (None, "human", "claude-code")),
    ]
    assert replay(history, State()).attributed == {"docs": {"human": 1}}


@given(histories, st.lists(events, max_size=10))
def test_no_count_goes_down(history: list[Event], more: list[Event]) -> None:
    before = replay(history, State())
    after = replay(more, before)
    for counts in ("changes", "attributed"):
        for file_type, owners in getattr(before, counts).items():
            for owner, count in owners.items():
                assert getattr(after, counts)[file_type][owner] >= count
    for counts in ("sources", "consolidations"):
        assert all(getattr(after, counts)[name] >= count for name, count in getattr(before, counts).items())


@given(histories)
def test_not_more_owners_are_found_than_were_unknown(history: list[Event]) -> None:
    state = replay(history, State())
    for file_type, owners in state.attributed.items():
        assert sum(owners.values()) <= state.changes[file_type][""]


@pytest.mark.parametrize("committed", [True, False])
def test_changes_without_an_owner_are_remembered_for_a_while(committed: bool) -> None:
    """Of very many the newest; it does not matter whether they come in one replay or in several."""
    ids_ = [new_id(number) for number in range(4000)]
    commit = "d" * 40 if committed else None
    history: list[Event] = [baseline("a" * 40), *(change(id_, commit=commit) for id_ in ids_)]
    state = replay(history, State())
    assert list(state.unowned) == ids_[-UNOWNED:]
    assert list(replay(history[3000:], replay(history[:3000], State())).unowned) == ids_[-UNOWNED:]
    old, new = (attribution([id_], agent_owner="human") for id_ in (ids_[-UNOWNED - 1], ids_[-UNOWNED]))
    assert apply(old, state).attributed == {}
    assert apply(new, state).attributed == {"docs": {"human": 1}}


def test_a_claim_stands_until_it_is_released_or_said_again() -> None:
    """By the same session in the same worktree, with all that it named before; another's claim stays."""
    first = claim(IDS[0], "doc.md")
    wider, other = claim(IDS[1], "doc.md", "docs"), claim(IDS[2], "doc.md", session="two")
    state = replay([first, other, wider], State())
    assert list(state.claims) == [IDS[2], IDS[1]]
    assert list(apply(release(IDS[2], IDS[9]), state).claims) == [IDS[1]]
    late = claim(IDS[3], "else.md", timestamp="2025-10-10T14:00:00Z", session="three")
    assert list(apply(late, state).claims) == [IDS[3]], "what has expired is not carried on"
    many = [claim(new_id(n), f"{n}.md") for n in range(CLAIMS + 5)]
    assert len(replay(many, State()).claims) == CLAIMS


def test_a_session_is_known_to_have_handed_over() -> None:
    assert replay([handoff("one"), handoff("two")], State()).handoffs == {"one": TIME, "two": TIME}
