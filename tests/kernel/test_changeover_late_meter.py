"""A flow that has just begun is not known yet: a meter tells of it later. So an old zero opens nothing (hazard H02).

While a changeover rests its feeds may draw at any moment. What shall open waits until zero has lasted since then.
"""

from __future__ import annotations

import pytest
from kernel_switchyard import AB, CALM_MS, COILS_AT, LAYOUTS, Yard, parked, yard

from supervisor.kernel.question import Outside
from supervisor.kernel.switchgear import Need

LATE_MS, FOLLOWS_MS = 600, 2_000  # the meters' delay, and how long a car takes to stop


def just_begun(run: Yard | None = None) -> Yard:
    """Nothing has flowed for a minute; now the car begins, and no meter has told of it yet."""
    run = run or parked(AB, drawing=False)
    run.go(60_000)
    run.say |= {f"{who}.current_l{phase}": 0 for who in ("meter", "box") for phase in (1, 2, 3)}
    run.plant.stubborn_ma = 16_000
    run.go(100)
    assert max(run.plant.flow_ma) == 16_000
    return run


def told(run: Yard, within_ms: int = 60_000) -> None:
    """The meters tell, and the car stops when it has been told to."""
    run.go(LATE_MS)
    for signal in [name for name in run.say if ".current_l" in name]:
        del run.say[signal]
    run.go(FOLLOWS_MS)
    run.plant.stubborn_ma = 0
    run.go(within_ms)


def test_a_wish_that_comes_with_the_flow_opens_nothing_under_load() -> None:
    run = just_begun()
    run.order("b")
    told(run)
    assert (run.at, run.plant.arcs) == ("b", [])


def test_a_key_that_is_turned_with_the_flow_opens_nothing_under_load() -> None:
    run = just_begun()
    run.say |= {"panel.key": 1}
    told(run)
    assert not any(iron.closed for iron in run.plant.contacts), "once nothing flows it is open"
    assert run.plant.arcs == []


def test_an_interlock_that_ends_with_the_flow_opens_nothing_under_load_though_the_changeover_stays() -> None:
    voltage = [signal.id for signal in yard().signals].index("bus.voltage")
    alive = Need("interlocks.alive", "only on a live bus", COILS_AT, None, Outside(voltage, 2_000, None, 100_000))
    run = Yard(AB, yard(needs=(alive,)))
    run.say |= {"bus.voltage": 230_000}
    run.go(300)
    run.order("a")
    run.until("making")
    run.until("resting")
    just_begun(run)
    run.say |= {"bus.voltage": 0}
    run.go(200)
    assert (run.step, run.coils[0]) == ("resting", 1)
    told(run)
    assert not run.plant.contacts[0].closed
    assert run.plant.arcs == []


def test_a_stop_that_comes_with_the_flow_opens_nothing_under_load() -> None:
    run = just_begun()
    run.stop()
    told(run)
    assert not any(iron.closed for iron in run.plant.contacts)
    assert run.plant.arcs == []


@pytest.mark.parametrize("layout", LAYOUTS)
def test_zero_lasts_since_the_wish_however_long_it_has_been_zero_before(layout: str) -> None:
    run = parked(LAYOUTS[layout], drawing=False)
    run.go(60_000)
    run.order(next(place for place in LAYOUTS[layout].places if place != run.at))
    assert CALM_MS <= run.until("breaking") <= CALM_MS + 200


def test_where_all_is_open_nothing_can_have_begun_to_flow() -> None:
    run = Yard()
    run.go(60_000)
    run.order("a")
    assert run.until("waiting") <= 300
