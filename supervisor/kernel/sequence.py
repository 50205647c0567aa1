"""From wishes to what is said: levels are settled and ramped, changeovers and contactors driven through their machines.

A contactor is never told its wish. Its machine decides what the coil is told, one transition a cycle, and what
the coil is told is the machine's state and nothing else.

The order within a cycle: every contact is looked at; changeovers say which of their contactors are wanted; needs settle
those wishes; then one target after the other moves, so that each interlock sees what has just begun.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from supervisor.kernel import changeover, facts, flow, interlock, wear
from supervisor.kernel.arbitration import shared
from supervisor.kernel.around import Around
from supervisor.kernel.hands import LOCAL
from supervisor.kernel.machine import Machine, advance_asking
from supervisor.kernel.outputs import Outputs, settle, wish
from supervisor.kernel.plan import Plan, Target
from supervisor.kernel.question import YES, Image
from supervisor.kernel.signal import Quality
from supervisor.kernel.span import clip
from supervisor.kernel.state import Switch, TargetState, Wear
from supervisor.kernel.switchgear import Contactor

replace = msgspec.structs.replace


class Driven(msgspec.Struct, frozen=True):
    """Every target and changeover after this cycle, and the complete output image."""

    targets: tuple[TargetState, ...]
    switches: tuple[Switch, ...]
    outputs: Outputs


def drive(plan: Plan, targets: tuple[TargetState, ...], switches: tuple[Switch, ...], around: Around) -> Driven:
    """One cycle of everything that can be told something."""
    image, now_ms = around.image, around.now_ms
    states = [_looked_at(plan, target, state, around) for target, state in zip(plan.targets, targets, strict=True)]
    spans = list(around.spans)
    wishes = [wish(plan, position, state, around.mode) for position, state in enumerate(states)]
    moved = tuple(
        _change(plan, index, switch, states, wishes[plan.changeovers[index].target][0], around)
        for index, switch in enumerate(switches)
    )
    wanted, free = _wanted(plan, [value for value, _ in wishes], states, moved, around)
    for position, target in enumerate(plan.targets):
        state = states[position]
        spans[position] = span = shared(plan, position, spans[position], image, states, around.proven, now_ms)
        if target.contactor is not None:
            state = _switch(plan, position, target.contactor, states, moved, wanted[position], free[position], around)
        elif target.changeover is not None:
            at = moved[target.changeover].at
            state = state if state.output == at else replace(state, output=at, changed_ms=now_ms)
        else:
            state = settle(target, state, span, wishes[position][0], now_ms)
        states[position] = _compare(target, state, image, now_ms)
    values = tuple(state.output for state in states)
    return Driven(tuple(states), moved, Outputs(values, tuple(spans), tuple(by for _, by in wishes)))


def _looked_at(plan: Plan, target: Target, state: TargetState, around: Around) -> TargetState:
    """A contactor with its proof of this cycle: everybody's interlocks read it before anything moves."""
    contactor, machine, worn = target.contactor, state.machine, state.wear
    if contactor is None:
        return state
    if machine is None or worn is None:
        raise TypeError(f"{target.id} is a contactor without a machine")
    name = plan.contactor.states[machine.state]
    if name in (*interlock.SHOWN_OPEN, "precharging"):
        proven = contactor.shown_open.ask(around.image, around.now_ms, True) is YES
    else:
        proven = name != "closed" or contactor.shown_closed.ask(around.image, around.now_ms, True) is YES
    if proven == (worn.unproven_ms is None):
        return state
    return replace(state, wear=replace(worn, unproven_ms=None if proven else around.now_ms))


def _change(
    plan: Plan, index: int, switch: Switch, states: Sequence[TargetState], wanted: int, around: Around
) -> Switch:
    """One cycle of a changeover: a rule that forbids the wish, or where it is, means its safe place, now, even if that
    is what is wished anyway; one that cannot be answered means that it stays."""
    position = plan.changeovers[index].target
    span, target = around.spans[position], plan.targets[position]
    barred = not span.lo <= wanted <= span.hi or not span.lo <= switch.at <= span.hi
    if barred or states[position].stopped_by:
        return changeover.step(
            plan, index, switch, states, target.safe, True, around.image, around.now_ms, reset=around.reset
        )
    if position in around.frozen:
        wanted = switch.at
    lease = states[position].lease
    hasty = lease is not None and plan.identities[lease.holder].role == LOCAL
    return changeover.step(plan, index, switch, states, wanted, False, around.image, around.now_ms, hasty, around.reset)


