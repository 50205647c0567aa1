"""What changed in a cycle, said for people and for the journal. Reads two states; decides nothing."""

from __future__ import annotations

from collections.abc import Iterator

from supervisor.kernel.event import Event, EventKind
from supervisor.kernel.plan import MODES, Plan
from supervisor.kernel.question import NO, YES
from supervisor.kernel.signal import Unit, shown
from supervisor.kernel.state import State, TargetState
from supervisor.kernel.tell_mains import supplies
from supervisor.kernel.trip import Rule, Trip


def changes(plan: Plan, before: State, after: State, now_ms: int) -> Iterator[Event]:
    """Every difference worth an event, in a fixed order: house, devices, rows, identities, targets."""
    if after.house.state != before.house.state:
        text = f"{MODES[before.house.state]} -> {MODES[after.house.state]}"
        yield Event(now_ms, EventKind.HOUSE, "house", text)
    for device, was, now in zip(plan.devices, before.devices, after.devices, strict=True):
        if now.state != was.state:
            yield Event(
                now_ms,
                EventKind.MACHINE,
                device.id,
                f"{device.table.states[was.state]} -> {device.table.states[now.state]}",
            )
    for rule, was_trip, trip in zip(plan.rules, before.trips, after.trips, strict=True):
        if trip is not was_trip and trip.cause is not was_trip.cause:
            yield _trip(rule, trip, now_ms)
    states = plan.orchestrator.states
    for identity, was_there, there in zip(plan.identities, before.orchestrators, after.orchestrators, strict=True):
        if there.machine.state != was_there.machine.state:
            text = f"{states[was_there.machine.state]} -> {states[there.machine.state]}"
            yield Event(now_ms, EventKind.IDENTITY, identity.name, text)
    yield from _targets(plan, before, after, now_ms)
    yield from _changeovers(plan, before, after, now_ms)
    yield from supplies(plan, before, after, now_ms)


def _trip(rule: Rule, trip: Trip, now_ms: int) -> Event:
    if trip.cause is NO:
        return Event(now_ms, EventKind.CLEARED, rule.id, "no longer acts")
    reason = "its condition holds" if trip.cause is YES else "its condition cannot be known"
    text = f"acts because {reason}: {rule.why}"
    if trip.repeated:
        text += f" (trip {len(trip.recent)} within {shown(rule.repeats_ms, Unit.TIME)}: only a local reset ends it now)"
    return Event(now_ms, EventKind.TRIP, rule.id, text)


def _targets(plan: Plan, before: State, after: State, now_ms: int) -> Iterator[Event]:
    for target, was, now in zip(plan.targets, before.targets, after.targets, strict=True):
        if now.machine is not None and was.machine is not None and now.machine.state != was.machine.state:
            text = f"{plan.contactor.states[was.machine.state]} -> {plan.contactor.states[now.machine.state]}"
            yield Event(now_ms, EventKind.MACHINE, target.id, text)
        if now.output != was.output:
            text = f"{_said(was.output, target.unit)} -> {_said(now.output, target.unit)}"
            yield Event(now_ms, EventKind.OUTPUT, target.id, text)
        if _hunts(now) != _hunts(was):
            text = "goes up and down too often; until it is calm it relaxes late and slowly"
            text = text if _hunts(now) else "is calm again"
            yield Event(now_ms, EventKind.HUNTING, target.id, text)
        if now.astray != was.astray:
            text = "does not show what it was told" if now.astray else "shows what it was told again"
            yield Event(now_ms, EventKind.READBACK, target.id, text)


def _hunts(at: TargetState) -> bool:
    return at.swings is not None and at.swings.hunting


def _said(value: int | None, unit: Unit) -> str:
    return "nothing" if value is None else shown(value, unit)


def _changeovers(plan: Plan, before: State, after: State, now_ms: int) -> Iterator[Event]:
    for changeover, was, now in zip(plan.changeovers, before.switches, after.switches, strict=True):
        states, places = plan.changeover.states, changeover.places
        if (now.machine.state, now.at, now.goal) != (was.machine.state, was.at, was.goal):
            way = places[now.at].name if now.at == now.goal else f"{places[now.at].name} to {places[now.goal].name}"
            text = f"{states[was.machine.state]} -> {states[now.machine.state]} ({way})"
            yield Event(now_ms, EventKind.CHANGEOVER, changeover.id, f"{text}: {now.reason}" if now.reason else text)
        elif now.reason and now.reason != was.reason:
            yield Event(now_ms, EventKind.CHANGEOVER, changeover.id, now.reason)
