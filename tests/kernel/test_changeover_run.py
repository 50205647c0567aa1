"""A changeover's ways in whole cycles: order, times, aborts, dwell, load, restarts, and who may send it where."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_switchyard import (
    AB,
    BOX_AT,
    CALM_MS,
    DEAD_MS,
    DRAIN_MS,
    ISLAND,
    LAYOUTS,
    PHASES,
    SETTLE_MS,
    SWITCH_AT,
    Layout,
    Yard,
    parked,
    yard,
)
from kernel_toys import replace
from kernel_yard_plant import HOUR_MS

from supervisor.kernel.event import EventKind
from supervisor.kernel.lease import Verdict
from supervisor.kernel.plan import MODES, ModeRule
from supervisor.kernel.trip import Narrowing

STEPS = ("draining", "breaking", "waiting", "probing", "making", "settling")
EVERY = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


# ---- the way -----------------------------------------------------------------------------------------------------
@EVERY
def test_it_goes_through_all_its_steps_there_and_back_without_an_arc(layout: Layout) -> None:
    first, second = layout.places
    run = parked(layout)
    for goal in (second, first):
        run.events.clear()
        run.order(goal)
        run.until("settling")
        run.until("resting")
        assert run.way() == [*STEPS, "resting"]
        assert run.at == goal
        assert run.reason == ""
        run.go(500)
        assert max(run.plant.flow_ma) == 16_000
    assert (run.plant.arcs, run.plant.drops, run.plant.clashes) == ([], [], [])


def test_each_step_lasts_as_declared_and_the_flow_is_zero_from_the_first_to_the_last() -> None:
    run = parked()
    run.order("b")
    assert run.step == "draining"
    assert CALM_MS <= run.until("breaking") <= CALM_MS + 200
    run.until("waiting")
    waited = run.until("probing")
    assert waited == DEAD_MS
    run.until("making")
    run.until("settling")
    assert (run.output("box.current"), run.at) == (0, "b")
    assert run.until("resting") == SETTLE_MS
    run.cycle()
    assert run.output("box.current") == 16_000


@pytest.mark.parametrize("step", STEPS)
def test_in_every_step_what_drains_is_told_zero_and_its_envelope_says_who(step: str) -> None:
    run = parked()
    run.order("b")
    run.until(step)
    run.cycle()
    if run.step == step:
        assert run.result is not None
        assert run.result.outputs.envelopes[BOX_AT].hi == 0
        assert run.result.outputs.envelopes[BOX_AT].hi_by == "switch"
    assert run.output("box.current") == 0


def test_a_place_allows_what_it_allows_while_it_rests_there() -> None:
    about = yard()
    places = about.changeovers[0].places
    six = replace(places[1], allows=(Narrowing(BOX_AT, 0, 6_000),))
    run = parked(about=replace(about, changeovers=(replace(about.changeovers[0], places=(places[0], six, places[2])),)),
                 drawing=False)  # fmt: skip
    run.charge(6_000)
    run.go(500)
    assert run.output("box.current") == 6_000
    assert run.charge(16_000).verdict is Verdict.CLIPPED


def test_phases_close_one_after_the_other_and_open_the_last_first() -> None:
    run = parked(PHASES, "three")
    run.order("open")
    run.go(10_000)
    told = [(e.subject, e.text.split()[-1]) for e in run.events if "-> closing" in e.text or "-> opening" in e.text]
    assert told == [("k1.coil", "closing"), ("k2.coil", "closing"), ("k2.coil", "opening"), ("k1.coil", "opening")]


# ---- aborts ------------------------------------------------------------------------------------------------------
def test_a_wish_that_changes_before_the_first_movement_is_simply_the_new_goal() -> None:
    run = parked(PHASES, "one")
    run.order("three")
    assert run.step == "draining"
    run.order("open")
    assert (run.step, run.switch.goal, run.at) == ("draining", 0, "one")
    run.order("one")
    assert (run.step, run.at, run.coils) == ("resting", "one", [1, 0])


@pytest.mark.parametrize("step", ["breaking", "waiting", "probing", "making"])
def test_a_wish_that_changes_after_it_ends_in_all_open_first(step: str) -> None:
    run = parked()
    run.order("b")
    run.until(step)
    run.events.clear()
    run.order("a")
    run.go(30_000)
    assert (run.at, run.step) == ("a", "resting")
    assert "b" not in [e.text for e in run.events]
    rests = [e.text for e in run.events if e.kind is EventKind.CHANGEOVER and "-> resting (open)" in e.text]
    assert len(rests) == 1
    assert (run.plant.arcs, run.plant.clashes) == ([], [])


def test_where_the_flow_does_not_end_it_stays_says_why_and_goes_on_when_it_does() -> None:
    run = parked()
    run.plant.stubborn_ma = 8_000
    run.order("b")
    run.go(DRAIN_MS + 200)
    assert (run.step, run.at, run.coils) == ("held", "a", [1, 0])
    assert run.reason.startswith("zero flow is not proven: meter.current_l1 is flowing")
    run.go(HOUR_MS // 60)
    assert (run.step, run.plant.arcs) == ("held", [])
    run.plant.stubborn_ma = 0
    run.until("settling")
    assert run.plant.arcs == []


def test_one_that_is_held_is_free_again_when_its_place_is_wanted_again() -> None:
    run = parked()
    run.plant.stubborn_ma = 8_000
    run.order("b")
    run.until("held")
    run.order("a")
    assert run.step == "resting"


def test_all_contactors_that_are_rated_break_the_load_after_the_declared_time_and_not_before() -> None:
    run = parked(about=yard(breaks_ms=5_000))
    run.plant.stubborn_ma = 8_000
    run.order("b")
    run.go(DRAIN_MS - 100)
    assert run.step == "draining"
    run.until("breaking")
    told_ms = run.now_ms
    assert run.coils == [1, 0]
    run.until("waiting")
    assert 5_000 <= run.now_ms - told_ms <= 5_300
    assert len(run.plant.arcs) == 1
    run.until("settling")


# ---- good manners ------------------------------------------------------------------------------------------------
def test_a_wish_waits_for_its_dwell_and_a_stop_and_a_trip_do_not() -> None:
    about = yard(dwell_ms=60_000)
    run = parked(about=about, drawing=False)
    decision = run.order("b")
    assert decision.verdict is Verdict.REFUSED
    assert "its dwell of" in decision.clauses[-1].text
    run.stop()
    assert run.step in ("draining", "breaking")
    run = parked(about=about, drawing=False)
    run.plant.alarm = 1
    run.go(100)
    assert run.step in ("draining", "breaking")


def test_a_trip_does_not_wait_for_the_dwell_either_where_its_safe_place_is_wished_anyway() -> None:
    run = parked(about=yard(dwell_ms=60_000), drawing=False)
    run.release()
    run.go(1_000)
    assert (run.step, run.at) == ("resting", "a"), "a mere wish waits"
    run.plant.alarm = 1
    run.go(100)
    assert run.step in ("draining", "breaking")


def test_a_hand_does_not_wait_for_the_dwell_and_what_comes_after_it_does() -> None:
    run = parked(about=yard(dwell_ms=20_000), place="b", drawing=False)
    run.press()
    run.until("settling")
    run.until("resting")
    assert run.at == "a"
    run.press()  # it lets go; what the house wants then is a wish like any other
    run.go(5_000)
    assert (run.step, run.at) == ("resting", "a")
    assert "its dwell of" in run.reason
    run.until("draining", within_ms=20_000)


@pytest.mark.parametrize("place", ["open", "a", "b"])
def test_a_position_is_taken_as_asked_or_refused_with_the_reason(place: str) -> None:
    run = parked(drawing=False)
    run.plant.contacts[1].wire = False
    run.go(500)
    decision = run.order(place)
    expected = Verdict.REFUSED if place == "b" else Verdict.GRANTED
    assert decision.verdict is expected
    if place == "b":
        assert (decision.clauses[-1].rule, decision.clauses[-1].text) == ("switch", "k2.coil is unverified")


def test_a_position_that_does_not_exist_or_that_a_rule_forbids_is_refused() -> None:
    run = parked(drawing=False)
    assert run.asks(SWITCH_AT, 9).verdict is Verdict.REFUSED
    assert run.asks(SWITCH_AT, -1).verdict is Verdict.REFUSED
    run.plant.alarm = 1
    run.go(100)
    assert run.order("b").clauses[-1].rule == "limits.alarm"


def test_a_dwell_is_told_once() -> None:
    run = parked(about=yard(dwell_ms=60_000), place="b", drawing=False)
    run.events.clear()
    run.release()
    run.go(30_000)
    told = [e.text for e in run.events if e.kind is EventKind.CHANGEOVER]
    assert len(told) == 1


# ---- not knowing -------------------------------------------------------------------------------------------------
def test_not_knowing_transfers_nothing_and_lets_go_when_it_ends() -> None:
    run = parked(drawing=False)
    run.plant.alarm = None
    run.go(500)
    run.order("b")
    run.go(60_000)
    assert (run.at, run.step, run.coils) == ("a", "resting", [1, 0])
    run.plant.alarm = 0
    run.go(10_000)
    assert (run.at, run.step) == ("b", "resting"), "what was wished meanwhile is still wished"


@pytest.mark.parametrize("name", ["meter.current_l2", "k2.contact", "k1.contact", "bus.voltage"])
def test_while_something_that_matters_is_out_of_sight_nothing_moves(name: str) -> None:
    run = parked(ISLAND)
    run.say = {name: None}
    run.go(3_000)
    run.order("island")
    run.go(60_000)
    assert run.at in ("grid", "open")
    assert run.coils[1:] == [0, 0]
    assert (run.plant.arcs, run.plant.clashes) == ([], [])


# ---- starts and surprises ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("closed", [(), (0,), (1,)])
def test_what_is_found_is_its_place(closed: tuple[int, ...]) -> None:
    run = Yard(AB)
    for number in closed:
        iron = run.plant.contacts[number]
        iron.closed, iron.coil = True, 1
    run.go(200)
    assert (run.step in ("resting", "draining"), run.at) == (True, {(): "open", (0,): "a", (1,): "b"}[closed])
    assert run.plant.arcs == []


def test_a_place_that_is_found_under_load_is_not_opened_under_load() -> None:
    run = Yard(AB)
    run.plant.contacts[0].closed, run.plant.contacts[0].coil, run.plant.stubborn_ma = True, 1, 10_000
    run.go(120_000)
    assert (run.at, run.coils[0] in (1, None), run.plant.arcs) == ("a", True, [])


def test_two_that_exclude_each_other_found_closed_are_no_place_and_end_faulted_or_open() -> None:
    run = Yard(AB)
    for iron in run.plant.contacts:
        iron.closed, iron.coil = True, 1
    run.go(60_000)
    assert run.coils == [0, 0]
    assert run.at == "open" or run.step in ("breaking", "stranded", "faulted")
    assert run.plant.arcs == []


def test_an_island_of_which_one_half_is_found_closed_is_opened_not_completed() -> None:
    run = Yard(ISLAND)
    run.plant.contacts[2].closed, run.plant.contacts[2].coil = True, 1
    run.go(30_000)
    assert (run.at, run.step, run.coils) == ("open", "resting", [0, 0, 0])
    assert 1 not in [iron.coil for iron in run.plant.contacts[:2]]


def test_as_found_is_kept_while_the_house_starts() -> None:
    """A restart opens nothing that nobody has asked to open: the mode is not known yet, so nor is the wish."""
    run = Yard(AB)
    run.plant.contacts[0].closed, run.plant.contacts[0].coil = True, 1
    run.cycle()
    run.cycle()
    assert run.coils[0] in (1, None)


def test_a_mode_that_forbids_the_place_sends_it_to_its_safe_one() -> None:
    lost = ModeRule("modes.maintenance", "off", frozenset({MODES.index("maintenance")}), SWITCH_AT, 0, 0)
    run = parked(about=yard(mode_rules=(lost,)), drawing=False)
    run.say = {"panel.key": 1}
    run.go(5_000)
    assert (run.at, run.contactors) == ("open", ["locked_out", "locked_out"])


# ---- whatever happens --------------------------------------------------------------------------------------------
ACTS = st.lists(
    st.tuples(
        st.sampled_from((
            "a", "b", "open", "stop", "release", "press", "reset", "key", "charge", "restart", "alarm", "calm", "blind",
            "weld", "slow", "dead", "wire", "foreign", "whole", "stale", "frozen", "unplugged", "fine",
            "stubborn", "meek",
        )),
        st.integers(1, 60), st.integers(0, 1),
    ),
    min_size=3, max_size=25,
)  # fmt: skip


def act(run: Yard, what: str, number: int) -> None:
    iron = run.plant.contacts[number]
    match what:
        case "a" | "b" | "open":
            run.order(list(run.layout.places)["ab".index(what)] if what != "open" else what)
        case "stop":
            run.stop()
        case "release":
            run.release()
        case "press" | "reset" | "key":
            run.press("button" if what == "press" else what)
        case "charge":
            run.charge()
        case "restart":
            run.restart()
        case "alarm" | "calm" | "blind":
            run.plant.alarm = {"alarm": 1, "calm": 0, "blind": None}[what]
        case "weld" | "dead" | "foreign":
            setattr(iron, "welded" if what == "weld" else what, True)
        case "slow":
            iron.travel_ms = 400
        case "wire":
            iron.wire = False
        case "whole":
            iron.welded = iron.dead = iron.foreign = False
            iron.wire, iron.travel_ms = True, 80
        case "stale" | "frozen" | "unplugged" | "fine":
            run.plant.meter = what
        case _:
            run.plant.stubborn_ma = 8_000 if what == "stubborn" else 0


@EVERY
@settings(max_examples=25)
@given(ACTS)
def test_two_coils_that_exclude_each_other_are_never_on_together(
    layout: Layout, acts: list[tuple[str, int, int]]
) -> None:
    run = Yard(layout)
    run.go(300)
    for what, cycles, number in acts:
        act(run, what, number)
        for _ in range(cycles):
            run.cycle()
            for first, other in run.plant.apart:
                assert (run.plant.contacts[first].coil, run.plant.contacts[other].coil) != (1, 1)
                assert (run.coils[first], run.coils[other]) != (1, 1)
