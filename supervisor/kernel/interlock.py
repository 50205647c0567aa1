"""Interlocks: what keeps a contactor from closing, whoever wants it closed.

Rules
* Only what is proven open counts as open. A contactor that is on its way, doubted or out of sight counts as closed.
* Contactors are asked one after the other within a cycle, against what the earlier ones have just begun, so two that
  exclude each other can never begin together.
* An unanswered question keeps a contactor from closing and opens nothing.

Interlocks stand below every order: changeovers, leases and local hands alike are only wishes here.
"""

from __future__ import annotations

from collections.abc import Sequence

from supervisor.kernel.plan import Plan
from supervisor.kernel.question import NO, YES, Image
from supervisor.kernel.state import TargetState

SHOWN_OPEN = ("open", "failed_open", "locked_out")
"""The states of a contactor that begin with the proof that its main contact is open."""


def proven_open(plan: Plan, state: TargetState) -> bool:
    """Is this contactor proven open in this very cycle, and not about to close?"""
    return _is(plan, state, SHOWN_OPEN) and state.wear is not None and state.wear.unproven_ms is None


def proven_closed(plan: Plan, state: TargetState) -> bool:
    """Is this contactor proven closed in this very cycle?"""
    return _is(plan, state, ("closed",)) and state.wear is not None and state.wear.unproven_ms is None


def _is(plan: Plan, state: TargetState, names: tuple[str, ...]) -> bool:
    return state.machine is not None and plan.contactor.states[state.machine.state] in names


def alone(plan: Plan, position: int, states: Sequence[TargetState]) -> bool:
    """Are enough of the contactors that exclude this one proven open?"""
    return all(
        position not in group.members or _others(plan, group.members, position, states) < group.at_most
        for group in plan.groups
    )


def _others(plan: Plan, members: tuple[int, ...], position: int, states: Sequence[TargetState]) -> int:
    """How many of the other members are not proven open."""
    return sum(other != position and not proven_open(plan, states[other]) for other in members)


def bars(plan: Plan, position: int, states: Sequence[TargetState], image: Image, now_ms: int) -> str:
    """The id of the first interlock that keeps this contactor from closing now; "" when none does."""
    for group in plan.groups:
        if position in group.members:
            if _others(plan, group.members, position, states) >= group.at_most:
                return group.id
            if group.dead_ms and now_ms < _dead_until_ms(group.members, position, states) + group.dead_ms:
                return group.id
    for need in plan.needs:
        if need.target == position:
            if need.requires is not None and not proven_closed(plan, states[need.requires]):
                return need.id
            if need.question is not None and need.question.ask(image, now_ms, True) is not YES:
                return need.id
    return ""


def _dead_until_ms(members: tuple[int, ...], position: int, states: Sequence[TargetState]) -> int:
    """When the last of the other members was proven open."""
    machines = (states[other].machine for other in members if other != position)
    return max((machine.since_ms for machine in machines if machine is not None), default=0)


def settled(
    plan: Plan, wanted: list[bool], free: list[bool], states: Sequence[TargetState], image: Image, now_ms: int
) -> None:
    """Make the wishes of one cycle agree with the needs, in place. ``free``: this contactor opens for protection, so
    nobody may keep it closed. What needs another one leaves before it, and is left behind by nobody."""
    for need in plan.needs:
        alone = need.requires is not None and proven_open(plan, states[need.requires])
        if alone or (need.question is not None and need.question.ask(image, now_ms) is NO):
            wanted[need.target], free[need.target] = False, True
        elif need.requires is not None and not wanted[need.requires]:
            wanted[need.target] = False
            free[need.target] = free[need.target] or free[need.requires]
    for need in plan.needs:
        if need.requires is not None and not free[need.requires] and not proven_open(plan, states[need.target]):
            closed = not proven_open(plan, states[need.requires])
            wanted[need.requires] = wanted[need.requires] or closed
