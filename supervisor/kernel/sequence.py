"""From wishes to what is said: levels are settled and ramped, contactors are driven through their machine.

A contactor is never told its wish. Its machine decides what the coil is told, one transition a cycle, and what
the coil is told is the machine's state and nothing else.
"""

from __future__ import annotations

import msgspec

from supervisor.kernel import facts
from supervisor.kernel.arbitration import shared
from supervisor.kernel.machine import advance
from supervisor.kernel.outputs import Outputs, settle, wish
from supervisor.kernel.plan import Contactor, Plan, Target
from supervisor.kernel.question import Image
from supervisor.kernel.signal import Quality
from supervisor.kernel.span import Span, clip
from supervisor.kernel.state import Proven, TargetState

replace = msgspec.structs.replace


def drive(
    plan: Plan,
    targets: tuple[TargetState, ...],
    spans: list[Span],
    proven: Proven,
    image: Image,
    mode: int,
    now_ms: int,
) -> tuple[tuple[TargetState, ...], Outputs]:
    """Every target after this cycle, and the complete output image."""
    states = list(targets)
    left = list(spans)
    wanted_by: list[str] = []
    for position, target in enumerate(plan.targets):
        state = states[position]
        left[position] = span = shared(plan, position, spans[position], image, states, proven, now_ms)
        wanted, by = wish(plan, position, state, mode)
        if target.contactor is not None:
            state = _switch(plan, target, target.contactor, state, span, wanted, image, now_ms)
        else:
            state = settle(target, state, span, wanted, now_ms)
        states[position] = _compare(target, state, image, now_ms)
        wanted_by.append(by)
    values = tuple(state.output for state in states)
    return tuple(states), Outputs(values, tuple(left), tuple(wanted_by))


def _switch(
    plan: Plan,
    target: Target,
    contactor: Contactor,
    state: TargetState,
    span: Span,
    wanted: int,
    image: Image,
    now_ms: int,
) -> TargetState:
    """One cycle of a contactor."""
    machine = state.machine
    if machine is None:
        raise TypeError(f"{target.id} is a contactor without a machine")
    close = clip(wanted, span, target.safe, target.bands) == 1
    machine, event = advance(
        plan.contactor, machine, facts.of_contactor(plan, contactor, machine, close, image, now_ms), now_ms
    )
    if event is None:
        return state
    coil = plan.coils[machine.state]
    return replace(state, machine=machine, output=coil, changed_ms=state.changed_ms if coil == state.output else now_ms)


def _compare(target: Target, state: TargetState, image: Image, now_ms: int) -> TargetState:
    """Does the device show what it was told? Only asked of levels; a contactor's machine asks for itself."""
    if target.readback is None or target.contactor is not None or state.output is None:
        return state
    reading = image[target.readback.signal]
    settled = now_ms - state.changed_ms >= target.readback_ms
    known = reading.quality is Quality.GOOD and now_ms - reading.at_ms <= target.readback.max_age_ms
    astray = settled and known and reading.value != state.output
    return state if astray == state.astray else replace(state, astray=astray)
