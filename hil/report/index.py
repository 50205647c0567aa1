"""Many runs on one page: scenario x bench with verdicts and times, and which hazard was shown by which scenario.

Runs of an earlier time stand beside this one and are marked as such: a table that hides its age is believed.
"""

from __future__ import annotations

from collections.abc import Sequence

from hil.report.hazards import HAZARDS
from hil.report.outcome import Outcome
from hil.report.scale import esc, span
from hil.report.style import page
from hil.scenario.model import BENCHES


def index_page(outcomes: Sequence[Outcome], now: str, missing: Sequence[str] = ()) -> str:
    """The page. ``now``: when this run began; ``missing``: scenarios that were asked for and did not come to run."""
    benches = [bench for bench in BENCHES if any(outcome.bench == bench for outcome in outcomes)]
    benches += sorted({outcome.bench for outcome in outcomes} - set(BENCHES))
    body = (
        f"{_head(outcomes, now, missing)}"
        f"<section><h2>Scenarios and benches</h2>{_table(outcomes, benches, now)}</section>"
        f"<section><h2>Hazards</h2>{_coverage(outcomes)}</section>"
    )
    return page("Runs of the rig", body)


def _head(outcomes: Sequence[Outcome], now: str, missing: Sequence[str]) -> str:
    failed = sum(not outcome.passed for outcome in outcomes)
    css, words = (
        ("bad", f"{failed} of {len(outcomes)} runs did not hold")
        if failed
        else (
            "good",
            f"all {len(outcomes)} runs held",
        )
    )
    if missing:
        css, words = "bad", f"{words}; {len(missing)} did not come to run: {', '.join(missing[:8])}"
    took = sum(outcome.wall_s for outcome in outcomes if outcome.ran_at == now)
    long = sum(outcome.length_ms for outcome in outcomes if outcome.ran_at == now and not outcome.trouble)
    return (
        f'<header><div class="soft">Powerwarden, the test rig</div><h1>Runs of {esc(now.replace("T", " "))}</h1>'
        f'<div class="verdict {css}">{esc(words[:1].upper() + words[1:])}.</div>'
        f'<div class="soft">{esc(span(long))} of a house\'s life in {took:.1f} s</div></header>'
    )


def _table(outcomes: Sequence[Outcome], benches: Sequence[str], now: str) -> str:
    rows: dict[str, dict[str, Outcome]] = {}
    for outcome in sorted(outcomes, key=lambda outcome: (outcome.name, outcome.bench)):
        rows.setdefault(outcome.name, {})[outcome.bench] = outcome
    order = sorted(rows, key=lambda name: all(outcome.passed for outcome in rows[name].values()))
    head = "".join(f"<th>{esc(bench)}</th>" for bench in benches)
    body = "".join(_row(name, rows[name], benches, now) for name in order)
    return f'<div class="scroll"><table><tr><th>scenario</th>{head}</tr>{body}</table></div>'


def _row(name: str, of_it: dict[str, Outcome], benches: Sequence[str], now: str) -> str:
    any_of_it = next(iter(of_it.values()))
    cells = "".join(f"<td>{_cell(of_it[bench], now) if bench in of_it else ''}</td>" for bench in benches)
    below = " · ".join(part for part in (name, " ".join(any_of_it.hazards)) if part)
    return f'<tr><td>{esc(any_of_it.title)}<div class="soft">{esc(below)}</div></td>{cells}</tr>'


def _cell(outcome: Outcome, now: str) -> str:
    css, word = ("good", "held") if outcome.passed else ("bad", "broke off" if outcome.trouble else "failed")
    earlier = "" if outcome.ran_at == now else f"<br>earlier: {esc(outcome.ran_at.replace('T', ' '))}"
    return (
        f'<a class="{css}" href="{esc(outcome.page)}"><b>{word}</b></a><div class="soft">'
        f"{outcome.wall_s:.1f} s for {esc(span(outcome.length_ms))}{earlier}</div>"
    )


def _coverage(outcomes: Sequence[Outcome]) -> str:
    names = sorted({*HAZARDS, *(hazard for outcome in outcomes for hazard in outcome.hazards)})
    rows = "".join(
        f'<tr><td class="num"><b>{esc(hazard)}</b></td><td>{esc(HAZARDS.get(hazard, ""))}</td>'
        f"<td>{_shown_by([outcome for outcome in outcomes if hazard in outcome.hazards])}</td></tr>"
        for hazard in names
    )
    return f"<table><tr><th></th><th>hazard</th><th>shown by</th></tr>{rows}</table>"


def _shown_by(outcomes: Sequence[Outcome]) -> str:
    if not outcomes:
        return '<span class="soft">no scenario in this run</span>'
    by_name: dict[str, list[Outcome]] = {}
    for outcome in sorted(outcomes, key=lambda outcome: (outcome.name, outcome.bench)):
        by_name.setdefault(outcome.name, []).append(outcome)
    return ", ".join(
        f'<a class="{"good" if all(o.passed for o in of_it) else "bad"}" href="{esc(of_it[0].page)}">{esc(name)}</a>'
        for name, of_it in by_name.items()
    )
