"""The contactors of a changeover, as the states of their machines say."""

from __future__ import annotations

from collections.abc import Sequence

from supervisor.kernel.plan import Plan
from supervisor.kernel.state import TargetState
from supervisor.kernel.switchgear import Changeover

OPEN = 0
"""The place in which every contactor is open."""

DOUBTFUL = ("looking", "doubted", "unverified")
CONDUCTING = ("closing", "closed", "doubted", "opening")


def closed(plan: Plan, changeover: Changeover, states: Sequence[TargetState]) -> set[int]:
    """Its contactors that are proven closed."""
    return {member for member in changeover.members if state_of(plan, states, member) == "closed"}


def rated(plan: Plan, member: int) -> bool:
    """May it break its load?"""
    contactor = plan.targets[member].contactor
    return contactor is not None and contactor.breaks_ms is not None


def state_of(plan: Plan, states: Sequence[TargetState], member: int) -> str:
    """The name of its machine's state."""
    machine = states[member].machine
    return "looking" if machine is None else plan.contactor.states[machine.state]
