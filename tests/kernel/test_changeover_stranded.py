"""A changeover that a restart has left with one closed contactor, and with a meter that was not seen to see since.

Zero must be proven before anything opens (hazard H02), and while zero is driven no meter can show that it sees. So only
somebody in the house gets the house out of there, and never against what a meter says.
"""

from __future__ import annotations

import pytest
from kernel_switchyard import CALM_MS, PHASES, Yard, parked, yard

HOUR_MS = 3_600_000


def stranded(against: bool = False, drawing_ma: int = 0) -> Yard:
    """The first contactor has fallen off while the box was restarting; the second one is still closed."""
    run = parked(PHASES, "three", yard(PHASES, against=against))
    run.plant.contacts[0].dead = True
    run.plant.stubborn_ma = drawing_ma
    run.say |= {f"box.current_l{phase}": None for phase in (1, 2, 3)}  # the box hangs on the first contactor
    run.restart()
    run.until("stranded")
    assert [iron.closed for iron in run.plant.contacts] == [False, True]
    return run


def test_nothing_opens_by_itself_however_long_it_takes() -> None:
    run = stranded()
    run.go(60_000)
    assert (run.step, run.coils[1]) == ("stranded", 1)
    assert "is blind" in run.reason


def test_the_house_shows_that_something_is_wrong_until_it_is_over() -> None:
    run = stranded()
    run.go(200)
    assert run.mode == "degraded"
    run.press("reset")
    run.until("resting")
    run.plant.contacts[0].dead = False
    run.go(5_000)
    assert run.mode == "normal"


@pytest.mark.parametrize("against", [False, True])
def test_a_reset_in_the_house_vouches_for_the_meter_and_everything_opens_without_a_current(against: bool) -> None:
    run = stranded(against)
    run.press("reset")
    assert run.plant.contacts[1].closed, "zero has not lasted yet"
    assert run.until("resting") >= CALM_MS - 500
    assert not any(iron.closed for iron in run.plant.contacts)
    assert (run.at, run.plant.arcs) == ("open", [])


def test_afterwards_it_can_be_used_again() -> None:
    run = stranded()
    run.press("reset")
    run.until("resting")
    run.plant.contacts[0].dead = False
    run.order("one")
    run.until("making")
    run.until("resting")
    assert run.at == "one"


def test_a_reset_says_nothing_against_a_current() -> None:
    run = stranded(drawing_ma=16_000)
    run.press("reset")
    run.go(60_000)
    assert (run.step, run.coils[1], run.plant.arcs) == ("stranded", 1, [])


@pytest.mark.parametrize("mood", ["stale", "invalid"])
def test_nor_for_a_meter_that_says_nothing(mood: str) -> None:
    run = stranded()
    run.plant.meter = mood
    run.go(5_000)
    run.press("reset")
    run.go(60_000)
    assert (run.step, run.coils[1]) == ("stranded", 1)


def test_nor_against_somebody_else_who_says_that_it_flows() -> None:
    run = stranded(against=True)
    run.say |= {f"box.current_l{phase}": 6_000 for phase in (1, 2, 3)}
    run.go(300)
    run.press("reset")
    run.go(60_000)
    assert (run.step, run.coils[1]) == ("stranded", 1)


def test_before_anything_has_moved_a_reset_is_no_proof_of_zero() -> None:
    run = parked(PHASES, "three", yard(PHASES, against=False))
    run.restart()
    run.until("resting")
    run.order("one")
    run.until("held")
    run.press("reset")
    run.go(60_000)
    assert (run.step, run.coils) == ("held", [1, 1])


def test_what_was_vouched_for_is_forgotten_with_the_meter() -> None:
    run = stranded()
    run.press("reset", ms=100)
    run.plant.meter = "invalid"
    run.go(500)
    run.plant.meter = "fine"
    run.go(60_000)
    assert (run.step, run.coils[1]) == ("stranded", 1)
