"""A walk of the four houses in memory: right wiring is proven, and each single mistake is found as what it is (H28).

Mistakes are made on the side of the wires where the rig can make them, and in the documents where it cannot: that is
the same mistake seen from the other end.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from walked_house import WalkedHouse, findings, statuses

from hil.scenario.model import ToDevice
from supervisor.loader.load import load
from supervisor.walk.course import Options, Walk
from supervisor.walk.survey import survey

ONE_PHASE = {"car: plugged": "car: plugged\n    car_phases: 1"}
SHORT_DWELL = {"dwell: 7 min": "dwell: 20 s"}
SUN = (ToDevice("plant", {"set": "pv_w", "value": 9000}),)
HAND = Options(by_hand=True)
ALL = Options(by_hand=True, contactors=True)
IN_ANY_MODE = "in: [normal, degraded, orchestrator_lost]"
INVERTERS = "\n".join(
    f"  walk_{n}: {{why: the walk reduces it, who: [optimiser], target: inverter{n}.power_limit, from: 0 W, to: 8 kW,"
    f" {IN_ANY_MODE}, longest: 5 min}}"
    for n in (1, 2, 3, 4)
)
MAY_REDUCE = {"permissions:\n": f"permissions:\n{INVERTERS}\n"}
IN_NETWORK = {
    "      bundle.position:": "\n".join(
        f"      inverter{n}.power_limit: {{from: 0 W, to: 8 kW, longest: 12 h}}" for n in (1, 2, 3, 4)
    )
    + "\n      bundle.position:"
}


def broken(name: str, **parameters: object) -> tuple[ToDevice, ...]:
    """The plant's own wrong wiring."""
    return (ToDevice("plant", {"fault": name, **parameters}),)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def uc001(
    folder: Path,
    options: Options = HAND,
    before: tuple[ToDevice, ...] = (),
    edits: Mapping[str, str] | None = None,
) -> Walk:
    return WalkedHouse("uc001", folder, edits, ONE_PHASE, before).walk(options)


# ---- right wiring ----------------------------------------------------------------------------------------------------
def test_a_house_that_is_wired_as_written_is_proven_whole(folder: Path) -> None:
    walk = uc001(folder, ALL)
    assert findings(walk) == {}
    assert set(statuses(walk).values()) == {"proven", "left out"}
    assert statuses(walk)["relays.coil_1"] == "proven"


def test_a_wallbox_behind_contactors_is_proven_in_each_of_its_positions(folder: Path) -> None:
    house = WalkedHouse("wallbox_phases", folder, SHORT_DWELL)
    walk = house.walk(ALL)
    assert findings(walk) == {}
    assert set(statuses(walk).values()) == {"proven", "left out"}
    assert [seen.title for seen in walk.evidence if seen.kind == "draw"] == [
        "wallbox.current: 6 A",
        "wallbox.current in position three: 6 A",
    ]


def test_inverters_are_proven_by_what_they_give_less(folder: Path) -> None:
    house = WalkedHouse("rebundling", folder, {**MAY_REDUCE, **IN_NETWORK}, before=SUN)
    walk = house.walk(HAND)
    assert findings(walk) == {}
    said = statuses(walk)
    assert [said[f"inverter{n}.power_limit"] for n in (1, 2, 3)] == ["proven"] * 3
    assert said["circuits.house"] == "proven"
    assert said["inverter4.power_limit"] == "not proven"  # it has no strings in this position
    reduced = [wish.value for wish in house.asked if wish.target.endswith("power_limit") and wish.value is not None]
    assert reduced == [1_440.0] * 3  # of 3 kW each: reduced, never raised


# ---- one mistake each ------------------------------------------------------------------------------------------------
def only_wiring(walk: Walk) -> str:
    """The one finding, which is about the wiring and leaves no second explanation."""
    found = findings(walk)
    assert list(found) == ["the wiring"]
    assert ", OR " not in found["the wiring"]
    return found["the wiring"]


def test_currents_that_the_documents_exchange_are_found(folder: Path) -> None:
    rest = "meter.current_l3]\n      power"
    edits = {f"[meter.current_l1, meter.current_l2, {rest}": f"[meter.current_l2, meter.current_l1, {rest}"}
    said = only_wiring(WalkedHouse("uc001", folder, edits, ONE_PHASE).walk())
    assert said.startswith("circuits.house: the current that the documents call L2 answers when L1 is loaded")
    assert "exchange meter.current_l2, meter.current_l1 in 'meter: current'" in said


