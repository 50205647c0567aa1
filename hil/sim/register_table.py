"""The rig's own reading of a Modbus table in dbc/, and its own packing of numbers into registers.

Rules: high word first, always; a fault may turn the words round later. Packing is `struct`, never a Modbus library.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

_PACKERS = {"u16": struct.Struct(">H"), "u32": struct.Struct(">I"), "float32": struct.Struct(">f")}


@dataclass(frozen=True, slots=True)
class Register:
    """One value of the device: which table, its 0-based protocol address, and how a number becomes words."""

    name: str
    table: str  # "input" or "holding"
    address: int
    kind: str
    factor: float

    @property
    def form(self) -> struct.Struct:
        """How its raw number is packed."""
        return _PACKERS[self.kind]

    @property
    def words(self) -> int:
        """How many 16-bit registers the value takes."""
        return self.form.size // 2

    def raw(self, value: float) -> float:
        """The number that is packed for a value in the table's unit; integers are clamped to what their width holds."""
        if self.kind == "float32":
            return value
        number, most = round(value / self.factor), (1 << 8 * self.form.size) - 1
        return number if 0 <= number <= most else max(0, min(number, most))

    def pack(self, value: float) -> list[int]:
        """The words of a value in the table's unit."""
        return to_words(self.form.pack(self.raw(value)))


@dataclass(frozen=True, slots=True)
class RegisterTable:
    """All values of a family, and the longest read that its device answers."""

    registers: Mapping[str, Register]
    max_registers: int


def to_words(data: bytes) -> list[int]:
    """Bytes as big-endian 16-bit words."""
    return list(struct.unpack(f">{len(data) // 2}H", data))


def load(file_name: str) -> RegisterTable:
    """The table `dbc/file_name`."""
    document: dict[str, Any] = yaml.safe_load((files("dbc") / file_name).read_text("utf-8"))
    kinds_of_group = {group["name"]: str(group["table"]) for group in document["groups"]}
    registers = {
        name: Register(
            name,
            kinds_of_group[entry["group"]],
            int(entry["address"]),
            str(entry["type"]),
            float(entry.get("factor", 1.0)),
        )
        for name, entry in document["registers"].items()
    }
    return RegisterTable(registers, int(document["max_registers"]))
