"""Copy this file. It is a whole, working family: an imaginary heating rod of 3 kW on Modbus.

It passes the contract suite like every other family, but stands in no registry, so no site can name it. Each comment
that begins with "YOURS" marks a decision that you have to make anew; drivers/README.md has the seven steps around it.

A file opens with what it is for, its rules, and what it must never do. For the rod:

Rules
* The rod stops by itself when no limit was written for 60 s. That is its dead-man: it is renewed every 10 s, and only
  from ``say``, which nobody calls when the guardian is silent.
* A lower limit is written at once; the same limit only as a renewal.

This driver must never renew from ``poll``, and never show the limit that it wrote for the limit that was read.

Source: YOURS: document, version and page, or the sheet and its section.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from drivers.contract import (
    Ask,
    BusKind,
    Driver,
    Family,
    Options,
    OptionSpec,
    OutputSpec,
    Shape,
    Silence,
    SilenceKind,
    WriteCost,
    WriteRegisters,
)
from drivers.modbus_load import parse
from drivers.modbus_poll import ModbusReader
from drivers.modbus_table import ModbusTable
from supervisor.kernel.signal import Unit

# YOURS: this text is the file dbc/<stem>.yaml, and ``load(STEM)`` reads it. It stands here so that the blueprint is one
# file. Give ranges that the *sensor* can mean, not ones that you would like; beyond them a value is no measurement.
TABLE = """
title: Heating rod
word_order: high_first
max_registers: 40
default_unit: 1
request_gap: 20 ms
timeout: 300 ms
groups:
  - {name: state, table: input,   address: 0,  count: 4, period: 1 s, max_age: 5 s}
  - {name: limit, table: holding, address: 10, count: 1, period: 1 s, max_age: 5 s}
registers:
  power:       {group: state, address: 0, type: u32, unit: W, factor: 0.1, range: [0, 4000], core: true}
  temperature: {group: state, address: 2, type: i16, unit: degC, factor: 0.1, range: [-20, 120], absent: -32768}
  fault:       {group: state, address: 3, type: u16, unit: code, core: true, codes: {0: none, 1: dry, 2: too_hot}}
  limit:       {group: limit, address: 10, type: u16, unit: W, range: [0, 3000]}
writes:
  limit:       {address: 10, cost: volatile, range: [0, 3000]}
"""

STEM = "blueprint"
RATED_W = 3_000
DEAD_MAN_MS = 60_000
RENEWAL_MS = 10_000
"""A sixth of the dead-man: five renewals may be lost."""


@lru_cache
def _table() -> ModbusTable:
    return parse(TABLE, STEM)


class HeatingRod(ModbusReader):
    """``ModbusReader`` reads the table and has answers for all of the contract; here is only what the rod adds.

    YOURS: a CAN or serial driver derives from ``Quiet`` and overrides ``on_frame`` or ``on_bytes``.
    """

    def __init__(self, unit: int) -> None:
        super().__init__(_table(), unit)
        # What was last said, and when. None is "nothing", which no number could mean.
        self._said: tuple[int, int] | None = None

    def say(self, outputs: Mapping[str, int], now_ms: int) -> Iterable[Ask]:
        """Watts, rounded down: what cannot be expressed is rounded towards less heat."""
        watts = max(0, min(outputs["power_limit"] // 1000, RATED_W))
        if self._said is not None and self._said[0] == watts and now_ms - self._said[1] < RENEWAL_MS:
            return ()
        self._said = watts, now_ms
        return (WriteRegisters(self.unit, self.table.writes["limit"].address, (watts,)),)

    def on_written(self, ask: WriteRegisters, accepted: bool, now_ms: int) -> None:
        """A refused write was never said, so the next cycle says it again. In any case read what is in force now."""
        del ask, now_ms
        if not accepted:
            self._said = None
        self.poller.hurry(self.table.group("limit"))


def _shape(options: Options) -> Shape:
    del options
    power_limit = OutputSpec(
        name="power_limit",
        unit=Unit.POWER,
        lo=0,
        hi=RATED_W * 1000,
        safe=0,  # YOURS: what is right when in doubt; for some devices that is not zero
        enforce_ms=1_000,  # YOURS: the worst case of the sheet, not what you saw on the bench
        write_cost=WriteCost.VOLATILE,
        silence=Silence(SilenceKind.REVERTS_SAFE, DEAD_MAN_MS),
        readback="limit",
        readback_ms=3_000,
        step=1000,
    )
    return Shape(_table().signals(), (power_limit,))


def _build(options: Options, entropy: bytes) -> Driver:
    del entropy  # the host's random bytes, for protocols that authenticate
    return HeatingRod(int(options["unit"]))


# A family file ends in its one table. Everything that the rest of the product knows of the device is here.
FAMILY = Family(
    stem=STEM,
    title="Heating rod (the blueprint of a family)",
    bus=BusKind.MODBUS,
    machine="none",
    shape=_shape,
    build=_build,
    options=(
        OptionSpec("unit", int, 1, "Modbus unit of the rod", 1, 247),
        OptionSpec("host", str, "127.0.0.1", "name or address; not used on RTU"),
        OptionSpec("port", int, 502, "TCP port; not used on RTU", 1, 65535),
    ),
    source="imaginary",
)
