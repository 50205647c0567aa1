"""What a contactor has been through: the budget of an hour, failures in a row, pauses that grow, a count that stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_switchyard import AB, COILS_AT, Yard, parked, yard
from kernel_toys import replace
from kernel_yard_plant import HOUR_MS

from supervisor.kernel import wear
from supervisor.kernel.state import Wear
from supervisor.kernel.switchgear import Contactor


def budgeted(per_hour: int) -> Contactor:
    contactor = yard(per_hour=per_hour).targets[COILS_AT].contactor
    assert contactor is not None
    return contactor


def worn(run: Yard, number: int = 1) -> Wear:
    state = run.state.targets[run.target(f"k{number}.coil")].wear
    assert state is not None
    return state


@pytest.mark.parametrize("per_hour", [1, 2, 6, 60])
def test_so_many_closings_may_come_in_a_row_and_the_next_waits_for_its_share(per_hour: int) -> None:
    contactor, state, now_ms = budgeted(per_hour), Wear(), 10 * HOUR_MS
    for _ in range(per_hour):
        assert wear.budget_ms(contactor, state, now_ms) == 0
        state = wear.closes(contactor, state, now_ms)
    share_ms = HOUR_MS // per_hour
    assert wear.budget_ms(contactor, state, now_ms) == share_ms
    assert wear.budget_ms(contactor, state, now_ms + share_ms - 1) == 1
    assert wear.budget_ms(contactor, state, now_ms + share_ms) == 0
    assert state.closings == per_hour


def test_without_a_limit_it_closes_as_often_as_it_likes_and_is_counted() -> None:
    contactor, state = budgeted(0), Wear()
    for _ in range(500):
        assert wear.budget_ms(contactor, state, 1_000) == 0
        state = wear.closes(contactor, state, 1_000)
    assert state.closings == 500


@given(st.integers(1, 60), st.lists(st.integers(0, 2_000_000), min_size=1, max_size=80))
def test_no_hour_ever_sees_more_than_twice_its_budget_and_a_long_run_no_more_than_its_share(
    per_hour: int, gaps_ms: list[int]
) -> None:
    contactor, state, now_ms, closed_ms = budgeted(per_hour), Wear(), 0, []
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        if wear.budget_ms(contactor, state, now_ms) == 0:
            state = wear.closes(contactor, state, now_ms)
            closed_ms.append(now_ms)
    for at_ms in closed_ms:
        assert sum(at_ms <= other < at_ms + HOUR_MS for other in closed_ms) <= 2 * per_hour
    share_ms = HOUR_MS // per_hour
    assert len(closed_ms) <= per_hour + now_ms // share_ms + 1


def test_failures_in_a_row_are_those_within_an_hour_of_each_other() -> None:
    state = wear.fails(Wear(), 5_000)
    assert (state.failures, state.failed_ms) == (1, 5_000)
    assert wear.fails(state, 5_000 + wear.FORGET_MS - 1).failures == 2
    assert wear.fails(state, 5_000 + wear.FORGET_MS).failures == 1


def test_each_failure_doubles_the_pause_and_the_third_ends_the_tries_until_somebody_has_looked() -> None:
    state, pauses = Wear(), []
    for number in range(1, 8):
        state = wear.fails(state, number)
        pauses.append(wear.rest_ms(state))
        assert wear.spent(state) is (number >= 3)
    assert pauses == [5_000, 10_000, 20_000, 40_000, 40_000, 40_000, 40_000]
    mended = wear.mended(replace(state, closings=7, broken=2))
    assert (mended.failures, mended.closings, mended.broken) == (0, 7, 2)
    assert not wear.spent(mended)


def test_openings_count_where_the_flow_was_not_proven_zero() -> None:
    assert wear.opens(Wear(), under_load=False).broken == 0
    assert wear.opens(Wear(broken=3), under_load=True).broken == 4


# ---- in a house --------------------------------------------------------------------------------------------------
def test_the_budget_and_the_count_survive_a_restart() -> None:
    run = parked(about=yard(per_hour=1))
    assert (worn(run).closings, worn(run, 2).closings) == (1, 0)
    run.restart()
    run.go(20_000)
    assert (run.step, run.at) == ("resting", "open")
    decision = run.order("a")
    assert decision.verdict.value == "refused"
    assert "k1.coil has used up its" in decision.clauses[-1].text
    run.go(30_000)
    assert run.at == "open"
    assert run.order("b").verdict.value == "granted"


def test_a_budget_that_is_spent_delays_no_opening_and_comes_back_with_time() -> None:
    run = parked(about=yard(per_hour=1), drawing=False)
    run.stop()
    run.until("waiting")
    assert run.coils == [0, 0]
    run.go(5_000)
    run.order("a")
    assert run.coils == [0, 0]
    run.now_ms += HOUR_MS
    run.go(1_000)
    run.order("a")
    run.until("settling")
    assert worn(run).closings == 2


def test_an_opening_at_zero_flow_is_not_counted_as_one_under_load_and_a_drop_is() -> None:
    run = parked()
    run.order("b")
    run.until("waiting")
    assert worn(run).broken == 0
    run = parked()
    run.plant.contacts[0].dead = True
    run.go(200)
    assert (worn(run).broken, worn(run).failures) == (1, 1)


def test_a_count_of_tries_is_the_same_whatever_the_layout_calls_its_places() -> None:
    run = parked(AB, "b")
    assert (worn(run).closings, worn(run, 2).closings) == (0, 1)
