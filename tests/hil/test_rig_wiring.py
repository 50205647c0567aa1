"""Houses whose contactors switch phases or strings: what flows in each position, and what wears them out.

What is expected is written down here once more, from the description of each house and not from the plant.
"""

from __future__ import annotations

import pytest

from hil.plant import Options, Plant
from tests.hil.wiring_bench import Bench


@pytest.mark.parametrize(
    ("closed", "phases"),
    [((), [0, 0, 0]), ((1,), [1, 0, 0]), ((2,), [0, 1, 1]), ((1, 2), [1, 1, 1]), ((3, 4), [0, 0, 0])],
)
def test_a_phase_of_the_car_draws_while_its_contactor_is_closed(closed: tuple[int, ...], phases: list[int]) -> None:
    bench = Bench("wallbox_phases")
    bench.closed(*closed)
    bench.charge(10, 10, 10)
    assert bench.phases("feed", "current") == pytest.approx([10 * phase for phase in phases], rel=0.02)
    assert min(bench.phases("feed", "voltage")) > 220  # it sits ahead of the contactors
    car = bench.phases("feed", "power")
    assert bench.phases("meter", "power") == pytest.approx(
        [load + watt for load, watt in zip((400, 250, 150), car, strict=True)]
    )
    around = bench.tell("wallbox", "wallbox", current_a=[10, 10, 10])
    assert [volt > 220 for volt in around["voltage_v"]] == [bool(phase) for phase in phases]
    assert around["supplied"] is (1 in closed)


def test_the_wallbox_itself_charges_on_one_phase_and_on_three() -> None:
    bench = Bench("wallbox_phases")
    bench.closed(1)
    bench.run(15)
    assert bench.phases("feed", "current") == pytest.approx([16, 0, 0], rel=0.02)
    bench.closed(1, 2)
    bench.run(1)
    assert bench.phases("feed", "current") == pytest.approx([16, 16, 16], rel=0.02)
    assert bench.meter("feed")["energy_import"] == pytest.approx(bench.state()["energy_wh"]["car"] / 1000)
    assert bench.meter("feed")["energy_export"] == 0
    bench.closed()
    bench.run(1)
    assert bench.phases("feed", "current") == [0, 0, 0]


def test_a_car_stays_on_one_phase_and_another_never_stops() -> None:
    bench = Bench("wallbox_phases")
    bench.closed(1, 2)
    bench.charge(16, 16, 16)
    bench.set("car_phases", 1)
    assert bench.phases("feed", "current") == pytest.approx([16, 0, 0], rel=0.02)
    bench.set("car_phases", 3)
    bench.set("stubborn_car_a", 7)
    bench.charge(0, 0, 0)
    assert bench.phases("feed", "current") == pytest.approx([7, 7, 7], rel=0.02)
    bench.set("car_phases", 2)
    assert bench.phases("feed", "current") == pytest.approx([7, 7, 0], rel=0.02)
    bench.closed(2)
    assert bench.phases("feed", "current") == pytest.approx([0, 7, 0], rel=0.02)
    bench.set("stubborn_car_a", 0)
    assert bench.phases("feed", "current") == [0, 0, 0]
    assert Bench("wallbox_phases", car_phases=2).plant.options.car_phases == 2


def test_a_contactor_that_opens_under_load_is_told_with_its_largest_current() -> None:
    bench = Bench("wallbox_phases")
    bench.closed(1, 2)
    bench.charge(10, 12, 6)
    bench.closed(1, after_ms=500)
    broken = bench.state()["broken_under_load"]
    assert [(entry["contact"], entry["t"]) for entry in broken] == [(2, 500)]
    assert broken[0]["ampere"] == pytest.approx(12, rel=0.02)
    bench.closed(after_ms=500)
    assert [entry["contact"] for entry in bench.state()["broken_under_load"]] == [2, 1]
    assert [(line["contact"], line["t"]) for line in bench.noted("broken_under_load")] == [(2, 500), (1, 1000)]


def test_a_contactor_that_opens_without_load_breaks_nothing() -> None:
    bench = Bench("wallbox_phases")
    bench.closed(1, 2, 3)
    bench.charge(0.9, 0.9, 0.9)
    bench.closed(1, 2)
    bench.closed()
    bench.charge(16, 16, 16)
    bench.closed(2)
    assert bench.state()["broken_under_load"] == []
    assert bench.noted("broken_under_load") == []


def test_one_of_two_contacts_side_by_side_breaks_nothing_and_the_last_one_does() -> None:
    plant = Plant(Options(load_w=(0, 0, 0), contacts={1: "wallbox", 2: "wallbox"}), 1, 0)
    for contacts in ([True, True], [True, False], [False, False]):
        plant.exchange({"kind": "wallbox", "current_a": [10.0] * 3}, 0)
        plant.exchange({"kind": "relays", "contacts": contacts}, 0)
    assert [entry["contact"] for entry in plant.state(0)["broken_under_load"]] == [1]  # type: ignore[attr-defined]


