"""The power is cut, or the guardian dies, between any two steps of a switch; whatever comes back ends in a safe place.

Each course is driven once. At every one of its cycles it is cut in each of the ways below, restarted with what was
kept, and left alone until it rests. Requirement: no two exclusive contacts ever closed, nothing opened under load,
nothing closed before it has been looked at, and an end that is a declared place, or has a reason among the events.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from kernel_switchyard import AB, BOX_AT, COILS_AT, ISLAND, PHASES, Layout, Yard, parked, yard

from supervisor.kernel.event import EventKind
from supervisor.kernel.image import blank
from supervisor.kernel.keep import Kept, differs, guarded, kept, notes, restored, strictest
from supervisor.kernel.state import State, boot
from supervisor.kernel.trip import Latch

ENDS = ("resting", "held", "faulted", "looking")
BUSY = ("closing", "opening", "precharging")
REST_CYCLES, MOST_CYCLES = 30, 2_000
CAR_MS = 2_000
"""A car needs so long to bring its current to zero, whoever restarts meanwhile."""
OFF_MS = 20_000


@dataclass
class Moment:
    """After one cycle: its state, the iron before the outputs of this cycle reach it, and what is on disk by then."""

    run: Yard
    disk: Kept
    older: Kept


WAYS = {
    "guardian only": (True, False, "newest"),
    "cabinet": (True, True, "newest"),
    "outputs not sent": (False, False, "newest"),
    "cabinet, outputs not sent": (False, True, "newest"),
    "older by one write": (True, False, "older"),
    "cabinet, older by one write": (True, True, "older"),
    "unreadable": (True, False, "unreadable"),
    "cabinet, unreadable": (True, True, "unreadable"),
}
"""(the outputs of the last cycle were sent, the whole cabinet lost power, what could be read)"""


def course(run: Yard, drive: Callable[[Yard], None]) -> Iterator[Moment]:
    """Every cycle of what ``drive`` does."""
    disk = older = kept(run.plan, run.state)
    before = run.state
    moments: list[Moment] = []
    cycle = run.cycle

    def watched(*inbox: object) -> object:
        nonlocal disk, older, before
        result = cycle(*inbox)  # type: ignore[arg-type]  as it came
        if differs(run.plan, before, run.state):
            disk, older = kept(run.plan, run.state), disk
        before = run.state
        moments.append(Moment(clone(run), disk, older))
        return result

    run.cycle = watched  # type: ignore[assignment,method-assign]  an eye on it
    drive(run)
    yield from moments


def clone(run: Yard) -> Yard:
    other = copy.copy(run)
    other.__dict__.pop("cycle", None)
    other.plant, other.say, other.events = copy.deepcopy(run.plant), dict(run.say), list(run.events)
    return other


def cut(moment: Moment, way: str) -> Yard:
    """What comes back after the cut; the clock goes on in the cabinet and begins anew in the box."""
    sent, cabinet, file = WAYS[way]
    run, state = clone(moment.run), moment.run.state
    if sent:
        run.plant.advance(run.coils, state.targets[BOX_AT].output or 0, run.now_ms)
    if cabinet:
        run.now_ms += OFF_MS
        for iron in run.plant.contacts:
            iron.coil, iron.coil_ms, iron.closed = 0, run.now_ms - OFF_MS, iron.closed and iron.welded
    else:
        run.plant.stubborn_ma = max(run.plant.stubborn_ma, state.targets[BOX_AT].output or 0)
    run.plan = guarded(run.plan)
    booted = boot(run.plan, run.now_ms)
    if file == "unreadable":
        run.state = strictest(run.plan, booted, run.now_ms)
    else:
        run.state = restored(run.plan, booted, moment.disk if file == "newest" else moment.older, run.now_ms)
    run.image, run.say = blank(run.plan.signals), {}
    run.events = list(notes(run.plan, run.state))
    run.plant.arcs, run.plant.drops, run.plant.clashes = [], [], []
    if cabinet:
        run.plant.flow_ma = (0, 0, 0)
    return run


def to_rest(run: Yard) -> None:
    """Let it run until nothing has moved for a while; every cycle is watched."""
    assert 1 not in run.coils, "told to close before anything has been looked at"
    seen: set[int] = set()
    quiet = 0
    began_ms, stubborn_ma = run.now_ms, run.plant.stubborn_ma
    least_ms = CAR_MS + REST_CYCLES * run.plan.cycle_ms if stubborn_ma else 0
    for _ in range(MOST_CYCLES):
        if run.now_ms - began_ms >= CAR_MS:
            run.plant.stubborn_ma = 0
        was, coils = run.state, run.coils
        run.cycle()
        watch(run, coils, seen)
        still = (run.contactors, run.step) == (
            positions(run, was),
            run.plan.changeover.states[was.switches[0].machine.state],
        )
        quiet = quiet + 1 if still and run.step in ENDS and not set(run.contactors) & set(BUSY) else 0
        if quiet >= REST_CYCLES and run.now_ms - began_ms > least_ms:
            return
    raise AssertionError(f"does not come to rest: {run.step}, {run.contactors}, {run.reason}, car {stubborn_ma}")


def positions(run: Yard, state: State) -> list[str]:
    machines = (target.machine for target in state.targets[COILS_AT:])
    return [run.plan.contactor.states[machine.state] for machine in machines if machine is not None]


def watch(run: Yard, before: list[int | None], seen: set[int]) -> None:
    """Nothing is told to close that has not been looked at; what is found closed may stay closed."""
    for number, (was, now, name) in enumerate(zip(before, run.coils, run.contactors, strict=True)):
        if now == 1 and was != 1:
            found = name == "closed" and run.plant.contacts[number].closed
            assert found or number in seen, f"k{number + 1} closes and nobody has looked at it"
        if name == "open" and not run.plant.contacts[number].closed:
            seen.add(number)


def judge(run: Yard, was: Kept, way: str) -> None:
    """The end."""
    assert run.plant.clashes == [], "two feeders on one conductor"
    assert run.plant.arcs + run.plant.drops == [], f"opened under load: {run.plant.arcs + run.plant.drops}"
    closed = {COILS_AT + n for n, iron in enumerate(run.plant.contacts) if iron.closed}
    said = [event for event in run.events if event.kind is EventKind.CHANGEOVER]
    if run.step == "resting":
        assert closed == set(run.plan.changeovers[0].places[run.switch.at].members)
    else:
        assert run.reason, run.step
    assert said, "nothing was said of it"
    assert run.at in said[-1].text or (run.reason and run.reason in said[-1].text), (run.at, run.reason, said[-1].text)
    if WAYS[way][2] == "unreadable":
        assert run.changes == sum(iron.changes for iron in run.plant.contacts)
        assert run.state.trips[-1].latched
        return
    for target, at in zip(run.plan.targets, run.state.targets, strict=True):
        worn = was.contactors.get(target.id)
        if worn is not None and at.wear is not None:
            assert at.wear.closings >= worn.closings
            assert at.wear.broken >= worn.broken
            assert worn.latch in ("", run.position(target.id)), "a latch was lost"


# ---- courses -----------------------------------------------------------------------------------------------------
def switch(layout: Layout) -> tuple[Yard, Callable[[Yard], None]]:
    """From the first position to the second, with a car that draws."""
    first, second = layout.places

    def drive(run: Yard) -> None:
        run.order(second)
        run.until("making")
        run.until("resting")
        assert run.at == second
        run.charge()
        run.go(500)

    return parked(layout, first), drive


def weld() -> tuple[Yard, Callable[[Yard], None]]:
    """The contact of the first position welds when it should open; it comes loose, and somebody resets it."""

    def drive(run: Yard) -> None:
        run.plant.contacts[0].welded = True
        run.order("b")
        run.until("faulted")
        run.go(500)
        run.plant.contacts[0].welded = False
        run.go(500)
        run.press("reset")
        run.go(1_000)

    return parked(AB, "a"), drive


def alarm() -> tuple[Yard, Callable[[Yard], None]]:
    """Smoke in the middle of a switch, latched; then it is reset."""

    def drive(run: Yard) -> None:
        run.order("b")
        run.go(2_000)
        run.say["guard.alarm"] = 1
        run.go(1_000)
        del run.say["guard.alarm"]
        run.go(8_000)
        run.press("reset")
        run.go(2_000)

    return parked(AB, "a", yard(AB, latch=Latch.DANGER)), drive


def dead_coil() -> tuple[Yard, Callable[[Yard], None]]:
    """The contactor of the second position never pulls: it fails, three times, and is given up."""

    def drive(run: Yard) -> None:
        run.plant.contacts[1].dead = True
        run.order("b")
        run.go(45_000)
        assert kept(run.plan, run.state).contactors["k2.coil"].latch == "failed_open"

    return parked(AB, "a"), drive


def at_home() -> tuple[Yard, Callable[[Yard], None]]:
    """The safe place is a position: it goes there by itself, also after a restart."""

    def drive(run: Yard) -> None:
        run.order("b")
        run.until("making")
        run.until("resting")
        run.stop()
        run.until("making")
        run.until("resting")

    return parked_at_home(), drive


def parked_at_home() -> Yard:
    run = Yard(AB, yard(AB, safe=1))
    run.until("making")
    run.until("resting")
    run.charge()
    run.go(500)
    return run


COURSES = {
    "a to b": lambda: switch(AB),
    "one to three phases": lambda: switch(PHASES),
    "grid to island": lambda: switch(ISLAND),
    "weld": weld,
    "alarm": alarm,
    "dead coil": dead_coil,
    "at home": at_home,
}
THIN = {"one to three phases": 3, "grid to island": 3, "weld": 4, "alarm": 8, "dead coil": 40, "at home": 12}
"""The first course is cut at every cycle; these at every so-many-th, and wherever something has changed."""


@pytest.mark.parametrize("name", COURSES)
def test_a_cut_between_any_two_steps_ends_in_a_safe_and_explained_place(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    run, drive = COURSES[name]()
    cuts, ends = 0, set()
    last = None
    for number, moment in enumerate(course(run, drive)):
        shape = (moment.run.step, *moment.run.contactors, moment.disk)
        if number % THIN.get(name, 1) and shape == last:
            continue
        last = shape
        for way in WAYS:
            back = cut(moment, way)
            try:
                to_rest(back)
                judge(back, moment.older if WAYS[way][2] == "older" else moment.disk, way)
            except AssertionError as error:
                raise AssertionError(f"cut after cycle {number} ({moment.run.step}), {way}: {error}") from error
            cuts += 1
            ends.add((back.step, back.at))
    record_property("cuts", cuts)
    sys.stdout.write(f"{name}: {cuts} cuts, ends {sorted(ends)}\n")
