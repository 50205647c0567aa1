"""Time and values -> places in a picture and words beside them.

Rules: across, a picture is as wide as its reader's screen, so places are percent of the run's time; down, they are
pixels. Lines lie in a box of BOX units across that is stretched to the screen. Everything from outside goes through
``esc``.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

BOX = 1000
Point = tuple[int, float | None]
_TICKS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200)
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: object) -> str:
    """Without the characters that neither XML nor HTML may have."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", str(text))


def esc(text: object) -> str:
    """Text as text, wherever it came from, also in an attribute."""
    return html.escape(clean(text))


@dataclass(frozen=True)
class Axis:
    """The time of a run. ``wall``: local date and time at 0 ms."""

    length_ms: int
    wall: str = ""

    def at(self, at_ms: float) -> float:
        """Percent of the width."""
        return round(100.0 * min(max(at_ms, 0), self.length_ms) / max(1, self.length_ms), 3)

    def pc(self, at_ms: float) -> str:
        """The same as an attribute's value."""
        return f"{self.at(at_ms):g}%"

    def ticks(self, most: int) -> list[int]:
        """Round times in ms, at most so many parts of the axis."""
        day_s = 86_400
        steps = [*_TICKS_S, *(day_s * days for days in (1, 2, 7, 30, 365))]
        step_ms = next((int(s * 1000) for s in steps if self.length_ms <= s * 1000 * most), self.length_ms or 1)
        return list(range(0, self.length_ms + 1, step_ms))

    def when(self, at_ms: int) -> str:
        """For a hover: "12.3 s (16:00:12)"."""
        clock = clock_of(self.wall, at_ms)
        return f"{span(at_ms)} ({clock})" if clock else span(at_ms)


def clock_of(wall: str, at_ms: int) -> str:
    """The time of day so long after ``wall``; "" when that is no date."""
    try:
        return f"{datetime.fromisoformat(wall) + timedelta(milliseconds=at_ms):%H:%M:%S}"
    except (ValueError, OverflowError):
        return ""


def span(ms: float) -> str:
    """A time for people: 340 ms, 12.3 s, 3 min 5 s, 5 h 12 min."""
    if 0 < abs(ms) < 1000:
        return f"{ms:.0f} ms"
    if abs(ms) < 120_000:
        return f"{ms / 1000:.4g} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    if minutes < 120:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def amount(value: float, unit: str) -> str:
    """A value for people, with its unit: 3.45 kW, 6 A."""
    if unit in ("W", "Wh") and abs(value) >= 1000:
        value, unit = value / 1000, f"k{unit}"
    number = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{'0' if number == '-0' else number} {unit}".strip()


@dataclass(frozen=True)
class Scale:
    """Values from ``low`` to ``high`` in a picture ``height`` px high."""

    low: float
    high: float
    height: int
    step: float

    def y(self, value: float) -> float:
        """Pixels from the top."""
        return round(self.height * (self.high - value) / (self.high - self.low), 1)

    def lines(self) -> list[float]:
        """Where grid lines stand, from below."""
        count = round((self.high - self.low) / self.step)
        return [round(self.low + self.step * index, 9) for index in range(count + 1)]


def scale_of(values: Iterable[float], height: int, parts: int = 4, zero: bool = True) -> Scale:
    """A scale with round lines; with ``zero`` it has zero in it."""
    real = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(real), max(real)
    if zero:
        low, high = min(0.0, low), max(0.0, high)
    if high - low < 1e-9 * max(1.0, abs(high)):
        low, high = (low, low + 1) if zero else (low - 1, high + 1)
    rough = (high - low) / parts
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    return Scale(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, height, step)


def outline(points: Sequence[Point], axis: Axis, scale: Scale) -> list[str]:
    """Polylines of a series, one for each stretch without a gap: of each column the first, the last and the extremes,
    and of a stretch that stays the same its two ends."""
    stretches: list[list[tuple[float, float]]] = [[]]
    for at_ms, value in points:
        if value is None or not math.isfinite(value):
            stretches.append([])
        else:
            stretches[-1].append((round(axis.at(at_ms) * BOX / 100, 1), scale.y(value)))
    return [" ".join(f"{x:g},{y:g}" for x, y in _fewer(stretch)) for stretch in stretches if stretch]


def _fewer(stretch: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    kept: list[tuple[float, float]] = []
    column: list[tuple[float, float]] = []
    for point in [*stretch, (math.inf, 0.0)]:
        if column and int(column[0][0]) != (int(point[0]) if math.isfinite(point[0]) else -1):
            kept += _column(column)
            column = []
        column.append(point)
    flat = [
        point
        for index, point in enumerate(kept)
        if not 0 < index < len(kept) - 1 or not kept[index - 1][1] == point[1] == kept[index + 1][1]
    ]
    return flat if len(flat) > 1 else [*flat, (flat[0][0] + 1, flat[0][1])]  # a single look is a dot


def _column(column: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """In the order of time: first, lowest, highest, last."""
    heights = [y for _, y in column]
    picked = {0, len(column) - 1, heights.index(min(heights)), heights.index(max(heights))}
    return [column[index] for index in sorted(picked)]
