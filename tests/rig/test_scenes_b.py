"""The scenarios about people and machines, and that the rig as a whole shows every hazard.

What no scenario can show of a hazard is asked here: a document that must not be taken, since nothing starts with it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from hil.bench.virtual import VirtualBench
from hil.scenario.model import Scenario
from hil.scenario.read import SCENARIOS, load
from hil.unix_socket import RigError

OURS = sorted([*SCENARIOS.glob("people/*.yaml"), *SCENARIOS.glob("machine/*.yaml")])
FINDINGS = sorted(SCENARIOS.glob("findings/*.yaml"))
HAZARDS = [f"H{number:02d}" for number in range(1, 31)]
SLIPS = {
    "a fuse in kW": {"fuse: 35 A": "fuse: 35 kW"},
    "a fuse without a unit": {"fuse: 35 A": "fuse: 35"},
    "a voltage in A": {"meter.voltage_l1 outside 207 V .. 253 V": "meter.voltage_l1 outside 207 A .. 253 A"},
    "a limit for a device that is not there": {"when: battery unseen": "when: batery unseen"},
    "a rule without its reason": {
        "why: the battery has raised a protection; whatever draws from it has to leave": "note: yes"
    },
}


def hazards_of(path: Path) -> list[str]:
    """As they stand in the file, which may be somebody else's and half written."""
    found = re.search(r"^hazards: \[(.*)\]", path.read_text("utf-8"), re.MULTILINE)
    return re.findall(r"H\d\d", found[1]) if found else []


@pytest.mark.parametrize("path", [*OURS, *FINDINGS], ids=lambda path: path.stem)
def test_a_scenario_can_be_read_and_says_what_it_is_about(path: Path) -> None:
    scenario = load(path)
    assert scenario.hazards, "it names no hazard"
    assert scenario.show, "its page would draw nothing"
    assert all(expectation.why for expectation in scenario.expectations), "an expectation without its reason"


def test_no_two_scenarios_of_the_rig_have_the_same_name() -> None:
    names = [path.stem for path in SCENARIOS.rglob("*.yaml")]
    assert sorted(names) == sorted(set(names))


def test_every_hazard_is_shown_by_the_rig() -> None:
    shown = {name for path in SCENARIOS.rglob("*.yaml") if path not in FINDINGS for name in hazards_of(path)}
    shown |= {name for path in (SCENARIOS.parent / "houses" / "expect").glob("*.yaml") for name in hazards_of(path)}
    assert sorted(shown) == HAZARDS


def test_a_finding_says_what_was_observed_and_why_it_is_wrong() -> None:
    for path in FINDINGS:  # none, at its best
        comment = [line for line in path.read_text("utf-8").splitlines() if line.startswith("# ")]
        assert any(line.startswith("# Observed:") for line in comment), path
        assert len(comment) > 1, f"{path}: what was observed, and not why it is wrong"


@pytest.fixture(scope="module")
def sound() -> Scenario:
    """A scenario of the first house."""
    return load(SCENARIOS / "people" / "two_optimisers.yaml")


def test_the_documents_of_the_house_are_taken_as_they_are(sound: Scenario) -> None:
    bench = VirtualBench()
    bench.open(replace(sound, edits={"fuse: 35 A": "fuse: 32 A"}), 1)
    (moment,) = bench.advance(50)
    bench.close()
    assert moment.facts["wallbox.flash_writes"] == 0


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip.replace(" ", "_"))
def test_a_document_with_a_slip_does_not_start_and_the_line_is_named(sound: Scenario, slip: str) -> None:
    """H17. No device has been told anything: there is nobody who could."""
    bench = VirtualBench()
    with pytest.raises(RigError, match=r"the product refuses the site of .*\.yaml:\d+: "):
        bench.open(replace(sound, edits=SLIPS[slip]), 1)
    assert [device.name for device in bench.world.devices.values() if device.write_count] == []
    bench.close()
