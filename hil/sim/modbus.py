"""A device with Modbus registers, made to be broken: request PDUs in, reply PDUs out.

Source: MODBUS Application Protocol V1.1b3 (function codes, exceptions).
Rules: a device subclass says with `lay_out` what stands in which register, and judges writes; this file does codes,
lengths, and the faults of values. Framing, and the faults of framing, are in modbus_wire.
A healthy device answers a read that it has answered before from what was prepared then (register_block).
It must never use a Modbus library: the product's driver and this server shall agree because both read the standard.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import ClassVar

from hil.sim.device import ControlError, Device, FaultKind, Value
from hil.sim.register_block import Block, Cell, Image, place
from hil.sim.register_table import Register, RegisterTable

READ_HOLDING, READ_INPUT, WRITE_COIL, WRITE_SINGLE, WRITE_MULTIPLE = 3, 4, 5, 6, 16
WRITE_CODES = (WRITE_COIL, WRITE_SINGLE, 15, WRITE_MULTIPLE, 22, 23)
PDU_REGISTERS_MAX = 125
PREPARED_MAX = 100  # reads; who asks for more than that is no driver, and gets each answer anew


class Refusal(IntEnum):
    """Exception codes of the standard."""

    ILLEGAL_FUNCTION = 1
    ILLEGAL_ADDRESS = 2
    ILLEGAL_VALUE = 3
    DEVICE_FAILURE = 4


class RefusedError(Exception):
    """The device answers with this exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code}")
        self.code = code


MODBUS_FAULTS = (
    FaultKind("silent", "answers nothing"),
    FaultKind("frozen", "answers with the values of the moment when it froze"),
    FaultKind("late", "answers so many milliseconds late", {"ms": 500}),
    FaultKind("exception", "answers every request with this exception code", {"code": 4}),
    FaultKind("short_reply", "answers a read with so many registers too few", {"missing": 1}),
    FaultKind("nan", "one float register (or all of them) is not a number", {"register": ""}),
    FaultKind("value", "one register shows this value, in its unit", {"register": "", "value": 0.0}),
    FaultKind("enum", "one register carries this raw value, sense or not", {"register": "", "value": 99}),
    FaultKind("not_available", "one register (or all of them) is all ones", {"register": ""}),
    FaultKind("wrong_order", "32-bit values come low word first"),
    FaultKind("wrong_tid", "answers with another transaction identifier (TCP)"),
    FaultKind("wrong_unit", "answers in the name of another unit"),
    FaultKind("wrong_crc", "answers with a wrong checksum (RTU)"),
)


