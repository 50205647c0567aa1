"""The simulated panel in virtual time: switches and pulls, coils and their permit, and every way to be broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gpiozero import OutputDevice

from hil.lines import Pull, Request
from hil.sim.device import NEVER_MS
from hil.sim.panel_gpio import Options, Panel
from tests.hil.line_bench import HubThread

INPUTS = (
    "estop=5 stop nc, key=6 key, car_button=13 button, far=12 button active_high, aux_1=19 contact nc follows relays.1"
)
OUTPUTS = "lamp=22 lamp active_low, permit=17 pulse, k1=23 coil active_low proof=proof_1, k2=24 coil"


class Bench:
    """A panel, the program on its lines, and the time in one hand."""

    def __init__(self, inputs: str = INPUTS, outputs: str = OUTPUTS, **options: Any) -> None:
        proof = ", proof_1=20 contact nc" if "proof=" in outputs else ""
        self.panel = Panel("panel", Options(inputs=inputs + proof, outputs=outputs, **options), 0)
        self.now_ms = 0
        self.trace: list[dict[str, Any]] = []
        self.panel.trace = self.trace.append
        self._pulse = 0

    def claim(self, line: int, pull: Pull = "up") -> None:
        self.panel.on_line(Request("input", line, pull=pull), self.now_ms)

    def drive(self, line: int, level: int) -> None:
        self.panel.on_line(Request("output", line, level=1 if level else 0), self.now_ms)

    def read(self, line: int) -> int:
        return self.panel.level(line, self.now_ms)

    def ask(self, **request: object) -> dict[str, Any]:
        reply: dict[str, Any] = self.panel.control(request, self.now_ms)
        assert reply["ok"], reply
        return reply

    def until(self, now_ms: int, pulsing: bool = False) -> None:
        """Pass the time, stopping at each date that the panel has named, and every 100 ms for a pulse."""
        while self.now_ms < now_ms:
            if pulsing and self.now_ms % 100 == 0:
                self._pulse ^= 1
                self.drive(17, self._pulse)
            step_ms = self.now_ms - self.now_ms % 100 + 100 if pulsing else now_ms
            self.now_ms = min(now_ms, step_ms, max(self.panel.next_ms(), self.now_ms + 1))
            self.panel.poll(self.now_ms)

    def levels(self, line: int) -> list[tuple[int, int]]:
        return [(note["t"], note["level"]) for note in self.trace if note["what"] == "level" and note["line"] == line]

    def ends(self, contact: int) -> list[tuple[int, bool]]:
        return [
            (note["t"], note["closed"])
            for note in self.trace
            if note["what"] == "contact" and note["contact"] == contact
        ]

    def closed(self) -> object:
        return self.panel.to_plant(self.now_ms)["contacts"]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    ("name", "line", "pull", "rest", "actuated"),
    [("estop", 5, "up", 0, 1), ("key", 6, "up", 1, 0), ("car_button", 13, "up", 1, 0), ("far", 12, "down", 0, 1)],
)
def test_a_switch_shows_its_rail_or_the_pull(
    bench: Bench, name: str, line: int, pull: Pull, rest: int, actuated: int
) -> None:
    bench.claim(line, pull)
    assert bench.read(line) == rest
    bench.ask(set=name, value="1")
    assert bench.read(line) == actuated
    bench.ask(set=name, value=0)
    assert bench.read(line) == rest


def test_a_wrong_pull_hides_a_switch(bench: Bench) -> None:
    bench.claim(13, "down")
    assert bench.read(13) == 0
    bench.ask(set="car_button", value=True)
    assert bench.read(13) == 0


def test_pulls_at_boot_are_those_of_the_chip(bench: Bench) -> None:
    assert [bench.read(line) for line in (0, 8, 9, 27, 34, 46)] == [1, 1, 0, 0, 1, 1]


def test_an_auxiliary_contact_follows_the_true_contact_of_the_node(bench: Bench) -> None:
    bench.claim(19)
    assert bench.read(19) == 0, "a mirror contact is closed while its main contact is open"
    bench.panel.from_plant({"contacts": {"relays": [True, False], "other": [False]}}, 10)
    assert bench.read(19) == 1
    bench.panel.from_plant({"contacts": {"other": [False]}}, 20)
    bench.panel.from_plant({}, 30)
    assert bench.read(19) == 1, "the last word stays"
    bench.panel.from_plant({"contacts": {"relays": []}}, 40)
    assert bench.read(19) == 0
    assert bench.levels(19) == [(10, 1), (40, 0)]
    assert "aux_1" not in bench.ask(get="faults")["settable"]


def test_a_panel_without_coils_has_no_dates_of_its_own() -> None:
    bench = Bench(outputs="lamp=22 lamp")
    bench.panel.poll(5)
    assert bench.panel.next_ms() == NEVER_MS
    assert bench.panel.to_plant(5) == {"kind": "panel", "contacts": []}


def test_a_stuck_input_keeps_its_level_and_a_repaired_one_tells_the_truth(bench: Bench) -> None:
    bench.claim(13)
    bench.ask(fault="stuck", input="car_button")
    bench.ask(set="car_button", value=1)
    assert bench.read(13) == 1
    bench.ask(clear="stuck")
    assert bench.read(13) == 0


@pytest.mark.parametrize(("name", "line", "pull"), [("estop", 5, "up"), ("key", 6, "up"), ("far", 12, "down")])
def test_a_broken_wire_shows_the_pull(bench: Bench, name: str, line: int, pull: Pull) -> None:
    bench.claim(line, pull)
    bench.ask(fault="broken_wire", input=name)
    for value in (0, 1):
        bench.ask(set=name, value=value)
        assert bench.read(line) == (1 if pull == "up" else 0)


def test_a_chattering_input_alternates_from_the_moment_of_the_fault(bench: Bench) -> None:
    bench.claim(13)
    bench.until(7)
    bench.ask(fault="chatter", input="car_button", ms=5)
    bench.until(25)
    assert bench.levels(13)[-4:] == [(7, 0), (12, 1), (17, 0), (22, 1)]
    assert bench.levels(6) == [], "and nothing else does"


def test_what_a_program_writes_is_recorded_with_the_level_before_and_after(bench: Bench) -> None:
    bench.until(3)
    bench.drive(22, 1)
    bench.drive(22, 0)
    bench.claim(22, "floating")
    writes = bench.ask(get="writes")["writes"]
    assert [(w["t"], w["line"], w["name"], w["do"], w["before"], w["after"]) for w in writes] == [
        (3, 22, "lamp", "output", 1, 1),
        (3, 22, "lamp", "output", 1, 0),
        (3, 22, "lamp", "input", 0, 1),
    ]
    assert [note["on"] for note in bench.trace if note["what"] == "output"] == [True, False]


def test_an_active_low_output_that_is_claimed_low_pulses_and_the_trace_shows_it(bench: Bench) -> None:
    bench.drive(22, 0)
    bench.drive(22, 1)
    assert [(note["name"], note["on"]) for note in bench.trace if note["what"] == "output"] == [
        ("lamp", True),
        ("lamp", False),
    ]


@pytest.mark.parametrize(("keeps", "level"), [(True, 0), (False, 1)])
def test_a_line_outlives_its_owner_or_falls_back(keeps: bool, level: int) -> None:
    bench = Bench(keeps_level=keeps)
    bench.drive(22, 0)
    bench.panel.on_owner_gone([22], 5)
    assert bench.read(22) == level
    assert bench.ask(get="state")["state"]["outputs"]["lamp"]["on"] is keeps
    assert bench.trace[-1 if keeps else -3]["what"] == "owner_gone"


def test_a_stuck_output_reads_another_level_than_written(bench: Bench) -> None:
    bench.drive(22, 1)
    bench.ask(fault="stuck_output", output="lamp", level=0)
    bench.drive(22, 1)
    assert bench.read(22) == 0
    assert bench.ask(get="state")["state"]["outputs"]["lamp"]["on"] is True


def test_a_welded_output_stays_on_once_it_is_on(bench: Bench) -> None:
    bench.drive(22, 1)
    bench.ask(fault="welded_output", output="lamp")
    assert bench.read(22) == 1
    bench.drive(22, 0)
    bench.drive(22, 1)
    assert bench.read(22) == 0
    bench.ask(clear="welded_output")
    bench.until(1)
    assert bench.read(22) == 1


def test_a_coil_needs_pulses_and_its_mirror_proves_it_open(bench: Bench) -> None:
    bench.claim(20)
    bench.drive(23, 0)
    bench.until(500)
    assert (bench.closed(), bench.read(20)) == ([False, False], 0), "without a pulse there is no supply"
    bench.until(1000, pulsing=True)
    assert (bench.closed(), bench.read(20)) == ([True, False], 1)
    assert bench.ends(1) == [(530, True)]
    assert bench.levels(20)[-1] == (500, 1), "the mirror opens before the main contact has closed"
    bench.until(3000)
    assert bench.ends(1)[1:] == [(1920, False)], "the last change was at 900, and a level holds nothing"
    assert bench.read(20) == 0


def test_a_proof_of_a_welded_coil_never_closes(bench: Bench) -> None:
    bench.claim(20)
    bench.drive(23, 0)
    bench.until(400, pulsing=True)
    bench.ask(fault="welded", contact=1)
    bench.drive(23, 1)
    bench.until(800, pulsing=True)
    assert (bench.closed(), bench.read(20)) == ([True, False], 1)


@pytest.mark.parametrize(("fault", "falls"), [("", [1320]), ("one_edge", [1020]), ("permit_welded", [])])
def test_the_permit_relay_hears_changes_and_no_level(fault: str, falls: list[int]) -> None:
    bench = Bench(permit_ms=1000)
    if fault:
        bench.ask(fault=fault)
    bench.drive(24, 1)
    bench.drive(17, 1)
    bench.until(300)
    bench.drive(17, 0)
    bench.until(4000)
    assert [at for at, closed in bench.ends(2) if not closed] == falls


def test_coils_without_a_pulse_output_need_no_permit_and_a_weak_supply_makes_them_chatter() -> None:
    bench = Bench(outputs="k1=23 coil, k2=24 coil")
    bench.ask(fault="sagging", coils=2, ms=100)
    bench.drive(23, 1)
    bench.drive(24, 1)
    bench.until(450)
    assert bench.ends(2) == [(30, True), (120, False), (230, True), (320, False), (430, True)]


def test_with_a_hub_an_active_low_lamp_of_gpiozero_never_pulses(run_dir: Path, bench: Bench) -> None:
    served = HubThread(str(run_dir / "gpio0.sock"), bench.panel)
    try:
        factory = served.factory()
        lamp = OutputDevice(22, active_high=False, initial_value=False, pin_factory=factory)
        button = factory.pin(13)
        button.input_with_pull("up")
        assert button.state is True
        served.do(lambda: bench.ask(set="car_button", value=1))
        assert button.state is False
        assert [note for note in bench.trace if note["what"] == "output"] == []
        lamp.on()
        assert served.do(lambda: bench.ask(get="state")["state"]["outputs"]["lamp"]["on"]) is True
        lamp.close()
    finally:
        served.close()


def options(inputs: str = "", outputs: str = "", **more: Any) -> Callable[[], Options]:
    return lambda: Options(inputs=inputs, outputs=outputs, **more)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (options("estop stop nc"), "begins with NAME=LINE"),
        (options("estop=54 stop nc"), "LINE being 0 to 53"),
        (options("estop=5 stop"), "a stop must be nc"),
        (options("a=5 button loudly"), "loudly means nothing"),
        (options("a=5 button key"), "exactly one of button, key"),
        (options("a=5"), "exactly one of button"),
        (options("a=5 button nc no"), "exactly one of no, nc"),
        (options("a=5 button, a=6 key"), "the name 'a' is used twice"),
        (options("a=5 button", "b=5 lamp"), "line 5 is used twice"),
        (options("a=5 contact follows relays"), "follows wants DEVICE.N"),
        (options("a=5 contact follows relays.9"), "follows wants DEVICE.N"),
        (options("a=5 button follows relays.1"), "follows nobody"),
        (options("", "b=5 lamp nc"), "nc means nothing"),
        (options("", "b=5 lamp proof=a"), "proof=a means nothing"),
        (options("", "b=5 coil proof=a"), "proof=a: wants an `nc` contact"),
        (options("a=6 contact", "b=5 coil proof=a"), "proof=a: wants an `nc` contact"),
        (options("a=6 contact nc", "b=5 coil proof=a, c=7 coil proof=a"), "one for each coil"),
        (options("a=6 contact nc follows relays.1", "b=5 coil proof=a"), "follows nobody"),
        (options("", "b=5 pulse, c=6 pulse"), "one pulse output at most"),
        (options(permit_ms=299), "permit_ms must be 300 to 25000"),
    ],
)
def test_a_panel_that_cannot_be_is_refused(make: Callable[[], Options], told: str) -> None:
    with pytest.raises(ValueError, match="(?i)^.*" + told.replace(".", r"\.")):
        make()
