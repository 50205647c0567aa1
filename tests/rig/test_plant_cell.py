"""The cell and the pack of it: voltages of the sheet, hysteresis, energies, and what the management offers."""

from __future__ import annotations

from dataclasses import astuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.cell import Cell, ocv
from hil.plant import Options, Plant
from hil.sim.pylontech_can import Options as PackOptions
from hil.sim.pylontech_can import PylontechBattery

HOUR_S = 3600.0


def rested(charge: float, ampere: float) -> float:
    """V after an hour of this current and ten hours of rest, at this charge."""
    cell = Cell(100.0, charge - ampere / 100)
    cell.step(ampere, HOUR_S)
    cell.step(0.0, 10 * HOUR_S)
    assert cell.charge == pytest.approx(charge)
    return cell.rest_v()


@pytest.mark.parametrize(
    ("percent", "volt"), [(30, 3.206), (40, 3.253), (50, 3.266), (60, 3.269), (70, 3.274), (80, 3.310), (90, 3.314)]
)
def test_the_open_circuit_voltage_is_that_of_the_sheet(percent: int, volt: float) -> None:
    assert ocv(percent / 100) == pytest.approx(volt, abs=0.0005)


def test_the_open_circuit_voltage_only_rises() -> None:
    course = [ocv(at / 1000) for at in range(1001)]
    assert course == sorted(course)
    assert (course[0], course[-1]) == (2.5, 3.6)


@pytest.mark.parametrize("charge", [0.3, 0.5, 0.7])
def test_a_rest_after_charging_is_higher_than_one_after_discharging_by_5_to_25_mv(charge: float) -> None:
    assert 0.005 <= rested(charge, 20.0) - rested(charge, -20.0) <= 0.025


def test_a_short_turn_of_the_current_leaves_the_hysteresis_in_between() -> None:
    cell = Cell(100.0, 0.5)
    cell.step(20.0, HOUR_S)
    top = cell.hysteresis_v
    cell.step(-20.0, 60)
    assert -top < cell.hysteresis_v < top


def test_a_pulse_drops_at_once_by_r0_and_then_by_r1_with_its_time_constant() -> None:
    cell = Cell(280.0, 0.55)
    before = cell.volt(0.0)
    assert cell.volt(-100.0) - before == pytest.approx(-0.060)  # 0.6 mOhm of the 280 Ah class
    cell.step(-100.0, 120.0)
    assert cell.relaxing_v == pytest.approx(-0.030 * 0.632, rel=0.01)
    cell.step(-100.0, 1200.0)
    assert cell.relaxing_v == pytest.approx(-0.030, rel=0.01)


CURRENTS = st.lists(
    st.tuples(st.floats(-150, 150, allow_subnormal=False), st.integers(1, 1800)), min_size=1, max_size=6
)


@given(courses=CURRENTS, charge=st.floats(0, 1), parts=st.integers(1, 40))
@settings(deadline=None, max_examples=120, derandomize=True)
def test_the_size_of_the_steps_does_not_matter(courses: list[tuple[float, int]], charge: float, parts: int) -> None:
    whole, cut = Cell(280.0, charge), Cell(280.0, charge)
    at_an_end = False
    for ampere, seconds in courses:
        whole.step(ampere, seconds)
        for _ in range(parts):
            cut.step(ampere, seconds / parts)
        at_an_end = at_an_end or whole.charge in (0.0, 1.0)
    if not at_an_end:  # at the ends the surplus is heat, and that begins where the step ends
        assert astuple(cut) == pytest.approx(astuple(whole), rel=1e-6, abs=1e-6)


@given(courses=CURRENTS, charge=st.floats(0, 1))
@settings(deadline=None, max_examples=120, derandomize=True)
def test_energy_through_the_terminals_is_what_is_stored_and_what_is_lost(
    courses: list[tuple[float, int]], charge: float
) -> None:
    cell = Cell(280.0, charge)
    for ampere, seconds in courses:
        cell.step(ampere, seconds)
    grid = 1000
    low, high = sorted((charge, cell.charge))
    area = sum(ocv(low + (high - low) * (at + 0.5) / grid) for at in range(grid)) * (high - low) / grid * 280
    kept = area if cell.charge > charge else -area
    assert cell.charged_wh - cell.discharged_wh == pytest.approx(kept + cell.loss_wh, abs=0.5)
    flowed = sum(ampere * seconds / HOUR_S for ampere, seconds in courses)
    assert cell.charged_ah - cell.discharged_ah == pytest.approx(flowed, abs=1e-6)


@pytest.mark.parametrize("ampere", [100.0, -100.0])
def test_the_energy_of_a_long_step_is_the_sum_of_voltage_times_current(ampere: float) -> None:
    whole, fine = Cell(280.0, 0.6, relaxing_v=0.02), Cell(280.0, 0.6, relaxing_v=0.02)
    whole.step(ampere, 1800)
    summed = 0.0
    for _ in range(1800):
        fine.step(ampere, 0.5)
        summed += abs(ampere) * fine.volt(ampere) / 3600
        fine.step(ampere, 0.5)
    assert whole.charged_wh + whole.discharged_wh == pytest.approx(summed, rel=1e-5)


