"""What clears it, done: each thing that is said to end a rule does end it, and at the time that was said.

Every test takes the answer, does what it says and nothing else, and looks when the kernel lets go.
"""

from __future__ import annotations

import copy

import pytest
from explain_scenes import Place, calm, course
from test_explain_questions import _phases

from supervisor.explain.account import Clearing
from supervisor.kernel.question import NO

CYCLES = 3  # the rule, the house mode after it, and the cycle in which it is seen


def clearing(place: Place, rule: str, subject: str = "wallbox.current") -> Clearing:
    return next(clear for clear in place.explain(subject).clears if clear.rule == rule)


def lasts(place: Place, rule: str) -> int:
    """How long the rule goes on acting from now, in ms, while the optimiser stays alive."""
    position = next(i for i, row in enumerate(place.plan.rules) if row.id == rule)
    for passed in range(0, 320_000, place.plan.cycle_ms):
        if place.state.trips[position].cause is NO:
            return passed
        place.live(place.plan.cycle_ms)
    raise AssertionError(f"{rule} never ends")


def about(place: Place, ms: int | None) -> range:
    """That time, give or take what the cycles need to see it."""
    assert ms is not None
    return range(ms - place.plan.cycle_ms * CYCLES, ms + place.plan.cycle_ms * CYCLES + 1)


@pytest.mark.parametrize("silent", ["battery", "meter", "wallbox", "relays"])
def test_a_device_that_is_heard_again_for_as_long_as_was_said_ends_its_row(silent: str) -> None:
    place = calm()
    place.silent = {silent}
    said = clearing(place.live(12_000), f"limits.{silent}_lost", "house")
    place.silent = set()
    assert lasts(place, f"limits.{silent}_lost") in about(place, said.takes_ms)


@pytest.mark.parametrize(
    ("rule", "bad", "good"),
    [
        ("limits.battery_low", {"battery.soc": 150}, {"battery.soc": 200}),
        ("limits.battery_protecting", {"battery.protection": 4}, {"battery.protection": 0}),
        ("limits.voltage", {"meter.voltage_l2": 256_000}, {"meter.voltage_l2": 253_000}),
        ("limits.fuse_l1", {"meter.current_l3": 36_000}, {"meter.current_l3": 35_000}),
    ],
)
def test_a_reading_that_just_keeps_the_bound_that_was_said_ends_its_rule_after_the_time_that_was_said(
    rule: str, bad: dict[str, int], good: dict[str, int]
) -> None:
    place = calm().wish(16_000).live(10_000)
    place.say = bad
    said = clearing(place.live(20_000), rule)
    assert said.in_ms is None
    assert "not so now" in said.text
    place.say = good
    assert lasts(place, rule) in about(place, said.takes_ms)


def test_the_bound_that_is_said_is_the_bound_and_one_step_less_does_not_end_it() -> None:
    place = calm().wish(16_000).live(10_000)
    place.say = {"battery.soc": 150}
    assert "battery.soc is at least 20 %" in clearing(place.live(20_000), "limits.battery_low").text
    place.say = {"battery.soc": 199}
    place.live(302_000)
    assert clearing(place, "limits.battery_low").in_ms is None  # it still acts, and no time is running


def test_a_rule_that_did_not_know_ends_sooner_after_its_hold_as_was_said() -> None:
    place = calm().wish(16_000).live(10_000)
    place.broken = {"battery.soc"}
    said = clearing(place.live(30_000), "limits.battery_low")
    place.broken = set()
    assert said.takes_ms == 10_000
    assert lasts(place, "limits.battery_low") in about(place, said.takes_ms)


def test_the_lease_ends_when_it_was_said_to_end() -> None:
    place = calm().wish(10_000, s=40).live(3_000)
    said = clearing(place, "lease")
    assert said.in_ms is not None
    place.live(said.in_ms - 100)
    assert place.state.targets[4].lease is not None
    place.live(200)
    assert place.state.targets[4].lease is None


def test_the_hold_and_the_ramp_take_as_long_as_was_said() -> None:
    place = calm().wish(16_000).live(10_000)
    place.load_ma = 30_000
    place.live(500)
    place.load_ma = 2_000
    said = clearing(place.live(1_000), "hold")
    assert said.in_ms is not None
    place.live(said.in_ms - 200)
    assert place.output("wallbox.current") != 16_000
    place.live(400)
    assert place.output("wallbox.current") == 16_000


@pytest.mark.parametrize("after_ms", [500, 1_500, 3_000])
def test_the_ramp_arrives_when_it_was_said_to_arrive(after_ms: int) -> None:
    place = calm().wish(16_000).live(after_ms)
    said = clearing(place, "ramp")
    assert said.in_ms is not None
    place.live(said.in_ms - 150)
    assert place.output("wallbox.current") != 16_000
    place.live(300)
    assert place.output("wallbox.current") == 16_000


