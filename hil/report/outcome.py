"""What became of a run, small enough for tables and for another process: the findings in words, without the moments.

Rules: everything in here is plain data, so that it can be written to results.json and read back unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from hil.report.facts import with_units
from hil.scenario.model import Finding, Run
from hil.unix_socket import RigError


class Found(msgspec.Struct, frozen=True):
    """One finding. ``text``: the condition as it was written; ``line``: in the scenario's file."""

    kind: str
    text: str
    why: str
    line: int
    from_ms: int
    to_ms: int
    for_ms: int
    held: bool
    at_ms: int
    measured: str


class Outcome(msgspec.Struct, frozen=True):
    """One scenario on one bench. ``page``: the file's name beside the index; ``ran_at``: local date and time;
    ``story``: the run told to a householder."""

    name: str
    title: str
    path: str
    hazards: tuple[str, ...]
    bench: str
    seed: int
    passed: bool
    verdict: str
    length_ms: int
    wall_s: float
    trouble: str
    repeat: str
    page: str
    ran_at: str
    findings: tuple[Found, ...]
    story: tuple[str, ...] = ()


def outcome_of(run: Run, ran_at: str, story: Sequence[str] = ()) -> Outcome:
    """The run without its moments."""
    scenario = run.scenario
    return Outcome(
        name=scenario.name,
        title=scenario.title,
        path=str(scenario.path),
        hazards=scenario.hazards,
        bench=run.bench,
        seed=run.seed,
        passed=run.passed,
        verdict=verdict(run),
        length_ms=scenario.length_ms,
        wall_s=round(run.wall_s, 2),
        trouble=run.trouble,
        repeat=run.repeat,
        page=page_name(scenario.name, run.bench),
        ran_at=ran_at,
        findings=tuple(_found(finding) for finding in run.findings),
        story=tuple(story),
    )


def _found(finding: Finding) -> Found:
    wanted = finding.expectation
    return Found(
        kind=wanted.kind,
        text=wanted.condition.text,
        why=wanted.why,
        line=wanted.line,
        from_ms=wanted.from_ms,
        to_ms=wanted.to_ms,
        for_ms=wanted.for_ms,
        held=finding.held,
        at_ms=finding.at_ms,
        measured=with_units(finding.measured, wanted.condition),
    )


def verdict(run: Run) -> str:
    """How it ended, in words."""
    failed = sum(not finding.held for finding in run.findings)
    count = len(run.findings)
    if run.trouble:
        return "Could not be run to its end"
    if failed:
        return f"Did not hold: {failed} of {count} expectations failed"
    if not count:
        return "Ran to its end; nothing was expected of it"
    return "Held: the one expectation was seen" if count == 1 else f"Held: all {count} expectations were seen"


def page_name(name: str, bench: str) -> str:
    """The file of a run's page. A scenario's name comes from outside; what no file system likes becomes "_"."""
    safe = re.sub(r"[^\w.-]|^[.-]", "_", name)
    return f"{safe}.{bench}.html"


def write_outcomes(path: Path, outcomes: Iterable[Outcome]) -> None:
    """results.json: one object for each run, readable by people and by jq."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(list(outcomes)), indent=2) + b"\n")


def read_outcomes(path: Path) -> list[Outcome]:
    """What an earlier run left; nothing where there is no such file."""
    if not path.exists():
        return []
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Outcome])
    except (OSError, msgspec.DecodeError) as error:
        raise RigError(f"{path}: cannot be read ({error}); remove it, or choose another --out") from None


def failing_first(findings: Iterable[Any]) -> list[Any]:
    """Findings or founds, those that did not hold first, else in their order."""
    return sorted(findings, key=lambda finding: bool(finding.held))
