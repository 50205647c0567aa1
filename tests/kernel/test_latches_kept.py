"""Latches over restarts, and while nothing happens: a restart never gives more, and quiet cycles may be skipped."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_toys import ALLOWED, BOX, START_MS, replace, rule
from latch_toys import (
    FLOW,
    HOUSE,
    MINUTE_MS,
    NUISANCE,
    REPEATS,
    RESET,
    acknowledge,
    answer,
    latched,
    trips,
)

from supervisor.kernel import latch
from supervisor.kernel.cycle import step
from supervisor.kernel.image import absorb, blank
from supervisor.kernel.keep import Kept, differs, guarded, kept, restored, strangers, strictest
from supervisor.kernel.latch import ACKNOWLEDGED_MAX, DAY_MS
from supervisor.kernel.lease import Request, Verdict
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import NO, YES, Answer, Outside
from supervisor.kernel.signal import Quality, Sample
from supervisor.kernel.state import State, boot
from supervisor.kernel.trip import Latch, Trip, advance, kind, wake

# ---- over restarts -------------------------------------------------------------------------------------------------
RESTART_MS = 7_000
ROWS = guarded(
    replace(
        HOUSE,
        rules=(
            *HOUSE.rules,
            rule(id=REPEATS, hold_ms=0, clear_ms=1, repeats=3, repeats_ms=DAY_MS, latch=Latch.NUISANCE),
        ),
    )
)


def restart(state: State, about: Plan = ROWS, now_ms: int = RESTART_MS) -> State:
    return restored(about, boot(about, now_ms), kept(about, state), now_ms)


@given(
    st.lists(st.tuples(st.sampled_from(("trip", "acknowledge", "wait", "restart")), st.integers(1, 10)), max_size=25)
)
@settings(max_examples=60)
def test_restarts_never_give_a_third_acknowledgement_a_day(course: list[tuple[str, int]]) -> None:
    """``real_ms`` is the time that nobody but this test can see: restarts begin the monotonic clock anew."""
    run = latched(about=ROWS)
    real_ms, granted = 0, []
    for what, hours in course:
        if what == "trip":
            run.keep["meter.current"] = 36_000
            run.go(100)
        elif what == "acknowledge":
            run.keep["meter.current"] = 8_000
            run.go(500)
            if answer(run).verdict is Verdict.DONE:
                granted.append(real_ms)
        elif what == "wait":
            run.now_ms += hours * 60 * MINUTE_MS
        else:
            real_ms += hours * 60 * MINUTE_MS  # the box was off
            run.state, run.now_ms = restart(run.state), RESTART_MS
            run.image = blank(run.plan.signals)
        real_ms += hours * 60 * MINUTE_MS if what == "wait" else 1_000
    for at_ms in granted:
        assert sum(at_ms <= other < at_ms + DAY_MS for other in granted) <= ACKNOWLEDGED_MAX


def test_after_a_restart_all_that_was_left_is_waited_for() -> None:
    run = latched()
    answer(run)
    run.state = replace(run.state, now_ms=run.now_ms + 3_600_000)
    back = restart(run.state, HOUSE)
    assert back.acknowledged == (run.state.acknowledged[0] - run.state.now_ms + RESTART_MS,)
    assert latch.left(back.acknowledged, RESTART_MS) == 1


def test_a_danger_latch_by_repetition_comes_back_as_one_and_only_a_local_reset_ends_it() -> None:
    about = ROWS.rules[2]
    state = boot(ROWS, 0)
    third = trips(replace(about, latch=Latch.NONE), [10, 20, 30])
    state = replace(state, now_ms=40, trips=(*state.trips[:2], third, *state.trips[3:]))
    back = restart(state).trips[2]
    assert (kind(about, back), back.cause, back.repeated) == (Latch.DANGER, YES, True)
    assert kept(ROWS, state).rules == {REPEATS: "repeated"}
    calm = advance(about, advance(about, back, NO, False, RESTART_MS), NO, False, RESTART_MS + DAY_MS)
    assert calm.latched
    assert not advance(about, calm, NO, True, RESTART_MS + DAY_MS).latched


def test_trips_are_counted_over_a_restart() -> None:
    about = ROWS.rules[2]
    two = trips(replace(about, latch=Latch.NONE), [10, 20])
    state = replace(boot(ROWS, 0), now_ms=40)
    state = replace(state, trips=(*state.trips[:2], two, *state.trips[3:]))
    assert differs(ROWS, boot(ROWS, 0), state)
    back = restart(state).trips[2]
    assert back.recent == (RESTART_MS + DAY_MS - 30, RESTART_MS + DAY_MS - 20)
    assert trips(about, [RESTART_MS + 1], back).repeated


def test_an_acknowledgement_is_kept_at_once_and_by_name_a_stranger_is_carried_along() -> None:
    run = latched()
    before = run.state
    answer(run)
    assert differs(HOUSE, before, run.state)
    assert differs(HOUSE, before, replace(before, acknowledged=(1,)))
    strange = Kept(rules={"limits.gone": "repeated"}, recent={"limits.gone": (5,), NUISANCE: (6,)}, acknowledged=(7,))
    others = strangers(HOUSE, strange)
    assert (others.rules, others.recent, others.acknowledged) == (
        {"limits.gone": "repeated"},
        {"limits.gone": (5,)},
        (),
    )
    assert kept(HOUSE, boot(HOUSE, 0), others).recent == {"limits.gone": (5,)}


def test_when_it_is_not_known_what_was_kept_no_acknowledgement_is_left_and_the_next_trip_is_one_too_many() -> None:
    state = strictest(ROWS, boot(ROWS, RESTART_MS), RESTART_MS)
    assert latch.left(state.acknowledged, RESTART_MS) == 0
    assert latch.left(state.acknowledged, RESTART_MS + DAY_MS) == ACKNOWLEDGED_MAX
    assert trips(ROWS.rules[2], [RESTART_MS + 1], state.trips[2]).repeated


def test_what_was_kept_for_longer_than_its_window_is_cut_to_it() -> None:
    """The document has been changed: a window is shorter now, and nobody may wait for longer than it."""
    kept_long = Kept(recent={REPEATS: (10 * DAY_MS,) * 9}, acknowledged=(10 * DAY_MS,) * 9)
    back = restored(ROWS, boot(ROWS, RESTART_MS), kept_long, RESTART_MS)
    assert back.trips[2].recent == (RESTART_MS + DAY_MS,) * 3
    assert back.acknowledged == (RESTART_MS + DAY_MS,) * 2


# ---- quiet cycles --------------------------------------------------------------------------------------------------
HIGH = Outside(FLOW, 30_000, None, 35_000)
QUIET = replace(
    HOUSE,
    rules=(
        rule(HIGH, id=NUISANCE, latch=Latch.NUISANCE, hold_ms=120, clear_ms=330, recovers_ms=4_170, unknown_ms=700),
        rule(
            HIGH,
            id=REPEATS,
            hold_ms=0,
            clear_ms=210,
            repeats=3,
            repeats_ms=9_030,
            latch=Latch.NUISANCE,
            recovers_ms=990,
        ),
    ),
    targets=(replace(BOX, hold_ms=0, ramp=None),),
    permissions=(ALLOWED,),
)
COURSES = st.lists(st.tuples(st.integers(1, 120), st.sampled_from((8, 8, 36, "signed", "reset"))), max_size=12)


@settings(max_examples=60)
@given(COURSES)
def test_skipping_quiet_cycles_changes_no_latch(course: list[tuple[int, int | str]]) -> None:
    every = some = boot(QUIET, START_MS)
    image, now_ms, wake_ms, skipped = blank(QUIET.signals), START_MS, START_MS, 0
    for cycles, what in [*course, (300, 8)]:
        for number in range(cycles):
            inbox: tuple[Request, ...] = ()
            if number == 0 and what == "signed":
                inbox = (acknowledge(REPEATS, now_ms), acknowledge(NUISANCE, now_ms))
            elif number < 2 and what == "reset":
                image = absorb(QUIET.signals, image, [Sample(RESET, number, now_ms, Quality.GOOD)], now_ms)
            elif number == 0 and isinstance(what, int):
                image = absorb(QUIET.signals, image, [Sample(FLOW, what * 1_000, now_ms, Quality.GOOD)], now_ms)
            result = step(QUIET, every, image, inbox, now_ms)
            every = result.state
            if number < 2 or now_ms >= wake_ms:
                same = step(QUIET, some, image, inbox, now_ms)
                some, wake_ms = same.state, same.wake_ms
                assert (same.events, same.decisions) == (result.events, result.decisions)
            else:
                assert result.events == ()
                skipped += 1
            assert some.trips == every.trips
            now_ms += QUIET.cycle_ms
    assert skipped > 0
    assert some.acknowledged == every.acknowledged


@pytest.mark.parametrize("answer_", list(Answer))
def test_a_row_wakes_for_nothing_that_only_an_answer_can_change(answer_: Answer) -> None:
    about = rule(latch=Latch.NUISANCE)
    trip = Trip(4_000, answer_, 0, YES, 0, True)
    assert wake(about, trip, 0) is None