def _wanted(
    plan: Plan, wishes: list[int], states: Sequence[TargetState], switches: tuple[Switch, ...], around: Around
) -> tuple[list[bool], list[bool]]:
    """For each contactor: shall it be closed; and, where not, is that for protection?"""
    wanted = [False] * len(states)
    free = [True] * len(states)
    moves = {m: closed for i, s in enumerate(switches) for m, closed in changeover.wants(plan, i, s, states).items()}
    for position, target in enumerate(plan.targets):
        if target.contactor is None:
            continue
        span, locked = around.spans[position], around.maintenance and position in plan.local.locks
        if target.contactor.charges:
            asked = any(_charging(plan, states[main]) for main in target.contactor.charges)
        else:
            asked = moves.get(position, wishes[position] == 1)
        allowed = clip(1, span, target.safe, target.bands) == 1 and not locked
        wanted[position] = asked and allowed
        free[position] = not allowed or position in moves or bool(states[position].stopped_by)
    interlock.settled(plan, wanted, free, states, around.image, around.now_ms)
    return wanted, free


def _charging(plan: Plan, state: TargetState) -> bool:
    return state.machine is not None and plan.contactor.states[state.machine.state] in ("precharging", "closing")


def _switch(
    plan: Plan,
    position: int,
    contactor: Contactor,
    states: Sequence[TargetState],
    switches: tuple[Switch, ...],
    wanted: bool,
    free: bool,
    around: Around,
) -> TargetState:
    """One cycle of a contactor."""
    state, now_ms = states[position], around.now_ms
    machine, worn = state.machine or Machine(plan.contactor.initial, now_ms), state.wear or Wear()
    closed = plan.contactor.states[machine.state] in ("closed", "doubted", "looking")
    unwanted_ms = (now_ms if worn.unwanted_ms is None else worn.unwanted_ms) if closed and not wanted else None
    if unwanted_ms != worn.unwanted_ms:
        worn = replace(worn, unwanted_ms=unwanted_ms)
        state = replace(state, wear=worn)
        states = [*states[:position], state, *states[position + 1 :]]
    calm = _calm(plan, contactor, switches, unwanted_ms, around)
    about = facts.OfContactor(plan, position, contactor, states, wanted, free, calm, around)
    after, event = advance_asking(plan.contactor, machine, about, now_ms)
    if event is None:
        return state
    coil = plan.coils[after.state]
    worn = _worn(plan, contactor, worn, machine.state, after.state, plan.contactor.events[event], calm, now_ms)
    changed_ms = state.changed_ms if coil == state.output else now_ms
    return replace(state, machine=after, output=coil, changed_ms=changed_ms, wear=worn)


def _calm(
    plan: Plan, contactor: Contactor, switches: tuple[Switch, ...], unwanted_ms: int | None, around: Around
) -> bool:
    """Is it proven that nothing flows through this contactor? Something may begin to flow at any moment, unless a
    changeover on its way forbids it, and a meter tells of it later: so what is said of before it shall open proves
    nothing."""
    now_ms = around.now_ms
    if contactor.changeover is not None:
        changeover, switch = plan.changeovers[contactor.changeover], switches[contactor.changeover]
        free, calm_ms = plan.changeover.states[switch.machine.state] == "resting", changeover.calm_ms
        zero = flow.calm(changeover, switch, now_ms)
    else:
        free, calm_ms = True, contactor.calm_ms
        zero = contactor.zero_flow is not None and contactor.zero_flow.ask(around.image, now_ms, True) is YES
    return zero and not (free and unwanted_ms is not None and now_ms - unwanted_ms < calm_ms)


def _worn(
    plan: Plan, contactor: Contactor, worn: Wear, left: int, state: int, event: str, calm: bool, now_ms: int
) -> Wear:
    """The wear after a transition."""
    name = plan.contactor.states[state]
    worn = replace(worn, unproven_ms=None, unwanted_ms=None)
    if name == "closing":
        return wear.closes(contactor, worn, now_ms)
    if plan.coils[left] == 1 and plan.coils[state] == 0:
        worn = wear.opens(worn, under_load=not calm)
    if event in ("drop", "give_up") and name in ("failed_open", "doubted"):
        return wear.fails(worn, now_ms)
    return wear.mended(worn) if event in ("reset_latch", "unlock") else worn


def _compare(target: Target, state: TargetState, image: Image, now_ms: int) -> TargetState:
    """Does the device show what it was told? Only asked of levels; a contactor's machine asks for itself."""
    if target.readback is None or target.contactor is not None or state.output is None:
        return state
    reading = image[target.readback.signal]
    settled = now_ms - state.changed_ms >= target.readback_ms
    known = reading.quality is Quality.GOOD and now_ms - reading.at_ms <= target.readback.max_age_ms
    astray = settled and known and reading.value != state.output
    return state if astray == state.astray else replace(state, astray=astray)
