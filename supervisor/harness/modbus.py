"""Modbus ADUs without a line: requests as bytes, and what a reply's bytes mean for the request.

Sources: MODBUS Messaging on TCP/IP V1.0b (MBAP), MODBUS over Serial Line V1.02 (RTU, CRC-16).
An answer in another's name, with another transaction or a wrong checksum is none, as for pymodbus (modbus_line.py).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from drivers.contract import Failure, ReadRegisters, RegisterTable, WriteRegisters

WRITE_MULTIPLE, EXCEPTION = 16, 0x80
FUNCTIONS = {table: table.value for table in RegisterTable}  # of a read
READ, MBAP = struct.Struct(">BHH"), struct.Struct(">HHHB")
Ask = ReadRegisters | WriteRegisters


def pdu(ask: Ask) -> bytes:
    """The request."""
    if isinstance(ask, ReadRegisters):
        return READ.pack(FUNCTIONS[ask.table], ask.address, ask.count)
    words = ask.words
    head = struct.pack(">BHHB", WRITE_MULTIPLE, ask.address, len(words), 2 * len(words))
    return head + struct.pack(f">{len(words)}H", *words)


def meaning(ask: Ask, reply: bytes) -> Sequence[int] | Failure:
    """What a reply PDU says: the registers, () for an accepted write, or why there is neither."""
    function = FUNCTIONS[ask.table] if isinstance(ask, ReadRegisters) else WRITE_MULTIPLE
    if not reply or reply[0] & ~EXCEPTION != function:
        return Failure.TIMEOUT
    if reply[0] & EXCEPTION:
        return Failure.EXCEPTION
    if isinstance(ask, WriteRegisters):
        same = reply[1:5] == struct.pack(">HH", ask.address, len(ask.words))
        return () if same else Failure.TIMEOUT
    if len(reply) != 2 + 2 * ask.count or reply[1] != 2 * ask.count:
        return Failure.SHORT
    return struct.unpack_from(f">{ask.count}H", reply, 2)


class Tcp:
    """The framing of one connection."""

    def __init__(self) -> None:
        self._transaction = 0

    def request(self, ask: Ask) -> bytes:
        """The next request."""
        self._transaction = self._transaction % 0xFFFF + 1
        body = pdu(ask)
        return MBAP.pack(self._transaction, 0, len(body) + 1, ask.unit) + body

    def reply(self, ask: Ask, data: bytes) -> bytes | None:
        """The PDU in a reply to the request before; None when it is not the reply to it."""
        if len(data) < 8:
            return None
        transaction, protocol, length, unit = MBAP.unpack_from(data)
        ours = (transaction, protocol, unit) == (self._transaction, 0, ask.unit)
        return data[7:] if ours and length == len(data) - 6 else None


class Rtu:
    """The framing of one serial line."""

    def request(self, ask: Ask) -> bytes:
        """The request."""
        body = bytes([ask.unit]) + pdu(ask)
        return body + crc16(body).to_bytes(2, "little")

    def reply(self, ask: Ask, data: bytes) -> bytes | None:
        """The PDU in a reply; None when it is damaged or another unit's."""
        if len(data) < 4 or data[0] != ask.unit or crc16(data[:-2]) != int.from_bytes(data[-2:], "little"):
            return None
        return data[1:-2]


def _row(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ 0xA001 if byte & 1 else byte >> 1
    return byte


_ROWS = tuple(_row(byte) for byte in range(256))


def crc16(data: bytes) -> int:
    """CRC-16 of Modbus RTU; of b"123456789" it is 0x4B37."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _ROWS[(crc ^ byte) & 0xFF]
    return crc
