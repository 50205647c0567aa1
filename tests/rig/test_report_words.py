"""Runs in words: for a terminal, for a build server, for whoever lives in the house."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from scripted_bench import EVENTS, EXPECTED, ScriptedBench, at_least, at_most, expect, scenario, to_device

from hil.house import find, load
from hil.report.facts import unit_of
from hil.report.index import index_page
from hil.report.junit import junit
from hil.report.outcome import Outcome, outcome_of, page_name
from hil.report.phrase import action_in_words, condition_in_words
from hil.report.scale import amount, span
from hil.report.story import story
from hil.report.words import in_words, summary
from hil.rig_run import run_one
from hil.scenario.model import Broker, Clock, Flood, PowerCut, Scenario, ToProcess

NOW = "2026-11-21T15:00:00"
UC001 = load(find("uc001"))
TOO_LOW = expect("always", at_most("plant.grid_a", 25), 6000, 35_000, why="a smaller fuse")
NOT_SEEN = expect("eventually", at_least("wallbox.ampere", 20), 20_000, 30_000)


def outcome(whole: Scenario | None = None, breaks: str = "", bench: str = "virtual") -> Outcome:
    run = run_one(whole or scenario(), ScriptedBench(breaks, bench), 7)
    run.repeat = f"powerwarden-rig run x --bench {bench} --seed 7"
    return outcome_of(run, NOW)


def failing() -> Outcome:
    return outcome(scenario("too_low", expectations=(*EXPECTED, TOO_LOW, NOT_SEEN)))


# ---- for a terminal -------------------------------------------------------------------------------------------------
def test_a_summary_says_first_what_failed_where_it_stands_and_how_to_repeat_it() -> None:
    lines = in_words(failing())
    assert lines[1] == "  Did not hold: 2 of 6 expectations failed."
    assert lines[2] == (
        "  FAILED always max(plant.grid_a) <= 25, 6 s to 35 s: 31.7391 A, limit 25 A, at 33.3 s (a smaller fuse) "
        "[my/too_low.yaml:20]"
    )
    assert "limit 20 A" in lines[3]
    assert all(line.startswith("  held") for line in lines[4:-1])
    assert lines[-1] == "  repeat: powerwarden-rig run x --bench virtual --seed 7"


def test_a_run_of_many_ends_with_how_many_did_not_hold_and_only_those_are_told_in_full() -> None:
    lines = summary([outcome(), failing()], 2.0)
    assert lines[0] == "The meter falls silent while the car charges"
    assert sum("repeat:" in line for line in lines) == 1
    assert lines[-1] == "1 of 2 did not hold; 80 s of a house's life in 2 s"
    assert summary([outcome()], 0.5) == ["all 1 held; 40 s of a house's life in 500 ms"]


# ---- for whoever lives in the house ---------------------------------------------------------------------------------
def test_a_story_says_when_what_happened_how_soon_it_was_answered_and_the_limit() -> None:
    told = story(run_one(scenario(), ScriptedBench(), 1))
    assert (
        "At 16:00:10 your meter fell silent. Within 1.2 s the current that the wallbox allows was at most 6 A on the "
        "highest phase and stayed so for 4 s (limit: 5 s): the car drops to what can be proven."
    ) in told
    assert "At 16:00:05 stranger asked for 16 A at the wallbox for 60 s (refused)." in told
    assert told[-1] == "Held: all 4 expectations were seen."


def test_a_story_says_what_was_not_seen_as_plainly_as_what_was() -> None:
    told = story(run_one(scenario(expectations=(TOO_LOW, NOT_SEEN)), ScriptedBench(), 1))
    text = " ".join(told)
    assert (
        "At 16:00:33 it was no longer so that the current from the grid was at most 25 A on the highest phase" in text
    )
    assert "It was not seen within 10 s that the current that the wallbox allows was at least 20 A" in text
    assert "31.7391 A, limit 25 A" in text
    assert told[-1] == "Did not hold: 2 of 2 expectations failed."


def test_each_expectation_is_in_the_story_once() -> None:
    run = run_one(scenario(expectations=(*EXPECTED, TOO_LOW, NOT_SEEN)), ScriptedBench(), 1)
    text = " ".join(story(run))
    for finding in run.findings:
        why = finding.expectation.why or "at least 20 A"
        assert text.count(why) == 1


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("wallbox.ampere >= 9.5", "the current that the wallbox allows was at least 9.5 A"),
        ("total(plant.car_w) < 4200", "the power into the car was below 4.2 kW in all"),
        ("not relays.closed[2]", "contact 2 of the contactor node was open"),
        ("relays.closed[1] and relays.closed[2]", "contact 1 of the contactor node was closed and contact 2 of the "
         "contactor node was closed"),
        ("count(relays.closed) > 0", "the number of closed contacts of the contactor node was above 0"),
        ("plant.grid_w[1] <= -50", "the power from the grid on phase 1 was at most -50 W"),
        ("wallbox.car_state == 'charging'", "“wallbox.car_state == 'charging'” was true"),
        ("plant.grid_w[1] < 3 or relays.closed[1]", "“plant.grid_w[1] < 3 or relays.closed[1]” was true"),
        ("not (relays.closed[1] and relays.closed[2])", "“not (relays.closed[1] and relays.closed[2])” was true"),
        ("a.b < 1 < 2", "“a.b < 1 < 2” was true"),
    ],
)  # fmt: skip
def test_a_condition_is_said_in_words_or_as_it_was_written_but_never_wrongly(condition: str, words: str) -> None:
    assert condition_in_words(UC001, condition) == words


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (to_device(0, "relays", fault="welded", contact=2), "contact 2 of your contactor node welded"),
        (to_device(0, "relays", fault="welded"), "contact 1 of your contactor node welded"),
        (to_device(0, "wallbox", fault="welded"), "your wallbox had a fault: the charger's contactor does not open"),
        (to_device(0, "meter", fault="late", ms=800), "your meter began to answer 800 ms late"),
        (to_device(0, "meter", clear="silent"), "your meter was well again"),
        (to_device(0, "plant", set="load_w", value=3000), "the household's consumption became 3 kW"),
        (replace(EVENTS[0], action=ToProcess("guardian", "kill")), "Powerwarden's guardian was killed"),
        (replace(EVENTS[0], action=PowerCut(5)), "the power was cut for 5 s"),
        (replace(EVENTS[0], action=Clock(-3600)), "somebody put the clock back by 60 min"),
        (replace(EVENTS[0], action=Broker(False)), "the MQTT broker was gone"),
        (
            replace(EVENTS[0], action=Flood("evcc", "wallbox.current", (0, 16), "A", 200, 5)),
            "evcc went mad and asked for wallbox.current 200 times a second, for 5 s",
        ),
    ],
)
def test_what_happens_is_said_in_a_householders_words(event: object, words: str) -> None:
    assert action_in_words(UC001, event.action, event.text) == words  # type: ignore[attr-defined]


def test_every_fault_of_every_device_has_words() -> None:
    for name in ("uc001", "rebundling", "island"):
        house = load(find(name))
        for entry in house.entries:
            for kind in entry.make(0).fault_kinds:
                event = to_device(0, entry.name, fault=kind.name)
                words = action_in_words(house, event.action, "")
                assert "your " in words
                assert not {"{", "}", "_"} & set(words.replace(entry.name, ""))


# ---- units ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fact", "unit"),
    [
        ("plant.grid_w", "W"),
        ("plant.load_l1_w", "W"),
        ("plant.grid_a", "A"),
        ("wallbox.ampere", "A"),
        ("wallbox.ampere_flash", "A"),
        ("plant.energy_wh_import", "Wh"),
        ("meter.voltage_l1", "V"),
        ("battery.soc", "%"),
        ("relays.drop_out_ms", "ms"),
        ("relays.writes", ""),
        ("relays.closed[2]", ""),
        ("wallbox.flash_writes", ""),
    ],
)
def test_a_facts_unit_is_told_by_its_name(fact: str, unit: str) -> None:
    assert unit_of(fact) == unit


def test_amounts_and_times_are_said_as_people_say_them() -> None:
    assert [amount(v, "W") for v in (0, -0.0001, 340, 3450, -12_000)] == [
        "0 W",
        "-0.0001 W",
        "340 W",
        "3.45 kW",
        "-12 kW",
    ]
    assert [span(ms) for ms in (0, 340, 12_300, 185_000, 18_720_000)] == [
        "0 s",
        "340 ms",
        "12.3 s",
        "3 min 5 s",
        "5 h 12 min",
    ]


# ---- JUnit ----------------------------------------------------------------------------------------------------------
def test_junit_has_a_case_for_each_scenario_and_bench_in_the_form_that_build_servers_read() -> None:
    made = [outcome(), failing(), outcome(bench="loopback"), outcome(scenario("gone"), "middle")]
    root = ElementTree.fromstring(junit(made, NOW))
    check_form(root)
    assert [(s.get("name"), s.get("tests"), s.get("failures"), s.get("errors")) for s in root] == [
        ("virtual", "3", "1", "1"),
        ("loopback", "1", "0", "0"),
    ]
    [failure] = root.iter("failure")
    assert "31.7391 A, limit 25 A, at 33.3 s" in str(failure.text)
    assert "repeat: powerwarden-rig run x --bench virtual --seed 7" in str(failure.text)
    [error] = root.iter("error")
    assert error.get("message") == "guardian has ended: Killed"


def test_junit_stays_readable_whatever_a_device_or_a_file_said() -> None:
    evil = "\x00\x1b[31m ]]> <&\"' \ud800"
    text = junit([replace_all(outcome(breaks="middle"), evil)], NOW)
    check_form(ElementTree.fromstring(text.encode("utf-8")))


def replace_all(made: Outcome, text: str) -> Outcome:
    import msgspec

    return msgspec.structs.replace(made, name=text, title=text, trouble=text, repeat=text, bench=text, verdict=text)


def check_form(root: ElementTree.Element) -> None:
    """The rules of the usual schema (Ant's JUnit.xsd, as Jenkins and GitLab read it)."""
    assert root.tag == "testsuites"
    assert not root.attrib
    for suite in root:
        assert suite.tag == "testsuite"
        assert set(suite.attrib) == {
            *("name", "timestamp", "hostname", "tests", "failures", "errors", "time", "id", "package"),
        }
        cases = suite.findall("testcase")
        assert [child.tag for child in suite] == ["properties", *["testcase"] * len(cases), "system-out", "system-err"]
        assert int(suite.attrib["tests"]) == len(cases)
        assert float(suite.attrib["time"]) >= 0
        for case in cases:
            assert set(case.attrib) == {"name", "classname", "time"}
            assert len(case) <= 1
            assert all(child.tag in ("failure", "error") for child in case)
            assert all(set(child.attrib) == {"type", "message"} for child in case)


# ---- the index ------------------------------------------------------------------------------------------------------
def test_the_index_shows_each_scenario_on_each_bench_with_its_verdict_and_links_to_its_page() -> None:
    page = index_page([outcome(), failing(), outcome(bench="loopback")], NOW)
    assert "1 of 3 runs did not hold." in page
    for made in ("meter_silent.virtual.html", "meter_silent.loopback.html", "too_low.virtual.html"):
        assert f'href="{made}"' in page
    assert page.index(">too_low") < page.index(">meter_silent")  # what failed stands above


def test_the_index_shows_which_hazard_is_shown_by_which_scenario_and_which_by_none() -> None:
    page = index_page([outcome()], NOW)
    rows = {row.split("</b>")[0][-3:]: row for row in page.split("<tr>") if "<b>H" in row}
    assert len(rows) == 30
    assert "meter_silent" in rows["H04"]
    assert "no scenario in this run" in rows["H05"]


def test_results_of_an_earlier_run_are_marked_and_scenarios_that_did_not_run_are_named() -> None:
    page = index_page([outcome()], "2026-12-24T18:00:00", ["lease_ends"])
    assert "earlier: 2026-11-21 15:00:00" in page
    assert "1 did not come to run: lease_ends" in page


@pytest.mark.parametrize("name", ["../../etc/passwd", "a b/ü", ".hidden", "-rf", "x\x00y"])
def test_a_page_never_leaves_its_folder_whatever_the_scenario_is_called(name: str) -> None:
    file = page_name(name, "virtual")
    assert "/" not in file
    assert "\x00" not in file
    assert not file.startswith((".", "-"))
