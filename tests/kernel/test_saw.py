"""Each clause shows the readings that its rule looked at (H16), and each edge until when it binds."""

from __future__ import annotations

import pytest
from kernel_house import PLAN, House
from kernel_toys import START_MS, ask

from supervisor.kernel.lease import Clause, Decision
from supervisor.kernel.question import NO
from supervisor.kernel.saw import SIGNALS_MAX, said, saw
from supervisor.kernel.signal import MISSING, Quality, Reading
from supervisor.kernel.until import until_ms

METER = PLAN.signals[next(i for i, signal in enumerate(PLAN.signals) if signal.id == "meter.current_l1")]


def asked(house: House, value: int) -> Decision:
    wish = ask(identity="optimiser", value=value, now_ms=house.now_ms, target="wallbox.current")
    return house.cycle(wish).decisions[0]


def last(decision: Decision) -> Clause:
    return decision.clauses[-1]


def test_a_refusal_by_a_limit_shows_what_it_saw() -> None:
    house = House()
    house.live(12_000)
    house.say = {"battery.protection": 4}
    house.live(2_000)
    clause = last(asked(house, 10_000))
    assert clause.rule == "limits.battery_protecting"
    seen = dict(clause.saw)
    assert seen["battery.protection"].startswith("4, 0.")


def test_a_clip_by_the_circuit_shows_the_currents_of_its_phases() -> None:
    house = House()
    house.plant.load_ma = 22_000
    house.live(12_000)
    decision = asked(house, 16_000)
    clause = last(decision)
    assert clause.effect == "clips"
    seen = dict(clause.saw)
    assert all(seen[f"meter.current_l{phase}"].startswith("22 A") for phase in (1, 2, 3))


def test_a_refusal_for_the_mode_shows_the_mode() -> None:
    house = House()
    house.silent = {"wallbox"}
    house.cycle()
    assert ("house", "starting") in last(asked(house, 10_000)).saw


@pytest.mark.parametrize(
    ("reading", "text"),
    [
        (Reading(36_200, START_MS - 400, Quality.GOOD), "36.2 A, 0.4 s old"),
        (Reading(36_200, START_MS - 400, Quality.SUSPECT), "36.2 A, 0.4 s old, suspect"),
        (Reading(36_200, START_MS - 90_000, Quality.GOOD), "36.2 A, 90.0 s old, too old"),
        (Reading(None, START_MS, Quality.INVALID), "no value"),
        (MISSING, "nothing yet"),
    ],
)
def test_a_reading_is_shown_with_its_age_and_its_doubts(reading: Reading, text: str) -> None:
    assert said(METER, reading, START_MS) == text


def test_every_rule_of_the_house_can_say_what_it_looks_at_and_never_too_much() -> None:
    house = House()
    house.live(11_000)
    kinds = (PLAN.rules, PLAN.caps, PLAN.circuits, PLAN.permissions, PLAN.mode_rules)
    for name in [row.id for rows in kinds for row in rows]:
        seen = saw(PLAN, name, house.image, 2, house.now_ms)
        assert len(seen) <= SIGNALS_MAX
        assert bool(seen) == (not name.startswith("permissions."))
    assert saw(PLAN, "nobody.knows", house.image, 2, house.now_ms) == ()


def test_a_row_that_clears_says_until_when_and_one_whose_cause_lasts_does_not() -> None:
    house = House()
    house.live(12_000)
    house.say = {"meter.voltage_l1": 190_000}
    house.live(5_000)
    assert until_ms(PLAN, house.state, "limits.voltage") is None
    house.say = {}
    house.live(1_000)
    due_ms = until_ms(PLAN, house.state, "limits.voltage")
    assert due_ms is not None
    assert 58_000 < due_ms - house.now_ms <= 60_000
    house.live(due_ms - house.now_ms + 100)
    assert until_ms(PLAN, house.state, "limits.voltage") is None
    index = next(i for i, rule in enumerate(PLAN.rules) if rule.id == "limits.voltage")
    assert house.state.trips[index].cause is NO


def test_the_start_says_until_when_at_the_latest() -> None:
    house = House()
    house.silent = {"wallbox"}
    house.live(1_000)
    assert until_ms(PLAN, house.state, "house_modes.quiet_start") == START_MS + PLAN.grace_ms
