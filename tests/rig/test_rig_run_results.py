"""Running scenarios: everything happens at its time, every moment is judged, and what came of it is written."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from scripted_bench import EVENTS, ScriptedBench, at_most, expect, scenario, scripted

from hil.bench.contract import Bench
from hil.report.outcome import Outcome
from hil.rig_progress import Lines, OnTerminal
from hil.rig_run import Settings, run_all, run_one
from hil.scenario.model import Scenario
from hil.unix_socket import RigError

ROOT = Path(__file__).parents[2]
NOW = "2026-11-21T15:00:00"
FILE = """\
title: {title}
why: the same with one job and with two
house: uc001
site: {site}
length: {length} s
timeline: [{{at: 2 s, fault: {{meter: silent}}}}]
expect:
  - {{always: plant.grid_a[1] <= {limit}, why: the service fuse}}
"""


def run(scenarios: list[Scenario], out: Path, bench: Bench | None = None, **options: object) -> list[Outcome]:
    settings = Settings(out=out, make=scripted if bench is None else lambda _settings: bench, **options)  # type: ignore[arg-type]
    return run_all(scenarios, settings, Lines(), now=NOW)


# ---- one scenario ---------------------------------------------------------------------------------------------------
def test_everything_happens_at_its_time_and_in_its_order() -> None:
    bench = ScriptedBench()
    run_one(scenario(), bench, 5)
    assert bench.done == [(event.at_ms, event.action) for event in EVENTS]
    assert bench.opened == ("meter_silent", 5)
    assert bench.now_ms == 40_000
    assert bench.closed == 1


def test_a_moment_that_no_picture_could_show_is_judged_all_the_same() -> None:
    """12,000 moments, one of which is above the limit."""
    long = scenario(length_ms=1_200_000, expectations=(expect("always", at_most("plant.grid_a", 25), 0, 1_200_000),))
    [finding] = run_one(long, ScriptedBench(), 1).findings
    assert not finding.held
    assert finding.at_ms == 33_300


@pytest.mark.parametrize("breaks", ["open", "middle", "bug", "ctrl-c"])
def test_a_bench_is_closed_whatever_happened_and_the_run_did_not_pass(breaks: str) -> None:
    bench = ScriptedBench(breaks)
    result = run_one(scenario(expectations=()), bench, 1)
    assert bench.closed == 1
    assert result.trouble
    assert not result.passed
    assert len(result.moments) == (0 if breaks == "open" else 149)


def test_what_was_decided_before_a_run_broke_off_is_kept() -> None:
    result = run_one(scenario(), ScriptedBench("middle"), 1)
    assert [finding.held for finding in result.findings] == [True, False, False, False]
    assert "ended at 14.9 s" in result.findings[2].measured


# ---- what is written ------------------------------------------------------------------------------------------------
def test_a_run_writes_an_index_a_page_for_each_scenario_junit_and_results(tmp_path: Path) -> None:
    too_low = scenario("a_failing_one", expectations=(expect("always", at_most("plant.grid_a", 25), 0, 40_000),))
    outcomes = run([scenario(), too_low], tmp_path / "new" / "folder")
    assert [outcome.name for outcome in outcomes] == ["a_failing_one", "meter_silent"]
    out = tmp_path / "new" / "folder"
    assert sorted(path.name for path in out.iterdir()) == [
        "a_failing_one.virtual.html",
        "index.html",
        "junit.xml",
        "meter_silent.virtual.html",
        "results.json",
    ]
    told = json.loads((out / "results.json").read_text("utf-8"))
    assert [(one["name"], one["passed"], one["findings"][0]["held"]) for one in told] == [
        ("a_failing_one", False, False),
        ("meter_silent", True, True),
    ]
    assert told[0]["findings"][0]["measured"] == "31.7391 A, limit 25 A, at 33.3 s"
    assert told[0]["repeat"] == "powerwarden-rig run my/a_failing_one.yaml --bench virtual --seed 1"
    root = ElementTree.parse(out / "junit.xml").getroot()
    assert [case.get("name") for case in root.iter("testcase")] == ["a_failing_one", "meter_silent"]


def test_the_seed_that_was_asked_for_is_used_and_stands_in_the_command_that_repeats_it(tmp_path: Path) -> None:
    bench = ScriptedBench()
    [outcome] = run([scenario()], tmp_path, bench, seed=4711)
    assert bench.opened == ("meter_silent", 4711)
    assert outcome.seed == 4711
    assert outcome.repeat.endswith("--seed 4711")


def test_what_was_found_on_another_bench_stays_in_the_index_and_is_replaced_on_the_same(tmp_path: Path) -> None:
    run([scenario(), scenario("gone")], tmp_path)
    run_all([scenario()], Settings("loopback", tmp_path, make=scripted), Lines(), now="2026-11-22T15:00:00")
    (tmp_path / "gone.virtual.html").unlink()
    run_all([scenario()], Settings("virtual", tmp_path, make=scripted), Lines(), now="2026-11-23T15:00:00")
    told = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert [(one["name"], one["bench"], one["ran_at"][:10]) for one in told] == [
        ("meter_silent", "loopback", "2026-11-22"),
        ("meter_silent", "virtual", "2026-11-23"),
    ]
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "earlier: 2026-11-22" in page
    assert "gone" not in page


def test_ctrl_c_ends_with_what_there_is_and_names_what_did_not_come_to_run(tmp_path: Path) -> None:
    bench = ScriptedBench("ctrl-c")
    outcomes = run([scenario("a"), scenario("b"), scenario("c")], tmp_path, bench)
    assert [(outcome.name, outcome.trouble) for outcome in outcomes] == [("a", "stopped by hand at 14.9 s")]
    assert bench.closed == 1
    assert "2 did not come to run: b, c" in (tmp_path / "index.html").read_text("utf-8")
    assert (tmp_path / "a.virtual.html").exists()


def test_a_folder_that_cannot_be_made_and_results_that_cannot_be_read_are_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RigError, match="choose another --out"):
        run([scenario()], tmp_path / "file")
    (tmp_path / "results.json").write_text("[{")
    with pytest.raises(RigError, match=r"results\.json: cannot be read .* remove it"):
        run([scenario()], tmp_path)


# ---- several at once ------------------------------------------------------------------------------------------------
def files(folder: Path, length: int = 10) -> list[Scenario]:
    from hil.rig_select import select

    for name, limit in (("b_two", 1), ("a_one", 35), ("c_three", 35)):
        text = FILE.format(title=name, site=ROOT / "policies" / "uc001", length=length, limit=limit)
        (folder / f"{name}.yaml").write_text(text, "utf-8")
    return select([str(folder)])


def test_several_jobs_give_the_same_results_as_one_in_the_order_of_the_names(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    scenarios = files(tmp_path / "in")
    made = {
        jobs: run_all(scenarios, Settings(out=tmp_path / str(jobs), make=scripted), Lines(), jobs, NOW)
        for jobs in (1, 2)
    }
    one, two = ([msgspec.structs.replace(outcome, wall_s=0.0) for outcome in made[jobs]] for jobs in (1, 2))
    assert one == two
    assert [outcome.name for outcome in two] == ["a_one", "b_two", "c_three"]
    assert [outcome.passed for outcome in two] == [True, False, True]
    for outcome in two:
        pages = [(tmp_path / str(jobs) / outcome.page).read_text("utf-8") for jobs in (1, 2)]
        assert _without_times(pages[0]) == _without_times(pages[1])


def _without_times(page: str) -> str:
    before, _, after = page.partition("<span>took <b>")
    return before + after.partition("</b>")[2]


# ---- progress -------------------------------------------------------------------------------------------------------
def test_without_a_terminal_there_is_a_plain_line_for_each_scenario(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run([scenario("a"), scenario("b", expectations=(expect("always", at_most("plant.grid_a", 1), 0, 9),))], tmp_path)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("  1 of 2  held       a  virtual  40 s in ")
    assert second.startswith("  2 of 2  ")
    assert "\x1b" not in first + second


def test_bars_go_through_a_run_and_end_with_it(tmp_path: Path) -> None:
    with OnTerminal() as progress:
        outcomes = run_all([scenario("a"), scenario("b")], Settings(out=tmp_path, make=scripted), progress, now=NOW)
    assert len(outcomes) == 2
