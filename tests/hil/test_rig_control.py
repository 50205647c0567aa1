"""The control requests of a device: every fault can be injected and repaired, every mistake is told with its remedy."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import pytest

from hil.sim import FAMILIES
from hil.sim.device import WRITES_KEPT, Device, FaultKind, after

SAMPLES: Mapping[str, Mapping[str, str]] = {
    "pylontech_can": {"signal": "StateOfCharge"},
    "relaynode_can": {"signal": "CoilEcho"},
    "sdm630_modbus": {"register": "power"},
    "goe_modbus": {"register": "ampere"},
    "sunspec_modbus": {"register": "power"},
    "panel_gpio": {"input": "car_button", "output": "lamp"},
}
OPTIONS: Mapping[str, Mapping[str, str]] = {
    "panel_gpio": {"inputs": "car_button=13 button", "outputs": "lamp=22 lamp, k1=23 coil"},
}


def device_of(family: str) -> Device:
    module = importlib.import_module(f"hil.sim.{family}")
    device: Device = module.make("thing", module.Options(**OPTIONS.get(family, {})), 0)
    return device


@pytest.mark.parametrize("family", FAMILIES)
def test_every_fault_can_be_injected_listed_and_repaired(family: str) -> None:
    device = device_of(family)
    for kind in device.fault_kinds:
        given = {name: value for name, value in SAMPLES[family].items() if name in kind.defaults}
        assert device.control({"fault": kind.name, **given}, 1)["ok"], kind.name
        active = device.control({"get": "faults"}, 1)["active"]
        assert [entry["fault"] for entry in active] == [kind.name]  # type: ignore[attr-defined]
        assert device.control({"clear": kind.name}, 1)["active"] == []


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"fault": "nonsense"}, "unknown fault 'nonsense': this device has s"),
        ({"fault": "", "volume": 3}, "no parameter volume"),
        ({"clear": "nonsense"}, "unknown fault"),
        ({"get": "rich"}, "state, writes or faults"),
        ({"set": "nonsense", "value": 1}, "cannot set 'nonsense'"),
        ({}, "a request is"),
        ({"fault": 3}, "a request is"),
    ],
)
def test_a_mistake_is_told_with_its_remedy(family: str, request_: dict[str, object], told: str) -> None:
    device = device_of(family)
    if "fault" in request_ and not request_["fault"]:
        request_ = {**request_, "fault": device.fault_kinds[0].name}
    reply = device.control(request_, 9)
    assert (reply["ok"], reply["t"]) == (False, 9)
    assert told in str(reply["error"])


@pytest.mark.parametrize(
    ("family", "request_", "told"),
    [
        ("relaynode_can", {"fault": "welded", "contact": 9}, "contact must be 1 to 4"),
        ("relaynode_can", {"fault": "welded", "contact": "two"}, "contact must be int"),
        ("relaynode_can", {"fault": "enum", "signal": "Nonsense"}, "no signal 'Nonsense'"),
        ("sdm630_modbus", {"fault": "nan", "register": "nonsense"}, "no register 'nonsense'"),
        ("goe_modbus", {"fault": "enum"}, "no register ''"),
        ("goe_modbus", {"set": "car", "value": "rusty"}, "none, plugged or full"),
        ("panel_gpio", {"fault": "stuck", "input": "lamp"}, "no input 'lamp'; there are car_button"),
        ("panel_gpio", {"fault": "stuck_output"}, "no output ''; there are lamp, k1"),
        ("panel_gpio", {"fault": "stuck_output", "output": "lamp", "level": 2}, "a level is 0 or 1"),
        ("panel_gpio", {"fault": "chatter", "input": "car_button", "ms": 0}, "ms must be 1 or more"),
        ("panel_gpio", {"fault": "welded", "contact": 2}, "contact must be 1 to 1"),
        ("panel_gpio", {"set": "car_button", "value": 0.5}, "must be 0 or 1"),
        ("panel_gpio", {"set": "lamp", "value": 1}, "cannot set 'lamp': this device has power_cycle, car_button"),
        ("pylontech_can", {"set": "alarm", "value": "boredom"}, "no alarm 'boredom'"),
        ("pylontech_can", {"set": "soc", "value": "much"}, "soc must be float"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_and_leaves_nothing_behind(
    family: str, request_: dict[str, object], told: str
) -> None:
    device = device_of(family)
    assert told in str(device.control(request_, 0)["error"])
    assert device.faults.active() == []


def test_two_contacts_can_be_welded_at_once() -> None:
    device = device_of("relaynode_can")
    for contact in (1, 3, 3):
        device.control({"fault": "welded", "contact": contact}, 0)
    assert device.faults.all("welded") == [{"contact": 1}, {"contact": 3}]


def test_the_writes_are_counted_and_the_last_thousand_kept() -> None:
    device, lines = device_of("goe_modbus"), []
    device.trace = lines.append
    for number in range(WRITES_KEPT + 5):
        device.record_write(number, address=number)
    reply = device.control({"get": "writes"}, 0)
    writes = reply["writes"]
    assert isinstance(writes, list)
    assert (reply["count"], len(writes), writes[0]["t"]) == (WRITES_KEPT + 5, WRITES_KEPT, 5)
    assert len(lines) == WRITES_KEPT + 5


def test_faults_and_settings_are_in_the_trace() -> None:
    device, lines = device_of("pylontech_can"), []
    device.trace = lines.append
    device.control({"fault": "length", "bytes": "0x4"}, 1)
    device.control({"set": "soc", "value": 12}, 2)
    device.control({"clear": True}, 3)
    assert [(line["t"], line["what"]) for line in lines] == [(1, "fault"), (2, "set"), (3, "clear")]
    assert lines[0]["bytes"] == 4


def test_numbers_may_be_written_in_hexadecimal() -> None:
    assert FaultKind("drop", "", {"id": 0}).complete({"id": "0x351"}) == {"id": 0x351}


def test_a_period_keeps_its_grid_and_makes_no_burst() -> None:
    assert after(1000, 100, 1030) == 1100
    assert after(1000, 100, 5000) == 5100
