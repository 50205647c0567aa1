"""A run as a story for the person who lives in the house: what happened, what was seen of it, how soon.

Rules: every sentence says what the rig measured, with the limit beside it; what did not hold is said as plainly as what
did. The product's answers are told as answers. Nothing is promised beyond what this run has shown.
"""

from __future__ import annotations

from hil.report.facts import with_units
from hil.report.outcome import verdict
from hil.report.phrase import action_in_words, condition_in_words
from hil.report.scale import clock_of, span
from hil.scenario.model import Event, Expectation, Finding, Run, Wish


def story(run: Run) -> list[str]:
    """Sentences in the order of time: each event, and what had to be seen after it; at last what held all the time."""
    scenario = run.scenario
    told: list[str] = []
    throughout = [finding for finding in run.findings if _throughout(finding.expectation)]
    others = [finding for finding in run.findings if not _throughout(finding.expectation)]
    groups = _together(scenario.events)
    before = [f for f in others if not groups or f.expectation.from_ms < groups[0][0].at_ms]
    told += [_seen(run, finding) for finding in before]
    for number, events in enumerate(groups):
        until_ms = groups[number + 1][0].at_ms if number + 1 < len(groups) else scenario.length_ms + 1
        after = [f for f in others if events[0].at_ms <= f.expectation.from_ms < until_ms]
        told.append(" ".join([_happened(run, events), *(_seen(run, finding) for finding in after)]))
    told += [_seen(run, finding) for finding in throughout]
    return [*told, f"{verdict(run)}{f': {run.trouble}' if run.trouble else ''}."]


def _throughout(wanted: Expectation) -> bool:
    return wanted.kind in ("always", "never") and wanted.from_ms == 0


def _together(events: tuple[Event, ...]) -> list[list[Event]]:
    groups: list[list[Event]] = []
    for event in sorted(events, key=lambda event: event.at_ms):
        if groups and groups[-1][0].at_ms == event.at_ms:
            groups[-1].append(event)
        else:
            groups.append([event])
    return groups


def _happened(run: Run, events: list[Event]) -> str:
    house, wall = run.scenario.house, run.scenario.wall
    clock = clock_of(wall, events[0].at_ms)
    when = f"At {clock}" if clock else f"After {span(events[0].at_ms)}"
    done = [action_in_words(house, event.action, event.text) + _answer(run, event) for event in events]
    return f"{when} {', and '.join(done)}."


def _answer(run: Run, event: Event) -> str:
    """What the product said to this wish: its first answer to him about this until he asked again."""
    wish = event.action
    if not isinstance(wish, Wish):
        return ""
    again = min(
        (
            later.at_ms
            for later in run.scenario.events
            if later.at_ms > event.at_ms and isinstance(later.action, Wish) and later.action.who == wish.who
        ),
        default=run.scenario.length_ms + 1,
    )
    for decision in run.decisions:
        if event.at_ms <= decision.at_ms < again and (decision.who, decision.target) == (wish.who, wish.target):
            return f" ({decision.verdict})"
    return ""


def _seen(run: Run, finding: Finding) -> str:
    wanted = finding.expectation
    words = condition_in_words(run.scenario.house, wanted.condition.text)
    why = f": {wanted.why}" if wanted.why else ""
    limit = span(wanted.to_ms - wanted.from_ms)
    lasting = f" and stayed so for {span(wanted.for_ms)}" if wanted.for_ms else ""
    after = span(max(0, finding.at_ms - wanted.from_ms))
    measured = with_units(finding.measured, wanted.condition)
    whole = f"From {_clock(run, wanted.from_ms)} to {_clock(run, wanted.to_ms)}"
    if wanted.from_ms == 0 and wanted.to_ms >= run.scenario.length_ms:
        whole = "All the time"
    match wanted.kind, finding.held:
        case "within" | "eventually", True:
            return f"Within {after} {words}{lasting} (limit: {limit}){why}."
        case "within" | "eventually", False:
            return f"It was not seen within {limit} that {words}{lasting} (measured: {measured}){why}."
        case "always", True:
            return f"{whole} {words} (measured: {measured}){why}."
        case "never", True:
            return f"{whole} it never happened that {words} (measured: {measured}){why}."
        case "always", False:
            return f"At {_clock(run, finding.at_ms)} it was no longer so that {words} (measured: {measured}){why}."
    return f"At {_clock(run, finding.at_ms)} it happened that {words} (measured: {measured}){why}."


def _clock(run: Run, at_ms: int) -> str:
    return clock_of(run.scenario.wall, at_ms) or span(at_ms)
