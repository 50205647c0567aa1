"""What flows in adds up to what flows out, at every moment and over time, wherever the contacts are.

Each house is written down here once more as one function from contacts and words to powers, and the plant must agree.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.plant import Options, Plant
from tests.hil.wiring_bench import Bench

WORDS = st.lists(
    st.tuples(
        st.sets(st.integers(1, 8)),
        st.lists(st.sampled_from([0.0, 80.0, 900.0, 4000.0]), min_size=3, max_size=3),  # loads
        st.lists(st.sampled_from([0.0, 0.5, 6.0, 16.0]), min_size=3, max_size=3),  # the wallbox's amperes
        st.lists(st.sampled_from([0.0, 300.0, 2000.0, 9000.0]), min_size=5, max_size=5),  # the sun, four inverters
        st.integers(0, 120_000),  # ms until the next
    ),
    min_size=1,
    max_size=6,
)
Word = tuple[set[int], list[float], list[float], list[float], int]


def speak(bench: Bench, word: Word) -> None:
    contacts, loads, amperes, watts, _ = word
    for phase, load in enumerate(loads, 1):
        bench.set(f"load_l{phase}_w", load)
    bench.closed(*contacts)
    bench.charge(*amperes)
    if bench.plant.options.inverters:
        bench.set("pv_w", watts[0])
        for number, watt in enumerate(watts[1:], 1):
            bench.tell("inverter", f"inverter{number}", power_w=[watt, 0.0, 0.0])
    bench.charge(*amperes)  # once more, at the voltage that all of this has left


def check_sums(house: str, words: list[Word], expect: Callable[[Bench, Word], dict[str, list[float]]]) -> None:
    """`expect` tells the power at each meter of the house; their energies must be the sums of the same."""
    bench = Bench(house)
    energies: dict[str, float] = {}
    for word in words:
        speak(bench, word)
        for meter, powers in expect(bench, word).items():
            view = bench.meter(meter)
            assert [view[f"power_l{phase}"] for phase in (1, 2, 3)] == pytest.approx(powers, rel=0.01, abs=0.01)
            assert view["power"] == pytest.approx(sum(view[f"power_l{phase}"] for phase in (1, 2, 3)), abs=1e-6)
            energies[meter] = energies.get(meter, 0.0) + view["power"] * word[-1] / 3_600_000_000
        state = bench.state()
        flowing = zip(*(state[f"{name}_w"] for name in ("grid", "load", "car", "pv", "battery")), strict=True)
        for island, (grid, load, car, pv, battery) in zip(state.get("island_w", [0] * 3), flowing, strict=True):
            assert grid + pv + battery + island == pytest.approx(load + car, abs=1e-6)
        bench.now_ms += word[-1]
        wh = bench.state()["energy_wh"]
        given_wh = wh["import"] - wh["export"] + wh["pv"] + wh["battery"] + wh.get("island", 0.0)
        assert given_wh == pytest.approx(wh["load"] + wh["car"], abs=1e-6)
        for meter, energy in energies.items():
            view = bench.meter(meter)
            assert view["energy_import"] - view["energy_export"] == pytest.approx(energy, rel=1e-3, abs=1e-6)


def car_w(bench: Bench, amperes: list[float], phases: list[bool]) -> list[float]:
    volts = bench.plant.house_voltages()
    return [ampere * volt * phase for ampere, volt, phase in zip(amperes, volts, phases, strict=True)]


def added(*parts: list[float]) -> list[float]:
    return [sum(watts) for watts in zip(*parts, strict=True)]


def phased_wallbox(bench: Bench, word: Word) -> dict[str, list[float]]:
    contacts, loads, amperes, _, _ = word
    car = car_w(bench, amperes, [1 in contacts, 2 in contacts, 2 in contacts])
    return {"feed": car, "meter": added(loads, car)}


def bundled_strings(bench: Bench, word: Word) -> dict[str, list[float]]:
    contacts, loads, amperes, (sun, first, second, third, fourth), _ = word
    group = sun / 3
    b = group / 2 if {5, 8} <= contacts else group  # two inverters on one group have half of it each
    c = group / 2 if {6, 8} <= contacts else group
    on_l1 = min(fourth, b + c) if {7, 8} <= contacts else 0.0
    on_l2 = min(second, b) if 5 in contacts else 0.0
    on_l3 = min(third, c) if 6 in contacts else 0.0
    sources = [on_l1, on_l2, on_l3]
    car = car_w(bench, amperes, [True] * 3)
    grid = added(loads, car, [-watt for watt in sources], [-min(first, group), 0.0, 0.0])
    return {"pvmeter": sources, "meter": grid}


def island(bench: Bench, word: Word) -> dict[str, list[float]]:
    contacts, loads, amperes, _, _ = word
    live = bool(contacts & {1, 2})
    house = [watt * live for watt in added(loads, car_w(bench, amperes, [live] * 3))]
    return {"busmeter": house, "gridmeter": [watt * (2 not in contacts) for watt in house]}


@given(words=WORDS)
@settings(deadline=None, max_examples=60, derandomize=True)
@pytest.mark.parametrize(
    ("house", "expect"),
    [("wallbox_phases", phased_wallbox), ("rebundling", bundled_strings), ("island", island)],
    ids=["wallbox_phases", "rebundling", "island"],
)
def test_power_and_energy_add_up_wherever_the_contacts_are(
    house: str, expect: Callable[[Bench, Word], dict[str, list[float]]], words: list[Word]
) -> None:
    check_sums(house, words, expect)


@given(positions=st.lists(st.sets(st.integers(1, 8)), min_size=1, max_size=12))
@settings(deadline=None, max_examples=150, derandomize=True)
def test_a_danger_is_in_the_state_when_its_position_was_there_and_only_then(positions: list[set[int]]) -> None:
    strings, leaving = Bench("rebundling"), Bench("island")
    for position in positions:
        for bench in (strings, leaving):
            bench.closed(*position, after_ms=150)
    assert strings.state()["short"] is any({5, 8} <= at or {6, 8} <= at for at in positions)
    seen = leaving.state()
    assert seen["backfeed"] is any({1, 2} <= at for at in positions)
    assert seen["bond_on_grid"] is any({1, 3} <= at for at in positions)
    unbonded = [2 in at and 3 not in at for at in positions]  # for 150 ms each, and the last of them for no time
    assert seen["island_without_bond"] is any(one and two for one, two in pairwise(unbonded[:-1]))
    before: list[set[int]] = [set(), *positions]
    onto_live = [
        contact
        for was, at in zip(before, positions, strict=False)
        for contact in sorted((at - was) & {1, 2})
        if was & {1, 2}
    ]
    assert [entry["contact"] for entry in seen["closed_onto_live"]] == onto_live


@pytest.mark.parametrize("house", ["wallbox_phases", "rebundling", "island"])
def test_one_seed_is_one_course_with_all_its_devices(house: str) -> None:
    def course(seed: int) -> tuple[object, object]:
        bench = Bench(house, seed, load_swing=0.3, pv_swing=0.2, pv_w=6000)
        for contacts in ((1, 5, 6), (), (7, 8), (2, 3)):
            bench.closed(*contacts)
            bench.run(8)
        return bench.state(), bench.notes

    assert course(4) == course(4)
    assert course(4) != course(5)


@pytest.mark.parametrize(
    ("wires", "told"),
    [
        ({"contacts": {9: "battery"}}, "contacts are 1 to 8, not 9"),
        ({"supply": {"wallbox": ((1,), (0,), ())}}, "contacts are 1 to 8, not 0"),
        ({"bus": {"grid": 1, "island": 2, "bond": 2, "inverter": "x"}}, "three different contacts"),
        ({"bus": {"grid": 1, "island": 2, "bond": 12, "inverter": "x"}}, "contacts are 1 to 8, not 12"),
        ({"inverters": {"x": {"strings": {"a": [10]}, "ac": {1: [1]}}}}, "contacts are 1 to 8, not 10"),
        ({"inverters": {"x": {"strings": {}, "ac": {1: []}}}}, "at least one string"),
        ({"inverters": {"x": {"strings": {"a": []}, "ac": {4: []}}}}, "some of the phases 1, 2 and 3"),
        ({"inverters": {"x": {"strings": {"a": []}, "ac": {1: []}}}, "contacts": {1: "pv"}}, "leave pv out"),
        (
            {
                "inverters": {"x": {"strings": {"a": []}, "ac": {1: []}}},
                "bus": {"grid": 1, "island": 2, "bond": 3, "inverter": "x"},
            },
            "x makes the island",
        ),
        ({"meters": {"m": ["oven"]}}, "must see some of battery, house, load, pv, wallbox"),
        ({"meters": {"m": []}}, "must see some of"),
        ({"meters": {"m": ["wallbox", "pv"]}}, "its sign would mean nothing"),
    ],
)
def test_a_wiring_that_cannot_be_is_refused_with_its_reason(wires: dict[str, object], told: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=told):
        msgspec.convert(wires, Options)


def test_a_house_without_strings_says_so() -> None:
    answer = Plant(Options(), 1, 0).control({"set": "string_w", "value": 100}, 0)
    assert (answer["ok"], answer["error"]) == (False, "plant: this house has no strings; set pv_w")
