"""The two framings of Modbus, without I/O: bytes in, replies with their delay out.

Sources: MODBUS Messaging on TCP/IP V1.0b (MBAP), MODBUS over Serial Line V1.02 (RTU, CRC-16).
Rules: a request to another unit gets no answer, as on a shared line. The faults of framing are made here: late,
wrong transaction, wrong unit, wrong checksum.
It must never judge a request: that is the device's business (modbus).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from hil.sim.modbus import WRITE_MULTIPLE, ModbusDevice

MBAP = struct.Struct(">HHH")  # transaction, protocol and length; what follows counts into the length
MBAP_BYTES = MBAP.size
RTU_GAP_MS = 50  # a request that stops in the middle for so long is forgotten


class Reply(NamedTuple):
    """Bytes that go out so many milliseconds after the request."""

    delay_ms: int
    data: bytes


def _shifted(crc: int) -> int:
    """What eight shifts make of the low byte."""
    for _ in range(8):
        crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


SHIFTED = tuple(map(_shifted, range(256)))


def crc16(data: bytes) -> int:
    """CRC-16 of Modbus RTU: polynomial 0xA001 reflected, start 0xFFFF, low byte first; of b"123456789" it is 0x4B37."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ SHIFTED[(crc ^ byte) & 0xFF]
    return crc


class TcpSession:
    """One TCP connection: bytes in, replies out. A header that is no Modbus ends the session (`broken`)."""

    def __init__(self, device: ModbusDevice) -> None:
        self._device, self._buffer = device, b""
        self.broken = False

    def feed(self, data: bytes, now_ms: int) -> list[Reply]:
        """Bytes as they came; several requests may be in one piece, or one in several pieces."""
        self._buffer += data
        replies: list[Reply] = []
        while len(self._buffer) > MBAP_BYTES and not self.broken:
            transaction, protocol, length = MBAP.unpack_from(self._buffer)
            if protocol != 0 or not 2 <= length <= 254:
                self.broken = True
            elif len(self._buffer) < MBAP_BYTES + length:
                break
            else:
                adu = self._buffer[MBAP_BYTES : MBAP_BYTES + length]
                self._buffer = self._buffer[MBAP_BYTES + length :]
                replies += self._reply(transaction, adu[0], adu[1:], now_ms)
        return replies

    def _reply(self, transaction: int, unit: int, pdu: bytes, now_ms: int) -> list[Reply]:
        faults = self._device.faults
        answer = self._device.answer(pdu, now_ms) if unit == self._device.unit else None
        if answer is None:
            return []
        if faults.any():
            transaction = (transaction + (faults.has("wrong_tid"))) & 0xFFFF
            unit = (unit + (faults.has("wrong_unit"))) & 0xFF
        head = MBAP.pack(transaction, 0, len(answer) + 1) + bytes((unit,))
        return [Reply(_delay_ms(self._device), head + answer)]


class RtuSession:
    """One serial line. Requests are told apart by their length and CRC; noise is dropped until the line is quiet."""

    def __init__(self, device: ModbusDevice) -> None:
        self._device, self._buffer, self._last_ms = device, b"", 0

    def feed(self, data: bytes, now_ms: int) -> list[Reply]:
        """Bytes as they came."""
        if now_ms - self._last_ms > RTU_GAP_MS:
            self._buffer = b""
        self._last_ms = now_ms
        self._buffer += data
        replies: list[Reply] = []
        while (length := _rtu_request_bytes(self._buffer)) and len(self._buffer) >= length:
            request, self._buffer = self._buffer[:length], self._buffer[length:]
            if crc16(request[:-2]) != int.from_bytes(request[-2:], "little"):
                self._buffer = b""
            elif request[0] == self._device.unit:
                replies += self._reply(request[1:-2], now_ms)
        return replies

    def _reply(self, pdu: bytes, now_ms: int) -> list[Reply]:
        faults = self._device.faults
        if (answer := self._device.answer(pdu, now_ms)) is None:
            return []
        unit = (self._device.unit + (faults.has("wrong_unit"))) & 0xFF
        body = bytes([unit]) + answer
        crc = crc16(body) ^ (0x5555 if faults.has("wrong_crc") else 0)
        return [Reply(_delay_ms(self._device), body + crc.to_bytes(2, "little"))]


def _rtu_request_bytes(buffer: bytes) -> int:
    """The length of the request that begins in `buffer`; 0 when it cannot be told yet."""
    if len(buffer) < 2:
        return 0
    if buffer[1] in (15, WRITE_MULTIPLE):
        return 9 + buffer[6] if len(buffer) > 6 else 0
    return 8


def _delay_ms(device: ModbusDevice) -> int:
    late = device.faults.get("late") if device.faults.any() else None
    return 0 if late is None else int(late["ms"])
