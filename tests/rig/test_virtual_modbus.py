"""The harness's Modbus bytes: those of pymodbus for the same request, and of a reply nothing is believed that pymodbus
would not believe."""

from __future__ import annotations

import struct

import pytest
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
)

from drivers.contract import Failure, ReadRegisters, RegisterTable, WriteRegisters
from supervisor.harness.modbus import Rtu, Tcp, crc16, meaning

HOLDING = ReadRegisters(7, RegisterTable.HOLDING, 40_000, 3)
INPUT = ReadRegisters(1, RegisterTable.INPUT, 52, 2)
WRITE = WriteRegisters(9, 299, (10, 65_535))
ASKS = (HOLDING, INPUT, WRITE)
BODIES = (
    ReadHoldingRegistersRequest(address=40_000, count=3, dev_id=7),
    ReadInputRegistersRequest(address=52, count=2, dev_id=1),
    WriteMultipleRegistersRequest(address=299, registers=[10, 65_535], dev_id=9),
)


@pytest.mark.parametrize(("ask", "body"), list(zip(ASKS, BODIES, strict=True)))
def test_requests_are_the_bytes_of_pymodbus(ask: ReadRegisters | WriteRegisters, body: object) -> None:
    decoder = DecodePDU(is_server=False)
    body.transaction_id = 1  # type: ignore[attr-defined]
    assert Tcp().request(ask) == FramerSocket(decoder).buildFrame(body)  # type: ignore[arg-type]
    assert Rtu().request(ask) == FramerRTU(decoder).buildFrame(body)  # type: ignore[arg-type]


def test_the_checksum_is_that_of_the_standard() -> None:
    assert crc16(b"123456789") == 0x4B37


def reply(transaction: int, unit: int, body: bytes, protocol: int = 0) -> bytes:
    return struct.pack(">HHHB", transaction, protocol, len(body) + 1, unit) + body


def test_a_reply_of_another_transaction_unit_or_protocol_is_none() -> None:
    line, body = Tcp(), bytes([3, 6, 0, 1, 0, 2, 0, 3])
    line.request(HOLDING)
    assert line.reply(HOLDING, reply(1, 7, body)) == body
    for wrong in (reply(2, 7, body), reply(1, 8, body), reply(1, 7, body, 1), reply(1, 7, body)[:-1], b"", b"\x00" * 7):
        assert line.reply(HOLDING, wrong) is None


def test_a_damaged_or_foreign_answer_on_a_serial_line_is_none() -> None:
    body = bytes([7, 3, 6, 0, 1, 0, 2, 0, 3])
    whole = body + crc16(body).to_bytes(2, "little")
    assert Rtu().reply(HOLDING, whole) == body[1:]
    other = bytes([8]) + body[1:]
    for wrong in (whole[:-1] + b"\x00", other + crc16(other).to_bytes(2, "little"), whole[:3], b""):
        assert Rtu().reply(HOLDING, wrong) is None


def test_what_a_reply_means() -> None:
    assert meaning(HOLDING, bytes([3, 6, 0, 1, 0, 2, 255, 255])) == (1, 2, 65_535)
    assert meaning(HOLDING, bytes([3, 4, 0, 1, 0, 2])) is Failure.SHORT
    assert meaning(HOLDING, bytes([0x83, 2])) is Failure.EXCEPTION
    assert meaning(HOLDING, bytes([4, 6, 0, 1, 0, 2, 0, 3])) is Failure.TIMEOUT, "another function"
    assert meaning(HOLDING, b"") is Failure.TIMEOUT
    assert meaning(WRITE, struct.pack(">BHH", 16, 299, 2)) == ()
    assert meaning(WRITE, struct.pack(">BHH", 16, 300, 2)) is Failure.TIMEOUT, "another address"
