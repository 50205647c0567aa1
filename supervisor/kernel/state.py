"""The kernel's memory between two cycles. Frozen: a cycle returns a new one and the old one stays what it was."""

from __future__ import annotations

import msgspec

from supervisor.kernel import excess, heat, sight
from supervisor.kernel.lease import Decision, Lease
from supervisor.kernel.machine import Machine
from supervisor.kernel.mains import Circuit, GridState, Input, Watched
from supervisor.kernel.plan import MODES, Plan
from supervisor.kernel.question import UNKNOWN, Answer
from supervisor.kernel.slots import Slots
from supervisor.kernel.switchgear import Changeover
from supervisor.kernel.trip import Trip, fresh


class TargetState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One actuator. ``output`` is what it is told, None before anything may be said.

    ``ramp_value``/``ramp_ms``: where and when the running relaxation began (None: none runs).
    ``hold_until_ms``: no relaxation before. ``changed_ms``: when the output last changed. ``stopped_by``: who said stop
    ("" nobody); a stop lasts until the next grant. ``astray``: its read-back has shown something else for too long.
    ``wear``: of a contactor. ``planned``: a program that waits for its start. ``swings``: how its level swung.
    ``remote``: what the network has done with it (None: nothing that is bounded).
    """

    output: int | None
    lease: Lease | None
    machine: Machine | None
    ramp_value: int | None
    ramp_ms: int
    hold_until_ms: int
    changed_ms: int
    stopped_by: str
    astray: bool
    wear: Wear | None = None
    planned: Lease | None = None
    swings: Swings | None = None
    remote: Remote | None = None


class Remote(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the network together has done with a target. ``since_ms``: since when it keeps it off its program, or did
    last; ``back_ms``: since when it no longer does (None: it does). ``changes``: its widening changes (slots.py)."""

    since_ms: int | None = None
    back_ms: int | None = None
    changes: Slots = ()


