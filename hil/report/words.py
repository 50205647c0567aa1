"""A run in plain words for a terminal and for a build server's log.

What did not hold comes first, each with what was measured and where it stands in the scenario's file; the last line is
the command that runs it again.
"""

from __future__ import annotations

from collections.abc import Sequence

from hil.report.outcome import Found, Outcome, failing_first
from hil.report.scale import span


def in_one_line(outcome: Outcome) -> str:
    """For a list of many: verdict, name, bench, times."""
    word = "held     " if outcome.passed else "BROKE OFF" if outcome.trouble else "FAILED   "
    return f"{word}  {outcome.name}  {outcome.bench}  {span(outcome.length_ms)} in {outcome.wall_s:.1f} s"


def in_words(outcome: Outcome) -> list[str]:
    """The summary of one run."""
    lines = [f"{outcome.title}", f"  {outcome.verdict}."]
    lines += [f"  {line}" for line in findings_in_words(outcome)]
    return [*lines, f"  repeat: {outcome.repeat}"]


def findings_in_words(outcome: Outcome) -> list[str]:
    """Why the run broke off, then all findings, those that did not hold first."""
    trouble = [f"broke off: {outcome.trouble}"] if outcome.trouble else []
    return trouble + [_finding(found, outcome) for found in failing_first(outcome.findings)]


def _finding(found: Found, outcome: Outcome) -> str:
    lasting = f" for {span(found.for_ms)}" if found.for_ms else ""
    window = f"{span(found.from_ms)} to {span(found.to_ms)}"
    why = f" ({found.why})" if found.why else ""
    return (
        f"{'held  ' if found.held else 'FAILED'} {found.kind} {found.text}{lasting}, {window}: "
        f"{found.measured}{why} [{outcome.path}:{found.line}]"
    )


def summary(outcomes: Sequence[Outcome], wall_s: float) -> list[str]:
    """The end of a run of many: what did not hold in full, and the count."""
    lines: list[str] = []
    for outcome in outcomes:
        if not outcome.passed:
            lines += [*in_words(outcome), ""]
    failed = sum(not outcome.passed for outcome in outcomes)
    lived_ms = sum(outcome.length_ms for outcome in outcomes if not outcome.trouble)
    told = f"{failed} of {len(outcomes)} did not hold" if failed else f"all {len(outcomes)} held"
    told = told if outcomes else "nothing came to its end"
    return [
        *lines,
        f"{told}; {span(lived_ms)} of a house's life in {span(wall_s * 1000)}",
    ]
