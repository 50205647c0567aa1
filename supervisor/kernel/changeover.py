"""Changeovers: which contactor may move now, so that a conductor never has two feeders and nothing breaks a current.

Theory of operation
* The changeover's machine (machines/changeover.py) reads the states of its contactors' machines, never their raw
  feedback, and the proof of zero flow (flow.py). It tells each contactor only whether it is wanted.
* Contactors open one after the other from the last to the first, and close in their place's order: what must be there
  first (a neutral-earth bond) stands first.
* A contactor decides by itself whether it may open (zero flow, or its rating) and whether interlocks let it close. A
  mistake here therefore stays without consequence there.
* A wish that changes before the first movement is simply the new goal; afterwards the way ends in all-open.

It must never open under load what is not rated for it, and never close by itself after a danger latch.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from supervisor.kernel import flow, interlock
from supervisor.kernel.changeover_facts import OfChangeover
from supervisor.kernel.machine import advance_asking
from supervisor.kernel.members import CONDUCTING, OPEN, closed, state_of
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import Image
from supervisor.kernel.refusal import reason, refusal
from supervisor.kernel.state import Switch, TargetState
from supervisor.kernel.switchgear import Changeover

replace = msgspec.structs.replace


def step(
    plan: Plan,
    index: int,
    switch: Switch,
    states: Sequence[TargetState],
    wish: int,
    urgent: bool,
    image: Image,
    now_ms: int,
    hasty: bool = False,
    reset: bool = False,
) -> Switch:
    """One cycle of a changeover that shall be in place ``wish``. ``states``: the targets as the last cycle left them.
    ``urgent``: a rule or a stop wants it there, and where that is refused, everything open. ``hasty``: somebody in the
    house wants it there. Neither waits for the dwell, which is only good manners. ``reset``: somebody in the house has
    looked after it; a stranded one holds its flow at zero, so its sensors could never show again that they see."""
    changeover, name = plan.changeovers[index], plan.changeover.states[switch.machine.state]
    switch = flow.watch(plan, changeover, switch, states, image, now_ms, vouched=reset and name == "stranded")
    refused = refusal(plan, index, switch, wish, states, image, now_ms, urgent or hasty)
    if urgent and refused:
        wish, refused = OPEN, ""
    if name in ("draining", "held") and wish != switch.at and switch.goal != wish and not refused:
        switch = replace(switch, goal=wish)  # nothing has moved yet, so this is simply another goal
    elif name in ("breaking", "stranded", "waiting", "probing", "making") and switch.goal not in (wish, OPEN):
        switch = replace(switch, goal=OPEN)  # too late for another one: all-open first
    about = OfChangeover(plan, changeover, switch, states, wish, refused, image, now_ms)
    machine, event = advance_asking(plan.changeover, switch.machine, about, now_ms)
    why = reason(plan, changeover, switch, machine, states, refused if wish != switch.at else "", image, now_ms)
    if event is None:
        return switch if why == switch.reason else replace(switch, reason=why)
    return _moved(
        plan,
        changeover,
        replace(switch, machine=machine, reason=why),
        name,
        plan.changeover.events[event],
        states,
        wish,
        now_ms,
    )


def _moved(
    plan: Plan,
    changeover: Changeover,
    switch: Switch,
    left: str,
    event: str,
    states: Sequence[TargetState],
    wish: int,
    now_ms: int,
) -> Switch:
    """The switch after ``event`` took it out of the state ``left``: where it is now, and where it goes."""
    if left == "resting" and switch.at != OPEN:  # something may have begun to flow, and a meter tells of it only later
        switch = replace(switch, calm_ms=None)
    match event:
        case "find":
            found = closed(plan, changeover, states)
            place = next(i for i, p in enumerate(changeover.places) if set(p.members) == found)
            return replace(switch, at=place, goal=place, arrived_ms=now_ms)
        case "leave":
            return replace(switch, goal=wish)
        case "part":  # not on its own account, so not to anywhere
            return replace(
                switch, at=OPEN if left in ("looking", "waiting", "probing", "making") else switch.at, goal=OPEN
            )
        case "apart":
            return replace(switch, at=OPEN)
        case "settle":
            return replace(switch, at=switch.goal, arrived_ms=now_ms)
        case "end" | "mend":
            return replace(switch, at=OPEN, goal=OPEN, arrived_ms=now_ms)
        case "back_out" | "arrive":
            return replace(switch, goal=switch.at)
    return switch


def wants(plan: Plan, index: int, switch: Switch, states: Sequence[TargetState]) -> dict[int, bool]:
    """For each of its contactors (by target): shall it be closed?"""
    changeover = plan.changeovers[index]
    match plan.changeover.states[switch.machine.state]:
        case "looking":  # as found
            return {member: state_of(plan, states, member) in ("closed", "doubted") for member in changeover.members}
        case "resting" | "draining" | "held" | "settling":
            place = changeover.places[switch.at].members
            return {member: member in place for member in changeover.members}
        case "breaking" | "stranded":
            return _one_after_the_other(plan, changeover, states)
        case "making":
            return _one_before_the_other(plan, changeover, switch.goal, states)
    return dict.fromkeys(changeover.members, False)


def _one_after_the_other(plan: Plan, changeover: Changeover, states: Sequence[TargetState]) -> dict[int, bool]:
    """All shall open, the last first: one stays as long as a later one may still be closed."""
    wanted: dict[int, bool] = {}
    later_closed = False
    for member in reversed(changeover.members):
        state = state_of(plan, states, member)
        wanted[member] = later_closed and state in ("closed", "doubted")
        later_closed = later_closed or state in CONDUCTING
    return wanted


def _one_before_the_other(
    plan: Plan, changeover: Changeover, goal: int, states: Sequence[TargetState]
) -> dict[int, bool]:
    """Those of the goal shall close, the first first: one waits until all before it are proven closed. One that has
    begun goes on."""
    wanted = dict.fromkeys(changeover.members, False)
    ready = True
    for member in changeover.places[goal].members:
        wanted[member] = ready or state_of(plan, states, member) in CONDUCTING
        ready = ready and interlock.proven_closed(plan, states[member])
    return wanted
