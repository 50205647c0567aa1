"""The numbers of a SunSpec device: registers whose factor stands in a register of its own.

Source: dbc/sunspec_modbus.yaml. A value that does not fit is shown as the nearest one that does, never as "not
implemented". It must never know what a number means.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

from hil.sim.register_table import Register, to_words

DOCUMENT: dict[str, Any] = yaml.safe_load((files("dbc") / "sunspec_modbus.yaml").read_text("utf-8"))
NOT_IMPLEMENTED: Mapping[str, int] = DOCUMENT["not_implemented"]
POWER_RAW_MAX = 32_767
_ONE_WORD, _TWO_WORDS = struct.Struct(">H"), struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Point(Register):
    """A number of a model: `factor` is what its scale factor says, whose own address is `scale` (None without)."""

    scale: int | None

    @property
    def form(self) -> struct.Struct:
        return _TWO_WORDS if self.kind == "acc32" else _ONE_WORD

    def raw(self, value: float) -> float:
        number = round(value / self.factor)
        match self.kind:
            case "acc32":
                return number % (1 << 32)
            case "i16":
                return min(max(-POWER_RAW_MAX, number), POWER_RAW_MAX) & 0xFFFF
        return min(max(0, number), 0xFFFE)

    def sentinel(self) -> list[int]:
        """The words that say "not implemented"."""
        return to_words(NOT_IMPLEMENTED[self.kind].to_bytes(2 * self.words, "big"))
