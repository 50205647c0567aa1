"""The rings: what is kept, in which order, under which ids, and how honestly a gap is told."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from fake_guardian import SNAPSHOT
from msgspec.structs import replace

from supervisor.gateway.history import DECISIONS_MAX, EVENTS_MAX, OLDEST, History
from supervisor.wire import Acknowledge, Answer, Ask, Event, Snapshot, Verb

SHOWN = 30  # how many events a guardian's picture has
ASK = Ask(0, Verb.SET, "phone", "wallbox.current", 10_000, "mA", "live", None, "r", 0, False)
DONE = Answer(1, "done", None, (), None)


def picture(numbers: Iterable[int], cycle: int = 100, at_ms: int = 5_000) -> Snapshot:
    events = tuple(Event(at_ms + n, "trip", "rule", f"event {n}", n) for n in numbers)
    return replace(SNAPSHOT, cycle=cycle, events=events)


def clock() -> int:
    return 60_000


@pytest.fixture
def history() -> History:
    return History(clock_ms=clock)


def heard(history: History, after: str = OLDEST, limit: int = 200) -> list[str]:
    return [entry.item.event.text for entry in history.events.page(after, limit).entries]


def test_an_event_that_stays_in_the_picture_is_kept_once(history: History) -> None:
    history.heard(picture(range(1, 4)))
    history.heard(picture(range(1, 4), cycle=101))
    history.heard(picture(range(2, 6), cycle=102))
    assert heard(history) == [f"event {n}" for n in range(1, 6)]
    assert not history.events.page(OLDEST, 200).missed


def test_a_page_goes_on_where_the_last_one_ended(history: History) -> None:
    history.heard(picture(range(1, 8)))
    first = history.events.page(OLDEST, 3)
    second = history.events.page(first.next, 3)
    third = history.events.page(second.next, 3)
    assert [len(page.entries) for page in (first, second, third)] == [3, 3, 1]
    assert [page.more for page in (first, second, third)] == [True, True, False]
    assert history.events.page(third.next, 3).entries == []
    history.heard(picture([8], cycle=101))
    assert heard(history, third.next) == ["event 8"]


def test_without_a_cursor_the_newest_come_in_their_order(history: History) -> None:
    history.heard(picture(range(1, 8)))
    latest = history.events.latest(2)
    assert [entry.item.event.number for entry in latest.entries] == [6, 7]
    assert heard(history, latest.next) == []


def test_more_than_a_picture_holds_between_two_of_them_is_a_gap_that_is_told(history: History) -> None:
    history.heard(picture(range(1, SHOWN + 1)))
    stood = history.events.newest
    history.heard(picture(range(41, 71), cycle=101))
    page = history.events.page(stood, 200)
    assert page.missed
    assert page.entries[0].lost == 10
    assert not history.events.page(page.entries[0].id, 200).missed


def test_a_gap_after_the_end_of_a_page_is_not_told_yet(history: History) -> None:
    history.heard(picture([1, 2]))
    history.heard(picture([9], cycle=101))
    first = history.events.page(OLDEST, 2)
    assert not first.missed
    assert history.events.page(first.next, 2).missed


def test_a_ring_that_has_forgotten_says_so_to_who_stood_before(history: History) -> None:
    history.heard(picture([1]))
    stood = history.events.newest
    for n in range(2, EVENTS_MAX + 2):
        history.heard(picture([n], cycle=100 + n))
    assert not history.events.page(stood, 1).missed  # number 1 alone is forgotten, and that one he knew
    history.heard(picture([EVENTS_MAX + 2], cycle=100 + EVENTS_MAX + 2))
    assert history.events.page(stood, 1).missed
    assert history.events.page(OLDEST, 1).missed
    assert len(history.events) == EVENTS_MAX


def test_a_restarted_guardian_counts_anew_and_follows_the_one_before(history: History) -> None:
    history.heard(picture(range(1, 6), cycle=900))
    history.heard(picture(range(1, 4), cycle=2, at_ms=9_000))
    entries = history.events.page(OLDEST, 200).entries
    assert [entry.item.event.number for entry in entries] == [1, 2, 3, 4, 5, 1, 2, 3]
    assert [entry.item.new_run for entry in entries] == [False] * 5 + [True] + [False] * 2
    assert len({entry.id for entry in entries}) == 8


def test_a_new_guardian_is_also_known_by_a_number_that_is_another_event_now(history: History) -> None:
    history.heard(picture(range(1, 4), cycle=10))
    history.heard(picture(range(1, 6), cycle=11, at_ms=9_000))
    assert [entry.item.event.number for entry in history.events.page(OLDEST, 9).entries] == [1, 2, 3, 1, 2, 3, 4, 5]


def test_a_new_guardian_without_events_is_remembered_until_its_first(history: History) -> None:
    history.heard(picture([1, 2], cycle=900))
    history.heard(picture([], cycle=1))
    history.heard(picture([1], cycle=5, at_ms=9_000))
    assert history.events.page(OLDEST, 9).entries[-1].item.new_run


def test_a_restarted_gateway_gives_the_same_event_the_same_id(history: History) -> None:
    history.heard(picture(range(1, 11)))
    stood = history.events.page(OLDEST, 4).next
    again = History(clock_ms=lambda: 70_000)
    again.heard(picture(range(1, 12), cycle=101))
    page = again.events.page(stood, 200)
    assert [entry.item.event.number for entry in page.entries] == [5, 6, 7, 8, 9, 10, 11]
    assert not page.missed


def test_a_place_that_nobody_knows_is_answered_with_all_there_is_and_missed(history: History) -> None:
    history.heard(picture([1, 2]))
    page = history.events.page("1-from-before-the-restart", 10)
    assert page.missed
    assert len(page.entries) == 2


def test_an_empty_ring_has_a_cursor_from_which_nothing_is_missed(history: History) -> None:
    start = history.events.latest(10).next
    history.heard(picture([1, 2]))
    page = history.events.page(start, 10)
    assert len(page.entries) == 2
    assert not page.missed


def test_decisions_are_kept_with_who_when_and_how_and_heartbeats_are_not(history: History) -> None:
    history.decided(ASK, replace(DONE, verdict="granted"), "http")
    history.decided(replace(ASK, verb=Verb.HEARTBEAT, target=""), DONE, "http")
    history.decided(Acknowledge(0, "rule", "0" * 32, "0" * 64, "0" * 128, 0), DONE, "mqtt")
    assert [entry.item.via for entry in history.decisions] == ["http", "mqtt"]
    assert {entry.item.at_ms for entry in history.decisions} == {60_000}
    assert len({entry.id for entry in history.decisions}) == 2


def test_a_filter_goes_through_the_whole_ring_and_its_cursor_too(history: History) -> None:
    for n in range(6):
        history.decided(replace(ASK, identity="phone" if n % 2 else "optimiser"), DONE, "http")
    first = history.decisions.page(OLDEST, 2, lambda made: made.ask.identity == "phone")  # type: ignore[union-attr]
    assert (len(first.entries), first.more) == (2, True)
    rest = history.decisions.page(first.next, 2, lambda made: made.ask.identity == "phone")  # type: ignore[union-attr]
    assert (len(rest.entries), rest.more) == (1, False)
    assert history.decisions.page(rest.next, 9).entries == []


def test_decisions_are_bounded(history: History) -> None:
    for _ in range(DECISIONS_MAX + 5):
        history.decided(ASK, DONE, "http")
    assert len(history.decisions) == DECISIONS_MAX
