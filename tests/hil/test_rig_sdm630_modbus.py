"""The simulated meter, on real bytes: framing and faults without I/O, then TCP and a pseudo-terminal with pymodbus."""

from __future__ import annotations

import asyncio
import math
import os
import struct
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import pytest
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.base import ModbusBaseClient

from hil.sim.modbus import WRITE_MULTIPLE
from hil.sim.modbus_wire import RtuSession, TcpSession, crc16
from hil.sim.sdm630_modbus import EastronMeter, Options
from hil.sim.wires import LineWire, TcpWire, Wire

LIVE, LIVE_WORDS = 0x0000, 54


def meter(**values: float) -> EastronMeter:
    device = EastronMeter("meter", Options(unit=1))
    for name, value in values.items():
        assert device.control({"set": name, "value": value}, 0)["ok"]
    return device


def request(pdu: bytes, unit: int = 1, transaction: int = 7) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


def read(address: int, count: int, code: int = 4) -> bytes:
    return struct.pack(">BHH", code, address, count)


def answer(device: EastronMeter, pdu: bytes, now_ms: int = 0) -> bytes:
    (reply,) = TcpSession(device).feed(request(pdu), now_ms)
    return reply.data[7:]


def number(device: EastronMeter, address: int) -> float:
    return float(struct.unpack(">f", answer(device, read(address, 2))[2:])[0])


def test_a_float_is_big_endian_high_word_first() -> None:
    device = meter(power_l1=-1234.5)
    (reply,) = TcpSession(device).feed(bytes.fromhex("0007 0000 0006 01 04 000c 0002"), 0)
    assert reply.data == bytes.fromhex("0007 0000 0007 01 04 04 c49a 5000")
    assert reply.delay_ms == 0


def test_eighty_registers_are_read_and_eighty_one_are_an_exception() -> None:
    assert len(answer(meter(), read(0, 80))) == 2 + 160
    assert answer(meter(), read(0, 81)) == b"\x84\x03"
    assert answer(meter(), read(0, 0)) == b"\x84\x03"


@pytest.mark.parametrize(
    ("pdu", "reply"),
    [
        (read(0, 2, code=3), b"\x83\x01"),
        (read(0x0187, 2), b"\x84\x02"),
        (bytes.fromhex("06 0000 0001"), b"\x86\x01"),
        (b"\x04\x00", b"\x84\x03"),
    ],
)
def test_what_the_meter_cannot_do_is_an_exception(pdu: bytes, reply: bytes) -> None:
    assert answer(meter(), pdu) == reply


def test_requests_in_pieces_and_several_in_one_piece() -> None:
    session, whole = TcpSession(meter()), request(read(0, 2)) + request(read(2, 2), transaction=8)
    replies = [reply for at in range(len(whole)) for reply in session.feed(whole[at : at + 1], 0)]
    assert [reply.data[:2] for reply in replies] == [b"\x00\x07", b"\x00\x08"]
    assert len(TcpSession(meter()).feed(whole, 0)) == 2


def test_another_unit_is_silence_and_another_protocol_ends_the_session() -> None:
    session = TcpSession(meter())
    assert session.feed(request(read(0, 2), unit=2), 0) == []
    assert session.feed(b"GET / HTTP/1.1\r\n", 0) == []
    assert session.broken


def test_a_write_is_refused_and_recorded() -> None:
    device = meter()
    pdu = bytes([WRITE_MULTIPLE]) + bytes.fromhex("0014 0002 04 3f800000")
    assert answer(device, pdu) == b"\x90\x01"
    (write,) = device.control({"get": "writes"}, 0)["writes"]  # type: ignore[misc]
    assert (write["address"], write["values"], write["accepted"]) == (0x14, [0x3F80, 0], False)


def broken(device: EastronMeter, **fault: object) -> EastronMeter:
    reply = device.control(fault, 0)
    assert reply["ok"], reply
    return device


def test_faults_of_values() -> None:
    assert math.isnan(number(broken(meter(), fault="nan", register="power"), 0x34))
    assert math.isnan(number(broken(meter(), fault="nan"), 0x46))
    assert answer(broken(meter(), fault="not_available", register="power"), read(0x34, 2))[2:] == b"\xff" * 4
    assert number(broken(meter(), fault="value", register="current_l2", value=25.5), 8) == 25.5
    assert answer(broken(meter(), fault="enum", register="power", value="0x7f800000"), read(0x34, 2))[
        2:
    ] == bytes.fromhex("7f800000")
    assert answer(broken(meter(power=1.0), fault="wrong_order"), read(0x34, 2))[2:] == bytes.fromhex("0000 3f80")


def test_a_frozen_meter_shows_the_past_until_it_is_repaired() -> None:
    device = broken(meter(power=100), fault="frozen")
    device.from_plant({"power": 900.0}, 0)
    assert number(device, 0x34) == 100
    device.control({"clear": True}, 0)
    assert number(device, 0x34) == 900


def live(device: EastronMeter, now_ms: int) -> list[float]:
    data = answer(device, read(LIVE, LIVE_WORDS), now_ms)[2:]
    return list(struct.unpack(f">{LIVE_WORDS // 2}f", data))


def test_a_meter_flickers_each_half_second_and_not_in_between() -> None:
    """A driver doubts a meter whose numbers stand still, so a healthy one must not."""
    device = meter(power_l1=690.0, current_l1=3.0)
    seen = [live(device, now_ms) for now_ms in range(0, 60_000, 100)]
    assert all(seen[at] == seen[at - at % 5] for at in range(len(seen)))
    assert all(seen[at] != seen[at + 5] for at in range(0, len(seen) - 5, 5))
    for values in seen:
        assert all(abs(volt - 230.0) <= 0.051 for volt in values[:3])
        assert (values[3], values[6]) == (3.0, 690.0), "its currents and powers are the plant's"


