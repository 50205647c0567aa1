"""When does something next change by time alone?

Too early costs a cycle, too late loses one: so every time-out of the kernel is listed here, and a machine that has
just moved, or an output on its ramp, asks for the very next cycle. Times in ms.
"""

from __future__ import annotations

from collections.abc import Iterator

from supervisor.kernel import away, circuit, excess, grid, trip, wear
from supervisor.kernel.hunting import calm_ms, calmed_ms
from supervisor.kernel.plan import MODES, Plan
from supervisor.kernel.question import Image
from supervisor.kernel.state import State, TargetState, Wear
from supervisor.kernel.switchgear import Contactor
from supervisor.kernel.wear import HOUR_MS

NEVER_MS = 2**62


def next_wake(plan: Plan, before: State, after: State, image: Image, now_ms: int) -> int:
    """The earliest time-out after ``now_ms``; NEVER_MS when nothing but new input can change anything."""
    if _moved(before, after):
        return now_ms + 1
    earliest = min((at for at in _times(plan, after, now_ms) if at > now_ms), default=NEVER_MS)
    for source in plan.ages:  # by far the longest list, so it is walked without a generator
        too_old_ms = image[source.signal].at_ms + source.max_age_ms + 1
        if now_ms < too_old_ms < earliest:
            earliest = too_old_ms
    return earliest


def repeats_matter(state: State) -> bool:
    """Would a cycle matter in which a reading came that only says the same again, later?"""
    return any(excess.repeats_matter(at) for watched in state.proven.circuits for at in watched.excesses)


def _moved(before: State, after: State) -> bool:
    """Has anything moved that the next cycle reads as the cycle before, or that may move again at once?"""
    return (
        before.house != after.house
        or before.devices != after.devices
        or before.trips != after.trips
        or before.targets != after.targets
        or before.orchestrators != after.orchestrators
        or before.switches != after.switches
        or before.local != after.local
        or _answered(before) != _answered(after)
    )


def _answered(state: State) -> int | None:
    """Where the grid operator's machine stands: it makes one step a cycle."""
    return state.proven.grid.input.machine.state if state.proven.grid is not None else None


def _times(plan: Plan, state: State, now_ms: int) -> Iterator[int]:
    for rule, at in zip(plan.rules, state.trips, strict=True):
        wake = trip.wake(rule, at, now_ms)
        if wake is not None:
            yield wake
    if MODES[state.house.state] == "starting":
        yield state.house.since_ms + plan.grace_ms
        yield from (state.house.since_ms + d.grace_ms for d in plan.devices if d.grace_ms is not None)
    for about, watched in zip(plan.circuits, state.proven.circuits, strict=True):
        yield from circuit.wake(about, watched)
    if plan.grid is not None and state.proven.grid is not None:
        yield from grid.wake(plan.grid, state.proven.grid)
    for identity, orchestrator in zip(plan.identities, state.orchestrators, strict=True):
        if orchestrator.heard_ms is not None:
            yield orchestrator.heard_ms + identity.late_ms
            yield orchestrator.heard_ms + identity.lost_ms
    yield from _target_times(plan, state, now_ms)
    for changeover, switch in zip(plan.changeovers, state.switches, strict=True):
        timeout = changeover.timeouts[switch.machine.state]
        if timeout is not None:
            yield switch.machine.since_ms + timeout
        if switch.calm_ms is not None:
            yield switch.calm_ms + changeover.calm_ms
        yield switch.arrived_ms + changeover.dwell_ms
        yield from (odd_ms + changeover.skew_ms for odd_ms in switch.odd_ms if odd_ms is not None)
    for group in plan.groups:
        machines = (state.targets[member].machine for member in group.members)
        yield from (machine.since_ms + group.dead_ms for machine in machines if machine is not None)


def _target_times(plan: Plan, state: State, now_ms: int) -> Iterator[int]:
    yield from away.wake(plan, state.targets)
    for target, at in zip(plan.targets, state.targets, strict=True):
        if at.ramp_value is not None:
            yield now_ms + 1
        yield at.hold_until_ms
        yield at.changed_ms + target.readback_ms
        if at.lease is not None:
            yield at.lease.expires_ms
        if at.planned is not None:
            yield at.planned.starts_ms
            yield at.planned.expires_ms
        if at.swings is not None and at.swings.hunting:
            yield calmed_ms(target, at.swings)
            yield calm_ms(target, at)
        if at.machine is not None and target.contactor is not None:
            timeout = target.contactor.timeouts[at.machine.state]
            if timeout is not None:
                yield at.machine.since_ms + timeout
            yield from _contactor_times(target.contactor, at, at.machine.since_ms)
            moved, worn = target.contactor.changeover, at.wear
            if worn is not None and worn.unwanted_ms is not None:
                zero_ms = target.contactor.calm_ms if moved is None else plan.changeovers[moved].calm_ms
                yield worn.unwanted_ms + zero_ms


def _contactor_times(contactor: Contactor, at: TargetState, since_ms: int) -> Iterator[int]:
    yield at.changed_ms + contactor.min_on_ms
    yield at.changed_ms + contactor.min_off_ms
    worn = at.wear or Wear()
    yield since_ms + wear.rest_ms(worn)
    yield worn.due_ms - HOUR_MS + (HOUR_MS // contactor.per_hour if contactor.per_hour else 0)
    if worn.unproven_ms is not None:
        yield worn.unproven_ms + contactor.doubt_ms
    if worn.unwanted_ms is not None and contactor.breaks_ms is not None:
        yield worn.unwanted_ms + contactor.breaks_ms
