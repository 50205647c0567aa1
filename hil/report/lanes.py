"""States and contacts over time: one lane each, a bar for as long as a value lasts.

Rules: a closed contact is a full bar, an open one an empty one. A word stands in its bar where there is room for it: on
every screen, or only on a wide one. Where nothing is known there is no bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from hil.report.chart import box, numbers, polylines
from hil.report.facts import CONTACTS, Series, is_number, unit_of
from hil.report.scale import Axis, amount, esc, scale_of

LANE, BAR, LINE = 31, 15, 24  # px: a lane with its name above its bar; a bar; a lane's little line
LETTER = 6.6  # px across
NARROW, WIDE = 320, 720  # px that a phone, and a page on paper, have at least
BARS_MAX = 400  # in one lane; more cannot be seen, and are hidden by each other
SHADES = 8

Value = float | bool | str | None


def panel(title: str, lanes: Sequence[Series], axis: Axis, marks: str, note: str = "", css: str = "") -> str:
    """A heading and its lanes; nothing at all where there is no lane."""
    if not lanes:
        return ""
    height = LANE * len(lanes)
    drawn = "".join(_lane(series, LANE * index, axis) for index, series in enumerate(lanes))
    told = f' <span class="soft">{esc(note)}</span>' if note else ""
    return (
        f'<figure class="{css}"><figcaption><b>{esc(title)}</b>{told}</figcaption>'
        f'<svg class="plot" width="100%" height="{height}" role="img" aria-label="{esc(title)}">{marks}{drawn}</svg>'
        f"</figure>"
    )


def _lane(series: Series, top: int, axis: Axis) -> str:
    name = f'<text class="name" x="0" y="{top + 11}">{esc(series.label)}</text>'
    if is_number(series) and len({value for _, value in series.points}) > 2:
        return name + _little(series, top, axis)
    return name + "".join(_bars(series, top + LANE - BAR - 2, axis))


def _little(series: Series, top: int, axis: Axis) -> str:
    """A number that changes: its lowest and highest value in words, and its course."""
    values = [value for _, value in numbers(series) if value is not None]
    unit = unit_of(series.fact)
    scale = scale_of(values, LINE - 10, 1)
    words = f"{amount(min(values), unit)} to {amount(max(values), unit)}"
    line = box(polylines(numbers(series), "c0 p0", axis, scale), LINE - 10)
    return (
        f'<text class="val" x="100%" y="{top + 11}" text-anchor="end">{esc(words)}</text>'
        f'<svg y="{top + 14}" width="100%" height="{LINE - 10}" overflow="visible">{line}</svg>'
    )


def spans(series: Series, end_ms: int) -> list[tuple[int, int, Value]]:
    """(from, to, value): how long each value lasted."""
    runs = [(value, next(points)[0]) for value, points in groupby(series.points, key=lambda point: point[1])]
    ends = [at_ms for _, at_ms in runs[1:]] + [max(end_ms, runs[-1][1])] if runs else []
    return [(at_ms, until, value) for (value, at_ms), until in zip(runs, ends, strict=True)]


def _bars(series: Series, y: int, axis: Axis) -> list[str]:
    shades: dict[Value, int] = {}
    parts = []
    for from_ms, to_ms, value in spans(series, axis.length_ms)[:BARS_MAX]:
        if value is None:
            continue
        width = axis.at(to_ms) - axis.at(from_ms)
        css = ("shut" if value else "open") if isinstance(value, bool) else f"s{_shade(value, shades)}"
        hint = f"{series.label}: {_word(value, series)} from {axis.when(from_ms)} to {axis.when(to_ms)}"
        parts.append(
            f'<rect class="bar {css}" x="{axis.pc(from_ms)}" y="{y}" width="{max(width, 0.15):.3f}%" height="{BAR}">'
            f"<title>{esc(hint)}</title></rect>"
        )
        parts.append(_inside(_word(value, series), axis.at(from_ms), width, y) if not isinstance(value, bool) else "")
    return parts


def _shade(value: Value, shades: dict[Value, int]) -> int:
    return shades.setdefault(value, len(shades)) % SHADES


def _word(value: Value, series: Series) -> str:
    if isinstance(value, bool):
        words = ("open", "closed") if series.fact.endswith(CONTACTS) else ("no", "yes")
        return words[value]
    return amount(value, unit_of(series.fact)) if isinstance(value, int | float) else str(value).replace("_", " ")


def _inside(word: str, x: float, width: float, y: int) -> str:
    need = LETTER * len(word) + 8
    if need > WIDE * width / 100:
        return ""
    css = "in" if need <= NARROW * width / 100 else "in wide"
    return f'<svg x="{x:g}%" y="{y}" overflow="visible"><text class="{css}" x="4" y="12">{esc(word)}</text></svg>'
