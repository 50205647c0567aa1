"""Energy is conserved: on each phase, over any time, in any house, with any steps.

What has flowed is summed up here once more from the powers that the plant shows before each step.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hil.wiring_bench import Bench

ACTS = st.one_of(
    st.tuples(st.just("wait"), st.integers(0, 600_000)),
    st.tuples(st.just("contacts"), st.sets(st.integers(1, 8))),
    st.tuples(st.just("car"), st.lists(st.sampled_from([0.0, 5.5, 6.0, 16.0, 32.0]), min_size=3, max_size=3)),
    st.tuples(st.just("load_l2_w"), st.sampled_from([0, 800, 9000, 30_000])),
    st.tuples(st.just("pv_w"), st.sampled_from([0, 4000, 12_000])),
    st.tuples(st.just("grid_v"), st.sampled_from([0, 190, 230, 260])),
    st.tuples(st.just("grid_l3_v"), st.sampled_from([0, 230])),
    st.tuples(st.just("pack"), st.sampled_from([(0.0, 0.0), (50.0, 50.0), (0.0, 100.0), (100.0, 0.0)])),
    st.tuples(st.just("inverter"), st.sampled_from([0.0, 500.0, 3000.0])),
    st.tuples(st.just("fault"), st.sampled_from(["phase_lost", "neutral_lost", "wallbox_rotated", "overvoltage"])),
    st.tuples(st.just("clear"), st.just(True)),
    st.tuples(st.just("fuses"), st.just("new")),
)
HOUSES = ("uc001", "wallbox_phases", "rebundling", "island", "inverter")
FLOWS = ("load", "pv", "car", "charge", "discharge", "import", "export")


def act(bench: Bench, what: str, value: Any) -> None:
    match what:
        case "contacts":
            bench.closed(*value)
        case "car":
            bench.charge(*value)
        case "pack":
            bench.tell("battery", "battery", charge_a=value[0], discharge_a=value[1], voltage_v=50.0)
        case "inverter":
            for name in [*bench.plant.options.inverters] or ["inverter"]:
                bench.tell("inverter", name, power_w=[value, value / 2, 0.0])
        case "fault":
            bench.plant.control({"fault": value}, bench.now_ms)
        case "clear":
            bench.plant.control({"clear": True}, bench.now_ms)
        case _:
            bench.set(what, value)


def powers(state: dict[str, Any]) -> dict[str, list[float]]:
    """W per phase as the account names them."""
    parts = {"load": state["load_w"], "pv": state["pv_w"], "car": state["car_w"]}
    for positive, negative, name in (("discharge", "charge", "battery_w"), ("import", "export", "grid_w")):
        parts[positive] = [max(0.0, watt) for watt in state[name]]
        parts[negative] = [max(0.0, -watt) for watt in state[name]]
    return parts


def check(state: dict[str, Any], expected: dict[str, list[float]]) -> None:
    for name, sums in expected.items():
        assert state[f"{name}_wh"] == pytest.approx(sums, rel=1e-9, abs=1e-6), name
    island = state.get("island_wh", [0.0] * 3)
    for at in range(3):
        came = state["import_wh"][at] + state["pv_wh"][at] + state["discharge_wh"][at] + island[at]
        went = state["load_wh"][at] + state["car_wh"][at] + state["export_wh"][at] + state["charge_wh"][at]
        assert came == pytest.approx(went, rel=1e-9, abs=1e-6), f"phase {at + 1}"
    whole = state["energy_wh"]
    for name in ("load", "pv", "car"):
        assert whole[name] == pytest.approx(sum(state[f"{name}_wh"]), abs=1e-6)
    assert whole["battery"] == pytest.approx(sum(state["discharge_wh"]) - sum(state["charge_wh"]), abs=1e-6)
    net = sum(state["import_wh"]) - sum(state["export_wh"])
    assert whole["import"] - whole["export"] == pytest.approx(net, abs=1e-6)


@pytest.mark.parametrize("house", HOUSES)
@given(seed=st.integers(0, 9), step_ms=st.sampled_from([500, 7000, 60_000]), acts=st.lists(ACTS, max_size=12))
@settings(deadline=None, max_examples=25, derandomize=True)
def test_what_comes_in_is_what_goes_out_on_each_phase(
    house: str, seed: int, step_ms: int, acts: list[tuple[str, Any]]
) -> None:
    bench = Bench(house, seed, load_swing=0.3, pv_w=6000, sun={"clouds": "broken"})
    expected = {name: [0.0] * 3 for name in FLOWS}
    for what, value in acts:
        if what != "wait":
            act(bench, what, value)
            continue
        end_ms = bench.now_ms + min(value, 40 * step_ms)
        while bench.now_ms < end_ms:
            before, elapsed_ms = powers(bench.state()), min(step_ms, end_ms - bench.now_ms)
            for name, watts in before.items():
                expected[name] = [
                    so_far + watt * elapsed_ms / 3_600_000 for so_far, watt in zip(expected[name], watts, strict=True)
                ]
            bench.now_ms += elapsed_ms
        check(bench.state(), expected)


@pytest.mark.parametrize("house", HOUSES)
def test_the_size_of_the_steps_changes_no_energy(house: str) -> None:
    def live(step_ms: int) -> dict[str, Any]:
        bench = Bench(house, 4, pv_w=5000, pv_swing=0.0)
        for seconds, what, value in (
            (0, "contacts", (1, 5, 6)),
            (60, "car", (16.0, 16.0, 0.0)),
            (120, "inverter", 2000.0),
            (60, "pack", (30.0, 80.0)),
            (180, "load_l2_w", 3000),
            (60, "contacts", (2, 3, 7, 8)),
            (120, "grid_v", 230),
        ):
            for _ in range(seconds * 1000 // step_ms):
                bench.now_ms += step_ms
                bench.plant.step(bench.now_ms)
            act(bench, what, value)
            bench.plant.step(bench.now_ms)  # once more, at the voltages that this has left
        return bench.state()

    fine, coarse = live(1000), live(30_000)
    for name in FLOWS:
        assert coarse[f"{name}_wh"] == pytest.approx(fine[f"{name}_wh"], rel=0.005, abs=0.05), name
    assert sum(fine["load_wh"]) > 20


def test_the_meters_count_what_flowed_past_them() -> None:
    bench = Bench("wallbox_phases", load_w=[1000, 500, 0])
    bench.closed(1, 2)
    bench.charge(10, 10, 10)
    bench.charge(10, 10, 10)
    bench.now_ms += 1_800_000
    state = bench.state()
    assert 1000 * bench.meter("feed")["energy_import"] == pytest.approx(sum(state["car_wh"]))
    assert 1000 * bench.meter("meter")["energy_import"] == pytest.approx(sum(state["import_wh"]))
    assert sum(state["car_wh"]) == pytest.approx(0.5 * 6900, rel=0.02)
