"""A Modbus device as a table: what its registers mean, and how they become readings.

Rules
* Integer registers convert exactly. A float32 times a whole scale up to 2**29 is exact in a double, so the one
  rounding of a float is the last step, to the nearest kernel unit (ties to even): at most half a mV, mA or mW.
* What is no measurement becomes a Sample without a value and of quality INVALID, together with the Defect that says
  why: NaN or infinite, outside ``range``, the register's own "not available" code, a code without a name.

This file must never read a file (see modbus_load.py), send anything or know what time it is (see modbus_poll.py).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from drivers.contract import Defect, DefectKind, Heard, RegisterTable, Sample, SignalSpec, WriteCost
from supervisor.kernel.signal import Quality

FLOAT_NORMAL_MIN = 2.0**-126
"""The smallest float32 with full precision (IEEE 754)."""


class RegisterType(Enum):
    """How words are read: the letter of ``struct``. Two-word types follow the table's word order."""

    U16 = "H"
    I16 = "h"
    U32 = "I"
    I32 = "i"
    FLOAT32 = "f"

    @property
    def words(self) -> int:
        return struct.calcsize(f">{self.value}") // 2

    @property
    def whole_range(self) -> tuple[int, int]:
        """All that an integer of this type can hold."""
        bits = 16 * self.words
        return (-(1 << bits - 1), (1 << bits - 1) - 1) if self.value.islower() else (0, (1 << bits) - 1)


@dataclass(frozen=True)
class Group:
    """Registers that are read with one request. ``max_age_ms``: the oldest of its values that still counts."""

    name: str
    table: RegisterTable
    address: int
    count: int
    period_ms: int
    max_age_ms: int


@dataclass(frozen=True)
class Register:
    """One value of the device. ``step``: kernel units per count. ``absent``: the raw value for "not available".

    ``flickers``: a live device never shows the same bits here for long (see modbus_still.py).
    """

    spec: SignalSpec
    group: Group
    address: int
    type: RegisterType
    step: int
    absent: int | None
    flickers: bool = False

    def heard(self, words: Sequence[int], high_first: bool) -> tuple[Heard, ...]:
        """What these words mean, in the unit of ``spec``."""
        raw = _number(self.type, words, high_first)
        if raw == self.absent:
            return self._nothing(DefectKind.NOT_AVAILABLE, raw)
        if isinstance(raw, float) and not math.isfinite(raw):
            return self._nothing(DefectKind.NAN, raw)
        if isinstance(raw, float) and 0.0 < abs(raw) < FLOAT_NORMAL_MIN:
            return self._nothing(DefectKind.RANGE, raw)  # subnormal: a round value in the other word order, not a zero
        value = round(raw * self.step)
        if self.spec.codes and value not in self.spec.codes:
            return self._nothing(DefectKind.ENUM, raw)
        if not self.spec.lo <= value <= self.spec.hi:
            return self._nothing(DefectKind.RANGE, raw)
        return (Sample(self.spec.name, value),)

    def _nothing(self, kind: DefectKind, raw: float) -> tuple[Heard, ...]:
        return Defect(kind, f"{self.spec.name}: {raw}"), Sample(self.spec.name, None, Quality.INVALID)


@dataclass(frozen=True)
class WritePlace:
    """A holding register that may be written, with raw values from ``lo`` to ``hi``."""

    name: str
    address: int
    cost: WriteCost
    lo: int
    hi: int


@dataclass(frozen=True)
class ModbusTable:
    """A whole device. ``request_gap_ms``: rest between an answer and the next request."""

    title: str
    high_first: bool
    default_unit: int
    request_gap_ms: int
    timeout_ms: int
    groups: tuple[Group, ...]
    registers: tuple[Register, ...]
    writes: Mapping[str, WritePlace]

    def signals(self) -> tuple[SignalSpec, ...]:
        return tuple(register.spec for register in self.registers)

    def group(self, name: str) -> Group:
        """The group of that name. Raises KeyError."""
        return {group.name: group for group in self.groups}[name]

    def decode(self, group: Group, words: Sequence[int]) -> tuple[Heard, ...]:
        """All registers of a group, from an answer that must have its whole length."""
        if len(words) != group.count:
            return (Defect(DefectKind.SHORT_REPLY, f"{group.name}: {len(words)} of {group.count} registers"),)
        if not all(0 <= word <= 0xFFFF for word in words):
            return (Defect(DefectKind.GARBAGE, f"{group.name}: a word that is no 16-bit number"),)
        heard: list[Heard] = []
        for register, start, end in self.places[group.name]:
            heard += register.heard(words[start:end], self.high_first)
        return tuple(heard)

    @cached_property
    def places(self) -> Mapping[str, tuple[tuple[Register, int, int], ...]]:
        """The registers of each group, and from where to where their words stand in its answer."""
        places = [(register, register.address - register.group.address) for register in self.registers]
        return {
            group.name: tuple((r, at, at + r.type.words) for r, at in places if r.group is group)
            for group in self.groups
        }


def _number(kind: RegisterType, words: Sequence[int], high_first: bool) -> int | float:
    if kind is RegisterType.U16:
        return words[0]
    ordered = words if high_first else words[::-1]
    number: int | float = struct.unpack(f">{kind.value}", struct.pack(f">{len(ordered)}H", *ordered))[0]
    return number
