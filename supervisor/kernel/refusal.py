"""Why a changeover does not go where it shall, in words for people; and whether it may go there at all.

The words stand still while nothing changes (no countdowns): they are part of the state, and a quiet house stays quiet.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from supervisor.kernel import flow, interlock, wear
from supervisor.kernel.machine import Machine
from supervisor.kernel.members import DOUBTFUL, OPEN, state_of
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import Image
from supervisor.kernel.signal import Unit, shown
from supervisor.kernel.state import Switch, TargetState
from supervisor.kernel.switchgear import Changeover

replace = msgspec.structs.replace
DAY_MS = 86_400_000


def refusal(
    plan: Plan,
    index: int,
    switch: Switch,
    wish: int,
    states: Sequence[TargetState],
    image: Image,
    now_ms: int,
    urgent: bool = False,
) -> str:
    """Why it may not go to place ``wish`` now, in words; "" when it may. All-open is refused only for its dwell."""
    changeover = plan.changeovers[index]
    if wish == switch.at:
        return ""
    if now_ms - switch.arrived_ms < changeover.dwell_ms and switch.at != OPEN and not urgent:
        return f"it has not yet stayed for its dwell of {shown(changeover.dwell_ms, Unit.TIME)}"
    if wish == OPEN:
        return ""
    place = changeover.places[wish]
    for member in changeover.members:
        if why := _unfit(plan, member, states, member in place.members, now_ms):
            return f"{plan.targets[member].id} {why}"
    return _interlocked(plan, changeover, place.members, states, image, now_ms)


def _unfit(plan: Plan, member: int, states: Sequence[TargetState], needed: bool, now_ms: int) -> str:
    """Why this contactor cannot take part in a changeover now. ``needed``: it would have to close."""
    state, name = states[member], state_of(plan, states, member)
    if name in (*DOUBTFUL, "welded") or (needed and name in ("failed_open", "locked_out")):
        return f"is {name}"
    contactor = plan.targets[member].contactor
    if needed and contactor is not None and state.wear is not None:
        spent = wear.budget_ms(contactor, state.wear, now_ms) > 0
        return f"has used up its {contactor.per_hour} closings per hour" if spent else ""
    return ""


def _interlocked(
    plan: Plan,
    changeover: Changeover,
    members: tuple[int, ...],
    states: Sequence[TargetState],
    image: Image,
    now_ms: int,
) -> str:
    """Interlocks with what does not belong to this changeover; with its own contactors its way deals."""
    opened = list(states)
    for member in changeover.members:  # as they will be when the first one closes, as far as interlocks can see
        name = "closed" if member in members else "open"
        opened[member] = replace(states[member], machine=Machine(plan.contactor.state(name), now_ms - DAY_MS))
    for member in members:
        if by := interlock.bars(plan, member, opened, image, now_ms):
            return f"{plan.targets[member].id} is kept open by {by}"
    return ""


def reason(
    plan: Plan,
    changeover: Changeover,
    switch: Switch,
    machine: Machine,
    states: Sequence[TargetState],
    refused: str,
    image: Image,
    now_ms: int,
) -> str:
    """Why it is where it is and does not go on, for people; "" when it rests as wished."""
    name = plan.changeover.states[machine.state]
    odd = [f"{plan.targets[m].id} is {state_of(plan, states, m)}" for m in changeover.members]
    match name:
        case "resting":
            return refused
        case "draining" | "held":
            doubted = [text for text in odd if text.split()[-1] in DOUBTFUL]
            return "; ".join(doubted) or refused or _unproven(plan, changeover, switch, states, image, now_ms)
        case "looking" | "breaking" | "stranded" | "faulted":
            still = [text for text in odd if text.split()[-1] not in interlock.SHOWN_OPEN]
            flows = "" if name == "faulted" else _unproven(plan, changeover, switch, states, image, now_ms)
            return "; ".join([*still, *([flows] if flows else [])])
        case "probing" if changeover.places[switch.goal].onto is not None:
            return "what it closes onto is not proven dead, nor in step"
    return ""


def _unproven(
    plan: Plan, changeover: Changeover, switch: Switch, states: Sequence[TargetState], image: Image, now_ms: int
) -> str:
    """Which currents are not proven zero, and why."""
    words = [
        f"{plan.signals[f.current.signal].id} is {why}"
        for f, sees in zip(changeover.flows, switch.sighted, strict=True)
        if (why := flow.doubt(plan, f, sees, states, image, now_ms))
    ]
    return "zero flow is not proven: " + ", ".join(words) if words else ""
