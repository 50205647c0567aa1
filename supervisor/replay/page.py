"""A report as plain text of 100 columns."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from supervisor.replay.reader import local
from supervisor.replay.report import Report
from supervisor.replay.tracks import NONE, spoken

WIDTH = 100
VALUES_MAX = 6  # of one target; the rest is one line
SHORT = timedelta(seconds=1)


def text(report: Report) -> Iterator[str]:
    """The whole report, line by line."""
    for line in _lines(report):
        yield from textwrap.wrap(line, WIDTH, subsequent_indent="        ") or [""]


def _lines(report: Report) -> Iterator[str]:
    yield f"{report.site}: {local(report.since)} to {local(report.until)}"
    recorded = report.observed + report.controlled
    if recorded == NONE:
        yield "Nothing was recorded in this time."
        return
    yield f"recorded {spoken(recorded)} of {spoken(report.until - report.since)}{_of_these(report)}"
    would = report.controlled == NONE
    yield from _section(
        "The house" if not would else "The house, as it would have been", list(_modes(report, recorded))
    )
    title = "What each target would have been told, and by whom" if would else "What each target was told, and by whom"
    yield from _section(title, list(_targets(report)))
    yield from _section("Rules that would have acted" if would else "Rules that acted", list(_rules(report)))
    yield from _section("Requests", list(_requests(report)))
    yield from _section("Latches", list(_latches(report)))


def _of_these(report: Report) -> str:
    parts = []
    if report.observed and report.controlled:
        parts.append(f"{spoken(report.observed)} only observed: there it says what would have been")
    elif report.observed:
        parts.append("only observed: nothing was written to any wire")
    if report.lean:
        parts.append(f"{spoken(report.lean)} without samples, because the journal's budget was spent")
    return "; " + "; ".join(parts) if parts else ""


def _section(title: str, rows: list[str]) -> Iterator[str]:
    yield from ("", title, "-" * len(title))
    yield from rows or ["  nothing"]


def _modes(report: Report, recorded: timedelta) -> Iterator[str]:
    for mode, lasting in sorted(report.modes.items(), key=lambda row: -row[1]):
        yield f"  {mode:<20} {_share(lasting, recorded):>7}  {spoken(lasting)}"


def _share(part: timedelta, whole: timedelta) -> str:
    return f"{part / whole * 100:.1f} %"


def _targets(report: Report) -> Iterator[str]:
    for name, sums in sorted(report.targets.items()):
        yield f"  {name}"
        rows = sorted(((lasting, said, by) for (said, by), lasting in sums.items()), reverse=True)
        shown = [row for row in rows if row[0] >= SHORT][:VALUES_MAX] or rows[:1]
        for lasting, said, by in shown:
            yield f"    {spoken(lasting):>13}  {said:<12} {by}"
        rest = sum((row[0] for row in rows), NONE) - sum((row[0] for row in shown), NONE)
        if rest:
            yield f"    {spoken(rest):>13}  {len(rows) - len(shown)} other values, such as on a ramp"


def _rules(report: Report) -> Iterator[str]:
    for name, acted in sorted(report.rules.items(), key=lambda row: -row[1].lasting):
        if acted.times or acted.lasting:
            times = "once" if acted.times == 1 else f"{acted.times} times"
            began = times if acted.times else "from before"
            yield f"  {name:<30} {began:<12} {spoken(acted.lasting)}"
            yield f"      {report.whys.get(name, '')}"


def _requests(report: Report) -> Iterator[str]:
    for name, verdicts in sorted(report.verdicts.items()):
        said = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items(), key=lambda row: -row[1]))
        yield f"  {name:<16} {said}{_mostly(report.reasons[name])}"


def _mostly(reasons: Counter[str]) -> str:
    if not reasons:
        return ""
    rule, count = min(reasons.items(), key=lambda row: (-row[1], row[0]))
    return f"; refused most often by {rule} ({count})" if len(reasons) > 1 else f"; refused by {rule}"


def _latches(report: Report) -> Iterator[str]:
    by_what: dict[str, list[datetime]] = {}
    for when, what in report.latches:
        by_what.setdefault(what, []).append(when)
    for what, times in by_what.items():
        often = f", {len(times)} times until {local(times[-1])}" if len(times) > 1 else ""
        yield f"  {local(times[0])}  {what}{often}"
    for subject, when in sorted(report.latched.items()):
        yield f"  still so at the end: {subject}, since {local(when)}"
