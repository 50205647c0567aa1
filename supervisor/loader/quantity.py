"""Quantities with their unit, as people write them: ``16 A``, ``4.2 kW``, ``70 %``, ``30 s``.

A number without a unit, or with a unit of another kind, is an error: most accidents with limits are unit slips.
Results are integers in the kernel's unit; a value that is no whole number of these is refused, never rounded.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow

from supervisor.kernel.signal import Unit, shown
from supervisor.loader.documents import Item

UNITS: dict[Unit, dict[str, Decimal]] = {
    Unit.VOLTAGE: {"mV": Decimal(1), "V": Decimal(1000), "kV": Decimal(1_000_000)},
    Unit.CURRENT: {"mA": Decimal(1), "A": Decimal(1000)},
    Unit.POWER: {"mW": Decimal(1), "W": Decimal(1000), "kW": Decimal(1_000_000)},
    Unit.ENERGY: {"Wh": Decimal(1), "kWh": Decimal(1000)},
    Unit.FREQUENCY: {"mHz": Decimal(1), "Hz": Decimal(1000)},
    Unit.TEMPERATURE: {"mdegC": Decimal(1), "degC": Decimal(1000), "°C": Decimal(1000)},
    Unit.SHARE: {"permille": Decimal(1), "%": Decimal(10)},
    Unit.TIME: {"ms": Decimal(1), "s": Decimal(1000), "min": Decimal(60_000), "h": Decimal(3_600_000)},
}
BIT_RATES = {"bit/s": Decimal(1), "kbit/s": Decimal(1000), "Mbit/s": Decimal(1_000_000)}
__all__ = ["amount", "duration", "rate", "scaled", "shown"]
SHAPE = re.compile(r"\s*([+-]?[0-9]+(?:\.[0-9]+)?)\s*(\S*)\s*")
AMOUNT_MAX = 2**53
FLAGS = {"on": 1, "off": 0, "true": 1, "false": 0, "closed": 1, "open": 0, "1": 1, "0": 0}
EXACT = Context(prec=40, traps=[Inexact, InvalidOperation, Overflow])  # a product that would be rounded is an error


def amount(item: Item, unit: Unit) -> int:
    """The quantity in ``item`` in the kernel's ``unit``. Raises DocumentError with the units that would do."""
    if unit is Unit.FLAG:
        return FLAGS[item.one_of(FLAGS)]
    if unit in (Unit.CODE, Unit.COUNT):
        return item.whole(-AMOUNT_MAX, AMOUNT_MAX)
    return scaled(item, UNITS[unit])


def scaled(item: Item, units: dict[str, Decimal]) -> int:
    """A number with one of ``units``, as a whole number of the unit whose factor is 1."""
    match = SHAPE.fullmatch(item.text())
    wanted = " or ".join(units)
    if match is None:
        raise item.error(f"'{item.text()}' is not a quantity; write a number and a unit ({wanted})")
    number, unit = match.groups()
    if unit not in units:
        what = f"the unit '{unit}' does not fit" if unit else f"'{number}' has no unit"
        raise item.error(f"{what}; write it in {wanted}")
    return _whole(item, number, units[unit])


def _whole(item: Item, number: str, factor: Decimal) -> int:
    try:
        value = EXACT.multiply(Decimal(number), factor)
    except DecimalException:
        value = Decimal("NaN")
    if not value.is_finite() or value % 1 or abs(value) > AMOUNT_MAX:
        raise item.error(f"'{item.text()}' is finer or larger than this box can say; write fewer digits")
    return int(value)


def duration(item: Item, lo_ms: int, hi_ms: int) -> int:
    """A time in ms from ``lo_ms`` to ``hi_ms``."""
    value = scaled(item, UNITS[Unit.TIME])
    if not lo_ms <= value <= hi_ms:
        raise item.error(f"{value} ms is not within {lo_ms}..{hi_ms} ms")
    return value


def rate(item: Item, unit: Unit) -> int:
    """A quantity per second above zero, such as ``1 A/s``. What is on or off, or a code, has no rate."""
    if unit not in UNITS:
        raise item.error(f"a {unit.value} has no rate; remove this")
    text = item.text()
    if not text.endswith("/s"):
        raise item.error(f"'{text}' is not a rate; write a quantity per second, such as '1 {list(UNITS[unit])[-1]}/s'")
    value = amount(Item(item.file, item.line, item.path, text[:-2]), unit)
    if value <= 0:
        raise item.error(f"'{text}' would never arrive; write a rate above zero")
    return value
