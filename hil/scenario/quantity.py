"""Quantities as people write them: times with their unit, and the values that somebody asks the product for.

Rules: every time has a unit, and becomes whole ms. A value has a unit of a power or a current, is a switch (on, off,
open, closed), or names a position; kW and mA become W and A, so that a wish is told as the product's interface has it.
It must never guess a unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from hil.scenario.document import Item, near

TIMES: Mapping[str, int] = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000}
VALUES: Mapping[str, tuple[str, Decimal]] = {
    "A": ("A", Decimal(1)),
    "mA": ("A", Decimal("0.001")),
    "W": ("W", Decimal(1)),
    "kW": ("W", Decimal(1000)),
    "V": ("V", Decimal(1)),
    "%": ("%", Decimal(1)),
}
SWITCH: Mapping[str, float] = {"on": 1.0, "closed": 1.0, "true": 1.0, "off": 0.0, "open": 0.0, "false": 0.0}
TIME_MAX_MS = 7 * 24 * 3_600_000
_SHAPE = re.compile(r"([+-]?)([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*(\S*)")  # more digits than that nobody means


def time_ms(item: Item, lowest_ms: int = 0) -> int:
    """A time such as "5 s", "500 ms", "2 min" or "1 h", in ms."""
    sign, amount = _time(item)
    if sign:
        raise item.wrong(f"a time here has no sign; write {str(item.value)[1:].strip()!r}")
    if not lowest_ms <= amount <= TIME_MAX_MS:
        raise item.wrong(f"{item.value} is not within {lowest_ms} ms and {TIME_MAX_MS // 3_600_000} h")
    return amount


def jump_ms(item: Item) -> int:
    """A time with its sign, such as "+1 h" or "-30 min", in ms."""
    sign, amount = _time(item)
    if not sign or not amount:
        raise item.wrong(f"a jump has a direction, such as +1 h or -30 min; {item.shown()} has none")
    return -amount if sign == "-" else amount


def _time(item: Item) -> tuple[str, int]:
    found = _SHAPE.fullmatch(str(item.value).strip()) if isinstance(item.value, str | int | float) else None
    if found is None:
        raise item.wrong(f"expected a time such as '5 s', '500 ms', '2 min' or '1 h', not {item.shown()}")
    sign, digits, unit = found.groups()
    if unit not in TIMES:
        what = f"{unit!r} is no unit of a time" if unit else "a time has a unit"
        raise item.wrong(f"{what}; write '{sign}{digits} s', or ms, min, h")
    amount = Decimal(digits) * TIMES[unit]
    if amount % 1:
        raise item.wrong(f"{item.value} is finer than 1 ms")
    return sign, int(amount)


def value_of(item: Item, positions: Sequence[str] = ()) -> tuple[float, str]:
    """What somebody asks for: (10.0, "A"), (4200.0, "W"), (1.0, "flag"); a name of ``positions``, the positions of a
    changeover in their order, is its number: "open" 0, the first 1."""
    if isinstance(item.value, bool):
        return float(item.value), "flag"
    if positions:
        return float(("open", *positions).index(item.one_of(("open", *positions)))), "position"
    text = str(item.value).strip() if isinstance(item.value, str | int | float) else ""
    if text in SWITCH:
        return SWITCH[text], "flag"
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise item.wrong(f"expected a value such as '10 A', '4.2 kW', 'on' or 'closed', not {item.shown()}")
    sign, digits, unit = found.groups()
    if unit not in VALUES:
        what = f"{unit!r} is no unit that can be asked{near(unit, VALUES)}" if unit else f"{digits} of what?"
        raise item.wrong(f"{what}; write '{sign}{digits} A', or {', '.join(VALUES)}")
    name, factor = VALUES[unit]
    return float(Decimal(sign + digits) * factor), name
