"""JUnit XML: one test suite for each bench, one test case for each scenario.

Rules: the form is the one that Ant, Jenkins and GitLab agree on: the root carries no attribute, a suite its counts and
its time, then properties, cases, and the two outputs. A scenario that did not hold is a failure with every finding and
the command that repeats it; one that could not be run to its end is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from hil.report.outcome import Outcome
from hil.report.scale import clean
from hil.report.words import findings_in_words


def junit(outcomes: Sequence[Outcome], now: str) -> str:
    """The document. ``now``: when the run began, ISO 8601 without a zone."""
    root = ElementTree.Element("testsuites")
    for number, bench in enumerate(dict.fromkeys(outcome.bench for outcome in outcomes)):
        _suite(root, number, bench, [outcome for outcome in outcomes if outcome.bench == bench], now)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _suite(root: ElementTree.Element, number: int, bench: str, outcomes: Sequence[Outcome], now: str) -> None:
    errors = sum(bool(outcome.trouble) for outcome in outcomes)
    suite = ElementTree.SubElement(
        root,
        "testsuite",
        id=str(number),
        package="powerwarden-rig",
        name=clean(bench),
        timestamp=now,
        hostname="localhost",
        tests=str(len(outcomes)),
        failures=str(sum(not outcome.passed for outcome in outcomes) - errors),
        errors=str(errors),
        time=f"{sum(outcome.wall_s for outcome in outcomes):.3f}",
    )
    ElementTree.SubElement(suite, "properties")
    for outcome in outcomes:
        _case(suite, outcome)
    ElementTree.SubElement(suite, "system-out")
    ElementTree.SubElement(suite, "system-err")


def _case(suite: ElementTree.Element, outcome: Outcome) -> None:
    case = ElementTree.SubElement(
        suite,
        "testcase",
        name=clean(outcome.name),
        classname=clean(f"rig.{outcome.bench}"),
        time=f"{outcome.wall_s:.3f}",
    )
    if outcome.passed:
        return
    kind = "error" if outcome.trouble else "failure"
    told = ElementTree.SubElement(
        case, kind, type=clean(outcome.verdict), message=clean(outcome.trouble or outcome.verdict)
    )
    told.text = clean("\n".join([*findings_in_words(outcome), f"repeat: {outcome.repeat}"]))
