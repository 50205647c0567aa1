"""Interlocks: only what is proven open counts as open, not knowing bars closing, what needs another leaves first."""

from __future__ import annotations

from itertools import product

import pytest
from kernel_switchyard import (
    AGE_MS,
    ISLAND,
    Layout,
    Yard,
    parked,
    permission,
    signals,
    yard,
    yard_coil,
)
from kernel_toys import BOX, CONTACTOR, START_MS, ask, replace
from kernel_yard_plant import HOUR_MS

from supervisor.kernel import interlock
from supervisor.kernel.lease import Verb
from supervisor.kernel.machine import Machine
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import Outside, Within
from supervisor.kernel.signal import Quality, Reading
from supervisor.kernel.state import TargetState, Wear
from supervisor.kernel.switchgear import Group, Local, Need, Precharge
from supervisor.kernel.trip import Narrowing

FREE = Layout({}, ((0,), (1,), (2,)))
K1, K2, K3 = 1, 2, 3
"""Three contactors without a changeover: target 0 is the box, no position target."""
DEAD_MS = 2_000


def free(k1: object = None, k2: object = None, k3: object = None, **changes: object) -> Plan:
    """Three contactors that anna may close, each rated to break its load; K1 and K2 exclude each other. ``k1`` …:
    fields of that contactor."""
    at = {signal.id: i for i, signal in enumerate(signals(FREE))}
    coils = []
    for number, given in enumerate((k1, k2, k3), 1):
        fields: dict[str, object] = {"breaks_ms": 0}
        if isinstance(given, dict):
            fields |= given
        charging = fields.pop("charging_ms", None)
        charging_ms = charging if isinstance(charging, int) else None
        coils.append(yard_coil(f"k{number}", at, None, charging_ms, **fields))
    parts: dict[str, object] = {
        "targets": (replace(BOX, hold_ms=0, ramp=None), *coils),
        "permissions": tuple(permission(f"permissions.k{n}", n, 1, {0}) for n in (K1, K2, K3)),
        "changeovers": (), "rules": (), "local": Local(),
        "groups": (Group("apart", "one only", (K1, K2), 1, DEAD_MS),),
    }  # fmt: skip
    return yard(FREE, **(parts | changes))  # type: ignore[arg-type]


class Bench(Yard):
    """A yard without a changeover: coils begin at target 1."""

    @property
    def coils(self) -> list[int | None]:
        return [self.output(f"k{n}.coil") for n in (1, 2, 3)]

    def settle(self) -> None:
        """Until the dead time after the start is over."""
        self.go(300)
        assert self.contactors == ["open"] * 3
        self.go(DEAD_MS)


def bench(**changes: object) -> Bench:
    run = Bench(FREE, free(**changes))
    run.plant.apart = [(0, 1)]
    run.settle()
    return run


def close(run: Bench, number: int, value: int = 1) -> None:
    run.asks(number, value)


AT = {signal.id: i for i, signal in enumerate(signals(FREE))}
BUS = AT["bus.voltage"]


# ---- groups ------------------------------------------------------------------------------------------------------
def states(about: Plan, *names: str, unproven: bool = False) -> list[TargetState]:
    wear = Wear(unproven_ms=5) if unproven else Wear()
    idle = [TargetState(0, None, Machine(CONTACTOR.state(n), 0), None, 0, 0, 0, "", False, wear) for n in names]
    return [TargetState(0, None, None, None, 0, 0, 0, "", False), *idle]


@pytest.mark.parametrize("name", CONTACTOR.states)
def test_only_what_is_proven_open_lets_another_one_close(name: str) -> None:
    about = free()
    bars = interlock.bars(about, K1, states(about, "open", name, "open"), (), START_MS)
    assert bars == ("" if name in ("open", "failed_open", "locked_out") else "apart")


def test_an_open_one_that_has_not_shown_itself_this_cycle_counts_as_closed() -> None:
    about = free()
    assert interlock.bars(about, K1, states(about, "open", "open", "open", unproven=True), (), START_MS) == "apart"


def test_of_three_at_most_two_means_two() -> None:
    about = free(groups=(Group("two", "at most two", (K1, K2, K3), 2, 0),))
    for second, third in product(("open", "closed"), repeat=2):
        expected = "two" if (second, third) == ("closed", "closed") else ""
        assert interlock.bars(about, K1, states(about, "open", second, third), (), START_MS) == expected


