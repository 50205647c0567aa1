"""Ctrl-C at any moment, and a disk that takes nothing: what there is is kept, and nothing is left running."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from scripted_bench import ScriptedBench, scenario

from hil import rig_run
from hil.report.words import summary
from hil.rig_progress import Lines
from hil.rig_run import Settings, run_all, run_one
from hil.unix_socket import RigError

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0


class Impatient(ScriptedBench):
    """Somebody presses Ctrl-C while it is being closed."""

    def close(self) -> None:
        super().close()
        if self.closed == 1:
            raise KeyboardInterrupt


def run(out: Path) -> list[str]:
    settings = Settings(out=out, make=lambda _settings: ScriptedBench())
    outcomes = run_all([scenario("a"), scenario("b"), scenario("c")], settings, Lines(), now="2026-11-21T15:00:00")
    return [outcome.name for outcome in outcomes]


def test_a_second_ctrl_c_does_not_leave_half_of_a_bench_running() -> None:
    bench = Impatient()
    done = run_one(scenario(expectations=()), bench, 1)
    assert bench.closed == 2
    assert done.trouble.startswith("stopped by hand")
    assert not done.passed


def test_ctrl_c_while_a_page_is_drawn_keeps_the_runs_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = rig_run.run_page

    def page(run: rig_run.Run, *more: object) -> str:
        if run.scenario.name == "b":
            raise KeyboardInterrupt
        return draw(run, *more)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(rig_run, "run_page", page)
    assert run(tmp_path) == ["a"]
    assert "2 did not come to run: b, c" in (tmp_path / "index.html").read_text("utf-8")


@pytest.mark.parametrize("name", ["a.virtual.html", "junit.xml", "index.html"])
def test_results_that_cannot_be_written_are_one_clear_error(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(RigError, match=r"the results cannot be written \(Is a directory\); choose another --out"):
        run(tmp_path)


def test_nothing_that_came_to_its_end_is_not_everything() -> None:
    assert summary([], 3.0)[-1].startswith("nothing came to its end")


def test_who_runs_scenarios_side_by_side_dies_with_the_process_that_started_him(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hil.cli", "run", "--jobs", "2", "--out", str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    assert "held" in process.stdout.readline()  # and some ninety more are to come
    process.kill()
    process.communicate(timeout=PATIENCE_S)  # ends when the last of them has closed its output
