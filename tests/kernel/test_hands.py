"""The local hand: edges only, first among the voices, bound by what binds all, and nobody else speaks in its name."""

from __future__ import annotations

import pytest
from kernel_switchyard import AB, COILS_AT, HAND, SWITCH_AT, Yard, parked, yard
from kernel_toys import CONTACTOR, IDENTITIES, START_MS, ask, replace

from supervisor.kernel.event import EventKind
from supervisor.kernel.lease import Verb, Verdict
from supervisor.kernel.machine import Machine
from supervisor.kernel.signal import Quality
from supervisor.kernel.state import boot
from supervisor.kernel.switchgear import Local
from supervisor.kernel.tenure import shut
from supervisor.kernel.trip import Latch


def local(run: Yard, subject: str) -> list[str]:
    return [e.text for e in run.events if e.kind is EventKind.LOCAL and e.subject == subject]


def holder(run: Yard) -> str:
    lease = run.state.targets[SWITCH_AT].lease
    return "" if lease is None else run.plan.identities[lease.holder].name


def resting() -> Yard:
    run = Yard(AB)
    run.go(300)
    return run


# ---- edges -------------------------------------------------------------------------------------------------------
def test_a_press_is_a_wish_with_a_lease_and_a_second_one_lets_go() -> None:
    run = resting()
    run.press()
    assert local(run, HAND) == ["pressed: the car"]
    assert holder(run) == HAND
    run.until("settling")
    assert run.switch.goal == 1
    run.until("resting")
    run.press()
    assert holder(run) == ""
    run.until("breaking")


def test_a_button_that_is_held_is_one_press() -> None:
    run = resting()
    run.press(ms=20_000)
    assert len(local(run, HAND)) == 1


def test_what_is_found_pressed_after_a_start_is_no_press() -> None:
    run = Yard(AB)
    run.say = {"panel.button": 1, "panel.reset": 1}
    run.go(5_000)
    assert holder(run) == ""
    assert not [e for e in run.events if e.kind is EventKind.LOCAL]
    run.say = {}
    run.go(200)
    run.press()
    assert holder(run) == HAND


@pytest.mark.parametrize("name", ["button", "reset"])
def test_what_comes_back_pressed_after_it_was_out_of_sight_is_no_press(name: str) -> None:
    run = resting()
    run.say = {f"panel.{name}": None}
    run.go(1_000)
    run.say = {f"panel.{name}": 1}
    run.go(1_000)
    assert not [e for e in run.events if e.kind is EventKind.LOCAL]


def test_a_doubtful_press_is_none() -> None:
    run = resting()
    run.say = {"panel.button": None}
    for _ in range(5):
        run.tell({"panel.button": 1}, Quality.SUSPECT)
        run.cycle()
    assert holder(run) == ""


def test_a_panel_without_reset_key_and_hands_does_nothing() -> None:
    run = Yard(AB, yard(local=Local()))
    run.say = {"panel.button": 1, "panel.reset": 1, "panel.key": 1}
    run.go(1_000)
    assert not [e for e in run.events if e.kind is EventKind.LOCAL]
    assert not run.state.local.maintenance


# ---- first among the voices, and bound ---------------------------------------------------------------------------
def test_a_hand_takes_over_from_the_network_and_is_not_taken_over() -> None:
    run = resting()
    run.order("b")
    run.press()
    assert holder(run) == HAND
    for identity in ("anna", "ben"):
        decision = run.order("b", identity)
        assert decision.verdict is Verdict.REFUSED
        assert decision.clauses[-1].rule == "lease.held"
    run.go(20_000)
    assert run.at == "a"


@pytest.mark.parametrize("verb", list(Verb))
def test_the_network_cannot_speak_in_a_hands_name(verb: Verb) -> None:
    """Not even say stop: a name that cannot be spoken is no sign of life and no reason to believe anything."""
    run = resting()
    request = ask(verb, HAND, 1 if verb is Verb.SET else None, run.now_ms, target="switch.position", unit="code",
                  kind="setting")  # fmt: skip
    (decision,) = run.cycle(request).decisions
    if verb is Verb.STOP:  # a stop always wins, whoever it was: there is nothing to gain from a false one
        assert decision.verdict in (Verdict.REFUSED, Verdict.DONE)
    else:
        refused = "identity.unknown" if verb is Verb.ACKNOWLEDGE else "identity.local"  # only installers acknowledge
        assert (decision.verdict, decision.clauses[-1].rule) == (Verdict.REFUSED, refused)
    assert holder(run) == ""


def test_the_network_cannot_let_go_of_what_a_hand_holds_by_using_its_name() -> None:
    run = resting()
    run.press()
    for verb in (Verb.RELEASE, Verb.RENEW):
        run.cycle(ask(verb, HAND, now_ms=run.now_ms, target="switch.position"))
    assert holder(run) == HAND


def test_a_stop_ends_a_hands_wish_and_the_next_press_begins_a_new_one() -> None:
    run = parked(drawing=False)
    run.release()
    run.press()
    run.stop()
    assert holder(run) == ""
    run.until("waiting")
    run.go(10_000)
    assert run.at == "open"
    run.press()
    assert holder(run) == HAND
    run.until("settling")


def test_a_trip_goes_before_a_hand() -> None:
    run = resting()
    run.plant.alarm = 1
    run.go(200)
    run.press()
    run.go(20_000)
    assert (run.at, run.step, run.changes) == ("open", "resting", 0)


