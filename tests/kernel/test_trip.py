"""Trips: what fills a bucket, what acts, what latches, what clears, and when a row must be looked at again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_toys import replace, rule

from supervisor.kernel.question import NO, UNKNOWN, YES, Answer
from supervisor.kernel.trip import Latch, Rule, Severity, Trip, advance, fresh, level_at, narrowings, severity, wake

FUSE = rule()  # holds 1 s, drains four times more slowly, unknown after 5 s, clears after 10 s
DANGER = rule(latch=Latch.DANGER)
COURSES = st.lists(st.tuples(st.sampled_from(Answer), st.integers(1, 60), st.booleans()), min_size=1, max_size=12)
RULES = st.builds(
    lambda hold, unknown, clear, drain, latch, latch_unknown: rule(
        hold_ms=hold, unknown_ms=unknown, clear_ms=clear, drain=drain, latch=latch, latch_unknown=latch_unknown),
    st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(1, 5), st.sampled_from(Latch),
    st.booleans(),
)  # fmt: skip


def after(row: Rule, *course: tuple[Answer, int], reset: bool = False) -> Trip:
    """The row at the end of a course of (answer, for how long), looked at every ms from 0 on."""
    trip, now_ms = fresh(0), 0
    for answer, for_ms in course:
        for _ in range(for_ms):
            trip = advance(row, trip, answer, reset, now_ms)
            now_ms += 1
    return advance(row, trip, course[-1][0], reset, now_ms)


# ---- holding -----------------------------------------------------------------------------------------------------
def test_a_row_acts_when_yes_has_lasted_for_its_hold_and_not_before() -> None:
    assert after(FUSE, (NO, 1), (YES, 999)).cause is NO
    assert after(FUSE, (NO, 1), (YES, 1_000)).cause is YES


def test_a_row_without_a_hold_acts_at_the_first_yes() -> None:
    assert advance(rule(hold_ms=0), fresh(0), YES, False, 0).cause is YES


def test_a_fault_that_flickers_half_of_the_time_still_trips() -> None:
    flicker = [(YES, 100), (NO, 100)] * 14
    assert after(FUSE, *flicker[:-2]).cause is NO
    assert after(FUSE, *flicker).cause is YES


def test_no_drains_exactly_as_many_times_more_slowly_as_declared() -> None:
    trip = after(FUSE, (NO, 1), (YES, 500), (NO, 400))
    assert level_at(FUSE, trip, trip.since_ms + 400) == 500 * 4 - 400
    assert level_at(FUSE, trip, trip.since_ms + 9_999) == 0


def test_a_fault_that_is_there_a_tenth_of_the_time_does_not_trip() -> None:
    assert after(FUSE, *[(YES, 100), (NO, 900)] * 30).cause is NO


# ---- not knowing -------------------------------------------------------------------------------------------------
def test_not_knowing_acts_after_its_own_grace_with_its_own_actions() -> None:
    assert after(FUSE, (UNKNOWN, 4_999)).cause is NO
    trip = after(FUSE, (UNKNOWN, 5_000))
    assert trip.cause is UNKNOWN
    assert narrowings(FUSE, trip) == FUSE.unknown_actions


def test_not_knowing_never_latches_unless_the_row_says_so() -> None:
    assert not after(DANGER, (UNKNOWN, 9_000)).latched
    assert after(replace(DANGER, latch_unknown=True), (UNKNOWN, 9_000)).latched
    assert not after(replace(FUSE, latch_unknown=True), (UNKNOWN, 9_000)).latched


def test_what_was_latched_by_not_knowing_never_turns_into_a_yes_that_nobody_gave() -> None:
    trip = after(replace(DANGER, latch_unknown=True), (UNKNOWN, 9_000), (NO, 60_000))
    assert trip.latched
    assert trip.cause is UNKNOWN


def test_a_trip_stays_one_when_its_sensor_dies() -> None:
    assert after(FUSE, (YES, 1_001), (UNKNOWN, 60_000)).cause is YES


def test_a_sensor_that_dies_in_an_overload_makes_the_row_act_when_the_overload_would_have() -> None:
    assert after(FUSE, (NO, 1), (YES, 400), (UNKNOWN, 599)).cause is NO
    assert after(FUSE, (NO, 1), (YES, 400), (UNKNOWN, 600)).cause is UNKNOWN
    assert after(FUSE, (NO, 1), (YES, 400), (UNKNOWN, 601), (YES, 1)).cause is YES


@given(RULES, COURSES)
def test_losing_the_sensor_never_delays_a_trip(row: Rule, course: list[tuple[Answer, int, bool]]) -> None:
    """Had every UNKNOWN that follows a YES been a YES, the row would not have acted sooner."""
    row, blind, seeing = replace(row, latch=Latch.NONE), fresh(0), fresh(0)
    now_ms, begun = 0, False
    for answer, for_ms, _ in course:
        begun = (begun or answer is YES) and answer is not NO
        for _ in range(for_ms):
            blind = advance(row, blind, answer, False, now_ms)
            seeing = advance(row, seeing, YES if begun else answer, False, now_ms)
            assert blind.cause is not NO or seeing.cause is NO
            now_ms += 1


@given(RULES, COURSES)
def test_only_a_yes_makes_a_row_act_as_on_a_yes(row: Rule, course: list[tuple[Answer, int, bool]]) -> None:
    trip = fresh(0)
    for number, (answer, _, reset) in enumerate(course):
        before, trip = trip, advance(row, trip, answer, reset, number * 30)
        assert trip.cause is not YES or before.cause is YES or answer is YES


# ---- clearing ----------------------------------------------------------------------------------------------------
def test_a_sensor_that_dies_in_an_overload_does_not_make_the_action_milder() -> None:
    row = rule()
    begun = after(row, (YES, 900), (UNKNOWN, 200))
    assert begun.cause is UNKNOWN
    assert set(row.actions) <= set(narrowings(row, begun))
    assert narrowings(row, after(row, (UNKNOWN, 6_000))) == row.unknown_actions


def test_an_action_ends_when_no_has_lasted_for_the_clearing_time() -> None:
    assert after(FUSE, (YES, 1_001), (NO, 9_999)).cause is YES
    assert after(FUSE, (YES, 1_001), (NO, 10_000)).cause is NO


def test_what_only_not_knowing_had_caused_recovers_after_the_hold() -> None:
    assert after(FUSE, (UNKNOWN, 5_001), (NO, 999)).cause is UNKNOWN
    assert after(FUSE, (UNKNOWN, 5_001), (NO, 1_000)).cause is NO


def test_a_doubt_while_clearing_starts_the_clearing_again() -> None:
    assert after(FUSE, (YES, 1_001), (NO, 9_000), (UNKNOWN, 1), (NO, 9_999)).cause is YES


@pytest.mark.parametrize("kind", [Latch.NUISANCE, Latch.DANGER])
def test_a_latched_row_needs_a_reset_and_its_cause_gone_for_the_clearing_time(kind: Latch) -> None:
    row = rule(latch=kind)
    tripped = after(row, (YES, 1_001))
    assert tripped.latched
    assert after(row, (YES, 1_001), (NO, 60_000)).latched
    gone = advance(row, tripped, NO, False, 2_000)
    for now_ms, answer, reset, latched in (
        (3_000, NO, True, True),  # cleared for too short a time
        (12_000, NO, False, True),
        (12_000, YES, True, True),
        (12_000, UNKNOWN, True, True),
        (12_000, NO, True, False),
    ):
        trip = advance(row, gone, answer, reset, now_ms)
        assert trip.latched is latched
        assert trip.cause is (YES if latched else NO)


def test_an_unlatched_row_pays_no_heed_to_a_reset() -> None:
    assert after(FUSE, (YES, 1_500), reset=True).cause is YES


def test_a_row_that_does_not_act_does_nothing() -> None:
    row = rule(severity=Severity.FAULT, unknown_severity=Severity.DEGRADED)
    for course, actions, worth in (
        ((NO, 10), (), Severity.NONE),
        ((YES, 1_010), row.actions, Severity.FAULT),
        ((UNKNOWN, 5_010), row.unknown_actions, Severity.DEGRADED),
    ):
        trip = after(row, course)
        assert narrowings(row, trip) == actions
        assert severity(row, trip) is worth


# ---- waking ------------------------------------------------------------------------------------------------------
@given(RULES, COURSES)
def test_stepping_every_ms_equals_stepping_at_wake_times_and_at_new_answers(
    row: Rule, course: list[tuple[Answer, int, bool]]
) -> None:
    often = seldom = fresh(0)
    now_ms, last = 0, None
    due: int | None = 0
    for answer, for_ms, reset in course:
        for passed in range(for_ms):
            resetting = reset and passed == 0
            often = advance(row, often, answer, resetting, now_ms)
            if resetting or answer is not last or (due is not None and now_ms >= due):
                seldom = advance(row, seldom, answer, resetting, now_ms)
                due, last = wake(row, seldom, now_ms), answer
            assert seldom == often
            now_ms += 1


@given(RULES, COURSES)
def test_a_wake_is_neither_later_than_the_first_change_nor_earlier_than_necessary(
    row: Rule, course: list[tuple[Answer, int, bool]]
) -> None:
    trip, now_ms = fresh(0), 0
    for answer, for_ms, reset in course:
        trip = advance(row, trip, answer, reset, now_ms)
        due = wake(row, trip, now_ms)
        assert due is None or due > now_ms
        for later in range(now_ms + 1, due if due is not None else now_ms + 300):
            assert advance(row, trip, answer, False, later) is trip
        if due is not None:
            assert advance(row, trip, answer, False, due) is not trip
        now_ms += for_ms
