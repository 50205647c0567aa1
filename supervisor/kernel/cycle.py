"""One scan cycle, in order: the table of contents of the product.

``step`` is a function: the same plan, state, image, inbox and time give the same result, to the byte. It reads no
clock, opens nothing and keeps nothing. ``wake_ms`` says when something next changes by time alone; cycles before that
(with the same image and an empty inbox) would change nothing, so they may be skipped.
"""

from __future__ import annotations

import msgspec

from supervisor.kernel import arbitration, away, facts, hands, latch, machine, requests, tenure, trip
from supervisor.kernel.around import Around
from supervisor.kernel.event import Event
from supervisor.kernel.lease import Decision, Request, Verb
from supervisor.kernel.outputs import Outputs
from supervisor.kernel.plan import Plan
from supervisor.kernel.question import Image
from supervisor.kernel.sequence import drive
from supervisor.kernel.state import Orchestrator, State
from supervisor.kernel.tell import changes
from supervisor.kernel.wake import next_wake


class Result(msgspec.Struct, frozen=True, array_like=True):
    """What a cycle leaves behind: ``decisions`` answers the inbox one to one."""

    state: State
    outputs: Outputs
    events: tuple[Event, ...]
    decisions: tuple[Decision, ...]
    wake_ms: int


def step(
    plan: Plan, state: State, image: Image, inbox: tuple[Request, ...], now_ms: int, recording: bool = True
) -> Result:
    """One cycle at ``now_ms`` (monotonic ms, never before the state's own). ``recording``: the journal can take this
    cycle; while it cannot, nobody is granted more than he has (hazard H22)."""
    local = hands.look(plan, state, image, now_ms)
    orchestrators = _orchestrators(plan, state, inbox, now_ms)
    devices = tuple(
        machine.advance(device.table, at, facts.of_device(device, image, now_ms), now_ms)[0]
        for device, at in zip(plan.devices, state.devices, strict=True)
    )
    maintenance = local.state.maintenance
    word = facts.of_house(plan, state, orchestrators, maintenance, image, now_ms)
    house, _ = machine.advance(plan.house, state.house, word, now_ms)
    trips = tuple(
        trip.advance(rule, at, rule.question.ask(image, now_ms), local.reset, now_ms)
        for rule, at in zip(plan.rules, state.trips, strict=True)
    )
    spans, proven = arbitration.envelopes(
        plan, image, trips, state.targets, state.proven, state.switches, house.state, now_ms
    )
    desk = requests.Desk(plan, state, orchestrators, spans, image, house.state, now_ms, recording)
    latches = latch.Latches(plan, state, trips, maintenance, now_ms)
    desk.expire(tenure.shut(plan, trips, state, maintenance))
    for request in local.requests:
        desk.answer(request, local=True)
    decisions = tuple(
        latches.answer(request, recording) if request.verb is Verb.ACKNOWLEDGE else desk.answer(request)
        for request in inbox
    )
    around = Around(
        image, now_ms, house.state, spans, proven, arbitration.frozen(plan, trips), local.reset, maintenance
    )
    driven = drive(plan, away.kept(plan, desk.targets, house.state, now_ms), state.switches, around)
    after = State(
        now_ms=now_ms,
        cycle=state.cycle + 1,
        house=house,
        devices=devices,
        trips=latches.trips,
        targets=driven.targets,
        orchestrators=tuple(desk.orchestrators),
        proven=proven,
        switches=driven.switches,
        local=local.state,
        acknowledged=latches.acknowledged,
        asked=desk.asked,
    )
    events = (*local.events, *changes(plan, state, after, now_ms), *desk.events, *latches.events)
    return Result(after, driven.outputs, events, decisions, next_wake(plan, state, after, image, now_ms))


def _orchestrators(plan: Plan, state: State, inbox: tuple[Request, ...], now_ms: int) -> tuple[Orchestrator, ...]:
    """Each identity's machine, after who has been heard in this cycle."""
    return tuple(
        msgspec.structs.replace(
            o,
            machine=machine.advance(plan.orchestrator, o.machine, facts.of_orchestrator(plan, i, o, now_ms), now_ms)[0],
        )
        for i, o in zip(plan.identities, requests.hear(plan, state.orchestrators, inbox, now_ms), strict=True)
    )
