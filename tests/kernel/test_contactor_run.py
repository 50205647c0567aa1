"""A contactor's life in whole cycles: closing, welding, a dead coil, dropping, cut off and back, a restart."""

from __future__ import annotations

import pytest
from kernel_house import PLAN, House
from kernel_toys import ask, replace

from supervisor.kernel.lease import Verb
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import Outside
from supervisor.kernel.signal import Quality

COIL, CONTACT = "relays.coil_1", "relays.contact_1"
DECLARED_MS = 150  # the travel time of the relay node's contacts
NOT_RATED = replace(
    PLAN,
    targets=tuple(
        replace(target, contactor=replace(target.contactor, zero_flow=Outside(32, 2_000, 1_000, None), breaks_ms=None))
        if target.contactor else target
        for target in PLAN.targets
    ),
)  # fmt: skip
"""The same contactors, which may open only while less than 1 A flows on phase 1 of the meter."""


def house(about: Plan = PLAN) -> House:
    run = House(about)
    run.live(1_000)
    assert (run.mode, run.position(COIL), run.output(COIL)) == ("normal", "open", 0)
    return run


def order(run: House, value: int) -> None:
    run.cycle(ask(Verb.SET, "phone", value, run.now_ms, target=COIL, unit="flag", kind="setting"))


def closed(about: Plan = PLAN) -> House:
    run = house(about)
    order(run, 1)
    run.live(500)
    assert (run.position(COIL), run.output(COIL)) == ("closed", 1)
    return run


def test_it_closes_and_opens_as_it_is_asked() -> None:
    run = closed()
    order(run, 0)
    run.live(500)
    assert run.moves(COIL) == [
        "looking -> open", "open -> closing", "closing -> closed", "closed -> opening", "opening -> open",
    ]  # fmt: skip


def test_a_contact_that_stays_closed_after_its_travel_is_welded_stops_the_house_and_waits_for_a_hand() -> None:
    run = closed()
    run.plant.stuck = {0}
    order(run, 0)
    assert run.output(COIL) == 0
    run.live(DECLARED_MS - 50)
    assert run.position(COIL) == "opening"
    run.live(50)
    assert run.position(COIL) == "welded"
    run.live(50)
    assert run.mode == "fault"
    run.plant.stuck = set()
    run.live(60_000)
    assert (run.position(COIL), run.mode, run.output(COIL)) == ("welded", "fault", 0)


def test_a_contact_that_closes_without_an_order_is_welded_in_the_same_cycle() -> None:
    run = house()
    run.say = {CONTACT: 1}
    run.cycle()
    assert run.position(COIL) == "welded"


def test_a_dead_coil_is_given_up_after_its_travel_left_alone_and_tried_again() -> None:
    run = house()
    run.plant.stuck = {0}
    order(run, 1)
    run.live(DECLARED_MS - 50)
    assert run.position(COIL) == "closing"
    run.live(50)
    assert (run.position(COIL), run.output(COIL)) == ("failed_open", 0)
    run.live(4_950)
    assert run.output(COIL) == 0
    run.plant.stuck = set()
    run.live(1_000)
    assert run.position(COIL) == "closed"


def test_a_contactor_that_drops_is_not_held_up_by_its_order() -> None:
    run = closed()
    run.say = {CONTACT: 0}
    run.cycle()
    assert (run.position(COIL), run.output(COIL)) == ("failed_open", 0)


def test_one_that_closes_after_it_was_given_up_is_opened() -> None:
    run = house()
    run.plant.stuck = {0}
    order(run, 1)
    run.live(500)
    run.say = {CONTACT: 1}
    run.cycle()
    assert (run.position(COIL), run.output(COIL)) == ("opening", 0)


def test_an_order_that_is_taken_back_while_closing_opens_at_once() -> None:
    run = house()
    order(run, 1)
    assert (run.position(COIL), run.output(COIL)) == ("closing", 1)
    order(run, 0)
    assert (run.position(COIL), run.output(COIL)) == ("opening", 0)


def test_a_contactor_without_its_machine_is_a_mistake_of_ours_and_stops_the_cycle() -> None:
    run = house()
    targets = tuple(replace(target, machine=None) for target in run.state.targets)
    run.state = replace(run.state, targets=targets)
    with pytest.raises(TypeError, match=r"relays\.coil_1 is a contactor without a machine"):
        run.cycle()


# ---- under load --------------------------------------------------------------------------------------------------
def test_one_that_is_not_rated_for_its_load_stays_closed_until_zero_flow_is_proven() -> None:
    run = closed(NOT_RATED)
    order(run, 0)
    run.live(10_000)
    assert (run.position(COIL), run.output(COIL)) == ("closed", 1)
    run.silent = {"meter"}
    run.live(5_000)
    assert run.position(COIL) == "closed"  # a meter that says nothing proves nothing
    run.silent, run.plant.load_ma = set(), 500
    run.live(500)
    assert run.position(COIL) == "open"


WAITS = replace(
    NOT_RATED,
    targets=tuple(
        replace(target, contactor=replace(target.contactor, calm_ms=2_000)) if target.contactor else target
        for target in NOT_RATED.targets
    ),
)  # fmt: skip
"""They wait until no reading of before it was known that they shall open counts any more."""


