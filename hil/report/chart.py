"""Lines over time: powers, currents and the like, with a grid, and their values under the pointer.

A chart is a heading, a legend (HTML, so that it wraps on a phone) and an SVG that is as wide as there is room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from hil.report.facts import AXES, Series, is_number, unit_of
from hil.report.scale import BOX, Axis, Point, Scale, amount, esc, outline, scale_of

HEIGHT = 150
HOVERS = 90  # columns that tell their values
FACTS_MAX = 6  # in one chart: that many colours can be told apart
PARTS = ("", "L1", "L2", "L3")


def charts(drawn: Sequence[Series], axis: Axis, marks: str) -> list[str]:
    """One chart for each unit, powers and currents first. ``marks``: SVG that lies in every chart."""
    units: dict[str, list[Series]] = {}
    for series in drawn:
        if is_number(series):
            units.setdefault(unit_of(series.fact), []).append(series)
    order = sorted(units, key=lambda unit: list(AXES).index(unit) if unit in AXES else len(AXES))
    colours: dict[str, int] = {}
    return [
        chart(f"{AXES.get(unit, 'Numbers')}{f', {unit}' if unit else ''}", part, axis, marks, colours)
        for unit in order
        for part in _handfuls(units[unit])
    ]


def _handfuls(lines: Sequence[Series]) -> list[list[Series]]:
    facts = [list(of_fact) for _, of_fact in groupby(lines, key=lambda series: series.fact)]
    return [
        [series for fact in facts[start : start + FACTS_MAX] for series in fact]
        for start in range(0, len(facts), FACTS_MAX)
    ]


def chart(title: str, lines: Sequence[Series], axis: Axis, marks: str, known: dict[str, int]) -> str:
    """One chart of lines that have one unit. ``known``: colours of the charts above, which grow by those of this."""
    unit = unit_of(lines[0].fact)
    scale = scale_of((value for series in lines for _, value in numbers(series) if value is not None), HEIGHT)
    colours = _colours([series.noun for series in lines], known)
    drawn = [(series, _classes(series, colours)) for series in lines]
    legend = "".join(
        f'<span class="key"><svg width="26" height="10"><line class="l {classes}" x1="0" x2="26" y1="5" y2="5"/></svg>'
        f"{esc(series.label)}</span>"
        for series, classes in drawn
    )
    return (
        f'<figure><figcaption><b>{esc(title)}</b> <span class="keys">{legend}</span></figcaption>'
        f'<svg class="plot" width="100%" height="{HEIGHT}" role="img" aria-label="{esc(title)}">'
        f"{grid(scale, axis)}{marks}"
        f"{box(''.join(_line(series, classes, axis, scale) for series, classes in drawn))}"
        f"{worth(scale, unit)}{_hovers(lines, unit, axis)}</svg></figure>"
    )


def numbers(series: Series) -> list[Point]:
    """Its points as numbers."""
    return [(at_ms, float(value) if isinstance(value, int | float) else None) for at_ms, value in series.points]


def _classes(series: Series, colours: Mapping[str, int]) -> str:
    part = PARTS.index(series.part) if series.part in PARTS else 0
    return f"c{colours[series.noun]} p{part}"


def _colours(nouns: Sequence[str], known: dict[str, int]) -> dict[str, int]:
    """The same colour for the same thing as in other charts, and never one for two things in this one."""
    own: dict[str, int] = {}
    for noun in dict.fromkeys(nouns):
        wanted = known.setdefault(noun, len(known) % FACTS_MAX)
        free = [colour for colour in range(FACTS_MAX) if colour not in own.values()] or [wanted]
        own[noun] = wanted if wanted in free else free[0]
    return own


def _line(series: Series, classes: str, axis: Axis, scale: Scale) -> str:
    return polylines(numbers(series), classes, axis, scale)


def polylines(points: Sequence[Point], classes: str, axis: Axis, scale: Scale) -> str:
    """A series in the stretched box."""
    return "".join(f'<polyline class="l {classes}" points="{places}"/>' for places in outline(points, axis, scale))


def box(inner: str, height: int = HEIGHT) -> str:
    """What is stretched to the width of the screen."""
    return f'<svg viewBox="0 0 {BOX} {height}" width="100%" height="{height}" preserveAspectRatio="none">{inner}</svg>'


def grid(scale: Scale, axis: Axis) -> str:
    """Lines of the value and lines of time."""
    parts = [f'<line class="tick" x1="{axis.pc(t)}" x2="{axis.pc(t)}" y1="0" y2="100%"/>' for t in axis.ticks(12)]
    for value in scale.lines():
        y = scale.y(value)
        css = "zero" if value == 0 else "tick"
        parts.append(f'<line class="{css}" x1="0" x2="100%" y1="{y:g}" y2="{y:g}"/>')
    return "".join(parts)


def worth(scale: Scale, unit: str) -> str:
    """What the lines of the value are worth, above them; the highest would stand outside. It lies over the curves."""
    return "".join(
        f'<text class="val" x="2" y="{scale.y(value) - 3:g}">{esc(amount(value, unit))}</text>'
        for value in scale.lines()
        if scale.y(value) > 10
    )


def _hovers(lines: Sequence[Series], unit: str, axis: Axis) -> str:
    """Columns that are not seen and tell their values at their middle."""
    rows: list[list[str]] = [[] for _ in range(HOVERS)]
    for series in lines:
        points, index = numbers(series), 0
        for column in range(HOVERS):
            middle_ms = (column + 0.5) * axis.length_ms / HOVERS
            while index + 1 < len(points) and points[index + 1][0] <= middle_ms:
                index += 1
            value = points[index][1]
            if value is not None and points[index][0] <= middle_ms:
                rows[column].append(f"{series.label}: {amount(value, unit)}")
    width = f"{100 / HOVERS:.3f}%"
    return "".join(
        f'<rect class="hover" x="{100 * column / HOVERS:.3f}%" width="{width}" y="0" height="100%"><title>'
        f"{esc(axis.when(int((column + 0.5) * axis.length_ms / HOVERS)))}\n{esc(chr(10).join(rows[column]))}"
        f"</title></rect>"
        for column in range(HOVERS)
        if rows[column]
    )
