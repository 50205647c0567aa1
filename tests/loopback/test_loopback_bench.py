"""The loopback bench: real processes, looked at from the rig's side, and ended for certain."""

from __future__ import annotations

import itertools
import threading

import pytest
from loopback_scenes import let, normal, numbers, opened, part, scene, until

from hil.scenario.model import Clock, PowerCut, ToDevice, ToProcess, Wish
from hil.unix_socket import RigError

OPEN = [False, False, False, False]


def test_a_lease_is_granted_seen_on_the_wire_and_ends() -> None:
    edits = {"from: 0 A\n    to: 16 A\n    in: [normal": "from: 0 A\n    to: 12 A\n    in: [normal"}
    with opened(scene(edits)) as bench:
        before = until(bench, 0, normal)
        asked_ms = before[-1].at_ms
        charging = let(bench, asked_ms + 3_000, Wish("optimiser", "set", "wallbox.current", 16.0, "A", "live", 3.0))
        end_ms = asked_ms + 5_500
        after = let(bench, end_ms)
    moments = before + charging + after
    times = [moment.at_ms for moment in moments]
    assert times == sorted(set(times)), "moments come in the order of the time"
    assert times[0] > 0
    assert times[-1] >= end_ms
    assert max(numbers(before, "wallbox.offered_a")[-1:]) == 0
    assert max(numbers(charging, "wallbox.offered_a")) >= 6
    assert numbers(after, "wallbox.offered_a")[-1] == 0, "every accepted value ends"
    assert numbers(moments, "relays.writes")[-1] > numbers(moments, "relays.writes")[0] > 0
    assert [decision.verdict for decision in bench.decisions] == ["clipped"], "the edit has arrived"
    assert bench.decisions[0].who == "optimiser"
    assert asked_ms <= bench.decisions[0].at_ms <= asked_ms + 1_000
    assert {"plant.grid_w", "relays.closed", "meter.writes", "battery.soc"} <= set(moments[0].facts)
    assert moments[-1].said["mode"] == "normal"
    assert moments[-1].said["wallbox.current"] == 0


def test_a_part_that_the_scenario_kills_may_come_back_and_no_other_may_end() -> None:
    with opened(scene()) as bench:
        let(bench, 500)
        old = part("guardian").pid
        moments = until(
            bench, 1_000, lambda moment: moment.at_ms > 2_500 and normal(moment), ToProcess("guardian", "kill")
        )
        assert part("guardian").pid != old
        writes = numbers(moments, "relays.writes")
        quiet = max(later - earlier for earlier, later in zip(writes, writes[5:], strict=False))
        assert writes[-1] > writes[0]
        assert min(later - earlier for earlier, later in zip(writes, writes[5:], strict=False)) < quiet
        with pytest.raises(RigError, match="virtual"):
            bench.do(Clock(3600))
        with pytest.raises(RigError, match=r"no process serves 'fridge'; there are can0, gateway, guardian, lan"):
            bench.do(ToProcess("fridge", "kill"))
        with pytest.raises(RigError, match="no device 'fridge'; it has battery, relays, meter, wallbox, plant"):
            bench.do(ToDevice("fridge", {"fault": "silent"}))
        with pytest.raises(RigError, match="silent"):
            bench.do(ToDevice("meter", {"fault": "sileent"}))
        with pytest.raises(RigError, match="'beg'"):
            bench.do(Wish("optimiser", "beg", "wallbox.current"))
        wallbox = part("wallbox")
        wallbox.suspend()  # a device that answers late is no dead one
        resume = threading.Timer(0.45, wallbox.resume)
        resume.start()
        times = [moments[-1].at_ms, *(moment.at_ms for moment in let(bench, moments[-1].at_ms + 800))]
        resume.join()
        assert max(later - earlier for earlier, later in itertools.pairwise(times)) >= 400, (
            "a late look is told late, and a missed one is not made up"
        )
        part("lan").kill()
        with pytest.raises(RigError, match=r"(?s)lan has ended by itself; its last words:\n +lan \|"):
            let(bench, times[-1] + 2_000)


def test_a_device_that_dies_ends_the_run_with_its_last_words() -> None:
    with opened(scene()) as bench:
        let(bench, 300)
        part("meter").kill()
        with pytest.raises(
            RigError, match=r"(?s)the device meter hung up; its last words:\n +meter\| has ended \(killed"
        ):
            let(bench, 2_000)


def test_after_a_power_cut_contacts_are_open_until_somebody_commands_them_anew() -> None:
    close = Wish("optimiser", "set", "relays.coil_1", 1.0, "flag", "setting", 600.0)
    with opened(scene()) as bench:
        weld = ToDevice("relays", {"fault": "welded", "contact": 2})
        foreign = ToDevice("relays", {"fault": "foreign", "contact": 2})
        ready = until(bench, 0, normal)
        lit = until(bench, ready[-1].at_ms, lambda moment: moment.facts["relays.closed"] == [True, *OPEN[1:]], close)
        cut_ms = lit[-1].at_ms
        let(bench, cut_ms + 300, PowerCut(1.5))
        let(bench, cut_ms + 400, foreign, weld)
        dark = let(bench, cut_ms + 1_500, ToDevice("relays", {"clear": "foreign"}))
        bright = until(bench, cut_ms + 1_500, lambda moment: "mode" in moment.said)
        bright += let(bench, bright[-1].at_ms + 1_000)
    at_least = [moment for moment in dark if cut_ms + 450 < moment.at_ms < cut_ms + 1_500]
    assert len(at_least) >= 8
    for moment in at_least:
        assert moment.facts["relays.closed"] == [False, True, False, False], "only a weld holds without a coil"
        assert moment.facts["plant.voltage_v"] == [0, 0, 0]
        assert moment.facts["plant.car_w"] == [0, 0, 0]
        assert moment.said == {}, "nobody is there who could say anything"
        assert numbers([moment], "relays.writes")[0] <= numbers(lit, "relays.writes")[-1] + 1, "nobody commands"
    first = next(m for m in bright if numbers([m], "relays.writes") > numbers(at_least, "relays.writes")[:1])
    waiting = [moment for moment in bright if moment.at_ms < first.at_ms]
    assert len(waiting) > 2
    assert all(moment.facts["relays.closed"] == [False, True, False, False] for moment in waiting)
    assert min(numbers([bright[-1]], "wallbox.writes")) >= 1
    volts = bright[-1].facts["plant.voltage_v"]
    assert isinstance(volts, list)
    assert min(volts) > 220
    assert bright[-1].said["mode"] in ("starting", "normal", "fault", "degraded")
