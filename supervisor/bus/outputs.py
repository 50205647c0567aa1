"""The arithmetic of saying an output: is the image whole, what can the device express, what is tighter.

Rules
* An image counts for a device only when every declared output is there, inside its bounds and in no forbidden gap;
  anything less is not said at all, and the device's silence clock runs on.
* Rounding to what the device can express goes towards the output's safe value, never past it.
* A silence image may only tighten what was said last.

Pure functions; nothing in here may read a clock or know a device family.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from drivers.contract import OutputSpec
from supervisor.kernel.signal import Unit
from supervisor.site import OutputPlace

FLOWS = (Unit.CURRENT, Unit.POWER)  # for these a greater magnitude is never the tighter one


def whole(places: Iterable[OutputPlace], values: Mapping[int, int]) -> dict[str, int] | None:
    """The device's outputs by name, ready to be said; None when one is absent or none that the device can do."""
    said: dict[str, int] = {}
    for place in places:
        value = values.get(place.index)
        if value is None or not possible(place.spec, value):
            return None
        said[place.spec.name] = expressible(place.spec, value)
    return said


def possible(spec: OutputSpec, value: int) -> bool:
    """True inside lo..hi and outside every forbidden (open) interval; the safe value always is."""
    if value == spec.safe:
        return True
    return spec.lo <= value <= spec.hi and not any(lo < value < hi for lo, hi in spec.forbidden)


def expressible(spec: OutputSpec, value: int) -> int:
    """The nearest value towards safe that is a multiple of ``step`` and not forbidden."""
    down = value - value % spec.step
    if down == value or value == spec.safe:
        return value
    value = max(down, spec.safe) if value > spec.safe else min(down + spec.step, spec.safe)
    for lo, hi in spec.forbidden:
        if lo < value < hi and value != spec.safe:
            return lo if value > spec.safe else hi
    return value


def tighter(spec: OutputSpec, said: int, silence: int) -> int:
    """``silence`` where it lies between what was said and safe (and, for a flow, is no greater); else what was said.

    A wallbox that was told 0 A stays at 0 A, though its silence image says 6 A: silence never starts anything.
    """
    between = min(said, spec.safe) <= silence <= max(said, spec.safe)
    grows = spec.unit in FLOWS and abs(silence) > abs(said)
    return silence if between and not grows else said
