"""Until when does a rule bind, if nothing else happens? None where only the world knows.

Looked up for people and orchestrators; nothing is decided by it.
"""

from __future__ import annotations

from supervisor.kernel import trip
from supervisor.kernel.plan import MODES, Plan
from supervisor.kernel.question import NO
from supervisor.kernel.state import State, TargetState

STARTING = MODES.index("starting")


def until_ms(plan: Plan, state: State, rule: str) -> int | None:
    """When the rule called ``rule`` will let go by time alone (monotonic ms): a row whose condition has gone is over
    after its clearing time, the start after the longest grace at the latest."""
    for row, at in zip(plan.rules, state.trips, strict=True):
        if row.id == rule and at.cause is not NO and at.answer is NO:
            return trip.wake(row, at, state.now_ms)
    starting = any(row.id == rule and STARTING in row.modes for row in plan.mode_rules)
    if starting and state.house.state == STARTING:
        graces = (plan.grace_ms if device.grace_ms is None else device.grace_ms for device in plan.devices)
        return state.house.since_ms + max(graces, default=plan.grace_ms)
    return None


def relaxes_ms(at: TargetState, now_ms: int) -> int | None:
    """Before when this target will not relax, whatever is allowed; None when it may now."""
    return at.hold_until_ms if at.hold_until_ms > now_ms else None
