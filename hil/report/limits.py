"""An expectation in the report: what was expected, what was measured, its window and its course on the time axis.

Where the expectation compares a number with a limit, the number's course is drawn with the limit across its window, so
that a reader sees how near it came. Any other one has a bar for its window. The moment that decided it is marked.
"""

from __future__ import annotations

from collections.abc import Sequence

from hil.report.chart import box, polylines
from hil.report.facts import unit_of_all, with_units
from hil.report.outcome import failing_first
from hil.report.scale import Axis, Point, Scale, amount, esc, scale_of, span
from hil.report.thin import measured
from hil.scenario.model import Expectation, Finding, Moment, Run

CHART_H, BAR_H = 64, 16
WORDS = {"within": "within", "always": "always", "never": "never", "eventually": "at some time"}


def expectations(run: Run, axis: Axis, marks: str) -> str:
    """All of them, those that failed first."""
    rows = "".join(_row(finding, run.moments, axis, marks) for finding in failing_first(run.findings))
    judged = {id(finding.expectation) for finding in run.findings}
    open_ones = [wanted for wanted in run.scenario.expectations if id(wanted) not in judged]
    return rows + "".join(
        f'<div class="exp"><div class="row"><span class="mark soft">not judged</span><code>{_text(wanted)}</code></div>'
        f'<div class="soft">the run ended before</div></div>'
        for wanted in (open_ones if len(judged) < len(run.scenario.expectations) else [])
    )


def _row(finding: Finding, moments: Sequence[Moment], axis: Axis, marks: str) -> str:
    wanted = finding.expectation
    css, word = ("good", "held") if finding.held else ("bad", "failed")
    told = with_units(finding.measured, wanted.condition)
    why = f'<div class="why">{esc(wanted.why)}</div>' if wanted.why else ""
    return (
        f'<div class="exp {css}"><div class="row"><span class="mark {css}">{word}</span><code>{_text(wanted)}</code>'
        f'</div>{why}<div class="measured">measured: <b class="{css}">{esc(told)}</b>'
        f' <span class="soft">decided at {esc(axis.when(finding.at_ms))}; window {esc(window(wanted))}; '
        f"line {wanted.line}</span></div>{_picture(finding, moments, axis, marks)}</div>"
    )


def _text(wanted: Expectation) -> str:
    lasting = f", for {span(wanted.for_ms)}" if wanted.for_ms else ""
    return esc(f"{WORDS.get(wanted.kind, wanted.kind)}: {wanted.condition.text}{lasting}")


def window(wanted: Expectation) -> str:
    """From when to when."""
    return f"{span(wanted.from_ms)} to {span(wanted.to_ms)}"


def _picture(finding: Finding, moments: Sequence[Moment], axis: Axis, marks: str) -> str:
    course = _course(finding.expectation, moments)
    height = CHART_H if course else BAR_H
    drawn = _compared(finding, course, axis) if course else ""
    wanted, x = finding.expectation, axis.pc(finding.at_ms)
    css = "good" if finding.held else "bad"
    width = max(axis.at(wanted.to_ms) - axis.at(wanted.from_ms), 0.3)
    hint = esc(f"window {window(wanted)}, {span(wanted.to_ms - wanted.from_ms)} long")
    return (
        f'<svg class="plot" width="100%" height="{height}" role="img" aria-label="{hint}">'
        f'<rect class="window {css}" x="{axis.pc(wanted.from_ms)}" y="0" width="{width:.3f}%" height="100%">'
        f"<title>{hint}</title></rect>{marks}{drawn}"
        f'<line class="decided {css}" x1="{x}" x2="{x}" y1="0" y2="100%"><title>'
        f"{esc(axis.when(finding.at_ms))}</title></line>"
        f"</svg>"
    )


def _course(wanted: Expectation, moments: Sequence[Moment]) -> list[tuple[int, float, float]]:
    """(time, measured, limit) of every moment at which there was a number."""
    seen = ((moment.at_ms, measured(wanted.condition.margin, moment.facts)) for moment in moments)
    return [(at_ms, found[1], found[2]) for at_ms, found in seen if found is not None]


def _compared(finding: Finding, course: Sequence[tuple[int, float, float]], axis: Axis) -> str:
    wanted = finding.expectation
    values: list[Point] = [(at_ms, value) for at_ms, value, _ in course]
    limits: list[Point] = [
        (at_ms, limit if wanted.from_ms <= at_ms <= wanted.to_ms else None) for at_ms, _, limit in course
    ]
    unit = unit_of_all(wanted.condition)
    scale = scale_of([value for line in (values, limits) for _, value in line if value is not None], CHART_H - 8, 2)
    inner = polylines(values, "c0 p0", axis, scale) + polylines(limits, "limit", axis, scale)
    return (
        f'<svg y="4" width="100%" height="{CHART_H - 8}" overflow="visible">{box(inner, CHART_H - 8)}</svg>'
        + _words(course, limits, unit, scale, axis)
    )


def _words(
    course: Sequence[tuple[int, float, float]], limits: Sequence[Point], unit: str, scale: Scale, axis: Axis
) -> str:
    """The limit in words at its line: above it, where there is room; below it, where there is none."""
    within = [(at_ms, limit) for at_ms, limit in limits if limit is not None] or [(course[0][0], course[0][2])]
    at_ms, limit = within[0]
    y = 4 + scale.y(limit)
    x, anchor = (axis.at(at_ms), "start") if axis.at(at_ms) < 75 else (100.0, "end")
    text = f"limit {amount(limit, unit)}"
    return (
        f'<svg x="{x:g}%" y="{y + (12 if y < 16 else -3):g}" overflow="visible">'
        f'<text class="limitword" x="{3 if anchor == "start" else -3}" text-anchor="{anchor}">{esc(text)}</text></svg>'
    )
