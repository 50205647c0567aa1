"""The generated library: every fault of every device has its scenario, the same every time; and every scenario file and
document that comes with the rig can be read."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from hil import house
from hil.scenario import library, read
from hil.scenario.faults import Known
from hil.scenario.model import ToDevice
from hil.unix_socket import RigError

ROOT = Path(__file__).parents[2]
UC001 = library.EXPECT / "uc001.yaml"


def changed(tmp_path: Path, old: str, new: str) -> Path:
    """The library of uc001 as a file of one's own, with one text replaced."""
    text = UC001.read_text("utf-8").replace("../../../policies", str(ROOT / "policies"))
    assert old in text
    path = tmp_path / "own.yaml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    return path


def test_every_fault_of_every_device_has_its_scenario() -> None:
    known = Known(house.load(house.find("uc001")))
    expected = [
        f"uc001_{name}_{kind.name}"
        for name in ("battery", "relays", "meter", "wallbox")
        for kind in known.devices[name].fault_kinds
    ]
    assert [scenario.name for scenario in library.of_house("uc001")] == expected
    assert len(expected) > 50


def test_a_fault_begins_and_ends_and_stands_among_the_other_events_in_time() -> None:
    (scenario,) = [found for found in library.of_house("uc001") if found.name == "uc001_meter_silent"]
    told = [(event.at_ms, event.action) for event in scenario.events if isinstance(event.action, ToDevice)]
    assert (30_000, ToDevice("meter", {"fault": "silent"})) in told
    assert (60_000, ToDevice("meter", {"clear": "silent"})) in told
    assert [event.at_ms for event in scenario.events] == sorted(event.at_ms for event in scenario.events)
    assert (scenario.title, scenario.benches) == ("UC001: meter silent", ("virtual",))
    assert "meter: answers nothing" in scenario.why


def test_pairs_break_two_devices_at_once_and_never_one_twice() -> None:
    singles = {scenario.name: scenario for scenario in library.of_house("uc001")}
    pairs = library.of_house("uc001", pairs=True)
    names = [scenario.name for scenario in pairs]
    assert "uc001_battery_silent_meter_nan" in names
    assert "uc001_meter_silent_meter_nan" not in names
    assert len(dict.fromkeys(names)) == len(names) > 10 * len(singles)
    pair = pairs[names.index("uc001_battery_silent_meter_nan")]
    broken = [event.action for event in pair.events if event.at_ms == 30_000]
    assert broken == [ToDevice("battery", {"fault": "silent"}), ToDevice("meter", {"fault": "nan"})]


def test_the_same_names_in_the_same_order_every_time() -> None:
    first, second = library.of_house("uc001"), library.of_house("uc001")
    assert [replace(found, expectations=()) for found in first] == [replace(found, expectations=()) for found in second]
    assert [[e.condition.text for e in found.expectations] for found in first] == [
        [e.condition.text for e in found.expectations] for found in second
    ]


def test_an_exception_is_made_for_its_fault_and_for_no_other() -> None:
    counts = {scenario.name: len(scenario.expectations) for scenario in library.of_house("uc001")}
    most = counts["uc001_meter_silent"]
    fewer = [name for name, count in counts.items() if count < most]
    assert "uc001_relays_dead_coil" in fewer
    assert len(fewer) < len(counts) / 4
    pairs = {scenario.name: len(scenario.expectations) for scenario in library.of_house("uc001", pairs=True)}
    assert pairs["uc001_relays_dead_coil_meter_silent"] == counts["uc001_relays_dead_coil"]


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("never more than was granted}", "as granted, except: [meter.silent]}", "needs `because`"),
        ("except: [relays.dead_coil", "except: [relays.ded_coil", "did you mean relays.dead_coil"),
        (
            "  meter.value: {register: current_l1, value: 0}\n",
            "",
            "name its parameters under `parameters: meter.value`",
        ),
        ("  meter.value: {register: current_l1", "  meter.value: {register: current_l9", "current_l9"),
        ("  meter.value:", "  meter.valu:", "did you mean meter.value"),
        ("repair: 60 s", "repair: 20 s", "first comes `break`"),
        ("repair: 60 s\n", "", "needs `repair`"),
        ("devices: [battery,", "devices: [batery,", "did you mean battery"),
        ("break: 30 s", "break: 30", "a time has a unit"),
        ("length: 170 s", "lenght: 170 s", "did you mean length"),
        ("wallbox.offered_a == 12", "wallbox.ofered_a == 12", "did you mean wallbox.offered_a"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, wrong: str) -> None:
    with pytest.raises(RigError) as caught:
        library.of_file(changed(tmp_path, old, new))
    assert re.search(r"own\.yaml:\d+: ", str(caught.value))
    assert wrong in str(caught.value)


def test_a_file_of_one_scenario_is_that_scenario() -> None:
    assert [found.name for found in library.of_file(read.find("lease_ends")[0])] == ["lease_ends"]


def test_a_house_without_a_library_tells_which_have_one() -> None:
    with pytest.raises(RigError, match="uc001"):
        library.of_house("uc01")


@pytest.mark.parametrize("path", sorted(read.SCENARIOS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_scenario_that_comes_with_the_rig_can_be_read(path: Path) -> None:
    scenario = read.load(path)
    assert scenario.hazards, "say which hazard it is about"
    assert all(expectation.why for expectation in scenario.expectations), "say why, for a householder"


def test_the_example_in_the_documentation_is_a_scenario(tmp_path: Path) -> None:
    text = (ROOT / "docs/rig.md").read_text("utf-8")
    (example,) = re.findall(r"```yaml\n(# own.yaml\n.*?)```", text, re.DOTALL)
    path = tmp_path / "own.yaml"
    path.write_text(example.replace("site: policies/", f"site: {ROOT}/policies/"), "utf-8")
    scenario = read.load(path)
    assert {type(event.action).__name__ for event in scenario.events} >= {"Wish", "ToDevice"}
    assert {expectation.kind for expectation in scenario.expectations} == {"within", "always", "never", "eventually"}


def test_the_documentation_names_every_key_verb_and_function() -> None:
    from hil.scenario.events import VERBS
    from hil.scenario.expects import KINDS
    from hil.scenario.measure import FUNCTIONS

    text = (ROOT / "docs/rig.md").read_text("utf-8")
    for word in (*read.KEYS, *VERBS, *(f"{name}(" for name in FUNCTIONS), *KINDS, *library.OWN_KEYS):
        assert f"`{word}" in text, word
