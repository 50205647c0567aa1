"""For how long the network together may keep a target off its program (hazard H14).

Theory of operation
* A target is *off its program* while a lease of the network keeps it farther from its safe value than its program for
  the mode of the house would; of a changeover, in another position. What is kept lower than the program is not off.
* The time runs from the first such moment on: through renewals, takeovers and pauses, until the target was back for
  ``rest_ms`` without a break. When it reaches ``longest_ms`` the lease ends, whoever holds it; and before the target
  has been back for ``rest_ms`` nobody on the network is granted the like again.
* Whose lease it is makes no difference, so identities that take turns gain nothing. Somebody in the house is not
  bounded by this, and while he holds a target the network does not.

All times in ms. Must never make a lease longer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from supervisor.kernel.hands import LOCAL
from supervisor.kernel.lease import Lease
from supervisor.kernel.network import bounds, outside, reaches, wider
from supervisor.kernel.outputs import program
from supervisor.kernel.permission import Around
from supervisor.kernel.plan import Plan
from supervisor.kernel.signal import Unit, shown
from supervisor.kernel.state import Remote, TargetState
from supervisor.kernel.wish import Refusal

replace = msgspec.structs.replace


class Longest(NamedTuple):
    """The strictest that is said of a target."""

    longest_ms: int
    by: str
    rest_ms: int


class End(NamedTuple):
    """When the network's time with a target is over, and the row that says so."""

    at_ms: int
    by: str


def longest(plan: Plan, position: int) -> Longest | None:
    """How long, by which row, and how long it must be back then; None where nothing is said."""
    said = [(r.longest_ms, by, r.rest_ms) for by, r in reaches(plan, position) if r.longest_ms is not None]
    if not said:
        return None
    longest_ms, by, _ = min(said)
    return Longest(longest_ms, by, max(rest_ms for _, _, rest_ms in said))


def off(plan: Plan, position: int, value: int, mode: int) -> bool:
    """Is this value off the program of this mode?"""
    usual = program(plan, position, mode)
    return wider(plan, position, value, plan.targets[position].safe if usual is None else usual.value)


def _since_ms(limit: Longest, was: Remote, now_ms: int) -> int:
    """Since when it is off its program if it is so now."""
    if was.since_ms is None or (was.back_ms is not None and now_ms - was.back_ms >= limit.rest_ms):
        return now_ms
    return was.since_ms


# ---- what is asked ---------------------------------------------------------------------------------------------------
def end(around: Around, state: TargetState, value: int, starts_ms: int) -> End | None:
    """Until when the network may have ``value``, from ``starts_ms``; None where nothing ends it. Raises Refusal when
    its time is up. What has been by the start of a program that begins later, nobody knows now."""
    plan, position, now_ms = around.plan, around.position, around.now_ms
    limit = longest(plan, position)
    if limit is None or not off(plan, position, value, around.mode):
        return None
    if starts_ms > now_ms:
        return End(starts_ms + limit.longest_ms, limit.by)
    was = state.remote or Remote()
    at_ms = _since_ms(limit, was, now_ms) + limit.longest_ms
    if at_ms > now_ms:
        return End(at_ms, limit.by)
    left_ms = limit.rest_ms - (0 if was.back_ms is None else now_ms - was.back_ms)
    text = f"the network has kept {plan.targets[position].id} off its program for as long as it may"
    raise Refusal(limit.by, f"{text}; it has to be back for another {-(-left_ms // 1000)} s first")


# ---- what is held ----------------------------------------------------------------------------------------------------
def over(around: Around, state: TargetState, lease: Lease) -> str:
    """Why the network may not have, or no longer have, what this lease says; "" while it may."""
    if not around.plan.network or not bounds(around):
        return ""
    if by := outside(around.plan, around.position, lease.value):
        return f"{by} leaves the network less"
    limit = longest(around.plan, around.position)
    if limit is None or not off(around.plan, around.position, lease.value, around.mode):
        return ""
    if around.now_ms < _since_ms(limit, state.remote or Remote(), around.now_ms) + limit.longest_ms:
        return ""
    most = shown(limit.longest_ms, Unit.TIME)
    return f"{limit.by} lets the network keep it off its program for {most} and no longer"


def kept(plan: Plan, targets: Sequence[TargetState], mode: int, now_ms: int) -> tuple[TargetState, ...]:
    """The targets, each with since when the network keeps it off its program."""
    after = list(targets)
    for position, state in enumerate(targets):
        if state.lease is None and state.remote is None:
            continue
        limit = longest(plan, position)
        if limit is None:
            continue
        held, was = state.lease, state.remote or Remote()
        remote = held is not None and plan.identities[held.holder].role != LOCAL
        away = held is not None and remote and off(plan, position, held.value, mode)
        if away == (was.since_ms is not None and was.back_ms is None):
            continue
        now = replace(was, since_ms=_since_ms(limit, was, now_ms), back_ms=None)
        after[position] = replace(state, remote=now if away else replace(was, back_ms=now_ms))
    return tuple(after)


def wake(plan: Plan, targets: Sequence[TargetState]) -> Iterator[int]:
    """When the network's time with a target is over."""
    for position, state in enumerate(targets):
        at = state.remote
        if at is not None and at.since_ms is not None and at.back_ms is None:
            limit = longest(plan, position)
            if limit is not None:
                yield at.since_ms + limit.longest_ms
