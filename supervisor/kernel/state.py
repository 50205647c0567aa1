"""The kernel's memory between two cycles. Frozen: a cycle returns a new one and the old one stays what it was."""

from __future__ import annotations

import msgspec

from supervisor.kernel.lease import Decision, Lease
from supervisor.kernel.machine import Machine
from supervisor.kernel.plan import MODES, Plan
from supervisor.kernel.trip import Trip, fresh


class TargetState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One actuator. ``output`` is what it is told, None before anything may be said.

    ``ramp_value``/``ramp_ms``: where and when the running relaxation began (None: none runs).
    ``hold_until_ms``: no relaxation before. ``changed_ms``: when the output last changed. ``stopped_by``: who said stop
    ("" nobody); a stop lasts until the next grant. ``astray``: its read-back has shown something else for too long.
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


class Orchestrator(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One identity. ``answered``: its last requests with an id, and what was decided, newest last."""

    machine: Machine
    heard_ms: int | None
    answered: tuple[tuple[str, Decision], ...]


class Proven(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The bounds that were last known, in the order of the plan's caps and of each circuit's feeds; None: never yet.
    While a sensor says nothing, what it said last still bounds what its document declares for that case."""

    caps: tuple[int | None, ...]
    rooms: tuple[tuple[int | None, ...], ...]


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
            )
            for target in plan.targets
        ),
        proven=Proven((None,) * len(plan.caps), tuple((None,) * len(circuit.feeds) for circuit in plan.circuits)),
        orchestrators=tuple(
            Orchestrator(Machine(plan.orchestrator.initial, now_ms), None, ()) for _ in plan.identities
        ),
    )
