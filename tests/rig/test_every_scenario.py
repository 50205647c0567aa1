"""Every scenario that comes with the rig holds on the virtual bench; each that stands in ``findings`` does not yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.bench.virtual import VirtualBench
from hil.report.outcome import outcome_of
from hil.report.words import in_words
from hil.rig_run import run_one
from hil.scenario.model import Run
from hil.scenario.read import SCENARIOS, load

FILES = [path for path in sorted(SCENARIOS.rglob("*.yaml")) if "virtual" in load(path).benches]
FINDINGS = [path for path in FILES if path.parent.name == "findings"]


def run(path: Path) -> Run:
    scenario = load(path)
    return run_one(scenario, VirtualBench(), scenario.seed)


@pytest.mark.parametrize("path", [path for path in FILES if path not in FINDINGS], ids=lambda path: path.stem)
def test_it_holds(path: Path) -> None:
    done = run(path)
    assert done.passed, "\n".join(in_words(outcome_of(done, "")))


def test_what_is_known_not_to_hold_does_not_hold_yet() -> None:
    for path in FINDINGS:  # the folder may be empty, and at its best it is
        done = run(path)
        assert not done.trouble, done.trouble
        assert not done.passed, f"{path.name} holds now: move it out of findings, and tell docs/safety"
