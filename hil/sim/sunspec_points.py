"""The numbers of a SunSpec device: registers whose factor stands in a register of its own.

Source: dbc/sunspec_modbus.yaml. A value that does not fit is shown as the nearest one that does, never as "not
implemented". It must never know what a number means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

from hil.sim.register_table import Register, to_words

DOCUMENT: dict[str, Any] = yaml.safe_load((files("dbc") / "sunspec_modbus.yaml").read_text("utf-8"))
NOT_IMPLEMENTED: Mapping[str, int] = DOCUMENT["not_implemented"]
POWER_RAW_MAX = 32_767


@dataclass(frozen=True, slots=True)
class Point(Register):
    """A number of a model: `factor` is what its scale factor says, whose own address is `scale` (None without)."""

    scale: int | None

    @property
    def words(self) -> int:
        return 2 if self.kind == "acc32" else 1

    def pack(self, value: float) -> list[int]:
        raw = round(value / self.factor)
        match self.kind:
            case "acc32":
                return to_words((raw % (1 << 32)).to_bytes(4, "big"))
            case "i16":
                return [min(max(-POWER_RAW_MAX, raw), POWER_RAW_MAX) & 0xFFFF]
        return [min(max(0, raw), 0xFFFE)]

    def sentinel(self) -> list[int]:
        """The words that say "not implemented"."""
        return to_words(NOT_IMPLEMENTED[self.kind].to_bytes(2 * self.words, "big"))
