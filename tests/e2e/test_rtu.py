"""The same meter family on a serial line: Modbus RTU over a pseudo-terminal, with a late answer in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from running_house import RunningHouse

SITE = Path(__file__).parent / "sites" / "rtu"


@pytest.fixture(scope="module")
def serial_house() -> Iterator[RunningHouse]:
    house = RunningHouse(house="small", example=SITE)
    try:
        house.until(house.healthy, "the gateway answers")
        yield house
    finally:
        house.close()


def test_the_meter_is_read_over_the_serial_line(serial_house: RunningHouse) -> None:
    serial_house.until_mode("normal")
    readings = serial_house.http("GET", "/v1/state")[1]["readings"]
    assert readings["meter.voltage_l1"]["quality"] == "good"
    assert 200 < readings["meter.voltage_l1"]["value"] < 260
    assert 200 < readings["meter.power_l1"]["value"] < 400


@pytest.mark.parametrize("fault", [{"fault": "wrong_crc"}, {"fault": "late", "ms": 500}, {"fault": "silent"}])
def test_a_bad_line_is_never_believed_and_is_found_again(serial_house: RunningHouse, fault: dict[str, object]) -> None:
    serial_house.until_mode("normal")
    serial_house.fault("meter", **fault)
    try:
        serial_house.until_mode("degraded")
    finally:
        serial_house.fault("meter", clear=True)
    serial_house.until_mode("normal")
    readings = serial_house.http("GET", "/v1/state")[1]["readings"]
    assert 49 < readings["meter.frequency"]["value"] < 51, "an answer must not be taken for that of another request"
