"""What all identities of the network together get at most (hazard H14).

Rules
* Who has captured the gateway asks in every name, with every number, and in turns. So nothing here looks at who asks:
  there is one budget of wishes for more; and for each target one band, one longest time (away.py), and one budget of
  changes: wishes that are granted and lead farther from safe than what was wanted before.
* Stop, release and lowering are not weighed here at all. Nor is somebody in the house: he is not the network.
* Where several rows speak, the strictest counts. Where none says a rate, PER_MIN_BUILT_IN does.

Times in ms; counts as in slots.py. Must never make anything wider.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from supervisor.kernel.hands import LOCAL
from supervisor.kernel.outputs import wish
from supervisor.kernel.permission import Around
from supervisor.kernel.plan import Plan, Reach
from supervisor.kernel.slots import HOUR_MS, MINUTE_MS, Slots, added, wait_ms
from supervisor.kernel.span import Span, tighter
from supervisor.kernel.state import Remote, TargetState
from supervisor.kernel.wish import Refusal

PER_MIN_BUILT_IN = 600
BUILT_IN = "this box"
"""Who says the rate where no document does."""
replace = msgspec.structs.replace


class Limit(NamedTuple):
    """The strictest bound of a kind, and the row that says it."""

    most: int
    by: str


def bounds(around: Around) -> bool:
    """Is this identity one of the network?"""
    return around.plan.identities[around.holder].role != LOCAL


def reaches(plan: Plan, position: int) -> Iterator[tuple[str, Reach]]:
    """What each row says about a target."""
    for row in plan.network:
        for reach in row.reaches:
            if reach.target == position:
                yield row.id, reach


# ---- the rate ------------------------------------------------------------------------------------------------------
def rate(plan: Plan) -> Limit:
    """How many wishes for more in a minute, of all together."""
    said = [Limit(row.per_min, row.id) for row in plan.network if row.per_min is not None]
    return min(said, default=Limit(PER_MIN_BUILT_IN, BUILT_IN))


def spend(plan: Plan, asked: Slots, now_ms: int) -> tuple[Slots, str]:
    """One wish for more: the budget after it, and why it has to wait ("" when it has not)."""
    limit = rate(plan)
    if left_ms := wait_ms(asked, limit.most, MINUTE_MS, now_ms):
        text = f"{limit.by} allows {limit.most} wishes for more a minute to all on the network together"
        return asked, f"{text}; ask again in {-(-left_ms // 1000)} s"
    return added(asked, MINUTE_MS, now_ms), ""


# ---- the band ------------------------------------------------------------------------------------------------------
def within(plan: Plan, position: int, span: Span) -> Span:
    """``span`` within what the network may ask of a level or a contact. The safe value is always left."""
    safe = plan.targets[position].safe
    for by, reach in reaches(plan, position):
        span = span.narrow(min(reach.lo, safe), max(reach.hi, safe), by)
    return span


def barrier(plan: Plan, position: int, value: int) -> Limit | None:
    """The row that keeps the network from this target, or from this position of a changeover; None when none does."""
    if value == plan.targets[position].safe:
        return None
    for row in plan.network:
        named = [reach for reach in row.reaches if reach.target == position]
        if row.closed and not named:
            return Limit(value, row.id)
        if any(reach.places is not None and value not in reach.places for reach in named):
            return Limit(value, row.id)
    return None


def outside(plan: Plan, position: int, value: int) -> str:
    """The row that the network may not have this value by; "" when it may."""
    barred = barrier(plan, position, value)
    return barred.by if barred is not None else within(plan, position, Span(value, value, "", "")).empty_by


# ---- changes -------------------------------------------------------------------------------------------------------
def wider(plan: Plan, position: int, value: int, than: int) -> bool:
    """Does ``value`` lead farther from safe? Of a changeover every other position does, but the safe one."""
    target = plan.targets[position]
    if target.changeover is not None:
        return value not in (than, target.safe)
    return not tighter(value, than, target.safe)


def change(around: Around, state: TargetState, value: int, ahead: bool) -> Limit | None:
    """The budget that a grant of ``value`` costs; None when it costs nothing. ``ahead``: a program that starts later,
    when nobody knows what is wanted then."""
    plan, position = around.plan, around.position
    limits = [Limit(reach.per_hour, by) for by, reach in reaches(plan, position) if reach.per_hour is not None]
    if not limits:
        return None
    wanted = plan.targets[position].safe if ahead else wish(plan, position, state, around.mode)[0]
    return min(limits) if wider(plan, position, value, wanted) else None


def changing(around: Around, state: TargetState, value: int, ahead: bool) -> None:
    """Raises Refusal when the network has no change of this target left for a grant of ``value``."""
    limit = change(around, state, value, ahead)
    done = state.remote.changes if state.remote is not None else ()
    if limit is not None and (left_ms := wait_ms(done, limit.most, HOUR_MS, around.now_ms)):
        target = around.plan.targets[around.position].id
        text = f"it allows the whole network {limit.most} changes of {target} an hour"
        raise Refusal(limit.by, f"{text}; ask again in {-(-left_ms // 60_000)} min")


def changed(around: Around, state: TargetState, value: int, ahead: bool) -> TargetState:
    """``state`` with a grant of ``value`` counted."""
    if not bounds(around) or change(around, state, value, ahead) is None:
        return state
    was = state.remote or Remote()
    return replace(state, remote=replace(was, changes=added(was.changes, HOUR_MS, around.now_ms)))