def test_how_it_flickers_depends_on_its_name_and_the_time_and_on_nothing_else() -> None:
    often, seldom = meter(), meter()
    for now_ms in range(0, 30_000, 20):
        live(often, now_ms)
    assert live(often, 30_000) == live(seldom, 30_000)
    assert live(EastronMeter("feed", Options()), 30_000) != live(seldom, 30_000)
    assert live(seldom, 30_000)[:3] == pytest.approx([230.01065, 230.04965, 229.98441], abs=1e-4), "on every machine"


def test_the_fault_of_one_value_stands_still_and_a_frozen_meter_as_a_whole() -> None:
    device = broken(meter(), fault="value", register="voltage_l1", value=231.0)
    assert {live(device, now_ms)[0] for now_ms in range(0, 5_000, 500)} == {231.0}
    assert len({live(device, now_ms)[1] for now_ms in range(0, 5_000, 500)}) > 5
    frozen = broken(meter(), fault="frozen")
    assert len({tuple(live(frozen, now_ms)) for now_ms in range(0, 60_000, 500)}) == 1
    frozen.control({"clear": True}, 0)
    assert len({tuple(live(frozen, now_ms)) for now_ms in range(0, 60_000, 500)}) == 120


def test_a_dead_wire_picks_up_some_millivolts_and_no_negative_ones() -> None:
    device = meter(voltage_l1=0.0, voltage_l2=0.0, voltage_l3=0.0)
    seen = [live(device, now_ms)[:3] for now_ms in range(0, 60_000, 500)]
    assert all(0.0 <= volt <= 0.051 for volts in seen for volt in volts)
    assert all(one != other for one, other in pairwise(seen))


def test_faults_of_replies() -> None:
    assert answer(broken(meter(), fault="exception", code=6), read(0, 2)) == b"\x84\x06"
    assert len(answer(broken(meter(), fault="short_reply", missing=2), read(0, 10))) == 2 + 16
    assert TcpSession(broken(meter(), fault="silent")).feed(request(read(0, 2)), 0) == []
    assert TcpSession(broken(meter(), fault="late", ms=450)).feed(request(read(0, 2)), 0)[0].delay_ms == 450
    assert TcpSession(broken(meter(), fault="wrong_tid")).feed(request(read(0, 2)), 0)[0].data[:2] == b"\x00\x08"
    assert TcpSession(broken(meter(), fault="wrong_unit")).feed(request(read(0, 2)), 0)[0].data[6] == 2


def rtu(body: bytes) -> bytes:
    return body + crc16(body).to_bytes(2, "little")


def test_rtu_carries_the_same_answer_with_a_checksum() -> None:
    assert crc16(b"123456789") == 0x4B37
    (reply,) = RtuSession(meter(power_l1=-1234.5)).feed(rtu(bytes.fromhex("01 04 000c 0002")), 0)
    assert reply.data == rtu(bytes.fromhex("01 04 04 c49a 5000"))
    (reply,) = RtuSession(broken(meter(), fault="wrong_crc")).feed(rtu(bytes.fromhex("01 04 0000 0002")), 0)
    assert crc16(reply.data[:-2]) != int.from_bytes(reply.data[-2:], "little")


def test_rtu_drops_noise_and_half_requests_and_other_units() -> None:
    session, good = RtuSession(meter()), rtu(bytes.fromhex("01 04 0000 0002"))
    assert session.feed(rtu(bytes.fromhex("02 04 0000 0002")), 0) == []
    assert session.feed(good[:-1] + b"\x00", 1) == []
    assert session.feed(good[:5], 2) == []
    assert len(session.feed(good, 60)) == 1, "after a quiet line the half request is forgotten"
    assert len(session.feed(good[:3], 70) + session.feed(good[3:], 75)) == 1


Check = Callable[[ModbusBaseClient], Awaitable[None]]


async def with_client(wire: Wire, make_client: Callable[[], ModbusBaseClient], check: Check) -> None:
    await wire.open()
    client = make_client()
    try:
        assert await client.connect()
        await check(client)
    finally:
        client.close()
        wire.close()


def over_tcp(device: EastronMeter, check: Check) -> None:
    async def scenario() -> None:
        wire = TcpWire(device, "127.0.0.1", 0)
        await with_client(wire, lambda: AsyncModbusTcpClient("127.0.0.1", port=wire.port, timeout=2, retries=0), check)

    asyncio.run(scenario())


def over_a_line(device: EastronMeter, run_dir: Path, check: Check) -> None:
    async def scenario() -> None:
        link = str(run_dir / "meter.tty")
        await with_client(
            LineWire(device, link), lambda: AsyncModbusSerialClient(link, baudrate=9600, timeout=2, retries=0), check
        )
        assert not os.path.lexists(link)

    asyncio.run(scenario())


async def reads_what_was_set(client: ModbusBaseClient) -> None:
    result = await client.read_input_registers(LIVE, count=LIVE_WORDS, device_id=1)
    values = client.convert_from_registers(result.registers, client.DATATYPE.FLOAT32)
    assert values[0] == pytest.approx(231.5, abs=0.06), "within its flicker"
    assert values[6] == -1500.0
    assert values[0x34 // 2] == -1500.0
    refused = await client.read_input_registers(0, count=81, device_id=1)
    assert refused.isError()


def test_pymodbus_reads_it_over_tcp() -> None:
    over_tcp(meter(voltage_l1=231.5, power_l1=-1500, power=-1500), reads_what_was_set)


def test_pymodbus_reads_it_over_a_pseudo_terminal(run_dir: Path) -> None:
    over_a_line(meter(voltage_l1=231.5, power_l1=-1500, power=-1500), run_dir, reads_what_was_set)
