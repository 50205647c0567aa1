"""From what a target should do to what it is told: tightening at once, relaxing after a hold and along a ramp.

Rules
* A value on the way to safe is said in the same cycle.
* A relaxation waits until ``hold_until_ms`` and then follows a straight line from where it began, as a function of
  time and not of cycles. A device that cannot do small values starts at the smallest it can.
* A value is rounded to the device's step towards safe.

A target's output is None only before anything may be said to it at all.
"""

from __future__ import annotations

import msgspec

from supervisor.kernel.hunting import calm_ms, slower, swung
from supervisor.kernel.plan import MODES, Plan, Program, Target
from supervisor.kernel.span import Span, clip, tighter
from supervisor.kernel.state import TargetState


class Outputs(msgspec.Struct, frozen=True, array_like=True):
    """What one cycle decided. ``values`` and ``envelopes`` by target; ``wanted_by`` names who asked for the value."""

    values: tuple[int | None, ...]
    envelopes: tuple[Span, ...]
    wanted_by: tuple[str, ...]


def wish(plan: Plan, position: int, state: TargetState, mode: int) -> tuple[int, str]:
    """What the target should do before its envelope is applied, and in whose name."""
    target = plan.targets[position]
    if state.stopped_by:
        return target.safe, f"stop by {state.stopped_by}"
    if state.lease is not None:
        return state.lease.value, f"lease of {plan.identities[state.lease.holder].name}"
    if (usual := program(plan, position, mode)) is not None:
        return usual.value, usual.id
    if target.changeover is not None and MODES[mode] == "starting" and state.output is not None:
        return state.output, "as found"  # nobody transfers a house before it has been seen whole
    return target.safe, "default"


def program(plan: Plan, position: int, mode: int) -> Program | None:
    """What is said of this target in this mode when nobody holds it."""
    for said in plan.programs:
        if said.target == position and mode in said.modes:
            return said
    return None


def rounded(target: Target, value: int) -> int:
    """The nearest value that the device can express, towards safe: a whole step, and outside its forbidden bands."""
    steps = abs(value - target.safe) // target.step
    stepped = target.safe + steps * target.step * (1 if value >= target.safe else -1)
    possible = clip(stepped, target.rating, target.safe, target.bands)
    return stepped if possible == stepped else rounded(target, possible)


def settle(target: Target, state: TargetState, span: Span, wanted: int, now_ms: int) -> TargetState:
    """The target after this cycle, its output included. ``wanted`` has not been clipped yet."""
    return swung(target, state, _settled(target, state, span, wanted, now_ms), now_ms)


def _settled(target: Target, state: TargetState, span: Span, wanted: int, now_ms: int) -> TargetState:
    goal = rounded(target, clip(wanted, span, target.safe, target.bands))
    current = target.safe if state.output is None else state.output
    if goal != wanted and not tighter(current, goal, target.safe):
        state = msgspec.structs.replace(state, hold_until_ms=now_ms + target.hold_ms)  # a rule has just tightened
    if tighter(goal, current, target.safe):
        return _said(state, goal, now_ms, ramp_value=None)
    if not tighter(current, goal, target.safe):  # goal lies on the other side of safe: pass through it first
        return _said(state, target.safe, now_ms, ramp_value=None)
    if now_ms < max(state.hold_until_ms, calm_ms(target, state)):
        return _said(state, current, now_ms, ramp_value=None)
    return _relax(target, state, current, goal, now_ms)


def _relax(target: Target, state: TargetState, current: int, goal: int, now_ms: int) -> TargetState:
    if target.ramp is None:
        return _said(state, goal, now_ms, ramp_value=None)
    start, start_ms = state.ramp_value, state.ramp_ms
    if start is None:
        start, start_ms = _first_step(target, current, goal), now_ms
    way = target.ramp * (now_ms - start_ms) // (1000 * slower(target, state))
    reached = min(start + way, goal) if goal >= start else max(start - way, goal)
    value = rounded(target, reached)
    if tighter(value, current, target.safe):
        value = current
    state = msgspec.structs.replace(state, ramp_ms=start_ms)
    return _said(state, value, now_ms, ramp_value=None if value == goal else start)


def _first_step(target: Target, current: int, goal: int) -> int:
    """A ramp that would begin inside a band that the device cannot do begins at the band's far edge."""
    for low, high in target.bands:
        if goal >= current == low and goal >= high:
            return high
        if goal <= current == high and goal <= low:
            return low
    return current


def _said(state: TargetState, value: int, now_ms: int, ramp_value: int | None) -> TargetState:
    changed_ms = state.changed_ms if value == state.output else now_ms
    if value == state.output and ramp_value == state.ramp_value:
        return state
    return msgspec.structs.replace(state, output=value, changed_ms=changed_ms, ramp_value=ramp_value)