def test_two_exchanged_clamps_are_found(folder: Path) -> None:
    said = only_wiring(uc001(folder, HAND, broken("clamps_swapped", meter="meter", first=1, second=2)))
    assert said.startswith("meter: the clamp of L1 sits on L2, the clamp of L2 sits on L1")


def test_exchanged_clamps_are_found_by_a_car_that_draws_alike_on_all_phases(folder: Path) -> None:
    before = broken("clamps_swapped", meter="meter", first=2, second=3)
    said = only_wiring(WalkedHouse("uc001", folder, before=before).walk())
    assert said.startswith("meter: the clamp of L2 sits on L3, the clamp of L3 sits on L2")


def test_a_reversed_clamp_is_found(folder: Path) -> None:
    said = only_wiring(uc001(folder, Options(), broken("clamp_reversed", meter="meter", phase=1)))
    assert said.startswith("meter: the clamp of L1 sits the wrong way round")


def test_rotated_phases_of_the_wallbox_are_found(folder: Path) -> None:
    said = only_wiring(uc001(folder, HAND, broken("wallbox_rotated", steps=1)))
    assert said.startswith("wallbox.current: its L1 hangs on L2 of the house")


def test_phases_exchanged_with_tap_and_clamp_are_found(folder: Path) -> None:
    said = only_wiring(uc001(folder, HAND, broken("phases_swapped", meter="meter", first=1, second=3)))
    assert said.startswith("circuits.house: what the documents call L1 answers when L3 is loaded")


def test_without_a_second_load_it_says_that_it_may_be_meter_or_wallbox(folder: Path) -> None:
    found = findings(uc001(folder, Options(), broken("wallbox_rotated", steps=1)))
    assert list(found) == ["the wiring"]
    first, second = found["the wiring"].split(", OR ")
    assert "what the documents call L2 answers when L1 is loaded" in first
    assert "its L1 hangs on L2 of the house" in second


def test_exchanged_addresses_of_two_meters_are_found(folder: Path) -> None:
    edits = {"port: 15120": "port: 1", "port: 15122": "port: 15120", "port: 1,": "port: 15122,"}
    said = only_wiring(WalkedHouse("wallbox_phases", folder, edits).walk())
    assert said.startswith("meter shows what feed should show, and feed what meter should")


def test_exchanged_addresses_of_two_inverters_are_found(folder: Path) -> None:
    ports = {"port: 15242": "port: 1", "port: 15243": "port: 15242", "port: 1,": "port: 15243,"}
    said = findings(WalkedHouse("rebundling", folder, {**MAY_REDUCE, **IN_NETWORK, **ports}, before=SUN).walk())
    assert "where inverter2 is moved, inverter3 should be" in said["the wiring"]


def test_a_clamp_around_nothing_is_found(folder: Path) -> None:
    nothing = tuple(
        ToDevice("meter", {"fault": "value", "register": register, "value": 0.0})
        for register in ("current_l1", "power_l1")
    )
    said = only_wiring(uc001(folder, HAND, nothing))
    assert said.startswith("meter: meter.current_l1 does not answer when L1 is loaded")


def test_a_contactor_that_does_not_open_again_is_found(folder: Path) -> None:
    walk = uc001(folder, Options(contactors=True), (ToDevice("relays", {"fault": "welded", "contact": 1}),))
    assert list(findings(walk)) == ["relays.coil_1"]
    assert "stays closed" in findings(walk)["relays.coil_1"]


def test_a_contactor_that_does_not_answer_is_found(folder: Path) -> None:
    walk = uc001(folder, Options(contactors=True), (ToDevice("relays", {"fault": "dead_coil", "contact": 1}),))
    assert list(findings(walk)) == ["relays.coil_1"]
    assert "no contact answers" in findings(walk)["relays.coil_1"]


# ---- not proven ------------------------------------------------------------------------------------------------------
def test_a_load_that_draws_alike_on_all_phases_does_not_prove_their_order(folder: Path) -> None:
    walk = WalkedHouse("uc001", folder).walk()
    assert findings(walk) == {}
    assert statuses(walk)["circuits.house"] == "not proven"
    assert statuses(walk)["wallbox.current"] == "not proven"


def test_without_a_car_nothing_is_proven_and_nothing_is_wrong(folder: Path) -> None:
    walk = uc001(folder, Options(), (ToDevice("wallbox", {"set": "car", "value": "none"}),))
    assert findings(walk) == {}
    assert set(statuses(walk).values()) == {"not proven", "left out"}


