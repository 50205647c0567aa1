"""What changed in the supply, said for people: meters lost and trusted, fuses warm and hot, the operator's limit."""

from __future__ import annotations

from collections.abc import Iterator

from supervisor.kernel.event import Event, EventKind
from supervisor.kernel.grid import budget
from supervisor.kernel.heat import COOL, STAGES
from supervisor.kernel.mains import Circuit, Watched
from supervisor.kernel.plan import Plan
from supervisor.kernel.signal import Unit, shown
from supervisor.kernel.state import State

EXCESS = ".excess"  # behind a circuit's id: somebody draws more there than he was told


def supplies(plan: Plan, before: State, after: State, now_ms: int) -> Iterator[Event]:
    """The events of all circuits, then those of the grid operator."""
    for circuit, was, now in zip(plan.circuits, before.proven.circuits, after.proven.circuits, strict=True):
        if now != was:
            yield from _circuit(circuit, was, now, now_ms)
            yield from _excesses(plan, circuit, was, now, now_ms)
    yield from _operator(plan, before, after, now_ms)


def _circuit(circuit: Circuit, was: Watched, now: Watched, now_ms: int) -> Iterator[Event]:
    for phase, (old, new) in enumerate(zip(was.heats, now.heats, strict=True), 1):
        if circuit.curve is not None and new.stage != old.stage:
            kind = EventKind.TRIP if new.stage > old.stage else EventKind.CLEARED
            what = f"phase {phase}: the fuse is {STAGES[new.stage]}"
            why = f" after {shown((new.share or 0) * circuit.fuse // 1000, Unit.CURRENT)}: {circuit.curve.why}"
            yield Event(now_ms, kind, circuit.curve.id, what + (why if new.stage != COOL else ""))
    trusted = [all(at.trusted for at in watched.sights) for watched in (was, now)]
    if trusted[0] and not trusted[1]:
        text = "its meter is not believed" if now.lies else "its meter says nothing"
        yield Event(now_ms, EventKind.TRIP, circuit.id, f"{text}, so it counts as full: {circuit.why}")
    elif trusted[1] and not trusted[0]:
        yield Event(now_ms, EventKind.CLEARED, circuit.id, "its meter is trusted")


def _excesses(plan: Plan, circuit: Circuit, was: Watched, now: Watched, now_ms: int) -> Iterator[Event]:
    """Who begins and who ends drawing more than he was told; that it becomes more or less is told by ``explain``."""
    for feed, old, new in zip(circuit.feeds, was.excesses, now.excesses, strict=True):
        if bool(old.amount) != bool(new.amount):
            name = plan.targets[feed.target].id
            kind, text = EventKind.CLEARED, f"{name} no longer draws more than it was told"
            if new.amount:
                much = f"{shown(new.amount, Unit.CURRENT)} more than it was told, so that much less is left for it"
                kind, text = EventKind.TRIP, f"{name} draws {much}: {circuit.why}"
            yield Event(now_ms, kind, f"{circuit.id}{EXCESS}", text)


def _operator(plan: Plan, before: State, after: State, now_ms: int) -> Iterator[Event]:
    if plan.grid is None or before.proven.grid is None or after.proven.grid is None:
        return
    if (export := plan.grid.export) is not None:
        was, now = before.proven.grid.export.trusted, after.proven.grid.export.trusted
        if was and not now:
            text = f"the meter says nothing, so the generators may make {shown(export.blind, Unit.POWER)}: {export.why}"
            yield Event(now_ms, EventKind.TRIP, export.id, text)
        elif now and not was:
            yield Event(now_ms, EventKind.CLEARED, export.id, "the meter is trusted")
    old, new = before.proven.grid.input, after.proven.grid.input
    if (dimming := plan.grid.dimming) is not None and (old.machine.state, old.limit) != (new.machine.state, new.limit):
        states = plan.grid.lpc.states
        limit = budget(plan.grid, dimming, new)
        word = "no limit" if limit is None else f"at most {shown(limit, Unit.POWER)}"
        text = f"{states[old.machine.state]} -> {states[new.machine.state]}: {word}"
        yield Event(now_ms, EventKind.MACHINE, dimming.id, text)
