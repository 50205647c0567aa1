"""All of a run on one time axis: what happened, what was answered, what flowed, what moved, what the product says.

What the product says of itself stands in a band of its own, and the band says that nobody judged by it.
"""

from __future__ import annotations

from hil.report.chart import charts
from hil.report.facts import CONTACTS, Series, chosen, contacts, is_number, said_of, series_of
from hil.report.lanes import panel
from hil.report.marks import answers, numbered, times, upright
from hil.report.scale import Axis, esc
from hil.scenario.model import Run

SAYS = "what the product says of itself, not judged"


def picture(run: Run, axis: Axis) -> str:
    """The time lines as HTML with SVG in it; a sentence where there was nothing to look at."""
    if len(run.moments) < 2:
        return "<p>There is no picture: the run ended before anything could be looked at.</p>"
    names = chosen(run.scenario, run.moments)
    drawn = [series for name in names for series in series_of(run.moments, name)]
    moved = _contacts(run, drawn)
    marks = upright(run.scenario.events, axis)
    states = [series for series in drawn if not is_number(series) and not series.fact.endswith(CONTACTS)]
    return "".join(
        [
            times(axis),
            numbered(run.scenario.events, axis),
            answers(run.decisions, axis, marks),
            *charts(drawn, axis, marks),
            panel("Contacts", moved, axis, marks, "those that moved" if moved == contacts(run.moments) else ""),
            panel("States", states, axis, marks),
            times(axis),
            panel("The product", list(said_of(run.moments).values()), axis, marks, SAYS, "says"),
            _missing(names, drawn),
        ]
    )


def _contacts(run: Run, drawn: list[Series]) -> list[Series]:
    """Those that moved, and those that the scenario itself wants to see."""
    asked = [series for series in drawn if series.fact.endswith(CONTACTS) and run.scenario.show]
    known = {(series.fact, series.part) for series in asked}
    return asked + [series for series in contacts(run.moments) if (series.fact, series.part) not in known]


def _missing(names: list[str], drawn: list[Series]) -> str:
    missing = [name for name in names if name not in {series.fact for series in drawn}]
    return f'<p class="soft">Never seen in this run: {esc(", ".join(missing))}</p>' if missing else ""