def test_a_press_while_a_danger_latch_stands_leaves_no_wish_behind() -> None:
    run = Yard(AB, yard(latch=Latch.DANGER))
    run.go(300)
    run.plant.alarm = 1
    run.go(200)
    run.press()
    run.go(100)
    assert holder(run) == ""
    run.plant.alarm = 0
    run.go(5_000)
    run.press()
    run.press("reset")
    run.go(30_000)
    assert (run.at, run.changes, holder(run)) == ("open", 0, "")


def test_a_hand_keeps_what_it_asked_for_and_is_clipped_as_long_as_something_binds_it() -> None:
    run = resting()
    run.plant.alarm = 1
    run.go(200)
    run.press()
    run.go(5_000)
    assert (holder(run), run.at, run.changes) == (HAND, "open", 0)
    run.plant.alarm = 0
    run.until("settling")
    assert run.switch.goal == 1


def test_a_trip_that_comes_later_opens_what_a_hand_has_closed() -> None:
    run = resting()
    run.press()
    run.until("making")
    run.until("resting")
    run.plant.alarm = 1
    run.until("waiting")
    assert run.coils == [0, 0]


# ---- maintenance and reset ---------------------------------------------------------------------------------------
def test_maintenance_opens_locks_and_ends_leases_and_nothing_closes_afterwards_without_a_reset() -> None:
    run = parked(drawing=False)
    run.say = {"panel.key": 1}
    run.go(5_000)
    assert run.contactors == ["locked_out", "locked_out"]
    assert holder(run) == ""
    assert run.mode == "maintenance"
    assert run.order("b").verdict is Verdict.REFUSED
    run.press("reset")
    assert run.contactors == ["locked_out", "locked_out"]
    run.say = {}
    run.go(5_000)
    changes = run.changes
    run.order("b")
    run.press("button")
    run.go(30_000)
    assert (run.contactors, run.coils, run.changes) == (["locked_out", "locked_out"], [0, 0], changes)
    run.press("reset")
    assert run.contactors == ["open", "open"]
    run.go(60_000)
    assert (run.at, run.coils, run.changes) == ("open", [0, 0], changes), "no old wish closes anything"
    run.order("b")
    run.until("settling")
    assert local(run, "local.maintenance") == [
        "maintenance begins: its contactors stay open",
        "maintenance ends: its contactors wait for a local reset",
    ]


def test_maintenance_does_not_end_because_its_key_is_out_of_sight() -> None:
    run = resting()
    run.say = {"panel.key": 1}
    run.go(1_000)
    run.say = {"panel.key": None}
    run.go(60_000)
    assert run.state.local.maintenance
    run.say = {}
    run.go(100)
    assert not run.state.local.maintenance


def test_a_key_that_was_never_seen_begins_nothing() -> None:
    run = Yard(AB)
    run.say = {"panel.key": None}
    run.go(5_000)
    assert not run.state.local.maintenance


def test_maintenance_does_not_break_a_load_that_its_contactor_cannot_break() -> None:
    run = parked()
    run.plant.stubborn_ma = 8_000
    run.say = {"panel.key": 1}
    run.go(60_000)
    assert (run.coils, run.plant.arcs) == ([1, 0], [])
    run.plant.stubborn_ma = 0
    run.go(10_000)
    assert run.contactors == ["locked_out", "locked_out"]


def test_a_danger_latch_ends_by_a_local_reset_only_and_the_wishes_of_before_are_gone() -> None:
    run = Yard(AB, yard(latch=Latch.DANGER))
    run.go(300)
    run.order("a")
    run.until("making")
    run.until("resting")
    run.plant.alarm = 1
    run.go(10_000)
    run.plant.alarm = 0
    run.go(60_000)
    assert (run.at, holder(run)) == ("open", "")
    assert run.state.trips[0].latched
    assert run.order("a").verdict is Verdict.REFUSED
    assert run.at == "open"
    run.press("reset")
    changes = run.changes
    run.go(60_000)
    assert (run.state.trips[0].latched, run.at, run.changes) == (False, "open", changes)
    run.order("a")
    run.until("settling")


def test_a_weld_ends_the_leases_of_its_changeover() -> None:
    run = parked(drawing=False)
    run.plant.contacts[0].welded = True
    run.order("b")
    run.until("faulted")
    run.go(200)
    assert holder(run) == ""
    run.plant.contacts[0].welded = False
    run.go(1_000)
    run.press("reset")
    changes = run.changes
    run.go(60_000)
    assert (run.step, run.at, run.changes) == ("resting", "open", changes)
    assert run.state.targets[COILS_AT].lease is None


def test_the_hands_identity_is_none_of_the_networks() -> None:
    assert HAND not in [identity.name for identity in IDENTITIES]


@pytest.mark.parametrize(
    "why", ["maintenance is on", "k1.coil is welded", "k1.coil is locked_out", "limits.alarm is latched"]
)
def test_whatever_waits_for_somebody_in_the_house_holds_no_lease_in_any_mode(why: str) -> None:
    about = yard(latch=Latch.DANGER)
    state = boot(about, START_MS)
    subject, _, name = why.partition(" is ")
    targets, trips = list(state.targets), state.trips
    if subject == "k1.coil":
        targets[COILS_AT] = replace(targets[COILS_AT], machine=Machine(CONTACTOR.state(name), 0))
    if subject == "limits.alarm":
        trips = (replace(trips[0], latched=True),)
    found = shut(about, trips, replace(state, targets=tuple(targets)), subject == "maintenance")
    if subject == "maintenance":
        assert found == dict.fromkeys(about.local.locks, why)
    else:
        assert found[SWITCH_AT] == why
    assert shut(about, state.trips, state, False) == {}