def test_two_that_exclude_each_other_and_are_wanted_in_the_same_cycle_never_begin_together() -> None:
    run = bench()
    wishes = [ask(Verb.SET, "anna", 1, run.now_ms, target=f"k{n}.coil", unit="flag", kind="setting") for n in (1, 2)]
    run.cycle(*wishes)
    assert run.coils[:2] == [1, 0]
    run.go(30_000)
    assert run.contactors[:2] == ["closed", "open"]
    assert run.plant.clashes == []


def test_the_second_waits_for_the_dead_time_after_the_first_was_proven_open() -> None:
    run = bench()
    close(run, K1)
    run.go(500)
    close(run, K2)
    run.go(1_000)
    assert run.contactors[:2] == ["closed", "open"]
    close(run, K1, 0)
    while run.contactors[0] != "open":
        run.cycle()
    opened_ms = run.now_ms - 50
    while run.contactors[1] == "open":
        run.cycle()
    assert run.now_ms - 50 - opened_ms == DEAD_MS
    assert run.plant.clashes == []


def test_a_contactor_alone_in_nothing_is_barred_by_nothing() -> None:
    about = free()
    assert interlock.bars(about, K3, states(about, "closed", "closed", "open"), (), START_MS) == ""
    assert interlock.alone(about, K3, states(about, "closed", "closed", "open"))
    assert not interlock.alone(about, K1, states(about, "open", "closed", "open"))


# ---- needs -------------------------------------------------------------------------------------------------------
NEED = Need("bond", "no island without its bond", K2, K1, None)
VOLTS = Need("bus", "only onto a dead bus", K3, None, Within(BUS, AGE_MS, -20_000, 20_000))


def needy(**changes: object) -> Bench:
    return bench(groups=(), needs=(NEED,), **changes)


def test_what_needs_another_one_closes_after_it_and_leaves_before_it() -> None:
    run = needy()
    close(run, K2)
    run.go(1_000)
    assert run.contactors[:2] == ["open", "open"]
    close(run, K1)
    run.go(1_000)
    assert run.contactors[:2] == ["closed", "closed"]
    run.events.clear()
    close(run, K1, 0)
    run.go(1_000)
    assert run.contactors[:2] == ["open", "open"]
    order = [(e.subject, e.text) for e in run.events if "-> opening" in e.text]
    assert [subject for subject, _ in order] == ["k2.coil", "k1.coil"]


def test_when_what_is_needed_drops_the_other_one_follows_at_once() -> None:
    run = needy()
    close(run, K1)
    close(run, K2)
    run.go(1_000)
    run.plant.contacts[0].dead = True
    run.go(150)
    assert run.coils[:2] == [0, 0]


@pytest.mark.parametrize("name", [name for name in CONTACTOR.states if name != "closed"])
def test_only_what_is_proven_closed_satisfies_a_need(name: str) -> None:
    about = free(groups=(), needs=(NEED,))
    assert interlock.bars(about, K2, states(about, name, "open", "open"), (), START_MS) == "bond"
    assert interlock.bars(about, K2, states(about, "closed", "open", "open"), (), START_MS) == ""


@pytest.mark.parametrize(
    ("reading", "bar"),
    [
        (Reading(0, START_MS, Quality.GOOD), ""),
        (Reading(230_000, START_MS, Quality.GOOD), "bus"),
        (Reading(0, START_MS, Quality.SUSPECT), "bus"),
        (Reading(0, START_MS - AGE_MS - 1, Quality.GOOD), "bus"),
        (Reading(None, START_MS, Quality.MISSING), "bus"),
    ],
)
def test_a_question_that_is_not_answered_with_yes_keeps_it_from_closing(reading: Reading, bar: str) -> None:
    about = free(groups=(), needs=(VOLTS,))
    image = [Reading(None, 0, Quality.MISSING)] * len(about.signals)
    image[BUS] = reading
    assert interlock.bars(about, K3, states(about, "open", "open", "open"), tuple(image), START_MS) == bar


def test_not_knowing_keeps_from_closing_and_opens_nothing_and_a_no_opens() -> None:
    run = bench(groups=(), needs=(Need("cold", "only below", K3, None, Outside(BUS, AGE_MS, -1_000, None)),))
    run.say = {"bus.voltage": -5_000}
    run.go(100)
    close(run, K3)
    run.go(1_000)
    assert run.contactors[2] == "closed"
    run.say = {"bus.voltage": None}
    run.go(30_000)
    assert run.contactors[2] == "closed"
    run.say = {"bus.voltage": 5_000}
    run.go(500)
    assert run.contactors[2] == "open"
    run.say = {"bus.voltage": None}
    run.go(30_000)
    assert (run.contactors[2], run.coils[2]) == ("open", 0)