def test_contacts_in_series_must_all_be_closed_and_the_one_that_opened_broke_the_load() -> None:
    plant = Plant(Options(load_w=(0, 0, 0), supply={"wallbox": ((1, 2), (), ())}), 1, 0)
    for contacts, phases in (([True, False], [0, 1, 1]), ([True, True], [1, 1, 1]), ([True, False], [0, 1, 1])):
        plant.exchange({"kind": "relays", "contacts": contacts}, 0)
        plant.exchange({"kind": "wallbox", "current_a": [10.0] * 3}, 0)
        assert [watt > 0 for watt in plant.car] == [bool(phase) for phase in phases]
    assert [entry["contact"] for entry in plant.state(0)["broken_under_load"]] == [2]  # type: ignore[attr-defined]


# -- strings that are bundled anew --

SEPARATE, TOGETHER = (5, 6), (7, 8)


def roof(bench: Bench) -> dict[str, float]:
    return {name: sum(watts) for name, watts in bench.state()["inverters_w"].items()}


def test_the_groups_have_an_inverter_each_or_one_together() -> None:
    bench = Bench("rebundling")
    bench.set("string_w", 1500)
    bench.closed(*SEPARATE)
    bench.run(20)
    assert roof(bench) == pytest.approx({"inverter1": 1500, "inverter2": 1500, "inverter3": 1500, "inverter4": 0})
    assert bench.phases("pvmeter", "power") == pytest.approx([0, 1500, 1500])
    assert bench.state()["pv_w"] == pytest.approx([1500, 1500, 1500])
    assert bench.devices["inverter2"].state(bench.now_ms)["power_w"] == pytest.approx(1500)
    bench.closed()
    assert roof(bench) == pytest.approx({"inverter1": 1500, "inverter2": 0, "inverter3": 0, "inverter4": 0})
    bench.closed(*TOGETHER)
    bench.run(20)
    assert roof(bench) == pytest.approx({"inverter1": 1500, "inverter2": 0, "inverter3": 0, "inverter4": 3000})
    assert bench.phases("pvmeter", "power") == pytest.approx([3000, 0, 0])
    assert bench.state()["pv_w"] == pytest.approx([4500, 0, 0])
    assert bench.state()["short"] is False


def test_pv_w_is_the_sun_of_all_groups_and_a_limit_holds() -> None:
    bench = Bench("rebundling", pv_w=9000)
    bench.closed(*SEPARATE)
    bench.tell("inverter", "inverter1", power_w=[3500, 0, 0])
    bench.tell("inverter", "inverter2", power_w=[800, 0, 0])
    assert roof(bench) == pytest.approx({"inverter1": 3000, "inverter2": 800, "inverter3": 0, "inverter4": 0})
    assert bench.state()["pv_w"] == pytest.approx([3000, 800, 0])


def test_what_an_inverter_sees_around_itself() -> None:
    bench = Bench("rebundling", pv_w=9000, load_w=[0, 20_000, 0])
    bench.closed(5, 8)
    second = bench.tell("inverter", "inverter2", power_w=[0, 0, 0])
    assert (second["supplied"], second["pv_w"]) == (True, pytest.approx(1500))  # half of a group: there is a short
    assert second["voltage_v"] == pytest.approx([230 - 0.15 * 20_000 / 230, 0, 0], rel=0.01)  # its L1 is the house's L2
    fourth = bench.tell("inverter", "inverter4", power_w=[0, 0, 0])
    assert (fourth["supplied"], fourth["voltage_v"]) == (False, [0, 0, 0])
    assert fourth["pv_w"] == pytest.approx(1500 + 3000)


def test_no_power_while_the_ac_contact_is_open() -> None:
    bench = Bench("rebundling", pv_w=3000)
    bench.closed(8)
    bench.tell("inverter", "inverter4", power_w=[2000, 0, 0])
    assert roof(bench)["inverter4"] == 0
    bench.closed(7, 8)
    assert roof(bench)["inverter4"] == pytest.approx(2000)


@pytest.mark.parametrize(("both", "strings"), [((5, 8), ["b"]), ((6, 8), ["c"]), ((5, 6, 7, 8), ["b", "c"])])
def test_two_inverters_on_one_string_are_never_forgotten(both: tuple[int, ...], strings: list[str]) -> None:
    bench = Bench("rebundling")
    bench.closed(5, 6, 7)
    bench.closed(7, 8)
    assert (bench.state()["short"], bench.noted("short")) == (False, [])
    bench.closed(*both, after_ms=100)
    bench.closed(*both, after_ms=100)
    bench.closed(after_ms=100)
    assert bench.state()["short"] is True
    assert [(line["t"], line["strings"]) for line in bench.noted("short")] == [(100, strings)]


def test_a_contactor_of_a_string_breaks_its_direct_current() -> None:
    bench = Bench("rebundling", pv_w=9000)
    bench.closed(7, 8)
    bench.tell("inverter", "inverter4", power_w=[3000, 0, 0])
    bench.closed(7, after_ms=100)
    assert bench.state()["broken_under_load"] == [{"contact": 8, "ampere": pytest.approx(1500 / 400), "t": 100}]
    bench.closed(7, 8)
    bench.tell("inverter", "inverter4", power_w=[780, 0, 0])  # 0.975 A from each of two groups, 3.4 A on the AC side
    bench.closed(7)
    assert len(bench.state()["broken_under_load"]) == 1
    bench.closed(7, 8)
    bench.closed(8)
    assert [entry["contact"] for entry in bench.state()["broken_under_load"]] == [8, 7]
