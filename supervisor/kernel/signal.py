"""A reading is a value, a unit, a time and a quality: the only form in which the world enters.

Rules
* Values are integers in the unit named by :class:`Unit`; there is no float and no NaN in here.
* Times are milliseconds of the machine's monotonic clock, stamped when the bytes were received.
* A value that is not GOOD never permits anything; it may still trip (a real short is also a jump).
* Zero never stands for "unknown": what is unknown has the value None.

This file must never compute an age: age is a question's business (question.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum

import msgspec


class Unit(StrEnum):
    """The units of the kernel; the integer counts exactly one of these."""

    VOLTAGE = "mV"
    CURRENT = "mA"
    POWER = "mW"
    ENERGY = "Wh"
    FREQUENCY = "mHz"
    TEMPERATURE = "mdegC"
    SHARE = "permille"
    TIME = "ms"
    FLAG = "flag"  # 0 or 1
    CODE = "code"  # a number with a name, or a set of bits
    COUNT = "count"


class Quality(IntEnum):
    """How far a reading may be trusted, best first; the worst of two is their maximum."""

    GOOD = 0
    SUSPECT = 1  # came, but jumped or its sender repeats itself: may trip, never permits
    STALE = 2  # its sender says that the value is old
    INVALID = 3  # came, but is no measurement: NaN, out of range, "not available"
    MISSING = 4  # never came


class Reading(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One signal's newest value. ``value`` is None when there is none to speak of."""

    value: int | None
    at_ms: int
    quality: Quality


MISSING = Reading(None, 0, Quality.MISSING)


class Signal(msgspec.Struct, frozen=True, gc=False):
    """What is declared about one signal, once, at load.

    ``lo``/``hi`` bound what the sensor can mean at all (in ``unit``); beyond them a value is INVALID.
    ``jump`` is the largest credible step between two neighbouring samples, None where any step is credible.
    ``max_age_ms`` is the oldest value that still counts; it has no default on purpose.
    """

    id: str
    unit: Unit
    max_age_ms: int
    lo: int
    hi: int
    jump: int | None = None
    optional: bool = False


class Source(msgspec.Struct, frozen=True, gc=False):
    """A signal to be read with its maximum age."""

    signal: int
    max_age_ms: int


class Sample(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A reading on its way in: ``signal`` is the index into the plan's signals."""

    signal: int
    value: int | None
    at_ms: int
    quality: Quality


_THOUSANDS: Mapping[Unit, str] = {
    Unit.VOLTAGE: "V",
    Unit.CURRENT: "A",
    Unit.POWER: "W",
    Unit.FREQUENCY: "Hz",
    Unit.TEMPERATURE: "degC",
    Unit.TIME: "s",
}


def shown(value: int, unit: Unit) -> str:
    """A kernel amount as people write it, and as the documents read it: 16000 mA is '16 A', flag 0 is 'off'."""
    if unit in _THOUSANDS:
        return f"{_decimal(value, 3)} {_THOUSANDS[unit]}"
    if unit is Unit.SHARE:
        return f"{_decimal(value, 1)} %"
    if unit is Unit.FLAG:
        return {0: "off", 1: "on"}.get(value, str(value))
    return str(value) if unit in (Unit.CODE, Unit.COUNT) else f"{value} {unit.value}"


def _decimal(value: int, places: int) -> str:
    """``value`` with its last ``places`` digits behind the point, exactly, and without idle zeros."""
    whole, part = divmod(abs(value), 10**places)
    fraction = f"{part:0{places}}".rstrip("0")
    return f"{'-' if value < 0 else ''}{whole}{'.' if fraction else ''}{fraction}"
