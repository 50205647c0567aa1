"""Zero flow: which readings prove it, which never do, and when a meter that could see is believed no longer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_switchyard import AB, CALM_MS, COILS_AT, SHOWN_MA, SKEW_MS, yard
from kernel_toys import CONTACTOR, START_MS, replace
from kernel_yard_plant import ZERO_MA

from supervisor.kernel import flow
from supervisor.kernel.machine import Machine
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import Image
from supervisor.kernel.signal import MISSING, Quality, Reading
from supervisor.kernel.state import Switch, TargetState, boot
from supervisor.kernel.switchgear import Flow

PLAN, ALONE = yard(), yard(against=False)
INDEX = {signal.id: i for i, signal in enumerate(PLAN.signals)}
CLOSED, OPEN = "closed", "open"


def seen(mine: int | None, other: int | None = None, quality: Quality = Quality.GOOD, age_ms: int = 0) -> Image:
    """All phases alike. None: never heard."""
    readings = [MISSING] * len(PLAN.signals)
    for phase in (1, 2, 3):
        if mine is not None:
            readings[INDEX[f"meter.current_l{phase}"]] = Reading(mine, START_MS - age_ms, quality)
        if other is not None:
            readings[INDEX[f"box.current_l{phase}"]] = Reading(other, START_MS, Quality.GOOD)
    return tuple(readings)


def contacts(about: Plan, state: str = CLOSED) -> tuple[TargetState, ...]:
    targets = list(boot(about, 0).targets)
    for position in (COILS_AT, COILS_AT + 1):
        targets[position] = replace(targets[position], machine=Machine(CONTACTOR.state(state), 0))
    return tuple(targets)


def fresh(about: Plan, **changes: object) -> Switch:
    return replace(boot(about, START_MS).switches[0], **changes)


def watched(about: Plan, switch: Switch, image: Image, now_ms: int = START_MS, state: str = CLOSED) -> Switch:
    """The switch after a cycle in which the image is as young as ``now_ms`` needs it."""
    later = tuple(r if r is MISSING else replace(r, at_ms=r.at_ms + now_ms - START_MS) for r in image)
    return flow.watch(about, about.changeovers[0], switch, contacts(about, state), later, now_ms)


def doubt(about: Plan, sees: bool, image: Image, state: str = CLOSED) -> str:
    return flow.doubt(about, about.changeovers[0].flows[0], sees, contacts(about, state), image, START_MS)


@pytest.mark.parametrize("value", [0, ZERO_MA, -ZERO_MA])
def test_a_meter_that_has_shown_that_it_sees_proves_zero_in_both_directions(value: int) -> None:
    assert doubt(ALONE, True, seen(value)) == ""


@pytest.mark.parametrize("value", [ZERO_MA + 1, -ZERO_MA - 1, 16_000, -16_000])
@pytest.mark.parametrize("other", [None, 0])
def test_a_current_in_either_direction_is_no_zero_whatever_anybody_else_says(value: int, other: int | None) -> None:
    assert doubt(PLAN, True, seen(value, other)) == "flowing"


@pytest.mark.parametrize("quality", [Quality.SUSPECT, Quality.STALE, Quality.INVALID])
def test_a_zero_that_is_not_good_or_too_old_or_never_came_is_not_known(quality: Quality) -> None:
    assert doubt(PLAN, True, seen(0, 0, quality)) == "not known"
    assert doubt(PLAN, True, seen(0, 0, age_ms=2_001)) == "not known"
    assert doubt(PLAN, True, seen(0, 0, age_ms=2_000)) == ""
    assert doubt(PLAN, True, seen(None, 0)) == "not known"


def test_a_meter_that_has_never_shown_anything_is_blind_unless_another_one_says_zero_as_well() -> None:
    assert doubt(ALONE, False, seen(0)) == "blind"
    assert doubt(PLAN, False, seen(0)) == "blind"
    assert doubt(PLAN, False, seen(0, ZERO_MA + 1)) == "blind"
    assert doubt(PLAN, False, seen(0, -ZERO_MA - 1)) == "blind"
    assert doubt(PLAN, False, seen(0, -ZERO_MA)) == ""


@pytest.mark.parametrize("other", [SHOWN_MA, -SHOWN_MA, 16_000])
def test_somebody_else_who_says_that_it_flows_is_believed_at_once(other: int) -> None:
    assert doubt(PLAN, True, seen(0, other)) == "contradicted"


def test_where_everything_that_carries_it_is_proven_open_only_a_current_counts() -> None:
    for image in (seen(None), seen(0), seen(0, 16_000)):
        assert doubt(PLAN, False, image, OPEN) == ""
    assert doubt(PLAN, False, seen(600), OPEN) == "flowing"
    assert doubt(PLAN, False, seen(None), "unverified") == "not known"


def test_a_current_that_no_contactor_is_said_to_carry_needs_its_proof() -> None:
    bare = replace(PLAN.changeovers[0].flows[0], through=())
    assert flow.doubt(PLAN, bare, False, contacts(PLAN, OPEN), seen(None), START_MS) == "not known"


# ---- sight -------------------------------------------------------------------------------------------------------
def test_a_meter_has_shown_that_it_sees_when_it_has_shown_enough_and_not_a_little_less() -> None:
    assert watched(ALONE, fresh(ALONE), seen(SHOWN_MA - 1)).sighted == (False,) * 3
    assert watched(ALONE, fresh(ALONE), seen(SHOWN_MA)).sighted == (True,) * 3
    assert watched(ALONE, fresh(ALONE), seen(-SHOWN_MA)).sighted == (True,) * 3


def test_sight_is_lost_with_the_meter_and_does_not_come_back_with_it() -> None:
    sighted = fresh(ALONE, sighted=(True,) * 3)
    assert watched(ALONE, sighted, seen(0)).sighted == (True,) * 3
    for gone in (seen(None), seen(0, age_ms=2_001), seen(0, quality=Quality.STALE)):
        lost = watched(ALONE, sighted, gone)
        assert lost.sighted == (False,) * 3
        again = watched(ALONE, lost, seen(0))
        assert (again.sighted, again.calm_ms) == ((False,) * 3, None)


def test_a_contradiction_takes_the_sight_only_when_it_lasts() -> None:
    switch = watched(PLAN, fresh(PLAN, sighted=(True,) * 3), seen(0, 16_000))
    assert (switch.sighted, switch.odd_ms, switch.calm_ms) == ((True,) * 3, (START_MS,) * 3, None)
    early = watched(PLAN, switch, seen(0, 16_000), START_MS + SKEW_MS - 1)
    assert early.sighted == (True,) * 3
    assert watched(PLAN, early, seen(0, 16_000), START_MS + SKEW_MS).sighted == (False,) * 3
    ended = watched(PLAN, early, seen(0, 0), START_MS + SKEW_MS - 1)
    assert (ended.odd_ms, ended.sighted) == ((None,) * 3, (True,) * 3)


def test_zero_counts_from_its_first_moment_and_begins_anew_after_each_doubt() -> None:
    switch = watched(PLAN, fresh(PLAN), seen(0, 0))
    assert switch.calm_ms == START_MS
    assert not flow.calm(PLAN.changeovers[0], switch, START_MS + CALM_MS - 1)
    assert flow.calm(PLAN.changeovers[0], switch, START_MS + CALM_MS)
    assert watched(PLAN, switch, seen(0, 0), START_MS + 400) is switch
    broken = watched(PLAN, switch, seen(600, 0), START_MS + 500)
    assert broken.calm_ms is None
    assert watched(PLAN, broken, seen(0, 0), START_MS + 600).calm_ms == START_MS + 600
    assert not flow.calm(PLAN.changeovers[0], broken, START_MS + 3_600_000)


def test_one_phase_that_is_not_proven_is_enough() -> None:
    image = list(seen(0, 0))
    image[INDEX["meter.current_l2"]] = Reading(900, START_MS, Quality.GOOD)
    assert watched(PLAN, fresh(PLAN), tuple(image)).calm_ms is None


READINGS = st.builds(
    Reading, st.none() | st.integers(-20_000, 20_000), st.integers(START_MS - 3_000, START_MS), st.sampled_from(Quality)
)


@given(READINGS, READINGS, st.booleans())
def test_no_word_of_anybody_proves_zero_where_a_reliable_one_says_that_it_flows(
    mine: Reading, other: Reading, sees: bool
) -> None:
    image = list(seen(None))
    image[INDEX["meter.current_l1"]], image[INDEX["box.current_l1"]] = mine, other
    if doubt(PLAN, sees, tuple(image)) == "":
        assert mine.quality is Quality.GOOD
        assert mine.value is not None
        assert abs(mine.value) <= ZERO_MA
        assert START_MS - mine.at_ms <= 2_000
        reliable = other.quality is Quality.GOOD and START_MS - other.at_ms <= 2_000 and other.value is not None
        assert sees or reliable
        assert not reliable or abs(other.value or 0) < SHOWN_MA


def test_the_example_flow_is_what_the_tests_above_mean() -> None:
    (first, *_) = PLAN.changeovers[0].flows
    assert isinstance(first, Flow)
    assert (first.zero, first.shown, len(AB.feeds)) == (500, 1_000, 2)