def test_a_stop_ends_with_the_next_granted_request_and_not_before() -> None:
    place = calm().wish(16_000).live(10_000).stop().live(60_000)
    assert clearing(place, "stop").by == "request"
    assert place.output("wallbox.current") == 0
    assert place.wish(16_000, who="optimiser").live(10_000).output("wallbox.current") == 16_000


def test_a_danger_latch_ends_with_the_reset_that_was_named_and_only_after_its_cause() -> None:
    place = _phases()
    place.say = {"panel.estop": 1}
    place.live(2_000)
    place.say = {"panel.estop": 1, "panel.reset": 1}
    place.live(500)
    assert "first its cause must be gone" in clearing(place, "limits.emergency_stop").text
    place.say = {}
    place.live(3_000)
    assert "panel.reset is pressed" in clearing(place, "limits.emergency_stop").text
    place.say = {"panel.reset": 1}
    place.live(100)
    assert lasts(place, "limits.emergency_stop") == 0


def test_the_maintenance_key_turned_back_ends_the_mode_as_was_said() -> None:
    place = _phases()
    place.say = {"panel.key": 1}
    place.live(20_000)
    assert place.mode == "maintenance"
    place.say = {}
    assert place.live(500).mode == "normal"


def test_when_the_others_draw_what_was_said_the_car_gets_what_was_said() -> None:
    place = calm().wish(16_000).live(10_000)
    place.load_ma = 30_000
    assert "6 A are free here when the rest draws at most 27 A" in place.live(3_000).explain().now[0].text
    place.load_ma = 27_001
    assert place.live(15_000).output("wallbox.current") == 0
    place.load_ma = 27_000
    assert place.live(15_000).output("wallbox.current") == 6_000
    place.load_ma = 17_000
    assert place.live(15_000).output("wallbox.current") == 16_000


def test_when_the_dwell_is_over_as_was_said_the_position_is_granted() -> None:
    place = calm("wallbox_phases").live(30_000)
    said = clearing(place, "dwell", "phases")
    assert said.in_ms is not None
    place.now_ms += said.in_ms - 3_000
    assert place.live(2_000).wish(2, "phases.position").state.targets[5].lease is None
    assert place.live(1_500).wish(2, "phases.position").state.targets[5].lease is not None


def test_what_can_be_asked_now_is_granted_when_it_is_asked() -> None:
    granted = 0
    for seed in range(2):
        for place in course("uc001", seed, 40_000):
            for advice in place.explain().now:
                if advice.text.startswith("ask for at most "):
                    amps, who = advice.text.removeprefix("ask for at most ").split(" A as ")
                    tried = copy.copy(place).wish(
                        int(float(amps) * 1000), who=who.split(" or ")[0].split(" (")[0].split(";")[0]
                    )
                    lease = tried.state.targets[4].lease
                    assert lease is not None
                    assert lease.value == int(float(amps) * 1000)
                    granted += 1
    assert granted > 10


@pytest.mark.parametrize("site", ["uc001", "wallbox_phases"])
def test_on_any_course_a_rule_that_time_alone_ends_does_end_then_if_everything_stays_as_it_is(site: str) -> None:
    tried = 0
    for seed in range(2):
        for second, place in enumerate(course(site, 200 + seed, 40_000)):
            if second % 4 == 0:
                tried += sum(_ends(copy.copy(place), clear) for clear in place.explain("house").clears)
    assert tried > 1


def _ends(place: Place, clear: Clearing) -> bool:
    """Follow one clearing; False where it is not by time, or where the world does not stay as it is."""
    position = next((i for i, row in enumerate(place.plan.rules) if row.id == clear.rule), None)
    if clear.by != "time" or clear.in_ms is None or position is None or clear.in_ms > 60_000:
        return False
    begun_ms = place.now_ms - place.plan.cycle_ms  # of the moment that was explained
    while place.now_ms < begun_ms + clear.in_ms:
        place.cycle()
        if place.state.trips[position].answer is not NO:
            return False
        acts = place.state.trips[position].cause is not NO
        assert acts == (place.state.now_ms < begun_ms + clear.in_ms)
    place.cycle()
    assert place.state.trips[position].cause is NO
    return True


def test_what_was_so_in_that_cycle_is_told_and_not_what_the_next_one_would_find() -> None:
    """The changeover leaves its place in this very cycle; what it drains is narrowed from the next one on."""
    place = _phases().wish(2, "phases.position")
    assert place.result is not None
    span = place.result.outputs.envelopes[place.target("wallbox.current")]
    assert span.hi_by != "phases"
    assert place.explain().edges[1].line[0].rule == span.hi_by
    assert place.live(50).explain().edges[1].line[0].rule == "phases"


def test_a_mode_that_ends_with_its_rule_is_not_said_to_bind_after_it() -> None:
    """Without the emergency stop there is no fault, and after a fault the start is over in two cycles."""
    place = _phases()
    place.say = {"panel.estop": 1}
    rules = [link.rule for link in place.live(3_000).explain().edges[1].line]
    assert rules[0] == "limits.emergency_stop"
    assert "house_modes.quiet" not in rules
