"""Units as people write them, and the way to and from the kernel's integers.

Rules
* Conversions are exact: a literal becomes a :class:`decimal.Decimal`, is multiplied by a whole scale, and must end
  in a whole number of kernel units. Nothing is ever rounded on the way in.
* A unit is matched letter by letter: "mW" and "MW" differ by nine zeros, so case is never guessed.
* On the way out a value keeps its unit beside it, always.

This file must never know a target, a limit or a device.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

NUMBER_MAX = 20  # characters of a literal: with the largest scale still exact within Decimal's 28 digits
VALUE_MAX = 2**53  # what supervisor.wire.Int carries

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?")

# kernel unit -> spelling -> kernel units in one of it; the first spelling is the one the API answers with
SPELLINGS: Mapping[str, Mapping[str, int]] = {
    "mV": {"V": 1_000, "mV": 1, "kV": 1_000_000},
    "mA": {"A": 1_000, "mA": 1},
    "mW": {"W": 1_000, "mW": 1, "kW": 1_000_000},
    "Wh": {"Wh": 1, "kWh": 1_000},
    "mHz": {"Hz": 1_000, "mHz": 1},
    "mdegC": {"°C": 1_000, "degC": 1_000, "mdegC": 1},
    "permille": {"%": 10, "permille": 1, "‰": 1},
    "ms": {"s": 1_000, "ms": 1},
    "flag": {"flag": 1, "on/off": 1},
    "code": {"code": 1, "position": 1},
    "count": {"count": 1},
}


class UnitError(ValueError):
    """A value or unit that cannot be meant for this target. The text is for the person who sent it."""


def spellings(kernel_unit: str) -> Mapping[str, int]:
    """The spellings of a kernel unit; a unit from a newer guardian is spelled as it spells itself."""
    return SPELLINGS.get(kernel_unit, {kernel_unit: 1})


def scale_of(unit: str, kernel_unit: str) -> int:
    """Kernel units in one ``unit``. Raises UnitError when the unit does not measure the same thing."""
    known = spellings(kernel_unit)
    if unit not in known:
        raise UnitError(f"unit {unit!r} does not fit here: write one of {', '.join(known)}")
    return known[unit]


def number(literal: str) -> Decimal:
    """A JSON number as it was written. Raises UnitError for text, booleans, null and overlong literals."""
    if len(literal) > NUMBER_MAX or not _NUMBER.fullmatch(literal):
        raise UnitError(f"expected a plain number of at most {NUMBER_MAX} characters, without quotes")
    return Decimal(literal)


def to_kernel(value: Decimal, unit: str, kernel_unit: str) -> int:
    """``value`` in kernel units, exactly. Raises UnitError when it is too large or not a whole number of them."""
    scale = scale_of(unit, kernel_unit)
    kernel = value * scale
    if abs(kernel) > VALUE_MAX:
        raise UnitError(f"{value} {unit} is beyond anything that can be meant")
    if kernel != kernel.to_integral_value():
        raise UnitError(f"{value} {unit} is finer than the step of {Decimal(1) / scale:f} {unit}")
    return int(kernel)


def from_kernel(value: int, unit: str, kernel_unit: str) -> int | float:
    """A kernel value in ``unit``: an int where it is whole, else the float that prints as the exact decimal."""
    scale = scale_of(unit, kernel_unit)
    return value // scale if value % scale == 0 else value / scale


def shown_unit(kernel_unit: str) -> str:
    """The unit in which the API answers when nobody asked for another one."""
    return next(iter(spellings(kernel_unit)))


def shown(value: int, kernel_unit: str) -> int | float:
    """A kernel value in :func:`shown_unit`."""
    return from_kernel(value, shown_unit(kernel_unit), kernel_unit)


def phrase(value: int | None, kernel_unit: str, codes: Sequence[tuple[int, str]] = ()) -> str:
    """A value as people write it: "10 A", "4.2 kW", "70 %", "on", or its code's name. None, unknown, is "?"."""
    if value is None:
        return "?"
    for code, name in codes:
        if code == value:
            return name.replace("_", " ")
    if kernel_unit == "flag":
        return "on" if value else "off"
    if kernel_unit == "mW" and abs(value) >= 1_000_000:
        return f"{round(value / 1_000_000, 2):g} kW"
    if kernel_unit in ("code", "count"):
        return str(value)
    return f"{round(shown(value, kernel_unit), 3):.10g} {shown_unit(kernel_unit)}"
