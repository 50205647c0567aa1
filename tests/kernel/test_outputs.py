"""From a wish to what is said: tightening at once, relaxing after a hold and along a ramp that knows only time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_toys import BOX, NORMAL, idle, plan, replace

from supervisor.kernel.lease import Kind, Lease
from supervisor.kernel.outputs import rounded, settle, wish
from supervisor.kernel.plan import MODES, Program, Target
from supervisor.kernel.span import Span
from supervisor.kernel.state import TargetState

FREE = Span(0, 16_000, "rating", "rating")
NOW_MS = 100_000
BATTERY = replace(BOX, lo=-16_000, bands=((-6_000, 0), (0, 6_000)), hold_ms=0)
BOTH_WAYS = Span(-16_000, 16_000, "rating", "rating")
EIGHT = FREE.narrow(None, 8_000, "circuit")


def course(target: Target, state: TargetState, wanted: int, times: list[int], span: Span = FREE) -> list[int | None]:
    """The outputs at these times."""
    said = []
    for now_ms in times:
        state = settle(target, state, span, wanted, now_ms)
        said.append(state.output)
    return said


def told(value: int, **changes: object) -> TargetState:
    return replace(idle(output=value), **changes)


# ---- tightening --------------------------------------------------------------------------------------------------
def test_what_tightens_is_said_in_the_same_cycle() -> None:
    assert settle(BOX, told(16_000), EIGHT, 16_000, NOW_MS).output == 8_000
    assert settle(BOX, told(16_000), FREE, 6_000, NOW_MS).output == 6_000
    assert settle(BOX, told(16_000), FREE.narrow(0, 0, "trip"), 16_000, NOW_MS).output == 0


def test_a_hold_never_delays_what_tightens() -> None:
    assert settle(BOX, told(16_000, hold_until_ms=2 * NOW_MS), EIGHT, 16_000, NOW_MS).output == 8_000


def test_an_interrupted_ramp_tightens_at_once_and_is_over() -> None:
    state = settle(BOX, idle(), FREE, 16_000, NOW_MS)
    assert state.ramp_value == 6_000
    state = settle(BOX, state, FREE, 0, NOW_MS + 1_000)
    assert (state.output, state.ramp_value) == (0, None)


@pytest.mark.parametrize(("value", "said"), [(7_999, 7_000), (8_000, 8_000), (0, 0), (-7_999, -7_000), (-999, 0)])
def test_a_value_is_rounded_to_the_step_towards_safe(value: int, said: int) -> None:
    assert rounded(BATTERY, value) == said


@given(st.integers(0, 16_000), st.sampled_from([1, 1_000, 4_000, 7_000]))
def test_rounding_never_ends_where_the_device_cannot_be(hi: int, step: int) -> None:
    said = settle(replace(BOX, step=step, ramp=None), idle(), FREE.narrow(None, hi, "circuit"), 16_000, NOW_MS).output
    assert said is not None
    assert said == 0 or 6_000 <= said <= hi
    assert said % step == 0


# ---- relaxing ----------------------------------------------------------------------------------------------------
def test_after_a_rule_has_tightened_relaxing_waits_for_its_hold_and_then_ramps() -> None:
    state = settle(BOX, told(16_000), EIGHT, 16_000, NOW_MS)
    after = settle(BOX, settle(BOX, state, FREE, 16_000, NOW_MS + 50), FREE, 16_000, NOW_MS + 4_999)
    assert (after.output, after.ramp_value) == (8_000, None)
    after = settle(BOX, after, FREE, 16_000, NOW_MS + 5_000)
    assert (after.output, after.ramp_value) == (8_000, 8_000)
    assert settle(BOX, after, FREE, 16_000, NOW_MS + 6_000).output == 10_000


def test_a_smaller_wish_makes_nobody_wait_afterwards() -> None:
    state = settle(BOX, told(16_000), FREE, 8_000, NOW_MS)
    assert course(BOX, state, 16_000, [NOW_MS + 50, NOW_MS + 1_050]) == [8_000, 10_000]


def test_a_ramp_ends_at_its_goal() -> None:
    times = list(range(NOW_MS, NOW_MS + 6_001, 1_000))
    assert course(BOX, idle(), 15_000, times) == [6_000, 8_000, 10_000, 12_000, 14_000, 15_000, 15_000]
    assert settle(BOX, told(15_000), FREE, 15_000, NOW_MS) == told(15_000)


def test_without_a_ramp_a_relaxation_is_said_at_once() -> None:
    state = settle(replace(BOX, ramp=None), idle(), FREE, 16_000, NOW_MS)
    assert (state.output, state.ramp_value, state.changed_ms) == (16_000, None, NOW_MS)


@given(st.sets(st.integers(1, 8_000), max_size=20))
def test_where_a_ramp_stands_depends_on_the_time_and_not_on_the_number_of_cycles(between: set[int]) -> None:
    end_ms = NOW_MS + 4_321
    times = sorted({NOW_MS, *(NOW_MS + ms for ms in between if NOW_MS + ms < end_ms), end_ms})
    assert course(BOX, idle(), 16_000, times)[-1] == course(BOX, idle(), 16_000, [NOW_MS, end_ms])[-1] == 14_000


@given(st.lists(st.tuples(st.integers(0, 16_000), st.integers(0, 16_000), st.integers(1, 9_000)), max_size=12))
def test_whatever_happens_an_output_is_possible_allowed_and_relaxes_no_faster_than_its_ramp(
    course: list[tuple[int, int, int]],
) -> None:
    state, now_ms = idle(), NOW_MS
    for wanted, hi, passed_ms in course:
        now_ms += passed_ms
        before, span = state.output or 0, FREE.narrow(None, hi, "circuit")
        state = settle(BOX, state, span, wanted, now_ms)
        assert state.output is not None
        assert state.output == 0 or 6_000 <= state.output <= min(hi, wanted)
        assert state.output - before <= 2 * passed_ms or (before == 0 and state.output == 6_000)


def test_a_ramp_out_of_a_forbidden_band_begins_at_its_far_edge_on_either_side() -> None:
    times = [NOW_MS, NOW_MS + 1_000]
    assert course(BATTERY, idle(BATTERY), 16_000, times, BOTH_WAYS) == [6_000, 8_000]
    assert course(BATTERY, idle(BATTERY), -16_000, times, BOTH_WAYS) == [-6_000, -8_000]


def test_a_ramp_that_meets_a_band_on_its_way_waits_before_it_and_goes_on_behind_it() -> None:
    gap = replace(BOX, bands=((8_000, 12_000),), ramp=1_000)
    times = list(range(NOW_MS, NOW_MS + 13_000, 2_000))
    assert course(gap, told(6_000), 14_000, times) == [6_000, 8_000, 8_000, 12_000, 14_000, 14_000, 14_000]


def test_to_the_other_side_of_safe_it_passes_through_safe() -> None:
    times = [NOW_MS, NOW_MS + 50, NOW_MS + 1_050]
    assert course(BATTERY, told(10_000), -10_000, times, BOTH_WAYS) == [0, -6_000, -8_000]
    assert course(BATTERY, told(-10_000), 10_000, times, BOTH_WAYS) == [0, 6_000, 8_000]


def test_a_goal_that_comes_back_behind_a_band_while_a_ramp_runs_is_never_passed() -> None:
    state = settle(BOX, idle(), FREE, 16_000, NOW_MS)
    state = settle(BOX, state, EIGHT, 16_000, NOW_MS + 500)
    assert course(BOX, state, 16_000, [NOW_MS + 9_000, NOW_MS + 9_050], EIGHT) == [8_000, 8_000]


def test_the_time_of_a_change_is_that_of_the_last_different_value() -> None:
    state = settle(BOX, told(16_000, changed_ms=5), FREE, 16_000, NOW_MS)
    assert state.changed_ms == 5
    assert settle(BOX, state, FREE, 6_000, NOW_MS).changed_ms == NOW_MS


def test_the_first_word_to_an_actuator_starts_at_its_safe_value() -> None:
    fifty_four = replace(BOX, lo=48_000, hi=58_000, safe=54_000, bands=(), ramp=1_000)
    span = Span(48_000, 58_000, "rating", "rating")
    nothing_said = idle(fifty_four, output=None)
    assert settle(fifty_four, nothing_said, span, 58_000, NOW_MS).output == 54_000
    assert settle(fifty_four, nothing_said, span.narrow(58_000, 50_000, "nonsense"), 58_000, NOW_MS).output == 54_000


# ---- wishes ------------------------------------------------------------------------------------------------------
def test_a_stop_goes_before_a_lease_a_lease_before_a_program_and_a_program_before_the_default() -> None:
    lost = frozenset({MODES.index("orchestrator_lost")})
    house = plan(programs=(Program("programs.six", "", 0, frozenset({NORMAL}), 6_000), Program("p", "", 1, lost, 1)))
    lease = Lease(0, Kind.LIVE, 10_000, 10_000, 0, NOW_MS, "")
    assert wish(house, 0, idle(stopped_by="ben", lease=lease), NORMAL) == (0, "stop by ben")
    assert wish(house, 0, idle(lease=lease), NORMAL) == (10_000, "lease of anna")
    assert wish(house, 0, idle(), NORMAL) == (6_000, "programs.six")
    assert wish(house, 0, idle(), MODES.index("orchestrator_lost")) == (0, "default")