# ---- good manners ------------------------------------------------------------------------------------------------
def test_minimum_times_hold_back_a_wish() -> None:
    run = bench(k1={"min_on_ms": 20_000, "min_off_ms": 10_000})
    run.go(10_000)
    close(run, K1)
    told_ms = run.now_ms - 50
    run.go(500)
    close(run, K1, 0)
    while run.coils[0] == 1:
        run.cycle()
    assert run.now_ms - 50 - told_ms == 20_000
    off_ms = run.now_ms - 50
    close(run, K1)
    while run.coils[0] == 0:
        run.cycle()
    assert run.now_ms - 50 - off_ms == 10_000


@pytest.mark.parametrize("how", ["stop", "trip", "need"])
def test_minimum_times_never_delay_a_protective_opening(how: str) -> None:
    alarm = replace(yard().rules[0], actions=(Narrowing(K1, 0, 0),), unknown_actions=())
    volts = Need("bus", "only onto a dead bus", K1, None, Within(BUS, AGE_MS, -500_000, 250_000))
    slow = {"min_on_ms": HOUR_MS}
    run = bench(
        k1=slow, rules=(replace(alarm, question=replace(alarm.question, signal=AT["guard.alarm"])),), needs=(volts,)
    )
    close(run, K1)
    run.go(1_000)
    assert run.contactors[0] == "closed"
    if how == "stop":
        run.stop("k1.coil")
    elif how == "trip":
        run.plant.alarm = 1
        run.go(100)
    else:
        run.say = {"bus.voltage": 400_000}
        run.go(100)
    assert run.coils[0] == 0


# ---- precharge ---------------------------------------------------------------------------------------------------
def charging() -> Bench:
    until = Outside(BUS, AGE_MS, None, 380_000)
    return bench(groups=(), k1={"precharge": Precharge(K2, until), "charging_ms": 3_000}, k2={"charges": (K1,)})


def test_a_main_contact_closes_only_after_its_precharge_has_reached_its_voltage() -> None:
    run = charging()
    close(run, K1)
    run.go(1_000)
    assert (run.contactors[0], run.coils[:2]) == ("precharging", [0, 1])
    run.say = {"bus.voltage": 390_000}
    run.go(500)
    assert (run.contactors[0], run.coils[0]) == ("closed", 1)
    run.go(500)
    assert run.coils[1] == 0


def test_a_precharge_that_does_not_come_up_is_given_up_and_its_coil_released() -> None:
    run = charging()
    close(run, K1)
    run.go(3_500)
    assert (run.contactors[0], run.coils[:2]) == ("failed_open", [0, 0])


def test_a_wish_that_is_taken_back_while_charging_ends_it() -> None:
    run = charging()
    close(run, K1)
    run.go(500)
    close(run, K1, 0)
    run.go(500)
    assert (run.contactors[:2], run.coils[:2]) == (["open", "open"], [0, 0])


# ---- the island --------------------------------------------------------------------------------------------------
def test_the_bond_stands_before_the_source_and_leaves_after_it() -> None:
    run = parked(ISLAND, "island")
    run.order("grid")
    run.go(20_000)
    assert (run.at, run.step) == ("grid", "resting")
    told = [(e.subject, e.text) for e in run.events if "-> closing" in e.text or "-> opening" in e.text]
    assert [f"{subject[:2]} {text.split()[-1]}" for subject, text in told] == [
        "k2 closing",
        "k3 closing",
        "k3 opening",
        "k2 opening",
        "k1 closing",
    ]
    assert run.plant.arcs == []
    assert run.plant.clashes == []


def test_a_bus_that_somebody_else_feeds_is_not_closed_onto() -> None:
    run = parked(ISLAND)
    run.plant.fed = True
    run.order("island")
    run.until("probing")
    run.go(500)
    assert (run.step, run.coils) == ("probing", [0, 0, 0])
    assert run.reason == "what it closes onto is not proven dead, nor in step"
    run.until("resting")
    assert (run.at, run.coils) == ("open", [0, 0, 0])
