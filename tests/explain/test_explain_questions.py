"""The questions that people really ask, each in a house that was run there, and what has to be said to them (H16).

A row is: the situation, what is asked about, what happened, what clears it, and what can be done. A text is looked for
in its own part of the printed answer, with blanks and line ends as one.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import pytest
from explain_scenes import Place, calm

from supervisor.explain.show import TITLES, text
from supervisor.kernel.keep import guarded, strictest
from supervisor.kernel.state import boot
from supervisor.kernel.trip import Narrowing


class Row(NamedTuple):
    scene: Place
    subject: str
    happened: tuple[str, ...]
    clears: tuple[str, ...]
    now: tuple[str, ...]
    never: tuple[str, ...] = ()


def fuse_is_full() -> Row:
    place = calm().wish(16_000).live(10_000)
    place.load_ma = 30_000
    return Row(
        place.live(3_000), "wallbox.current",
        ("told 0 A, although phone has asked for 16 A: circuits.house leaves only 0 A", "3 A are left",
         "the service fuse of the house is 35 A", "meter.current_l1 is 30 A (good", "of 35 A less 2 A margin"),
        ("circuits.house: when others draw less", "at most 17 A on each phase", "at 2 A/s, about 5 s to 16 A"),
        ("switch off something else behind circuits.house: 6 A are free here when the rest draws at most 27 A",),
    )  # fmt: skip


def fuse_has_tripped() -> Row:
    place = calm().wish(16_000).live(10_000)
    place.load_ma = 36_000
    place.live(3_000)
    place.load_ma = 2_000
    return Row(
        place.live(12_000), "wallbox.current",
        ("limits.fuse_l1", "its terminals get hot", "acts since", "because its condition holds"),
        ("for 1 min without a break; so since", "(in 4"),
        ("or wait: limits.fuse_l1 is over in 4",),
    )  # fmt: skip


def fuse_still_trips() -> Row:
    place = calm().wish(16_000).live(10_000)
    place.load_ma = 36_000
    return Row(
        place.live(3_000), "wallbox.current",
        ("meter.current_l1 is 36 A (good, 0 s old); asked: meter.current_l1 above 35 A",
         "even then circuits.house leaves 0 A"),
        ("when meter.current_l1 is at most 35 A, meter.current_l2 is at most 35 A and meter.current_l3 is at most 35 A"
         " for 1 min without a break; not so now",),
        ("switch off something else",),
    )  # fmt: skip


def battery_is_low() -> Row:
    place = calm().wish(16_000).live(10_000)
    place.say = {"battery.soc": 150}
    return Row(
        place.live(20_000), "wallbox.current",
        ("told 6 A, although phone has asked for 16 A: limits.battery_low", "the last fifth of the battery",
         "battery.soc is 15 % (good, 0 s old); asked: battery.soc below 20 %", "without it: 16 A"),
        ("limits.battery_low: when battery.soc is at least 20 % for 5 min without a break; not so now",),
        ("ask for at most 6 A as phone", '"value": 6, "unit": "A"'),
    )  # fmt: skip


def meter_is_lost() -> Row:
    place = calm().wish(16_000).live(10_000)
    place.silent = {"meter"}
    return Row(
        place.live(20_000), "wallbox.current",
        ("limits.meter_lost", "without the meter the main fuse cannot be watched",
         "nothing of meter for 20 s (it counts for 2 s); last meter.current_l1 was 18 A",
         "even then house_modes.careful_when_degraded leaves 6 A", "even then circuits.house leaves"),
        ("limits.meter_lost: when meter is heard again for 2 s without a break",
         "that is when limits.meter_lost no longer acts and meter is heard"),
        ("look at meter on bus lan (modbus): does it have power, is its cable in",),
    )  # fmt: skip


def two_on_the_bus_are_lost() -> Row:
    place = calm()
    place.silent = {"meter", "wallbox"}
    return Row(
        place.live(20_000),
        "house",
        ("meter is unseen", "wallbox is unseen"),
        ("limits.meter_lost",),
        ("look at meter on bus lan (modbus)", "wallbox on the same bus is silent too, so look at the bus"),
    )


def phone_has_said_stop() -> Row:
    place = calm().wish(16_000).live(10_000).stop()
    return Row(
        place.live(5_000), "wallbox.current",
        ("told 0 A: phone has said stop, and nobody has been granted anything since",),
        ("the stop of phone ends with the next request that is granted; it does not end by itself",),
        ("ask for at most 16 A as optimiser or phone", "that also ends the stop"),
    )  # fmt: skip


def somebody_else_holds_it() -> Row:
    place = calm().wish(10_000).live(10_000).wish(16_000, who="optimiser")
    return Row(
        place.live(1_000), "wallbox.current",
        ("phone holds it for 10 A", "lately refused or clipped", "optimiser: set 16 A: refused",
         "lease.held: one holder per target"),
        ("the lease of phone ends at 17:04",),
        ("ask for at most 16 A as phone",),
        ("ask for at most 16 A as optimiser",),
    )  # fmt: skip


def optimiser_is_lost() -> Row:
    return Row(
        calm().quiet(70_000), "wallbox.current",
        ("told 6 A: nobody holds a lease, so programs.car_keeps_six says 6 A",
         "optimiser is expected and has fallen silent, last heard"),
        (), ("ask for at most 16 A as optimiser or phone",),
    )  # fmt: skip


def optimiser_is_lost_and_the_house_is_asked() -> Row:
    return Row(calm().quiet(70_000), "house", ("mode orchestrator_lost", "optimiser is lost"),
               ("mode orchestrator_lost: with any word from optimiser",), ("powerwarden explain TARGET",))  # fmt: skip


def nobody_has_asked() -> Row:
    return Row(
        calm().live(5_000), "wallbox.current",
        ("told 0 A: nobody holds a lease, so programs.car_waits says 0 A: without an order the car waits",),
        (), ("ask for at most 16 A as optimiser or phone (nothing between 0 A and 6 A)", "curl -X PUT"),
    )  # fmt: skip


def the_house_is_starting() -> Row:
    place = Place("uc001")
    place.silent = {"wallbox"}
    return Row(
        place.live(2_000), "wallbox.current",
        ("house_modes.quiet_start", "nothing new flows before the house has been seen whole",
         "wallbox is not heard yet"),
        ("when wallbox is heard; if not, it then goes on as degraded at",), ("look at wallbox",),
    )  # fmt: skip


def contactor_is_welded() -> Row:
    place = calm().wish(1, "relays.coil_1").live(2_000)
    place.stuck = {1}
    place.wish(0, "relays.coil_1")
    return Row(
        place.live(3_000), "relays.coil_1",
        ("its contactor is welded", "relays.contact_1 is closed", "the house is in mode fault",
         "relays.coil_1 is welded", "it has closed 1 times"),
        ("welded: a local reset, by hand in the house, and this site declares none",
         "relays.contact_1 is closed (good, 0 s old); asked: relays.contact_1 is open"),
        ("somebody in the house has to look after it first",),
        ("ask for closed",),
    )  # fmt: skip


def changeover_waits_for_the_flow() -> Row:
    place = _phases().wish(2, "phases.position")
    place.say = {"feed.current_l1": 3_000}
    return Row(
        place.live(5_000), "phases",
        ("phases.position is told one, although phone has asked for three", "phases is draining from one to three",
         "zero flow is not proven: feed.current_l1 is flowing", "relays.coil_1 is closed",
         "feed.current_l1 is 3 A (good, 0 s old): flowing; zero is up to 0.5 A"),
        ("draining: when nothing flows, proven for 6 s; it gives up at 16:05:2",),
        ("see what still draws, and stop it: feed.current_l1 is 3 A",),
    )  # fmt: skip


def changeover_keeps_the_car_at_zero() -> Row:
    place = _phases().wish(2, "phases.position")
    place.say = {"feed.current_l1": 3_000}
    return Row(
        place.live(5_000), "wallbox.current",
        ("told 0 A, although phone has asked for 16 A: phases leaves only 0 A", "nothing may flow meanwhile"),
        ("phases: when phases has arrived; it goes from one to three",), ("press hands.car_button in the house",),
    )  # fmt: skip


def changeover_has_to_stay() -> Row:
    place = calm("wallbox_phases").live(30_000).wish(2, "phases.position")
    return Row(
        place.live(500), "phases",
        ("phone: set 2: refused (permissions.choose_the_phases permits; phases refuses)",),
        ("dwell: it stays for its dwell, until it may move at 16:11:3", "a button in the house does not wait"),
        ("press hands.car_button in the house (panel.car_button is pressed)",
         "it would be refused (phases: it has not yet stayed for its dwell of 420 s)"), ("ask for three",),
    )  # fmt: skip


def a_meter_was_not_seen_to_see() -> Row:
    place = Place("wallbox_phases")
    place.contacts, place.stuck, place.silent = {1: 0, 2: 1}, {1, 2}, {"wallbox"}
    return Row(
        place.live(40_000), "phases.position",
        ("phases is stranded in open", "relays.coil_2 is closed", "feed.current_l2 is blind"),
        ("when nothing flows, proven for 6 s", "has made sure that nothing draws there: his reset vouches for the"),
        ("press the reset in the house (panel.reset is pressed)",),
    )  # fmt: skip


def maintenance_is_on() -> Row:
    place = _phases()
    place.say = {"panel.key": 1}
    return Row(
        place.live(20_000), "wallbox.current",
        ("the house is in mode maintenance", "somebody in the house has turned the maintenance key",
         "house_modes.quiet"),
        ("that is when somebody in the house turns the key back (panel.key is not on)",),
        ("turn the maintenance key back when the work is done",), ("ask for at most",),
    )  # fmt: skip


def emergency_stop_was_pressed() -> Row:
    place = _phases()
    place.say = {"panel.estop": 1}
    place.live(2_000)
    place.say = {}
    return Row(
        place.live(3_000), "wallbox.current",
        ("More would not be allowed: limits.emergency_stop leaves only 0 A", "somebody has hit the emergency stop",
         "latched (danger)"),
        ("limits.emergency_stop: its cause has gone; now a local reset, by hand in the house (panel.reset is pressed);"
         " what was wished before does not come back by itself",),
        ("press the reset in the house (panel.reset is pressed); no command and no app can do it",), ("ask for",),
    )  # fmt: skip


def emergency_stop_is_still_pressed() -> Row:
    place = _phases()
    place.say = {"panel.estop": 1}
    return Row(
        place.live(3_000), "wallbox.current", ("panel.estop is pressed (good, 0 s old)",),
        ("first its cause must be gone: panel.estop is not pressed for 1 s without a break; then a local reset",),
        ("look for the cause and remove it; then press the reset in the house",),
    )  # fmt: skip


def the_ramp_runs() -> Row:
    return Row(
        calm().wish(16_000).live(2_000), "wallbox.current",
        ("although phone has asked for 16 A: it is on its way up: 2 A/s",),
        ("ramp: it is on its way up: 2 A/s, about 3",), (),
    )  # fmt: skip


def the_hold_runs() -> Row:
    place = calm().wish(16_000).live(10_000)
    place.load_ma = 30_000
    place.live(500)
    place.load_ma = 2_000
    return Row(
        place.live(1_000), "wallbox.current", ("told 0 A, although phone has asked for 16 A: it waits until 16:05:0",),
        ("hold: it waits until 16:05:0", "then 2 A/s, about 5 s to 16 A"), ("or wait: hold is over in 8",),
    )  # fmt: skip


def the_house_only_observes() -> Row:
    return Row(
        calm("uc001", observe=True).wish(16_000).live(12_000), "wallbox.current",
        ("wallbox.current is only watched; it would be told 16 A", "mode observe", "nothing is written to any wire"),
        (), (),
    )  # fmt: skip


def a_reading_is_no_measurement() -> Row:
    place = calm().wish(16_000).live(10_000)
    place.broken = {"battery.soc"}
    return Row(
        place.live(20_000), "wallbox.current",
        ("limits.battery_low", "nobody can know whether battery.soc below 20 %", "invalid: no measurement",
         "battery does not tell all that it must"),
        ("when battery.soc is known again, and battery.soc is at least 20 % for 10 s",),
        ("look at battery: it is heard, but does not tell all that it must (battery.soc is nothing",
         "ask for at most 6 A"),
    )  # fmt: skip


def what_was_kept_cannot_be_read() -> Row:
    place = calm().wish(16_000).live(10_000)
    place.plan = guarded(place.plan)
    place.state = strictest(place.plan, boot(place.plan, place.now_ms), place.now_ms)
    return Row(
        place.live(13_000), "wallbox.current",
        ("what was latched before the last start cannot be read", "mode fault"),
        ("a local reset, and this site declares none",), (), ("ask for at most",),
    )  # fmt: skip


def the_envelope_is_empty() -> Row:
    place = calm().wish(16_000).live(10_000)
    low = Narrowing(place.target("wallbox.current"), 10_000, None)
    rule = next(rule for rule in place.plan.rules if rule.id == "limits.wallbox_lost")
    place.plan = msgspec.structs.replace(
        place.plan,
        rules=tuple(msgspec.structs.replace(r, actions=(low,)) if r is rule else r for r in place.plan.rules),
    )
    place.silent = {"wallbox", "meter"}
    return Row(
        place.live(20_000), "wallbox.current",
        ("nothing but its safe value 0 A", "at least 10 A, because of limits.wallbox_lost",
         "at most 6 A, because of limits.fuse_l1"),
        ("limits.wallbox_lost: when wallbox is heard again", "limits.fuse_l1: when meter is heard again, and"), (),
        ("ask for at most",),
    )  # fmt: skip


def interlock_keeps_it_open() -> Row:
    place = calm("wallbox_phases")
    place.say = {"relays.coil_supply": 15_000}
    return Row(
        place.live(12_000), "phases",
        ("it does not move: relays.coil_1 is kept open by interlocks.supply_of_the_coils",),
        ("interlocks.supply_of_the_coils: when relays.coil_supply within 20 V .. 30 V, for certain",), (),
    )  # fmt: skip


def a_wish_that_no_permission_names() -> Row:
    place = calm().wish(1, "relays.coil_2")
    return Row(
        place.live(500), "relays.coil_2",
        ("phone: set on: refused (permission.none refuses)", "what no permission names cannot be asked"), (),
        ("no use in asking as optimiser or phone: it would be refused (permission.none",), ("curl",),
    )  # fmt: skip


def _phases() -> Place:
    """A house that has charged on one phase for longer than its dwell."""
    place = calm("wallbox_phases").wish(1, "phases.position").live(30_000)
    place.now_ms += 420_000  # the dwell passes; nothing else would have happened
    return place.live(3_000).wish(1, "phases.position").wish(16_000).live(20_000)


QUESTIONS = (
    fuse_is_full, fuse_has_tripped, fuse_still_trips, battery_is_low, meter_is_lost, two_on_the_bus_are_lost,
    phone_has_said_stop, somebody_else_holds_it, optimiser_is_lost, optimiser_is_lost_and_the_house_is_asked,
    nobody_has_asked, the_house_is_starting, contactor_is_welded, changeover_waits_for_the_flow,
    changeover_keeps_the_car_at_zero, changeover_has_to_stay, a_meter_was_not_seen_to_see, maintenance_is_on,
    emergency_stop_was_pressed,
    emergency_stop_is_still_pressed, the_ramp_runs, the_hold_runs, the_house_only_observes, interlock_keeps_it_open,
    a_reading_is_no_measurement, what_was_kept_cannot_be_read, the_envelope_is_empty,
    a_wish_that_no_permission_names,
)  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.__name__)
def test_the_answer_says_what_happened_what_clears_it_and_what_can_be_done(question: object) -> None:
    assert callable(question)
    row = question()
    printed = text(row.scene.explain(row.subject))
    happened, clears, now = parts(printed)
    assert [said for said in row.happened if said not in happened] == [], printed
    assert [said for said in row.clears if said not in clears] == [], printed
    assert [said for said in row.now if said not in now] == [], printed
    assert [said for said in row.never if said in now] == [], printed


def parts(printed: str) -> list[str]:
    """The three parts as one line each; the head belongs to what happened."""
    before, clears = printed.split(TITLES[1])
    clears, now = clears.split(TITLES[2])
    return [" ".join(part.split()) for part in (before, clears, now)]


def test_every_answer_keeps_to_a_hundred_columns_and_says_something_in_each_part() -> None:
    for question in QUESTIONS[:6]:
        row = question()
        printed = text(row.scene.explain(row.subject))
        assert max(map(len, printed.splitlines())) <= 100
        assert all(parts(printed))


def test_what_the_car_itself_draws_is_not_counted_against_it() -> None:
    """It gets 9 A because the rest draws 24 A; the 33 A of the meter contain its own."""
    place = calm().wish(16_000).live(10_000)
    place.load_ma = 24_000
    printed = " ".join(text(place.live(15_000).explain()).split())
    assert "wallbox.current is told 9 A, although phone has asked for 16 A: circuits.house" in printed
    assert "meter.current_l1 is 33 A (good, 0 s old); without this one 24 A, of 35 A less 2 A margin" in printed