def test_what_policy_refuses_is_not_proven(folder: Path) -> None:
    walk = uc001(folder, Options(), edits={"who: [optimiser, phone]": "who: [phone]"})
    assert findings(walk) == {}
    assert statuses(walk)["wallbox.current"] == "not proven"
    assert "permission.none" in next(step.unproven for step in walk.steps if step.subject == "wallbox.current")


def test_a_house_that_cooks_is_told_to_be_too_restless(folder: Path) -> None:
    house = WalkedHouse("uc001", folder, house=ONE_PHASE)
    walk = house.walk(each=lambda now_ms: house.plant("load_l1_w", 400 + now_ms // 1_000 % 3 * 900))
    assert findings(walk) == {}
    assert set(statuses(walk).values()) == {"not proven", "left out"}


def test_a_load_that_comes_just_with_the_walk_is_not_taken_for_the_answer(folder: Path) -> None:
    house = WalkedHouse("uc001", folder, house=ONE_PHASE)

    def somebody_cooks(_: int) -> None:  # and goes on after the walk has given its load back
        if house.asked:
            house.plant("load_l2_w", 1_650)

    walk = house.walk(each=somebody_cooks)
    assert findings(walk) == {}
    assert statuses(walk)["circuits.house"] == "not proven"


def test_in_observe_a_person_proves_the_meters_and_no_load_is_moved(folder: Path) -> None:
    house = WalkedHouse("uc001", folder, {"start_grace: 10 s": "start_grace: 10 s\nobserve: true"}, ONE_PHASE)
    walk = house.walk(ALL)
    assert house.asked == []
    assert findings(walk) == {}
    said = statuses(walk)
    assert (said["circuits.house"], said["wallbox.current"]) == ("proven", "not proven")


# ---- what it moves ---------------------------------------------------------------------------------------------------
def test_contactors_do_not_move_before_a_person_has_said_so(folder: Path) -> None:
    house = WalkedHouse("wallbox_phases", folder)
    walk = house.walk()
    assert {wish.target for wish in house.asked} == {"wallbox.current"}
    assert statuses(walk)["phases.position"] == "not proven"


def test_everything_is_small_and_given_back(folder: Path) -> None:
    house = WalkedHouse("wallbox_phases", folder, SHORT_DWELL)
    house.walk(ALL)
    held: dict[str, float] = {}
    for wish in house.asked:
        if wish.value is None:
            held.pop(wish.target)
        else:
            held[wish.target] = wish.value
            assert wish.target != "wallbox.current" or wish.value == 6.0
    assert held == {}


def test_sources_are_never_moved(folder: Path) -> None:
    island = Path(__file__).parents[2] / "policies" / "island"
    walk = Walk(survey(load(island)), ALL, lambda _: 1)
    assert [step.title for step in walk.steps if "position" in step.title] == ["supply in position grid"]
    assert "supply.position" in {left.subject for left in walk.left if left.counts}


# ---- a load without a measurement of its own -------------------------------------------------------------------------
UNMEASURED = {"[wallbox.current_l1, wallbox.current_l2, wallbox.current_l3]": "[none, none, none]"}


def test_a_car_on_one_phase_of_an_unmeasured_wallbox_is_no_dead_clamp(folder: Path) -> None:
    walk = uc001(folder, Options(), edits=UNMEASURED)
    assert findings(walk) == {}
    assert statuses(walk)["circuits.house"] == "not proven"


def test_an_unmeasured_wallbox_without_a_car_is_no_dead_clamp(folder: Path) -> None:
    edits = {"[wallbox.current_l1, wallbox.current_l2, wallbox.current_l3]": "[none, absent, absent]"}
    walk = uc001(folder, Options(), (ToDevice("wallbox", {"set": "car", "value": "none"}),), edits)
    assert findings(walk) == {}
    assert statuses(walk)["wallbox.current"] == "not proven"


def test_an_unmeasured_load_with_one_wire_is_proven_by_the_meter(folder: Path) -> None:
    edits = {"[wallbox.current_l1, wallbox.current_l2, wallbox.current_l3]": "[none, absent, absent]"}
    walk = uc001(folder, HAND, edits=edits)
    assert findings(walk) == {}
    assert (statuses(walk)["circuits.house"], statuses(walk)["wallbox.current"]) == ("proven", "proven")
