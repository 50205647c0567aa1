"""The reader of scenario files: what a file means, and for every mistake its line, what is wrong, and the remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hil.scenario import read
from hil.scenario.model import Broker, Clock, Flood, PowerCut, Scenario, ToDevice, ToProcess, Wish
from hil.unix_socket import RigError

POLICIES = Path(__file__).parents[2] / "policies"
HEAD = f"""\
title: A title
why: a reason
house: uc001
site: {POLICIES}/uc001
length: 40 s
"""
TIMELINE = "timeline:\n  - {at: 2 s, set: {plant.load_w: 500}}\n"
AT_2 = "timeline:\n  - {at: 2 s, "
EXPECT = "expect:\n  - {always: wallbox.ampere <= 16}\n"


def loaded(tmp_path: Path, text: str) -> Scenario:
    path = tmp_path / "mine.yaml"
    path.write_text(text, "utf-8")
    return read.load(path)


def events(tmp_path: Path, *entries: str) -> list[object]:
    timeline = "timeline:\n" + "".join(f"  - {entry}\n" for entry in entries)
    return [(event.at_ms, event.action) for event in loaded(tmp_path, HEAD + timeline + EXPECT).events]


def error(tmp_path: Path, text: str) -> str:
    with pytest.raises(RigError) as caught:
        loaded(tmp_path, text)
    told = str(caught.value)
    assert "\n" not in told
    return told


def event_error(tmp_path: Path, entry: str) -> str:
    told = error(tmp_path, HEAD + "timeline:\n  - {at: 1 s, broker: up}\n  - " + entry + "\n" + EXPECT)
    assert re.match(r".*mine\.yaml:8: ", told), told
    return told


def expect_error(tmp_path: Path, entry: str) -> str:
    told = error(tmp_path, HEAD + EXPECT + f"  - {entry}\n")
    assert re.match(r".*mine\.yaml:8: ", told), told
    return told


class TestAWholeFile:
    def test_what_is_left_out_has_its_default(self, tmp_path: Path) -> None:
        scenario = loaded(tmp_path, HEAD + EXPECT)
        assert (scenario.name, scenario.title, scenario.why) == ("mine", "A title", "a reason")
        assert (scenario.seed, scenario.wall, scenario.length_ms) == (1, "2026-06-21T12:00", 40_000)
        assert scenario.benches == ("virtual", "loopback")
        assert (scenario.hazards, scenario.show, scenario.events, dict(scenario.edits)) == ((), (), (), {})
        assert [entry.name for entry in scenario.house.entries] == ["battery", "relays", "meter", "wallbox"]
        assert scenario.house_path.name == "uc001.yaml"

    def test_everything_that_can_be_said(self, tmp_path: Path) -> None:
        more = (
            "hazards: [H05, H30]\nbenches: [virtual]\nseed: 7\nwall: 2026-12-24T16:00\n"
            'show: [plant.grid_w, wallbox.ampere]\nedits: {"late: 20 s": "late: 5 s"}\n'
        )
        scenario = loaded(tmp_path, HEAD + more + EXPECT)
        assert (scenario.hazards, scenario.benches, scenario.seed) == (("H05", "H30"), ("virtual",), 7)
        assert scenario.wall == "2026-12-24T16:00:00"
        assert scenario.show == ("plant.grid_w", "wallbox.ampere")
        assert scenario.edits == {"late: 20 s": "late: 5 s"}

    @pytest.mark.parametrize(
        ("what", "benches"),
        [
            ("clock: +1 h", ("virtual",)),
            ("broker: down", ("loopback",)),
            ("power_cut: 2 s", ("virtual", "loopback")),
        ],
    )
    def test_its_benches_are_those_that_can_do_what_happens(
        self, tmp_path: Path, what: str, benches: tuple[str, ...]
    ) -> None:
        assert loaded(tmp_path, HEAD + f"timeline:\n  - {{at: 2 s, {what}}}\n" + EXPECT).benches == benches

    def test_house_and_site_are_found_from_where_the_file_is(self, tmp_path: Path) -> None:
        (tmp_path / "own.yaml").write_text("devices: {box: {sim: goe_modbus, tcp: 127.0.0.1:15031}}\n", "utf-8")
        (tmp_path / "site").mkdir()
        (tmp_path / "site/site.yaml").write_text("site: mine\n", "utf-8")
        text = HEAD.replace("house: uc001", "house: own.yaml").replace(f"{POLICIES}/uc001", "site")
        assert loaded(tmp_path, text + "expect: [{always: box.ampere <= 16}]\n").house.entries[0].name == "box"

    def test_an_expectation_has_its_window(self, tmp_path: Path) -> None:
        text = HEAD + (
            "expect:\n"
            "  - {within: 5 s, after: 3 s, see: wallbox.ampere >= 9.5, for: 10 s, why: the wish is granted}\n"
            "  - {always: max(plant.grid_w) <= 35, from: 500 ms, to: 0.5 min}\n"
            "  - {never: relays.closed[1] and relays.closed[2]}\n"
            "  - {eventually: total(plant.car_w) < 100, after: 23 s}\n"
            "  - never: max(plant.grid_w) > 35\n"
            "    for: 2 s\n"
        )
        found = loaded(tmp_path, text).expectations
        assert [(e.kind, e.from_ms, e.to_ms, e.for_ms, e.line) for e in found] == [
            ("within", 3000, 8000, 10_000, 7),
            ("always", 500, 30_000, 0, 8),
            ("never", 0, 40_000, 0, 9),
            ("eventually", 23_000, 40_000, 0, 10),
            ("never", 0, 40_000, 2000, 11),
        ]
        assert found[0].why == "the wish is granted"
        assert found[2].condition.text == "relays.closed[1] and relays.closed[2]"


class TestEvents:
    def test_devices_and_plant(self, tmp_path: Path) -> None:
        assert events(tmp_path, "{at: 2 s, set: {plant.load_w: 500, wallbox.car: none}}") == [
            (2000, ToDevice("plant", {"set": "load_w", "value": 500})),
            (2000, ToDevice("wallbox", {"set": "car", "value": "none"})),
        ]

    def test_faults_and_their_end(self, tmp_path: Path) -> None:
        found = events(
            tmp_path,
            "{at: 9 s, clear: {meter: silent, relays: all}}",
            "{at: 5 s, fault: {meter: silent}}",
            "{at: 5 s, fault: {relays: {welded: {contact: 2}, deaf: }, meter: [frozen, late]}}",
        )
        assert found == [
            (5000, ToDevice("meter", {"fault": "silent"})),
            (5000, ToDevice("relays", {"fault": "welded", "contact": 2})),
            (5000, ToDevice("relays", {"fault": "deaf"})),
            (5000, ToDevice("meter", {"fault": "frozen"})),
            (5000, ToDevice("meter", {"fault": "late"})),
            (9000, ToDevice("meter", {"clear": "silent"})),
            (9000, ToDevice("relays", {"clear": True})),
        ]

    def test_wishes(self, tmp_path: Path) -> None:
        assert events(
            tmp_path,
            "{at: 3 s, ask: {as: optimiser, set: wallbox.current, to: 10 A, kind: live, for: 20 s}}",
            "{at: 4 s, ask: {as: phone, set: relays.coil_1, to: on}}",
            "{at: 5 s, ask: {as: phone, set: relays.coil_1, to: open}}",
            "{at: 6 s, ask: {as: phone, renew: wallbox.current, for: 1 min}}",
            "{at: 7 s, ask: {as: phone, release: wallbox.current}}",
            "{at: 8 s, ask: {as: phone, stop: wallbox.current}}",
            "{at: 9 s, ask: {as: optimiser, heartbeat: true}}",
            "{at: 10 s, ask: {as: phone, set: wallbox.current, to: 4.2 kW}}",
        ) == [
            (3000, Wish("optimiser", "set", "wallbox.current", 10.0, "A", "live", 20.0)),
            (4000, Wish("phone", "set", "relays.coil_1", 1.0, "flag")),
            (5000, Wish("phone", "set", "relays.coil_1", 0.0, "flag")),
            (6000, Wish("phone", "renew", "wallbox.current", for_s=60.0)),
            (7000, Wish("phone", "release", "wallbox.current")),
            (8000, Wish("phone", "stop", "wallbox.current")),
            (9000, Wish("optimiser", "heartbeat")),
            (10000, Wish("phone", "set", "wallbox.current", 4200.0, "W")),
        ]

    def test_a_position_is_named(self, tmp_path: Path) -> None:
        site = f"{POLICIES}/rebundling"
        head = HEAD.replace("uc001", "rebundling", 1).replace(f"{POLICIES}/uc001", site)
        entry = "timeline:\n  - {at: 1 s, ask: {as: phone, set: bundle.position, to: %s}}\n"
        for word, number in (("open", 0.0), ("house", 1.0), ("car", 2.0)):
            (event,) = loaded(tmp_path, head + entry % word + EXPECT).events
            assert event.action == Wish("phone", "set", "bundle.position", number, "position")
        assert "expected one of open, house, car" in error(tmp_path, head + entry % "cra" + EXPECT)

    def test_a_pressed_button_is_let_go(self, tmp_path: Path) -> None:
        head = HEAD.replace("uc001", "rebundling", 1).replace(f"{POLICIES}/uc001", f"{POLICIES}/rebundling")
        text = head + "timeline: [{at: 10 s, press: panel.car_button, for: 800 ms}]\n" + EXPECT
        assert [(event.at_ms, event.action) for event in loaded(tmp_path, text).events] == [
            (10_000, ToDevice("panel", {"set": "car_button", "value": 1})),
            (10_800, ToDevice("panel", {"set": "car_button", "value": 0})),
        ]

    def test_the_machine_and_the_mad(self, tmp_path: Path) -> None:
        assert events(
            tmp_path,
            "{at: 1 s, flood: {as: optimiser, target: wallbox.current, values: [0 A, 16 A], per_s: 200, for: 5 s}}",
            "{at: 12 s, kill: guardian}",
            "{at: 12 s, stop: can0}",
            "{at: 12 s, resume: [can0, gateway]}",
            "{at: 13 s, clock: +1 h}",
            "{at: 13 s, clock: -30 min}",
            "{at: 14 s, power_cut: 5 s}",
        ) == [
            (1000, Flood("optimiser", "wallbox.current", (0.0, 16.0), "A", 200, 5.0)),
            (12_000, ToProcess("guardian", "kill")),
            (12_000, ToProcess("can0", "stop")),
            (12_000, ToProcess("can0", "resume")),
            (12_000, ToProcess("gateway", "resume")),
            (13_000, Clock(3600.0)),
            (13_000, Clock(-1800.0)),
            (14_000, PowerCut(5.0)),
        ]
        assert events(tmp_path, "{at: 15 s, broker: down}") == [(15_000, Broker(False))]

    def test_every_event_has_its_line_and_a_text_for_people(self, tmp_path: Path) -> None:
        (event,) = loaded(tmp_path, HEAD + TIMELINE + EXPECT).events
        assert (event.line, event.text) == (7, "plant.load_w is set to 500")


@pytest.mark.parametrize(
    ("entry", "wrong", "remedy"),
    [
        ("{at: 5, broker: up}", "a time has a unit", "5 s"),
        ("{at: 5 sec, broker: up}", "'sec' is no unit", "ms, min, h"),
        ("{at: soon, broker: up}", "'soon'", "'5 s'"),
        ("{at: -5 s, broker: up}", "no sign", "'5 s'"),
        ("{at: 41 s, broker: up}", "the scenario has ended at 40 s", "longer"),
        ("{at: 40 s, broker: up}", "the scenario has ended at 40 s", "longer"),
        ("{broker: up}", "`at`", "broker"),
        ("{at: 5 s}", "what happens then", "power_cut"),
        ("{at: 5 s, kil: guardian}", "'kil'", "did you mean kill"),
        ("{at: 5 s, broker: up, for: 5 s}", "only a press takes `for`", "inside"),
        ("{at: 5 s, at: 6 s, broker: up}", "'at' stands here twice", "keep one"),
        ("{at: 5 s, set: {plant.laod_w: 500}}", "plant has no 'laod_w'", "did you mean load_w"),
        ("{at: 5 s, set: {load_w: 500}}", "'load_w' is no DEVICE.NAME", "plant.load_w"),
        ("{at: 5 s, set: {wallbx.car: full}}", "no device 'wallbx'", "did you mean wallbox"),
        ("{at: 5 s, set: {wallbox.car: flying}}", "'flying'", "none, plugged or full"),
        ("{at: 5 s, set: {plant.load_w: -1}}", "load_w", "between 0 and"),
        ("{at: 5 s, set: {plant.load_w: .nan}}", "a number that is one", "fault"),
        ("{at: 5 s, fault: {meter: silnt}}", "meter has no fault 'silnt'", "did you mean silent"),
        ("{at: 5 s, fault: {wallbox: welded, meter: welded}}", "meter has no fault 'welded'", "silent"),
        ("{at: 5 s, fault: {relays: {welded: {contact: 9}}}}", "contact", "4"),
        ("{at: 5 s, fault: {relays: {welded: {contcat: 1}}}}", "no parameter contcat", "contact"),
        ("{at: 5 s, fault: {meter: {nan: {register: current_l4}}}}", "current_l4", "current_l1"),
        ("{at: 5 s, clear: {meter: silnt}}", "no fault 'silnt'", "did you mean silent"),
        ("{at: 5 s, press: panel.button}", "no device 'panel'", "it has battery"),
        ("{at: 5 s, ask: {as: optimizer, stop: wallbox.current}}", "'optimizer'", "did you mean optimiser"),
        ("{at: 5 s, ask: {stop: wallbox.current}}", "`as`", "stop"),
        ("{at: 5 s, ask: {as: phone, set: wallbox.current}}", "set to", "to: 10 A"),
        ("{at: 5 s, ask: {as: phone, set: walbox.current, to: 10 A}}", "'walbox.current'", "did you mean wallbox"),
        ("{at: 5 s, ask: {as: phone, set: current, to: 10 A}}", "'current' is no target", "DEVICE.NAME"),
        ("{at: 5 s, ask: {as: phone, set: wallbox.current, to: 10}}", "10 of what?", "10 A"),
        ("{at: 5 s, ask: {as: phone, set: wallbox.current, to: 10 a}}", "'a' is no unit", "A"),
        ("{at: 5 s, ask: {as: phone, set: wallbox.current, to: 10 A, kind: live, for: 20}}", "has a unit", "20 s"),
        ("{at: 5 s, ask: {as: phone, set: wallbox.current, to: 10 A, kind: alive}}", "'alive'", "did you mean live"),
        ("{at: 5 s, ask: {as: phone, stop: wallbox.current, for: 20 s}}", "takes no `for`", "leave it out"),
        ("{at: 5 s, ask: {as: phone, stop: wallbox.current, release: wallbox.current}}", "one thing", "release"),
        ("{at: 5 s, ask: {as: phone, heartbeat: false}}", "silent", "leave this out"),
        (
            "{at: 5 s, flood: {as: phone, target: wallbox.current, values: [0 A, 1 kW], per_s: 9, for: 1 s}}",
            "A and W",
            "one unit",
        ),
        ("{at: 5 s, flood: {as: phone, target: wallbox.current, values: [0 A], per_s: 9}}", "`for`", "how long"),
        ("{at: 5 s, kill: guardin}", "'guardin'", "did you mean guardian"),
        ("{at: 5 s, stop: can1}", "'can1'", "can0"),
        ("{at: 5 s, clock: 1 h}", "direction", "+1 h"),
        ("{at: 5 s, power_cut: 0 s}", "0 s", "1 ms"),
        ("{at: 5 s, broker: gone}", "'gone'", "up, down"),
        ("just a text", "`key: value`", "just a text"),
    ],
)
def test_a_wrong_event_is_told_with_its_line_and_remedy(tmp_path: Path, entry: str, wrong: str, remedy: str) -> None:
    told = event_error(tmp_path, entry)
    assert wrong in told
    assert remedy in told


@pytest.mark.parametrize(
    ("entry", "wrong", "remedy"),
    [
        ("{always: wallbox.ampre <= 16}", "no fact 'wallbox.ampre'", "did you mean wallbox.ampere"),
        ("{always: panel.ampere <= 16}", "no fact 'panel.ampere'", "did you mean wallbox.ampere"),
        ("{always: wallbox.ampere = 16}", "`=`", "`==`"),
        ("{always: 'relays.closed[5]'}", "relays.closed[5]", "1 to 4"),
        ("{always: wallbox.car_state > 3}", "a text", "=="),
        ("{within: 5 s}", "needs `see`", "condition"),
        ("{within: 5, see: wallbox.ampere > 3}", "a time has a unit", "5 s"),
        ("{see: wallbox.ampere > 3}", "exactly one of", "within"),
        ("{always: wallbox.ampere > 3, never: wallbox.ampere > 3}", "exactly one of", "within"),
        ("{always: wallbox.ampere > 3, for: 5 s}", "'for'", "known here: always, from, to, why"),
        ("{never: wallbox.ampere > 3, form: 5 s}", "'form'", "or from?"),
        ("{never: wallbox.ampere > 3, from: 5 s, to: 5 s}", "window is empty", "5 s to 5 s"),
        ("{never: wallbox.ampere > 3, from: 9 s, to: 5 s}", "window is empty", "9 s to 5 s"),
        ("{never: wallbox.ampere > 3, to: 41 s}", "ends at 40 s", "longer"),
        ("{within: 5 s, after: 36 s, see: wallbox.ampere > 3}", "ends at 40 s", "longer"),
        ("{within: 5 s, after: 30 s, see: wallbox.ampere > 3, for: 6 s}", "until 41 s", "longer"),
        ("{within: 0 s, see: wallbox.ampere > 3}", "window is empty", "0 s"),
        ("{eventually: wallbox.ampere > 3, after: 40 s}", "window is empty", "40 s"),
        ("{never: wallbox.ampere > 3, from: 30 s, for: 10 s}", "could never fail", "for"),
        ("{always: 16}", "16", "compare it"),
        ("{always: wallbox.ampere > 3, why: the car charges, and stays so}", "'and stays so'", "quotes"),
    ],
)
def test_a_wrong_expectation_is_told_with_its_line_and_remedy(
    tmp_path: Path, entry: str, wrong: str, remedy: str
) -> None:
    told = expect_error(tmp_path, entry)
    assert wrong in told
    assert remedy in told


@pytest.mark.parametrize(
    ("text", "line", "wrong"),
    [
        (HEAD + "hazrads: [H05]\n" + EXPECT, 6, "did you mean hazards"),
        (HEAD + "hazards: [H31]\n" + EXPECT, 6, "H01 to H30"),
        (HEAD + "hazards: [H5]\n" + EXPECT, 6, "H01 to H30"),
        (HEAD + "benches: [virtuel]\n" + EXPECT, 6, "did you mean virtual"),
        (HEAD + "benches: []\n" + EXPECT, 6, "name each bench once"),
        (HEAD + "benches: [loopback]\n" + AT_2 + "clock: +1 h}\n" + EXPECT, 6, "cannot do what line 8 wants"),
        (HEAD + "benches: [virtual]\n" + AT_2 + "broker: up}\n" + EXPECT, 6, "cannot do what line 8 wants"),
        (HEAD + "benches: [bench]\n" + AT_2 + "kill: can0}\n" + EXPECT, 6, "cannot do what line 8 wants"),
        (HEAD + AT_2 + "broker: up}\n  - {at: 3 s, clock: +1 h}\n" + EXPECT, 1, "make it two"),
        (HEAD + "seed: one\n" + EXPECT, 6, "whole number"),
        (HEAD + "seed: 1.5\n" + EXPECT, 6, "whole number"),
        (HEAD + "wall: noon\n" + EXPECT, 6, "2026-06-21T16:00"),
        (HEAD + "wall: 2026-06-31T12:00\n" + EXPECT, 6, "2026-06-21T16:00"),
        (HEAD + "show: [plant.gird_w]\n" + EXPECT, 6, "did you mean plant.grid_w"),
        (HEAD + 'edits: {"late: 21 s": "late: 5 s"}\n' + EXPECT, 6, "in no document"),
        (HEAD + "title: again\n" + EXPECT, 6, "'title' stands here twice"),
        (HEAD + "expect: []\n", 6, "cannot fail"),
        (HEAD + "expect:\n", 6, "cannot fail"),
        (HEAD, 1, "needs `expect`"),
        (HEAD.replace("length: 40 s\n", "") + EXPECT, 1, "needs `length`"),
        (HEAD.replace("40 s", "40") + EXPECT, 5, "a time has a unit"),
        (HEAD.replace("house: uc001", "house: uc01") + EXPECT, 3, "did you mean uc001"),
        (HEAD.replace(f"{POLICIES}/uc001", "nowhere") + EXPECT, 4, "no site.yaml"),
        (HEAD.replace("A title", "") + EXPECT, 1, "expected a text"),
        (HEAD + "expect:\n  - {always: wallbox.ampere <= 16\n", 8, "no YAML"),
        (HEAD + "expect:\n\t- x\n", 7, "no YAML"),
        (HEAD + "expect: &a [*a]\n", 6, "contains itself"),
        (HEAD + "? [a]\n: b\n" + EXPECT, 6, "a key must be a word"),
        ("", 1, "empty"),
        ("- a\n", 1, "`key: value`"),
    ],
)
def test_a_wrong_file_is_told_with_its_line(tmp_path: Path, text: str, line: int, wrong: str) -> None:
    told = error(tmp_path, text)
    assert re.match(rf".*mine\.yaml:{line}: ", told), told
    assert wrong in told


def test_an_error_in_the_house_names_the_house(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("devices: {box: {sim: toaster, tcp: 127.0.0.1:15031}}\n", "utf-8")
    assert re.match(r".*own\.yaml:1: .*toaster", error(tmp_path, HEAD.replace("uc001", "own.yaml", 1) + EXPECT))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RigError, match=r"none\.yaml: cannot be read"):
        read.load(tmp_path / "none.yaml")


def test_edits_are_done_before_names_are_looked_up(tmp_path: Path) -> None:
    text = HEAD + 'edits: {"  phone:  ": "  tablet:  "}\n'
    ask = "timeline:\n  - {at: 1 s, ask: {as: %s, stop: wallbox.current}}\n"
    assert loaded(tmp_path, text + ask % "tablet" + EXPECT).events
    assert "expected one of" in error(tmp_path, text + ask % "phone" + EXPECT)


class TestFinding:
    def test_a_file_a_name_a_folder_and_a_pattern(self, tmp_path: Path) -> None:
        path = tmp_path / "own.yaml"
        path.touch()
        assert read.find(str(path)) == [path]
        assert read.find(str(tmp_path)) == [path]
        assert [found.stem for found in read.find("lease_ends")] == ["lease_ends"]
        assert "lease_ends" in [found.stem for found in read.find("uc001")]
        assert [found.stem for found in read.find("uc001/lease_*")] == ["lease_ends"]
        assert [found.stem for found in read.find("lease_e*")] == ["lease_ends"]

    @pytest.mark.parametrize("name", ["lease_end", "", "nothing/*"])
    def test_nothing_is_an_error_that_tells_what_there_is(self, name: str) -> None:
        with pytest.raises(RigError, match="lease_ends"):
            read.find(name)

    def test_names_are_unique_over_all_folders(self) -> None:
        names = read.built_in()
        assert len(dict.fromkeys(names)) == len(names)
        assert names
