"""Arbitration: for every actuator a span starts at its rating, and each voice in a fixed order may only narrow it.

The order: trips, then what the device itself allows, then circuits, then the grid operator, then changeovers on their
way (and what their places allow), then the house mode. What is left is the envelope, and it is published. Inside it
the lease speaks, and where there is none, the program.
The order decides only who is named: a span is the same whichever voice came first.

Amounts are in the target's unit (mA, mW, or 0/1 for a coil); times in ms.
"""

from __future__ import annotations

from collections.abc import Sequence

from supervisor.kernel import circuit, grid
from supervisor.kernel.headroom import headroom, read
from supervisor.kernel.mains import Watched
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import UNKNOWN, Image
from supervisor.kernel.span import Span
from supervisor.kernel.state import Proven, Switch, TargetState
from supervisor.kernel.trip import Trip, narrowings

Outputs = list[int | None]


def rated(plan: Plan) -> list[Span]:
    """Each target's span before anybody has spoken."""
    return [target.rating for target in plan.targets]


def envelopes(
    plan: Plan,
    image: Image,
    trips: tuple[Trip, ...],
    before: tuple[TargetState, ...],
    proven: Proven,
    switches: tuple[Switch, ...],
    mode: int,
    now_ms: int,
) -> tuple[list[Span], Proven]:
    """What each target may be told this cycle, and who says so; and the bounds that could be proven, for the next."""
    spans = rated(plan)
    _narrow_by_trips(plan, spans, trips, before)
    caps = []
    for cap, last in zip(plan.caps, proven.caps, strict=True):
        known = read(cap.source, image, now_ms)
        spans[cap.target] = spans[cap.target].narrow(None, _blind(cap.blind, last) if known is None else known, cap.id)
        caps.append(last if known is None else known)
    rooms, watched = _narrow_by_circuits(plan, spans, image, trips, before, proven, now_ms)
    supply = grid.watch(plan.grid, proven.grid, image, now_ms) if plan.grid and proven.grid else None
    grid.narrow(plan, spans, supply, image, before, now_ms)
    for changeover, switch in zip(plan.changeovers, switches, strict=True):
        rests = plan.changeover.states[switch.machine.state] == "resting"
        for action in changeover.places[switch.at].allows if rests else changeover.drains:
            spans[action.target] = spans[action.target].narrow(action.lo, action.hi, changeover.id)
    for rule in plan.mode_rules:
        if mode in rule.modes:
            spans[rule.target] = spans[rule.target].narrow(rule.lo, rule.hi, rule.id)
    return spans, Proven(tuple(caps), rooms, watched, supply)


def _blind(blind: int, last: int | None) -> int:
    """What is left while a bound cannot be known: what the document declares, and never more than was known last."""
    return blind if last is None else min(blind, last)


def _narrow_by_circuits(
    plan: Plan,
    spans: list[Span],
    image: Image,
    trips: tuple[Trip, ...],
    before: tuple[TargetState, ...],
    proven: Proven,
    now_ms: int,
) -> tuple[tuple[tuple[int | None, ...], ...], tuple[Watched, ...]]:
    """Every feed within what each of its circuits leaves; the rooms that were proven, and what is remembered."""
    rooms: list[tuple[int | None, ...]] = []
    watched: list[Watched] = []
    for about, olds, was in zip(plan.circuits, proven.rooms, proven.circuits, strict=True):
        watched.append(circuit.watch(about, was, trips, image, before, plan.targets, now_ms))
        left = [
            headroom(about, feed, image, before, last, now_ms, watched[-1])
            for feed, last in zip(about.feeds, olds, strict=True)
        ]
        for feed, room in zip(about.feeds, left, strict=True):
            spans[feed.target] = spans[feed.target].narrow(None, max(room.most, 0), room.by)
        rooms.append(tuple(room.last for room in left))
    return tuple(rooms), tuple(watched)


def _narrow_by_trips(plan: Plan, spans: list[Span], trips: tuple[Trip, ...], before: tuple[TargetState, ...]) -> None:
    for rule, trip in zip(plan.rules, trips, strict=True):
        for action in narrowings(rule, trip):
            target = plan.targets[action.target]
            if trip.cause is UNKNOWN and target.contactor and before[action.target].output != 0:
                continue  # not knowing inhibits closing; it never opens what carries current
            if trip.cause is UNKNOWN and target.changeover is not None:
                continue  # nor does it transfer anything; see frozen
            spans[action.target] = spans[action.target].narrow(action.lo, action.hi, rule.id)


def frozen(plan: Plan, trips: tuple[Trip, ...]) -> frozenset[int]:
    """The changeovers' targets that an unanswered row keeps where they are."""
    return frozenset(
        action.target
        for rule, trip in zip(plan.rules, trips, strict=True)
        if trip.cause is UNKNOWN
        for action in narrowings(rule, trip)
        if plan.targets[action.target].changeover is not None
    )


def shared(
    plan: Plan, position: int, span: Span, image: Image, states: Sequence[TargetState], proven: Proven, now_ms: int
) -> Span:
    """``span`` within what the other feeds have left, those included that have been told more in this same cycle."""
    for at, about in enumerate(plan.circuits):
        if len(about.feeds) == 1:
            continue
        for which, feed in enumerate(about.feeds):
            if feed.target == position:
                room = headroom(about, feed, image, states, proven.rooms[at][which], now_ms, proven.circuits[at])
                span = span.narrow(None, max(room.most, 0), room.by)
    return grid.dimmed(plan, position, span, proven.grid, image, states, now_ms)
