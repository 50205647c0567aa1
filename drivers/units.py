"""What every table needs: a reader of its text, and the way from the units it is written in to the kernel's integers.

Rules
* A conversion is exact: an amount that is no whole number of kernel units is a mistake in the table, found at load.
* Decimal text stays decimal (``Fraction``): 0.1 A is 100 mA and not 99.
* Mistakes in a table raise :class:`TableError`; they are a programmer's, and never depend on what a wire says.

This file must never know a device, a register or a frame.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import yaml

from supervisor.kernel.signal import Unit

SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""PyYAML's safe loader, with libyaml below it where there is one: ten times as fast, and every process that starts
reads tables."""


class TableError(ValueError):
    """A table that does not make sense. The text names the table, the entry and what is wrong with it."""


SCALES: Mapping[str, tuple[Unit, int]] = {
    "V": (Unit.VOLTAGE, 1000),
    "A": (Unit.CURRENT, 1000),
    "W": (Unit.POWER, 1000),
    "Hz": (Unit.FREQUENCY, 1000),
    "degC": (Unit.TEMPERATURE, 1000),
    "kWh": (Unit.ENERGY, 1000),
    "Wh": (Unit.ENERGY, 1),
    "%": (Unit.SHARE, 10),
    "permille": (Unit.SHARE, 1),
    "s": (Unit.TIME, 1000),
    "ms": (Unit.TIME, 1),
    "flag": (Unit.FLAG, 1),
    "code": (Unit.CODE, 1),
    "count": (Unit.COUNT, 1),
}
"""Unit in a table -> unit of the kernel, and how many of those one of the first is."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?) ?(ms|s)")


def scale_of(unit: str, where: str) -> tuple[Unit, int]:
    """The kernel's unit and its number per table unit. Raises TableError for a unit that no table may use."""
    if unit not in SCALES:
        raise TableError(f"{where}: unit {unit!r} is none of {', '.join(SCALES)}")
    return SCALES[unit]


def exactly(number: object, scale: int, where: str) -> int:
    """``number`` times ``scale`` as an integer. Raises TableError where that would need rounding.

    A float is taken as the decimal text that it prints as, which is the text that stood in the table.
    """
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise TableError(f"{where}: {number!r} is not a number")
    try:
        product = Fraction(str(number)) * scale
    except ValueError:
        raise TableError(f"{where}: {number!r} is not a finite number") from None
    if product.denominator != 1:
        raise TableError(f"{where}: {number!r} is no whole number of 1/{scale}")
    return product.numerator


def duration_ms(text: object, where: str) -> int:
    """``"500 ms"`` or ``"3 s"`` in ms. Raises TableError for anything else, zero included."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise TableError(f"{where}: {text!r} is not a duration such as '500 ms' or '3 s'")
    amount = Fraction(match[1]) * (1000 if match[2] == "s" else 1)
    if amount.denominator != 1 or amount <= 0:
        raise TableError(f"{where}: {text!r} is no whole, positive number of milliseconds")
    return amount.numerator
