"""Eastron SDM630 and SDM72D three-phase meters, over Modbus RTU or Modbus TCP.

The whole family is its table: dbc/sdm630_modbus.yaml says what the registers mean, :class:`ModbusReader` reads them.
Import is positive on this meter, as in the house, so no sign turns. The meter is only read: its holding registers
(address, baud rate, parity) belong to whoever installs it.

Rules
* Power is signed and per phase; current is a magnitude, as the meter shows it: ask the power for the direction.
* A value outside what the meter can mean, or a float in the wrong word order, is INVALID, never a small number.
* Two seconds without an answer make the live values too old: the meter is read twice a second.
* A meter whose voltages, currents and powers all stay the same to the last bit for ``frozen_after_s`` has frozen, or
  something in between answers out of its memory: all that it says is SUSPECT until one of them changes. 10 s are some
  ten to a hundred of its own measurements (it makes one in 100 to 500 ms), and a gG fuse bears twice its rating for so
  long. A conductor without voltage does not flicker: a meter that shows exactly 0 V, A and W there is doubted as well,
  for a zero that has frozen would let a source close onto a live bus.

This driver must never write a register.

Source: Eastron SDM630 Modbus protocol (float32, high word first, function code 4, at most 80 registers a read).
"""

from __future__ import annotations

from drivers.contract import BusKind, Driver, Family, Options, OptionSpec, Shape
from drivers.modbus_load import load
from drivers.modbus_poll import ModbusReader

STEM = "sdm630_modbus"


def _shape(options: Options) -> Shape:
    del options
    return Shape(load(STEM).signals())


def _build(options: Options, entropy: bytes) -> Driver:
    del entropy
    return ModbusReader(load(STEM), int(options["unit"]), 1000 * int(options["frozen_after_s"]))


FAMILY = Family(
    stem=STEM,
    title="Eastron SDM630 three-phase meter",
    bus=BusKind.MODBUS,
    machine="meter",
    shape=_shape,
    build=_build,
    options=(
        OptionSpec("unit", int, 1, "Modbus unit of the meter", 1, 247),
        OptionSpec("host", str, "127.0.0.1", "name or address of the gateway; not used on RTU"),
        OptionSpec("port", int, 502, "TCP port; not used on RTU", 1, 65535),
        OptionSpec("frozen_after_s", int, 10, "after so long without any change it is doubted, in s", 3, 30),
    ),
    source="Eastron SDM630 Modbus protocol",
)
