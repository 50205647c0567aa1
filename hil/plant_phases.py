"""Values on the three phases of a house, in the order L1, L2, L3. It must never hold any state."""

from __future__ import annotations

from collections.abc import Iterable

from hil.sim.device import Json

PHASES = (1, 2, 3)
Three = list[float]


def three(told: Json, key: str) -> Three:
    """What a device says of each phase; one that says nothing does nothing."""
    values = told.get(key)
    if not isinstance(values, list):
        return [0.0] * 3
    return [value if type(value) is float else float(str(value)) for value in values]


def amperes(watts: Three, volts: Three) -> Three:
    """A without their direction."""
    return [abs(watt) / volt if volt else 0.0 for watt, volt in zip(watts, volts, strict=True)]


def total(parts: Iterable[Three]) -> Three:
    """The sums on each phase; empty without parts."""
    return [sum(watts) for watts in zip(*parts, strict=True)]
