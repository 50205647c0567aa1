"""A span: what an actuator may be told, narrowed by one voice after another, and who narrowed it.

Rules
* A span can only become narrower. There is no method that widens one.
* Clipping moves a value only towards the actuator's declared safe value: 4 A of a wallbox that can do 0 or at
  least 6 A becomes 0, not 6.
* Nothing left, or a span that excludes the safe value, means the safe value: declared, never an implied zero.

All amounts are integers in the actuator's unit.
"""

from __future__ import annotations

import msgspec

Bands = tuple[tuple[int, int], ...]
"""Open intervals that the device cannot do: (0, 6000) forbids 1 to 5999."""


class Span(msgspec.Struct, frozen=True, gc=False):
    """``lo``..``hi`` are still allowed; ``lo_by``/``hi_by`` name the voice that set each edge, ``empty_by`` the one
    that left nothing ("" while something is left)."""

    lo: int
    hi: int
    lo_by: str
    hi_by: str
    empty_by: str = ""

    def narrow(self, lo: int | None, hi: int | None, by: str) -> Span:
        """This span within ``lo``..``hi`` (None leaves a side as it is)."""
        low, high, low_by, high_by = self.lo, self.hi, self.lo_by, self.hi_by
        if lo is not None and lo > low:
            low, low_by = lo, by
        if hi is not None and hi < high:
            high, high_by = hi, by
        if low == self.lo and high == self.hi:
            return self
        empty_by = self.empty_by or (by if low > high else "")
        return Span(low, high, low_by, high_by, empty_by)


def clip(value: int, span: Span, safe: int, bands: Bands) -> int:
    """The allowed value nearest to ``value`` on its way to ``safe``; ``safe`` itself when the span excludes it,
    because a value on the far side of safe was never asked for."""
    if not span.lo <= safe <= span.hi:
        return safe
    if value >= safe:
        return max(safe, _below_bands(min(value, span.hi), bands))
    return min(safe, _above_bands(max(value, span.lo), bands))


def _below_bands(value: int, bands: Bands) -> int:
    for low, high in reversed(bands):  # bands are sorted and do not touch, so one pass from above is enough
        if low < value < high:
            value = low
    return value


def _above_bands(value: int, bands: Bands) -> int:
    for low, high in bands:
        if low < value < high:
            value = high
    return value


def tighter(value: int, than: int, safe: int) -> bool:
    """Is ``value`` on the way from ``than`` to ``safe`` (or there)? Staying counts; crossing ``safe`` does not."""
    return safe <= value <= than or than <= value <= safe
