"""Longer scenes of the loopback bench: a flood, a halted guardian, a broker that goes, an outage in a power cut."""

from __future__ import annotations

import itertools
import os

import pytest
from loopback_scenes import CHARGE, let, numbers, opened, part, scene

from hil.bench.broker import MOSQUITTO
from hil.scenario.model import Broker, Flood, PowerCut, ToDevice, ToProcess
from hil.unix_socket import RigError

pytestmark = pytest.mark.skipif(
    os.environ.get("POWERWARDEN_RIG_LOOPBACK") != "1",
    reason="a minute of real time: POWERWARDEN_RIG_LOOPBACK=1 runs it",
)
WITH_BROKER = {
    "start_grace: 10 s": "start_grace: 10 s\ngateway: {mqtt: {host: broker.example, port: 18830, tls: true}}"
}


def test_a_flood_is_counted_and_makes_no_look_late() -> None:
    with opened(scene()) as bench:
        let(bench, 1_000)
        moments = let(bench, 6_000, Flood("optimiser", "wallbox.current", (0.0, 16.0), "A", 200.0, 3.0), CHARGE)
    floods = [decision for decision in bench.decisions if decision.verdict == "flood"]
    assert len(floods) == 1
    said, _, planned = floods[0].text.partition(" of ")
    assert 100 <= int(said) <= 600
    assert planned.startswith("600 wishes said: ")
    gaps = sorted(later.at_ms - earlier.at_ms for earlier, later in itertools.pairwise(moments))
    assert gaps[len(gaps) * 9 // 10] <= 150
    assert len(bench.decisions) == 2, "a flood is one decision, and a wish beside it another"


def test_a_halted_guardian_is_no_dead_one_and_goes_on_when_it_is_resumed() -> None:
    with opened(scene()) as bench:
        let(bench, 1_500)
        halted = let(bench, 5_500, ToProcess("guardian", "stop"), CHARGE)
        writes = numbers(halted, "relays.writes")
        assert writes[-1] - writes[len(writes) // 2] <= 1, "nobody commands while the guardian is halted"
        assert halted[-1].said == {}, "an old picture is none"
        again = let(bench, 8_500, ToProcess("guardian", "resume"))
        assert numbers(again, "relays.writes")[-1] > writes[-1] + 3
        assert bench.decisions, "a wish that nobody answered is told, too"


def test_a_broker_goes_and_comes_and_the_run_goes_on() -> None:
    assert MOSQUITTO, "apt-get install mosquitto"
    with opened(scene(WITH_BROKER)) as bench:
        let(bench, 1_000)
        first = part_of_broker()
        let(bench, 2_500, Broker(False))
        assert part_of_broker() == 0
        let(bench, 4_500, Broker(True))
        assert part_of_broker() not in (0, first)


def part_of_broker() -> int:
    from loopback_scenes import ours

    return next((child.pid for child in ours() if "mosquitto" in child.name()), 0)


def test_a_site_without_a_broker_says_so() -> None:
    with opened(scene()) as bench, pytest.raises(RigError, match=r"no broker: gateway: mqtt: in its site.yaml"):
        bench.do(Broker(False))


def test_an_outage_that_the_scenario_made_outlives_a_power_cut() -> None:
    with opened(scene()) as bench:
        let(bench, 1_000, ToDevice("plant", {"set": "voltage_v", "value": 207}))
        let(bench, 3_000, PowerCut(1.0), ToDevice("relays", {"fault": "deaf"}))
        moments = let(bench, 4_500)
        volts = moments[-1].facts["plant.voltage_v"]
        assert isinstance(volts, list)
        assert 200 < max(volts) <= 207
        assert part("guardian").is_running()
        with pytest.raises(RigError, match="let the cut before it end first"):
            let(bench, 4_600, PowerCut(1.0), PowerCut(1.0))
