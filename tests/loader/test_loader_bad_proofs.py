"""Slips in what proves where a contact is: each is refused in one line that names the place and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from loader_slips import SITE, Slip, make, refused, slip
from loader_switching import POLICY, house

from supervisor.loader.load import load

HEATER = "coil_4: {breaks_load: 0 s, per_hour: 20}"
PROOF = "proof: {open: panel.aux_1 is open, closed: panel.aux_1 is closed}"
UNTIL = "until: busmeter.voltage_l1 above 207 V"
BY = "by: mains.coil_5"
ONTO = "onto: busmeter.voltage_l1 within 0 V .. 20 V"
WIRED = "hard_wired: the grid's and the island's contactor are mechanically interlocked"
SET = "set: {phases.position: three, wallbox.current: 16 A}"

PROOFS = [
    slip(
        "only open is proven", SITE, PROOF, "proof: {open: panel.aux_1 is open}", "'closed' is missing; what it shows"
    ),
    slip("only closed is proven", SITE, PROOF, "proof: {closed: panel.aux_1 is closed}", "'open' is missing; what the"),
    slip("a key of a proof is misspelt", SITE, PROOF, PROOF.replace("}", ", opened: panel.aux_1 is open}"), "'opened'"),
    slip(
        "open and closed are the same", SITE, PROOF, PROOF.replace("is closed", "is open"), "is what 'open' says, too"
    ),
    slip(
        "one reading may mean both",
        SITE,
        PROOF,
        "proof: {open: busmeter.voltage_l1 below 200 V, closed: busmeter.voltage_l1 above 20 V}",
        "busmeter.voltage_l1 at 20.001 V says this and what 'open' says, both at once; leave a gap",
    ),
    slip(
        "the edge of one reading means both",
        SITE,
        PROOF,
        "proof: {open: busmeter.voltage_l1 within -20 V .. 20 V, closed: busmeter.voltage_l1 within 20 V .. 300 V}",
        "busmeter.voltage_l1 at 20 V says this and what 'open' says, both at once; leave a gap",
    ),
    slip(
        "its own device's word",
        SITE,
        PROOF,
        PROOF.replace("panel.aux_1 is open", "mains.coil_supply above 20 V"),
        "told by mains itself",
    ),
    slip(
        "the contact of another contactor",
        SITE,
        PROOF,
        PROOF.replace("panel.aux_1 is open", "relays.contact_3 is open"),
        "is the contact of relays.coil_3",
        "name an input",
    ),
    slip(
        "what a coil was told",
        SITE,
        PROOF,
        PROOF.replace("panel.aux_1 is open", "relays.coil_3 is open"),
        "not where a contact is",
        "auxiliary",
    ),
    slip(
        "no current is no open contact",
        SITE,
        PROOF,
        PROOF.replace("panel.aux_1 is open", "meter.current_l1 below 1 A"),
        "a welded contactor of an idle house",
    ),
    slip(
        "no word is no open contact",
        SITE,
        PROOF,
        PROOF.replace("panel.aux_1 is open", "panel unseen"),
        "only an auxiliary contact or a voltage",
    ),
    slip(
        "a source has no second proof",
        SITE,
        f"        {PROOF}\n",
        "",
        "switches a source, so a device on another bus than can1",
        at="  mains:",
    ),
    slip(
        "its precharge has none",
        SITE,
        "        proof: {open: panel.aux_5 is open, closed: panel.aux_5 is closed}\n",
        "",
        "mains.coil_5 switches a source",
        at="  mains:",
    ),
    slip(
        "a source's onto is a power",
        SITE,
        ONTO,
        "onto: busmeter.power_l1 within -50 W .. 50 W",
        "proven dead by its voltage",
    ),
    slip(
        "a source's onto is live", SITE, ONTO, "onto: busmeter.voltage_l1 within 207 V .. 253 V", "a voltage near zero"
    ),
    slip(
        "a source's onto is a risen voltage", SITE, ONTO, "onto: busmeter.voltage_l1 above 207 V", "a voltage near zero"
    ),
    slip("a source's onto is not to be seen", SITE, ONTO, "onto: busmeter unseen", "proven dead by its voltage"),
    slip(
        "a source's onto may be not to be seen",
        SITE,
        ONTO,
        "onto: {any of: [busmeter.voltage_l1 below 20 V, busmeter unseen]}",
        "proven dead",
    ),
    slip(
        "a source's onto is from its own bus",
        SITE,
        ONTO,
        "onto: {all of: [busmeter.voltage_l1 below 20 V, mains.coil_supply above 20 V]}",
        "mains is on can1, as mains.coil_3 itself",
        "another bus",
    ),
    slip(
        "a source has no onto",
        SITE,
        f"        {ONTO}\n",
        "",
        "position 'island' closes a source; say what proves",
        at="      island:",
    ),
    slip(
        "sources are not hard-wired",
        SITE,
        f"    {WIRED}\n",
        "",
        "need a hard-wired interlock",
        "install one",
        at="sources: true",
    ),
    slip("a word is no interlock", SITE, WIRED, "hard_wired: yes", "need a hard-wired interlock", "then describe it"),
    slip("sources are maybe", SITE, "sources: true", "sources: maybe", "not one of true, false"),
]

PRECHARGE = [
    slip("by nobody", SITE, f"          {BY}\n", "", "'by' is missing; name the coil", at="        precharge:"),
    slip("by itself", SITE, BY, "by: mains.coil_2", "cannot precharge itself; name"),
    slip(
        "by itself, outside of changeovers",
        SITE,
        HEATER,
        HEATER.replace("}", ", precharge: {by: relays.coil_4, until: busmeter.voltage_l1 above 9 V, within: 1 s}}"),
        "cannot precharge itself; name",
    ),
    slip(
        "by a contactor of a changeover",
        SITE,
        BY,
        "by: mains.coil_3",
        "mains.coil_3 belongs to supply; a contactor that precharges",
    ),
    slip("by no contactor", SITE, BY, "by: wallbox.current", "wallbox.current is no contactor"),
    slip("by an unknown coil", SITE, BY, "by: mains.coil_7", "no target 'mains.coil_7'; did you mean"),
    slip(
        "by one that has a precharge",
        SITE,
        "coil_5:                                       # the island's inverter through a resistor\n",
        "coil_5:\n        precharge: {by: relays.coil_4, until: busmeter.voltage_l1 above 9 V, within: 1 s}\n",
        "mains.coil_5 has a precharge itself",
        at=BY,
    ),
    slip(
        "without its end",
        SITE,
        f"          {UNTIL}\n",
        "",
        "'until' is missing; the voltage criterion",
        at="        precharge:",
    ),
    slip(
        "without its time",
        SITE,
        "          within: 3 s\n",
        "",
        "'within' is missing; how long",
        at="        precharge:",
    ),
    slip("in no time", SITE, "within: 3 s", "within: 3 ms", "not within 100..600000 ms"),
    slip("with an unknown key", SITE, "within: 3 s", "within: 3 s\n          again: 1  # HERE", "nobody knows 'again'"),
    slip("until a voltage is low", SITE, UNTIL, "until: busmeter.voltage_l1 below 207 V", "when a voltage has risen"),
    slip(
        "until two voltages are apart",
        SITE,
        UNTIL,
        "until: busmeter.voltage_l1 differs from busmeter.voltage_l2 by 5 V",
        "when a voltage has risen",
    ),
    slip("until a current flows", SITE, UNTIL, "until: busmeter.current_l1 above 1 A", "when a voltage has risen"),
    slip("until the meter is gone", SITE, UNTIL, "until: busmeter unseen", "when a voltage has risen"),
    slip("until its own contact", SITE, UNTIL, "until: mains.contact_5 is closed", "is the contact of mains.coil_5"),
    slip(
        "a precharge with a least time on",
        SITE,
        "per_hour: 6\n",
        "min_on: 6 s\n",
        "moves with mains.coil_2, which it precharges",
    ),
    slip(
        "a precharge that cannot open",
        SITE,
        "        breaks_load: 0 s\n        per_hour: 6\n",
        "        per_hour: 6\n",
        "mains.coil_5 may carry",
        at="  mains:",
    ),
    slip(
        "a precharge permitted to the network",
        POLICY,
        "target: relays.coil_4\n    from",
        "target: mains.coil_5\n    from",
        "precharges for mains.coil_2 alone",
        "name mains.coil_2",
    ),
    slip(
        "a precharge in a program",
        POLICY,
        "target: phases.position\n    in: [orchestrator_lost]\n    value: one",
        "target: mains.coil_5\n    in: [normal]\n    value: closed",
        "precharges for mains.coil_2 alone",
    ),
    slip("a precharge at a button", SITE, SET, "set: {mains.coil_5: closed}", "precharges for mains.coil_2 alone"),
    slip(
        "a precharge in an interlock with its own",
        POLICY,
        "[relays.coil_3, relays.coil_4]\n",
        "[mains.coil_2, mains.coil_5]\n",
        "mains.coil_5 precharges for another one in this list",
    ),
    slip(
        "a contactor that requires its precharge",
        POLICY,
        "contactor: mains.coil_6\n    requires: relays.coil_3",
        "contactor: mains.coil_2\n    requires: mains.coil_5  # HERE",
        "never closed for long together",
    ),
    slip(
        "a precharge that requires its contactor",
        POLICY,
        "contactor: mains.coil_6\n    requires: relays.coil_3",
        "contactor: mains.coil_5\n    requires: mains.coil_2  # HERE",
        "never closed for long together",
    ),
]


@pytest.mark.parametrize("wrong", PROOFS + PRECHARGE)
def test_a_slip_in_a_proof_is_refused_at_its_line(
    wrong: Slip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(wrong, house(tmp_path), capsys)


def test_a_sources_proof_from_its_own_bus_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = house(tmp_path)
    make(Slip(SITE, "driver: pylontech_can, bus: can0", "driver: pylontech_can, bus: can1", ()), site)
    proof = PROOF.replace("panel.aux_1 is open", "battery.voltage below 10 V")
    wrong = Slip(SITE, PROOF, proof, ("battery is on can1, as mains.coil_1 itself", "take the proof from another bus"))
    refused(wrong, site, capsys)


def test_the_same_proof_from_another_bus_is_taken(tmp_path: Path) -> None:
    site = house(tmp_path)
    make(Slip(SITE, PROOF, PROOF.replace("panel.aux_1 is open", "battery.voltage below 10 V"), ()), site)
    assert load(site).plan.changeovers
