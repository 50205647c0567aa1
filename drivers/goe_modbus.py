"""go-e Charger (hardware V3 and later) over Modbus TCP: a wallbox that keeps the last order for ever.

Theory of operation
* One output, ``current``: 0 stops the charge (FORCE_STATE off, the ampere left alone), 6 A and more is that limit.
* A stop goes out in the first ``say`` that wants it, alone. Starting is two steps: first the ampere (register 299,
  RAM), and only when the device has *shown* an ampere that is no higher than wanted, FORCE_STATE on. So a lost write
  can never start a charge at yesterday's ampere.
* A register is written only while what it shows differs or is not known. What it shows counts from a read that was
  asked after our last write, and for as long as the table's maximum age: an answer that was already on its way when
  we wrote proves nothing. Writing makes its group the next to be read.
* Somebody else (the vendor's app, the button on the box) may always want less: a lower ampere or a stop that appears
  after ours was shown is left alone until another value is wanted of us. More is brought back. A charger that has
  restarted has forgotten FORCE_STATE; what it shows then is nobody's wish.
* A write that tightens goes out at once, any other no closer than 500 ms to the register's last one.

``current_limit`` is the read-back: 0 while FORCE_STATE is off, else the ampere. In the state "neutral" the charger may
start by its own rules, so there the ampere is the limit too.

This driver must never write register 300 (EEPROM, about 100,000 writes), and never take an accepted write for a shown
value. There is no communication watchdog: the site must declare a silence image.

Source: go-e Charger API, Modbus profile (FORCE_STATE since firmware 55.6; byte order wrong in 60.3 only).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from drivers.contract import (
    Ask,
    BusKind,
    Driver,
    Family,
    Heard,
    Options,
    OptionSpec,
    OutputSpec,
    Sample,
    Shape,
    SignalSpec,
    Silence,
    SilenceKind,
    WriteCost,
    WriteRegisters,
)
from drivers.modbus_load import load
from drivers.modbus_poll import ModbusReader
from drivers.modbus_table import Group
from supervisor.kernel.signal import Quality, Unit

STEM = "goe_modbus"
FORCE_OFF, FORCE_ON = 1, 2
AMPERE_MIN = 6
"""IEC 61851-1: below 6 A there is only 0."""
WRITE_REST_MS = 500
ENFORCE_MS = 5_000
"""A car may take 5 s to follow the pilot signal (IEC 61851-1)."""
READBACK_MS = 3_000


@dataclass
class Setpoint:
    """One register that we write: what we last wrote, and what was last read. Values as on the wire."""

    address: int
    group: Group
    written: int | None = None
    written_ms: int | None = None
    read: int | None = None
    read_ms: int = 0
    asked_ms: int = 0

    def see(self, value: int | None, asked_ms: int, now_ms: int) -> None:
        """A read has come; None when it was no measurement."""
        self.read, self.asked_ms, self.read_ms = value, asked_ms, now_ms

    def shown(self, now_ms: int) -> int | None:
        """The value in force; None when it is too old, was never read, or was asked before our last write."""
        if self.written_ms is not None and self.asked_ms <= self.written_ms:
            return None
        return self.read if now_ms - self.read_ms <= self.group.max_age_ms else None

    def order(self, value: int, tightens: bool, unit: int, now_ms: int) -> tuple[WriteRegisters, ...]:
        """The write that brings this register to ``value``, if one is needed and due."""
        if self.shown(now_ms) == value:
            return ()
        rested = self.written_ms is None or now_ms - self.written_ms >= WRITE_REST_MS
        if not rested and (value == self.written or not tightens):
            return ()
        self.written, self.written_ms = value, now_ms
        return (WriteRegisters(unit, self.address, (value,)),)


class GoeCharger(ModbusReader):
    """One charger. ``ampere_max`` caps every order, whatever the host asks."""

    def __init__(self, unit: int, ampere_max: int) -> None:
        table = load(STEM)
        super().__init__(table, unit)
        self._ampere_max = ampere_max
        self._ampere = Setpoint(table.writes["ampere"].address, table.group("ampere"))
        self._force = Setpoint(table.writes["force_state"].address, table.group("force"))
        self._wanted: int | None = None
        self._obeyed = False  # what is wanted has been shown

    # ---- what the charger tells --------------------------------------------------------------------------------
    def on_group(self, group: Group, heard: tuple[Heard, ...], asked_ms: int, now_ms: int) -> Iterable[Heard]:
        if group is not self._ampere.group and group is not self._force.group:
            return heard
        values = {item.name: item.value for item in heard if isinstance(item, Sample)}
        if group is self._ampere.group:
            milliampere = values.get("ampere")
            self._ampere.see(None if milliampere is None else milliampere // 1000, asked_ms, now_ms)
        else:
            self._force.see(values.get("force_state"), asked_ms, now_ms)
        return (*heard, *self._current_limit(now_ms))

    def _current_limit(self, now_ms: int) -> Iterable[Heard]:
        """The limit in force, from two reads that are at most READBACK_MS apart. Half of it is no measurement."""
        near = [half.read if now_ms - half.read_ms <= READBACK_MS else None for half in (self._ampere, self._force)]
        ampere, force = near
        if force == FORCE_OFF:
            yield Sample("current_limit", 0)
        elif ampere is None or force is None:
            yield Sample("current_limit", None, Quality.INVALID)
        else:
            yield Sample("current_limit", ampere * 1000)

    # ---- what the charger is told ------------------------------------------------------------------------------
    def say(self, outputs: Mapping[str, int], now_ms: int) -> Iterable[Ask]:
        ampere = min(outputs["current"] // 1000, self._ampere_max)
        if ampere != self._wanted:
            self._wanted, self._obeyed = ampere, False
        if ampere < AMPERE_MIN:
            return self._force.order(FORCE_OFF, True, self.unit, now_ms)
        shown = self._ampere.shown(now_ms)
        if self._somebody_wants_less(ampere, shown, now_ms):
            return ()
        before = self._ampere.written if shown is None else shown
        orders = self._ampere.order(ampere, before is not None and ampere < before, self.unit, now_ms)
        if shown is None or shown > ampere:
            return orders
        return orders + self._force.order(FORCE_ON, False, self.unit, now_ms)

    def _somebody_wants_less(self, ampere: int, shown: int | None, now_ms: int) -> bool:
        force = self._force.shown(now_ms)
        self._obeyed = self._obeyed or (shown == ampere and force == FORCE_ON)
        less = force == FORCE_OFF or (force == FORCE_ON and shown is not None and shown < ampere)
        return self._obeyed and less

    def on_written(self, ask: WriteRegisters, accepted: bool, now_ms: int) -> None:
        """Accepted or not: what is in force now has to be read."""
        del accepted, now_ms
        for setpoint in (self._ampere, self._force):
            if setpoint.address == ask.address:
                self.poller.hurry(setpoint.group)


def _shape(options: Options) -> Shape:
    table = load(STEM)
    limit = SignalSpec("current_limit", Unit.CURRENT, 0, 63_000, table.group("force").max_age_ms)
    current = OutputSpec(
        name="current",
        unit=Unit.CURRENT,
        lo=0,
        hi=int(options["max_ampere"]) * 1000,
        safe=0,
        enforce_ms=ENFORCE_MS,
        write_cost=WriteCost.VOLATILE,
        silence=Silence(SilenceKind.NONE),
        readback=limit.name,
        readback_ms=READBACK_MS,
        forbidden=((0, AMPERE_MIN * 1000),),
        step=1000,
    )
    return Shape((*table.signals(), limit), (current,))


def _build(options: Options, entropy: bytes) -> Driver:
    del entropy
    return GoeCharger(int(options["unit"]), int(options["max_ampere"]))


FAMILY = Family(
    stem=STEM,
    title="go-e Charger, Modbus TCP",
    bus=BusKind.MODBUS,
    machine="charger",
    shape=_shape,
    build=_build,
    options=(
        OptionSpec("unit", int, 1, "Modbus unit of the charger", 1, 247),
        OptionSpec("host", str, "127.0.0.1", "name or address of the charger"),
        OptionSpec("port", int, 502, "TCP port", 1, 65535),
        OptionSpec("max_ampere", int, 16, "rating of the charger and its line, in A per phase", 6, 32),
    ),
    facts={
        "plugged": {"any of": ["car_state is charging", "car_state is waiting_for_car", "car_state is complete"]},
        "charging_now": "car_state is charging",
        "faulted_now": {"any of": ["error above 0", "car_state is error"]},
    },
    source="go-e Charger API, Modbus profile",
)
