"""One run as one HTML page: verdict, what was expected and measured, time lines, what happened.

The order is a reader's: did it hold, what was the limit and what the value, what did it look like, what was done.
"""

from __future__ import annotations

from collections.abc import Sequence

from hil.report.hazards import HAZARDS
from hil.report.limits import expectations
from hil.report.marks import listed, told, upright
from hil.report.outcome import verdict
from hil.report.picture import picture
from hil.report.scale import Axis, esc, span
from hil.report.style import page
from hil.scenario.model import Run, Scenario


def run_page(run: Run, story: Sequence[str] = (), index: str = "") -> str:
    """The page. ``story``: sentences for a householder, above all else; ``index``: the page it belongs to."""
    scenario = run.scenario
    axis = Axis(scenario.length_ms, scenario.wall)
    marks = upright(scenario.events, axis)
    parts = [
        _head(run, index),
        _section("What would have happened", f'<div class="story">{_sentences(story)}</div>' if story else ""),
        _section("What was expected, and what was measured", expectations(run, axis, marks)),
        _section("Time lines", picture(run, axis)),
        _section("What was done", listed(scenario, axis)),
        _section(f"The product's answers ({len(run.decisions)})", _answers(run, axis)),
    ]
    return page(f"{scenario.title} · {run.bench}", "\n".join(part for part in parts if part))


def _section(title: str, inner: str) -> str:
    return f"<section><h2>{esc(title)}</h2>{inner}</section>" if inner else ""


def _sentences(story: Sequence[str]) -> str:
    return "".join(f"<p>{esc(sentence)}</p>" for sentence in story)


def _head(run: Run, index: str) -> str:
    scenario = run.scenario
    back = f'<a href="{esc(index)}">all runs</a> · ' if index else ""
    trouble = f'<p class="bad">{esc(run.trouble)}</p>' if run.trouble else ""
    return (
        f'<header><div class="soft">{back}{esc(scenario.name)}</div><h1>{esc(scenario.title)}</h1>'
        f'<div class="verdict {"good" if run.passed else "bad"}">{esc(verdict(run))}.</div>{trouble}'
        f"<p>{esc(scenario.why)}</p><div>{_hazards(scenario)}</div>"
        f'<div class="facts soft">{_facts(run)}</div>'
        f'<div class="soft">to repeat it:</div><code class="cmd">{esc(run.repeat)}</code></header>'
    )


def _hazards(scenario: Scenario) -> str:
    return "".join(
        f'<span class="chip"><b>{esc(hazard)}</b> {esc(HAZARDS.get(hazard, ""))}</span>' for hazard in scenario.hazards
    )


def _facts(run: Run) -> str:
    scenario = run.scenario
    told_facts = (
        ("bench", run.bench),
        ("seed", run.seed),
        ("house", scenario.house.title or scenario.house_path.name),
        ("begins", scenario.wall.replace("T", " ")),
        ("length", span(scenario.length_ms)),
        ("took", f"{run.wall_s:.1f} s"),
    )
    return "".join(f"<span>{esc(name)} <b>{esc(value)}</b></span>" for name, value in told_facts)


def _answers(run: Run, axis: Axis) -> str:
    if not run.decisions:
        return ""
    few = len(run.decisions) <= 12
    return f"<details{' open' if few else ''}><summary>in words</summary>{told(run.decisions, axis)}</details>"