class Swings(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How a level has gone up and down. ``up``: it is on its way up, and ``extreme`` is how far from safe it has come;
    else on its way down, and how near. Reversals are budgeted like a contactor's closings: ``due_ms`` is when all of
    them have had their share of time. ``hunting``: it has used up more than its budget. ``tightened_ms``: when it last
    went towards safe."""

    up: bool
    extreme: int
    due_ms: int
    hunting: bool
    tightened_ms: int


class Wear(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a contactor has been through, and what follows from it.

    ``closings``, and ``broken``: openings under current, or where none was measured. ``failures`` in a row, the last at
    ``failed_ms``. ``due_ms``: closings are budgeted as if each took its share of the hour; this is when all of them
    are paid for. ``unproven_ms``: since when its position has not shown itself; ``unwanted_ms``: since when it
    is closed and should not be (None: not so).
    """

    closings: int = 0
    broken: int = 0
    failures: int = 0
    failed_ms: int = 0
    due_ms: int = 0
    unproven_ms: int | None = None
    unwanted_ms: int | None = None


class Switch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One changeover. ``at``: the place where it rests or from which it comes; ``goal``: where it goes. ``calm_ms``:
    since when nothing flows (None: something may). ``sighted``: per flow, its sensor has proven that it can see;
    ``odd_ms``: since when another one contradicts it. ``arrived_ms``: when it came to ``at``. ``reason``: why it does
    not move."""

    machine: Machine
    at: int
    goal: int
    calm_ms: int | None
    sighted: tuple[bool, ...]
    odd_ms: tuple[int | None, ...]
    arrived_ms: int
    reason: str


class LocalState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the local hand said last: the answers of reset and of each hand, and whether maintenance is on."""

    reset: Answer
    maintenance: bool
    hands: tuple[Answer, ...]


class Orchestrator(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One identity. ``answered``: its last requests with an id, and what was decided, newest last. ``number``: the
    highest that it has counted to. ``due_ms``: per permission with a rate, until when its wishes are paid for."""

    machine: Machine
    heard_ms: int | None
    answered: tuple[tuple[str, Decision], ...]
    number: int | None = None
    due_ms: tuple[tuple[int, int], ...] = ()


class Proven(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The bounds that were last known, in the order of the plan's caps and of each circuit's feeds; None: never yet.
    While a sensor says nothing, what it said last still bounds what its document declares for that case. ``circuits``
    and ``grid``: how the meters are seen, and what is remembered besides."""

    caps: tuple[int | None, ...]
    rooms: tuple[tuple[int | None, ...], ...]
    circuits: tuple[Watched, ...] = ()
    grid: GridState | None = None


class State(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Everything that the next cycle needs to know of the last one."""

    now_ms: int
    cycle: int
    house: Machine
    devices: tuple[Machine, ...]
    trips: tuple[Trip, ...]
    targets: tuple[TargetState, ...]
    orchestrators: tuple[Orchestrator, ...]
    proven: Proven
    switches: tuple[Switch, ...]
    local: LocalState
    acknowledged: tuple[int, ...] = ()  # when each of the last acknowledgements from outside will be forgotten
    asked: Slots = ()  # the network's wishes for more, of all identities together


def boot(plan: Plan, now_ms: int) -> State:
    """The state of a house that has just been switched on: nothing is known, nothing has been said."""
    return State(
        now_ms=now_ms,
        cycle=0,
        house=Machine(MODES.index("starting"), now_ms),
        devices=tuple(Machine(device.table.initial, now_ms) for device in plan.devices),
        trips=tuple(fresh(now_ms) for _ in plan.rules),
        targets=tuple(
            TargetState(
                output=None,
                lease=None,
                machine=Machine(plan.contactor.initial, now_ms) if target.contactor else None,
                ramp_value=None,
                ramp_ms=now_ms,
                hold_until_ms=now_ms,
                changed_ms=now_ms,
                stopped_by="",
                astray=False,
                wear=Wear() if target.contactor else None,
            )
            for target in plan.targets
        ),
        proven=Proven(
            (None,) * len(plan.caps),
            tuple((None,) * len(circuit.feeds) for circuit in plan.circuits),
            tuple(_unwatched(plan, circuit, now_ms) for circuit in plan.circuits),
            _unheard(plan, now_ms),
        ),
        orchestrators=tuple(
            Orchestrator(Machine(plan.orchestrator.initial, now_ms), None, ()) for _ in plan.identities
        ),
        switches=tuple(_unseen(plan, changeover, now_ms) for changeover in plan.changeovers),
        local=LocalState(UNKNOWN, False, (UNKNOWN,) * len(plan.local.hands)),
    )


def _unseen(plan: Plan, changeover: Changeover, now_ms: int) -> Switch:
    """A changeover whose contactors nobody has looked at."""
    return Switch(
        machine=Machine(plan.changeover.initial, now_ms),
        at=0,
        goal=0,
        calm_ms=None,
        sighted=(False,) * len(changeover.flows),
        odd_ms=(None,) * len(changeover.flows),
        arrived_ms=now_ms,
        reason="",
    )


def _unwatched(plan: Plan, circuit: Circuit, now_ms: int) -> Watched:
    """A circuit that nobody has looked at yet: a feed that is not heard may be drawing all that it can."""
    return Watched(
        heats=(heat.unknown(circuit.curve, now_ms),) * circuit.width if circuit.curve else (),
        sights=(sight.unseen(now_ms),) * len(circuit.phases),
        fears=() if circuit.phases else tuple(plan.targets[feed.target].hi for feed in circuit.feeds),
        excesses=(excess.NONE,) * len(circuit.feeds),
    )


def _unheard(plan: Plan, now_ms: int) -> GridState | None:
    if plan.grid is None:
        return None
    blind = sight.unseen(now_ms)
    return GridState(blind, blind, Input(Machine(plan.grid.lpc.initial, now_ms)))
