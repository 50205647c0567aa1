"""An Eastron SDM630 at the grid connection: float32 registers, high word first, function code 4 only.

Sources: Eastron SDM630 Modbus protocol description; dbc/sdm630_modbus.yaml for the addresses.
Rules: import is positive. A read longer than 80 registers is answered with exception 3. Addresses between the known
ones read as 0.0, because a real meter has values there that nobody here asks for.
Like the real one it flickers: each half second it has measured anew, and its voltages and its frequency differ by some
mV and mHz from what the plant says (a dead wire picks up as much). By how much is a function of the meter's name and of
the half second alone, however often and by whomever it is asked. While it is frozen it stands still.
It must never compute a power of its own: it shows what the plant says, and keeps the last of it when the plant is gone.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import ClassVar

import msgspec

from hil.sim.device import Json, number
from hil.sim.modbus import READ_INPUT, ModbusDevice
from hil.sim.register_block import Cell, Image
from hil.sim.register_table import load

TABLE = load("sdm630_modbus.yaml")
MAPPED_WORDS = 0x0188  # input registers up to the resettable energies
PHASES = ("l1", "l2", "l3")
BLANK: Image = {("input", at): 0 for at in range(MAPPED_WORDS)}
REFRESH_MS = 500  # a new measurement; the sheet says 100 to 500 ms
FLICKER: Mapping[str, float] = {f"voltage_{phase}": 0.05 for phase in PHASES} | {"frequency": 0.005}  # V, Hz: at most
STEPS = 1_000  # of the flicker, to either side


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a house file may say about one meter."""

    unit: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.unit <= 247:
            raise ValueError("unit must be 1 to 247")


class EastronMeter(ModbusDevice):
    """Shows the grid connection of the plant."""

    table = TABLE
    codes = (READ_INPUT,)
    settable: ClassVar[Mapping[str, str]] = dict.fromkeys(
        TABLE.registers, "as in dbc/sdm630_modbus.yaml; the plant overwrites it (the fault `value` lasts)"
    )

    def __init__(self, name: str, options: Options) -> None:
        super().__init__(name, options.unit)
        self.values: dict[str, float] = dict.fromkeys(TABLE.registers, 0.0)
        self.values |= {f"voltage_{phase}": 230.0 for phase in PHASES} | {"frequency": 50.0}
        self.lay_out(BLANK, (Cell(register, self._shows(name)) for name, register in TABLE.registers.items()))

    def _shows(self, name: str) -> Callable[[int], float]:
        """What the register of this name shows at a time."""
        if name not in FLICKER:
            return lambda _: self.values[name]
        most = FLICKER[name]
        return lambda now_ms: abs(self.values[name] + most * flicker(f"{self.name} {now_ms // REFRESH_MS} {name}"))

    def to_plant(self, now_ms: int) -> Json:  # noqa: ARG002
        return {"kind": "meter"}

    def from_plant(self, view: Json, now_ms: int) -> None:
        for name in self.values.keys() & view.keys():
            self.set_physical(name, view[name], now_ms)

    def set_physical(self, name: str, value: object, now_ms: int) -> None:  # noqa: ARG002
        self.values[name] = number(value, name, -1e9, 1e9)

    def state(self, now_ms: int) -> Json:  # noqa: ARG002
        return dict(self.values)


def flicker(what: str) -> float:
    """From -1 to 1, the same for the same words in every process and on every machine."""
    return zlib.crc32(what.encode()) % (2 * STEPS + 1) / STEPS - 1


def make(name: str, options: Options, now_ms: int) -> EastronMeter:  # noqa: ARG001
    """The device that a house file describes."""
    return EastronMeter(name, options)
