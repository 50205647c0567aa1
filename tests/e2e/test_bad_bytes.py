"""Bytes that are not what they should be, made by the rig's devices on the real wires.

For each: never a good reading of what was damaged, counted by its kind in the metrics, no exception in any process,
and well again when the fault ends.
"""

from __future__ import annotations

from typing import Any

import pytest
from running_house import RunningHouse

GOOD = 0
CASES = [
    ("relays", {"fault": "wrong_crc"}, "relays.contact_1", "crc"),
    ("relays", {"fault": "stuck_counter"}, "relays.contact_1", "counter"),
    ("relays", {"fault": "length", "bytes": 7}, "relays.contact_1", "length"),
    ("relays", {"fault": "enum", "signal": "DropReason", "value": 7}, "relays.drop_reason", "enum"),
    ("relays", {"fault": "not_available", "signal": "CoilSupply"}, "relays.coil_supply", "not_available"),
    ("battery", {"fault": "length", "bytes": 7, "id": 0x355}, "battery.soc", "length"),
    ("battery", {"fault": "not_available", "signal": "PackVoltage"}, "battery.voltage", "not_available"),
    ("battery", {"fault": "unknown_id"}, "battery.soc", "unknown_id"),
    ("meter", {"fault": "nan", "register": "power"}, "meter.power", "nan"),
    ("meter", {"fault": "short_reply"}, "meter.power", "short_reply"),
    ("meter", {"fault": "exception"}, "meter.power", "device_exception"),
    ("meter", {"fault": "silent"}, "meter.power", "timeout"),
    ("meter", {"fault": "value", "register": "voltage_l1", "value": 9999}, "meter.voltage_l1", "range"),
    ("wallbox", {"fault": "enum", "register": "car_state", "value": 99}, "wallbox.car_state", "enum"),
]


def quality(describe: Any, snapshot: Any, signal: str) -> int:
    position = [info.id for info in describe.signals].index(signal)
    return int(snapshot.readings[position].quality)


def counted(house: RunningHouse, kind: str) -> float:
    return sum(value for name, value in house.metrics().items() if "defects" in name and f'kind="{kind}"' in name)


@pytest.mark.parametrize(("device", "fault", "signal", "kind"), CASES, ids=[f"{c[0]}-{c[3]}" for c in CASES])
def test_damaged_bytes_are_never_a_good_reading_and_are_counted(
    house: RunningHouse, device: str, fault: dict[str, Any], signal: str, kind: str
) -> None:
    house.until_seen(lambda d, s: quality(d, s, signal) == GOOD, f"{signal} is good before")
    before = counted(house, kind)
    house.fault(device, **fault)
    try:
        house.until_seen(lambda d, s: quality(d, s, signal) != GOOD, f"{signal} is not good any more", 15)
        house.until(lambda: counted(house, kind) > before, f"{kind} is counted")
    finally:
        house.fault(device, clear=True)
    house.until_seen(lambda d, s: quality(d, s, signal) == GOOD, f"{signal} is good again", 15)
    house.until_mode("normal")
    log = house.log("product")
    assert "Traceback" not in log
    assert "driver_error" not in log
