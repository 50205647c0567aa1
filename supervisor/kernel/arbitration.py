"""Arbitration: for every actuator a span starts at its rating, and each voice in a fixed order may only narrow it.

The order: trips, then what the device itself allows, then circuits, then changeovers on their way (and what their
places allow), then the house mode. What is left is the
envelope, and it is published. Inside it the lease speaks, and where there is none, the program.
The order decides only who is named: a span is the same whichever voice came first.

Amounts are in the target's unit (mA, mW, or 0/1 for a coil); times in ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from supervisor.kernel.plan import Circuit, Feed, Phase, Plan
from supervisor.kernel.question import UNKNOWN, Image
from supervisor.kernel.signal import Quality, Source
from supervisor.kernel.span import Span
from supervisor.kernel.state import Proven, Switch, TargetState
from supervisor.kernel.trip import Trip, narrowings

Outputs = list[int | None]


def rated(plan: Plan) -> list[Span]:
    """Each target's span before anybody has spoken."""
    return [Span(target.lo, target.hi, "rating", "rating") for target in plan.targets]


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
    caps = tuple(_kept(read(cap.source, image, now_ms), old) for cap, old in zip(plan.caps, proven.caps, strict=True))
    for cap, last in zip(plan.caps, caps, strict=True):
        known = read(cap.source, image, now_ms)
        spans[cap.target] = spans[cap.target].narrow(None, _blind(cap.blind, last) if known is None else known, cap.id)
    rooms = []
    for circuit, olds in zip(plan.circuits, proven.rooms, strict=True):
        for feed, last in zip(circuit.feeds, olds, strict=True):
            room = headroom(circuit, feed, image, before, last, now_ms)
            spans[feed.target] = spans[feed.target].narrow(None, max(room.most, 0), circuit.id)
            rooms.append(room.most if room.proven else last)
    for changeover, switch in zip(plan.changeovers, switches, strict=True):
        rests = plan.changeover.states[switch.machine.state] == "resting"
        for action in changeover.places[switch.at].allows if rests else changeover.drains:
            spans[action.target] = spans[action.target].narrow(action.lo, action.hi, changeover.id)
    for rule in plan.mode_rules:
        if mode in rule.modes:
            spans[rule.target] = spans[rule.target].narrow(rule.lo, rule.hi, rule.id)
    return spans, Proven(caps, _by_circuit(plan, rooms))


def _kept(known: int | None, old: int | None) -> int | None:
    """A bound to remember: what is known now, else what was known last."""
    return old if known is None else known


def _blind(blind: int, last: int | None) -> int:
    """What is left while a bound cannot be known: what the document declares, and never more than was known last."""
    return blind if last is None else min(blind, last)


def _by_circuit(plan: Plan, rooms: list[int | None]) -> tuple[tuple[int | None, ...], ...]:
    """The flat list of rooms again as one tuple per circuit."""
    left = iter(rooms)
    return tuple(tuple(next(left) for _ in circuit.feeds) for circuit in plan.circuits)


def read(source: Source, image: Image, now_ms: int) -> int | None:
    """A value that may be relied on to permit something: good and young enough; None otherwise."""
    reading = image[source.signal]
    if reading.quality is not Quality.GOOD or now_ms - reading.at_ms > source.max_age_ms:
        return None
    return reading.value


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
    for circuit, lasts in zip(plan.circuits, proven.rooms, strict=True):
        for feed, last in zip(circuit.feeds, lasts, strict=True):
            if feed.target == position and len(circuit.feeds) > 1:
                most = headroom(circuit, feed, image, states, last, now_ms).most
                span = span.narrow(None, max(most, 0), circuit.id)
    return span


class Room(NamedTuple):
    """``most`` may be drawn (mA); ``proven`` when every phase was measured."""

    most: int
    proven: bool


def headroom(
    circuit: Circuit, feed: Feed, image: Image, before: Sequence[TargetState], last: int | None, now_ms: int
) -> Room:
    """What ``feed`` may draw on each of its phases (mA) so that no conductor of the circuit exceeds its fuse.

    What other feeds have been promised but do not draw yet is counted as drawn, so two chargers never share one gap.
    A phase whose meter says nothing is counted as full; then ``blind`` is left, and never more than was there ``last``.
    """
    rooms = [
        _phase_room(circuit, feed, position, image, before, now_ms)
        for position in range(len(circuit.phases))
        if position not in feed.absent
    ]
    known = [room for room in rooms if room is not None]
    if len(known) == len(rooms):
        return Room(min(known), True)
    return Room(min([_blind(circuit.blind, last), *known]), False)


def _phase_room(
    circuit: Circuit, feed: Feed, position: int, image: Image, before: Sequence[TargetState], now_ms: int
) -> int | None:
    flow = measured(circuit.phases[position], image, now_ms)
    if flow is None:
        return None
    own = drawn(feed, position, image, now_ms)
    promised = sum(
        max((before[other.target].output or 0) - drawn(other, position, image, now_ms), 0)
        for other in circuit.feeds
        if other.target != feed.target and position not in other.absent
    )
    room = circuit.fuse - circuit.margin - flow + own - promised
    if circuit.asymmetry is None:
        return room
    others = [measured(phase, image, now_ms) for at, phase in enumerate(circuit.phases) if at != position]
    known = [other for other in others if other is not None]
    if len(known) < len(others):
        return None
    return min(room, circuit.asymmetry - (flow - min(known, default=flow)) + own - promised)


def measured(phase: Phase, image: Image, now_ms: int) -> int | None:
    """The current of a conductor (mA), import positive; None when it is not known."""
    current = read(phase.current, image, now_ms)
    if current is None or phase.power is None:
        return current
    power = read(phase.power, image, now_ms)
    if power is None:
        return None
    return -current if power < 0 else current


def drawn(feed: Feed, position: int, image: Image, now_ms: int) -> int:
    """What a feed is known to draw on a phase (mA); what is not known counts as nothing, which leaves less room."""
    source = feed.own[position]
    return (read(source, image, now_ms) or 0) if source else 0
