"""A night of hiccups needs no hand in the morning: the inverter sleeps, the meter reboots, the wallbox loses its Wi-Fi,
Home Assistant is restarted for twelve minutes, twice, and the battery goes down to its last fifth in between.

The example house with an inverter, stepped each second from 18:00 to 08:00. What people would notice is asserted while
it happens: the car goes on with what is safe, nothing latches, and who asks again afterwards is granted again.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernel_house import House
from kernel_toys import ask

from supervisor.kernel.event import EventKind
from supervisor.kernel.lease import Request, Verb, Verdict
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import NO
from supervisor.loader.load import load

EXAMPLE = Path(__file__).parents[2] / "policies" / "uc001"
INVERTER = """  inverter:
    driver: sunspec_modbus
    bus: lan
    optional: true                  # it sleeps at night, and some then say nothing at all
    options: {host: 127.0.0.1, port: 15099, rating_w: 8000}
    targets: {power_limit: {silence: 0 W, hold: 5 s, ramp: 1 kW/s}}

circuits:"""
MINUTE, HOUR = 60, 3_600
HELD_AMPERE, SIX_MA = 10, 6_000


@pytest.fixture(scope="module")
def night_plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder = Path(shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("night") / "house"))
    text = (folder / "site.yaml").read_text()
    text = text.replace("cycle: 50 ms", "cycle: 1 s").replace("\ncircuits:", INVERTER, 1)
    (folder / "site.yaml").write_text(text)
    return load(folder).plan


class Night(House):
    """``at`` counts seconds from 18:00. Troubles are windows: from, to, and what is silent then."""

    def __init__(self, about: Plan, dice: random.Random) -> None:
        super().__init__(about)
        self.at = 0
        code = {name: value for value, name in enumerate(["", "off", "sleeping", "starting", "mppt"])}
        self.codes = code
        self.home_assistant = [(2 * HOUR, 2 * HOUR + 12 * MINUTE), (9 * HOUR, 9 * HOUR + 12 * MINUTE)]
        self.meter = [(at, at + 90) for at in (4 * HOUR, 8 * HOUR + dice.randrange(600))]
        self.wifi = [(at, at + dice.randrange(20, 1_200)) for at in (3 * HOUR, 5 * HOUR, 9 * HOUR + 300)]
        self.dark = [(HOUR + 30 * MINUTE, 12 * HOUR)]
        self.low = [(6 * HOUR, 7 * HOUR)]
        self.granted: list[int] = []
        self.told: dict[int, int] = {}
        self.modes: dict[int, str] = {}

    def within(self, windows: list[tuple[int, int]]) -> bool:
        return any(begin <= self.at < end for begin, end in windows)

    def second(self) -> None:
        """One second of the night."""
        self.silent = {name for name, when in (("meter", self.meter), ("wallbox", self.wifi)) if self.within(when)}
        self.say = {"battery.soc": 150 if self.within(self.low) else 600}
        if self.within([(begin + 90, begin + 93) for begin, _ in self.meter]):
            self.say |= {f"meter.voltage_l{phase}": 0 for phase in (1, 2, 3)}  # its first words after a reboot
        if not self.within(self.dark):
            asleep = HOUR < self.at < 13 * HOUR
            self.say |= {
                signal.id: self.codes["sleeping" if asleep else "mppt"] if signal.id == "inverter.state" else 0
                for signal in self.plan.signals
                if signal.id.startswith("inverter.")
            }
        wishes = list(self.wishes())
        result = self.cycle(*wishes)
        for wish, decision in zip(wishes, result.decisions, strict=True):
            if wish.verb is Verb.SET and decision.verdict in (Verdict.GRANTED, Verdict.CLIPPED):
                self.granted.append(self.at)
        self.at += 1

    def wishes(self) -> Iterator[Request]:
        """The optimiser asks for ten ampere every ten seconds, for thirty, as long as Home Assistant runs."""
        if self.at % 10 == 0 and not self.within(self.home_assistant):
            yield self.wish("optimiser", HELD_AMPERE)

    def wish(self, identity: str, ampere: int) -> Request:
        return ask(identity=identity, target="wallbox.current", value=ampere * 1_000, now_ms=self.now_ms)


@pytest.fixture(scope="module")
def morning(night_plan: Plan) -> Night:
    """The night, lived through once."""
    night = Night(night_plan, random.Random(1))
    for _ in range(14 * HOUR):
        night.second()
        night.told[night.at], night.modes[night.at] = night.output("wallbox.current") or 0, night.mode
    return night


def test_it_needs_no_hand_in_the_morning(morning: Night) -> None:
    assert "fault" not in morning.modes.values()
    assert morning.mode == "normal"
    assert not any(trip.latched or trip.cause is not NO for trip in morning.state.trips)
    assert not any(state.stopped_by or state.astray for state in morning.state.targets)
    assert morning.told[14 * HOUR] == HELD_AMPERE * 1_000
    starts = sum(morning.told[at] > 0 == morning.told[at - 1] for at in range(2, 14 * HOUR))
    assert starts <= 12, "the car is not switched on and off all night"


def test_while_home_assistant_is_away_the_car_gets_six_ampere_and_afterwards_what_it_had(morning: Night) -> None:
    away = 0
    for begin, end in morning.home_assistant:
        hidden = [(b, e + 2 * MINUTE) for b, e in morning.wifi + morning.meter]
        for at in range(begin + 2 * MINUTE, end):
            if not any(b <= at < e for b, e in hidden):
                away += 1
                assert (morning.modes[at], morning.told[at]) == ("orchestrator_lost", SIX_MA), at
        assert min(at for at in morning.granted if at >= end) <= end + 10, "whoever comes back is granted at once"
    assert away > 12 * MINUTE


def test_while_a_part_is_out_of_sight_nothing_flows_that_needs_it_and_then_all_is_as_before(morning: Night) -> None:
    lost = morning.home_assistant + morning.meter + morning.wifi
    for begin, end in morning.meter + morning.wifi:
        assert all(morning.told[at] <= SIX_MA for at in range(begin + 10, end))
        back = end + 3 * MINUTE
        if not any(b <= back < e + MINUTE for b, e in lost):
            assert morning.told[back] == HELD_AMPERE * 1_000


def test_the_hiccups_are_told_and_end_by_themselves(morning: Night) -> None:
    acted = [event.subject for event in morning.events if event.kind is EventKind.TRIP]
    ended = [event.subject for event in morning.events if event.kind is EventKind.CLEARED]
    assert {"limits.meter_lost", "limits.wallbox_lost", "limits.battery_low"} <= set(acted)
    for rule in {name for name in acted if name.startswith("limits.")}:
        assert acted.count(rule) == ended.count(rule) <= 12


def test_whoever_asks_in_the_morning_is_granted(morning: Night) -> None:
    (decision,) = morning.cycle(morning.wish("phone", 16)).decisions
    assert decision.verdict is Verdict.GRANTED