def told_to_open_after_the_last_zero() -> House:
    """Nothing has flowed for long, and from the wish to open on the meter says nothing."""
    run = closed(WAITS)
    run.plant.load_ma = 0
    run.live(10_000)
    run.silent = {"meter"}
    order(run, 0)
    return run


def test_a_flow_that_begins_with_the_wish_is_not_known_yet_and_opens_nothing() -> None:
    run = told_to_open_after_the_last_zero()
    run.live(600)  # it flows already, and only then the meter tells of it
    run.silent, run.plant.load_ma = set(), 8_000
    run.live(20_000)
    assert (run.position(COIL), run.output(COIL)) == ("closed", 1)
    run.plant.load_ma = 0
    run.live(500)
    assert run.position(COIL) == "open"


def test_a_zero_of_before_opens_nothing_though_nobody_contradicts_it_and_it_opens_once_zero_is_said_anew() -> None:
    run = told_to_open_after_the_last_zero()
    run.live(8_000)
    assert run.position(COIL) == "closed"
    run.silent = set()
    run.live(500)
    assert run.position(COIL) == "open"


def test_a_wish_that_is_taken_back_begins_the_wait_anew() -> None:
    run = closed(WAITS)
    run.plant.load_ma = 0
    run.live(1_000)
    order(run, 0)
    run.live(1_500)
    order(run, 1)
    order(run, 0)
    run.live(1_500)
    assert run.position(COIL) == "closed"
    run.live(1_000)
    assert run.position(COIL) == "open"


def test_a_doubtful_zero_proves_nothing() -> None:
    run = closed(NOT_RATED)
    order(run, 0)
    run.silent = {"meter"}
    for _ in range(20):
        run.tell({"meter.current_l1": 0}, Quality.SUSPECT)
        run.cycle()
    assert run.position(COIL) == "closed"


# ---- out of sight ------------------------------------------------------------------------------------------------
def test_a_contactor_that_is_cut_off_for_a_moment_stays_closed() -> None:
    run = closed()
    run.silent = {"relays"}
    run.live(7_000)
    run.silent = set()
    run.live(1_000)
    assert (run.position(COIL), run.output(COIL)) == ("closed", 1)


def test_one_that_was_cut_off_until_it_must_have_dropped_is_looked_at_again_and_told_nothing_meanwhile() -> None:
    run = closed()
    run.silent = {"relays"}
    run.live(8_000)
    assert (run.position(COIL), run.output(COIL)) == ("looking", None)
    run.live(60_000)
    assert (run.position(COIL), run.output(COIL)) == ("looking", None)
    run.silent, run.plant.closed[0] = set(), False
    run.live(50)
    assert (run.position(COIL), run.output(COIL)) == ("open", 0)


def test_an_open_one_that_does_not_show_itself_is_doubted_and_not_closed() -> None:
    run = house()
    run.silent = {"relays"}
    for _ in range(20):
        run.tell({"relays.permit": 1, CONTACT: None})
        run.cycle()
    assert (run.position(COIL), run.output(COIL)) == ("unverified", 0)
    order(run, 1)
    run.tell({"relays.permit": 1})
    run.live(200)
    assert (run.position(COIL), run.output(COIL)) != ("closing", 1)
    run.silent = set()
    run.live(500)
    assert run.position(COIL) == "closed"


def test_one_that_somebody_closes_while_it_is_out_of_sight_is_no_find_but_welded() -> None:
    run = house()
    run.silent = {"relays"}
    run.live(20_000)
    assert (run.position(COIL), run.output(COIL)) == ("open", 0)
    run.silent = set()
    run.plant.closed[0], run.plant.stuck = True, {0}
    run.live(500)
    assert (run.position(COIL), run.output(COIL)) == ("welded", 0)


# ---- restarts ----------------------------------------------------------------------------------------------------
def test_after_a_restart_a_closed_contact_is_kept_as_found_and_not_opened_under_load() -> None:
    run = House(NOT_RATED)
    run.plant.closed[0] = True
    run.live(10_000)
    assert (run.position(COIL), run.output(COIL)) == ("closed", 1)
    assert run.moves(COIL) == ["looking -> closed"]


def test_after_a_restart_nothing_is_said_before_the_contact_has_shown_itself() -> None:
    run = House()
    run.silent = {"relays"}
    run.live(10_000)
    assert (run.position(COIL), run.output(COIL)) == ("looking", None)


def test_a_contact_that_never_shows_itself_on_a_node_that_is_there_is_unverified_and_told_open() -> None:
    run = House()
    run.silent = {"relays"}
    for _ in range(70):
        run.tell({"relays.permit": 1})
        run.cycle()
    assert (run.position(COIL), run.output(COIL)) == ("unverified", 0)


@pytest.mark.parametrize("shown", [None, 1], ids=["nothing", "closed"])
def test_a_coil_is_never_told_one_for_an_order_before_its_contact_has_been_shown_open(shown: int | None) -> None:
    run = House()
    run.live(300)
    run.silent = {"relays"}
    run.tell({CONTACT: shown, "relays.permit": 1})
    order(run, 1)
    told = []
    for _ in range(100):
        run.tell({CONTACT: shown, "relays.permit": 1})
        run.cycle()
        told.append(run.output(COIL))
    assert 1 not in told