def test_a_cycle_loses_a_few_percent_and_never_gains() -> None:
    cell = Cell(280.0, 0.3)
    for _ in range(3):
        for ampere in (100.0, -100.0):
            for _ in range(60):
                cell.step(ampere, 60)
    assert cell.charge == pytest.approx(0.3)
    assert 0.92 < cell.discharged_wh / cell.charged_wh < 0.99
    assert cell.loss_wh > 0


# -- the pack --


def pack(**options: object) -> PylontechBattery:
    return PylontechBattery("battery", PackOptions(**options), 0)  # type: ignore[arg-type]


def offered(device: PylontechBattery, now_ms: int = 0) -> tuple[float, float]:
    state = device.state(now_ms)
    return float(str(state["charge_offered"])), float(str(state["discharge_offered"]))


@pytest.mark.parametrize(
    ("celsius", "charge", "discharge"),
    [(-0.1, 0, 150), (0.0, 30, 150), (5, 90, 150), (10, 150, 150), (45, 150, 150), (51, 0, 0), (-10.5, 0, 0)],
)
def test_nothing_is_charged_below_zero_and_less_in_the_cold(celsius: float, charge: float, discharge: float) -> None:
    assert offered(pack(temperature=celsius, soc=50.0)) == pytest.approx((charge, discharge), rel=0.01)


def test_limits_fall_near_the_ends_and_stay_where_the_pack_is_in_the_middle() -> None:
    charges, discharges = zip(*(offered(pack(soc=soc)) for soc in (0, 1, 3, 5, 50, 94.9, 96, 98, 99, 100)), strict=True)
    assert list(charges[:6]) == [150] * 6
    assert sorted(charges[5:], reverse=True) == list(charges[5:])
    assert charges[-1] == 0 == discharges[0]
    assert 0 < discharges[1] < discharges[2] < discharges[3] == 150


def test_a_pack_that_is_charged_as_offered_is_full_without_passing_its_voltage_limit_and_stays_full_for_a_while() -> (
    None
):
    device, now_ms, highest = pack(soc=94.0), 0, 0.0
    while now_ms < 4 * 3_600_000 and not device.state(now_ms)["full"]:
        device.from_plant({"current_a": offered(device, now_ms)[0]}, now_ms)
        highest = max(highest, device.voltage())
        now_ms += 1000
    assert device.state(now_ms)["full"] is True
    assert highest <= 53.2 + 0.05
    assert device.pack.soc > 99
    assert offered(device, now_ms)[0] == 0
    assert float(str(device.state(now_ms)["charge_voltage_offered"])) < 53.2
    device.from_plant({"current_a": -100.0}, now_ms)
    assert offered(device, now_ms + 180_000)[0] == 0, "after 5 Ah of 300 it is still full"
    assert offered(device, now_ms + 600_000)[0] > 0


def test_a_pack_that_is_drained_as_offered_ends_empty_and_stays_so_until_it_is_charged() -> None:
    device, now_ms = pack(soc=8.0), 0
    while now_ms < 4 * 3_600_000 and not device.state(now_ms)["empty"]:
        device.from_plant({"current_a": -offered(device, now_ms)[1]}, now_ms)
        now_ms += 1000
    assert offered(device, now_ms) == (150, 0)
    assert 0 <= device.pack.soc < 2
    device.from_plant({"current_a": 0.0}, now_ms)
    assert offered(device, now_ms + 3_600_000)[1] == 0, "voltage that comes back at rest is no charge"
    device.from_plant({"current_a": 100.0}, now_ms + 3_600_000)
    assert offered(device, now_ms + 3_600_000 + 600_000)[1] > 0


def test_the_voltage_follows_the_current() -> None:
    device = pack(soc=50.0)
    at_rest = device.voltage()
    assert at_rest == pytest.approx(15 * 3.266)
    device.from_plant({"current_a": -100.0}, 0)
    assert device.voltage() == pytest.approx(at_rest - 15 * 100 * 0.6e-3 * 280 / 300)


@pytest.mark.parametrize("step_ms", [500, 1000, 10_000])
def test_state_of_charge_and_energy_through_the_battery_agree_with_the_plant(step_ms: int) -> None:
    device = pack(soc=60.0, capacity_ah=100.0)
    plant = Plant(Options(load_w=(900.0, 600.0, 300.0), load_swing=0.0, pv_swing=0.0), 1, 0)
    for now_ms in range(0, 3_600_001, step_ms):
        if now_ms in (1_200_000, 2_400_000):
            plant.control({"set": "pv_w", "value": 5000 if now_ms < 2_000_000 else 500}, now_ms)
        device.from_plant(plant.exchange(device.to_plant(now_ms), now_ms), now_ms)
    state = device.state(3_600_000)
    through_ah = float(str(state["charged_ah"])) - float(str(state["discharged_ah"]))
    assert device.pack.soc - 60.0 == pytest.approx(through_ah, abs=1e-6)  # of 100 Ah, so Ah are percent
    given, taken = (sum(plant.account.phases_wh[name]) for name in ("discharge", "charge"))
    assert state["discharged_wh"] == pytest.approx(given, rel=0.01)
    assert state["charged_wh"] == pytest.approx(taken, rel=0.01)
    assert given > 500
    assert taken > 500
