"""What is killed, stopped or without power on the virtual bench behaves as processes and devices do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from virtual_course import Course, scenario

from hil.bench.virtual import VirtualBench
from hil.house import find, load
from hil.scenario.model import Action, Broker, Clock, Event, Flood, Moment, PowerCut, ToDevice, ToProcess, Wish
from hil.unix_socket import RigError

CHARGE = Wish("optimiser", "set", "wallbox.current", 10, "A", "live", 600.0)
SOCKET = Wish("phone", "set", "relays.coil_1", 1, "flag", "setting", 3_600.0)


def course(*events: tuple[float, Action], length_s: float = 40, house: str = "uc001") -> Course:
    listed = tuple(Event(round(at_s * 1_000), action, 0, "") for at_s, action in events)
    return Course(scenario(house, round(length_s * 1_000), listed), skip=True)


def after(seen: Course, at_s: float) -> Iterator[Moment]:
    return (moment for moment in seen.moments if moment.at_ms >= at_s * 1_000)


def first(seen: Course, at_s: float, name: str, low: float, high: float) -> float:
    """When a fact is first between the two from ``at_s`` on, in s after it."""
    for moment in after(seen, at_s):
        if low <= float(str(moment.facts[name])) <= high:
            return moment.at_ms / 1_000 - at_s
    raise AssertionError(f"{name} was never between {low} and {high}")


def test_without_the_guardian_the_bus_says_its_silence_image_in_time() -> None:
    seen = course((2, CHARGE), (20, ToProcess("guardian", "kill")), length_s=22)
    assert first(seen, 2, "wallbox.ampere", 10, 10) < 6
    forced = [entry for entry in seen.reached if entry.get("address") == 337 and entry["t"] >= 1_020_000]
    assert forced, "nothing was written"
    assert 500 <= int(str(forced[0]["t"])) - 1_020_000 <= 600, "silence_after: 500 ms"
    assert forced[0]["values"] == [1], "force_state off"


def test_a_guardian_that_comes_back_has_forgotten_leases_and_kept_nothing_open() -> None:
    seen = course((2, CHARGE), (20, ToProcess("guardian", "kill")), length_s=40)
    said = [moment.said["mode"] for moment in after(seen, 20)]
    assert said.index("absent") < len(said) - said[::-1].index("normal") - 1
    assert all(float(str(m.facts["wallbox.ampere"])) <= 10 for m in after(seen, 4))
    assert seen.moments[-1].said["wallbox.current"] == 0, "a lease does not outlive its guardian"


def test_a_stopped_guardian_renews_no_dead_man() -> None:
    events = ((2, SOCKET), (20, ToProcess("guardian", "stop")), (35, ToProcess("guardian", "resume")))
    seen = course(*events, length_s=50)
    assert first(seen, 2, "relays.coils_driven", 1, 1) < 6
    dropped = first(seen, 20, "relays.coils_driven", 0, 0)
    assert 7.5 <= dropped <= 8.2, "the relay node's own drop-out time is 8 s"


def test_a_killed_bus_says_nothing_until_it_is_back() -> None:
    seen = course((12, ToProcess("can0", "kill")), length_s=20)
    times = [int(str(entry["t"])) - 1_012_000 for entry in seen.reached if entry.get("id") == 0x210]
    gap = [(before, later) for before, later in itertools.pairwise(times) if later - before > 200]
    assert len(gap) == 1
    assert gap[0][0] <= 0
    assert 1_500 <= gap[0][1] <= 1_700, "a launcher's pause and a cold start"
    assert seen.moments[-1].said["relays"] == "present"


def test_a_stopped_bus_hears_nothing() -> None:
    seen = course((12, ToProcess("lan", "stop")), (20, ToProcess("lan", "resume")), length_s=30)
    assert next(m for m in after(seen, 19)).said["meter"] == "unseen"
    assert seen.moments[-1].said["meter"] == "ready"


def test_without_power_every_contact_is_open_and_nothing_closes_by_itself_before_the_house_is_seen() -> None:
    seen = course((2, SOCKET), (20, PowerCut(5)), length_s=45)
    assert next(m for m in after(seen, 19)).facts["relays.closed"] == [True, False, False, False]
    dark = [m for m in after(seen, 20.1) if m.at_ms < 25_000]
    assert dark
    assert all(m.facts["relays.closed"] == [False] * 4 for m in dark)
    assert seen.moments[-1].said["mode"] in ("normal", "degraded")


def test_a_wall_clock_that_jumps_moves_nothing() -> None:
    calm = course((2, CHARGE), length_s=20)
    jumped = course((2, CHARGE), (8, Clock(3_600)), (12, Clock(-86_400)), length_s=20)
    assert jumped.reached == calm.reached


def test_what_this_bench_or_house_cannot_do_is_refused_with_a_remedy() -> None:
    bench = VirtualBench()
    bench.open(scenario("uc001", 1_000), 1)
    for action, remedy in (
        (Broker(up=False), "loopback"),
        (ToDevice("toaster", {"fault": "silent"}), "battery, relays, meter, wallbox"),
        (ToDevice("meter", {"fault": "sleepy"}), "silent"),
        (ToProcess("can7", "kill"), "guardian, gateway, can0, lan"),
        (Wish("optimiser", "set", "wallbox.current", 5, "kW", "live", 5), "in A"),
        (Wish("optimiser", "stop", "wallbox.curent"), r"no target 'wallbox.curent'; there are .*wallbox\.current"),
    ):
        with pytest.raises(RigError, match=remedy):
            bench.do(action)
    bench.close()


def test_a_flood_begins_at_once_keeps_its_rate_and_its_turns_and_ends() -> None:
    seen = course((5, Flood("optimiser", "wallbox.current", (14, 6), "A", 0.5, 8)), length_s=20)
    told = [(decision.at_ms, decision.verdict) for decision in seen.bench.decisions]
    assert told == [(at_ms, "granted") for at_ms in (5_050, 7_000, 9_000, 11_000)], "the first in the next cycle"
    assert first(seen, 5, "wallbox.ampere", 7, 14) < 2
    assert first(seen, 7, "wallbox.ampere", 6, 6) < 1


def test_a_gateway_that_is_down_passes_no_wish_on() -> None:
    seen = course((2, ToProcess("gateway", "kill")), (2.5, CHARGE), (6, CHARGE), length_s=15)
    assert [decision.verdict for decision in seen.decisions] == ["unanswered", "granted"]


def test_without_power_there_is_no_process_that_could_be_told_anything() -> None:
    bench = VirtualBench()
    bench.open(scenario("uc001", 30_000), 1)
    bench.do(PowerCut(10))
    for action in (ToProcess("guardian", "kill"), ToProcess("can0", "resume"), PowerCut(2)):
        with pytest.raises(RigError, match="there is no power"):
            bench.do(action)
    dark = [moment.said["mode"] for moment in bench.advance(9_500)]
    assert set(dark[20:]) == {"absent"}
    assert list(bench.advance(30_000))[-1].said["mode"] != "absent"
    bench.close()


def test_a_day_begins_at_the_scenarios_hour_also_without_a_sun(tmp_path: Path) -> None:
    (tmp_path / "uc001.yaml").write_text(find("uc001").read_text().replace("plant:\n", "plant:\n  load: profile\n"))
    found = {}
    for hour in ("03", "20"):
        calm = replace(scenario("uc001", 1_000), house=load(tmp_path / "uc001.yaml"), wall=f"2026-06-21T{hour}:00:00")
        bench = VirtualBench()
        bench.open(calm, 1)
        *_, last = bench.advance(1_000)
        found[hour] = sum(map(float, cast(list[float], last.facts["plant.load_w"])))
        bench.close()
    assert found["20"] > found["03"] + 150, "light and screens in the evening, and nothing of that at night"
