"""The supply, the latches, and a contactor that may break no current (H02, H04, H10, H19)."""

from __future__ import annotations

from explain_scenes import Place, calm
from test_explain_questions import parts

from supervisor.explain.show import text
from supervisor.kernel.lease import Verb
from supervisor.kernel.question import NO


def said(place: Place) -> list[str]:
    return parts(text(place.explain()))


def charging() -> Place:
    return calm("mains").wish(16_000).live(10_000)


def dimmed() -> Place:
    place = charging()
    place.say = {"battery.request_full_charge": 1}
    return place.live(3_000)


def warm_cell() -> Place:
    """A nuisance latch whose cause has been gone for its clearing time."""
    place = charging()
    place.say = {"battery.temperature": 46_000}
    place.live(3_000)
    place.say = {}
    return place.live(40_000)


def test_the_operator_who_dims_is_named_with_his_contact_and_what_ends_it() -> None:
    happened, clears, now = said(dimmed())
    assert "although phone has asked for 16 A: grid.dimming leaves 0 A to 6.086 A" in happened
    assert "the operator may dim what charges the car, and it is paid for" in happened
    assert "grid.dimming: when the operator's contact lets go (battery.request_full_charge is not on)" in clears
    assert "ask for at most 6 A as phone" in now


def test_when_the_operators_contact_lets_go_the_dimming_ends_as_was_said() -> None:
    place = dimmed()
    place.say = {}
    assert place.live(15_000).output("wallbox.current") == 16_000


def test_a_hot_fuse_is_told_apart_from_a_full_one_and_comes_next_in_line() -> None:
    place = charging()
    place.load_ma = 72_000
    place.live(8_000)
    place.load_ma = 2_000
    happened, clears, _ = said(place.live(5_000))
    assert "limits.fuse_l1" in happened
    assert "even then circuits.house.curve leaves 0 A: a gG fuse bears an overload only for so long" in happened
    assert (
        "circuits.house.curve: when the fuse has cooled, which it does while little flows; a stage cooler at" in clears
    )
    assert "of its fuse's patience: hot" in clears


def test_a_fuse_is_a_stage_cooler_when_that_was_said() -> None:
    place = charging()
    place.load_ma = 72_000
    place.live(8_000)
    place.load_ma = 2_000
    clear = next(c for c in place.live(5_000).explain().clears if c.rule == "circuits.house.curve")
    assert clear.in_ms is not None
    stage = place.state.proven.circuits[0].heats[0].stage
    place.live(clear.in_ms - 200)
    assert place.state.proven.circuits[0].heats[0].stage == stage
    assert place.live(400).state.proven.circuits[0].heats[0].stage < stage


def test_a_nuisance_latch_says_that_its_cause_has_gone_and_both_ways_in_which_it_ends() -> None:
    happened, clears, now = said(warm_cell())
    assert "latched (nuisance)" in happened
    assert "for 30 s without a break; that is done" in clears
    assert "an acknowledgement with the installer's key (2 of 2 are left for a day)" in clears
    assert "or by itself after 10 min without a break, at 16:14:" in clears
    assert "acknowledge limits.too_warm with the installer's key powerwarden ack limits.too_warm --key FILE" in now


def test_a_nuisance_latch_whose_cause_is_still_there_is_not_offered_for_acknowledgement() -> None:
    place = charging()
    place.say = {"battery.temperature": 46_000}
    _, clears, now = said(place.live(3_000))
    assert "when battery.temperature is at most 45 degC for 30 s without a break; not so now" in clears
    assert "powerwarden ack" not in now


def test_a_nuisance_latch_ends_by_itself_when_that_was_said() -> None:
    place = warm_cell()
    clear = next(c for c in place.explain().clears if c.rule == "limits.too_warm")
    row = next(i for i, rule in enumerate(place.plan.rules) if rule.id == "limits.too_warm")
    assert clear.in_ms is not None
    place.live(clear.in_ms - 200)
    assert place.state.trips[row].cause is not NO
    assert place.live(400).state.trips[row].cause is NO


def test_an_acknowledgement_that_was_offered_ends_the_latch() -> None:
    place = warm_cell()
    row = next(i for i, rule in enumerate(place.plan.rules) if rule.id == "limits.too_warm")
    place.wish(0, verb=Verb.ACKNOWLEDGE, target="wallbox.current")
    assert place.state.trips[row].cause is not NO  # it is acknowledged by its own name
    place.acknowledge("limits.too_warm")
    assert place.state.trips[row].cause is NO


def greedy() -> Place:
    """A car that takes 17.6 A for longer than its time to follow, where the rest of the house leaves it 16 A."""
    place = charging()
    place.load_ma = 17_000
    place.say = {f"wallbox.current_l{n}": 17_600 for n in (1, 2, 3)}
    place.say |= {f"meter.current_l{n}": 34_600 for n in (1, 2, 3)}
    return place.live(9_500)


def test_a_car_that_takes_more_than_it_was_told_is_named_with_how_much_and_for_how_long_that_counts() -> None:
    place = greedy()
    happened, clears, now = said(place)
    assert "circuits.house leaves 0 A to 14.4 A" in happened
    assert "wallbox.current draws 1.6 A more than it was told, so that much less is left for it" in clears
    assert "until it has not done so for 15 min" in clears
    assert "see to what hangs on wallbox.current: it draws 1.6 A more than it was told" in now
    (clear,) = (clear for clear in place.explain().clears if clear.rule == "circuits.house")
    assert all("less 2 A margin and 1.6 A that it draws beyond what it was told" in line for line in clear.under)


def test_a_car_that_keeps_to_its_offer_is_said_nothing_of() -> None:
    place = charging()
    place.load_ma = 22_000
    assert "more than it was told" not in text(place.live(9_500).explain())


SOCKET = "relays.coil_1"


def clears_socket(place: Place) -> str:
    return parts(text(place.explain(SOCKET)))[1]


def test_a_contactor_that_may_break_no_current_says_what_flows() -> None:
    place = calm("mains").wish(1, SOCKET).live(3_000).wish(0, SOCKET)
    clears = clears_socket(place.live(30_000))
    assert "flow: when nothing flows through it, proven: meter.current_l1 below 0.2 A meter.current_l1 is 2 A" in clears


def test_and_that_a_zero_of_before_does_not_count() -> None:
    place = calm("mains").wish(1, SOCKET).live(3_000)
    place.load_ma = 0
    place.live(3_000).wish(0, SOCKET)
    clears = clears_socket(place.live(1_000))
    assert "below 0.2 A, once no reading of before counts any more, at 16:05:01 (in 1 s)" in clears
    assert "meter.current_l1 is 0 A" in clears
    assert place.live(1_000).state.targets[place.target(SOCKET)].output == 0, "and it is true"
