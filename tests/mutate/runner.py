"""Runs mutants, each in a process of its own, and says what became of each.

* killed: a test failed. survived: all chosen tests passed. timed out: the process was ended. unloadable: the mutated
  module, or a test file because of it, cannot be imported. crashed: anything else, such as a signal, a process that
  vanished, an error inside pytest, or a test that was chosen and did not run.
* Only "killed" counts as killed. Nothing is shared between two mutants: what one breaks, it breaks for itself.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import pytest

from tests.mutate.edits import ROOT

START_S, TIMES = 45, 6  # a machine that others use, too, is slow at times; a mutant that hangs costs this much


class Outcome(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    TIMED_OUT = "timed out"
    CRASHED = "crashed"
    UNLOADABLE = "unloadable"


@dataclass(frozen=True)
class Planted:
    """A module's text in the place of the real one, and the tests that it meets."""

    module: str
    place: str
    text: str
    groups: list[list[str]]
    cost_s: float


@dataclass(frozen=True)
class Result:
    """``by`` is the test that failed, or what else is known about it."""

    outcome: Outcome
    by: str
    seconds: float


def execute(planted: Planted, python: tuple[str, ...] = ("-m", "tests.mutate.child")) -> Result:
    """Runs one mutant. ``python`` is for tests of this file, which bring a child of their own."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        job, report, log = (Path(folder) / name for name in ("job.json", "report.json", "log.txt"))
        told = {**asdict(planted), "path": str(ROOT / planted.place), "report": str(report)}
        job.write_text(json.dumps(told), encoding="utf-8")
        code = _wait([sys.executable, *python, str(job)], log, START_S + TIMES * planted.cost_s)
        said = json.loads(report.read_text(encoding="utf-8")) if report.exists() else None
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    outcome, by = judge(code, said, len(planted.groups))
    return Result(outcome, by or (lines[-1] if lines else ""), round(time.monotonic() - began, 1))


def _wait(command: list[str], log: Path, seconds: float) -> int | None:
    """The exit code; None when the time was over. The process and what it has started are gone afterwards."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def judge(code: int | None, said: dict[str, object] | None, groups: int) -> tuple[Outcome, str]:
    """From what the process left behind to the one column where it belongs."""
    if code is None:
        return Outcome.TIMED_OUT, ""
    if code or said is None:
        return Outcome.CRASHED, f"exit code {code}"
    if said["loads"]:
        return Outcome.UNLOADABLE, str(said["loads"])
    if said["code"] == pytest.ExitCode.TESTS_FAILED and said["failed"]:
        return Outcome.KILLED, str(said["failed"])
    if said["code"] == pytest.ExitCode.OK and not said["missing"] and groups:
        return Outcome.SURVIVED, ""
    return Outcome.CRASHED, f"pytest ended with {said['code']}, and {said['missing']} of the chosen tests did not run"