class ModbusDevice(Device):
    """A device with registers. Subclasses name their table and say what the words are and what may be written."""

    fault_kinds: ClassVar[tuple[FaultKind, ...]] = MODBUS_FAULTS
    table: RegisterTable
    codes: tuple[int, ...] = (READ_HOLDING, READ_INPUT)
    prepares = True  # its answers; False where it depends on a value how that value is packed

    def __init__(self, name: str, unit: int) -> None:
        super().__init__(name)
        self.unit = unit
        self._frozen: Image | None = None
        self.lay_out({}, ())

    def lay_out(self, still: Image, cells: Iterable[Cell]) -> None:
        """What stands in the registers: the words that do not change, and above them what does. Other addresses do not
        exist."""
        self._still, self._cells = still, tuple(cells)
        self._prepared: dict[bytes, Block] = {}  # by the request PDU

    def image(self, now_ms: int) -> Image:
        """The words as the healthy device has them; an address that is absent does not exist."""
        image = dict(self._still)
        for cell in self._cells:
            place(image, cell.register, cell.words(now_ms))
        return image

    def write(self, address: int, words: Sequence[int], now_ms: int) -> None:  # noqa: ARG002
        """Take a write of holding registers, or raise RefusedError."""
        raise RefusedError(Refusal.ILLEGAL_ADDRESS)

    def reachable(self) -> bool:
        """Whether the device has power to answer with."""
        return True

    def advance(self, now_ms: int) -> None:
        """Let physics come up to now; called before every request and every exchange with the plant."""

    def answer(self, pdu: bytes, now_ms: int) -> bytes | None:
        """The reply PDU for a request PDU to our unit; None when the device stays silent."""
        self.advance(now_ms)
        block = self._prepared.get(pdu)
        if block is not None and not self.faults.any() and self.reachable():
            return block.reply(now_ms)
        if not pdu or not self.reachable() or self.faults.has("silent"):
            self._record_if_write(pdu, now_ms, accepted=False, why="silent")
            return None
        try:
            if (forced := self.faults.get("exception")) is not None:
                raise RefusedError(int(forced["code"]))
            reply = self._do_pdu(pdu, now_ms)
        except RefusedError as refused:
            self._record_if_write(pdu, now_ms, accepted=False, why=str(refused))
            return bytes([pdu[0] | 0x80, refused.code & 0xFF])
        self._record_if_write(pdu, now_ms, accepted=True, why="")
        return reply

    def _record_if_write(self, pdu: bytes, now_ms: int, *, accepted: bool, why: str) -> None:
        if pdu and pdu[0] in WRITE_CODES:
            address = int.from_bytes(pdu[1:3], "big")
            data = pdu[6:] if pdu[0] in (15, WRITE_MULTIPLE) else pdu[3:]
            values = [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]
            self.record_write(
                now_ms, function=pdu[0], address=address, values=values, raw=pdu.hex(), accepted=accepted, why=why
            )

    def _do_pdu(self, pdu: bytes, now_ms: int) -> bytes:
        if pdu[0] not in self.codes:
            raise RefusedError(Refusal.ILLEGAL_FUNCTION)
        if len(pdu) < 5:
            raise RefusedError(Refusal.ILLEGAL_VALUE)
        address, count = struct.unpack(">HH", pdu[1:5])
        if pdu[0] != WRITE_MULTIPLE:
            table = "holding" if pdu[0] == READ_HOLDING else "input"
            reply = self._read(table, pdu[0], address, count, now_ms)
            if self.prepares and not self.faults.any() and len(self._prepared) < PREPARED_MAX:
                self._prepared[pdu] = Block(pdu[0], table, address, count, self._still, self._cells)
            return reply
        data = pdu[6:]
        if not 1 <= count <= 123 or len(data) != 2 * count or pdu[5] != 2 * count:
            raise RefusedError(Refusal.ILLEGAL_VALUE)
        self.write(address, struct.unpack(f">{count}H", data), now_ms)
        return pdu[:5]

    def _read(self, table: str, code: int, address: int, count: int, now_ms: int) -> bytes:
        if not 1 <= count <= min(PDU_REGISTERS_MAX, self.table.max_registers):
            raise RefusedError(Refusal.ILLEGAL_VALUE)
        image = self._broken_image(now_ms) if self.faults.any() else self.image(now_ms)
        try:
            words = [image[table, at] for at in range(address, address + count)]
        except KeyError:
            raise RefusedError(Refusal.ILLEGAL_ADDRESS) from None
        if (short := self.faults.get("short_reply")) is not None:
            words = words[: max(0, count - int(short["missing"]))]
        return struct.pack(f">BB{len(words)}H", code, 2 * len(words), *words)

    # -- faults of values --

    def on_fault(self, name: str, params: dict[str, Value], now_ms: int) -> None:
        register = params.get("register", "")
        if (register or name in ("enum", "value")) and register not in self.table.registers:
            raise ControlError(
                f"fault {name}: no register {register!r}; the table has {', '.join(self.table.registers)}"
            )
        if name == "frozen":
            self.advance(now_ms)
            self._frozen = self.image(now_ms)

    def _broken_image(self, now_ms: int) -> Image:
        frozen = self._frozen if self.faults.has("frozen") else None
        image = dict(frozen or self.image(now_ms))
        for params in self.faults.all("value"):
            register = self.table.registers[str(params["register"])]
            place(image, register, register.pack(float(params["value"])))
        for params in self.faults.all("enum"):
            register = self.table.registers[str(params["register"])]
            place(image, register, list(_raw_words(int(params["value"]), register.words)))
        for register in self._hit("nan"):
            if register.kind == "float32":
                place(image, register, register.pack(float("nan")))
        for register in self._hit("not_available"):
            place(image, register, [0xFFFF] * register.words)
        if self.faults.has("wrong_order"):
            for register in self.table.registers.values():
                place(
                    image,
                    register,
                    [image[register.table, register.address + at] for at in reversed(range(register.words))],
                )
        return image

    def _hit(self, fault: str) -> list[Register]:
        names = {str(params["register"]) for params in self.faults.all(fault)}
        return [register for register in self.table.registers.values() if register.name in names or "" in names]


def _raw_words(value: int, words: int) -> Sequence[int]:
    masked = value & ((1 << 16 * words) - 1)
    return struct.unpack(f">{words}H", masked.to_bytes(2 * words, "big"))
