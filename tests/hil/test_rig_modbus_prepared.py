"""A read that was asked before is answered with the same bytes as one that was not, whatever has happened meanwhile.

The plain definition is the image of the whole device, word for word; a device answers from what it has prepared.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.sim import goe_modbus, sdm630_modbus, sunspec_modbus
from hil.sim.modbus import PREPARED_MAX, ModbusDevice
from hil.sim.modbus_wire import crc16

HALF_SECOND_MS = 500
VOLT, WATT, SUN = st.floats(200, 260) | st.floats(0, 300), st.floats(-20_000, 20_000), st.floats(0, 9000)


def meter() -> ModbusDevice:
    return sdm630_modbus.make("meter", sdm630_modbus.Options(), 0)


def wallbox(**options: object) -> ModbusDevice:
    return goe_modbus.make("box", msgspec.convert(options, goe_modbus.Options), 0)


def inverter(**options: object) -> ModbusDevice:
    return sunspec_modbus.make("pv", msgspec.convert({"pv_w": 8000.0} | options, sunspec_modbus.Options), 0)


DEVICES: dict[str, tuple[Callable[[], ModbusDevice], int, tuple[int, int]]] = {  # made so, read so, in this range
    "meter": (meter, 4, (0, 0x188)),
    "wallbox_input": (wallbox, 4, (100, 340)),
    "wallbox_holding": (wallbox, 3, (200, 340)),
    "wallbox_without_car": (lambda: wallbox(car="none"), 4, (100, 340)),
    "inverter": (inverter, 3, (40_000, 40_148)),
    "inverter_of_one_phase": (lambda: inverter(phases=1), 3, (40_000, 40_148)),
    "inverter_that_scales": (lambda: inverter(pv_w=None, dynamic_scale=True), 3, (40_000, 40_148)),
}


def asked(code: int, address: int, count: int) -> bytes:
    return struct.pack(">BHH", code, address, count)


def shown(device: ModbusDevice, code: int, address: int, count: int, now_ms: int) -> bytes:
    """What the image says that the answer is."""
    device.advance(now_ms)
    image = device.image(now_ms)
    words = [image["holding" if code == 3 else "input", at] for at in range(address, address + count)]
    return struct.pack(f">BB{count}H", code, 2 * count, *words)


@pytest.mark.parametrize("name", DEVICES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_block_is_answered_as_the_whole_image_says_it_also_the_second_time(name: str, data: st.DataObject) -> None:
    make, code, (lowest, end) = DEVICES[name]
    device, twin, now_ms = make(), make(), 60_000  # the twin is never asked; it lives the same life
    address = data.draw(st.integers(lowest, end - 1))
    count = data.draw(st.integers(1, min(end - address, device.table.max_registers)))
    for _ in range(3):
        volts = [data.draw(VOLT) for _ in range(3)]
        view = {"voltage_v": volts, "voltage_l1": volts[0], "power_l2": data.draw(WATT), "pv_w": data.draw(SUN)}
        for one in (device, twin):
            one.from_plant(view, now_ms)
        for _ in range(2):
            now_ms += HALF_SECOND_MS
            reply = device.answer(asked(code, address, count), now_ms)
            assert reply == shown(twin, code, address, count, now_ms)


def test_a_scale_factor_that_has_followed_its_value_is_told_with_it() -> None:
    device, power_and_factor = inverter(pv_w=None, dynamic_scale=True), asked(3, 40_084, 2)
    for sun_w, words in ((3000.0, (30_000, 0xFFFF)), (9000.0, (9000, 0)), (900.0, (9000, 0xFFFF))):
        now_ms = round(100_000 + 1000 * sun_w)
        device.from_plant({"pv_w": sun_w}, now_ms)
        later_ms = now_ms + 50_000
        for _ in range(2):
            assert device.answer(power_and_factor, later_ms) == struct.pack(">BBHH", 3, 4, *words)


def test_a_fault_is_seen_in_a_read_that_was_answered_before_and_its_end_too() -> None:
    device, live = meter(), asked(4, 0, 54)
    healthy = [device.answer(live, 0) for _ in range(2)]
    assert healthy[0] == healthy[1]
    for fault in ({"fault": "value", "register": "power", "value": 7.0}, {"fault": "nan"}, {"fault": "wrong_order"}):
        assert device.control(fault, 0)["ok"]
        assert device.answer(live, 0) not in (None, healthy[0])
        assert device.control({"clear": True}, 0)["ok"]
        assert device.answer(live, 0) == healthy[0]
    assert device.control({"fault": "silent"}, 0)["ok"]
    assert device.answer(live, 0) is None


def test_a_wallbox_without_supply_does_not_answer_what_it_has_answered_before() -> None:
    device, state = wallbox(), asked(4, 100, 22)
    assert device.answer(state, 0) == device.answer(state, 0)
    device.from_plant({"supplied": False}, 100)
    assert device.answer(state, 200) is None


def test_a_read_that_was_refused_stays_refused() -> None:
    device = meter()
    for pdu, code in ((asked(4, 0x187, 2), 2), (asked(4, 0, 81), 3), (asked(3, 0, 2), 1)):
        function = pdu[0] | 0x80
        assert [device.answer(pdu, 0) for _ in range(2)] == [bytes((function, code))] * 2


def test_who_asks_everything_is_answered_and_nothing_grows() -> None:
    device = meter()
    for address in range(2 * PREPARED_MAX):
        assert device.answer(asked(4, address, 2), 0) == shown(device, 4, address, 2, 0)
    assert len(device._prepared) <= PREPARED_MAX


@given(data=st.binary(max_size=60))
def test_the_rigs_checksum_is_the_polynomial_of_the_standard(data: bytes) -> None:
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    assert crc16(data) == crc
