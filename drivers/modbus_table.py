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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

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

    @cached_property
    def words(self) -> int:
        return struct.calcsize(f">{self.value}") // 2

    @cached_property
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

    def heard(self, raw: int | float) -> tuple[Heard, ...]:
        """What this number means, in the unit of ``spec``."""
        if raw == self.absent:
            return self._nothing(DefectKind.NOT_AVAILABLE, raw)
        if isinstance(raw, float):
            if not math.isfinite(raw):
                return self._nothing(DefectKind.NAN, raw)
            if 0.0 < abs(raw) < FLOAT_NORMAL_MIN:  # subnormal: a round value in the other word order, not a zero
                return self._nothing(DefectKind.RANGE, raw)
        spec, value = self.spec, round(raw * self.step)
        if spec.codes and value not in spec.codes:
            return self._nothing(DefectKind.ENUM, raw)
        if not spec.lo <= value <= spec.hi:
            return self._nothing(DefectKind.RANGE, raw)
        return (Sample(spec.name, value),)

    def _nothing(self, kind: DefectKind, raw: float) -> tuple[Heard, ...]:
        return Defect(kind, f"{self.spec.name}: {raw}"), Sample(self.spec.name, None, Quality.INVALID)


class Meanings:
    """What the last answer of each group of one device meant: the same words mean the same, and are not decoded anew.

    Most answers of a quiet house are those of before. Who asks has an answer in his hand: nothing is told from memory.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[Sequence[int], tuple[Heard, ...]]] = {}

    def of(
        self, group: str, words: Sequence[int], decode: Callable[[Sequence[int]], tuple[Heard, ...]]
    ) -> tuple[Heard, ...]:
        """What ``decode`` says of these words, which are an answer of that group."""
        last = self._last.get(group)
        if last is None or last[0] != words:
            last = self._last[group] = tuple(words), decode(words)
        return last[1]


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
        if min(words) < 0 or max(words) > 0xFFFF:
            return (Defect(DefectKind.GARBAGE, f"{group.name}: a word that is no 16-bit number"),)
        answer, numbers = self._plans[group.name]
        data = answer.pack(*words)
        heard: list[Heard] = []
        for register, number, at in numbers:
            heard += register.heard(number(data, at)[0])
        return tuple(heard)

    @cached_property
    def places(self) -> Mapping[str, tuple[tuple[Register, int, int], ...]]:
        """The registers of each group, and from where to where their words stand in its answer."""
        places = [(register, register.address - register.group.address) for register in self.registers]
        return {
            group.name: tuple((r, at, at + r.type.words) for r, at in places if r.group is group)
            for group in self.groups
        }

    @cached_property
    def _plans(self) -> Mapping[str, _Plan]:
        """How each group's answer is read. The bytes of words that come low word first are a little-endian number's
        once each word has its low byte first too."""
        order = ">" if self.high_first else "<"
        return {
            group.name: (
                struct.Struct(f"{order}{group.count}H"),
                tuple((r, struct.Struct(order + r.type.value).unpack_from, 2 * at) for r, at, _ in places),
            )
            for group, places in ((group, self.places[group.name]) for group in self.groups)
        }


_Plan = tuple[struct.Struct, tuple[tuple[Register, Callable[[bytes, int], tuple[Any, ...]], int], ...]]
"""The words of a whole answer, and for each of its registers how and from which byte its number is read."""
